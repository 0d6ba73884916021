//! The short ways: what most exchanges find when they begin and end, and what leaves nothing to be done.

use super::{ConnId, Grant, OriginState};

impl<X, S: Clone, E: Clone> OriginState<X, S, E> {
    /// [`checkout`](Self::checkout), where it leaves nothing to be done: what most calls find.
    pub(crate) fn checkout_at_once(
        &mut self,
        usable: impl Fn(&X) -> bool,
        usable_shared: impl Fn(&S) -> bool,
    ) -> Option<Grant<X, S, E>> {
        if !self.shared.is_empty() {
            if !self.shared.iter().all(|shared| usable_shared(&shared.handle)) {
                return None;
            }
            let grant = self.free_stream()?.give();
            self.at_once += 1;
            return Some(grant);
        }
        if !self.idle.back().is_some_and(|(_, handle)| usable(handle)) {
            return None;
        }
        let (id, handle) = self.idle.pop_back()?;
        self.at_once += 1;
        Some(Grant::Exclusive(id, handle))
    }

    /// [`offer`](Self::offer), where it leaves nothing to be done; else the connection comes back.
    pub(crate) fn keep_at_once(&mut self, id: ConnId, handle: X) -> Result<(), X> {
        let someone = !self.waiting.is_empty() || !self.watching.is_empty() || !self.returning.is_empty();
        if someone || !self.pooling || self.idle.len() >= self.caps.idle {
            return Err(handle);
        }
        self.idle.push_back((id, handle));
        Ok(())
    }

    /// [`end_stream`](Self::end_stream), where it leaves nothing to be done; whether it did.
    pub(crate) fn end_stream_at_once(&mut self, id: ConnId) -> bool {
        let someone = !self.waiting.is_empty() || !self.watching.is_empty();
        if someone || !self.pooling {
            return false;
        }
        if let Some(shared) = self.shared.iter_mut().find(|shared| shared.id == id) {
            shared.in_use -= 1;
        }
        true
    }
}
