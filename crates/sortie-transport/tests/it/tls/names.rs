//! The name that the server is told and its certificate is checked for.

use sortie_testkit::{CertificateAuthority, TlsSetup};
use sortie_transport::tls::TlsErrorKind;

use super::{asked, https, is_served, only, over, refusal, showing, tls_error};
use crate::support::{fetch, get};

#[tokio::test]
async fn a_server_is_asked_at_an_address_under_its_name() {
    let authority = CertificateAuthority::new();
    let server = https(TlsSetup::new().authority(authority.clone()).names(["api.test"]));
    let url = format!("https://{}/", server.addr());
    let tls = || only(&authority).server_name("api.test");
    assert_eq!(fetch(&over(tls().build().unwrap()), get(&url)).await.unwrap(), "hello");
    assert_eq!(fetch(&over(tls().sni(false).build().unwrap()), get(&url)).await.unwrap(), "hello");
    let told: Vec<_> = server.tls_peers().into_iter().map(|peer| peer.server_name).collect();
    assert_eq!(told, [Some("api.test".to_owned()), None]);
    // `Host` is the URI's.
    for head in server.requests() {
        assert_eq!(head.uri.authority().map(ToString::to_string), Some(server.addr().to_string()));
    }

    let error = fetch(&over(only(&authority).build().unwrap()), get(&url)).await.unwrap_err();
    assert_eq!(
        (tls_error(&error).kind(), tls_error(&error).server_name()),
        (TlsErrorKind::WrongName, Some("127.0.0.1"))
    );
}

#[tokio::test]
async fn a_wildcard_is_for_one_label() {
    let authority = CertificateAuthority::new();
    let server = showing(&authority, authority.issue(["*.api.test"]));
    for (name, good) in [("eu.api.test", true), ("EU.api.test", true), ("api.test", false), ("a.eu.api.test", false)] {
        let tls = only(&authority).server_name(name).build().unwrap();
        if good {
            assert!(is_served(tls, &server).await, "{name}");
        } else {
            let error = refusal(tls, &server).await;
            assert_eq!((error.kind(), error.server_name()), (TlsErrorKind::WrongName, Some(name)));
        }
    }
}

/// aiohttp #12835: the name is a part of the connection's identity.
#[tokio::test]
async fn two_names_never_share_a_connection() {
    let authority = CertificateAuthority::new();
    let server = showing(&authority, authority.issue(["a.test", "b.test"]));
    let named = |name| only(&authority).server_name(name).build().unwrap();
    let transport = over(named("a.test"));
    let [a, b] = [transport.clone(), transport.with_tls(named("b.test"))];
    let ids = [asked(&a, &server).await.id(), asked(&b, &server).await.id(), asked(&a, &server).await.id()];
    assert!(ids[0] != ids[1] && ids[0] == ids[2], "{ids:?}");
    let told: Vec<_> = server.tls_peers().into_iter().filter_map(|peer| peer.server_name).collect();
    assert_eq!(told, ["a.test", "b.test"]);
}

#[tokio::test]
async fn a_host_that_no_certificate_could_be_for_is_an_error_before_the_handshake() {
    let authority = CertificateAuthority::new();
    let server = https(TlsSetup::new().authority(authority.clone()));
    let stream = server.addr();
    let options = sortie_transport::TransportOptions::default().tls(only(&authority).build().unwrap());
    let transport =
        sortie_transport::Transport::new(options.connector(move |_| tokio::net::TcpStream::connect(stream)));
    let error = fetch(&transport, get("https://a_b..c/")).await.unwrap_err();
    let error = tls_error(&error);
    assert_eq!((error.kind(), error.server_name()), (TlsErrorKind::InvalidName, Some("a_b..c")));
}
