use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use sortie_core::BoxError;

use super::TimeoutBody;
use super::clock::Clock;

pin_project! {
    /// The answer within the limit, or [`Elapsed`](sortie_core::Elapsed).
    #[must_use = "futures do nothing unless polled"]
    pub struct AttemptFuture<F> {
        // Gone once the limit has run out.
        #[pin]
        inner: Option<F>,
        clock: Option<Pin<Box<Clock>>>,
    }
}

impl<F> AttemptFuture<F> {
    pub(super) fn new(inner: F, clock: Option<Pin<Box<Clock>>>) -> Self {
        Self { inner: Some(inner), clock }
    }
}

impl<F, T, E> Future for AttemptFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = this.inner.as_mut().as_pin_mut().expect("a future is not polled after its end");
        // The answer first: one that is there counts, however late this is polled.
        if let Poll::Ready(answer) = inner.poll(cx) {
            return Poll::Ready(answer.map_err(Into::into));
        }
        let Some(clock) = this.clock else {
            return Poll::Pending;
        };
        let elapsed = ready!(clock.as_mut().poll(cx));
        this.inner.set(None);
        Poll::Ready(Err(elapsed.into()))
    }
}

impl<F> fmt::Debug for AttemptFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptFuture").field("clock", &self.clock).finish_non_exhaustive()
    }
}

pin_project! {
    /// As [`AttemptFuture`], and the limit goes on with the response body.
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<F> {
        #[pin]
        head: AttemptFuture<F>,
    }
}

impl<F> TimeoutFuture<F> {
    pub(super) fn new(inner: F, clock: Option<Pin<Box<Clock>>>) -> Self {
        Self { head: AttemptFuture::new(inner, clock) }
    }
}

impl<F, RB, E> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<TimeoutBody<RB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut head = self.project().head;
        let response = ready!(head.as_mut().poll(cx))?;
        let clock = head.project().clock.take();
        Poll::Ready(Ok(response.map(|body| TimeoutBody::new(body, clock))))
    }
}

impl<F> fmt::Debug for TimeoutFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutFuture").field("clock", &self.head.clock).finish_non_exhaustive()
    }
}
