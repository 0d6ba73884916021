//! Interim answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use sortie_core::{Body, Outcome, find};
use sortie_testkit::{Protocol, ServerOptions, Steps, TcpScript, reply};
use sortie_transport::{ExpectContinue, OnInformational, TooManyInformational, Transport, TransportOptions, Versions};

use crate::support::{fetch, post, until};

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

type Seen = Arc<Mutex<Vec<(u16, Option<String>)>>>;

/// A request that notes what is said before its answer.
fn listening(url: impl AsRef<str>, body: impl Into<Body>) -> (Request<Body>, Seen) {
    let seen = Seen::default();
    let noting = seen.clone();
    let mut request = post(url, body);
    request.extensions_mut().insert(OnInformational::new(move |head| {
        let link = head.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        noting.lock().unwrap().push((head.status().as_u16(), link));
    }));
    (request, seen)
}

#[tokio::test]
async fn they_are_told_in_order_and_a_100_lets_the_body_go() {
    let steps = || Steps::new().read_head().send(HINTS).send(CONTINUE).expect("content").send(HINTS).send(OK);
    let server = TcpScript::each(steps().read_head().send(CONTINUE).expect("content").send(OK).hold());
    let expect = ExpectContinue::default().wait(Duration::from_secs(1000));
    let transport = Transport::new(TransportOptions::default().expect_continue(expect));
    let (request, seen) = listening(server.url("/"), "content");
    assert_eq!(fetch(&transport, request).await.unwrap(), "ok");
    let link = Some("</style.css>; rel=preload".to_owned());
    assert_eq!(*seen.lock().unwrap(), [(103, link.clone()), (100, None), (103, link)]);
    // The next exchange of the connection has nothing to do with it.
    assert_eq!(fetch(&transport, post(server.url("/"), "content")).await.unwrap(), "ok");
    assert_eq!((seen.lock().unwrap().len(), server.connections()), (3, 1));
    assert_eq!(Arc::strong_count(&seen), 1);
}

#[tokio::test]
async fn they_are_told_without_a_body_too_and_over_http2_they_are_not() {
    let server = TcpScript::each(Steps::new().read_head().send(format!("{HINTS}{OK}")).hold());
    let (request, seen) = listening(server.url("/"), Body::empty());
    assert_eq!(fetch(&Transport::default(), request).await.unwrap(), "ok");
    assert_eq!(seen.lock().unwrap().len(), 1);

    let server = ServerOptions::new().protocol(Protocol::Http2).serve_fn(async |_| reply(200, [], "ok"));
    let transport = Transport::new(TransportOptions::default().versions(Versions::Http2Only));
    let (request, seen) = listening(server.url("/"), "content");
    assert_eq!(fetch(&transport, request).await.unwrap(), "ok");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn there_is_an_end_to_them() {
    for (interim, fails) in [(100, false), (101, true)] {
        let end = if fails { "" } else { OK };
        let answer = format!("{}{end}", HINTS.repeat(interim));
        let server = TcpScript::each(Steps::new().read_request().send(answer).read_to_end());
        let transport = Transport::default();
        let (request, seen) = listening(server.url("/"), "content");
        match fetch(&transport, request).await {
            Ok(answer) => assert!(!fails && answer == "ok"),
            Err(error) => {
                assert!(fails, "{error:?}");
                assert!(find::<TooManyInformational>(&*error).is_some(), "{error:?}");
                assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
                until("its place is free", || transport.stats().open == 0).await;
            }
        }
        assert_eq!(seen.lock().unwrap().len(), 100);
    }
}

#[tokio::test]
async fn a_callback_that_panics_costs_its_own_call_and_connection() {
    let server = TcpScript::each(Steps::new().read_head().send(format!("{HINTS}{OK}")).read_to_end());
    let transport = Transport::default();
    let mut request = post(server.url("/"), Body::empty());
    request.extensions_mut().insert(OnInformational::new(|_| panic!("as it is meant to")));
    let error = fetch(&transport, request).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
    until("its place is free", || transport.stats().open == 0 && transport.in_flight() == 0).await;
    assert_eq!(fetch(&transport, post(server.url("/"), Body::empty())).await.unwrap(), "ok");
}
