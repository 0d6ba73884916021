use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use sortie_core::Outcome;

use super::Failure;

/// How the attempts of a call ended and what was decided after each: an extension of a response after which, or before
/// which, another attempt was up for decision.
///
/// It derefs to a slice of [`Attempt`]s, oldest first. A call that simply succeeded, or that ended in what is not
/// retried at all, has none. After redirects these are the attempts of the last hop.
#[derive(Clone, Debug)]
pub struct Attempts(Arc<[Attempt]>);

impl Attempts {
    pub(super) fn new(attempts: Vec<Attempt>) -> Self {
        Self(attempts.into())
    }

    /// Their number, the first one included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Why the last one was not followed by another.
    #[must_use]
    pub fn stop(&self) -> Option<Stop> {
        self.0.last().and_then(|attempt| match attempt.next {
            Next::Stopped(stop) => Some(stop),
            Next::Retried { .. } => None,
        })
    }
}

impl Deref for Attempts {
    type Target = [Attempt];

    fn deref(&self) -> &[Attempt] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Attempts {
    type Item = &'a Attempt;
    type IntoIter = std::slice::Iter<'a, Attempt>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One attempt: how it ended, and what was decided then.
///
/// Its `Display` is for a log: `503, again after 200ms`.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(super) end: AttemptEnd,
    pub(super) retry_after: Option<Duration>,
    pub(super) elapsed: Duration,
    pub(super) next: Next,
}

impl Attempt {
    /// How it ended.
    #[must_use]
    pub fn end(&self) -> &AttemptEnd {
        &self.end
    }

    /// The status of its response; `None` if it failed.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.end {
            AttemptEnd::Answered(status) => Some(status),
            AttemptEnd::Failed { .. } => None,
        }
    }

    /// The wait that its response asked for in `Retry-After`, whether or not it was granted.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// From the start of the first attempt to the end of this one: the head of its response, or its failure.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What was decided.
    #[must_use]
    pub fn next(&self) -> Next {
        self.next
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.end, self.next)
    }
}

/// How an attempt ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// With a response of this status.
    Answered(StatusCode),
    /// With an error.
    #[non_exhaustive]
    Failed {
        /// The kind of failure; `None` if it is of a kind that is never repeated.
        failure: Option<Failure>,
        /// What the attempt may have done on the wire, if its error tells.
        outcome: Option<Outcome>,
        /// The texts of the error and its sources.
        error: Arc<str>,
    },
}

impl AttemptEnd {
    pub(super) fn failed(error: &(dyn Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| Error::source(*error));
        let texts: Vec<_> = chain.map(ToString::to_string).collect();
        Self::Failed { failure: Failure::of(error), outcome: Outcome::of(error), error: texts.join(": ").into() }
    }
}

impl fmt::Display for AttemptEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => status.as_u16().fmt(f),
            Self::Failed { error, .. } => f.write_str(error),
        }
    }
}

/// What followed an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// Another attempt.
    #[non_exhaustive]
    Retried {
        /// What called for it.
        because: Because,
        /// The wait before it.
        wait: Duration,
    },
    /// The end of the call, with the response or the error that the attempt had.
    Stopped(Stop),
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retried { wait, .. } if wait.is_zero() => f.write_str("again at once"),
            Self::Retried { wait, .. } => write!(f, "again after {wait:?}"),
            Self::Stopped(stop) => write!(f, "not again: {stop}"),
        }
    }
}

/// What called for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Because {
    /// The status of the response.
    Status,
    /// The failure.
    Failure(Failure),
    /// The closure given to [`RetryOptions::decide`](super::RetryOptions::decide).
    Decided,
}

/// Why no further attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// Nothing called for one: the status is not one of those that are retried, or the failure is of a kind that is not.
    NotRetried,
    /// The closure given to [`RetryOptions::decide`](super::RetryOptions::decide) said so.
    Decided,
    /// The [rule](super::Rule) for the status or the failure says so.
    Rule,
    /// The server may have acted on the request, which is not one that may be sent twice
    /// ([`RetryOptions::methods`](super::RetryOptions::methods), `Idempotency-Key`).
    NotIdempotent,
    /// It was the last of [`RetryOptions::attempts`](super::RetryOptions::attempts), or of a rule's.
    AttemptsUsedUp,
    /// `Retry-After` asks for a longer wait than
    /// [`RetryOptions::max_retry_after`](super::RetryOptions::max_retry_after).
    RetryAfterTooLong,
    /// The wait would not have ended before the call's [`Deadline`](sortie_core::Deadline).
    Deadline,
    /// The wait would not have ended within [`RetryOptions::total`](super::RetryOptions::total).
    TotalTime,
    /// The body can be sent only once.
    NotReplayable,
    /// The [budget](super::Budget) was empty.
    BudgetEmpty,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRetried => "nothing calls for it",
            Self::Decided => "the closure of RetryOptions::decide said so",
            Self::Rule => "the rule for it says so (set by RetryOptions::on_status or on_failure)",
            Self::NotIdempotent => "the request is not idempotent",
            Self::AttemptsUsedUp => "the attempts are used up (set by RetryOptions::attempts, or by the rule)",
            Self::RetryAfterTooLong => "Retry-After asks for too long a wait (set by RetryOptions::max_retry_after)",
            Self::Deadline => "the wait would have outlasted the call's time limit",
            Self::TotalTime => "the time for retries is used up (set by RetryOptions::total)",
            Self::NotReplayable => "the body can be sent only once (see Body::factory)",
            Self::BudgetEmpty => "the retry budget is empty (set by RetryOptions::budget)",
        })
    }
}
