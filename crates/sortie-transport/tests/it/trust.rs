//! Certificates that are refused, and why.

use sortie_core::{Outcome, Phase, find};
use sortie_testkit::{CertificateAuthority, ServerOptions, TestServer, TlsSetup, reply};
use sortie_transport::tls::{Tls, TlsError, TlsErrorKind, TlsOptions};
use sortie_transport::{Transport, TransportOptions};

use crate::support::{fetch, get, trust, trusting};

fn https(tls: TlsSetup) -> TestServer {
    ServerOptions::new().tls(tls).serve_fn(async |_| reply(200, [], "hello"))
}

fn over(tls: Tls) -> Transport {
    Transport::new(TransportOptions::default().tls(tls))
}

#[tokio::test]
async fn a_bad_certificate_is_refused_with_its_reason_and_its_name() {
    let authority = CertificateAuthority::new();
    let stranger = CertificateAuthority::new();
    for (certificate, kind, says) in [
        (authority.issue_expired(["localhost"]), TlsErrorKind::Expired, "the certificate of localhost has expired"),
        (
            authority.issue(["other.test"]),
            TlsErrorKind::WrongName,
            "the certificate of the server is not for localhost",
        ),
        (
            stranger.issue(["localhost"]),
            TlsErrorKind::UnknownIssuer,
            "the certificate of localhost leads to no trusted root (TlsOptions::extra_roots trusts further ones)",
        ),
    ] {
        let server = https(TlsSetup::new().authority(authority.clone()).certificate(certificate));
        let error = fetch(&over(trust(&server)), get(server.url("/"))).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }), "{kind:?}");
        let error = find::<TlsError>(&*error).unwrap();
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, says));
        assert_eq!(error.server_name(), Some("localhost"));
    }
}

#[tokio::test]
async fn an_address_is_a_name_too() {
    let server = https(TlsSetup::new().names(["127.0.0.1"]));
    assert_eq!(fetch(&Transport::new(trusting(&server)), get(server.url("/"))).await.unwrap(), "hello");
    let server = https(TlsSetup::new().names(["localhost"]));
    let url = format!("https://{}/", server.addr());
    let error = fetch(&over(trust(&server)), get(url)).await.unwrap_err();
    assert_eq!(find::<TlsError>(&*error).map(TlsError::kind), Some(TlsErrorKind::WrongName));
}

#[tokio::test]
async fn the_platform_does_not_trust_a_strangers_server_and_an_extra_root_does() {
    let server = https(TlsSetup::new());
    let error = fetch(&Transport::default(), get(server.url("/"))).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }));
    // A machine without any roots cannot set the platform's verifier up at all, and says what to do.
    let kind = find::<TlsError>(&*error).map(TlsError::kind);
    assert!(matches!(kind, Some(TlsErrorKind::UnknownIssuer | TlsErrorKind::Setup)), "{kind:?}");

    let pem = server.certificate_authority().pem();
    let tls = TlsOptions::default().extra_roots_pem(pem.as_bytes()).unwrap().build().unwrap();
    assert_eq!(fetch(&over(tls), get(server.url("/"))).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_an_error_of_the_handshake() {
    let server = TestServer::from_fn(async |_| reply(200, [], ""));
    let url = format!("https://{}/", server.addr());
    let error = fetch(&Transport::default(), get(url)).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }));
    assert!(find::<TlsError>(&*error).is_some());
}

#[test]
fn roots_that_are_none_are_an_error_of_the_setup() {
    let garbage = TlsOptions::default().extra_roots([b"garbage"]).build();
    assert_eq!(garbage.unwrap_err().kind(), TlsErrorKind::Setup);
    assert!(TlsOptions::default().only_roots_pem(b"no PEM at all").is_err());
    assert!(TlsOptions::default().only_roots(Vec::<Vec<u8>>::new()).build().is_err());
}
