//! All origins of a transport.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

pub(crate) mod conn;
pub(crate) mod handles;
pub(crate) mod origin;
pub(crate) mod places;
pub(crate) mod shared;
pub(crate) mod state;

use origin::Origin;
use shared::Shared;

use crate::error::InvalidRequest;
use crate::route::{Key, Parts, Route};

/// How many origins are remembered before those without connections are looked for.
const SWEEP_FROM: usize = 64;

/// What the handles of a transport share. Connections hold [`Shared`] alone, so that the end of the last handle shows.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

/// The origins that are known. They hold [`Shared`], which holds this: emptied when the pool ends.
pub(crate) struct Origins {
    known: HashMap<Route, Arc<Origin>>,
    sweep_at: usize,
}

impl Default for Origins {
    fn default() -> Self {
        Self { known: HashMap::new(), sweep_at: SWEEP_FROM }
    }
}

/// Up to how many origins each is looked at: that is faster than hashing a name.
const FEW: usize = 4;

impl Origins {
    fn get(&self, parts: Parts<'_>) -> Option<&Arc<Origin>> {
        if self.known.len() <= FEW {
            let figures = parts.figures();
            return self.known.iter().find(|(route, _)| route.is(&parts, figures)).map(|(_, origin)| origin);
        }
        let key: &dyn Key = &parts;
        self.known.get(key)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Origin>> {
        self.known.values().cloned().collect()
    }
}

impl Pool {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn origin(&self, parts: Parts<'_>) -> Result<Arc<Origin>, InvalidRequest> {
        let known = self.shared.origins.read().unwrap_or_else(PoisonError::into_inner).get(parts).cloned();
        if let Some(origin) = known {
            return Ok(origin);
        }
        Ok(self.remember(&Route::new(parts)?))
    }

    /// The same origin at one address.
    pub(crate) fn origin_at(&self, route: &Route, address: SocketAddr) -> Arc<Origin> {
        self.remember(&route.to_address(address))
    }

    /// The origin of this route.
    pub(crate) fn remember(&self, route: &Route) -> Arc<Origin> {
        let mut origins = self.shared.origins.write().unwrap_or_else(PoisonError::into_inner);
        // One that nobody else holds has no connection, no connect and no waiter.
        if origins.known.len() >= origins.sweep_at {
            origins.known.retain(|_, origin| Arc::strong_count(origin) > 1);
            origins.sweep_at = SWEEP_FROM.max(2 * origins.known.len());
        }
        let made = || Arc::new(Origin::new(route.clone(), self.shared.clone()));
        let origin = origins.known.entry(route.clone()).or_insert_with(made).clone();
        drop(origins);
        // A `close` that did not find it here closed the gate before.
        if self.shared.in_flight.is_closed() {
            origin.stop_pooling();
        }
        origin
    }

    pub(crate) fn all(&self) -> Vec<Arc<Origin>> {
        self.shared.all()
    }
}

/// The last handle of a transport is gone: nothing idle is kept, what runs goes on.
impl Drop for Pool {
    fn drop(&mut self) {
        let known = std::mem::take(&mut *self.shared.origins.write().unwrap_or_else(PoisonError::into_inner));
        known.all().iter().for_each(|origin| origin.stop_pooling());
    }
}
