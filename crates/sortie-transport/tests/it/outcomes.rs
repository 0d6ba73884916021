//! What a failure says about what may have happened on the wire.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sortie_core::{Body, Elapsed, Outcome, Phase, find};
use sortie_testkit::{Gate, ScriptState, Steps, TcpScript, TestServer, reply};
use sortie_transport::{
    BodyFailed, ConnectError, DialError, InvalidRequest, PhaseTimeouts, Transport, TransportOptions, Versions,
};

use crate::support::{fetch, get, post, send};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers once, and closes when the next request has come.
fn stale() -> TcpScript {
    TcpScript::in_order([
        Steps::new().read_request().send(OK).read_request().close(),
        Steps::new().read_request().send(OK).hold(),
    ])
}

#[tokio::test]
async fn a_reused_connection_that_ends_without_a_byte_is_stale_and_nothing_is_sent_again() {
    for method in ["GET", "POST"] {
        let server = stale();
        let transport = Transport::default();
        assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "ok");
        let request = http::Request::builder().method(method).uri(server.url("/")).body(Body::from("x")).unwrap();
        let error = fetch(&transport, request).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::StaleReuse), "{method}");
        assert_eq!(server.connections(), 1, "{method}");
        assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "ok");
        assert_eq!(server.connections(), 2, "{method}");
    }
}

#[tokio::test]
async fn after_one_stale_connection_no_other_idle_one_is_tried() {
    let together = Gate::new();
    let first = || Steps::new().read_request().pause(&together).send(OK);
    let server = TcpScript::in_order([
        first().hold(),
        first().read_request().close(),
        Steps::new().read_request().send(OK).hold(),
    ]);
    let transport = Transport::default();
    let one = send(&transport, get(server.url("/1")));
    let two = async {
        server.wait_for_connections(1).await;
        together.reached().await;
        let two = send(&transport, get(server.url("/2")));
        let open = async {
            together.reached().await;
            together.open();
            together.open();
        };
        futures_util::future::join(two, open).await.0
    };
    let (one, two) = futures_util::future::join(one, two).await;
    // The second goes back last, and so serves next.
    crate::support::read(one.unwrap()).await.unwrap();
    crate::support::read(two.unwrap()).await.unwrap();
    crate::support::until("both are idle", || transport.stats().idle == 2).await;
    let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::StaleReuse));
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "ok");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_fresh_connection_that_ends_without_a_byte_may_have_served() {
    let server = TcpScript::each(Steps::new().read_head().close());
    let error = fetch(&Transport::default(), get(server.url("/"))).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
}

#[tokio::test]
async fn half_a_head_is_no_stale_connection() {
    let server = TcpScript::each(Steps::new().read_head().send(OK).read_head().send("HTTP/1.1 200 OK\r\ncont").close());
    let transport = Transport::default();
    fetch(&transport, get(server.url("/"))).await.unwrap();
    let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error_of_the_body() {
    let server =
        TcpScript::each(Steps::new().read_head().send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok").close());
    let transport = Transport::default();
    let response = send(&transport, get(server.url("/"))).await.unwrap();
    let error = crate::support::read(response).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
    crate::support::until("the connection is gone", || transport.stats().open == 0).await;
}

#[tokio::test]
async fn a_refused_connection_says_which_addresses() {
    let gone = TestServer::from_fn(async |_| reply(200, [], ""));
    let url = gone.url("/path?secret=1");
    gone.stop().await;
    let error = fetch(&Transport::default(), get(&url)).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Connect }));
    let dial = find::<DialError>(&*error).unwrap();
    assert_eq!(dial.attempts(), [(gone.addr(), io::ErrorKind::ConnectionRefused)]);
    let error = find::<ConnectError>(&*error).unwrap();
    assert_eq!(error.to_string(), format!("connecting to http://{} failed (connect)", gone.addr()));
}

#[tokio::test]
async fn a_name_that_is_none_fails_in_its_phase() {
    let error = fetch(&Transport::default(), get("http://name.invalid/")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Dns }));
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_takes_too_long_says_its_limit_and_phase() {
    let never = |_| std::future::pending::<io::Result<tokio::io::DuplexStream>>();
    let limit = Duration::from_secs(3);
    let options = TransportOptions::default().timeouts(PhaseTimeouts::default().connect(limit)).connector(never);
    let transport = Transport::new(options);
    let start = tokio::time::Instant::now();
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 3);
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Connect }));
    assert_eq!(find::<Elapsed>(&*error), Some(&Elapsed::new(Phase::Connect, limit)));
    let counts = transport.stats();
    assert_eq!((counts.open, counts.connecting, counts.waiting, counts.in_flight), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_connection_that_ends_before_it_takes_the_request_is_replaced() {
    let gate = Gate::new();
    let server = TcpScript::in_order([
        Steps::new().read_request().send(OK).pause(&gate).reset(),
        Steps::new().read_request().send(OK).hold(),
    ]);
    let transport = Transport::default();
    fetch(&transport, get(server.url("/"))).await.unwrap();
    gate.open();
    crate::support::until("the reset is seen", || transport.stats().open == 0).await;
    assert_eq!(fetch(&transport, post(server.url("/"), "body")).await.unwrap(), "ok");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_failing_upload_is_the_callers_and_not_to_be_repeated() {
    let server = TestServer::from_fn(async |request| {
        // The answer waits for the upload, of which it sees no end.
        let _ = http_body_util::BodyExt::collect(request.into_body()).await;
        std::future::pending().await
    });
    for versions in [Versions::Http1Only, Versions::Http2Only] {
        let transport = Transport::new(TransportOptions::default().versions(versions));
        let broken = futures_util::stream::iter([Ok("a"), Err(io::Error::other("disk"))]);
        let error = fetch(&transport, post(server.url("/"), Body::stream(broken))).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed), "{versions:?}");
        let cause = find::<BodyFailed>(&*error).and_then(|failed| find::<io::Error>(failed)).map(ToString::to_string);
        assert_eq!(cause.as_deref(), Some("disk"), "{versions:?} {error:?}");
    }
}

#[tokio::test]
async fn an_early_answer_to_a_large_upload_leaks_nothing() {
    let server = TcpScript::each(
        Steps::new().read_head().send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig").read_to_end(),
    );
    let transport = Transport::default();
    // Never ends, so the upload cannot.
    let endless = futures_util::stream::pending::<io::Result<&'static str>>();
    let response = send(&transport, post(server.url("/"), Body::stream(endless))).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(crate::support::read(response).await.unwrap().0, "big");
    crate::support::until("the connection is closed", || transport.stats().open == 0).await;
    assert_eq!(server.finish().await[0].state, ScriptState::Done);
    assert_eq!(transport.in_flight(), 0);
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_an_error_before_anything_is_sent() {
    let server = TestServer::from_fn(async |_| reply(200, [], ""));
    let transport = Transport::default();
    let chunks = || Body::stream(futures_util::stream::iter(["a"].map(Ok::<_, io::Error>)));
    for (url, header, body, why) in [
        ("/path".to_owned(), None, Body::empty(), InvalidRequest::NoScheme),
        ("ftp://h/".to_owned(), None, Body::empty(), InvalidRequest::UnsupportedScheme("ftp".into())),
        (
            server.url("/"),
            Some("5"),
            Body::from("abc"),
            InvalidRequest::ContentLengthMismatch { header: 5, body: Some(3) },
        ),
        (server.url("/"), Some("5"), chunks(), InvalidRequest::ContentLengthMismatch { header: 5, body: None }),
    ] {
        let mut request = post(url, body);
        request.headers_mut().extend(header.map(|value| (http::header::CONTENT_LENGTH, value.parse().unwrap())));
        let error = send(&transport, request).await.unwrap_err();
        assert_eq!(find::<InvalidRequest>(&*error), Some(&why));
    }
    assert_eq!((server.connections(), transport.in_flight()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_in_its_handshake_fails_its_waiter_and_strands_nobody() {
    let server = Arc::new(sortie_testkit::MemoryServer::from_fn(async |_| reply(200, [], "ok")));
    let (broken, made, go) = (tokio::io::duplex(64).0, AtomicUsize::new(0), Arc::new(tokio::sync::Notify::new()));
    let (broken, gate) = (std::sync::Mutex::new(Some(broken)), go.clone());
    let options = TransportOptions::default().versions(sortie_transport::Versions::Http2Only);
    let transport = Transport::new(options.connector(move |_| {
        let first = made.fetch_add(1, Ordering::Relaxed) == 0;
        let stream = if first { broken.lock().unwrap().take().unwrap() } else { server.connect_h2() };
        let gate = gate.clone();
        async move {
            if first {
                gate.notified().await;
            }
            Ok::<_, std::convert::Infallible>(stream)
        }
    }));
    let call = || {
        let transport = transport.clone();
        tokio::spawn(async move { fetch(&transport, get("http://a.test/")).await })
    };
    let first = call();
    crate::support::until("it connects", || transport.stats().connecting == 1).await;
    // Queued after that connect began: its failure is none of its business, but the next connect is.
    let second = call();
    crate::support::until("both wait", || transport.stats().waiting == 2).await;
    go.notify_one();
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Handshake }));
    assert_eq!(second.await.unwrap().unwrap(), "ok");
    let counts = transport.stats();
    assert_eq!((counts.open, counts.connecting, counts.waiting), (1, 0, 0));
}
