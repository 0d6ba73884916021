use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use sortie_core::{Body, BoxError, Elapsed};

use super::clock::Clock;

pin_project! {
    /// A response body that must end within the limit of its call, or of its hop.
    ///
    /// It fails with [`Elapsed`] when the limit runs out, also if chunks arrive without a pause. Without a limit it
    /// passes on what is inside, and turns into a [`Body`] without being boxed.
    pub struct TimeoutBody<RB> {
        // Gone once it has ended or the limit has run out.
        #[pin]
        inner: Option<RB>,
        clock: Option<Pin<Box<Clock>>>,
    }
}

impl<RB> TimeoutBody<RB> {
    pub(super) fn new(inner: RB, clock: Option<Pin<Box<Clock>>>) -> Self {
        Self { inner: Some(inner), clock }
    }
}

impl<RB> HttpBody for TimeoutBody<RB>
where
    RB: HttpBody,
    RB::Error: Into<BoxError>,
{
    type Data = RB::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<RB::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = match this.clock {
            None => inner.poll_frame(cx),
            Some(clock) => match within(clock, inner, cx) {
                Ok(frame) => frame,
                Err(elapsed) => {
                    this.inner.set(None);
                    *this.clock = None;
                    return Poll::Ready(Some(Err(elapsed.into())));
                }
            },
        };
        if matches!(frame, Poll::Ready(None)) {
            // A body may be kept after its end; its timer would run for nothing.
            this.inner.set(None);
            *this.clock = None;
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

type Polled<B> = Poll<Option<Result<Frame<<B as HttpBody>::Data>, <B as HttpBody>::Error>>>;

/// What `body` yields within the limit.
fn within<B: HttpBody>(
    clock: &mut Pin<Box<Clock>>,
    body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Result<Polled<B>, Elapsed> {
    if body.is_end_stream() {
        return Ok(body.poll_frame(cx));
    }
    // A body that always has a chunk ready never comes to wait for the timer.
    clock.check()?;
    match body.poll_frame(cx) {
        Poll::Pending => match clock.as_mut().poll(cx) {
            Poll::Ready(elapsed) => Err(elapsed),
            Poll::Pending => Ok(Poll::Pending),
        },
        frame => Ok(frame),
    }
}

/// Without a limit, or without anything left to read, the body inside as it is.
impl<RB> From<TimeoutBody<RB>> for Body
where
    RB: Into<Self> + HttpBody<Data = Bytes> + Send + 'static,
    RB::Error: Into<BoxError>,
{
    fn from(body: TimeoutBody<RB>) -> Self {
        match body {
            TimeoutBody { inner: None, .. } => Self::empty(),
            TimeoutBody { inner: Some(inner), clock: None } => inner.into(),
            TimeoutBody { inner: Some(inner), .. } if inner.is_end_stream() => inner.into(),
            limited => Self::new(limited),
        }
    }
}

impl<RB> fmt::Debug for TimeoutBody<RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutBody").field("clock", &self.clock).finish_non_exhaustive()
    }
}
