//! The client's own certificate: shown, missing, foreign.

use http::Request;
use sortie_core::{Body, Outcome, PerRequest, Phase};
use sortie_testkit::{Certificate, CertificateAuthority, ProxyOptions, ServedVersions, TestServer, TlsSetup, reply};
use sortie_transport::proxy::{Proxies, Proxy};
use sortie_transport::tls::{Tls, TlsErrorKind};
use sortie_transport::{Transport, TransportOptions, Versions};

use super::{asked, client, https, identity, is_served, only, over, tls_error};
use crate::support::{fetch, get, read, send, trust};

fn demanding(clients: &CertificateAuthority, versions: ServedVersions) -> TestServer {
    https(TlsSetup::new().client_authority(clients.clone()).versions(versions))
}

fn showing(server: &TestServer, certificate: &Certificate) -> Tls {
    only(server.certificate_authority()).identity(identity(certificate)).build().unwrap()
}

#[tokio::test]
async fn a_client_certificate_is_shown_with_its_chain() {
    let clients = CertificateAuthority::new();
    for versions in [ServedVersions::Tls12, ServedVersions::Tls13] {
        for certificate in [client(&clients, "someone"), client(&clients.intermediate(), "someone")] {
            let server = demanding(&clients, versions);
            assert!(is_served(showing(&server, &certificate), &server).await, "{versions:?}");
            assert_eq!(server.tls_peers()[0].certificate.as_ref(), Some(certificate.der()));
        }
    }
}

#[tokio::test]
async fn no_certificate_is_shown_where_none_is_asked_for() {
    let clients = CertificateAuthority::new();
    let server = https(TlsSetup::new());
    assert!(is_served(showing(&server, &client(&clients, "someone")), &server).await);
    assert_eq!(server.tls_peers()[0].certificate, None);
}

/// With TLS 1.3 the server says so only after the handshake, with a request under way.
#[tokio::test]
async fn a_missing_and_a_foreign_certificate_are_told_apart_in_both_versions_of_tls_and_http() {
    let clients = CertificateAuthority::new();
    let foreign = client(&CertificateAuthority::new(), "someone");
    for tls_version in [ServedVersions::Tls12, ServedVersions::Tls13] {
        let server = demanding(&clients, tls_version);
        for http_version in [Versions::Http1Only, Versions::Http2Only] {
            for (tls, kind, says) in [
                (
                    trust(&server),
                    TlsErrorKind::ClientCertificateRequired,
                    "localhost requires a client certificate (TlsOptions::identity and cert_source give one)",
                ),
                (
                    showing(&server, &foreign),
                    TlsErrorKind::ClientCertificateRefused,
                    "localhost does not accept the client's certificate (TlsOptions::identity, cert_source)",
                ),
            ] {
                let transport = Transport::new(TransportOptions::default().tls(tls).versions(http_version));
                let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
                let context = format!("{tls_version:?} {http_version:?} {error:?}");
                assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }), "{context}");
                let error = tls_error(&error);
                assert_eq!((error.kind(), error.to_string().as_str()), (kind, says), "{context}");
            }
        }
        assert_eq!(server.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_proxy_that_demands_a_certificate_says_so_too() {
    let clients = CertificateAuthority::new();
    let server = https(TlsSetup::new());
    let plain = TestServer::from_fn(async |_| reply(200, [], "hello"));
    for versions in [ServedVersions::Tls12, ServedVersions::Tls13] {
        let setup = TlsSetup::new().client_authority(clients.clone()).versions(versions);
        let proxy = ProxyOptions::new().tls(setup).http();
        let to_proxy = only(proxy.certificate_authority()).build().unwrap();
        let by = Proxies::all(Proxy::new(proxy.url("https")).unwrap().tls(to_proxy));
        let transport = Transport::new(TransportOptions::default().tls(trust(&server)).proxies(by));
        for url in [server.url("/"), plain.url("/")] {
            let error = fetch(&transport, get(&url)).await.unwrap_err();
            assert!(matches!(Outcome::of(&*error), Some(Outcome::Connect { .. })), "{versions:?} {url} {error:?}");
            assert_eq!(tls_error(&error).kind(), TlsErrorKind::ClientCertificateRequired, "{versions:?} {url}");
        }
    }
}

#[tokio::test]
async fn two_identities_never_share_a_connection() {
    let clients = CertificateAuthority::new();
    let server = demanding(&clients, ServedVersions::Both);
    let (one, other) = (client(&clients, "one"), client(&clients, "other"));
    let transport = over(showing(&server, &one));
    let other_tls = showing(&server, &other);
    asked(&transport, &server).await;
    let request = Request::get(server.url("/")).extension(PerRequest::Use(other_tls.clone()));
    read(send(&transport, request.body(Body::empty()).unwrap()).await.unwrap()).await.unwrap();
    asked(&transport.with_tls(other_tls), &server).await;
    asked(&transport, &server).await;

    let shown: Vec<_> = server.tls_peers().into_iter().map(|peer| peer.certificate.unwrap()).collect();
    assert_eq!(shown, [one.der().clone(), other.der().clone()]);
    let connections: Vec<_> = server.requests().iter().map(|head| head.connection).collect();
    assert_eq!(connections, [0, 1, 1, 0]);
}

#[tokio::test]
async fn a_configuration_of_ones_own_says_the_same_of_its_certificate() {
    let clients = CertificateAuthority::new();
    let foreign = client(&CertificateAuthority::new(), "someone");
    let server = demanding(&clients, ServedVersions::Tls13);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.certificate_authority().der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    for (config, kind) in [
        (config.clone().with_no_client_auth(), TlsErrorKind::ClientCertificateRequired),
        (
            config.with_client_auth_cert(vec![foreign.der().clone()], foreign.key_der()).unwrap(),
            TlsErrorKind::ClientCertificateRefused,
        ),
    ] {
        let transport = over(Tls::from_config(std::sync::Arc::new(config)));
        let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
        assert_eq!(tls_error(&error).kind(), kind);
    }
}

#[tokio::test]
async fn an_identity_can_be_taken_back() {
    let clients = CertificateAuthority::new();
    let server = demanding(&clients, ServedVersions::Both);
    let options = only(server.certificate_authority()).identity(identity(&client(&clients, "someone")));
    let error = fetch(&over(options.identity(None).build().unwrap()), get(server.url("/"))).await.unwrap_err();
    assert_eq!(tls_error(&error).kind(), TlsErrorKind::ClientCertificateRequired);
}
