use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Body;
use tokio::time::{Instant, Sleep};

use crate::pool::conn::Settle;
use crate::reason::CloseReason;

/// How much of an answer that nobody wants is read for the sake of its connection, and for how long.
pub(crate) const DRAIN_BYTES: u64 = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_millis(50);

/// How long an upload may go on after its answer has ended. hyper would keep such a connection for ever (hyper#4176).
const UPLOAD_GRACE: Duration = Duration::from_millis(250);

/// The same for a leg, whose connection the next one may need: a handshake that can go on over no other would begin anew for
/// ever.
const LEG_GRACE: Duration = Duration::from_secs(30);

pub(super) enum Settled {
    /// The exchange is over; the connection can serve again.
    Whole,
    /// It cannot, and is to be closed for that reason.
    Broken(CloseReason),
}

/// Brings an HTTP/1.1 exchange to its end in its user's place.
pub(super) struct Settling {
    settle: Settle,
    left: u64,
    until: Pin<Box<Sleep>>,
}

fn grace(settle: &Settle) -> Duration {
    if settle.handle.is_leg() { LEG_GRACE } else { UPLOAD_GRACE }
}

impl Settling {
    pub(super) fn new(settle: Settle) -> Self {
        let limit = if settle.rest.is_some() { DRAIN_TIME } else { grace(&settle) };
        Self { settle, left: DRAIN_BYTES, until: Box::pin(tokio::time::sleep_until(Instant::now() + limit)) }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Settled> {
        while let Some(rest) = &mut self.settle.rest {
            match Pin::new(rest).poll_frame(cx) {
                Poll::Ready(None) => {
                    self.settle.rest = None;
                    self.until.as_mut().reset(Instant::now() + grace(&self.settle));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    let read = frame.data_ref().map_or(0, |data| data.len() as u64);
                    match self.left.checked_sub(read) {
                        Some(left) => self.left = left,
                        None => return Poll::Ready(Settled::Broken(CloseReason::Dropped)),
                    }
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Settled::Broken(CloseReason::Failed)),
                Poll::Pending => break,
            }
        }
        if self.settle.rest.is_none() {
            match self.settle.handle.sender.poll_ready(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Settled::Whole),
                Poll::Pending if self.settle.handle.conn.is_withheld() => {
                    return Poll::Ready(Settled::Broken(CloseReason::Unfinished));
                }
                // hyper is closing it; it ends by itself, or when the time is over.
                Poll::Ready(Err(_)) | Poll::Pending => {}
            }
        }
        let reason = if self.settle.rest.is_some() { CloseReason::Dropped } else { CloseReason::Unfinished };
        self.until.as_mut().poll(cx).map(|()| Settled::Broken(reason))
    }

    pub(super) fn give_back(self) {
        let handle = self.settle.handle;
        handle.conn.origin.clone().checkin(handle);
    }
}
