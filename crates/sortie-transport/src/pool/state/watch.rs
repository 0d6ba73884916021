//! Who is to be told that a call would not have to wait.

use std::task::Waker;

use super::{Effects, OriginState};

impl<X, S: Clone, E: Clone> OriginState<X, S, E> {
    /// Whether a call would not have to wait in line. If it would, `waker` is woken when that has changed.
    pub(crate) fn watch(&mut self, watcher: u64, waker: &Waker, effects: &mut Effects<X, S>) -> bool {
        let ready = self.is_ready();
        let old = if ready { self.watching.remove(&watcher) } else { self.watching.insert(watcher, waker.clone()) };
        effects.forget.extend(old);
        ready
    }

    pub(crate) fn unwatch(&mut self, watcher: u64, effects: &mut Effects<X, S>) {
        effects.forget.extend(self.watching.remove(&watcher));
    }

    pub(super) fn is_ready(&self) -> bool {
        self.waiting.is_empty()
            && (!self.idle.is_empty() || self.shared.iter().any(|shared| self.is_free(shared)) || self.may_connect())
    }

    /// Tells those who watch.
    pub(super) fn announce(&mut self, effects: &mut Effects<X, S>) {
        if !self.watching.is_empty() && self.is_ready() {
            effects.wake.extend(std::mem::take(&mut self.watching).into_values());
        }
    }
}
