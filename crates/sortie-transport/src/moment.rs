use std::time::Duration;

use tokio::time::Instant;

use crate::timeouts::after;

/// A point in time, in nanoseconds since its transport was made: it fits into an atomic, and is compared and subtracted
/// in one instruction where the system's takes dozens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Later than any other: one that has not come.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// It, unless it has not come.
    pub(crate) fn come(self) -> Option<Self> {
        (self != Self::NEVER).then_some(self)
    }

    pub(crate) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier`; none if that is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
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
        assert_eq!(epoch.moment(later), Moment::from_nanos(1_500_000_000));
        assert_eq!(epoch.instant(epoch.moment(later)), later);
        assert_eq!(epoch.moment(later).since(Moment::from_nanos(500_000_000)), Duration::from_secs(1));
        assert_eq!(Moment::from_nanos(0).since(epoch.moment(later)), Duration::ZERO);
        assert_eq!((Moment::NEVER.come(), epoch.now().come().is_some()), (None, true));
    }
}
