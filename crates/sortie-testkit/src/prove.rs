//! What [`prove_layer!`](crate::prove_layer) expands to: one function for each proof, so that nothing need be in scope
//! where the macro is used and a layer that does not fit is reported against the bounds written here.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sortie_core::{Body, BoxError, BoxFuture, call_when_ready};
use tokio::net::TcpListener;
use tower::buffer::Buffer;
use tower::limit::ConcurrencyLimit;
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;
use tower_service::Service;

use crate::{NotDefault, Strict};

/// Proves that a layer works over the services that its users put it over.
///
/// `prove_layer!(name, || layer)` expands to a module `name` of tests. Each of them makes the layer anew with the
/// closure, puts it over a service that answers every request with 200 `ok`, sends a `GET`, and expects just that
/// answer:
///
/// - an [`axum::Router`], which cannot fail (`Infallible`);
/// - hyper-util's legacy `Client`, over a socket;
/// - tower's `BoxCloneSyncService`, whose future and error are boxed;
/// - tower's `Buffer` and `ConcurrencyLimit`, which take capacity in `poll_ready` and panic without it;
/// - a [`Strict`] service, which panics if any clone is called unready, with none to two pending polls;
/// - a body type that is not `Default` ([`NotDefault`]).
///
/// A further test drops the call at every one of its polls; the same service must still answer the next call.
///
/// The layer need only implement `tower_layer::Layer`; what it makes answers with any body of `Bytes` and fails with
/// anything that is `Debug`. The closure sees what is in scope where the macro stands.
///
/// ```
/// sortie_testkit::prove_layer!(identity, || tower_layer::Identity::new());
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! prove_layer {
    ($name:ident, $layer:expr $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn works_over_an_axum_router() {
                $crate::__private::over_router($layer);
            }

            #[test]
            fn works_over_a_hyper_util_client() {
                $crate::__private::over_client($layer);
            }

            #[test]
            fn works_over_a_boxed_service() {
                $crate::__private::over_boxed($layer);
            }

            #[test]
            fn works_over_a_buffer() {
                $crate::__private::over_buffer($layer);
            }

            #[test]
            fn works_over_a_concurrency_limit() {
                $crate::__private::over_concurrency_limit($layer);
            }

            #[test]
            fn calls_only_what_it_polled_ready() {
                $crate::__private::over_strict($layer);
            }

            #[test]
            fn works_with_a_body_that_is_not_default() {
                $crate::__private::with_not_default($layer);
            }

            #[test]
            fn its_call_can_be_dropped_at_any_poll() {
                $crate::__private::dropped_at_any_poll($layer);
            }
        }
    };
}

/// A proof takes milliseconds; one that takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a layer must make of the service below it.
pub trait Proven<B>:
    Service<Request<B>, Response = Response<Self::ResponseBody>, Error: Debug, Future: Future>
{
    /// The body of its responses.
    type ResponseBody: http_body::Body<Data = Bytes, Error: Debug>;
}

impl<S, B, RB> Proven<B> for S
where
    S: Service<Request<B>, Response = Response<RB>, Error: Debug>,
    RB: http_body::Body<Data = Bytes, Error: Debug>,
{
    type ResponseBody = RB;
}

type Boxed = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;
type Buffered = Buffer<Request<Body>, BoxFuture<'static, Result<Response<Body>, BoxError>>>;

/// Over an axum `Router`.
pub fn over_router<L: Layer<Router, Service: Proven<Body>>>(make: impl FnOnce() -> L) {
    run(async { answers(make().layer(Router::new().fallback(async || "ok")), get(PROOF)).await });
}

/// Over hyper-util's legacy client.
pub fn over_client<L: Layer<Client<HttpConnector, Body>, Service: Proven<Body>>>(make: impl FnOnce() -> L) {
    run(async {
        let server = serve().await;
        let client = Client::builder(TokioExecutor::new()).build_http();
        answers(make().layer(client), get(&format!("http://{server}/"))).await;
    });
}

/// Over tower's boxed service.
pub fn over_boxed<L: Layer<Boxed, Service: Proven<Body>>>(make: impl FnOnce() -> L) {
    run(async { answers(make().layer(Boxed::new(Fine)), get(PROOF)).await });
}

/// Over tower's `Buffer`.
pub fn over_buffer<L: Layer<Buffered, Service: Proven<Body>>>(make: impl FnOnce() -> L) {
    run(async { answers(make().layer(Buffered::new(Fine, 1)), get(PROOF)).await });
}

/// Over tower's `ConcurrencyLimit`.
pub fn over_concurrency_limit<L: Layer<ConcurrencyLimit<Fine>, Service: Proven<Body>>>(make: impl FnOnce() -> L) {
    run(async { answers(make().layer(ConcurrencyLimit::new(Fine, 1)), get(PROOF)).await });
}

/// Over a strict service, twice for each number of pending polls.
pub fn over_strict<L: Layer<Strict<Fine>, Service: Proven<Body>>>(make: impl FnOnce() -> L) {
    run(async {
        let layer = make();
        for polls in 0..3 {
            let mut service = layer.layer(Strict::new(Fine).polls(polls));
            for _ in 0..2 {
                answers(&mut service, get(PROOF)).await;
            }
        }
    });
}

/// With a request body that is not `Default`.
pub fn with_not_default<L: Layer<Strict<Fine>, Service: Proven<NotDefault>>>(make: impl FnOnce() -> L) {
    let request = get(PROOF).map(|_| NotDefault::new("proof"));
    run(async { answers(make().layer(Strict::new(Fine)), request).await });
}

/// Dropped after no poll, after one, and so on until the call ends.
pub fn dropped_at_any_poll<L: Layer<Strict<Fine>, Service: Proven<Body>>>(make: impl FnOnce() -> L) {
    run(async {
        let mut service = make().layer(Strict::new(Fine));
        let mut polls = 0;
        while !ends_within(&mut service, polls).await {
            answers(&mut service, get(PROOF)).await;
            polls += 1;
        }
    });
}

const PROOF: &str = "http://proof.test/";

fn get(uri: &str) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri.parse::<Uri>().expect("the proofs' own URIs are valid");
    request
}

fn run(proof: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let proof = async { tokio::time::timeout(DEADLINE, proof).await };
    runtime.block_on(proof).unwrap_or_else(|_| panic!("the call did not end within {DEADLINE:?}"));
}

async fn answers<S: Proven<B>, B>(service: S, request: Request<B>) {
    let response = call_when_ready(service, request).await.expect("the service below never fails");
    assert_eq!(response.status(), 200);
    assert_eq!(pin!(response.into_body()).collect().await.expect("nor does its body").to_bytes(), "ok");
}

/// Calls the service and polls the call up to `polls` times; says whether it ended by then.
async fn ends_within<S: Proven<Body>>(service: &mut S, polls: usize) -> bool {
    poll_fn(|cx| service.poll_ready(cx)).await.expect("the service below never fails");
    let mut call = pin!(service.call(get(PROOF)));
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        call.as_mut().poll(cx).map(|_| true)
    })
    .await
}

/// Answers any request with 200 `ok`, after it has read the body and been polled a few times.
#[derive(Clone, Debug)]
pub struct Fine;

impl<B> Service<Request<B>> for Fine
where
    B: http_body::Body<Error: Into<BoxError>> + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(async move {
            request.into_body().collect().await.map_err(Into::into)?;
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
            Ok(Response::new("ok".into()))
        })
    }
}

/// An HTTP/1.1 server on a loopback socket, for as long as the runtime.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on the loopback");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(Body::from("ok"))));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tower_layer::{Identity, layer_fn};

    prove_layer!(identity, Identity::new);
    prove_layer!(stacked, || tower_layer::Stack::new(Identity::new(), Identity::new()));

    /// Calls a clone that it has not asked.
    #[derive(Clone)]
    struct Careless<S>(S);

    impl<S: Service<R> + Clone, R> Service<R> for Careless<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, request: R) -> S::Future {
            self.0.clone().call(request)
        }
    }

    #[test]
    #[should_panic(expected = "on this very clone")]
    fn a_call_of_an_unready_clone_is_caught() {
        over_strict(|| layer_fn(Careless));
    }

    #[test]
    #[should_panic(expected = "poll_ready")]
    fn a_concurrency_limit_catches_it_too() {
        over_concurrency_limit(|| layer_fn(Careless));
    }

    /// Is free again only if its call runs to its end.
    struct Careful<S>(S, Arc<AtomicBool>);

    impl<S: Service<R, Future: Send + 'static>, R> Service<R> for Careful<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, request: R) -> Self::Future {
            assert!(!self.1.swap(true, Ordering::Relaxed), "busy for ever");
            let (call, busy) = (self.0.call(request), self.1.clone());
            Box::pin(async move {
                let answer = call.await;
                busy.store(false, Ordering::Relaxed);
                answer
            })
        }
    }

    #[test]
    #[should_panic(expected = "busy for ever")]
    fn what_a_dropped_call_leaves_behind_is_caught() {
        dropped_at_any_poll(|| layer_fn(|inner| Careful(inner, Arc::default())));
    }

    #[test]
    fn every_poll_of_a_call_is_a_place_to_drop_it() {
        let polls = Cell::new(0);
        run(async {
            while !ends_within(&mut Strict::new(Fine), polls.get()).await {
                polls.set(polls.get() + 1);
            }
        });
        assert_eq!(polls.get(), 3);
    }
}
