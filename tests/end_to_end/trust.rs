//! Whom a session, a mount and a request trust over https, and that no two policies share a connection.

use sortie::transport::tls::{Tls, TlsError, TlsErrorKind, TlsOptions};
use sortie::{ErrorKind, Mount, Response, Session};
use sortie_testkit::{CertificateAuthority, ServerOptions, TestServer, TlsSetup};

use crate::support::{builder, check, ok, redirect, trusting};

fn server() -> TestServer {
    ServerOptions::new().tls(TlsSetup::new()).serve_fn(async |_| ok())
}

fn right(server: &TestServer) -> Tls {
    trusting(server.certificate_authority()).build().unwrap()
}

/// Trusts an authority that certified nobody.
fn wrong() -> Tls {
    trusting(&CertificateAuthority::new()).build().unwrap()
}

fn blind() -> Tls {
    TlsOptions::default().danger().accept_invalid_certificates().build().unwrap()
}

fn id(response: &Response) -> u64 {
    response.connection().unwrap().id()
}

#[track_caller]
fn refused(error: &sortie::Error) {
    check(error, ErrorKind::Tls, "TlsOptions::extra_roots");
    assert_eq!(sortie::core::find::<TlsError>(error).unwrap().kind(), TlsErrorKind::UnknownIssuer);
}

#[tokio::test]
async fn the_request_beats_the_mount_and_the_mount_the_session() {
    let server = server();
    let url = server.url("/");
    let by_session = |tls| builder().tls(tls).build().unwrap();
    let by_mount = |tls| builder().tls(wrong()).mount(url.as_str(), Mount::new().tls(tls)).build().unwrap();
    refused(&by_session(wrong()).get(&url).send().await.unwrap_err());
    assert_eq!(by_session(right(&server)).get(&url).send().await.unwrap().status(), 200);
    let mounted = by_mount(right(&server));
    assert_eq!(mounted.get(&url).send().await.unwrap().status(), 200);
    refused(&mounted.get(&url).tls(wrong()).send().await.unwrap_err());
    assert_eq!(by_session(wrong()).get(&url).tls(right(&server)).send().await.unwrap().status(), 200);
}

// CVE-2024-35195: after `verify=False`, requests verified nothing more over the connection that it kept.
#[tokio::test]
async fn verification_that_was_off_for_one_request_is_on_for_the_next() {
    let server = server();
    let session = builder().tls(wrong()).build().unwrap();
    let blind = blind();
    for _ in 0..2 {
        let response = session.get(server.url("/")).tls(blind.clone()).send().await.unwrap();
        response.bytes().await.unwrap();
        refused(&session.get(server.url("/")).send().await.unwrap_err());
    }
    assert_eq!(session.transport().unwrap().stats().opened, 1);
}

#[tokio::test]
async fn each_policy_has_connections_of_its_own_in_one_pool() {
    let server = server();
    let [one, two] = [(); 2].map(|()| right(&server));
    let session = builder().tls(one.clone()).build().unwrap();
    let send = |tls: &Tls| session.get(server.url("/")).tls(tls.clone()).send();
    let (first, second) = (send(&one).await.unwrap(), send(&two).await.unwrap());
    assert_ne!(id(&first), id(&second));
    let (first_again, as_session) = (send(&one).await.unwrap(), session.get(server.url("/")).send().await.unwrap());
    assert_eq!((id(&first_again), id(&as_session)), (id(&first), id(&first)));
    // What is built from the session keeps the pool, and the policy is another's all the same.
    let other = session.to_builder().tls(two).build().unwrap();
    assert_eq!(id(&other.get(server.url("/")).send().await.unwrap()), id(&second));
}

#[tokio::test]
async fn the_policy_of_a_request_does_not_go_along_to_a_foreign_origin() {
    let landing = server();
    let location = landing.url("/");
    let first =
        ServerOptions::new().tls(TlsSetup::new()).serve_fn(move |_| std::future::ready(redirect(302, &location)));
    let session = builder().tls(right(&landing)).build().unwrap();
    // It would be refused by the first server's policy, which the request brings.
    let response = session.get(first.url("/")).tls(right(&first)).send().await.unwrap();
    assert_eq!(response.history().len(), 1);
}

#[tokio::test]
async fn a_policy_that_nothing_would_heed_is_an_error_of_build() {
    let given = || builder().build().unwrap();
    for (builder, setter) in [
        (builder().transport(given()).tls(wrong()), "SessionBuilder::tls"),
        (builder().transport(given()).mount("https://a.test/", Mount::new().tls(wrong())), "Mount::tls"),
        (builder().mount("https://a.test/", Mount::new().transport(given()).tls(wrong())), "Mount::tls"),
    ] {
        check(&builder.build().unwrap_err(), ErrorKind::Builder, setter);
    }
}

#[tokio::test]
async fn what_was_agreed_upon_can_be_read() {
    let server = server();
    let session: Session = builder().tls(right(&server)).build().unwrap();
    let response = session.get(server.url("/")).send().await.unwrap();
    let tls = response.connection().unwrap().tls().unwrap();
    assert_eq!((tls.version(), tls.alpn()), (Some("TLSv1.3"), Some(&b"h2"[..])));
    assert!(tls.cipher().is_some() && tls.peer_certificates().count() == 1);
}
