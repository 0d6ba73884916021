//! The state of one origin behind its lock, and what the state asks to be done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use sortie_core::{BoxError, InFlight};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::conn::{Conn, Exclusive, Stream};
use super::state::{Began, Caps, ConnId, Effects, Grant, OriginState, Protocol, Ticket};
use crate::connect::Connector;
use crate::driver::{self, Job};
use crate::error::{ConnectError, NotSent};
use crate::options::Versions;
use crate::route::Route;
use crate::timeouts::Limits;

/// Why a waiter gets no connection. All who waited for the same connect share it.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    Connect(ConnectError),
    NotSent(NotSent),
}

impl Refusal {
    pub(crate) fn fault(self) -> BoxError {
        match self {
            Self::Connect(error) => error.fault(),
            Self::NotSent(error) => error.fault(),
        }
    }
}

pub(crate) type Granted = Grant<Exclusive, Stream, Refusal>;
type State = OriginState<Exclusive, Stream, Refusal>;
type After = Effects<Exclusive, Stream>;

/// What all origins of a transport have in common.
pub(crate) struct Shared {
    pub(crate) connector: Connector,
    pub(crate) limits: Limits,
    pub(crate) caps: Caps,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    /// Exchanges, from the call to the end of the body.
    pub(crate) in_flight: InFlight,
    /// Tasks of connections.
    pub(crate) tasks: InFlight,
    ids: AtomicU64,
    /// Set at the end of `close`: nothing more is made or tried.
    over: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        connector: Connector,
        limits: Limits,
        caps: Caps,
        idle_timeout: Option<Duration>,
        max_lifetime: Option<Duration>,
    ) -> Self {
        Self {
            connector,
            limits,
            caps,
            idle_timeout,
            max_lifetime,
            in_flight: InFlight::default(),
            tasks: InFlight::default(),
            ids: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

pub(crate) struct Origin {
    pub(crate) route: Route,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// All connections and connects, to end them by force.
    conns: Mutex<BTreeMap<ConnId, Weak<Conn>>>,
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
        Self { route, shared, state, conns: Mutex::default(), runtime: Mutex::default() }
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
            self.start(began, connect);
        }
        drop((effects.forget, effects.discard, effects.discard_shared));
    }

    /// A connection that can take a request at once.
    pub(crate) fn checkout(self: &Arc<Self>) -> Option<Granted> {
        self.with(take)
    }

    /// The same, or a place in the queue. A connect that this begins is limited by `connect`.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        waker: &Waker,
        front: bool,
        connect: Option<Duration>,
    ) -> Result<Granted, Ticket> {
        // Known before it waits: from then on anyone may begin its connect.
        if let Ok(runtime) = Handle::try_current() {
            *self.runtime.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime);
        }
        let mut effects = Effects::default();
        let mut state = self.lock();
        let result = match take(&mut state, &mut effects) {
            Some(granted) => Ok(granted),
            // Asked within the lock: whoever waits already is failed by `end`.
            None if self.shared.is_over() => Ok(Grant::Failed(Refusal::NotSent(NotSent::Closed))),
            None => Err(state.wait(waker.clone(), front, &mut effects)),
        };
        drop(state);
        self.run(effects, connect);
        result
    }

    /// What the waiter got.
    pub(crate) fn poll(self: &Arc<Self>, place: Ticket, waker: &Waker) -> Option<Granted> {
        self.with(|state, effects| state.poll(place, waker, effects))
    }

    /// A connection that is free again.
    pub(crate) fn checkin(self: &Arc<Self>, handle: Exclusive) {
        if handle.conn.is_retired() {
            return handle.conn.gone();
        }
        self.with(|state, effects| state.offer(handle.conn.id, handle, effects));
    }

    fn start(self: &Arc<Self>, began: Began, limit: Option<Duration>) {
        let id = self.shared.ids.fetch_add(1, Ordering::Relaxed);
        let conn = Arc::new(Conn::new(id, self.clone()));
        self.conns().insert(id, Arc::downgrade(&conn));
        let job = Job::new(conn, began, limit);
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

    /// Keeps nothing from now on; what runs and who waits goes on.
    pub(crate) fn stop_pooling(self: &Arc<Self>) {
        self.with(State::stop_pooling);
    }

    /// Ends everything, by force.
    pub(crate) fn end(self: &Arc<Self>) {
        let closed = Refusal::NotSent(NotSent::Closed);
        self.with(|state, effects| state.fail_all(&closed, effects));
        let all: Vec<_> = self.conns().values().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|conn| conn.kill());
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

fn take(state: &mut State, effects: &mut After) -> Option<Granted> {
    let mut now = None;
    state.checkout(
        |handle| handle.sender.is_ready() && handle.conn.is_fresh(*now.get_or_insert_with(Instant::now)),
        |stream| !stream.sender.is_closed() && !stream.conn.is_retired(),
        effects,
    )
}

/// The right to one connection: it goes with the byte stream and ends when that is dropped.
pub(crate) struct Permit {
    origin: Arc<Origin>,
    id: ConnId,
}

impl Permit {
    pub(crate) fn new(origin: Arc<Origin>, id: ConnId) -> Self {
        Self { origin, id }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.origin.conns().remove(&self.id);
        self.origin.with(State::released);
    }
}
