use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use sortie_core::{Body, Elapsed, find};
use sortie_testkit::{Answer, Scripted, prove_layer, status};
use tokio::time::{Instant, Sleep, sleep};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

prove_layer!(total, || TimeoutLayer::total(secs(60)));
prove_layer!(hop, || TimeoutLayer::hop(Some(60 * SECOND)));
prove_layer!(attempt, || TimeoutLayer::attempt(secs(60)));
prove_layer!(unset, || TimeoutLayer::total(TimeoutOptions::default()));

/// Both limits.
fn secs(limit: u64) -> TimeoutOptions {
    TimeoutOptions::default().total(Duration::from_secs(limit)).attempt(Duration::from_secs(limit))
}

fn request() -> Request<Body> {
    Request::new(Body::empty())
}

fn elapsed(error: &BoxError) -> (Phase, u64) {
    let elapsed = find::<Elapsed>(&**error).expect("a limit has run out");
    (elapsed.phase(), elapsed.limit().as_secs())
}

/// A body without an end: a chunk, then a pause, and so on.
struct Drip {
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
    _alive: Arc<()>,
}

impl Drip {
    fn every(pause: Duration, alive: &Arc<()>) -> Self {
        Self { pause, sleep: Box::pin(sleep(Duration::ZERO)), _alive: alive.clone() }
    }
}

impl HttpBody for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.pause.is_zero() {
            std::task::ready!(self.sleep.as_mut().poll(cx));
            let next = Instant::now() + self.pause;
            self.sleep.as_mut().reset(next);
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

#[test]
fn a_request_overrides_field_by_field() {
    let unset = TimeoutOptions::default();
    for (layer, asked, total, attempt) in [
        (secs(9), None, Some(9), Some(9)),
        (unset, None, None, None),
        (unset.no_total().no_attempt(), None, None, None),
        (secs(9), Some(PerRequest::Use(unset)), Some(9), Some(9)),
        (secs(9), Some(PerRequest::Use(unset.total(SECOND))), Some(1), Some(9)),
        (secs(9), Some(PerRequest::Use(unset.no_total().attempt(SECOND))), None, Some(1)),
        (unset, Some(PerRequest::Use(unset.no_attempt().total(SECOND))), Some(1), None),
        (secs(9), Some(PerRequest::Off), None, None),
    ] {
        let mut extensions = Extensions::new();
        asked.map(|asked| extensions.insert(asked));
        let secs = |field: Field| limit(field, &extensions, field(&layer).and_then(value)).map(|limit| limit.as_secs());
        let limits = (secs(|options| options.total), secs(|options| options.attempt));
        assert_eq!(limits, (total, attempt), "{layer:?} {asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_ends_with_the_limit_of_its_phase() {
    let began = Instant::now();
    let never = || Scripted::<Body>::new([Answer::never()]);
    let error = TimeoutLayer::total(secs(3)).layer(never()).oneshot(request()).await.unwrap_err();
    assert_eq!(elapsed(&error), (Phase::Total, 3));
    let error = TimeoutLayer::hop(Some(2 * SECOND)).layer(never()).oneshot(request()).await.unwrap_err();
    assert_eq!(elapsed(&error), (Phase::Hop, 2));
    let error = TimeoutLayer::attempt(secs(1)).layer(never()).oneshot(request()).await.unwrap_err();
    assert_eq!(elapsed(&error), (Phase::Attempt, 1));
    assert_eq!(began.elapsed().as_secs(), 3 + 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_dropped_when_the_limit_runs_out() {
    let alive = Arc::new(());
    let held = alive.clone();
    let service = service_fn(move |_: Request<Body>| {
        let held = held.clone();
        async move {
            let _held = held;
            pending::<Result<Response<Body>, Infallible>>().await
        }
    });
    let mut layered = TimeoutLayer::attempt(secs(1)).layer(service);
    let mut call = Box::pin(layered.ready().await.unwrap().call(request()));
    assert!(call.as_mut().await.is_err());
    // The call itself is still there; of what it held only the service's own is left.
    assert_eq!(Arc::strong_count(&alive), 2);
}

#[tokio::test(start_paused = true)]
async fn the_total_and_the_hop_cover_the_body_and_the_attempt_does_not() {
    let alive = Arc::new(());
    let drip = alive.clone();
    let service = service_fn(move |_: Request<Body>| {
        let body = Drip::every(SECOND, &drip);
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    for (layer, phase) in
        [(TimeoutLayer::total(secs(5)), Phase::Total), (TimeoutLayer::hop(Some(5 * SECOND)), Phase::Hop)]
    {
        let began = Instant::now();
        let mut body = layer.layer(service.clone()).oneshot(request()).await.unwrap().into_body();
        for _ in 0..5 {
            body.frame().await.unwrap().unwrap();
        }
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!((elapsed(&error), began.elapsed().as_secs()), ((phase, 5), 5));
        assert_eq!(Arc::strong_count(&alive), 2, "the body inside lives on");
        assert!(body.frame().await.is_none() && body.is_end_stream());
    }
    let attempt = TimeoutLayer::attempt(secs(5)).layer(service);
    let mut body = attempt.oneshot(request()).await.unwrap().into_body();
    for _ in 0..9 {
        body.frame().await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_pauses_is_ended_too() {
    let service = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Drip::every(Duration::ZERO, &Arc::new(()))))
    });
    let mut body = TimeoutLayer::total(secs(2)).layer(service).oneshot(request()).await.unwrap().into_body();
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
        sleep(SECOND).await;
    }
    assert_eq!(elapsed(&body.frame().await.unwrap().unwrap_err()), (Phase::Total, 2));
}

#[tokio::test(start_paused = true)]
async fn of_a_hop_within_a_total_the_first_to_run_out_ends_the_call() {
    for (total, hop, first) in [(3, 2, (Phase::Hop, 2)), (2, 3, (Phase::Total, 2))] {
        for answer in [Answer::never(), Response::new(Body::new(Drip::every(SECOND / 4, &Arc::new(())))).into()] {
            let layers = ServiceBuilder::new()
                .layer(TimeoutLayer::total(secs(total)))
                .layer(TimeoutLayer::hop(Some(Duration::from_secs(hop))));
            let call = layers.service(Scripted::<Body>::new([answer])).oneshot(request());
            let error = match call.await {
                Ok(response) => response.into_body().collect().await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(elapsed(&error), first);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_within_the_limit_passes() {
    let service = Scripted::<Body>::new([Answer::after(2 * SECOND, status(204))]);
    let response = TimeoutLayer::total(secs(3)).layer(service).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 204);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_announced_and_an_earlier_one_kept() {
    let now = Instant::now().into_std();
    let in_secs = |secs| Some(Deadline::new(now + Duration::from_secs(secs)));
    for (layer, outer, announced) in [
        (TimeoutLayer::total(secs(5)), None, in_secs(5)),
        (TimeoutLayer::total(secs(5)), in_secs(3), in_secs(3)),
        (TimeoutLayer::total(secs(5)), in_secs(8), in_secs(5)),
        (TimeoutLayer::total(TimeoutOptions::default().total(Duration::MAX)), None, None),
        (TimeoutLayer::total(TimeoutOptions::default()), None, None),
        (TimeoutLayer::hop(Some(5 * SECOND)), None, in_secs(5)),
        (TimeoutLayer::hop(Some(5 * SECOND)), in_secs(3), in_secs(3)),
        (TimeoutLayer::hop(None), in_secs(3), in_secs(3)),
        (TimeoutLayer::hop(None), None, None),
    ] {
        let service = Scripted::new([status(200)]);
        let mut request = request();
        outer.map(|outer| request.extensions_mut().insert(outer));
        layer.layer(service.clone()).oneshot(request).await.unwrap();
        assert_eq!(Deadline::of(&service.requests()[0].extensions), announced, "{layer:?} within {outer:?}");
    }
}

#[tokio::test]
async fn without_a_limit_the_body_comes_back_as_it_was() {
    let body = |limit| async move {
        let service = Scripted::<Body>::new([Response::new(Body::from("whole"))]);
        TimeoutLayer::hop(limit).layer(service).oneshot(request()).await.unwrap().into_body()
    };
    assert_eq!(Body::from(body(None).await).as_bytes(), Some(&b"whole"[..]));
    assert_eq!(Body::from(body(Some(Duration::MAX)).await).as_bytes(), Some(&b"whole"[..]));
    let limited = body(Some(SECOND)).await;
    assert_eq!(limited.size_hint().exact(), SizeHint::with_exact(5).exact());
    assert_eq!(Body::from(limited).collect().await.unwrap().to_bytes(), "whole");
}
