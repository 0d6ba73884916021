use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use sortie_core::BoxFuture;
use tokio::task::JoinError;
use tokio::time::Instant;

use super::cache::Cache;
use super::{CacheOptions, Name, ResolveError, ResolveFn};

/// How old a look-up may be that somebody joins: after this time a stub resolver would itself ask again (`timeout` of
/// resolv.conf(5)), and one question that was lost shall not hold up everybody.
const JOINED_WITHIN: Duration = Duration::from_secs(5);

/// When a look-up is given up: resolv.conf(5) has up to three servers, asked twice for five seconds each.
const LIMIT: Duration = Duration::from_secs(30);

/// Looks names up, each one once at a time, and keeps the answers.
#[derive(Clone)]
pub(crate) struct Lookups(Arc<Inner>);

struct Inner {
    resolve: ResolveFn,
    state: Mutex<State>,
}

struct State {
    cache: Option<Cache>,
    pending: HashMap<Name, Pending>,
    begun: u64,
}

struct Pending {
    id: u64,
    since: Instant,
    answer: Shared<BoxFuture<'static, Ended>>,
}

type Answer = Result<Vec<SocketAddr>, ResolveError>;

#[derive(Clone)]
enum Ended {
    Answer(Answer),
    Panicked,
    /// Its runtime was shut down.
    Gone,
}

impl Ended {
    fn of(joined: Result<Answer, JoinError>) -> Self {
        match joined {
            Ok(answer) => Self::Answer(answer),
            Err(error) if error.is_panic() => Self::Panicked,
            Err(_) => Self::Gone,
        }
    }
}

impl Lookups {
    pub(crate) fn new(resolve: ResolveFn, cache: Option<CacheOptions>) -> Self {
        let state = State { cache: cache.map(Cache::new), pending: HashMap::new(), begun: 0 };
        Self(Arc::new(Inner { resolve, state: Mutex::new(state) }))
    }

    /// The addresses of `name`, of which there is at least one.
    pub(crate) async fn look_up(&self, name: &Name) -> Answer {
        let mut again = true;
        loop {
            let (id, answer) = {
                let (now, mut state) = (Instant::now(), self.state());
                if let Some(addresses) = state.cache.as_mut().and_then(|cache| cache.addresses(name, now)) {
                    return Ok(addresses);
                }
                match state.pending.get(name) {
                    Some(pending) if now - pending.since < JOINED_WITHIN => (pending.id, pending.answer.clone()),
                    _ => self.begin(&mut state, name, now),
                }
            };
            match answer.await {
                Ended::Answer(answer) => return answer,
                Ended::Panicked => {
                    self.state().end(name, id);
                    return Err(ResolveError::new(name.clone(), "the resolver panicked"));
                }
                // It may have been another runtime than the one that waits here.
                Ended::Gone if again => {
                    self.state().end(name, id);
                    again = false;
                }
                Ended::Gone => return Err(ResolveError::new(name.clone(), "the tokio runtime was shut down")),
            }
        }
    }

    /// The addresses that were told of `name` are of no use.
    pub(crate) fn forget(&self, name: &Name) {
        if let Some(cache) = &mut self.state().cache {
            cache.remove(name);
        }
    }

    fn begin(&self, state: &mut State, name: &Name, now: Instant) -> (u64, Shared<BoxFuture<'static, Ended>>) {
        state.begun += 1;
        let (id, this, asked) = (state.begun, self.clone(), name.clone());
        let task = tokio::spawn(async move { this.ask(asked, id).await });
        let ended: BoxFuture<'static, Ended> = Box::pin(task.map(Ended::of));
        let answer = ended.shared();
        state.pending.insert(name.clone(), Pending { id, since: now, answer: answer.clone() });
        (id, answer)
    }

    async fn ask(&self, name: Name, id: u64) -> Answer {
        let asked = tokio::time::timeout(LIMIT, (self.0.resolve)(name.clone())).await;
        let mut state = self.state();
        state.end(&name, id);
        let (addresses, ttl) = match asked {
            Ok(Ok(addresses)) => addresses.into_parts(),
            Ok(Err(error)) => return Err(ResolveError::new(name, error)),
            Err(_) => return Err(ResolveError::new(name, format!("the resolver has not answered for {LIMIT:?}"))),
        };
        if addresses.is_empty() {
            return Err(ResolveError::new(name, "it has no address"));
        }
        if let Some(cache) = &mut state.cache {
            cache.insert(&name, addresses.clone(), ttl, Instant::now());
        }
        Ok(addresses)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Another one may have taken its place.
    fn end(&mut self, name: &Name, id: u64) {
        if self.pending.get(name).is_some_and(|pending| pending.id == id) {
            self.pending.remove(name);
        }
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
