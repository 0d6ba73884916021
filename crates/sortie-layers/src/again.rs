//! What the layers that may call their service more than once have in common.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, request};
use pin_project_lite::pin_project;
use sortie_core::{BoxError, BoxFuture};

pin_project! {
    /// The answer of a single call of the inner service, or of a loop of calls. Only the loop is boxed.
    #[must_use = "futures do nothing unless polled"]
    pub struct PassOrLoop<F, RB> {
        #[pin]
        kind: Kind<F, RB>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<F, RB> {
        Pass { #[pin] future: F },
        Loop { future: BoxFuture<'static, Result<Response<RB>, BoxError>> },
    }
}

impl<F, RB> PassOrLoop<F, RB> {
    pub(crate) fn pass(future: F) -> Self {
        Self { kind: Kind::Pass { future } }
    }

    pub(crate) fn run(future: impl Future<Output = Result<Response<RB>, BoxError>> + Send + 'static) -> Self {
        Self { kind: Kind::Loop { future: Box::pin(future) } }
    }
}

impl<F, RB, E> Future for PassOrLoop<F, RB>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Pass { future } => future.poll(cx).map_err(Into::into),
            KindProjection::Loop { future } => future.as_mut().poll(cx),
        }
    }
}

impl<F, RB> fmt::Debug for PassOrLoop<F, RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassOrLoop").finish_non_exhaustive()
    }
}

/// A copy of a request's head, taken before it is sent, from which the next one can be made.
pub(crate) fn snapshot<B>(request: &Request<B>) -> request::Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.version = request.version();
    head.headers = request.headers().clone();
    head.extensions = request.extensions().clone();
    head
}
