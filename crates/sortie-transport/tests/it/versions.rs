//! HTTP/1.1 and HTTP/2, and how one of them is chosen.

use http::Version;
use sortie_core::{Outcome, Phase, find};
use sortie_testkit::{Protocol, ServerOptions, TestServer, TlsSetup, reply};
use sortie_transport::tls::{TlsError, TlsErrorKind};
use sortie_transport::{Transport, TransportOptions, Versions};

use crate::support::{connection, fetch, get, read, send, trusting};

fn https(alpn: &[&str]) -> TestServer {
    let tls = TlsSetup::new().alpn(alpn.iter().copied());
    ServerOptions::new().tls(tls).serve_fn(async |_| reply(200, [], "hello"))
}

#[tokio::test]
async fn alpn_decides_over_tls() {
    for (server, versions, expected) in [
        (&["h2", "http/1.1"][..], Versions::Auto, Version::HTTP_2),
        (&["http/1.1"], Versions::Auto, Version::HTTP_11),
        (&["h2"], Versions::Auto, Version::HTTP_2),
        (&[], Versions::Auto, Version::HTTP_11),
        (&["h2", "http/1.1"], Versions::Http1Only, Version::HTTP_11),
        (&["h2", "http/1.1"], Versions::Http2Only, Version::HTTP_2),
    ] {
        let name = format!("{server:?} {versions:?}");
        let offered = !server.is_empty();
        let server = https(server);
        let transport = Transport::new(trusting(&server).versions(versions));
        let response = send(&transport, get(server.url("/"))).await.unwrap();
        assert_eq!((response.version(), connection(&response).version()), (expected, expected), "{name}");
        let tls = connection(&response).tls().unwrap();
        assert_eq!(tls.version(), Some("TLSv1.3"), "{name}");
        let alpn: &[u8] = if expected == Version::HTTP_2 { b"h2" } else { b"http/1.1" };
        assert_eq!(tls.alpn(), offered.then_some(alpn), "{name}");
        assert!(tls.cipher().is_some_and(|cipher| cipher.starts_with("TLS13_")), "{name}");
        assert!(tls.peer_certificates().next().is_some(), "{name}");
        assert_eq!(read(response).await.unwrap().0, "hello", "{name}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_agree_to_http2_is_an_error_where_nothing_else_is_offered() {
    // One that has never heard of ALPN, and one that refuses.
    for alpn in [&[][..], &["http/1.1"]] {
        let server = https(alpn);
        let transport = Transport::new(trusting(&server).versions(Versions::Http2Only));
        let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }));
        assert_eq!(find::<TlsError>(&*error).map(TlsError::kind), Some(TlsErrorKind::NoHttp2));
    }
}

#[tokio::test]
async fn http2_over_plaintext_is_prior_knowledge() {
    let server = ServerOptions::new().protocol(Protocol::Http2).serve_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::new(TransportOptions::default().versions(Versions::Http2Only));
    for n in 0..3 {
        let response = send(&transport, get(server.url("/"))).await.unwrap();
        assert_eq!((response.version(), connection(&response).is_reused()), (Version::HTTP_2, n > 0));
        assert_eq!(read(response).await.unwrap().0, "hello");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn many_requests_at_once_share_one_http2_connection() {
    let server = https(&["h2", "http/1.1"]);
    let transport = Transport::new(trusting(&server));
    let calls = (0..100).map(|_| fetch(&transport, get(server.url("/"))));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    assert_eq!(server.connections(), 1);
    let counts = transport.stats();
    assert_eq!((counts.open, counts.idle, counts.in_flight, counts.waiting), (1, 1, 0, 0));
}

#[tokio::test]
async fn a_transport_is_a_service_like_any_other() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn body<T: http_body::Body<Data = bytes::Bytes, Error = sortie_core::BoxError> + Send + Sync + 'static>(_: &T) {}
    let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::default();
    shared(&transport);
    body(send(&transport, get(server.url("/"))).await.unwrap().body());
    let boxed = sortie_core::BoxHttp::new(transport.clone());
    assert_eq!(tower::ServiceExt::oneshot(boxed, get(server.url("/"))).await.unwrap().status(), 200);
    // Any body of bytes goes in.
    let request =
        http::Request::post(server.url("/")).body(http_body_util::Full::new(bytes::Bytes::from("x"))).unwrap();
    assert_eq!(tower::ServiceExt::oneshot(transport, request).await.unwrap().status(), 200);
}
