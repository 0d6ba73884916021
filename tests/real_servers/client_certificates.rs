//! Client certificates, as nginx demands them.

use std::fs;
use std::path::PathBuf;

use sortie::transport::tls::{CertSource, Identity, Tls, TlsError, TlsErrorKind, TlsOptions};
use sortie::{RequestBuilder, Session};
use sortie_testkit::{Certificate, CertificateAuthority, CertificateOptions, Purpose, told};

use crate::nginx::Nginx;

fn client(authority: &CertificateAuthority) -> Certificate {
    authority.issue_with(CertificateOptions::new(["client.test"]).purpose(Purpose::Client))
}

fn identity(certificate: &Certificate) -> Identity {
    Identity::pem_parts(certificate.chain_pem().as_bytes(), certificate.key_pem().as_bytes()).unwrap()
}

fn trusting(nginx: &Nginx) -> TlsOptions {
    TlsOptions::default().only_roots_pem(nginx.authority.pem().as_bytes()).unwrap()
}

fn showing(nginx: &Nginx, certificate: &Certificate) -> Tls {
    trusting(nginx).identity(identity(certificate)).build().unwrap()
}

fn get(session: &Session, nginx: &Nginx) -> RequestBuilder {
    session.get(format!("https://localhost:{}/", nginx.clients))
}

/// The certificate that nginx saw, in PEM.
async fn seen(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let text = response.text().await.unwrap();
    let (_, pem) = url::form_urlencoded::parse(text.as_bytes()).next().unwrap();
    pem.replace("\r\n", "\n")
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn each_request_shows_its_identity_and_no_other() {
    let nginx = Nginx::start();
    let [alice, bob] = [(); 2].map(|()| client(&nginx.authority));
    let session = Session::builder().no_env().tls(showing(&nginx, &alice)).build().unwrap();
    let as_bob = showing(&nginx, &bob);
    for _ in 0..2 {
        assert_eq!(seen(get(&session, &nginx)).await, alice.pem().replace("\r\n", "\n"));
        assert_eq!(seen(get(&session, &nginx).tls(as_bob.clone())).await, bob.pem().replace("\r\n", "\n"));
    }
    assert_eq!(session.transport().unwrap().stats().opened, 2);
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn files_that_change_are_shown_by_new_connections_and_end_the_old_ones() {
    let nginx = Nginx::start();
    let [old, new] = [(); 2].map(|()| client(&nginx.authority));
    let [chain, key]: [PathBuf; 2] = ["client.pem", "client.key"].map(|name| nginx.folder.join(name));
    let write = |certificate: &Certificate| {
        fs::write(&key, certificate.key_pem()).unwrap();
        fs::write(&chain, certificate.pem()).unwrap();
    };
    write(&old);
    let tls = trusting(&nginx).cert_source(CertSource::files(&chain, &key)).build().unwrap();
    let session = Session::builder().no_env().tls(tls.clone()).build().unwrap();
    assert_eq!(seen(get(&session, &nginx)).await, old.pem().replace("\r\n", "\n"));
    write(&new);
    tls.reload().await.unwrap();
    assert_eq!(seen(get(&session, &nginx)).await, new.pem().replace("\r\n", "\n"));
    assert_eq!(session.transport().unwrap().stats().opened, 2);
}

// nginx finishes the handshake whatever the client shows, and says 400 over HTTP where the certificate is missing or
// does not verify: the client cannot tell that from any other answer.
#[tokio::test]
#[ignore = "needs nginx"]
async fn none_a_foreign_one_and_a_revoked_one_are_refused() {
    let nginx = Nginx::start();
    let foreign = client(&CertificateAuthority::new());
    for (who, tls) in [
        ("nobody", trusting(&nginx).build().unwrap()),
        ("a foreign one", showing(&nginx, &foreign)),
        ("a revoked one", showing(&nginx, &nginx.revoked)),
    ] {
        let session = Session::builder().no_env().tls(tls).build().unwrap();
        assert_eq!(get(&session, &nginx).send().await.unwrap().status(), 400, "{who}");
    }
    let client = client(&nginx.authority);
    let untrusting = TlsOptions::default().only_roots_pem(CertificateAuthority::new().pem().as_bytes()).unwrap();
    let tls = untrusting.identity(identity(&client)).build().unwrap();
    let error = get(&Session::builder().no_env().tls(tls).build().unwrap(), &nginx).send().await.unwrap_err();
    assert_eq!(sortie::core::find::<TlsError>(&error).unwrap().kind(), TlsErrorKind::UnknownIssuer);
}
