//! One connection, as it is seen by everyone but its driver.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::body::Incoming;
use sortie_core::{Elapsed, Phase};
use tokio::time::Instant;

use super::handles::Exclusive;
use super::origin::Origin;
use super::state::ConnId;
use crate::events::Event;
use crate::info::Info;
use crate::moment::{AtomicMoment, Moment, nanos};
use crate::reason::CloseReason;
#[cfg(feature = "tls")]
use crate::tls::{Retire, TlsError};

/// An exchange that its driver is to bring to an end: what is left of the answer, to be read and forgotten.
pub(crate) struct Settle {
    pub(crate) handle: Box<Exclusive>,
    pub(crate) rest: Option<Incoming>,
}

enum Slot {
    Empty,
    Settle(Box<Settle>),
    /// The driver has ended.
    Over,
}

/// No head is awaited, no limit is set.
const NONE: u64 = u64::MAX;

/// No [`CloseReason`] yet.
const NO_REASON: u8 = u8::MAX;

pub(crate) struct Conn {
    pub(crate) id: ConnId,
    pub(crate) origin: Arc<Origin>,
    info: OnceLock<Arc<Info>>,
    born: Instant,
    /// When the last byte came from the server, or an upload ended.
    active: AtomicMoment,
    /// When the last byte went to the server.
    written: AtomicMoment,
    /// When the first byte of the answer under way came.
    first_byte: AtomicMoment,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// HTTP/2: how often it may be read before its driver is polled again.
    reads: AtomicU32,
    /// How many requests it was given.
    requests: AtomicU64,
    /// HTTP/2: exchanges under way.
    streams: AtomicUsize,
    /// HTTP/2: it is avoided, until the next byte.
    avoided: AtomicBool,
    /// For how many nanoseconds it may be idle, and whether the server has a say in that.
    idle_limit: AtomicU64,
    told_keep_alive: AtomicBool,
    /// It was made, and is not just being made.
    opened: AtomicBool,
    reason: AtomicU8,
    retired: AtomicBool,
    killed: AtomicBool,
    /// `bytes_in` when the request was handed over whose head is awaited.
    head_from: AtomicU64,
    /// The upload of that request goes on: until it is over, the server owes no more than it has said (a 100).
    uploading: AtomicBool,
    /// That upload waits for a server that has answered, so it never ends.
    withheld: AtomicBool,
    /// Too many interim answers came.
    flooded: AtomicBool,
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
    /// What the server said about the client's certificate after the handshake.
    #[cfg(feature = "tls")]
    refusal: OnceLock<TlsError>,
}

impl Conn {
    pub(crate) fn new(id: ConnId, origin: Arc<Origin>) -> Self {
        let idle_limit = origin.shared().idle_timeout.map_or(NONE, nanos);
        Self {
            id,
            origin,
            info: OnceLock::new(),
            born: Instant::now(),
            active: AtomicMoment::never(),
            written: AtomicMoment::never(),
            first_byte: AtomicMoment::never(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            reads: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            streams: AtomicUsize::new(0),
            avoided: AtomicBool::new(false),
            idle_limit: AtomicU64::new(idle_limit),
            told_keep_alive: AtomicBool::new(false),
            opened: AtomicBool::new(false),
            reason: AtomicU8::new(NO_REASON),
            retired: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            head_from: AtomicU64::new(NONE),
            uploading: AtomicBool::new(false),
            withheld: AtomicBool::new(false),
            flooded: AtomicBool::new(false),
            head_gap: AtomicU64::new(NONE),
            gap_over: AtomicBool::new(false),
            caller: AtomicWaker::new(),
            waker: AtomicWaker::new(),
            slot: Mutex::new(Slot::Empty),
            slotted: AtomicBool::new(false),
            #[cfg(feature = "tls")]
            refusal: OnceLock::new(),
        }
    }

    pub(crate) fn set_info(&self, info: Info) {
        let _ = self.info.set(Arc::new(info));
    }

    pub(crate) fn info(&self) -> Option<&Arc<Info>> {
        self.info.get()
    }

    /// How often it may be read until this is called again.
    pub(crate) fn allow_reads(&self, reads: u32) {
        self.reads.store(reads, Ordering::Relaxed);
    }

    /// Whether it may be read once more in this turn.
    pub(crate) fn may_read(&self) -> bool {
        // By one task at a time, so nothing comes between.
        let left = self.reads.load(Ordering::Relaxed);
        self.reads.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
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

    /// Notes that it serves a request now; whether it had served one before. The last that it may serve retires it.
    pub(crate) fn serve(&self) -> bool {
        let before = self.requests.fetch_add(1, Ordering::AcqRel);
        if before + 1 >= self.origin.shared().caps.requests {
            self.because(CloseReason::Requests);
            self.retire();
        }
        before > 0
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Acquire)
    }

    pub(crate) fn stream_begins(&self) {
        self.streams.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn stream_ends(&self) {
        self.streams.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many exchanges are under way over HTTP/2.
    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::Acquire)
    }

    /// HTTP/2: gives its streams to nobody who can have another's, until the next byte; or to everybody again.
    pub(crate) fn avoid(&self, avoid: bool) {
        if self.avoided.load(Ordering::Acquire) == avoid {
            return;
        }
        let connection = self.id;
        // Both under the lock, so that they cannot come to differ.
        let changed = self.origin.with(|state, effects| {
            let changed = self.avoided.swap(avoid, Ordering::AcqRel) != avoid;
            if changed {
                state.avoid(connection, avoid, effects);
            }
            changed
        });
        if changed && avoid {
            self.origin.tell(|origin| Event::Avoided { origin, connection });
        }
    }

    /// It was made.
    pub(crate) fn set_opened(&self) {
        self.opened.store(true, Ordering::Release);
    }

    pub(crate) fn is_opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    /// Why it ends, unless something was the reason before.
    pub(crate) fn because(&self, reason: CloseReason) {
        let _ = self.reason.compare_exchange(NO_REASON, reason as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Its byte stream is somebody else's: that its driver has ended is no end.
    pub(crate) fn upgraded(&self) {
        self.reason.store(CloseReason::Upgraded as u8, Ordering::Release);
    }

    pub(crate) fn reason(&self) -> CloseReason {
        let reason = usize::from(self.reason.load(Ordering::Acquire));
        CloseReason::ALL.get(reason).copied().unwrap_or(CloseReason::Failed)
    }

    /// A byte from the server came just now.
    pub(crate) fn touch(&self, now: Moment) {
        self.active.set(now);
        // Only this is ever set where there is none, so nothing is lost between the two.
        if self.first_byte.get().is_none() {
            self.first_byte.set(now);
        }
    }

    pub(crate) fn last_active(&self) -> Moment {
        self.active.get().unwrap_or_default()
    }

    /// Bytes went to the server just now.
    pub(crate) fn wrote(&self, now: Moment) {
        self.written.set(now);
    }

    pub(crate) fn last_written(&self) -> Moment {
        self.written.get().unwrap_or_default()
    }

    /// When the first byte of the answer came, as far as the driver has noted it.
    pub(crate) fn first_byte(&self) -> Option<Moment> {
        self.first_byte.get()
    }

    /// The server keeps it for that long when it is idle.
    pub(crate) fn set_keep_alive(&self, limit: Duration) {
        self.told_keep_alive.store(true, Ordering::Relaxed);
        let limit = nanos(limit).min(self.origin.shared().idle_timeout.map_or(NONE, nanos));
        if self.idle_limit.swap(limit, Ordering::AcqRel) != limit {
            // Its clock may have to go off earlier.
            self.waker.wake();
        }
    }

    /// Whether the server has said how long it keeps it.
    pub(crate) fn has_keep_alive(&self) -> bool {
        self.told_keep_alive.load(Ordering::Relaxed)
    }

    /// For how long it may be idle.
    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        let nanos = self.idle_limit.load(Ordering::Acquire);
        (nanos != NONE).then(|| Duration::from_nanos(nanos))
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
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        let idle = now.nanos_since(self.last_active());
        !self.is_retired() && idle < self.idle_limit.load(Ordering::Acquire)
    }

    /// The moment that it is.
    pub(crate) fn now(&self) -> Moment {
        self.origin.shared().epoch.now()
    }

    /// Drops the connection, whatever runs on it.
    pub(crate) fn kill(&self, reason: CloseReason) {
        self.because(reason);
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
        let gap = gap.map_or(NONE, |gap| u64::try_from(gap.as_millis()).unwrap_or(NONE));
        self.head_gap.store(gap, Ordering::Relaxed);
        self.first_byte.forget();
        self.gap_over.store(false, Ordering::Release);
        self.head_from.store(self.bytes_in(), Ordering::Release);
    }

    pub(crate) fn head_came(&self) {
        self.head_from.store(NONE, Ordering::Release);
    }

    pub(crate) fn upload_begins(&self) {
        self.uploading.store(true, Ordering::Release);
    }

    /// hyper has let go of the upload.
    pub(crate) fn upload_ends(&self) {
        self.active.set(self.now());
        self.uploading.store(false, Ordering::Release);
    }

    pub(crate) fn is_uploading(&self) -> bool {
        self.uploading.load(Ordering::Acquire)
    }

    /// The upload is not wanted, and will not come: this exchange is the last.
    pub(crate) fn withhold(&self) {
        self.withheld.store(true, Ordering::Release);
        self.because(CloseReason::Unfinished);
        self.retire();
    }

    pub(crate) fn is_withheld(&self) -> bool {
        self.withheld.load(Ordering::Acquire)
    }

    /// Ends it, since nothing but interim answers comes.
    pub(crate) fn end_flood(&self) {
        self.flooded.store(true, Ordering::Release);
        self.kill(CloseReason::Failed);
    }

    pub(crate) fn is_flooded(&self) -> bool {
        self.flooded.load(Ordering::Acquire)
    }

    pub(crate) fn head_gap(&self) -> Option<Duration> {
        let millis = self.head_gap.load(Ordering::Relaxed);
        (millis != NONE).then(|| Duration::from_millis(millis))
    }

    /// Whether a part of a head has come and not the whole of it, with nothing left to be sent.
    pub(crate) fn is_within_head(&self) -> bool {
        let from = self.head_from.load(Ordering::Acquire);
        !self.is_uploading() && from != NONE && self.bytes_in() > from
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
        if settle.rest.is_none() && !settle.handle.is_leg() {
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

    /// Keeps what the server said about the client's certificate: on their way to the exchanges of HTTP/2, errors lose
    /// all but their words.
    #[cfg(feature = "tls")]
    pub(crate) fn note_refusal(&self, error: &std::io::Error) {
        if let Some(refusal) = sortie_core::find::<TlsError>(error) {
            let _ = self.refusal.set(refusal.clone());
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn refusal(&self) -> Option<&TlsError> {
        self.refusal.get()
    }

    /// Has it closed now, or when what runs on it has ended.
    pub(crate) fn leave(&self) {
        self.because(CloseReason::Retired);
        self.retire();
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

#[cfg(feature = "tls")]
impl Retire for Conn {
    fn retire_for_good(&self) {
        self.leave();
    }
}
