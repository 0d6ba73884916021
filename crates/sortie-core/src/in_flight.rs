use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Counts what is under way, from the call to the end of its body, and can be closed to anything new.
///
/// Clones count together.
///
/// ```
/// use sortie_core::InFlight;
///
/// let calls = InFlight::default();
/// let ticket = calls.enter().expect("open");
/// assert_eq!(calls.count(), 1);
/// assert!(calls.close());
/// assert!(calls.enter().is_none());
/// drop(ticket);
/// assert_eq!(calls.count(), 0);
/// ```
#[derive(Clone, Default)]
pub struct InFlight(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How many tickets there are, in steps of [`ONE`], with the flags below it: a call that nobody waits for takes no
    /// lock.
    state: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
}

/// Nothing is let in any more.
const CLOSED: usize = 1;
/// Somebody waits for the last ticket.
const AWAITED: usize = 2;
const ONE: usize = 4;

impl InFlight {
    /// One more, until the ticket is dropped; `None` once closed.
    #[must_use]
    pub fn enter(&self) -> Option<Ticket> {
        let one_more = |state: usize| (state & CLOSED == 0).then_some(state + ONE);
        self.0.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(Ticket { of: self.clone(), with: None })
    }

    /// How many tickets there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.state.load(Ordering::Acquire) / ONE
    }

    /// Lets nothing in any more; whether it was this call that closed it.
    pub fn close(&self) -> bool {
        self.0.state.fetch_or(CLOSED, Ordering::AcqRel) & CLOSED == 0
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Ends when there is no ticket left.
    pub async fn idle(&self) {
        poll_fn(|cx| {
            let mut waiting = self.lock();
            // One change of the state says both: a ticket that ends after it sees that it is awaited, and one that
            // ended before it is not counted.
            if self.0.state.fetch_or(AWAITED, Ordering::AcqRel) / ONE == 0 {
                return Poll::Ready(());
            }
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn wake(&self) {
        let mut waiting = self.lock();
        self.0.state.fetch_and(!AWAITED, Ordering::AcqRel);
        let woken = std::mem::take(&mut *waiting);
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
    }

    // No user code runs under this lock, so a poisoned list is still a whole one.
    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").field("count", &self.count()).field("closed", &self.is_closed()).finish()
    }
}

/// One thing under way; it ends when this is dropped. See [`InFlight::enter`] and
/// [`Body::hold`](crate::Body::hold).
#[derive(Debug)]
pub struct Ticket {
    of: InFlight,
    /// Those that end together with this one.
    with: Option<Box<Self>>,
}

impl Ticket {
    /// This one and `others`, to end together.
    pub(crate) fn and(mut self, others: Option<Self>) -> Self {
        self.with = others.map(Box::new);
        self
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let before = self.of.0.state.fetch_sub(ONE, Ordering::AcqRel);
        if before / ONE == 1 && before & AWAITED != 0 {
            self.of.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn idle_ends_with_the_last_ticket() {
        let calls = InFlight::default();
        calls.idle().await;
        let (one, two) = (calls.enter().unwrap(), calls.enter().unwrap());
        let waiting = tokio::spawn({
            let calls = calls.clone();
            async move { calls.idle().await }
        });
        tokio::task::yield_now().await;
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(two);
        waiting.await.unwrap();
    }
}
