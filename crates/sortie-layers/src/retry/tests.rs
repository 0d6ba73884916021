use std::sync::Mutex;
use std::time::Duration;

use super::*;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::Full;
use sortie_core::{Body, Elapsed, Fault, InFlight, Outcome, PerRequest, Phase, find};
use sortie_testkit::{Answer, NotDefault, Scripted, Strict, prove_layer, reply, status};
use tower::ServiceExt;

prove_layer!(default, RetryLayer::default);
prove_layer!(standard, || RetryLayer::new(RetryOptions::standard()));
prove_layer!(none, || RetryLayer::new(RetryOptions::none()));

fn fault(outcome: Outcome) -> Answer {
    Answer::error(Fault::new(outcome, "broken"))
}

fn request(method: Method, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri("http://a/").body(body.into()).unwrap()
}

fn once() -> Body {
    Body::new(NotDefault::new("content"))
}

async fn send(server: &Scripted, options: RetryOptions, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    RetryLayer::new(options).layer(Strict::new(server.clone())).oneshot(request).await
}

fn count(response: &Response<Body>) -> Option<usize> {
    response.extensions().get().map(Attempts::count)
}

fn stop(response: &Response<Body>) -> Option<Stop> {
    response.extensions().get().and_then(Attempts::stop)
}

#[tokio::test]
async fn a_request_that_was_not_sent_is_sent_once_more_with_its_body_and_at_once() {
    let server = Scripted::new([fault(Outcome::Connect { phase: Phase::Handshake }), status(200).into()]);
    let mut post = request(Method::POST, "content");
    post.extensions_mut().insert(7_u8);
    post.headers_mut().insert("accept", "*/*".parse().unwrap());
    let response = send(&server, RetryOptions::default(), post).await.unwrap();
    assert_eq!(count(&response), Some(2));
    for request in server.requests() {
        assert_eq!((&request.method, &request.body[..]), (&Method::POST, &b"content"[..]));
        assert_eq!((request.header("accept"), request.extensions.get()), (Some("*/*"), Some(&7_u8)));
    }
}

#[tokio::test]
async fn one_attempt_leaves_no_mark() {
    let server = Scripted::new([status(503)]);
    let response = send(&server, RetryOptions::default(), request(Method::GET, ())).await.unwrap();
    assert!(response.status() == 503 && response.extensions().is_empty());

    let server = Scripted::new([fault(Outcome::MaybeProcessed)]);
    let error = send(&server, RetryOptions::default(), request(Method::GET, ())).await.unwrap_err();
    assert!(find::<Failed>(&*error).is_none());
}

#[tokio::test]
async fn what_a_rule_has_stopped_says_so_also_after_one_attempt() {
    let options = RetryOptions::standard()
        .on_status(StatusCode::SERVICE_UNAVAILABLE, Rule::stop())
        .on_failure(Failure::Refused, Rule::stop());
    let server = Scripted::new([status(503).into(), fault(Outcome::Refused)]);
    let response = send(&server, options.clone(), request(Method::GET, ())).await.unwrap();
    assert_eq!(response.extensions().get::<Attempts>().unwrap().stop(), Some(Stop::Rule));
    let error = send(&server, options, request(Method::GET, ())).await.unwrap_err();
    assert_eq!(find::<Failed>(&*error).unwrap().attempts().stop(), Some(Stop::Rule));
}

#[tokio::test(start_paused = true)]
async fn the_last_response_is_the_answer() {
    let server = Scripted::from_fn(|_, _| Ok(status(503)));
    let response = send(&server, RetryOptions::standard(), request(Method::GET, ())).await.unwrap();
    assert_eq!((response.status().as_u16(), count(&response), server.count()), (503, Some(3), 3));
}

#[tokio::test(start_paused = true)]
async fn the_last_error_is_the_calls_and_tells_the_attempts() {
    let server = Scripted::new([fault(Outcome::Refused), status(502).into(), fault(Outcome::MaybeProcessed)]);
    let error = send(&server, RetryOptions::standard(), request(Method::GET, ())).await.unwrap_err();
    assert_eq!(find::<Failed>(&*error).unwrap().attempts().count(), 3);
    assert_eq!(error.to_string(), "the request failed 3 times");
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
}

#[tokio::test(start_paused = true)]
async fn it_waits_as_long_as_it_was_asked_to() {
    let start = Instant::now();
    let server = Scripted::new([reply(429, [("retry-after", "7")], ""), status(200)]);
    send(&server, RetryOptions::standard(), request(Method::GET, ())).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn its_back_off_is_jittered_up_to_its_bound() {
    for _ in 0..20 {
        let start = Instant::now();
        let server = Scripted::new([status(503), status(503), status(200)]);
        send(&server, RetryOptions::standard(), request(Method::GET, ())).await.unwrap();
        // A millisecond more for each sleep: tokio's timer rounds up.
        assert!(start.elapsed() <= Duration::from_millis(302), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn it_does_not_wait_past_the_calls_deadline() {
    for (left, answered) in [(6, 503), (8, 200)] {
        let start = Instant::now();
        let server = Scripted::new([reply(503, [("retry-after", "7")], ""), status(200)]);
        let mut get = request(Method::GET, ());
        get.extensions_mut().insert(Deadline::new((start + Duration::from_secs(left)).into_std()));
        let response = send(&server, RetryOptions::standard(), get).await.unwrap();
        assert_eq!(response.status().as_u16(), answered, "{left} s");
        assert_eq!(start.elapsed().is_zero(), answered == 503);
    }
}

#[tokio::test]
async fn a_body_that_can_be_sent_only_once_is_sent_once() {
    let server = Scripted::new([fault(Outcome::Refused)]);
    let error = send(&server, RetryOptions::default(), request(Method::PUT, once())).await.unwrap_err();
    assert!(find::<NotReplayable>(&*error).is_some() && find::<Failed>(&*error).is_none());
    assert_eq!(Outcome::of(&*error), Some(Outcome::Refused));

    let server = Scripted::new([status(503)]);
    let response = send(&server, RetryOptions::standard(), request(Method::PUT, once())).await.unwrap();
    assert_eq!((response.status().as_u16(), count(&response), server.count()), (503, Some(1), 1));
    assert_eq!(stop(&response), Some(Stop::NotReplayable));

    // What would not be retried anyway is not the body's fault.
    let server = Scripted::new([fault(Outcome::MaybeProcessed)]);
    let error = send(&server, RetryOptions::default(), request(Method::PUT, once())).await.unwrap_err();
    assert!(find::<NotReplayable>(&*error).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_request_overrides_the_layers_options() {
    for (layer, over, sends) in [
        (RetryOptions::standard(), None, 3),
        (RetryOptions::standard(), Some(PerRequest::Off), 1),
        (RetryOptions::none(), Some(PerRequest::Use(RetryOptions::standard().attempts(5))), 5),
    ] {
        let server = Scripted::from_fn(|_, _| Ok(status(503)));
        let mut get = request(Method::GET, ());
        if let Some(over) = over {
            get.extensions_mut().insert::<PerRequest<RetryOptions>>(over);
        }
        send(&server, layer, get).await.unwrap();
        assert_eq!(server.count(), sends);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idempotency_key_makes_a_post_repeatable() {
    for (key, sends) in [(false, 1), (true, 3)] {
        let server = Scripted::from_fn(|_, _| Err(Elapsed::new(Phase::Attempt, Duration::from_secs(1)).into()));
        let mut post = request(Method::POST, "content");
        if key {
            post.headers_mut().insert("idempotency-key", "1".parse().unwrap());
        }
        send(&server, RetryOptions::standard(), post).await.unwrap_err();
        assert_eq!(server.count(), sends);
    }
}

/// How many requests reach a server that always fails, of `calls` through one layer.
async fn sent(calls: usize, options: RetryOptions, over: Option<RetryOptions>) -> usize {
    let server = Scripted::<Full<Bytes>>::from_fn(|_, _| Ok(status(503)));
    let service = RetryLayer::new(options.backoff(Backoff::none())).layer(server.clone());
    for _ in 0..calls {
        let mut get = Request::new(Full::default());
        if let Some(over) = over.clone() {
            get.extensions_mut().insert(PerRequest::Use(over.backoff(Backoff::none())));
        }
        assert_eq!(service.clone().oneshot(get).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    server.count()
}

#[tokio::test(start_paused = true)]
async fn a_fleet_adds_no_more_than_a_fifth_to_the_load_of_failing_servers() {
    let standard = RetryOptions::standard;
    assert_eq!(sent(1000, standard(), None).await, 1000 + 200 + 10);
    assert_eq!(sent(5, standard(), None).await, 15);
    assert_eq!(sent(1000, standard().no_budget(), None).await, 3000);
    // The layer's budget counts for options that come with a request as well.
    assert_eq!(sent(1000, RetryOptions::default(), Some(standard())).await, 1000 + 200 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_budget_can_be_shared() {
    let budget = Budget::default();
    let options = || RetryOptions::standard().budget(budget.clone());
    assert_eq!(sent(100, options(), None).await, 100 + 20 + 10);
    assert_eq!(sent(100, options(), None).await, 100 + 20);
}

#[tokio::test(start_paused = true)]
async fn a_response_is_dropped_before_the_wait_and_the_next_attempt() {
    let open = InFlight::default();
    let server = Scripted::from_fn({
        let open = open.clone();
        move |_, _| {
            assert_eq!(open.count(), 0);
            Ok(reply(503, [("retry-after", "5")], "busy").map(|body| body.hold(open.enter().unwrap())))
        }
    });
    let call = tokio::spawn(async move { send(&server, RetryOptions::standard(), request(Method::GET, ())).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(open.count(), 0);
    assert_eq!(count(&call.await.unwrap().unwrap()), Some(3));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_tells_how_it_ended_and_what_followed() {
    let server = Scripted::new([
        reply(429, [("retry-after", "2")], "").into(),
        Answer::error(Elapsed::new(Phase::Attempt, Duration::from_secs(1))),
        status(200).into(),
    ]);
    let options = RetryOptions::standard().backoff(Backoff::constant(Duration::from_millis(500)));
    let response = send(&server, options, request(Method::GET, ())).await.unwrap();
    let attempts = response.extensions().get::<Attempts>().unwrap();
    let [busy, slow, done] = &attempts[..] else { panic!("{attempts:?}") };

    let wait = Duration::from_secs(2);
    assert_eq!((busy.status(), busy.retry_after()), (Some(StatusCode::TOO_MANY_REQUESTS), Some(wait)));
    assert_eq!((busy.next(), busy.elapsed()), (Next::Retried { because: Because::Status, wait }, Duration::ZERO));
    assert!(matches!(slow.end(), AttemptEnd::Failed { failure: Some(Failure::Timeout), outcome: None, .. }));
    assert!(matches!(slow.next(), Next::Retried { because: Because::Failure(Failure::Timeout), .. }));
    assert_eq!((slow.status(), slow.elapsed().as_secs()), (None, 2));
    assert_eq!((done.status(), done.next()), (Some(StatusCode::OK), Next::Stopped(Stop::NotRetried)));

    let shown: Vec<_> = attempts.iter().map(ToString::to_string).collect();
    let timed_out = "timed out after 1s (attempt; set by TimeoutOptions::attempt), again after 500ms";
    assert_eq!(shown, ["429, again after 2s", timed_out, "200, not again: nothing calls for it"]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_was_refused_says_why() {
    let wait = |value: &'static str| reply(503, [("retry-after", value)], "");
    let empty = Budget::new(0.0, 0.0);
    let standard = RetryOptions::standard;
    for (options, method, answer, expected) in [
        (standard(), Method::POST, status(503), Stop::NotIdempotent),
        (standard(), Method::GET, wait("61"), Stop::RetryAfterTooLong),
        (standard().total(Duration::from_secs(5)), Method::GET, wait("5"), Stop::TotalTime),
        (standard().budget(empty), Method::GET, status(503), Stop::BudgetEmpty),
        (standard().decide(|_| Decision::Stop), Method::GET, status(200), Stop::Decided),
        (
            standard().on_status(StatusCode::OK, Rule::retry().attempts(1)),
            Method::GET,
            status(200),
            Stop::AttemptsUsedUp,
        ),
    ] {
        let server = Scripted::new([answer]);
        let response = send(&server, options, request(method, ())).await.unwrap();
        assert_eq!((count(&response), stop(&response)), (Some(1), Some(expected)));
    }
    let server = Scripted::new([fault(Outcome::StaleReuse)]);
    let error = send(&server, RetryOptions::default(), request(Method::POST, ())).await.unwrap_err();
    let failed = find::<Failed>(&*error).unwrap();
    assert_eq!((failed.attempts().count(), failed.attempts().stop()), (1, Some(Stop::NotIdempotent)));
    assert_eq!(error.to_string(), "the request failed and was not sent again: the request is not idempotent");
}

#[tokio::test(start_paused = true)]
async fn a_closure_may_repeat_what_the_rules_would_not() {
    let server = Scripted::new([status(409), status(200), status(201)]);
    let start = Instant::now();
    let options =
        RetryOptions::default().attempts(9).decide(|tried| match tried.status().map(|status| status.as_u16()) {
            Some(409) => Decision::RetryAfter(Duration::from_secs(90)),
            Some(200) => Decision::Retry,
            _ => Decision::Default,
        });
    let response = send(&server, options.clone(), request(Method::POST, "content")).await.unwrap();
    assert_eq!((response.status().as_u16(), count(&response), start.elapsed().as_secs()), (201, Some(3), 90));
    assert!(server.requests().iter().all(|request| request.body == "content"));

    // What can be sent only once is sent once all the same.
    let server = Scripted::new([status(409)]);
    let response = send(&server, options.clone(), request(Method::POST, once())).await.unwrap();
    assert_eq!((response.status().as_u16(), stop(&response)), (409, Some(Stop::NotReplayable)));
    let server = Scripted::new([fault(Outcome::MaybeProcessed)]);
    let error = send(&server, options.decide(|_| Decision::Retry), request(Method::PUT, once())).await.unwrap_err();
    assert!(find::<NotReplayable>(&*error).is_some());
}

#[tokio::test(start_paused = true)]
async fn observers_are_told_of_each_decision_when_it_is_made() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let options = |budget| {
        let told = told.clone();
        RetryOptions::standard().backoff(Backoff::none()).budget(budget).on_decision(move |tried, attempt| {
            let line = format!("{} {} {}: {attempt}", tried.method(), tried.uri().path(), tried.sends());
            told.lock().unwrap().push(line);
        })
    };
    let budget = Budget::new(0.0, 1.0);
    let server = Scripted::new([status(503), status(502), status(200)]);
    send(&server, options(budget.clone()), request(Method::GET, ())).await.unwrap();
    assert_eq!(
        std::mem::take(&mut *told.lock().unwrap()),
        [
            "GET / 1: 503, again at once",
            "GET / 2: 502, not again: the retry budget is empty (set by RetryOptions::budget)",
        ]
    );
    // A call that simply succeeds, or fails in a way that is not retried, is no decision.
    send(&server, options(budget.clone()), request(Method::GET, ())).await.unwrap();
    let server = Scripted::new([status(404)]);
    send(&server, options(budget), request(Method::GET, ())).await.unwrap();
    assert!(told.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_time_for_retries_ends_them_and_no_attempt() {
    let server = Scripted::from_fn(|_, _| Ok(status(503)));
    let options = RetryOptions::standard().attempts(100).no_budget();
    let options = options.backoff(Backoff::constant(Duration::from_secs(2))).total(Duration::from_secs(7));
    let start = Instant::now();
    let response = send(&server, options, request(Method::GET, ())).await.unwrap();
    // At 0, 2, 4 and 6 seconds.
    assert_eq!((count(&response), stop(&response), start.elapsed().as_secs()), (Some(4), Some(Stop::TotalTime), 6));
}

#[tokio::test(start_paused = true)]
async fn a_rule_gives_more_attempts_than_the_rest_have_also_where_those_have_one() {
    let rule = Rule::retry().attempts(4).backoff(Backoff::none());
    let options = RetryOptions::none().on_status(StatusCode::TOO_MANY_REQUESTS, rule);
    for (code, sends) in [(429, 4), (503, 1)] {
        let server = Scripted::from_fn(move |_, _| Ok(status(code)));
        send(&server, options.clone(), request(Method::GET, ())).await.unwrap();
        assert_eq!(server.count(), sends, "{code}");
    }
}

#[test]
fn what_is_shown_of_the_options_are_no_closures() {
    let options = RetryOptions::standard().decide(|_| Decision::Default).on_decision(|_, _| ());
    let shown = format!("{options:?}");
    assert!(shown.contains("Decide") && shown.contains("Observe"), "{shown}");
}
