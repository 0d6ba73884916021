use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::timeouts::after;

/// A point in time, in nanoseconds since its transport was made: it fits into an atomic, and is compared and subtracted
/// in one instruction where the system's takes dozens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Later than any other: one that has not come.
    const NEVER: Self = Self(u64::MAX);

    pub(crate) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    /// The nanoseconds from `earlier`; none if that is later.
    pub(crate) fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time from `earlier`; none if that is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }
}

/// All of it, up to more than five hundred years.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A moment that comes while others look.
#[derive(Debug)]
pub(crate) struct AtomicMoment(AtomicU64);

impl AtomicMoment {
    /// One that has not come.
    pub(crate) const fn never() -> Self {
        Self(AtomicU64::new(Moment::NEVER.0))
    }

    pub(crate) fn set(&self, at: Moment) {
        self.0.store(at.0, Ordering::Release);
    }

    pub(crate) fn forget(&self) {
        self.set(Moment::NEVER);
    }

    /// It, if it has come.
    pub(crate) fn get(&self) -> Option<Moment> {
        let at = Moment(self.0.load(Ordering::Acquire));
        (at != Moment::NEVER).then_some(at)
    }
}

/// Tells moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(Instant);

impl Epoch {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    fn moment(&self, at: Instant) -> Moment {
        let since = at.saturating_duration_since(self.0);
        // More than five hundred years are as good as the last of them.
        Moment(since.as_secs().saturating_mul(1_000_000_000).saturating_add(since.subsec_nanos().into()))
    }

    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        after(self.0, Duration::from_nanos(moment.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_and_read_alike() {
        let epoch = Epoch::begin();
        let later = epoch.0 + Duration::from_millis(1500);
        assert_eq!(epoch.moment(later), Moment(1_500_000_000));
        assert_eq!(epoch.instant(epoch.moment(later)), later);
        assert_eq!(epoch.moment(later).since(Moment(500_000_000)), Duration::from_secs(1));
        assert_eq!(Moment(0).since(epoch.moment(later)), Duration::ZERO);
    }

    #[test]
    fn a_moment_that_has_not_come_is_none() {
        let moment = AtomicMoment::never();
        assert_eq!(moment.get(), None);
        moment.set(Moment(7).after(Duration::from_nanos(2)));
        assert_eq!(moment.get(), Some(Moment(9)));
        moment.forget();
        assert_eq!(moment.get(), None);
    }
}
