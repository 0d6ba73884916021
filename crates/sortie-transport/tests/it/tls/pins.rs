//! Public keys that have to be in the chain.

use sortie_testkit::{Certificate, CertificateAuthority, CertificateOptions};
use sortie_transport::tls::{TlsErrorKind, TlsOptions};

use super::{is_served, only, refusal, showing};

const NEVER: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The pins of what a server sends.
async fn presented(options: TlsOptions, server: &sortie_testkit::TestServer) -> Vec<String> {
    let error = refusal(options.pin("localhost", NEVER).unwrap().build().unwrap(), server).await;
    assert_eq!(error.kind(), TlsErrorKind::PinMismatch);
    error.presented_pins().iter().for_each(|pin| assert!(error.to_string().contains(pin), "{error}"));
    error.presented_pins().to_vec()
}

#[tokio::test]
async fn a_pin_is_met_by_any_certificate_of_the_chain() {
    let authority = CertificateAuthority::new();
    let server = showing(&authority, authority.intermediate().issue(["localhost"]));
    let pins = presented(only(&authority), &server).await;
    assert_eq!(pins.len(), 2);
    for pin in &pins {
        for pattern in ["localhost", "LOCALHOST", "**.localhost"] {
            let options = only(&authority).pin(pattern, NEVER).unwrap().pin(pattern, pin).unwrap();
            assert!(is_served(options.build().unwrap(), &server).await, "{pattern} {pin}");
        }
    }
    // The root is not sent, and known all the same. A server that sends it tells its pin.
    let root = Certificate::self_signed(CertificateOptions::new(["localhost"]));
    let of_root = presented(TlsOptions::default().only_roots([root.der().to_vec()]), &showing(&authority, root)).await;
    assert_eq!(of_root.len(), 1);
}

#[tokio::test]
async fn the_pin_of_a_root_that_is_not_sent_counts() {
    let authority = CertificateAuthority::new();
    let below = authority.intermediate();
    // With the intermediate for a root, its certificate is the one that need not be sent.
    let pins = presented(only(&authority), &showing(&authority, below.issue(["localhost"]))).await;
    let server = showing(&authority, below.issue(["localhost"]).without_chain());
    let options = only(&below).pin("localhost", &pins[1]).unwrap();
    assert!(is_served(options.build().unwrap(), &server).await);
}

#[tokio::test]
async fn a_pin_for_other_names_does_not_matter_and_no_pin_replaces_the_verification() {
    let authority = CertificateAuthority::new();
    let server = showing(&authority, authority.issue(["localhost"]));
    for pattern in ["other.test", "*.localhost"] {
        let options = only(&authority).pin(pattern, NEVER).unwrap();
        assert!(is_served(options.build().unwrap(), &server).await, "{pattern}");
    }
    let pins = presented(only(&authority), &server).await;
    let stranger = only(&CertificateAuthority::new()).pin("localhost", &pins[0]).unwrap();
    assert_eq!(refusal(stranger.build().unwrap(), &server).await.kind(), TlsErrorKind::UnknownIssuer);
}

#[tokio::test]
async fn with_any_certificate_accepted_the_pin_is_what_is_trusted() {
    let authority = CertificateAuthority::new();
    let own = Certificate::self_signed(CertificateOptions::new(["device"]));
    let server = showing(&authority, own);
    let any = || TlsOptions::default().danger().accept_invalid_certificates();
    let pins = presented(any(), &server).await;
    assert!(is_served(any().pin("localhost", &pins[0]).unwrap().build().unwrap(), &server).await);
    let other = showing(&authority, Certificate::self_signed(CertificateOptions::new(["device"])));
    let error = refusal(any().pin("localhost", &pins[0]).unwrap().build().unwrap(), &other).await;
    assert_eq!(error.kind(), TlsErrorKind::PinMismatch);
}
