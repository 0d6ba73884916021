use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// How many retries may be sent: a fifth of the calls, and ten a second besides.
///
/// Where servers fail, each retry adds to what they fail under. A budget lets a busy client retry a part of its calls
/// only, so that its load grows by no more than that part, and leaves a quiet client its few retries. Retries that find
/// it empty are not sent; the call ends with the response or the error that it has.
///
/// Clones share one budget. Put one budget into several options to limit them together.
#[derive(Clone)]
pub struct Budget(Arc<Mutex<State>>);

/// A call earns a fifth of a retry.
const SHARE: f64 = 0.2;
/// What calls earned is kept for bad times, up to this many retries.
const MOST_EARNED: f64 = 100.0;
/// How many retries a second the reserve regains, and how many it holds.
const RESERVE: f64 = 10.0;

struct State {
    earned: f64,
    reserve: f64,
    /// When the reserve was brought up to date; `None` while it has not been touched.
    since: Option<Instant>,
}

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { earned: 0.0, reserve: RESERVE, since: None })))
    }
}

impl Budget {
    /// A call is made.
    pub(super) fn deposit(&self) {
        let mut state = self.lock();
        state.earned = (state.earned + SHARE).min(MOST_EARNED);
    }

    /// Whether a retry may be sent, and if so, takes it out.
    pub(super) fn withdraw(&self) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let passed = state.since.map_or(0.0, |since| now.saturating_duration_since(since).as_secs_f64());
        state.since = Some(now);
        state.reserve = (state.reserve + passed * RESERVE).min(RESERVE);
        // Sums of fifths are not exact.
        let enough = 1.0 - 1e-9;
        let State { earned, reserve, .. } = &mut *state;
        let Some(account) = [earned, reserve].into_iter().find(|account| **account >= enough) else { return false };
        *account = (*account - 1.0).max(0.0);
        true
    }

    /// Nothing panics under the lock, and the numbers are good at any time.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { earned, reserve, .. } = *self.lock();
        f.debug_struct("Budget").field("earned", &earned).field("reserve", &reserve).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn available(budget: &Budget) -> usize {
        std::iter::from_fn(|| budget.withdraw().then_some(())).count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_reserve_gives_ten_retries_a_second() {
        let budget = Budget::default();
        assert_eq!(available(&budget), 10);
        for (seconds, retries) in [(0.0, 0), (0.1, 1), (0.55, 5), (1.0, 10), (60.0, 10)] {
            tokio::time::advance(Duration::from_secs_f64(seconds)).await;
            assert_eq!(available(&budget), retries, "after {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn five_calls_earn_a_retry_and_earnings_are_bounded() {
        let budget = Budget::default();
        available(&budget);
        for (calls, retries) in [(4, 0), (1, 1), (50, 10), (1_000_000, 100)] {
            (0..calls).for_each(|_| budget.clone().deposit());
            assert_eq!(available(&budget), retries, "after {calls} calls");
        }
    }
}
