//! Bodies that wait until they are wanted, over HTTP/1.1.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use sortie_core::{Body, Elapsed, Outcome, PerRequest, Phase, find};
use sortie_testkit::{Gate, MemoryServer, Steps, TcpScript, reply};
use sortie_transport::{ExpectContinue, PhaseTimeouts, Transport, TransportOptions};
use tokio::time::Instant;

use crate::support::{fetch, fetching, get, post, read, send, until};

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Waits for longer than any test.
fn patient() -> TransportOptions {
    TransportOptions::default().expect_continue(ExpectContinue::default().wait(secs(1000)))
}

/// One scripted connection, in memory.
fn scripted(options: TransportOptions, steps: Steps) -> (Transport, Arc<MemoryServer>) {
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "")));
    let (memory, steps) = (server.clone(), steps.deadline(secs(100_000)));
    let transport = Transport::new(options.connector(move |_| {
        let stream = memory.connect_scripted(steps.clone());
        async move { Ok::<_, std::convert::Infallible>(stream) }
    }));
    (transport, server)
}

#[tokio::test]
async fn the_body_follows_a_100_and_the_connection_serves_on() {
    let asked = || Steps::new().read_head().send(CONTINUE).expect("content").send(OK);
    let server = TcpScript::each(asked().read_head().send(CONTINUE).expect("content").send(OK).hold());
    let transport = Transport::new(patient());
    for _ in 0..2 {
        assert_eq!(fetch(&transport, post(server.url("/"), "content")).await.unwrap(), "ok");
    }
    assert_eq!(server.connections(), 1);
    drop(transport);
    let sent = server.finish().await[0].text();
    assert_eq!(sent.matches("\r\nexpect: 100-continue\r\n").count(), 2, "{sent}");
}

#[tokio::test]
async fn the_body_is_not_sent_when_the_answer_is_final_and_the_connection_is_closed() {
    for status in ["401 Unauthorized", "413 Content Too Large", "417 Expectation Failed", "200 OK"] {
        for content in ["", "no thanks", &"y".repeat(200_000)] {
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{content}", content.len());
            let server = TcpScript::each(Steps::new().read_head().send(answer).read_to_end());
            let transport = Transport::new(patient());
            let response = send(&transport, post(server.url("/"), "the body")).await.unwrap();
            assert!(status.starts_with(response.status().as_str()));
            assert_eq!(read(response).await.unwrap().0, content);
            until("its place is free", || transport.stats().open == 0).await;
            let sent = server.finish().await[0].text();
            assert!(sent.ends_with("\r\n\r\n") && !sent.contains("the body"), "{sent}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_dropped_frees_the_place_of_a_body_that_was_not_sent() {
    let no = "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 9\r\n\r\nno ";
    let go = Gate::new();
    let server = TcpScript::each(Steps::new().read_head().send(no).pause(&go).send("thanks").read_to_end());
    let transport = Transport::new(patient().max_connections_per_origin(1));
    let response = send(&transport, post(server.url("/"), "the body")).await.unwrap();
    drop(response);
    go.open();
    until("its place is free", || transport.stats().open == 0).await;
    assert!(!server.finish().await[0].text().contains("the body"));
}

#[tokio::test(start_paused = true)]
async fn the_body_follows_after_the_wait_if_the_server_says_nothing() {
    let steps = Steps::new().read_head().expect("content").send(OK).read_head().expect("content").send(OK).hold();
    let (transport, _server) = scripted(TransportOptions::default().expect_continue(ExpectContinue::default()), steps);
    for (request, wait) in [
        (post("http://a.test/", "content"), secs(1)),
        (
            Request::put("http://a.test/")
                .extension(PerRequest::Use(ExpectContinue::default().wait(secs(30))))
                .body("content".into())
                .unwrap(),
            secs(30),
        ),
    ] {
        let start = Instant::now();
        assert_eq!(fetch(&transport, request).await.unwrap(), "ok");
        let took = start.elapsed();
        assert!(took >= wait && took < wait + secs(1), "{took:?}");
    }
}

#[tokio::test]
async fn who_asks_and_who_does_not() {
    let own = || PerRequest::Use(ExpectContinue::default().wait(secs(1000)));
    let (some, none) = (patient(), TransportOptions::default);
    let over = none().expect_continue(ExpectContinue::default().over(7));
    let content = || post("http://a.test/", "content");
    let with = |mut request: Request<Body>, expect: PerRequest<ExpectContinue>| {
        request.extensions_mut().insert(expect);
        request
    };
    let by_hand = |mut request: Request<Body>, value: &'static str| {
        request.headers_mut().insert("expect", value.parse().unwrap());
        request
    };
    for (options, request, asks) in [
        (none(), content(), false),
        (none(), with(content(), own()), true),
        (some.clone(), get("http://a.test/"), false),
        (some.clone(), post("http://a.test/", ""), false),
        (some.clone(), with(content(), PerRequest::Off), false),
        (some.clone(), by_hand(content(), "something else"), false),
        (over.clone(), content(), false),
        (over, post("http://a.test/", "content."), true),
        (none(), by_hand(content(), "100-continue"), true),
        (none(), with(by_hand(content(), "100-continue"), own()), true),
    ] {
        let what = format!("{request:?}");
        let (begin, body) = match request.body().as_bytes() {
            Some(body) if asks => (Steps::new().read_head().send(CONTINUE), body.to_vec()),
            body => (Steps::new().read_head(), body.unwrap_or_default().to_vec()),
        };
        let (transport, server) = scripted(options, begin.expect(body).send(OK).read_to_end());
        assert_eq!(fetch(&transport, request).await.unwrap(), "ok", "{what}");
        drop(transport);
        let sent = server.finish().await[0].text();
        assert_eq!(sent.contains("expect: 100-continue"), asks, "{what}: {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_counts_against_no_limit_of_the_phases() {
    let timeouts = PhaseTimeouts::default().write(secs(2)).first_byte(secs(2)).read(secs(2));
    let options = || {
        let expect = ExpectContinue::default().wait(secs(60));
        TransportOptions::default().timeouts(timeouts).expect_continue(expect)
    };
    let early = "HTTP/1.1 103 Early Hints\r\n\r\n";
    for begin in [Steps::new().read_head(), Steps::new().read_head().send(early)] {
        let (transport, _server) = scripted(options(), begin.expect("content").send(OK).hold());
        assert_eq!(fetch(&transport, post("http://a.test/", "content")).await.unwrap(), "ok");
    }
    // But once the body is sent, they run.
    let (transport, _server) = scripted(options(), Steps::new().read_head().expect("content").hold());
    let start = Instant::now();
    let error = fetch(&transport, post("http://a.test/", "content")).await.unwrap_err();
    assert_eq!(find::<Elapsed>(&*error).unwrap().phase(), Phase::FirstByte);
    assert!(start.elapsed() >= secs(62) && start.elapsed() < secs(64), "{:?}", start.elapsed());
}

#[tokio::test]
async fn who_leaves_while_the_body_waits_leaks_nothing() {
    let server = TcpScript::each(Steps::new().read_head().read_to_end());
    let transport = Transport::new(patient().max_connections_per_origin(1));
    for n in 1..=3 {
        let call = fetching(&transport, post(server.url("/"), "the body"));
        server.wait_for_connections(n).await;
        call.abort();
        until("its place is free", || transport.stats().open == 0 && transport.in_flight() == 0).await;
    }
    assert!(server.finish().await.iter().all(|connection| !connection.text().contains("the body")));
}

#[tokio::test]
async fn a_connection_that_dies_while_the_body_waits_is_judged_like_any_other() {
    let served = Steps::new().read_head().send(OK);
    let server = TcpScript::in_order([served.read_head().close(), Steps::new().read_head().close()]);
    let transport = Transport::new(patient());
    fetch(&transport, get(server.url("/"))).await.unwrap();
    for outcome in [Outcome::StaleReuse, Outcome::MaybeProcessed] {
        let error = fetch(&transport, post(server.url("/"), "content")).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(outcome), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_can_be_sent_again_after_it_was_held_back() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let server = TcpScript::in_order([
        Steps::new().read_head().send(busy).read_to_end(),
        Steps::new().read_head().send(CONTINUE).expect("content").send(OK).read_to_end(),
    ]);
    let transport = Transport::new(patient());
    let body = Body::from("content");
    let again = sortie_core::Replay::replay(&body).unwrap();
    let refused = send(&transport, post(server.url("/"), body)).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fetch(&transport, post(server.url("/"), again)).await.unwrap(), "ok");
}

#[tokio::test]
async fn an_upgrade_that_comes_without_the_100_it_owes_frees_its_place() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let server = TcpScript::each(Steps::new().read_head().send(switched).read_to_end());
    let transport = Transport::new(patient());
    let mut request = post(server.url("/"), "content");
    request.headers_mut().insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let response = send(&transport, request).await.unwrap();
    assert!(sortie_transport::upgrade(response).await.is_err());
    until("its place is free", || transport.stats().open == 0).await;
}
