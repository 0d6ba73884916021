use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use sortie_core::{Elapsed, Phase};
use tokio::time::{Instant, Sleep};

use crate::pool::conn::Conn;
use crate::timeouts::{Limits, after, clock};
use crate::upload::{Upload, UploadWatch};

/// Watches an exchange up to its head, where it has a write or a first-byte limit.
pub(crate) struct HeadClock {
    write: Option<Duration>,
    first_byte: Option<Duration>,
    upload: Option<Arc<UploadWatch>>,
    start: Instant,
    /// Bytes that had left the connection before.
    start_out: u64,
    /// The upload had left its body, and not yet the connection, when this was looked at; then, when it had.
    lagging: bool,
    flushed: Option<Instant>,
    /// Frames that left the body and bytes that left the connection, when they were looked at last.
    seen: (u64, u64),
    /// When they had last been found to have grown.
    moved: Instant,
    clock: Option<Pin<Box<Sleep>>>,
}

impl HeadClock {
    pub(crate) fn new(limits: Limits, upload: &mut Upload, conn: &Conn) -> Option<Box<Self>> {
        let Limits { write, first_byte, .. } = limits;
        if write.is_none() && first_byte.is_none() {
            return None;
        }
        let now = Instant::now();
        Some(Box::new(Self {
            write,
            first_byte,
            upload: upload.watch(),
            start: now,
            start_out: conn.bytes_out(),
            lagging: false,
            flushed: None,
            seen: (0, conn.bytes_out()),
            moved: now,
            clock: None,
        }))
    }

    /// The limit that has run out. `began` says that the answer has begun, be it with a 100: then only the upload is
    /// watched, to its end.
    pub(crate) fn poll(&mut self, conn: &Conn, began: bool, cx: &mut Context<'_>) -> Poll<Elapsed> {
        loop {
            let now = Instant::now();
            if began && self.ended(conn, now).is_some() {
                return Poll::Pending;
            }
            let next = match self.look(conn, now) {
                Ok(next) => next,
                Err(elapsed) => return Poll::Ready(elapsed),
            };
            if self.clock.is_none() {
                self.clock = clock(next);
            }
            let Some(clock) = &mut self.clock else { return Poll::Pending };
            if clock.deadline() > next || clock.is_elapsed() {
                clock.as_mut().reset(next);
            }
            if clock.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// When the upload was over, if it is.
    fn ended(&mut self, conn: &Conn, now: Instant) -> Option<Instant> {
        let Some(upload) = &self.upload else { return Some(self.start) };
        let ended = upload.ended()?;
        // The bytes of HTTP/2's other streams count as well: there the end may be seen too early, as without this.
        if conn.bytes_out().saturating_sub(self.start_out) < upload.bytes() {
            self.lagging = true;
            return None;
        }
        // Nobody notes when the last byte went out; what was not there a look ago went out just now.
        Some(*self.flushed.get_or_insert(if self.lagging { now } else { ended }))
    }

    /// What has run out, or when to look again.
    fn look(&mut self, conn: &Conn, now: Instant) -> Result<Instant, Elapsed> {
        if let Some(ended) = self.ended(conn, now) {
            let Some(limit) = self.first_byte else { return Ok(after(now, Duration::MAX)) };
            let due = after(ended, limit);
            return if now >= due { Err(Elapsed::new(Phase::FirstByte, limit)) } else { Ok(due) };
        }
        // The end of the upload wakes nobody, so it is looked for.
        let step = self.write.into_iter().chain(self.first_byte).min().unwrap_or(Duration::MAX) / 4;
        let next = after(now, step.max(Duration::from_millis(1)));
        let Some(limit) = self.write else { return Ok(next) };
        let upload = self.upload.as_ref();
        let seen = (upload.map_or(0, |upload| upload.frames()), conn.bytes_out());
        if seen != self.seen || upload.is_some_and(|upload| upload.waits_for_source()) {
            (self.seen, self.moved) = (seen, now);
        }
        let due = after(self.moved, limit);
        if now >= due { Err(Elapsed::new(Phase::Write, limit)) } else { Ok(next.min(due)) }
    }
}
