//! How do I show a client certificate (mutual TLS), and renew it while the program runs?

use std::fs;
use std::path::PathBuf;

use sortie::transport::tls::{CertSource, Identity, TlsError, TlsOptions};
use sortie::{BoxError, Mount, Session};
use sortie_testkit::{
    Certificate, CertificateAuthority, CertificateOptions, Purpose, ServerOptions, TestServer, TlsSetup, reply,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let authority = CertificateAuthority::new();
    let server = server(&authority);
    let trusting = || TlsOptions::default().only_roots_pem(authority.pem().as_bytes());

    // From memory, for one prefix: what else the session asks never sees it.
    let ada = issue(&authority, "ada");
    let identity = Identity::pem_parts(ada.pem().as_bytes(), ada.key_pem().as_bytes())?;
    let billing = Mount::new().tls(trusting()?.identity(identity).build()?);
    let session = Session::builder().tls(trusting()?.build()?).mount(&*server.url("/"), billing).no_env().build()?;
    let response = session.get(server.url("/invoices")).send().await?.error_for_status()?;
    let agreed = response.connection().and_then(|connection| connection.tls()).ok_or("it came over TLS")?;
    println!("as ada, over {}: {}", agreed.version().unwrap_or("?"), response.status());

    // Without one, the server refuses the connection, and the error says why.
    let nobody = Session::builder().tls(trusting()?.build()?).no_retry().no_env().build()?;
    let error = nobody.get(server.url("/invoices")).send().await.err().ok_or("the server asks for a certificate")?;
    let tls: &TlsError = sortie::core::find(&error).ok_or("it is an error of TLS")?;
    println!("as nobody: {tls}");

    // From files that another program renews: new connections show the new certificate, the old ones are retired.
    let files = Files::new()?;
    files.write(&issue(&authority, "bob"))?;
    let tls = trusting()?.cert_source(CertSource::files(&files.chain, &files.key)).build()?;
    let session = Session::builder().tls(tls.clone()).no_env().build()?;
    for round in ["first", "renewed"] {
        session.get(server.url("/invoices")).send().await?.error_for_status()?.bytes().await?;
        let seen = server.tls_peers().pop().and_then(|peer| peer.certificate).map(|certificate| certificate.to_vec());
        assert_eq!(seen.as_deref(), files.certificate()?.as_deref());
        println!("as bob, {round} certificate: seen by the server");
        files.write(&issue(&authority, "bob"))?;
        // It looks every few seconds by itself.
        tls.reload().await?;
    }
    Ok(())
}

/// Demands a certificate of the authority's.
fn server(authority: &CertificateAuthority) -> TestServer {
    let tls = TlsSetup::new().authority(authority.clone()).client_authority(authority.clone());
    ServerOptions::new().tls(tls).serve_fn(async |_| reply(200, [], "3 invoices"))
}

fn issue(authority: &CertificateAuthority, name: &str) -> Certificate {
    authority.issue_with(CertificateOptions::new([name]).purpose(Purpose::Client))
}

/// A certificate and its key on disk, in a folder that is gone with this value.
struct Files {
    folder: PathBuf,
    chain: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("sortie-example-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self { chain: folder.join("client.pem"), key: folder.join("client.key"), folder })
    }

    fn write(&self, certificate: &Certificate) -> std::io::Result<()> {
        fs::write(&self.key, certificate.key_pem())?;
        fs::write(&self.chain, certificate.pem())
    }

    /// The certificate that is there, in DER.
    fn certificate(&self) -> Result<Option<Vec<u8>>, TlsError> {
        let identity = Identity::files(&self.chain, &self.key)?;
        Ok(identity.certificates().next().map(<[u8]>::to_vec))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
