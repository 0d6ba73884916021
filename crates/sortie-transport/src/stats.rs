use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::reason::CloseReason;

/// What a transport, or one origin of it, has at one moment and has done since it was made.
///
/// The figures of several origins are read one after the other, so that those of a busy transport need not add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections, idle ones and those handed over by an upgrade included.
    pub open: usize,
    /// Connections being made, or waiting for a place to be.
    pub connecting: usize,
    /// Connections that serve nobody.
    pub idle: usize,
    /// Exchanges under way, from the call to the end of the body.
    pub in_flight: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
    /// Connections made.
    pub opened: u64,
    /// Requests given to a connection that had served another before.
    pub reused: u64,
    /// Connections closed, by reason.
    pub closed: Closed,
    /// For how long requests waited for a connection.
    pub waits: Waits,
}

impl Stats {
    pub(crate) fn add(&mut self, other: &Self) {
        self.open += other.open;
        self.connecting += other.connecting;
        self.idle += other.idle;
        self.in_flight += other.in_flight;
        self.waiting += other.waiting;
        self.opened += other.opened;
        self.reused += other.reused;
        add_each(&mut self.closed.0, &other.closed.0);
        self.waits.at_once += other.waits.at_once;
        add_each(&mut self.waits.buckets, &other.waits.buckets);
    }
}

fn add_each<const N: usize>(to: &mut [u64; N], from: &[u64; N]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

const REASONS: usize = CloseReason::ALL.len();

/// How many connections were closed for which reason.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Closed([u64; REASONS]);

impl Closed {
    /// How many were closed for this reason.
    #[must_use]
    pub fn by(&self, reason: CloseReason) -> u64 {
        self.0[reason as usize]
    }

    /// How many were closed in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Every reason with its number, those without one left out.
    pub fn iter(&self) -> impl Iterator<Item = (CloseReason, u64)> {
        CloseReason::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(reason, count)| (reason.as_str(), count))).finish()
    }
}

/// The bounds of the histogram's buckets are 1 ms, 2 ms, 4 ms and so on up to 32 s; the last bucket has none.
const BUCKETS: usize = 17;

/// A histogram of how long requests waited for a connection, connecting included; those that gave up are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    at_once: u64,
    buckets: [u64; BUCKETS],
}

impl Waits {
    /// How many got a connection.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.at_once + self.buckets.iter().sum::<u64>()
    }

    /// How many did not have to wait.
    #[must_use]
    pub fn at_once(&self) -> u64 {
        self.at_once
    }

    /// How many waited for no longer than the bound, and for longer than the one before. The bounds are powers of two
    /// from 1 ms to 32.768 s; that of the last bucket is [`Duration::MAX`].
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        (0..BUCKETS).map(bound).zip(self.buckets)
    }

    /// An upper bound of the wait that a share of the requests, from 0 to 1, did not exceed: that of its bucket, zero
    /// for those that did not wait. `None` if nothing is counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut below = self.at_once;
        if below > 0 && rank <= below {
            return Some(Duration::ZERO);
        }
        self.buckets().find_map(|(bound, count)| {
            below += count;
            (count > 0 && rank <= below).then_some(bound)
        })
    }
}

fn bound(bucket: usize) -> Duration {
    if bucket + 1 < BUCKETS { Duration::from_millis(1 << bucket) } else { Duration::MAX }
}

/// What one origin counts without its lock.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) in_flight: AtomicU64,
    pub(crate) reused: AtomicU64,
    closed: [AtomicU64; REASONS],
    waits: [AtomicU64; BUCKETS],
}

impl Counters {
    pub(crate) fn closed(&self, reason: CloseReason) {
        self.closed[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn waited(&self, time: Duration) {
        let bucket = (0..BUCKETS).find(|bucket| time <= bound(*bucket)).unwrap_or(BUCKETS - 1);
        self.waits[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn in_flight(&self) -> usize {
        usize::try_from(self.in_flight.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Writes what is counted here.
    pub(crate) fn read(&self, at_once: u64, stats: &mut Stats) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        stats.in_flight = self.in_flight();
        stats.reused = load(&self.reused);
        stats.closed = Closed(std::array::from_fn(|at| load(&self.closed[at])));
        stats.waits = Waits { at_once, buckets: std::array::from_fn(|at| load(&self.waits[at])) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_in_the_bucket_whose_bound_it_does_not_exceed() {
        let counters = Counters::default();
        let millis = Duration::from_millis;
        for wait in [millis(0), millis(1), Duration::from_micros(1001), millis(32_768), millis(32_769), Duration::MAX] {
            counters.waited(wait);
        }
        let mut stats = Stats::default();
        counters.read(4, &mut stats);
        let buckets: Vec<_> = stats.waits.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(buckets, [(millis(1), 2), (millis(2), 1), (millis(32_768), 1), (Duration::MAX, 2)]);
        assert_eq!((stats.waits.count(), stats.waits.at_once()), (10, 4));
        for (share, expected) in
            [(0.0, millis(0)), (0.4, millis(0)), (0.5, millis(1)), (0.7, millis(2)), (1.0, Duration::MAX)]
        {
            assert_eq!(stats.waits.quantile(share), Some(expected), "{share}");
        }
        assert_eq!(Waits::default().quantile(0.5), None);
    }

    #[test]
    fn figures_add_up() {
        let counters = Counters::default();
        counters.closed(CloseReason::Idle);
        counters.waited(Duration::ZERO);
        let mut one = Stats { open: 1, waiting: 2, ..Stats::default() };
        counters.read(1, &mut one);
        let mut sum = Stats::default();
        sum.add(&one);
        sum.add(&one);
        assert_eq!((sum.open, sum.waiting, sum.closed.by(CloseReason::Idle), sum.waits.count()), (2, 4, 2, 4));
        assert_eq!(format!("{:?}", sum.closed), r#"{"idle": 2}"#);
        assert_eq!(sum.closed.total(), 2);
    }
}
