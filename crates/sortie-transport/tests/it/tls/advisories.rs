//! What others had to mend: one test each, by its identifier.

use http::Request;
use sortie_core::{Body, PerRequest};
use sortie_testkit::{CertificateAuthority, TlsSetup};
use sortie_transport::tls::{TlsErrorKind, TlsOptions};
use sortie_transport::{Transport, TransportOptions, Versions};

use super::{asked, https, only, over, refusal, showing, tls_error};
use crate::support::{fetch, get, trust};

/// CVE-2024-35195 (requests 2.32.0): `verify=False` stuck to the pooled connection.
#[tokio::test]
async fn what_one_request_does_not_verify_the_next_does() {
    let authority = CertificateAuthority::new();
    let server = showing(&authority, authority.issue_expired(["localhost"]));
    let unverified = TlsOptions::default().danger().accept_invalid_certificates().build().unwrap();
    let transport = over(trust(&server));
    let request = Request::get(server.url("/")).extension(PerRequest::Use(unverified.clone()));
    assert_eq!(fetch(&transport, request.body(Body::empty()).unwrap()).await.unwrap(), "hello");
    let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
    assert_eq!(tls_error(&error).kind(), TlsErrorKind::Expired);
    assert_eq!(server.connections(), 2);
    assert_eq!(asked(&transport.with_tls(unverified), &server).await.id(), 0);
}

/// The same by way of resumption: a session that began without verification is not resumed by who verifies.
#[tokio::test]
async fn a_session_that_was_not_verified_is_not_resumed_by_who_verifies() {
    let authority = CertificateAuthority::new();
    let server = showing(&authority, authority.issue_expired(["localhost"]));
    let unverified = TlsOptions::default().danger().accept_invalid_certificates().build().unwrap();
    let options = TransportOptions::default().versions(Versions::Http1Only).max_idle_per_origin(0);
    let transport = Transport::new(options.tls(unverified));
    asked(&transport, &server).await;
    assert!(asked(&transport, &server).await.tls().unwrap().is_resumed());
    let error = fetch(&transport.with_tls(trust(&server)), get(server.url("/"))).await.unwrap_err();
    assert_eq!(tls_error(&error).kind(), TlsErrorKind::Expired);
}

/// CVE-2019-11324 (urllib3 1.24.2): one's own roots were added to the system's, where they were to replace them.
#[tokio::test]
async fn roots_that_are_to_be_the_only_ones_replace_the_others() {
    let (before, only_one) = (CertificateAuthority::new(), CertificateAuthority::new());
    let server = showing(&before, before.issue(["localhost"]));
    let roots = || TlsOptions::default().extra_roots([before.der().to_vec()]);
    let replaced = roots().only_roots([only_one.der().to_vec()]).build().unwrap();
    assert_eq!(refusal(replaced, &server).await.kind(), TlsErrorKind::UnknownIssuer);
    let kept = only(&only_one).extra_roots([before.der().to_vec()]).build().unwrap();
    assert_eq!(fetch(&over(kept), get(server.url("/"))).await.unwrap(), "hello");
}

/// CVE-2016-2402 (OkHttp 3.1.2): a pin was met by a certificate that the server merely sent along.
#[tokio::test]
async fn a_certificate_that_certifies_nothing_of_the_chain_meets_no_pin() {
    let authority = CertificateAuthority::new();
    let pinned = authority.issue(["localhost"]);
    let never = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let tls = |pin: &str| only(&authority).pin("localhost", pin).unwrap().build().unwrap();
    let pin = refusal(tls(never), &showing(&authority, pinned.clone())).await.presented_pins()[0].clone();
    let server = showing(&authority, authority.issue(["localhost"]).with_more([&pinned]));
    let error = refusal(tls(&pin), &server).await;
    assert_eq!(error.kind(), TlsErrorKind::PinMismatch);
    assert!(error.presented_pins().contains(&pin));
}

/// RUSTSEC-2026-0098, -0099 (rustls-webpki): names were certified by an authority that may not.
#[tokio::test]
async fn an_authority_certifies_no_names_but_those_it_may() {
    let authority = CertificateAuthority::new();
    let limited = authority.intermediate_for("a.test");
    for (name, refused) in [("a.test", false), ("x.a.test", false), ("b.test", true), ("xa.test", true)] {
        let server = showing(&authority, limited.issue([name]));
        let tls = only(&authority).server_name(name).build().unwrap();
        let kind = match fetch(&over(tls), get(server.url("/"))).await {
            Ok(_) => None,
            Err(error) => Some(tls_error(&error).kind()),
        };
        assert_eq!(kind, refused.then_some(TlsErrorKind::NameConstraints), "{name}");
    }
}

/// The name is checked on the way to a server that an address was given for, as well (CVE-2021-28363, urllib3 1.26.4,
/// was the same for a proxy's name).
#[tokio::test]
async fn the_name_is_checked_at_whatever_address_the_server_is() {
    let server = https(TlsSetup::new().names(["a.test"]));
    let at = server.addr();
    let options = TransportOptions::default().tls(trust(&server));
    let transport = Transport::new(options.connector(move |_| tokio::net::TcpStream::connect(at)));
    assert_eq!(fetch(&transport, get("https://a.test/")).await.unwrap(), "hello");
    let error = fetch(&transport, get("https://b.test/")).await.unwrap_err();
    assert_eq!(tls_error(&error).kind(), TlsErrorKind::WrongName);
}

/// RUSTSEC-2026-0285 and RUSTSEC-2024-0336 (rustls), RUSTSEC-2026-0049, -0098, -0099 and -0104 (rustls-webpki), and the
/// authority that webpki-roots trusted before 1.0.10: the versions that have them mended, and none before.
#[test]
fn no_version_with_a_known_hole_is_used() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    for (name, least) in [("rustls", [0, 23, 45]), ("rustls-webpki", [0, 103, 13]), ("webpki-roots", [1, 0, 10])] {
        let packages = lock.split("[[package]]").filter(|package| package.contains(&format!("\nname = \"{name}\"\n")));
        let versions = packages.filter_map(|package| package.split("version = \"").nth(1)?.split('"').next());
        let versions: Vec<Vec<u32>> =
            versions.map(|version| version.split('.').filter_map(|part| part.parse().ok()).collect()).collect();
        assert!(!versions.is_empty(), "{name} is not in Cargo.lock");
        versions.iter().for_each(|version| assert!(version[..] >= least[..], "{name} {version:?}"));
    }
}
