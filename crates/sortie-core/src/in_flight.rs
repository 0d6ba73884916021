use std::fmt;
use std::future::poll_fn;
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
pub struct InFlight(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    count: usize,
    closed: bool,
    waiting: Vec<Waker>,
}

impl InFlight {
    /// One more, until the ticket is dropped; `None` once closed.
    #[must_use]
    pub fn enter(&self) -> Option<Ticket> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.count += 1;
        drop(state);
        Some(Ticket { of: self.clone(), with: None })
    }

    /// How many tickets there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().count
    }

    /// Lets nothing in any more; whether it was this call that closed it.
    pub fn close(&self) -> bool {
        !std::mem::replace(&mut self.lock().closed, true)
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends when there is no ticket left.
    pub async fn idle(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.count == 0 {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    // No user code runs under this lock, so a poisoned state is still a whole one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("InFlight").field("count", &state.count).field("closed", &state.closed).finish()
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
        let mut state = self.of.lock();
        state.count -= 1;
        if state.count == 0 {
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
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
