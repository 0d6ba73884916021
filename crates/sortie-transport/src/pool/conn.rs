//! One connection, as it is seen by everyone but its driver.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use sortie_core::{BoxError, Elapsed, Phase};
use tokio::time::Instant;
use tokio_util::sync::ReusableBoxFuture;

use super::origin::Origin;
use super::state::ConnId;
use crate::info::Info;
use crate::timeouts::after;
use crate::upload::Upload;

/// What hyper says about a request that it was given.
pub(crate) type Sent = Result<Response<Incoming>, TrySendError<Request<Upload>>>;

/// The only handle on an HTTP/1.1 connection.
pub(crate) struct Exclusive {
    pub(crate) sender: http1::SendRequest<Upload>,
    /// hyper's future of the exchange. It cannot be named, and its memory serves the next one too.
    pub(crate) call: ReusableBoxFuture<'static, Sent>,
    pub(crate) conn: Arc<Conn>,
}

impl Exclusive {
    /// Takes the connection back: to a waiter or the pool, or, if hyper is not done with the exchange, to its driver.
    pub(crate) fn finish(self) {
        if self.sender.is_ready() {
            self.conn.origin.clone().checkin(self);
        } else {
            Conn::settle(Settle { handle: self, rest: None });
        }
    }
}

/// A handle on an HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) sender: http2::SendRequest<Upload>,
    pub(crate) conn: Arc<Conn>,
}

/// A place among the streams of an HTTP/2 connection, held by both halves of an exchange.
pub(crate) struct Lease {
    conn: Arc<Conn>,
    /// What the upload failed with: hyper tells the other half only that the stream was reset.
    broken: Mutex<Option<BoxError>>,
    abandoned: AtomicBool,
    uploader: AtomicWaker,
}

impl Lease {
    pub(crate) fn new(conn: Arc<Conn>) -> Self {
        Self { conn, broken: Mutex::new(None), abandoned: AtomicBool::new(false), uploader: AtomicWaker::new() }
    }

    pub(crate) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    /// The answer is not wanted any more, and so neither is what is left of the upload: h2 resets a stream only when
    /// both its halves are dropped.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.uploader.wake();
    }

    /// Asked by the upload. Ready once the exchange is [abandoned](Self::abandon).
    pub(crate) fn poll_abandoned(&self, cx: &Context<'_>) -> Poll<()> {
        self.uploader.register(cx.waker());
        if self.abandoned.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn upload_failed(&self, error: BoxError) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(crate) fn take_failure(&self) -> Option<BoxError> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let id = self.conn.id;
        self.conn.origin.with(|state, effects| state.end_stream(id, effects));
    }
}

/// An exchange that its driver is to bring to an end: what is left of the answer, to be read and forgotten.
pub(crate) struct Settle {
    pub(crate) handle: Exclusive,
    pub(crate) rest: Option<Incoming>,
}

enum Slot {
    Empty,
    Settle(Box<Settle>),
    /// The driver has ended.
    Over,
}

/// No head is awaited.
const NO_HEAD: u64 = u64::MAX;

pub(crate) struct Conn {
    pub(crate) id: ConnId,
    pub(crate) origin: Arc<Origin>,
    info: OnceLock<Arc<Info>>,
    born: Instant,
    /// Milliseconds from `born` to the last byte from the server, or the end of an upload.
    active: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    served: AtomicBool,
    retired: AtomicBool,
    killed: AtomicBool,
    /// `bytes_in` when the request was handed over whose head is awaited.
    head_from: AtomicU64,
    /// The upload of that request goes on: until it is over, the server owes no more than it has said (a 100).
    uploading: AtomicBool,
    /// Its read limit in milliseconds.
    head_gap: AtomicU64,
    /// That limit has run out, as far as the driver can see, which does not see the end of a head.
    gap_over: AtomicBool,
    /// Who awaits the head.
    caller: AtomicWaker,
    waker: AtomicWaker,
    slot: Mutex<Slot>,
    /// There may be something in the slot.
    slotted: AtomicBool,
}

impl Conn {
    pub(crate) fn new(id: ConnId, origin: Arc<Origin>) -> Self {
        Self {
            id,
            origin,
            info: OnceLock::new(),
            born: Instant::now(),
            active: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            served: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            head_from: AtomicU64::new(NO_HEAD),
            uploading: AtomicBool::new(false),
            head_gap: AtomicU64::new(u64::MAX),
            gap_over: AtomicBool::new(false),
            caller: AtomicWaker::new(),
            waker: AtomicWaker::new(),
            slot: Mutex::new(Slot::Empty),
            slotted: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_info(&self, info: Info) {
        let _ = self.info.set(Arc::new(info));
    }

    pub(crate) fn info(&self) -> Option<&Arc<Info>> {
        self.info.get()
    }

    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Acquire)
    }

    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Acquire)
    }

    pub(crate) fn count_in(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::AcqRel);
    }

    pub(crate) fn count_out(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::AcqRel);
    }

    /// Notes that it serves a request now; whether it had served one before.
    pub(crate) fn serve(&self) -> bool {
        self.served.swap(true, Ordering::AcqRel)
    }

    /// A byte from the server came just now.
    pub(crate) fn touch(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.born).as_millis();
        self.active.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Release);
    }

    pub(crate) fn last_active(&self) -> Instant {
        after(self.born, Duration::from_millis(self.active.load(Ordering::Acquire)))
    }

    pub(crate) fn born(&self) -> Instant {
        self.born
    }

    /// Takes no further exchange.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Whether a request may still be given to it, as far as can be seen without asking the socket.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        let idle = self.origin.shared().idle_timeout;
        !self.is_retired() && idle.is_none_or(|limit| now.saturating_duration_since(self.last_active()) < limit)
    }

    /// Drops the connection, whatever runs on it.
    pub(crate) fn kill(&self) {
        self.retire();
        self.killed.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Ready once [`kill`](Self::kill) was called. There is one waiter at a time: the task of the connection.
    pub(crate) fn poll_killed(&self, cx: &Context<'_>) -> Poll<()> {
        self.waker.register(cx.waker());
        if self.is_killed() { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn await_head(&self, gap: Option<Duration>) {
        let gap = gap.map_or(u64::MAX, |gap| u64::try_from(gap.as_millis()).unwrap_or(u64::MAX));
        self.head_gap.store(gap, Ordering::Relaxed);
        self.gap_over.store(false, Ordering::Release);
        self.head_from.store(self.bytes_in(), Ordering::Release);
    }

    pub(crate) fn head_came(&self) {
        self.head_from.store(NO_HEAD, Ordering::Release);
    }

    pub(crate) fn upload_begins(&self) {
        self.uploading.store(true, Ordering::Release);
    }

    /// hyper has let go of the upload.
    pub(crate) fn upload_ends(&self) {
        self.touch(Instant::now());
        self.uploading.store(false, Ordering::Release);
    }

    pub(crate) fn head_gap(&self) -> Option<Duration> {
        let millis = self.head_gap.load(Ordering::Relaxed);
        (millis != u64::MAX).then(|| Duration::from_millis(millis))
    }

    /// Whether a part of a head has come and not the whole of it, with nothing left to be sent.
    pub(crate) fn is_within_head(&self) -> bool {
        let from = self.head_from.load(Ordering::Acquire);
        !self.uploading.load(Ordering::Acquire) && from != NO_HEAD && self.bytes_in() > from
    }

    /// Nothing has come for as long as the read limit is. Whoever awaits the head looks whether that is true of it.
    pub(crate) fn end_gap(&self) {
        self.gap_over.store(true, Ordering::Release);
        self.caller.wake();
    }

    pub(crate) fn is_gap_over(&self) -> bool {
        self.gap_over.load(Ordering::Acquire)
    }

    /// Asked by who awaits the head and does not have it: the limit that has run out.
    pub(crate) fn poll_gap(&self, cx: &Context<'_>) -> Poll<Elapsed> {
        self.caller.register(cx.waker());
        match self.head_gap() {
            Some(limit) if self.is_gap_over() => Poll::Ready(Elapsed::new(Phase::Read, limit)),
            _ => Poll::Pending,
        }
    }

    /// Gives an exchange to the driver to bring it to an end.
    pub(crate) fn settle(settle: Settle) {
        let conn = settle.handle.conn.clone();
        if settle.rest.is_none() {
            // Before the driver can have given it back.
            conn.origin.lock().returning(conn.id);
        }
        let mut slot = conn.lock();
        if matches!(*slot, Slot::Over) {
            drop(slot);
            return conn.gone();
        }
        *slot = Slot::Settle(Box::new(settle));
        drop(slot);
        conn.slotted.store(true, Ordering::Release);
        conn.waker.wake();
    }

    pub(crate) fn take_settle(&self) -> Option<Box<Settle>> {
        if !self.slotted.load(Ordering::Acquire) {
            return None;
        }
        self.slotted.store(false, Ordering::Release);
        let mut slot = self.lock();
        match std::mem::replace(&mut *slot, Slot::Empty) {
            Slot::Settle(settle) => Some(settle),
            Slot::Empty => None,
            Slot::Over => {
                *slot = Slot::Over;
                None
            }
        }
    }

    /// The driver has ended.
    pub(crate) fn over(&self) {
        self.retire();
        let left = std::mem::replace(&mut *self.lock(), Slot::Over);
        drop(left);
        self.gone();
    }

    /// Takes it out of its origin's account of what can serve.
    pub(crate) fn gone(&self) {
        self.origin.with(|state, effects| state.retire(self.id, effects));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
