//! A set of certificates like badssl.com's: bad ones are refused with their reason, good ones are accepted.

use sortie_testkit::{
    Certificate, CertificateAuthority, CertificateOptions, Purpose, TestServer, TlsSetup, Validity, reply,
};
use sortie_transport::Transport;
use sortie_transport::tls::{TlsErrorKind, TlsOptions};

use super::{Scratch, https, is_served, only, over, refusal, showing, tls_error};
use crate::support::{fetch, get, trust};

#[tokio::test]
async fn a_bad_certificate_is_refused_with_its_reason_and_its_name() {
    let authority = CertificateAuthority::new();
    let stranger = CertificateAuthority::new();
    let options = || CertificateOptions::new(["localhost"]);
    for (certificate, kind, says) in [
        (authority.issue_expired(["localhost"]), TlsErrorKind::Expired, "the certificate of localhost has expired"),
        (
            authority.issue_with(options().validity(Validity::Future)),
            TlsErrorKind::NotValidYet,
            "the certificate of localhost is not valid yet",
        ),
        (
            authority.issue(["other.test"]),
            TlsErrorKind::WrongName,
            "the certificate of the server is not for localhost (TlsOptions::server_name expects another name)",
        ),
        (
            stranger.issue(["localhost"]),
            TlsErrorKind::UnknownIssuer,
            "the certificate of localhost leads to no trusted root (TlsOptions::extra_roots trusts further ones)",
        ),
        (
            Certificate::self_signed(options()),
            TlsErrorKind::UnknownIssuer,
            "the certificate of localhost is self-signed and not among the trusted ones \
             (TlsOptions::extra_roots adds it)",
        ),
        (
            authority.intermediate().issue(["localhost"]).without_chain(),
            TlsErrorKind::UnknownIssuer,
            "the certificate of localhost leads to no trusted root (TlsOptions::extra_roots trusts further ones)",
        ),
        (
            authority.intermediate_for("other.test").issue(["localhost"]),
            TlsErrorKind::NameConstraints,
            "the certificate of localhost was issued by an authority that may not certify this name",
        ),
        (
            authority.issue_with(options().purpose(Purpose::Code)),
            TlsErrorKind::BadPurpose,
            "the certificate of localhost is not one for servers",
        ),
        (
            authority.issue_with(options().purpose(Purpose::Client)),
            TlsErrorKind::BadPurpose,
            "the certificate of localhost is not one for servers",
        ),
        (
            authority.issue_with(options().is_authority(true)),
            TlsErrorKind::BadPurpose,
            "the certificate of localhost is not one for servers",
        ),
    ] {
        let server = showing(&authority, certificate);
        let error = refusal(trust(&server), &server).await;
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, says));
        assert_eq!(error.server_name(), Some("localhost"));
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn a_good_certificate_is_accepted_whatever_its_form() {
    let authority = CertificateAuthority::new();
    let below = authority.intermediate();
    for certificate in [
        authority.issue(["localhost"]),
        authority.issue(["other.test", "localhost"]),
        below.issue(["localhost"]),
        below.intermediate().issue(["localhost"]),
        authority.intermediate_for("localhost").issue(["localhost"]),
        authority.issue_with(CertificateOptions::new(["localhost"]).rsa(true)),
    ] {
        let server = showing(&authority, certificate);
        assert!(is_served(trust(&server), &server).await);
    }
    // A certificate of one's own can be trusted by itself.
    let own = Certificate::self_signed(CertificateOptions::new(["localhost"]));
    let server = showing(&authority, own.clone());
    assert!(is_served(TlsOptions::default().only_roots([own.der().to_vec()]).build().unwrap(), &server).await);
}

#[tokio::test]
async fn an_address_is_a_name_too() {
    let server = https(TlsSetup::new().names(["127.0.0.1"]));
    assert!(is_served(trust(&server), &server).await);
    let server = https(TlsSetup::new().names(["localhost"]));
    let url = format!("https://{}/", server.addr());
    let error = fetch(&over(trust(&server)), get(url)).await.unwrap_err();
    assert_eq!(tls_error(&error).kind(), TlsErrorKind::WrongName);
}

#[tokio::test]
async fn the_platform_does_not_trust_a_strangers_server_and_an_extra_root_does() {
    let server = https(TlsSetup::new());
    let error = fetch(&Transport::default(), get(server.url("/"))).await.unwrap_err();
    // A machine without any roots cannot set the platform's verifier up at all, and says what to do.
    let kind = tls_error(&error).kind();
    assert!(matches!(kind, TlsErrorKind::UnknownIssuer | TlsErrorKind::Setup), "{kind:?}");

    let pem = server.certificate_authority().pem();
    let tls = TlsOptions::default().extra_roots_pem(pem.as_bytes()).unwrap().build().unwrap();
    assert!(is_served(tls, &server).await);
}

#[tokio::test]
async fn roots_are_read_from_files() {
    let authority = CertificateAuthority::new();
    let server = showing(&authority, authority.issue(["localhost"]));
    let both = format!("{}{}", CertificateAuthority::new().pem(), authority.pem());
    let file = Scratch::with("ca.pem", both);
    let only_these = TlsOptions::default().only_roots_file(&file.0).unwrap();
    let these_too = TlsOptions::default().extra_roots_file(&file.0).unwrap();
    for options in [only_these, these_too] {
        assert!(is_served(options.build().unwrap(), &server).await);
    }
}

#[cfg(feature = "webpki-roots")]
#[tokio::test]
async fn mozillas_roots_do_not_know_a_stranger_unless_told_to() {
    let authority = CertificateAuthority::new();
    let server = showing(&authority, authority.issue(["localhost"]));
    let mozillas = || TlsOptions::default().webpki_roots();
    assert_eq!(refusal(mozillas().build().unwrap(), &server).await.kind(), TlsErrorKind::UnknownIssuer);
    assert!(is_served(mozillas().extra_roots([authority.der().to_vec()]).build().unwrap(), &server).await);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_apart() {
    let server = TestServer::from_fn(async |_| reply(200, [], ""));
    let tls = only(&CertificateAuthority::new()).build().unwrap();
    let url = format!("https://{}/", server.addr());
    let error = fetch(&over(tls), get(url)).await.unwrap_err();
    let error = tls_error(&error);
    let says = "127.0.0.1 speaks no TLS on this port; is it one for plain http?";
    assert_eq!((error.kind(), error.to_string().as_str()), (TlsErrorKind::NotTls, says));
}

#[tokio::test]
async fn what_is_waived_is_not_verified_and_everything_else_is() {
    let authority = CertificateAuthority::new();
    let stranger = CertificateAuthority::new();
    let wrong_name = || authority.issue(["other.test"]);
    for (certificate, any_name, any_certificate) in [
        (wrong_name(), None, None),
        (authority.issue_expired(["other.test"]), Some(TlsErrorKind::Expired), None),
        (stranger.issue(["other.test"]), Some(TlsErrorKind::UnknownIssuer), None),
        (authority.issue(["localhost"]), None, None),
    ] {
        let server = showing(&authority, certificate);
        let of_any_name = only(&authority).danger().accept_invalid_hostnames().build().unwrap();
        let of_any_kind = only(&authority).danger().accept_invalid_certificates().build().unwrap();
        for (tls, refused) in [(of_any_name, any_name), (of_any_kind, any_certificate)] {
            match refused {
                None => assert!(is_served(tls, &server).await),
                Some(kind) => assert_eq!(refusal(tls, &server).await.kind(), kind),
            }
        }
    }
}
