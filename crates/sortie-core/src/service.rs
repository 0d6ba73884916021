use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::downcast;
use crate::{Body, BoxError};

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A service that can stand anywhere in the tower: any `Service<http::Request<B>>` that answers with an
/// `http::Response`, whose body yields [`Bytes`], and that can be cloned and shared between threads.
///
/// It is implemented for all of them and folds their bounds into one name.
pub trait HttpService<B>:
    Service<
        Request<B>,
        Response = Response<Self::ResponseBody>,
        Error: Into<BoxError> + Send + 'static,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of its responses.
    type ResponseBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B, RB> HttpService<B> for S
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError> + Send + 'static, Future: Send + 'static>,
    S: Clone + Send + Sync + 'static,
    RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type ResponseBody = RB;
}

/// Any [`HttpService`] behind one type: `Clone + Send + Sync`, [`Body`] in both directions, [`BoxError`].
///
/// A clone is a reference count. It is always ready: a call clones the service inside, waits for that clone's
/// readiness and calls it, all in the one future that is allocated for the call.
#[derive(Clone)]
pub struct BoxHttp(Arc<dyn Erased>);

impl BoxHttp {
    /// Boxes a service; one that already is a `BoxHttp` comes back as it is.
    #[must_use]
    pub fn new<S: HttpService<Body>>(service: S) -> Self {
        downcast(service).unwrap_or_else(|service| Self(Arc::new(service)))
    }
}

impl fmt::Debug for BoxHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxHttp").finish_non_exhaustive()
    }
}

impl Service<Request<Body>> for BoxHttp {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.erased_call(request)
    }
}

trait Erased: Send + Sync {
    fn erased_call(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, BoxError>>;
}

impl<S: HttpService<Body>> Erased for S {
    fn erased_call(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, BoxError>> {
        Box::pin(ErasedFuture { inner: call_when_ready(self.clone(), request) })
    }
}

pin_project! {
    struct ErasedFuture<S>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        inner: CallWhenReady<S, Request<Body>>,
    }
}

impl<S, RB> Future for ErasedFuture<S>
where
    S: Service<Request<Body>, Response = Response<RB>, Error: Into<BoxError>>,
    RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx).map(|result| match result {
            Ok(response) => Ok(response.map(Body::new)),
            Err(error) => Err(error.into()),
        })
    }
}

/// Waits until `service` is ready, calls it with `request`, and waits for the answer.
///
/// The tool of everything that picks its service within a call, or calls one again: the clone that is called is the
/// clone that was polled ready. A service that is ready at once is called at once, so that what it does synchronously
/// happens now and its request is moved only once.
pub fn call_when_ready<S: Service<R>, R>(mut service: S, request: R) -> CallWhenReady<S, R> {
    // Nobody need be woken by this first look: a service that is not ready is polled again by the future, with the
    // task's own waker, before anything can wait on it.
    match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => CallWhenReady::Calling { future: service.call(request) },
        Poll::Ready(Err(error)) => CallWhenReady::Failed { error: Some(error) },
        Poll::Pending => CallWhenReady::Waiting { call: Some(Box::new((service, request))) },
    }
}

pin_project! {
    /// The future of [`call_when_ready`].
    #[project = CallWhenReadyProjection]
    #[allow(missing_docs, clippy::exhaustive_enums)]
    #[must_use = "futures do nothing unless polled"]
    pub enum CallWhenReady<S, R>
    where
        S: Service<R>,
    {
        // Boxed: few calls wait, and all would move the room for their request through every layer above.
        #[doc(hidden)]
        Waiting { call: Option<Box<(S, R)>> },
        #[doc(hidden)]
        Calling { #[pin] future: S::Future },
        #[doc(hidden)]
        Failed { error: Option<S::Error> },
    }
}

impl<S: Service<R>, R> fmt::Debug for CallWhenReady<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallWhenReady").finish_non_exhaustive()
    }
}

const WAITING: &str = "taken only when the state changes";

impl<S: Service<R>, R> Future for CallWhenReady<S, R> {
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let future = match self.as_mut().project() {
                CallWhenReadyProjection::Calling { future } => return future.poll(cx),
                CallWhenReadyProjection::Failed { error } => {
                    return Poll::Ready(Err(error.take().expect("polled after it had ended")));
                }
                CallWhenReadyProjection::Waiting { call } => {
                    let (service, _) = &mut **call.as_mut().expect(WAITING);
                    ready!(service.poll_ready(cx))?;
                    let (mut service, request) = *call.take().expect(WAITING);
                    service.call(request)
                }
            };
            self.set(Self::Calling { future });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Needs `polls` polls of readiness and panics on a call before that.
    struct Slow {
        polls: usize,
        left: usize,
        calls: Arc<AtomicUsize>,
    }

    // A clone is not ready because its original was.
    impl Clone for Slow {
        fn clone(&self) -> Self {
            Self { polls: self.polls, left: self.polls, calls: self.calls.clone() }
        }
    }

    impl Service<Request<Body>> for Slow {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<String>, Infallible>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            if self.left == 0 {
                return Poll::Ready(Ok(()));
            }
            self.left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            assert_eq!(self.left, 0, "called before it was ready");
            self.calls.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(Response::new("answer".to_owned())))
        }
    }

    #[tokio::test]
    async fn a_boxed_service_waits_for_the_readiness_of_the_clone_it_calls() {
        for polls in 0..3 {
            let calls = Arc::new(AtomicUsize::new(0));
            let mut boxed = BoxHttp::new(Slow { polls, left: polls, calls: calls.clone() });
            let response = boxed.call(Request::new(Body::empty())).await.unwrap();
            assert_eq!(response.into_body().content_length(), Some(6));
            assert_eq!(calls.load(Ordering::Relaxed), 1);
        }
    }

    #[tokio::test]
    async fn an_error_of_readiness_is_the_answer() {
        #[derive(Clone)]
        struct Broken;
        impl Service<()> for Broken {
            type Response = ();
            type Error = &'static str;
            type Future = std::future::Ready<Result<(), &'static str>>;
            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
                Poll::Ready(Err("broken"))
            }
            fn call(&mut self, (): ()) -> Self::Future {
                panic!("called though it was not ready")
            }
        }
        assert_eq!(call_when_ready(Broken, ()).await, Err("broken"));
    }
}
