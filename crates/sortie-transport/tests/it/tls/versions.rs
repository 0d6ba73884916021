//! Versions of TLS, ALPN, and configurations of one's own.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use sortie_testkit::{CertificateAuthority, ServedVersions, ServerOptions, TlsSetup, reply};
use sortie_transport::tls::{Tls, TlsErrorKind, TlsVersion};
use sortie_transport::{Transport, TransportOptions, Versions};

use super::{asked, https, is_served, only, over, refusal, tls_error};
use crate::support::{fetch, get, trust};

#[tokio::test]
async fn a_version_that_is_not_allowed_is_not_spoken() {
    for (served, min, max, spoken) in [
        (ServedVersions::Both, TlsVersion::Tls12, TlsVersion::Tls13, Some("TLSv1.3")),
        (ServedVersions::Both, TlsVersion::Tls12, TlsVersion::Tls12, Some("TLSv1.2")),
        (ServedVersions::Tls12, TlsVersion::Tls12, TlsVersion::Tls13, Some("TLSv1.2")),
        (ServedVersions::Tls12, TlsVersion::Tls13, TlsVersion::Tls13, None),
        (ServedVersions::Tls13, TlsVersion::Tls12, TlsVersion::Tls12, None),
    ] {
        let server = https(TlsSetup::new().versions(served));
        let tls = only(server.certificate_authority()).min_version(min).max_version(max).build().unwrap();
        match spoken {
            Some(version) => {
                let info = asked(&over(tls), &server).await;
                let tls = info.tls().unwrap();
                assert_eq!(tls.version(), Some(version));
                assert!(tls.cipher().is_some_and(|cipher| cipher.starts_with("TLS")));
                assert!(tls.key_exchange().is_some());
                assert_eq!((tls.server_name(), tls.alpn()), ("localhost", Some(&b"h2"[..])));
                assert_eq!(tls.peer_certificates().count(), 1);
            }
            None => assert_eq!(refusal(tls, &server).await.kind(), TlsErrorKind::NoCommonVersion),
        }
    }
}

/// A configuration of rustls that trusts the server, with this list for ALPN.
fn config(authority: &CertificateAuthority, alpn: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

#[tokio::test]
async fn the_protocol_is_the_one_that_alpn_agreed_upon_and_no_other_than_is_allowed() {
    let server = https(TlsSetup::new());
    let authority = server.certificate_authority();
    for (alpn, versions, agreed) in [
        (None, Versions::Auto, Ok(Some("h2"))),
        (None, Versions::Http1Only, Ok(Some("http/1.1"))),
        (Some(&["http/1.1"][..]), Versions::Auto, Ok(Some("http/1.1"))),
        (Some(&["h2", "http/1.1"]), Versions::Http1Only, Ok(Some("http/1.1"))),
        (Some(&["h2", "http/1.1"]), Versions::Http2Only, Ok(Some("h2"))),
        (Some(&["http/1.1"]), Versions::Http2Only, Err(TlsErrorKind::NoHttp2)),
        (Some(&["else"]), Versions::Auto, Err(TlsErrorKind::NoCommonProtocol)),
    ] {
        let built = match alpn {
            Some(alpn) => only(authority).alpn(alpn.iter().copied()),
            None => only(authority),
        };
        let given = Tls::from_config(Arc::new(config(authority, alpn.unwrap_or_default())));
        for tls in [built.build().unwrap(), given] {
            let transport = Transport::new(TransportOptions::default().tls(tls).versions(versions));
            match agreed {
                Ok(agreed) => {
                    let info = asked(&transport, &server).await;
                    assert_eq!(info.tls().unwrap().alpn(), agreed.map(str::as_bytes), "{alpn:?} {versions:?}");
                    let http2 = info.version() == http::Version::HTTP_2;
                    assert_eq!(http2, agreed == Some("h2"), "{alpn:?} {versions:?}");
                }
                Err(kind) => {
                    let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
                    assert_eq!(tls_error(&error).kind(), kind, "{alpn:?} {versions:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_empty_list_for_alpn_sends_none_and_http1_is_spoken() {
    let server = https(TlsSetup::new());
    let tls = only(server.certificate_authority()).alpn(Vec::<Vec<u8>>::new()).build().unwrap();
    let info = asked(&over(tls), &server).await;
    assert_eq!((info.tls().unwrap().alpn(), info.version()), (None, http::Version::HTTP_11));
}

#[tokio::test]
async fn a_cipher_that_nobody_else_speaks_is_told_apart() {
    let server = https(TlsSetup::new().versions(ServedVersions::Tls12));
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // The server's certificate is one for ECDSA.
    provider.cipher_suites = vec![rustls::crypto::aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    let mut roots = RootCertStore::empty();
    roots.add(server.certificate_authority().der().clone()).unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&rustls::version::TLS12]);
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let error = refusal(Tls::from_config(Arc::new(config)), &server).await;
    assert_eq!(error.kind(), TlsErrorKind::NoCommonCipher);
}

#[tokio::test]
async fn a_server_without_a_common_application_protocol_is_no_http2_server() {
    let tls = TlsSetup::new().alpn(["http/1.1"]);
    let server = ServerOptions::new().tls(tls).serve_fn(async |_| reply(200, [], "hello"));
    let options = TransportOptions::default().tls(trust(&server)).versions(Versions::Http2Only);
    let error = fetch(&Transport::new(options), get(server.url("/"))).await.unwrap_err();
    assert_eq!(tls_error(&error).kind(), TlsErrorKind::NoHttp2);
    assert!(is_served(trust(&server), &server).await);
}

#[test]
fn two_handles_of_one_configuration_are_two_policies() {
    let authority = CertificateAuthority::new();
    let config = Arc::new(config(&authority, &[]));
    let [one, other] = [Tls::from_config(config.clone()), Tls::from_config(config)];
    let same = one.clone();
    assert_ne!(format!("{one:?}"), format!("{other:?}"));
    assert_eq!(format!("{one:?}"), format!("{same:?}"));
}
