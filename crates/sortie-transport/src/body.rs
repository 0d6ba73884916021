use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use sortie_core::{BoxError, Elapsed, Fault, Outcome, Phase};
use tokio::time::{Instant, Sleep};

use crate::driver::DRAIN_BYTES;
use crate::flight::Flight;
use crate::pool::conn::{Conn, Settle};
use crate::pool::handles::{Exclusive, Lease};
use crate::reason::CloseReason;
use crate::timeouts::{after, clock};

/// The body of a response, and its connection.
///
/// Read to its end, it gives the connection back. Dropped before, it leaves the rest to the connection's task, which
/// reads up to 64 KiB within 50 ms and closes the connection if that is not the end; an HTTP/2 stream is reset.
///
/// It fails with a [`Fault`] of [`Outcome::MaybeProcessed`], and with [`Elapsed`] of [`Phase::Read`] below it if
/// nothing came for the read limit of [`PhaseTimeouts`](crate::PhaseTimeouts).
#[must_use = "a body is read by polling it, and dropped it may cost its connection"]
pub struct Pooled {
    incoming: Option<Incoming>,
    hold: Hold,
    limit: Option<Duration>,
    gap: Option<Gap>,
    flight: Option<Flight>,
}

/// What is given back at the end.
pub(crate) enum Hold {
    Nothing,
    Http1(Busy),
    Http2(Arc<Lease>),
}

/// An HTTP/1.1 connection in the middle of an exchange: of no further use unless the exchange is brought to its end.
pub(crate) struct Busy(Option<Box<Exclusive>>);

impl Busy {
    pub(crate) fn new(handle: Box<Exclusive>) -> Self {
        Self(Some(handle))
    }

    pub(crate) fn get(&mut self) -> Option<&mut Exclusive> {
        self.0.as_deref_mut()
    }

    pub(crate) fn take(&mut self) -> Option<Box<Exclusive>> {
        self.0.take()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.conn.kill(CloseReason::Dropped);
        }
    }
}

/// The clock of the gaps: made when the first one begins, and then never moved but when it fires.
struct Gap {
    clock: Pin<Box<Sleep>>,
    since: Option<Instant>,
}

impl Pooled {
    pub(crate) fn new(incoming: Incoming, hold: Hold, limit: Option<Duration>, flight: Flight) -> Self {
        let mut body = Self { incoming: Some(incoming), hold, limit, gap: None, flight: Some(flight) };
        if body.is_end_stream() {
            body.finish();
        }
        body
    }

    /// The exchange is over.
    fn finish(&mut self) {
        if let Hold::Http1(busy) = &mut self.hold
            && let Some(handle) = busy.take()
        {
            handle.note_end();
            handle.finish();
        }
        if let Hold::Http2(lease) = &self.hold {
            lease.finish();
        }
        self.end();
    }

    /// Lets go of everything. An HTTP/1.1 connection that was not taken out before is closed by this.
    fn end(&mut self) {
        match &mut self.hold {
            Hold::Http1(busy) => busy.get().into_iter().for_each(|handle| handle.note_end()),
            Hold::Http2(lease) => lease.clocks().end_at(lease.conn().now()),
            Hold::Nothing => {}
        }
        self.incoming = None;
        self.hold = Hold::Nothing;
        self.gap = None;
        self.flight = None;
    }

    /// [`end`](Self::end), before the answer's own.
    fn abandon(&mut self) {
        if let Hold::Http2(lease) = &self.hold {
            lease.abandon();
        }
        self.end();
    }

    fn conn(&mut self) -> Option<&Conn> {
        match &mut self.hold {
            Hold::Nothing => None,
            Hold::Http1(busy) => busy.get().map(|handle| &*handle.conn),
            Hold::Http2(lease) => Some(lease.conn()),
        }
    }

    fn fail(&mut self, error: hyper::Error) -> BoxError {
        let closed = self.conn().is_some_and(|conn| conn.origin.shared().is_over());
        let source: BoxError = if closed { crate::error::NotSent::Closed.into() } else { error.into() };
        self.abandon();
        Fault::new(Outcome::MaybeProcessed, source).into()
    }

    fn poll_gap(&mut self, cx: &mut Context<'_>) -> Poll<BoxError> {
        let Some(limit) = self.limit else { return Poll::Pending };
        let now = Instant::now();
        if self.gap.is_none() {
            self.gap = clock(after(now, limit)).map(|clock| Gap { clock, since: None });
        }
        let Some(gap) = &mut self.gap else { return Poll::Pending };
        let since = *gap.since.get_or_insert(now);
        while gap.clock.as_mut().poll(cx).is_ready() {
            let due = after(since, limit);
            if Instant::now() >= due {
                self.abandon();
                return Poll::Ready(Fault::new(Outcome::MaybeProcessed, Elapsed::new(Phase::Read, limit)).into());
            }
            gap.clock.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl From<Pooled> for sortie_core::Body {
    fn from(body: Pooled) -> Self {
        Self::new(body)
    }
}

impl Body for Pooled {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if this.is_end_stream() {
                    this.finish();
                } else if let Some(gap) = &mut this.gap {
                    gap.since = None;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(this.fail(error)))),
            Poll::Ready(None) => {
                this.finish();
                Poll::Ready(None)
            }
            Poll::Pending => this.poll_gap(cx).map(|error| Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut rest) = self.incoming.take() else { return };
        if let Hold::Http1(busy) = &mut self.hold
            && rest.size_hint().lower() <= DRAIN_BYTES
            && let Some(handle) = busy.take()
        {
            // What has come with the head is read here: then the next hop or attempt finds its connection.
            handle.note_end();
            match read_what_came(&mut rest) {
                Poll::Ready(true) => handle.finish(),
                Poll::Ready(false) => handle.conn.kill(CloseReason::Dropped),
                Poll::Pending => Conn::settle(Settle { handle, rest: Some(rest) }),
            }
        }
        self.abandon();
    }
}

/// Reads what has come of an answer that nobody wants: whether it is whole, once it has ended. Nobody is woken by this
/// look; whoever settles the exchange looks again.
fn read_what_came(rest: &mut Incoming) -> Poll<bool> {
    let mut left = DRAIN_BYTES;
    while !rest.is_end_stream() {
        match ready!(Pin::new(&mut *rest).poll_frame(&mut Context::from_waker(Waker::noop()))) {
            None => break,
            Some(Err(_)) => return Poll::Ready(false),
            Some(Ok(frame)) => match left.checked_sub(frame.data_ref().map_or(0, |data| data.len() as u64)) {
                Some(less) => left = less,
                None => return Poll::Ready(false),
            },
        }
    }
    Poll::Ready(true)
}

impl fmt::Debug for Pooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled").field("length", &self.size_hint().exact()).finish_non_exhaustive()
    }
}
