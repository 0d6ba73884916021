//! How do I add a layer of my own, and where? One layer at each of the three places, and how often each is called.
//!
//! | place | called once per | sees |
//! |---|---|---|
//! | `layer` | call | what the caller sends, and what the caller gets |
//! | `hop_layer` | hop of a redirect chain | each URL, before retries, auth and cookies |
//! | `wire_layer` | send | the request as it goes out: signed, with its cookies |

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Redirect;
use axum::routing::get;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use sortie::auth::Bearer;
use sortie::retry::{Backoff, RetryOptions};
use sortie::{BoxError, Session};
use sortie_testkit::TestServer;
use tower_layer::Layer;
use tower_service::Service;

/// Writes down every request that passes.
#[derive(Clone, Default)]
struct RecordLayer(Arc<Mutex<Vec<String>>>);

impl RecordLayer {
    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S> Layer<S> for RecordLayer {
    type Service = Record<S>;

    fn layer(&self, inner: S) -> Record<S> {
        Record { inner, seen: self.clone() }
    }
}

#[derive(Clone)]
struct Record<S> {
    inner: S,
    seen: RecordLayer,
}

/// A layer that calls what is below it once, and changes nothing of what comes back, can hand its future through.
impl<S: Service<Request<B>>, B> Service<Request<B>> for Record<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let signed = if request.headers().contains_key(AUTHORIZATION) { "signed" } else { "unsigned" };
        let line = format!("{} {}, {signed}", request.method(), request.uri().path());
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        self.inner.call(request)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::new(site());
    let (call, hop, wire) = (RecordLayer::default(), RecordLayer::default(), RecordLayer::default());
    let session = Session::builder()
        .auth(Bearer::new("t0k3n"))
        .retry(RetryOptions::standard().backoff(Backoff::constant(Duration::from_millis(1))))
        .layer(call.clone())
        .hop_layer(hop.clone())
        .wire_layer(wire.clone())
        .no_env()
        .build()?;

    // Redirected once, and what it is redirected to fails once: one call, two hops, three sends.
    let response = session.get(server.url("/start")).send().await?;
    assert_eq!((response.status(), response.history().len(), response.attempts()), (StatusCode::OK, 1, 2));

    for (place, layer) in [("layer", &call), ("hop_layer", &hop), ("wire_layer", &wire)] {
        println!("{place:11} {} times: {}", layer.seen().len(), layer.seen().join("; "));
    }
    assert_eq!(call.seen(), ["GET /start, unsigned"]);
    assert_eq!(hop.seen(), ["GET /start, unsigned", "GET /end, unsigned"]);
    assert_eq!(wire.seen(), ["GET /start, signed", "GET /end, signed", "GET /end, signed"]);
    Ok(())
}

fn site() -> Router {
    Router::new()
        .route("/start", get(async || Redirect::to("/end")))
        .route("/end", get(fails_once))
        .with_state(Arc::default())
}

async fn fails_once(State(calls): State<Arc<AtomicUsize>>) -> StatusCode {
    if calls.fetch_add(1, Ordering::Relaxed) == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}
