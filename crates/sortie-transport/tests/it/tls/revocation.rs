//! Lists of revoked certificates.

use sortie_testkit::{CertificateAuthority, RevocationList, Validity};
use sortie_transport::tls::{Revocation, TlsErrorKind};

use super::{Scratch, is_served, only, refusal, showing};

fn lists<'a>(lists: impl IntoIterator<Item = &'a RevocationList>) -> Revocation {
    Revocation::der(lists.into_iter().map(RevocationList::der))
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_another_of_its_issuer_is_not() {
    let authority = CertificateAuthority::new();
    let (revoked, good) = (authority.issue(["localhost"]), authority.issue(["localhost"]));
    let list = authority.revocation_list([&revoked], Validity::Now);
    let der = Scratch::with("list.crl", list.der());
    let pem = Scratch::with("list.pem", list.pem());
    for revocation in [
        lists([&list]),
        Revocation::pem(list.pem().as_bytes()).unwrap(),
        Revocation::file(&der.0).unwrap(),
        Revocation::file(&pem.0).unwrap(),
    ] {
        let tls = only(&authority).revocation(revocation).build().unwrap();
        let error = refusal(tls.clone(), &showing(&authority, revoked.clone())).await;
        let says = "the certificate of localhost has been revoked";
        assert_eq!((error.kind(), error.to_string().as_str()), (TlsErrorKind::Revoked, says));
        assert!(is_served(tls, &showing(&authority, good.clone())).await);
    }
}

#[tokio::test]
async fn a_status_that_no_list_tells_is_refused_unless_it_is_allowed() {
    let authority = CertificateAuthority::new();
    let below = authority.intermediate();
    let server = showing(&authority, below.issue(["localhost"]));
    let of_root = || authority.revocation_list([], Validity::Now);
    let of_issuer = || below.revocation_list([], Validity::Now);
    let overdue = || below.revocation_list([], Validity::Past);
    let unknown = Some(TlsErrorKind::UnknownRevocationStatus);
    for (revocation, refused) in [
        (lists([&of_root(), &of_issuer()]), None),
        (lists([&of_root()]).and(lists([&of_issuer()])), None),
        (lists([&of_issuer()]), unknown),
        (lists([&of_issuer()]).only_end_entity(true), None),
        (lists([&of_root()]), unknown),
        (lists([&of_root()]).only_end_entity(true), unknown),
        (lists([&of_root()]).allow_unknown(true), None),
        (lists([&of_root(), &overdue()]), unknown),
        (lists([&of_root(), &overdue()]).allow_expired(true), None),
    ] {
        let name = format!("{revocation:?}");
        let tls = only(&authority).revocation(revocation).build().unwrap();
        match refused {
            None => assert!(is_served(tls, &server).await, "{name}"),
            Some(kind) => assert_eq!(refusal(tls, &server).await.kind(), kind, "{name}"),
        }
    }
}

#[tokio::test]
async fn a_list_that_a_stranger_signed_tells_nothing() {
    let authority = CertificateAuthority::new();
    let stranger = CertificateAuthority::new();
    let server = showing(&authority, authority.issue(["localhost"]));
    let list = stranger.revocation_list([], Validity::Now);
    let tls = only(&authority).revocation(lists([&list])).build().unwrap();
    assert_eq!(refusal(tls, &server).await.kind(), TlsErrorKind::UnknownRevocationStatus);
}
