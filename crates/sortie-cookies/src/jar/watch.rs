//! Who is told when the jar changes?

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

type Told = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub(super) struct Watchers {
    /// How many there are, readable without the lock: a jar that nobody watches pays one load per change.
    count: AtomicUsize,
    next: AtomicU64,
    list: RwLock<Vec<(u64, Told)>>,
}

impl Watchers {
    /// No lock of the jar may be held, for what is called may use the jar.
    pub(super) fn tell(&self) {
        if self.count.load(Ordering::Acquire) > 0 {
            let list = self.list.read().unwrap_or_else(PoisonError::into_inner).clone();
            list.iter().for_each(|(_, told)| told());
        }
    }

    pub(super) fn add(watchers: &Arc<Self>, told: Told) -> Subscription {
        let number = watchers.next.fetch_add(1, Ordering::Relaxed);
        watchers.edit(|list| list.push((number, told)));
        Subscription { watchers: Arc::downgrade(watchers), number }
    }

    fn edit(&self, change: impl FnOnce(&mut Vec<(u64, Told)>)) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut list);
        self.count.store(list.len(), Ordering::Release);
    }
}

/// A closure that is called for as long as this lives; made by [`Jar::on_change`](crate::Jar::on_change).
///
/// It does not keep the jar.
#[must_use = "the closure is called only until this is dropped"]
pub struct Subscription {
    watchers: Weak<Watchers>,
    number: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(watchers) = self.watchers.upgrade() {
            watchers.edit(|list| list.retain(|(number, _)| *number != self.number));
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
