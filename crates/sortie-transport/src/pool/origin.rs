//! The state of one origin behind its lock, and what the state asks to be done.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use sortie_core::BoxError;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::conn::Conn;
use super::handles::{BetweenLegs, Exclusive, Stream};
use super::shared::{Planned, Shared};
use super::state::{ConnId, Effects, Grant, OriginState, Protocol, Ticket};
use crate::driver::{self, Job};
use crate::error::{ConnectError, NotSent};
use crate::events::Event;
use crate::info::ConnectionInfo;
use crate::moment::Moment;
use crate::options::Versions;
use crate::reason::CloseReason;
use crate::route::Route;
use crate::stats::{Counters, Stats};
use crate::timeouts::after;

/// How long an origin whose connect failed is no good choice for a balancer.
const REST: Duration = Duration::from_secs(1);

/// Why a waiter gets no connection. All who waited for the same connect share it.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    Connect(ConnectError),
    NotSent(NotSent),
}

impl Refusal {
    pub(crate) fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        match self {
            Self::Connect(error) => error,
            Self::NotSent(error) => error,
        }
    }

    pub(crate) fn fault(self) -> BoxError {
        match self {
            Self::Connect(error) => error.fault(),
            Self::NotSent(error) => error.fault(),
        }
    }
}

pub(crate) type Granted = Grant<Box<Exclusive>, Stream, Refusal>;
type State = OriginState<Box<Exclusive>, Stream, Refusal>;
type After = Effects<Box<Exclusive>, Stream>;

pub(crate) struct Origin {
    pub(crate) route: Route,
    shared: Arc<Shared>,
    state: Mutex<State>,
    pub(crate) counters: Counters,
    /// All connections and connects, to end them by force.
    conns: Mutex<BTreeMap<ConnId, Weak<Conn>>>,
    /// When the last connect failed, if none has succeeded since.
    failed: Mutex<Option<Instant>>,
    /// Where the last waiter was polled: a connect for it may be begun by whoever frees a place, on any thread.
    runtime: Mutex<Option<Handle>>,
}

impl Origin {
    pub(crate) fn new(route: Route, shared: Arc<Shared>) -> Self {
        let protocol = match route.versions {
            Versions::Auto if route.https => Protocol::Unknown,
            Versions::Auto | Versions::Http1Only => Protocol::Http1,
            Versions::Http2Only => Protocol::Http2,
        };
        let state = Mutex::new(OriginState::new(shared.caps, protocol));
        let (counters, conns, failed, runtime) = Default::default();
        Self { route, shared, state, counters, conns, failed, runtime }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under this lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and then does what that asks for, without the lock.
    pub(crate) fn with<T>(self: &Arc<Self>, change: impl FnOnce(&mut State, &mut After) -> T) -> T {
        let mut effects = Effects::default();
        let result = change(&mut self.lock(), &mut effects);
        self.run(effects, self.shared.limits.connect);
        result
    }

    fn run(self: &Arc<Self>, effects: After, connect: Option<Duration>) {
        effects.wake.into_iter().for_each(Waker::wake);
        for began in effects.connect {
            Planned { origin: self.clone(), began, limit: connect, done: None }.begin();
        }
        let reason = if effects.closing { CloseReason::Closed } else { CloseReason::Room };
        effects.discard.iter().for_each(|handle| handle.conn.because(reason));
        effects.discard_shared.iter().filter(|_| effects.closing).for_each(|stream| stream.conn.because(reason));
        drop((effects.forget, effects.discard, effects.discard_shared));
        if self.shared.places.is_some() {
            self.shared.make_room();
        }
    }

    /// Since when its oldest idle connection is idle, and which it is.
    pub(super) fn oldest_idle(&self) -> Option<(Moment, ConnId)> {
        self.lock().oldest_idle(|handle| handle.conn.last_active(), |stream| stream.conn.last_active())
    }

    /// What it has, and has done.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        let state = self.lock();
        stats.open = state.open();
        stats.connecting = state.connecting();
        stats.idle = state.idle();
        stats.waiting = state.waiting();
        stats.opened = state.opened();
        let at_once = state.at_once();
        drop(state);
        self.counters.read(at_once, &mut stats);
        stats
    }

    /// A connect has ended.
    pub(crate) fn note_connect(&self, failed: bool) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed.then(Instant::now);
    }

    /// Until when a balancer should turn to others, for the last connect failed and nothing is open.
    pub(crate) fn resting_until(&self) -> Option<Instant> {
        let failed = (*self.failed.lock().unwrap_or_else(PoisonError::into_inner))?;
        (self.lock().open() == 0).then(|| after(failed, REST))
    }

    pub(crate) fn tell<'a>(&'a self, event: impl FnOnce(&'a str) -> Event<'a>) {
        self.shared.told.tell(|| event(&self.route.name));
    }

    /// Begins connects until there are `connections`, and says what became of each.
    pub(crate) fn warm(self: &Arc<Self>, connections: usize) -> Vec<oneshot::Receiver<Result<(), Refusal>>> {
        self.know_runtime();
        let begun = self.with(|state, effects| {
            state.warm(connections, effects);
            std::mem::take(&mut effects.connect)
        });
        let limit = self.shared.limits.connect;
        let begin = |began| {
            let (done, ended) = oneshot::channel();
            Planned { origin: self.clone(), began, limit, done: Some(done) }.begin();
            ended
        };
        begun.into_iter().map(begin).collect()
    }

    /// Takes no further exchange to the connections that `which` chooses; how many they are.
    pub(crate) fn retire(self: &Arc<Self>, mut which: impl FnMut(&ConnectionInfo) -> bool) -> usize {
        let chosen = |conn: &Arc<Conn>| {
            let info = conn.info().filter(|_| conn.is_opened() && !conn.is_retired());
            info.is_some_and(|info| which(&ConnectionInfo::new(info.clone(), conn.requests() > 0)))
        };
        let chosen: Vec<_> = self.all_conns().into_iter().filter(chosen).collect();
        chosen.iter().for_each(|conn| conn.leave());
        chosen.len()
    }

    fn all_conns(&self) -> Vec<Arc<Conn>> {
        self.conns().values().filter_map(Weak::upgrade).collect()
    }

    /// A connection that can take a request at once.
    pub(crate) fn checkout(self: &Arc<Self>, now: Moment) -> Option<Granted> {
        if let Some(granted) = self.lock().checkout_at_once(|handle| is_usable(handle, now), is_open) {
            return Some(granted);
        }
        self.with(|state, effects| take(state, now, effects))
    }

    /// Known before anybody waits: from then on anyone may begin the connect.
    fn know_runtime(&self) {
        if let Ok(runtime) = Handle::try_current() {
            *self.runtime.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime);
        }
    }

    /// The same, or a place in the queue. A connect that this begins is limited by `connect`.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        waker: &Waker,
        front: bool,
        connect: Option<Duration>,
    ) -> Result<Granted, Ticket> {
        self.know_runtime();
        let mut effects = Effects::default();
        let mut state = self.lock();
        let result = match take(&mut state, self.shared.epoch.now(), &mut effects) {
            Some(granted) => Ok(granted),
            // Asked within the lock: whoever waits already is failed by `end`.
            None if self.shared.is_over() => Ok(Grant::Failed(Refusal::NotSent(NotSent::Closed))),
            None => Err(state.wait(waker.clone(), front, &mut effects)),
        };
        drop(state);
        if result.is_err() {
            self.tell(|origin| Event::Queued { origin });
        }
        self.run(effects, connect);
        result
    }

    /// What the waiter got.
    pub(crate) fn poll(self: &Arc<Self>, place: Ticket, waker: &Waker) -> Option<Granted> {
        self.with(|state, effects| state.poll(place, waker, effects))
    }

    /// A connection that is free again.
    pub(crate) fn checkin(self: &Arc<Self>, handle: Box<Exclusive>) {
        if handle.conn.is_retired() {
            return take_back_retired(handle);
        }
        if handle.is_leg() {
            return give_to_next_leg(handle);
        }
        let id = handle.conn.id;
        // Most often nobody waits.
        let left = self.lock().keep_at_once(id, handle);
        match left {
            Ok(()) if self.shared.places.is_some() => self.shared.make_room(),
            Ok(()) => {}
            Err(handle) => self.with(|state, effects| state.offer(id, handle, effects)),
        }
        self.tell(|origin| Event::Returned { origin, connection: id });
    }

    pub(super) fn start(self: &Arc<Self>, Planned { began, limit, done, .. }: Planned) {
        let id = self.shared.next_id();
        let conn = Arc::new(Conn::new(id, self.clone()));
        self.conns().insert(id, Arc::downgrade(&conn));
        self.tell(|origin| Event::Connecting { origin, connection: id });
        let job = Job::new(conn, began, limit, done);
        if self.shared.is_over() {
            return job.fail(&Refusal::NotSent(NotSent::Closed));
        }
        let known = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut runtimes = Handle::try_current().ok().into_iter().chain(known).peekable();
        if runtimes.peek().is_none() {
            return job.fail(&Refusal::NotSent(NotSent::NoRuntime));
        }
        spawn(job, runtimes);
    }

    /// A stream of connection `id` is free again.
    pub(crate) fn end_stream(self: &Arc<Self>, id: ConnId) {
        let done = self.lock().end_stream_at_once(id);
        if !done {
            self.with(|state, effects| state.end_stream(id, effects));
        } else if self.shared.places.is_some() {
            self.shared.make_room();
        }
    }

    /// Keeps none of the idle HTTP/1.1 connections, for one of them has proven stale: a retry is to find a fresh one
    /// (RFC 9110 §9.2.2), not the next stale one.
    pub(crate) fn discard_stale(self: &Arc<Self>) {
        self.with(|state, effects| {
            state.discard_idle(effects);
            effects.discard.iter().for_each(|handle| handle.conn.because(CloseReason::Server));
        });
    }

    /// Keeps nothing from now on; what runs and who waits goes on.
    pub(crate) fn stop_pooling(self: &Arc<Self>) {
        self.with(State::stop_pooling);
    }

    /// Ends everything, by force.
    pub(crate) fn end(self: &Arc<Self>) {
        let closed = Refusal::NotSent(NotSent::Closed);
        self.with(|state, effects| state.fail_all(&closed, effects));
        self.all_conns().iter().for_each(|conn| conn.kill(CloseReason::Closed));
    }

    fn conns(&self) -> MutexGuard<'_, BTreeMap<ConnId, Weak<Conn>>> {
        self.conns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the job to the first runtime that takes it. One that is being shut down, maybe by the very thread that freed
/// the place, drops at once what it is given; a job that none takes says so to its waiters.
fn spawn(job: Job, runtimes: impl Iterator<Item = Handle>) {
    let job = Arc::new(Mutex::new(Some(job)));
    let take = |job: &Mutex<Option<Job>>| job.lock().unwrap_or_else(PoisonError::into_inner).take();
    for runtime in runtimes {
        let given = job.clone();
        runtime.spawn(async move {
            let job = take(&given);
            drop(given);
            if let Some(job) = job {
                driver::run(job).await;
            }
        });
        let is_taken = Arc::strong_count(&job) > 1 || job.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        if is_taken {
            return;
        }
    }
}

fn take(state: &mut State, now: Moment, effects: &mut After) -> Option<Granted> {
    state.checkout(|handle| is_usable(handle, now), is_open, effects)
}

fn is_open(stream: &Stream) -> bool {
    !stream.sender.is_closed() && !stream.conn.is_retired()
}

/// Whether an idle connection can serve, and if not, why not.
pub(crate) fn is_usable(handle: &Exclusive, now: Moment) -> bool {
    let (ready, fresh) = (handle.sender.is_ready(), handle.conn.is_fresh(now));
    if !ready {
        handle.conn.because(CloseReason::Server);
    } else if !fresh {
        handle.conn.because(CloseReason::Idle);
    }
    ready && fresh
}

#[cold]
fn take_back_retired(handle: Box<Exclusive>) {
    handle.conn.gone();
    if may_end_handshake(&handle) {
        give_to_next_leg(handle);
    }
}

/// Leaves the connection to the conversation of which its last exchange was a leg, if it was one.
#[cold]
fn give_to_next_leg(mut handle: Box<Exclusive>) {
    if let Some(leg) = handle.take_leg() {
        leg.over(Box::new(BetweenLegs::new(handle)));
    }
}

/// Whether a connection that takes no further exchange, but for a reason of our own, is well enough to bring to its end what
/// can go on over no other.
pub(crate) fn may_end_handshake(handle: &Exclusive) -> bool {
    let ours = matches!(handle.conn.reason(), CloseReason::Requests | CloseReason::Lifetime | CloseReason::Retired);
    ours && handle.sender.is_ready()
}

/// The right to one connection: it goes with the byte stream and ends when that is dropped.
pub(crate) struct Permit(Arc<Conn>);

impl Permit {
    pub(crate) fn new(conn: Arc<Conn>) -> Self {
        Self(conn)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let (conn, origin) = (&self.0, &self.0.origin);
        origin.conns().remove(&conn.id);
        if conn.is_opened() {
            origin.counters.closed(conn.reason());
        }
        origin.with(State::released);
        origin.shared.place_is_free();
        if conn.is_opened() {
            let (connection, reason, requests) = (conn.id, conn.reason(), conn.requests());
            let age = conn.info().map_or(Duration::ZERO, |info| info.made.elapsed());
            origin.tell(|origin| Event::Closed { origin, connection, reason, age, requests });
        }
    }
}
