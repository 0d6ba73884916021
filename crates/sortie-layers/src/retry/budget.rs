use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// How many retries may be sent: a fifth of the calls, and ten a second besides.
///
/// Where servers fail, each retry adds to what they fail under. A budget lets a busy client retry a part of its calls
/// only, so that its load grows by no more than that part, and leaves a quiet client its few retries. Retries that find
/// it empty are not sent; the call ends with the response or the error that it has.
///
/// Clones share one budget. Put one budget into several options, those of mounts or of whole sessions, to limit them
/// together.
///
/// ```
/// use sortie_layers::retry::{Budget, RetryOptions};
///
/// let budget = Budget::default();
/// let orders = RetryOptions::standard().budget(budget.clone());
/// let billing = RetryOptions::standard().attempts(2).budget(budget);
/// ```
#[derive(Clone)]
pub struct Budget(Arc<dyn Account>);

/// What is spent from.
trait Account: Send + Sync {
    /// A call is made.
    fn deposit(&self);

    /// Whether a retry may be sent, and if so, takes it out.
    fn withdraw(&self) -> bool;

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(0.2, 10.0)
    }
}

impl Budget {
    /// Each call earns `share` of a retry, of which up to 100 are kept for bad times, and `reserve` retries a second may be
    /// sent besides. The default is 0.2 and 10. What is not a number, or below zero, counts as zero.
    #[must_use]
    pub fn new(share: f64, reserve: f64) -> Self {
        let positive = |number: f64| if number > 0.0 { number } else { 0.0 };
        let (share, rate) = (positive(share), positive(reserve));
        let state = Mutex::new(State { earned: 0.0, reserve: rate.ceil(), since: None });
        Self(Arc::new(Own { share, rate, state }))
    }

    /// Spends from one of tower's budgets, a
    /// [`TpsBudget`](tower::retry::budget::TpsBudget) or another: each call is a deposit, each retry a withdrawal.
    ///
    /// ```
    /// use sortie_layers::retry::{Budget, RetryOptions};
    /// use std::time::Duration;
    /// use tower::retry::budget::TpsBudget;
    ///
    /// let tps = TpsBudget::new(Duration::from_secs(10), 5, 0.1);
    /// let options = RetryOptions::standard().budget(Budget::from_tower(tps));
    /// ```
    #[cfg(feature = "tower-budget")]
    #[must_use]
    pub fn from_tower(budget: impl tower::retry::budget::Budget + Send + Sync + 'static) -> Self {
        Self(Arc::new(Towers(budget)))
    }

    /// A call is made.
    pub(super) fn deposit(&self) {
        self.0.deposit();
    }

    /// Whether a retry may be sent, and if so, takes it out.
    pub(super) fn withdraw(&self) -> bool {
        self.0.withdraw()
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f)
    }
}

/// What calls earned is kept for bad times, up to this many retries.
const MOST_EARNED: f64 = 100.0;

/// Ours.
struct Own {
    /// What a call earns.
    share: f64,
    /// How many retries a second the reserve regains, and how many it holds.
    rate: f64,
    state: Mutex<State>,
}

struct State {
    earned: f64,
    reserve: f64,
    /// When the reserve was brought up to date; `None` while it has not been touched.
    since: Option<Instant>,
}

impl Own {
    /// Nothing panics under the lock, and the numbers are good at any time.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account for Own {
    fn deposit(&self) {
        let mut state = self.lock();
        state.earned = (state.earned + self.share).min(MOST_EARNED);
    }

    fn withdraw(&self) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let passed = state.since.map_or(0.0, |since| now.saturating_duration_since(since).as_secs_f64());
        state.since = Some(now);
        // A reserve of less than one retry a second must hold a whole one to give it.
        state.reserve = (state.reserve + passed * self.rate).min(self.rate.ceil());
        // Sums of fifths are not exact.
        let enough = 1.0 - 1e-9;
        let State { earned, reserve, .. } = &mut *state;
        let Some(account) = [earned, reserve].into_iter().find(|account| **account >= enough) else { return false };
        *account = (*account - 1.0).max(0.0);
        true
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { earned, reserve, .. } = *self.lock();
        f.debug_struct("Budget").field("earned", &earned).field("reserve", &reserve).finish()
    }
}

#[cfg(feature = "tower-budget")]
struct Towers<T>(T);

#[cfg(feature = "tower-budget")]
impl<T: tower::retry::budget::Budget + Send + Sync> Account for Towers<T> {
    fn deposit(&self) {
        self.0.deposit();
    }

    fn withdraw(&self) -> bool {
        self.0.withdraw()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Budget(tower)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn available(budget: &Budget) -> usize {
        std::iter::from_fn(|| budget.withdraw().then_some(())).take(10_000).count()
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

    #[tokio::test(start_paused = true)]
    async fn the_share_and_the_reserve_can_be_others() {
        for (share, reserve, at_first, after_ten_calls, after_two_seconds) in [
            (0.5, 1.0, 1, 5, 1),
            (0.0, 0.5, 1, 0, 1),
            (1.0, 0.0, 0, 10, 0),
            (0.0, 0.0, 0, 0, 0),
            (f64::NAN, -1.0, 0, 0, 0),
            (0.1, 2.5, 3, 1, 3),
        ] {
            let budget = Budget::new(share, reserve);
            assert_eq!(available(&budget), at_first, "{share} {reserve}");
            (0..10).for_each(|_| budget.deposit());
            assert_eq!(available(&budget), after_ten_calls, "{share} {reserve}");
            tokio::time::advance(Duration::from_secs(2)).await;
            assert_eq!(available(&budget), after_two_seconds, "{share} {reserve}");
        }
    }

    #[cfg(feature = "tower-budget")]
    #[tokio::test(start_paused = true)]
    async fn any_of_towers_budgets_can_be_spent_from() {
        /// Two calls earn a retry.
        #[derive(Default)]
        struct Half(Mutex<usize>);

        impl tower::retry::budget::Budget for Half {
            fn deposit(&self) {
                *self.0.lock().unwrap() += 1;
            }

            fn withdraw(&self) -> bool {
                let mut calls = self.0.lock().unwrap();
                let left = calls.checked_sub(2);
                *calls = left.unwrap_or(*calls);
                left.is_some()
            }
        }

        let budget = Budget::from_tower(Half::default());
        (0..5).for_each(|_| budget.clone().deposit());
        assert_eq!((available(&budget), format!("{budget:?}")), (2, "Budget(tower)".to_owned()));

        // 5 a second over 10 seconds, and a tenth of the calls.
        let tps = tower::retry::budget::TpsBudget::new(Duration::from_secs(10), 5, 0.1);
        let budget = Budget::from_tower(tps);
        (0..100).for_each(|_| budget.deposit());
        assert_eq!(available(&budget), 60);
    }
}
