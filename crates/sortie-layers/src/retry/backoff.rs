use std::time::Duration;

/// How long to wait between two attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    Constant(Duration),
    FullJitter { base: Duration, cap: Duration },
}

impl Backoff {
    /// No wait.
    #[must_use]
    pub const fn none() -> Self {
        Self { kind: Kind::None }
    }

    /// Always the same wait. Clients that failed together then come back together; prefer
    /// [`full_jitter`](Self::full_jitter).
    #[must_use]
    pub const fn constant(wait: Duration) -> Self {
        Self { kind: Kind::Constant(wait) }
    }

    /// A random wait between nothing and `base`, which doubles with each further attempt, up to `cap`.
    ///
    /// The randomness spreads clients that failed together
    /// ([Exponential Backoff and Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).
    #[must_use]
    pub const fn full_jitter(base: Duration, cap: Duration) -> Self {
        Self { kind: Kind::FullJitter { base, cap } }
    }

    /// The wait after `sends` attempts, given a random number from 0 to 1.
    pub(super) fn wait(&self, sends: usize, random: f64) -> Duration {
        match self.kind {
            Kind::None => Duration::ZERO,
            Kind::Constant(wait) => wait,
            Kind::FullJitter { base, cap } => {
                let doublings = u32::try_from(sends.saturating_sub(1)).unwrap_or(u32::MAX);
                let most = base.saturating_mul(2_u32.saturating_pow(doublings)).min(cap);
                // Not `mul_f64`, which panics where rounding makes too much of it.
                Duration::try_from_secs_f64(most.as_secs_f64() * random).unwrap_or(most).min(most)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_jitter_doubles_up_to_its_cap() {
        let ms = Duration::from_millis;
        let backoff = Backoff::full_jitter(ms(100), Duration::from_secs(10));
        for (sends, random, wait) in [
            (1, 0.0, 0),
            (1, 0.5, 50),
            (1, 1.0, 100),
            (2, 1.0, 200),
            (3, 1.0, 400),
            (3, 0.25, 100),
            (7, 1.0, 6_400),
            (8, 1.0, 10_000),
            (usize::MAX, 1.0, 10_000),
        ] {
            assert_eq!(backoff.wait(sends, random), ms(wait), "{sends} {random}");
        }
        assert_eq!(Backoff::full_jitter(Duration::MAX, Duration::MAX).wait(9, 1.0), Duration::MAX);
    }

    #[test]
    fn the_other_waits_are_always_the_same() {
        for sends in [1, 2, 50] {
            assert_eq!(Backoff::none().wait(sends, 1.0), Duration::ZERO);
            assert_eq!(Backoff::constant(Duration::from_secs(2)).wait(sends, 0.1), Duration::from_secs(2));
        }
    }
}
