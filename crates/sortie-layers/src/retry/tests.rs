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
    assert_eq!((response.status().as_u16(), count(&response), server.count()), (503, None, 1));

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
