use std::sync::Arc;

use rustls::ServerConfig;
use sortie_testkit::{Certificate, CertificateAuthority};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::TlsAcceptor;

use super::{Tls, TlsOptions};
use crate::options::Versions;

fn acceptor(certificate: &Certificate) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(super::config::provider().expect("one is compiled in"));
    let config = config.with_safe_default_protocol_versions().expect("it has suites").with_no_client_auth();
    let chain = certificate.chain().cloned().collect();
    let config = config.with_single_cert(chain, certificate.key_der()).expect("the key is the certificate's");
    TlsAcceptor::from(Arc::new(config))
}

fn trusting(authority: &CertificateAuthority) -> Tls {
    TlsOptions::default().only_roots([authority.der().to_vec()]).build().expect("it is a certificate")
}

/// Within a TLS connection to a proxy, another one to the origin.
#[tokio::test]
async fn tls_goes_over_tls() {
    let (outer, inner) = (CertificateAuthority::new(), CertificateAuthority::new());
    let (near, far) = duplex(1 << 16);
    let (proxy, origin) = (acceptor(&outer.issue(["proxy.test"])), acceptor(&inner.issue(["origin.test"])));
    let server = tokio::spawn(async move {
        let mut stream = origin.accept(proxy.accept(far).await.unwrap()).await.unwrap();
        let mut question = [0; 4];
        stream.read_exact(&mut question).await.unwrap();
        stream.write_all(&question).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let (stream, info) = trusting(&outer).connect("proxy.test", Versions::Http1Only, near).await.unwrap();
    assert_eq!(info.server_name(), "proxy.test");
    let (mut stream, info) = trusting(&inner).connect("origin.test", Versions::Auto, stream).await.unwrap();
    assert_eq!(info.server_name(), "origin.test");
    stream.write_all(b"ping").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"ping");
    server.await.unwrap();
}

#[tokio::test]
async fn a_peer_that_breaks_off_is_an_error_of_the_handshake() {
    let (near, far) = duplex(1 << 16);
    drop(far);
    let authority = CertificateAuthority::new();
    let error = trusting(&authority).connect("a.test", Versions::Auto, near).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), super::TlsErrorKind::Handshake);
    assert!(std::error::Error::source(&error).is_some());
}
