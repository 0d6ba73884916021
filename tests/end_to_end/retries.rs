//! Sending again: what by default, what by request, and what is told of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue};
use sortie::core::auth::Unsigned;
use sortie::core::{Outcome, find};
use sortie::redirect;
use sortie::retry::{self, Attempt, Backoff, Budget, Decision, Failure, MaybeProcessed, RetryOptions, Rule, Stop};
use sortie::{Body, BoxError, ErrorKind, Mount};
use sortie_testkit::{Scripted, Steps, TcpScript, TestServer, reply};
use tower::util::MapErrLayer;

use crate::support::{builder, check, in_turn, ok, session, try_again};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Three attempts without a wait between them.
fn standard() -> RetryOptions {
    RetryOptions::standard().backoff(Backoff::none())
}

#[tokio::test]
async fn a_status_is_retried_if_that_was_asked_for() {
    for (options, method, status, attempts) in [
        (None, "GET", 503, 1),
        (Some(RetryOptions::default()), "GET", 503, 1),
        (Some(standard()), "GET", 200, 3),
        (Some(standard()), "PUT", 200, 3),
        (Some(standard()), "DELETE", 200, 3),
        (Some(standard()), "POST", 503, 1),
        (Some(standard()), "PATCH", 503, 1),
        (Some(standard().attempts(2)), "GET", 503, 2),
        (Some(RetryOptions::none()), "GET", 503, 1),
        (Some(standard().statuses([StatusCode::BAD_GATEWAY])), "GET", 503, 1),
        (Some(standard().methods([http::Method::POST])), "POST", 200, 3),
    ] {
        let server = in_turn(&[try_again, try_again, ok]);
        let mut session = builder();
        if let Some(options) = &options {
            session = session.retry(options.clone());
        }
        let session = session.build().unwrap();
        let response = session.request(method, server.url("/")).send().await.unwrap();
        let told = (response.status().as_u16(), response.attempts());
        assert_eq!((told, server.requests().len()), ((status, attempts), attempts), "{method} {options:?}");
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_post_with_an_idempotency_key_is_retried() {
    let server = in_turn(&[try_again, ok]);
    let session = builder().retry(standard()).build().unwrap();
    let response = session.post(server.url("/")).header("idempotency-key", "7").body("x").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.attempts()), (200, 2));
}

#[tokio::test]
async fn a_request_and_a_mount_decide_for_themselves() {
    for (session, by_mount, by_request, attempts) in [
        (None, None, Some(standard()), 2),
        (None, Some(standard()), None, 2),
        (Some(standard()), Some(RetryOptions::none()), None, 1),
        (Some(standard()), None, Some(RetryOptions::none()), 1),
        (None, Some(RetryOptions::none()), Some(standard()), 2),
    ] {
        let server = in_turn(&[try_again, ok]);
        let mut built = builder();
        if let Some(options) = session {
            built = built.retry(options);
        }
        if let Some(options) = by_mount {
            built = built.mount(server.url("/"), Mount::new().retry(options));
        }
        let built = built.build().unwrap();
        let mut request = built.get(server.url("/"));
        if let Some(options) = by_request {
            request = request.retry(options);
        }
        assert_eq!(request.send().await.unwrap().attempts(), attempts);
    }
    let server = in_turn(&[try_again, ok]);
    let session = builder().retry(standard()).build().unwrap();
    assert_eq!(session.get(server.url("/")).no_retry().send().await.unwrap().status(), 503);
    let server = in_turn(&[try_again, ok]);
    let session = session.to_builder().no_retry().build().unwrap();
    assert_eq!(session.get(server.url("/")).send().await.unwrap().status(), 503);
}

#[tokio::test]
async fn attempts_are_those_of_the_last_hop_and_the_history_is_beside_them() {
    let server = in_turn(&[try_again, try_again, || crate::support::redirect(302, "/next"), try_again, ok]);
    let session = builder().retry(standard()).build().unwrap();
    let response = session.get(server.url("/")).send().await.unwrap();
    assert_eq!((response.attempts(), response.history().len(), server.requests().len()), (2, 1, 5));
}

#[tokio::test]
async fn the_upload_is_sent_again_with_every_attempt() {
    let answered = AtomicUsize::new(0);
    let server = TestServer::from_fn(move |request| {
        let n = answered.fetch_add(1, Ordering::Relaxed);
        async move {
            let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
            if n < 2 { try_again() } else { reply(200, [], body) }
        }
    });
    let session = builder().retry(standard()).build().unwrap();
    let segments = ["seg", "ments"].map(|segment| bytes::Bytes::from_static(segment.as_bytes()));
    let response = session.put(server.url("/")).body(Body::segments(segments)).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "segments");
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_found() {
    // A port on which nobody listens, until the first attempt has found that out.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = Arc::new(Mutex::new(None));
    let (server, refused) = (started.clone(), Arc::new(AtomicUsize::new(0)));
    let count = refused.clone();
    let session = builder()
        .wire_layer(MapErrLayer::new(move |error: BoxError| {
            count.fetch_add(1, Ordering::Relaxed);
            let listener = std::net::TcpListener::bind(address).unwrap();
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let router = axum::Router::new().route("/", axum::routing::post(async |body: String| body));
            *server.lock().unwrap() = Some(tokio::spawn(async move { axum::serve(listener, router).await }));
            error
        }))
        .build()
        .unwrap();
    // Nothing was sent, so any method is safe.
    let response = session.post(format!("http://{address}/")).body("again").send().await.unwrap();
    assert_eq!((response.attempts(), refused.load(Ordering::Relaxed)), (2, 1));
    assert_eq!(response.text().await.unwrap(), "again");
    started.lock().unwrap().take().unwrap().abort();
}

#[tokio::test]
async fn a_connection_that_is_refused_every_time_is_an_error_with_its_attempts() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://user:s3cret@{address}/path?s3cret");
    for (options, attempts) in [(None, 2), (Some(standard()), 3)] {
        let mut request = session().get(&url);
        if let Some(options) = options {
            request = request.retry(options);
        }
        let error = request.send().await.unwrap_err();
        check(&error, ErrorKind::Connect, "/path");
        assert!(error.is_connect() && !error.is_timeout());
        assert_eq!(find::<retry::Failed>(&error).unwrap().attempts().count(), attempts);
    }
    let error = session().get(&url).no_retry().send().await.unwrap_err();
    assert!(find::<retry::Failed>(&error).is_none());
    check(&error, ErrorKind::Connect, "");
}

#[tokio::test]
async fn a_reused_connection_that_the_server_has_closed_is_replaced_for_what_is_idempotent() {
    // The server answers once per connection and then resets, without a word, when the next request comes.
    let stale = || Steps::new().read_request().send(OK).read_head().reset();
    for (method, attempts) in [("GET", Some(2)), ("PUT", Some(2)), ("POST", None)] {
        let server = TcpScript::in_order([stale(), Steps::new().read_request().send(OK).hold()]);
        let session = session();
        session.get(server.url("/")).send().await.unwrap().bytes().await.unwrap();
        let result = session.request(method, server.url("/")).body("x").send().await;
        match attempts {
            Some(attempts) => {
                let response = result.unwrap();
                assert_eq!((response.attempts(), server.connections()), (attempts, 2), "{method}");
                assert!(!response.connection().unwrap().is_reused());
            }
            None => {
                let error = result.unwrap_err();
                check(&error, ErrorKind::Protocol, "a reused connection ended before the answer began");
                assert_eq!((error.outcome(), server.connections()), (Some(Outcome::StaleReuse), 1));
            }
        }
    }
}

#[tokio::test]
async fn what_the_server_may_have_processed_is_not_repeated_unless_asked_for() {
    let reset = || Steps::new().read_head().reset();
    let server = TcpScript::in_order([reset()]);
    let error = session().get(server.url("/")).send().await.unwrap_err();
    check(&error, ErrorKind::Protocol, "the server may have processed the request");
    assert_eq!(server.connections(), 1);

    let server = TcpScript::in_order([reset(), reset(), Steps::new().read_head().send(OK).hold()]);
    let response = session().get(server.url("/")).retry(standard()).send().await.unwrap();
    assert_eq!((response.attempts(), server.connections()), (3, 3));

    let server = TcpScript::in_order([reset()]);
    let error = session().post(server.url("/")).retry(standard()).send().await.unwrap_err();
    assert_eq!((error.outcome(), server.connections()), (Some(Outcome::MaybeProcessed), 1));

    let server = TcpScript::in_order([reset()]);
    let cautious = standard().maybe_processed(MaybeProcessed::Fail);
    assert!(session().get(server.url("/")).retry(cautious).send().await.is_err());
}

#[tokio::test]
async fn a_retry_that_would_come_after_the_deadline_is_not_waited_for() {
    let server = TestServer::from_fn(async |_| reply(503, [("retry-after", "59")], "busy"));
    let request = session().get(server.url("/")).retry(RetryOptions::standard()).timeout(Duration::from_secs(50));
    let response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.attempts(), server.requests().len()), (503, 1, 1));
}

fn busy(retry_after: &str) -> http::Response<Body> {
    reply(503, [("retry-after", retry_after)], "busy")
}

#[tokio::test]
async fn the_server_says_how_long_to_wait_in_seconds_or_with_a_date() {
    // A date has whole seconds: the wait for the next but one is more than one of them.
    let in_two_seconds = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    for answer in [(|_| busy("1")) as fn(String) -> _, |date| busy(&date)] {
        let sent = AtomicUsize::new(0);
        let server = TestServer::from_fn(move |_| {
            let first = sent.fetch_add(1, Ordering::Relaxed) == 0;
            let answer = if first { answer(in_two_seconds()) } else { ok() };
            async move { answer }
        });
        let started = Instant::now();
        let response = session().get(server.url("/")).retry(standard()).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.attempts()), (200, 2));
        assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
        assert!(response.retry_log()[0].retry_after().is_some());
    }
}

#[tokio::test]
async fn a_wait_that_is_not_granted_ends_the_call_with_that_answer() {
    let in_an_hour = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    let malformed = || "soon".to_owned();
    let minute = || "59".to_owned();
    let limited = |request: sortie::RequestBuilder| request.timeout(Duration::from_secs(50));
    let not = |request| request;
    for (options, asks, limit, stop) in [
        (standard(), in_an_hour as fn() -> String, not as fn(_) -> _, Some(Stop::RetryAfterTooLong)),
        (standard().max_retry_after(Duration::from_secs(58)), minute, not, Some(Stop::RetryAfterTooLong)),
        (standard(), minute, limited, Some(Stop::Deadline)),
        (standard().total(Duration::from_secs(50)), minute, not, Some(Stop::TotalTime)),
        (standard(), malformed, not, None),
    ] {
        let sent = AtomicUsize::new(0);
        let server = TestServer::from_fn(move |_| {
            let first = sent.fetch_add(1, Ordering::Relaxed) == 0;
            let answer = if first { busy(&asks()) } else { ok() };
            async move { answer }
        });
        let response = limit(session().get(server.url("/")).retry(options)).send().await.unwrap();
        let (status, attempts) = stop.map_or((200, 2), |_| (503, 1));
        assert_eq!((response.status().as_u16(), response.attempts()), (status, attempts), "{stop:?}");
        assert_eq!(response.text().await.unwrap(), if stop.is_some() { "busy" } else { "ok" });
        assert_eq!(server.requests().len(), attempts);
    }
}

#[tokio::test]
async fn each_attempt_is_signed_anew_and_keeps_the_cookies_of_the_last() {
    let server = in_turn(&[
        || reply(503, [("set-cookie", "seen=1"), ("retry-after", "0")], ""),
        || reply(503, [("set-cookie", "seen=2"), ("retry-after", "0")], ""),
        ok,
    ]);
    let signed = AtomicUsize::new(0);
    let session = builder()
        .retry(standard())
        .auth(move |request: &mut Unsigned<'_>| {
            let nonce = signed.fetch_add(1, Ordering::Relaxed);
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::try_from(format!("Count {nonce}"))?);
            Ok(())
        })
        .build()
        .unwrap();
    assert_eq!(session.get(server.url("/")).send().await.unwrap().attempts(), 3);
    let requests = server.requests();
    let field = |request: &sortie_testkit::Head, name| {
        request.headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned())
    };
    let sent: Vec<_> =
        requests.iter().map(|request| (field(request, "authorization"), field(request, "cookie"))).collect();
    let expected = [("Count 0", None), ("Count 1", Some("seen=1")), ("Count 2", Some("seen=2"))]
        .map(|(auth, cookie)| (Some(auth.to_owned()), cookie.map(str::to_owned)));
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn rules_and_a_closure_decide_and_the_log_tells() {
    let server =
        in_turn(&[|| reply(429, [("retry-after", "0")], ""), || reply(409, [("x-busy", "1")], ""), try_again, ok]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let observer = told.clone();
    let options = standard()
        .attempts(4)
        .on_status(StatusCode::TOO_MANY_REQUESTS, Rule::retry().any_method())
        .on_failure(Failure::Timeout, Rule::stop())
        .decide(|tried| match tried.headers().is_some_and(|headers| headers.contains_key("x-busy")) {
            true => Decision::RetryAfter(Duration::from_millis(1)),
            false => Decision::Default,
        })
        .on_decision(move |tried, attempt: &Attempt| {
            observer.lock().unwrap().push(format!("{} {attempt}", tried.method()));
        });
    let response = session().post(server.url("/")).retry(options).body("x").send().await.unwrap();
    let log: Vec<_> = response.retry_log().iter().map(ToString::to_string).collect();
    let expected = ["429, again at once", "409, again after 1ms", "503, not again: the request is not idempotent"];
    assert_eq!((response.status().as_u16(), &log[..]), (503, &expected.map(str::to_owned)[..]));
    assert_eq!(*told.lock().unwrap(), expected.map(|line| format!("POST {line}")));
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_repeated_where_that_is_asked_for() {
    let slow = || Steps::new().read_head().hold();
    for (options, connections, stop) in
        [(standard(), 2, None), (standard().on_failure(Failure::Timeout, Rule::stop()), 1, Some(Stop::NotRetried))]
    {
        let server = TcpScript::in_order([slow(), Steps::new().read_head().send(OK).hold()]);
        let limit = sortie::timeout::TimeoutOptions::default().attempt(Duration::from_millis(300));
        let result = session().get(server.url("/")).timeouts(limit).retry(options).send().await;
        assert_eq!((result.is_ok(), server.connections()), (stop.is_none(), connections));
    }
}

#[tokio::test]
async fn no_secret_of_a_url_is_in_the_log() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = session().get(format!("http://user:s3cret@{address}/?s3cret")).send().await.unwrap_err();
    let attempts = find::<retry::Failed>(&error).unwrap().attempts();
    let shown: Vec<_> = attempts.iter().map(|attempt| format!("{attempt} {attempt:?}")).collect();
    assert!(shown[0].contains("again at once") && shown[1].contains("used up"), "{shown:?}");
    assert!(!shown.concat().contains("s3cret"));
}

#[tokio::test]
async fn a_failure_after_redirects_tells_both_ways() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let location = format!("http://{address}/end");
    let server = TestServer::from_fn(move |_| {
        let answer = crate::support::redirect(302, &location);
        async move { answer }
    });
    let error = session().get(server.url("/")).send().await.unwrap_err();
    check(&error, ErrorKind::Connect, "the request after 1 redirect failed");
    let failed = find::<redirect::Failed>(&error).unwrap();
    assert_eq!((failed.history().len(), failed.url().unwrap().path()), (1, "/end"));
    assert_eq!(find::<retry::Failed>(&error).unwrap().attempts().count(), 2);
}

/// How often each of these calls is sent where every answer is a 503 and no attempt is one too many.
async fn sends(session: &sortie::Session, calls: usize) -> Vec<usize> {
    let mut sends = Vec::new();
    for _ in 0..calls {
        sends.push(session.get("http://busy.test/").send().await.unwrap().attempts());
    }
    sends
}

fn busy_in_memory() -> sortie::SessionBuilder {
    let busy = Scripted::<Body>::from_fn(|_, _| Ok(try_again()));
    builder().transport(busy).retry(standard().attempts(100))
}

// The clock is paused, for a budget earns by the second.
#[tokio::test(start_paused = true)]
async fn a_budget_keeps_retries_to_its_reserve_and_a_fifth_of_the_calls() {
    assert_eq!(sends(&busy_in_memory().build().unwrap(), 5).await, [11, 1, 1, 1, 2]);
    let free = busy_in_memory().retry(standard().attempts(100).no_budget()).build().unwrap();
    assert_eq!(sends(&free, 2).await, [100, 100]);
}

#[tokio::test(start_paused = true)]
async fn a_session_built_from_another_spends_from_the_same_budget() {
    let first = busy_in_memory().build().unwrap();
    let second = first.to_builder().header("x-new", "1").build().unwrap();
    assert_eq!(sends(&first, 1).await, [11]);
    assert_eq!(sends(&second, 4).await, [1, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn one_budget_limits_two_sessions_and_a_mount_of_one_together() {
    let budget = Budget::new(0.0, 6.0);
    let options = || standard().attempts(4).budget(budget.clone());
    let first = busy_in_memory().retry(options()).build().unwrap();
    let mounted = Mount::new().retry(options());
    let second = busy_in_memory().retry(RetryOptions::none()).mount("http://busy.test/", mounted).build().unwrap();
    assert_eq!(sends(&first, 1).await, [4]);
    assert_eq!(sends(&second, 2).await, [4, 1]);
    assert_eq!(sends(&first, 1).await, [1]);
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(sends(&second, 1).await, [4]);
}
