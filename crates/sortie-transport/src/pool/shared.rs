//! What the origins of a transport have in common, their places among all connections above all.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use sortie_core::InFlight;
use tokio::sync::oneshot;

use super::Origins;
use super::origin::{Origin, Refusal};
use super::places::Places;
use super::state::{Began, Caps};
use crate::connect::Connector;
use crate::events::Told;
use crate::moment::Epoch;
use crate::options::{Http, Ping, TransportOptions};
use crate::timeouts::Limits;

/// What all origins of a transport have in common.
pub(crate) struct Shared {
    pub(crate) connector: Connector,
    pub(crate) limits: Limits,
    pub(crate) caps: Caps,
    /// Where a connection of any origin takes its place, if there is a cap on all of them.
    pub(super) places: Option<Mutex<Places<Planned>>>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) epoch: Epoch,
    pub(crate) ping: Ping,
    pub(crate) http: Http,
    pub(crate) told: Told,
    /// Exchanges, from the call to the end of the body.
    pub(crate) in_flight: InFlight,
    /// Tasks of connections.
    pub(crate) tasks: InFlight,
    pub(super) origins: RwLock<Origins>,
    ids: AtomicU64,
    /// Set at the end of `close`: nothing more is made or tried.
    over: AtomicBool,
}

impl Shared {
    pub(crate) fn new(options: TransportOptions) -> Self {
        let caps = Caps {
            connections: options.max_connections_per_origin.map_or(usize::MAX, |cap| cap.max(1)),
            idle: options.max_idle,
            http2: options.max_http2.max(1),
            requests: options.max_requests.map_or(u64::MAX, |max| max.max(1)),
        };
        Self {
            limits: options.timeouts.limits(),
            caps,
            places: options.max_connections.map(|cap| Mutex::new(Places::new(cap.max(1)))),
            idle_timeout: options.idle_timeout,
            max_lifetime: options.max_lifetime,
            epoch: Epoch::begin(),
            ping: options.ping,
            http: options.http.clone(),
            told: options.told.clone(),
            in_flight: InFlight::default(),
            tasks: InFlight::default(),
            origins: RwLock::default(),
            ids: AtomicU64::new(0),
            over: AtomicBool::new(false),
            connector: Connector::new(options),
        }
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Nobody waits any more: neither do the connects for them.
    pub(crate) fn give_up_parked(&self) {
        let parked = self.places().map(|mut places| places.give_up());
        parked.into_iter().flatten().for_each(Planned::give_up);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Origin>> {
        self.origins.read().unwrap_or_else(PoisonError::into_inner).all()
    }

    fn places(&self) -> Option<MutexGuard<'_, Places<Planned>>> {
        self.places.as_ref().map(|places| places.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The cap on the connections of all origins together.
    pub(crate) fn total_cap(&self) -> Option<usize> {
        self.places().map(|places| places.cap())
    }

    /// A connection has ended: the next connect in line has its place.
    pub(super) fn place_is_free(&self) {
        while let Some(next) = self.places().and_then(|mut places| places.release()) {
            if next.go_ahead() {
                return;
            }
        }
    }

    /// Has the connections that have been idle for longest, wherever they lead, make room for the connects that wait.
    pub(super) fn make_room(&self) {
        while self.places().is_some_and(|mut places| places.wants_room()) {
            if !self.retire_oldest_idle() && !self.places().is_some_and(|mut places| places.found_none()) {
                return;
            }
        }
    }

    /// Whether there was one.
    fn retire_oldest_idle(&self) -> bool {
        loop {
            let oldest = self.all().into_iter().filter_map(|origin| Some((origin.oldest_idle()?, origin)));
            let Some(((_, id), origin)) = oldest.min_by_key(|((since, _), _)| *since) else { return false };
            // One that was taken meanwhile is not the oldest any more.
            if origin.with(|state, effects| state.retire_idle(id, effects)) {
                return true;
            }
        }
    }
}

/// A connect that has its origin's permission.
pub(super) struct Planned {
    pub(super) origin: Arc<Origin>,
    pub(super) began: Began,
    pub(super) limit: Option<Duration>,
    /// Told when it has ended, where somebody asked for it who waits for no connection.
    pub(super) done: Option<Done>,
}

/// What becomes of a connect. Dropped, it was not begun.
pub(crate) type Done = oneshot::Sender<Result<(), Refusal>>;

impl Planned {
    /// Begins, if there is a place; otherwise waits in line for one.
    pub(super) fn begin(self) {
        let origin = self.origin.clone();
        if origin.shared().places.is_none() {
            return origin.start(self);
        }
        origin.lock().park();
        let has_place = origin.shared().places().and_then(|mut places| places.take(self));
        if let Some(planned) = has_place
            && !planned.go_ahead()
        {
            origin.shared().place_is_free();
        }
    }

    /// Begins in the place that it has; `false` if nobody needs it any more.
    fn go_ahead(self) -> bool {
        let origin = self.origin.clone();
        let needed = origin.with(|state, effects| state.unpark(self.done.is_some(), effects));
        if needed {
            origin.start(self);
        }
        needed
    }

    /// There will be no place.
    fn give_up(self) {
        self.origin.with(|state, effects| state.unpark(false, effects));
    }
}
