use std::io;
use std::sync::Arc;

use axum::Router;
use http::{Request, Version};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sortie_core::Body;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{CertificateAuthority, ServedVersions, ServerOptions, TestServer, TlsSetup};

/// A handshake of a client that trusts the authority, offers these protocols, and wants this server.
async fn connect(
    server: &TestServer,
    trusted: &CertificateAuthority,
    alpn: &[&str],
    name: &'static str,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(server.addr()).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), stream).await
}

fn alpn(stream: &TlsStream<TcpStream>) -> Option<&str> {
    stream.get_ref().1.alpn_protocol().map(|protocol| std::str::from_utf8(protocol).unwrap())
}

#[tokio::test]
async fn the_client_and_the_server_agree_on_a_version() {
    let server = TestServer::https(Router::new().fallback(async || "ok"));
    let port = server.addr().port();
    assert_eq!(server.url("/a"), format!("https://localhost:{port}/a"));
    let request = || Request::get(server.url("/")).body(Body::empty()).unwrap();

    let stream = connect(&server, server.certificate_authority(), &["h2", "http/1.1"], "localhost").await.unwrap();
    assert_eq!(alpn(&stream), Some("h2"));
    let (mut h2, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(h2.send_request(request()).await.unwrap().status(), 200);

    let stream = connect(&server, server.certificate_authority(), &["http/1.1"], "127.0.0.1").await.unwrap();
    assert_eq!(alpn(&stream), Some("http/1.1"));
    let (mut h1, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(h1.send_request(request()).await.unwrap().status(), 200);

    let versions: Vec<_> = server.requests().iter().map(|head| (head.connection, head.version)).collect();
    assert_eq!(versions, [(0, Version::HTTP_2), (1, Version::HTTP_11)]);
}

#[tokio::test]
async fn the_server_offers_the_protocols_it_is_told_to() {
    let both = ["h2", "http/1.1"];
    for (offered, agreed) in [(&["http/1.1"][..], Some("http/1.1")), (&["h2"], Some("h2")), (&[], None)] {
        let tls = TlsSetup::new().alpn(offered.iter().copied());
        let server = ServerOptions::new().tls(tls).serve(Router::new());
        let stream = connect(&server, server.certificate_authority(), &both, "localhost").await.unwrap();
        assert_eq!(alpn(&stream), agreed);
    }
}

#[tokio::test]
async fn the_certificate_is_the_one_that_was_asked_for() {
    let authority = CertificateAuthority::new();
    let stranger = CertificateAuthority::new();
    let setup = || TlsSetup::new().authority(authority.clone());
    for (tls, name, refused) in [
        (setup(), "localhost", None),
        (setup().names(["api.test"]), "api.test", None),
        (setup().names(["*.api.test"]), "eu.api.test", None),
        (setup().names(["api.test"]), "localhost", Some("NotValidForName")),
        (setup().certificate(authority.issue(["other.test"])), "localhost", Some("NotValidForName")),
        (setup().certificate(authority.issue_expired(["localhost"])), "localhost", Some("Expired")),
        (setup().certificate(stranger.issue(["localhost"])), "localhost", Some("UnknownIssuer")),
        (TlsSetup::new(), "localhost", Some("UnknownIssuer")),
    ] {
        let server = ServerOptions::new().tls(tls).serve(Router::new());
        let error = connect(&server, &authority, &[], name).await.err().map(|error| format!("{error:?}"));
        match (&error, refused) {
            (None, None) => {}
            (Some(error), Some(reason)) if error.contains(reason) => {}
            _ => panic!("{name}: {error:?}, and not {refused:?}"),
        }
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn the_server_tells_what_it_came_to_know_of_its_clients() {
    let server = TestServer::https(Router::new());
    let trusted = server.certificate_authority();
    connect(&server, trusted, &["http/1.1"], "localhost").await.unwrap();
    connect(&server, trusted, &["http/1.1"], "127.0.0.1").await.unwrap();
    server.wait_for_open_connections(0).await;
    let peers = server.tls_peers();
    let names: Vec<_> = peers.iter().map(|peer| (peer.connection, peer.server_name.as_deref())).collect();
    assert_eq!(names, [(0, Some("localhost")), (1, None)]);
    assert!(peers.iter().all(|peer| peer.certificate.is_none() && !peer.is_resumed));
}

#[tokio::test]
async fn a_client_without_a_certificate_is_not_served_where_one_is_demanded() {
    for versions in [ServedVersions::Tls12, ServedVersions::Tls13] {
        let tls = TlsSetup::new().client_authority(CertificateAuthority::new()).versions(versions);
        let server = ServerOptions::new().tls(tls).serve(Router::new());
        let connected = connect(&server, server.certificate_authority(), &[], "localhost").await;
        // With TLS 1.3 the client learns of it when it reads.
        let read = async { connected?.read(&mut [0]).await };
        let error = read.await.map_err(|error| format!("{error:?}")).unwrap_err();
        assert!(error.contains("CertificateRequired"), "{versions:?}: {error}");
        assert!(server.tls_peers().is_empty());
    }
}

#[tokio::test]
async fn an_authority_below_another_is_trusted_with_its_chain_alone() {
    let authority = CertificateAuthority::new();
    let certificate = authority.intermediate().issue(["localhost"]);
    for (certificate, good) in [(certificate.clone(), true), (certificate.without_chain(), false)] {
        let server = ServerOptions::new().tls(TlsSetup::new().certificate(certificate)).serve(Router::new());
        assert_eq!(connect(&server, &authority, &[], "localhost").await.is_ok(), good);
    }
}

#[tokio::test]
async fn a_connection_is_cut_during_its_handshake_too() {
    let server = TestServer::https(Router::new());
    let mut silent = TcpStream::connect(server.addr()).await.unwrap();
    server.wait_for_open_connections(1).await;
    server.disconnect().await;
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
#[should_panic(expected = "a plain server has no certificate")]
async fn a_plain_server_has_no_authority() {
    let _ = TestServer::new(Router::new()).certificate_authority();
}

#[test]
fn a_certificate_is_the_same_in_both_encodings_and_its_key_is_not_in_its_debug() {
    let authority = CertificateAuthority::new();
    let certificate = authority.issue(["localhost"]);
    assert_eq!(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap(), *authority.der());
    assert_eq!(CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap(), *certificate.der());
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(certificate.key_pem().as_bytes()).unwrap();
    assert_eq!(key, certificate.key_der());
    assert_eq!(format!("{authority:?} {certificate:?}"), "CertificateAuthority { .. } Certificate { .. }");
}
