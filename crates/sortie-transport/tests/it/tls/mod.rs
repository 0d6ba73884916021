//! Whom the client trusts, who it is itself, and what it says when either goes wrong.

mod advisories;
mod identities;
mod names;
mod pins;
mod revocation;
mod rotation;
mod sessions;
mod setup;
mod trust;
mod versions;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Response;
use sortie_core::{BoxError, Outcome, Phase, find};
use sortie_testkit::{
    Certificate, CertificateAuthority, CertificateOptions, Purpose, ServerOptions, TestServer, TlsSetup, reply,
};
use sortie_transport::tls::{Identity, Tls, TlsError, TlsErrorKind, TlsOptions};
use sortie_transport::{ConnectionInfo, Pooled, Transport, TransportOptions};

use crate::support::{connection, fetch, get, read, send};

fn https(tls: TlsSetup) -> TestServer {
    ServerOptions::new().tls(tls).serve_fn(async |_| reply(200, [], "hello"))
}

/// A server of `certificate`, with the two versions of HTTP or one of them.
fn showing(authority: &CertificateAuthority, certificate: Certificate) -> TestServer {
    https(TlsSetup::new().authority(authority.clone()).certificate(certificate))
}

fn over(tls: Tls) -> Transport {
    Transport::new(TransportOptions::default().tls(tls))
}

fn only(authority: &CertificateAuthority) -> TlsOptions {
    TlsOptions::default().only_roots([authority.der().to_vec()])
}

fn tls_error(error: &BoxError) -> &TlsError {
    find(&**error).unwrap_or_else(|| panic!("no TlsError in {error:?}"))
}

/// Asks the server once; the failure is one of the handshake.
async fn refusal(tls: Tls, server: &TestServer) -> TlsError {
    let error = fetch(&over(tls), get(server.url("/"))).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }), "{error:?}");
    tls_error(&error).clone()
}

async fn is_served(tls: Tls, server: &TestServer) -> bool {
    fetch(&over(tls), get(server.url("/"))).await.is_ok_and(|body| body == "hello")
}

/// The answer's connection, once its body is read, so that the connection is idle.
async fn asked(transport: &Transport, server: &TestServer) -> ConnectionInfo {
    let response: Response<Pooled> = send(transport, get(server.url("/"))).await.unwrap();
    let info = connection(&response).clone();
    read(response).await.unwrap();
    info
}

fn client(authority: &CertificateAuthority, name: &str) -> Certificate {
    authority.issue_with(CertificateOptions::new([name]).purpose(Purpose::Client))
}

fn identity(certificate: &Certificate) -> Identity {
    Identity::pem_parts(certificate.chain_pem().as_bytes(), certificate.key_pem().as_bytes()).unwrap()
}

/// A path for a file of the test's own, which is removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("sortie-{}-{number}-{name}", std::process::id())))
    }

    fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let scratch = Self::new(name);
        scratch.write(content);
        scratch
    }

    /// Replaces it as a whole, as those who renew certificates do.
    fn write(&self, content: impl AsRef<[u8]>) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, &self.0).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn kinds(errors: impl IntoIterator<Item = TlsError>) -> Vec<TlsErrorKind> {
    errors.into_iter().map(|error| error.kind()).collect()
}
