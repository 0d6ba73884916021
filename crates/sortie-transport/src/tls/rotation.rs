//! A client identity that changes, and the connections that were made with the one before.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::config::Recipe;
use super::error::TlsError;
use super::identity::Identity;
use super::source::CertSource;

/// A connection that can be told to take no further request.
pub(crate) trait Retire: Send + Sync {
    fn retire_for_good(&self);
}

/// Which identity a connection was made with.
#[derive(Clone)]
pub(crate) struct MadeWith {
    rotation: Weak<Rotation>,
    generation: u64,
}

impl MadeWith {
    /// Has the connection retired when that identity is another; at once if it is already.
    pub(crate) fn retire_with_it(&self, connection: Weak<dyn Retire>) {
        let Some(rotation) = self.rotation.upgrade() else { return };
        let mut state = rotation.lock();
        if state.generation() == self.generation {
            state.remember(connection);
            return;
        }
        drop(state);
        connection.upgrade().iter().for_each(|connection| connection.retire_for_good());
    }
}

impl fmt::Debug for MadeWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MadeWith").field(&self.generation).finish()
    }
}

/// The identity of a source.
pub(super) struct Rotation {
    recipe: Recipe,
    source: CertSource,
    state: Mutex<State>,
    /// Held while the source is asked, so that it is asked once for all who want to know.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// Those made with the current identity.
    connections: Vec<Weak<dyn Retire>>,
    /// How many there may be before those that have ended are dropped.
    sweep_at: usize,
    asker: Option<AbortHandle>,
}

struct Current {
    identity: Identity,
    config: Arc<ClientConfig>,
    generation: u64,
    asked: Instant,
}

/// Before so many connections it is not worth looking for those that have ended.
const SWEEP_FROM: usize = 16;

impl State {
    /// 0 before there is an identity.
    fn generation(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.generation)
    }

    fn remember(&mut self, connection: Weak<dyn Retire>) {
        if self.connections.len() >= self.sweep_at {
            self.connections.retain(|known| known.strong_count() > 0);
            self.sweep_at = SWEEP_FROM.max(2 * self.connections.len());
        }
        self.connections.push(connection);
    }
}

impl Rotation {
    pub(super) fn new(recipe: Recipe, source: CertSource) -> Arc<Self> {
        Arc::new(Self { recipe, source, state: Mutex::default(), asking: tokio::sync::Mutex::default() })
    }

    /// The configuration with the identity of the moment. Only the first is waited for: a source that is slow holds up no
    /// connect for which there is one.
    pub(super) async fn config(self: &Arc<Self>) -> Result<(Arc<ClientConfig>, MadeWith), TlsError> {
        if self.lock().current.is_none() {
            self.refresh(self.source.every()).await?;
        }
        let mut state = self.lock();
        self.keep_asking(&mut state);
        let current = state.current.as_ref().ok_or_else(|| TlsError::identity("there is none yet"))?;
        let made_with = MadeWith { rotation: Arc::downgrade(self), generation: current.generation };
        Ok((current.config.clone(), made_with))
    }

    /// Asks the source, unless that was done within `age`; whether there is another identity now.
    pub(super) async fn refresh(&self, age: Duration) -> Result<bool, TlsError> {
        if self.is_fresh(age) {
            return Ok(false);
        }
        let _alone = self.asking.lock().await;
        if self.is_fresh(age) {
            return Ok(false);
        }
        let asked = self.source.ask().await;
        if let Some(current) = &mut self.lock().current {
            current.asked = Instant::now();
            if asked.as_ref().is_ok_and(|identity| identity.is(&current.identity)) {
                return Ok(false);
            }
        }
        let identity = asked?;
        let config = self.recipe.config(Some(&identity)).await?;
        let mut state = self.lock();
        let generation = state.generation() + 1;
        state.current = Some(Current { identity, config, generation, asked: Instant::now() });
        let older = std::mem::take(&mut state.connections);
        drop(state);
        older.iter().filter_map(Weak::upgrade).for_each(|connection| connection.retire_for_good());
        Ok(true)
    }

    fn is_fresh(&self, age: Duration) -> bool {
        self.lock().current.as_ref().is_some_and(|current| current.asked.elapsed() < age)
    }

    /// Has a task ask from time to time. It ends with the last handle, or with its runtime, and then the next connect
    /// begins another.
    fn keep_asking(self: &Arc<Self>, state: &mut State) {
        if state.asker.as_ref().is_some_and(|asker| !asker.is_finished()) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (rotation, interval) = (Arc::downgrade(self), self.source.every());
        // Where the one before ended with its runtime, that may be now.
        let age = state.current.as_ref().map_or(Duration::ZERO, |current| current.asked.elapsed());
        let mut wait = interval.saturating_sub(age);
        let asker = runtime.spawn(async move {
            loop {
                tokio::time::sleep(wait).await;
                let Some(rotation) = rotation.upgrade() else { return };
                // What fails has told whom it may concern.
                let _ = rotation.refresh(Duration::ZERO).await;
                wait = interval;
            }
        });
        state.asker = Some(asker.abort_handle());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Rotation {
    fn drop(&mut self) {
        if let Some(asker) = self.lock().asker.take() {
            asker.abort();
        }
    }
}
