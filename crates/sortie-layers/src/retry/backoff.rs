use std::time::Duration;

/// How long to wait between two attempts.
///
/// With a random part, clients that failed together do not come back together
/// ([Exponential Backoff and Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    kind: Kind,
    base: Duration,
    cap: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Constant,
    Exponential,
    FullJitter,
    EqualJitter,
    Decorrelated,
}

/// Where a call stands that is about to wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// How often the request was sent.
    pub(super) sends: usize,
    /// The last wait, zero before the first.
    pub(super) previous: Duration,
    /// From 0 to 1.
    pub(super) random: f64,
}

impl Backoff {
    /// No wait.
    #[must_use]
    pub const fn none() -> Self {
        Self::constant(Duration::ZERO)
    }

    /// Always the same wait. Clients that failed together then come back together; prefer
    /// [`full_jitter`](Self::full_jitter).
    #[must_use]
    pub const fn constant(wait: Duration) -> Self {
        Self { kind: Kind::Constant, base: wait, cap: wait }
    }

    /// `base`, which doubles with each further attempt, up to `cap`, and nothing random: `base`, 2 × `base`,
    /// 4 × `base`…
    #[must_use]
    pub const fn exponential(base: Duration, cap: Duration) -> Self {
        Self { kind: Kind::Exponential, base, cap }
    }

    /// A random wait between nothing and what [`exponential`](Self::exponential) waits: the least load on the server.
    #[must_use]
    pub const fn full_jitter(base: Duration, cap: Duration) -> Self {
        Self { kind: Kind::FullJitter, base, cap }
    }

    /// A random wait between half of what [`exponential`](Self::exponential) waits and the whole of it: never close to
    /// none.
    #[must_use]
    pub const fn equal_jitter(base: Duration, cap: Duration) -> Self {
        Self { kind: Kind::EqualJitter, base, cap }
    }

    /// A random wait between `base` and three times the last wait, up to `cap`.
    #[must_use]
    pub const fn decorrelated_jitter(base: Duration, cap: Duration) -> Self {
        Self { kind: Kind::Decorrelated, base, cap }
    }

    /// The wait at this step.
    pub(super) fn wait(&self, step: Step) -> Duration {
        let Self { base, cap, .. } = *self;
        match self.kind {
            Kind::Constant => base,
            Kind::Exponential => exponential(base, cap, step.sends),
            Kind::FullJitter => between(Duration::ZERO, exponential(base, cap, step.sends), step.random),
            Kind::EqualJitter => {
                let most = exponential(base, cap, step.sends);
                between(most / 2, most, step.random)
            }
            Kind::Decorrelated => {
                let most = step.previous.max(base).saturating_mul(3);
                between(base, most, step.random).min(cap)
            }
        }
    }
}

fn exponential(base: Duration, cap: Duration, sends: usize) -> Duration {
    let doublings = u32::try_from(sends.saturating_sub(1)).unwrap_or(u32::MAX);
    base.saturating_mul(2_u32.saturating_pow(doublings)).min(cap)
}

fn between(least: Duration, most: Duration, random: f64) -> Duration {
    let spread = most.saturating_sub(least);
    // Not `mul_f64`, which panics where rounding makes too much of it.
    let part = Duration::try_from_secs_f64(spread.as_secs_f64() * random).unwrap_or(spread);
    least.saturating_add(part.min(spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const CAP: Duration = Duration::from_secs(10);

    fn step(sends: usize, random: f64) -> Step {
        Step { sends, previous: Duration::ZERO, random }
    }

    #[test]
    fn exponential_doubles_up_to_its_cap_and_jitter_takes_a_part_of_it() {
        for (sends, random, exponential, full, equal) in [
            (1, 0.0, 100, 0, 50),
            (1, 0.5, 100, 50, 75),
            (1, 1.0, 100, 100, 100),
            (2, 1.0, 200, 200, 200),
            (3, 0.0, 400, 0, 200),
            (3, 0.25, 400, 100, 250),
            (7, 1.0, 6_400, 6_400, 6_400),
            (8, 1.0, 10_000, 10_000, 10_000),
            (usize::MAX, 0.5, 10_000, 5_000, 7_500),
        ] {
            let step = step(sends, random);
            assert_eq!(Backoff::exponential(ms(100), CAP).wait(step), ms(exponential), "{step:?}");
            assert_eq!(Backoff::full_jitter(ms(100), CAP).wait(step), ms(full), "{step:?}");
            assert_eq!(Backoff::equal_jitter(ms(100), CAP).wait(step), ms(equal), "{step:?}");
        }
    }

    #[test]
    fn decorrelated_goes_by_the_last_wait() {
        for (previous, random, wait) in [
            // Before the first wait, as if the last one had been the base.
            (0, 0.0, 100),
            (0, 0.5, 200),
            (0, 1.0, 300),
            (200, 0.0, 100),
            (200, 1.0, 600),
            (4_000, 1.0, 10_000),
            (4_000, 0.5, 6_050),
        ] {
            let step = Step { sends: 9, previous: ms(previous), random };
            assert_eq!(Backoff::decorrelated_jitter(ms(100), CAP).wait(step), ms(wait), "{step:?}");
        }
    }

    #[test]
    fn the_longest_waits_do_not_overflow() {
        let longest = Step { sends: 9, previous: Duration::MAX, random: 1.0 };
        for make in [Backoff::exponential, Backoff::full_jitter, Backoff::equal_jitter, Backoff::decorrelated_jitter] {
            assert_eq!(make(Duration::MAX, Duration::MAX).wait(longest), Duration::MAX);
        }
    }

    #[test]
    fn the_other_waits_are_always_the_same() {
        for sends in [1, 2, 50] {
            assert_eq!(Backoff::none().wait(step(sends, 1.0)), Duration::ZERO);
            assert_eq!(Backoff::constant(Duration::from_secs(2)).wait(step(sends, 0.1)), Duration::from_secs(2));
        }
    }
}
