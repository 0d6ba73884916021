//! A call may be dropped at any poll: no connection stays out of the pool, no task stays behind, the session works on.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use sortie::core::call_when_ready;
use sortie::retry::{Backoff, RetryOptions};
use sortie::transport::{Transport, TransportOptions, Versions};
use sortie::{Body, Session};
use sortie_testkit::{Scripted, ServerOptions, TestServer, TlsSetup, reply};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tower::service_fn;

use crate::support::{Challenged, builder, eventually, trusting};

/// More polls than any call here takes.
const MANY: usize = 10_000;

/// Busy, then leads on, then asks who it is, then answers: each call (header `x-call`) goes through all of it.
#[derive(Default)]
struct Dance(Mutex<HashMap<String, usize>>);

impl Dance {
    fn answer(&self, call: Option<&str>) -> Response<Body> {
        let Some(call) = call else { return reply(200, [], "plain") };
        let mut calls = self.0.lock().unwrap();
        let step = calls.entry(call.to_owned()).or_default();
        *step += 1;
        match *step {
            1 => reply(503, [("retry-after", "0"), ("set-cookie", "a=1")], "busy"),
            2 => reply(307, [("location", "/next"), ("set-cookie", "a=2")], "moved"),
            3 => reply(401, [("www-authenticate", "Test"), ("set-cookie", "a=3")], "who?"),
            _ => reply(200, [("set-cookie", "a=4")], "done"),
        }
    }
}

fn dancing(options: ServerOptions) -> TestServer {
    let dance = Dance::default();
    options.serve_fn(move |request: Request<hyper::body::Incoming>| {
        let answer = dance.answer(request.headers().get("x-call").map(|call| call.to_str().unwrap()));
        async move {
            // The upload is read first: it is under way when the answer is not.
            let _ = http_body_util::BodyExt::collect(request.into_body()).await;
            answer
        }
    })
}

fn session(transport: Transport) -> Session {
    builder()
        .transport(transport)
        .retry(RetryOptions::standard().backoff(Backoff::none()).no_budget())
        .auth(Challenged::default())
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// A call that is redirected, retried and challenged, and its body.
async fn call(session: &Session, url: &str) -> String {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let number = CALLS.fetch_add(1, Ordering::Relaxed);
    let request = session.put(url).header("x-call", number.to_string()).body("upload").cookie("own", "1");
    request.send().await.unwrap().text().await.unwrap()
}

/// When a future is polled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pace {
    /// When it was woken, as usual.
    Woken,
    /// At every turn of the runtime too, so that it can be dropped between any two steps of the tasks that serve it.
    EveryTurn,
}

/// Polls `future` that many times and drops it, unless it ends before.
async fn polled<F: Future>(future: F, pace: Pace, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => return Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => return Poll::Ready(None),
            Poll::Pending if pace == Pace::EveryTurn => cx.waker().wake_by_ref(),
            Poll::Pending => {}
        }
        Poll::Pending
    })
    .await
}

/// Drops a call after that many polls, and waits until nothing of it is left; whether it ended before.
async fn drop_after(polls: usize, pace: Pace, session: &Session, url: &str, transport: &Transport) -> bool {
    let ended = polled(call(session, url), pace, polls).await;
    eventually(&format!("a call that was dropped after {polls} polls has left nothing: {transport:?}"), || {
        let counts = transport.stats();
        (counts.in_flight, counts.waiting, counts.connecting, counts.open) == (0, 0, 0, counts.idle)
    })
    .await;
    ended.inspect(|text| assert_eq!(text, "done")).is_some()
}

/// Drops calls at every poll from none to the last; says how many polls the last call took.
async fn drop_at_every_poll(pace: Pace, session: &Session, url: &str, transport: &Transport) -> usize {
    for polls in 0..MANY {
        if drop_after(polls, pace, session, url, transport).await {
            return polls;
        }
    }
    panic!("the call has not ended after {MANY} polls");
}

/// Calls work as if nothing had happened, and after the end of the session no task and no connection is left.
async fn nothing_is_left(tasks_before: usize, server: &TestServer, session: &Session, transport: &Transport) {
    let url = server.url("/start");
    assert_eq!(call(session, &url).await, "done");
    assert_eq!(session.get(&url).send().await.unwrap().text().await.unwrap(), "plain");
    session.close().await;
    transport.close(Duration::from_secs(30)).await;
    server.wait_for_open_connections(0).await;
    eventually("all tasks of the transport have ended", || tasks() == tasks_before).await;
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// The whole proof over real sockets, where one thread does everything: so each exchange is seen pending.
async fn it_can_be_dropped_at_every_poll(server: TestServer, options: TransportOptions) {
    let before = tasks();
    let transport = Transport::new(options);
    let session = session(transport.clone());
    for (pace, at_least) in [(Pace::Woken, 5), (Pace::EveryTurn, 10)] {
        let polls = drop_at_every_poll(pace, &session, &server.url("/start"), &transport).await;
        assert!(polls >= at_least, "four exchanges in {polls} polls");
    }
    nothing_is_left(before, &server, &session, &transport).await;
}

#[tokio::test]
async fn a_call_over_http1_can_be_dropped_at_every_poll() {
    it_can_be_dropped_at_every_poll(dancing(ServerOptions::new()), TransportOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_http1_can_be_dropped_at_every_poll_while_the_driver_runs_elsewhere() {
    let server = dancing(ServerOptions::new());
    let before = tasks();
    let transport = Transport::default();
    let session = session(transport.clone());
    // How many polls a call takes is chance here, and each round meets the driver at other moments.
    for _ in 0..20 {
        for polls in 0..6 {
            drop_after(polls, Pace::Woken, &session, &server.url("/start"), &transport).await;
        }
    }
    nothing_is_left(before, &server, &session, &transport).await;
}

#[tokio::test]
async fn a_call_can_be_dropped_at_every_poll_where_one_connection_is_all_there_is() {
    it_can_be_dropped_at_every_poll(
        dancing(ServerOptions::new()),
        TransportOptions::default().max_connections_per_origin(1),
    )
    .await;
}

#[tokio::test]
async fn a_call_over_http2_can_be_dropped_at_every_poll() {
    it_can_be_dropped_at_every_poll(
        dancing(ServerOptions::new()),
        TransportOptions::default().versions(Versions::Http2Only),
    )
    .await;
}

#[tokio::test]
async fn a_call_over_tls_can_be_dropped_at_every_poll() {
    let server = dancing(ServerOptions::new().tls(TlsSetup::new()));
    let tls = trusting(server.certificate_authority()).build().unwrap();
    it_can_be_dropped_at_every_poll(server, TransportOptions::default().tls(tls)).await;
}

#[tokio::test]
async fn the_first_call_of_a_session_can_be_dropped_at_every_poll() {
    let server = dancing(ServerOptions::new());
    let before = tasks();
    let url = server.url("/start");
    for polls in 0..MANY {
        let transport = Transport::default();
        let session = session(transport.clone());
        let ended = polled(call(&session, &url), Pace::EveryTurn, polls).await;
        // Without a close: the last handle's end is the end of all that is idle.
        drop((session, transport));
        server.wait_for_open_connections(0).await;
        eventually("all tasks have ended", || tasks() == before).await;
        if ended.is_some() {
            return;
        }
    }
    panic!("the call has not ended after {MANY} polls");
}

#[tokio::test]
async fn a_call_to_a_service_in_memory_can_be_dropped_at_every_poll() {
    let dance = Dance::default();
    let scripted = Scripted::<Body>::from_fn(move |request, _| Ok(dance.answer(request.header("x-call"))));
    let service = service_fn(move |request: Request<Body>| {
        let scripted = scripted.clone();
        async move {
            yield_now().await;
            let response = call_when_ready(scripted, request).await;
            yield_now().await;
            response
        }
    });
    let before = tasks();
    let transport = Transport::default();
    let session = session(transport.clone()).to_builder().mount("http://app.test/", service).build().unwrap();
    let polls = drop_at_every_poll(Pace::Woken, &session, "http://app.test/start", &transport).await;
    // Two pauses in each of four exchanges, and the poll that ends.
    assert!(polls >= 9, "{polls}");
    assert_eq!(call(&session, "http://app.test/start").await, "done");
    assert_eq!(tasks(), before);
    assert_eq!(transport.stats().opened, 0);
}

#[tokio::test]
async fn a_response_can_be_dropped_with_its_body_unread() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/small" => reply(200, [], "small"),
        _ => reply(200, [], Body::from(vec![b'x'; 8 << 20])),
    });
    let transport = Transport::default();
    let session = builder().transport(transport.clone()).build().unwrap();
    for path in ["/small", "/large", "/small", "/large"] {
        let mut response = session.get(server.url(path)).send().await.unwrap();
        if path == "/large" {
            response.chunk().await.unwrap();
        }
        drop(response);
        eventually("it is given back or closed", || {
            let counts = transport.stats();
            counts.in_flight == 0 && counts.open == counts.idle
        })
        .await;
    }
    assert_eq!(session.get(server.url("/small")).send().await.unwrap().text().await.unwrap(), "small");
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_waits_lets_the_next_one_pass() {
    let gate = sortie_testkit::Gate::new();
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let steps = sortie_testkit::Steps::new().read_head().pause(&gate).send(answer).read_head().send(answer).hold();
    let server = sortie_testkit::TcpScript::each(steps);
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1));
    let session = builder().transport(transport.clone()).build().unwrap();

    let first = tokio::spawn(session.get(server.url("/first")).send());
    gate.reached().await;
    let second = tokio::spawn(session.get(server.url("/second")).send());
    eventually("the second waits", || transport.stats().waiting == 1).await;
    let third = tokio::spawn(session.get(server.url("/third")).send());
    eventually("the third waits", || transport.stats().waiting == 2).await;
    second.abort();
    eventually("the second is gone", || transport.stats().waiting == 1).await;
    gate.open();
    assert_eq!(first.await.unwrap().unwrap().text().await.unwrap(), "ok");
    assert_eq!(third.await.unwrap().unwrap().text().await.unwrap(), "ok");
    assert_eq!(server.connections(), 1);
}
