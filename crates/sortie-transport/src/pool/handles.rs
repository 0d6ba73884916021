//! What a connection is held by while it serves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use sortie_core::BoxError;
use sortie_core::auth::{self, Leg};
use tokio_util::sync::ReusableBoxFuture;

use super::conn::{Conn, Settle};
use crate::expect::Held;
use crate::reason::CloseReason;
use crate::timings::Clocks;
use crate::upload::Upload;

/// What hyper says about a request that it was given.
pub(crate) type Sent = Result<Response<Incoming>, TrySendError<Request<Upload>>>;

/// The only handle on an HTTP/1.1 connection. It is boxed where it passes from hand to hand.
pub(crate) struct Exclusive {
    pub(crate) sender: http1::SendRequest<Upload>,
    /// hyper's future of the exchange. It cannot be named, and its memory serves the next one too.
    pub(crate) call: ReusableBoxFuture<'static, Sent>,
    pub(crate) conn: Arc<Conn>,
    /// The times of its exchange. Their memory serves the next one, unless somebody still looks at them.
    clocks: Arc<Clocks>,
    /// The next leg of a conversation may want it before anybody else.
    leg: Option<Leg>,
}

impl Exclusive {
    pub(crate) fn new(sender: http1::SendRequest<Upload>, conn: Arc<Conn>) -> Box<Self> {
        let call = ReusableBoxFuture::new(std::future::pending());
        let clocks = Arc::new(Clocks::new(conn.now(), Duration::ZERO, None));
        Box::new(Self { sender, call, conn, clocks, leg: None })
    }

    pub(crate) fn clocks(&self) -> &Arc<Clocks> {
        &self.clocks
    }

    pub(crate) fn begin(&mut self, clocks: Clocks) {
        match Arc::get_mut(&mut self.clocks) {
            Some(last) => *last = clocks,
            None => self.clocks = Arc::new(clocks),
        }
    }

    /// Its exchange is a leg of a conversation, which is to have it back.
    pub(crate) fn begin_leg(&mut self, leg: Leg) {
        self.leg = Some(leg);
    }

    pub(crate) fn is_leg(&self) -> bool {
        self.leg.is_some()
    }

    pub(crate) fn take_leg(&mut self) -> Option<Leg> {
        self.leg.take()
    }

    /// The exchange ends now, as far as its user is concerned.
    pub(crate) fn note_end(&self) {
        if !self.clocks.is_sent() {
            self.clocks.sent_at(self.conn.last_written());
        }
        self.clocks.end_at(self.conn.now());
    }

    /// Takes the connection back: to a waiter or the pool, or, if hyper is not done with the exchange, to its driver.
    pub(crate) fn finish(self: Box<Self>) {
        if self.sender.is_ready() {
            self.conn.origin.clone().checkin(self);
        } else if self.conn.is_withheld() {
            // hyper waits for the rest of the upload.
            self.conn.kill(CloseReason::Unfinished);
        } else {
            Conn::settle(Settle { handle: self, rest: None });
        }
    }
}

/// A connection between two legs of a conversation.
pub(crate) struct BetweenLegs(Option<Box<Exclusive>>);

impl BetweenLegs {
    pub(crate) fn new(handle: Box<Exclusive>) -> Self {
        Self(Some(handle))
    }

    pub(crate) fn into_handle(mut self) -> Option<Box<Exclusive>> {
        self.0.take()
    }
}

impl auth::Held for BetweenLegs {
    fn keep(self: Box<Self>) {
        if let Some(handle) = self.into_handle() {
            handle.conn.origin.clone().checkin(handle);
        }
    }
}

/// The conversation has not come to its end: whose the connection is now, only the server knows.
impl Drop for BetweenLegs {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.conn.kill(CloseReason::Dropped);
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
    clocks: Arc<Clocks>,
    /// `bytes_in` of the connection when it began.
    bytes_in: u64,
    /// What the upload failed with: hyper tells the other half only that the stream was reset.
    broken: Mutex<Option<BoxError>>,
    abandoned: AtomicBool,
    uploader: AtomicWaker,
    /// The upload waits for the server to want it.
    held: OnceLock<Arc<Held>>,
}

impl Lease {
    pub(crate) fn new(conn: Arc<Conn>, clocks: Clocks) -> Self {
        conn.stream_begins();
        let (clocks, bytes_in) = (Arc::new(clocks), conn.bytes_in());
        Self {
            conn,
            clocks,
            bytes_in,
            broken: Mutex::new(None),
            abandoned: AtomicBool::new(false),
            uploader: AtomicWaker::new(),
            held: OnceLock::new(),
        }
    }

    pub(crate) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    pub(crate) fn clocks(&self) -> &Arc<Clocks> {
        &self.clocks
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

    /// The upload waits until it is wanted.
    pub(crate) fn hold(&self, held: Arc<Held>) {
        let _ = self.held.set(held);
    }

    /// The answer has begun: an upload that still waits is not wanted.
    pub(crate) fn answered(&self) {
        if let Some(held) = self.held.get() {
            held.answered();
        }
    }

    /// The answer is whole: nothing more comes of an upload that was not wanted.
    pub(crate) fn finish(&self) {
        if self.held.get().is_some_and(|held| held.is_withheld()) {
            self.abandon();
        }
    }

    pub(crate) fn upload_failed(&self, error: BoxError) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(crate) fn take_failure(&self) -> Option<BoxError> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Who gives up an exchange later than this, with nothing heard over its connection, has met a limit of time rather than
/// a change of mind.
const PATIENCE: Duration = Duration::from_millis(500);

impl Drop for Lease {
    fn drop(&mut self) {
        self.conn.stream_ends();
        let heard_nothing = || !self.clocks.has_answer() && self.bytes_in == self.conn.bytes_in();
        if heard_nothing() && self.conn.now().since(self.clocks.begun()) >= PATIENCE {
            self.conn.avoid(true);
        }
        self.conn.origin.end_stream(self.conn.id);
    }
}
