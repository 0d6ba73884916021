//! Whether an attempt is followed by another one. Pure functions of what is known about it: [`wish`] says whether
//! anything calls for another, [`weigh`] whether the limits allow it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method};

use super::backoff::Step;
use super::retry_after::retry_after;
use super::tried::{Asked, End, Ended, Tried};
use super::{Because, Decision, Failure, MaybeProcessed, Next, RetryOptions, Rule, Stop};

/// Whether something calls for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Another attempt, if the limits allow it.
    Repeat {
        because: Because,
        rule: Option<Rule>,
        /// The very wait before it, whatever the back-off and the server say.
        wait: Option<Duration>,
    },
    /// The call ends as the attempt did.
    Stop(Stop),
}

/// What the wait before another attempt depends on besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: SystemTime,
    /// How long it has been since the first attempt began.
    pub(super) elapsed: Duration,
    /// How long the call may still take, if it has a deadline.
    pub(super) left: Option<Duration>,
    /// The back-off before this attempt.
    pub(super) previous: Duration,
    /// From 0 to 1.
    pub(super) random: f64,
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weighed {
    pub(super) next: Next,
    /// What the server asked for.
    pub(super) retry_after: Option<Duration>,
    /// The back-off within the wait.
    pub(super) backoff: Duration,
}

/// Whether anything calls for another attempt. The closure is asked first, then the rule for what happened, then the
/// general settings.
pub(super) fn wish(options: &RetryOptions, ended: &Ended<'_>, asked: Option<&Asked>) -> Wish {
    if let (Some(decide), Some(asked)) = (&options.decide, asked) {
        let wait = match decide.ask(&Tried { asked, ended: *ended }) {
            Decision::Default => return by_rules(options, ended),
            Decision::Stop => return Wish::Stop(Stop::Decided),
            Decision::Retry => None,
            Decision::RetryAfter(wait) => Some(wait),
        };
        return Wish::Repeat { because: Because::Decided, rule: None, wait };
    }
    by_rules(options, ended)
}

fn by_rules(options: &RetryOptions, ended: &Ended<'_>) -> Wish {
    let (because, rule, retried, safe) = match ended.end {
        End::Answer(status, _) => {
            let rule = options.rule_for_status(status);
            (Because::Status, rule, options.statuses.contains(&status), ended.idempotent)
        }
        End::Error(error) => {
            let Some(failure) = Failure::of(&**error) else { return Wish::Stop(Stop::NotRetried) };
            let retried = is_retried(options, failure);
            let safe = ended.idempotent || failure.is_unprocessed();
            (Because::Failure(failure), options.rule_for_failure(failure), retried, safe)
        }
    };
    if rule.is_some_and(|rule| !rule.retries) {
        Wish::Stop(Stop::Rule)
    } else if rule.is_none() && !retried {
        Wish::Stop(Stop::NotRetried)
    } else if safe || rule.is_some_and(|rule| rule.any_method) {
        Wish::Repeat { because, rule, wait: None }
    } else {
        Wish::Stop(Stop::NotIdempotent)
    }
}

/// Where there is no rule for it.
fn is_retried(options: &RetryOptions, failure: Failure) -> bool {
    match failure {
        Failure::Connect | Failure::Refused | Failure::Stale => true,
        Failure::Acquire | Failure::Denied => false,
        Failure::Timeout | Failure::MaybeProcessed => options.maybe_processed == MaybeProcessed::RepeatIdempotent,
    }
}

/// Whether the limits allow what is wished for, and how long to wait.
pub(super) fn weigh(options: &RetryOptions, ended: &Ended<'_>, wish: Wish, moment: Moment) -> Weighed {
    let retry_after = match ended.end {
        End::Answer(_, headers) => retry_after(headers, moment.now),
        End::Error(_) => None,
    };
    let stopped = |stop| Weighed { next: Next::Stopped(stop), retry_after, backoff: Duration::ZERO };
    let (because, rule, wait) = match wish {
        Wish::Stop(stop) => return stopped(stop),
        Wish::Repeat { because, rule, wait } => (because, rule, wait),
    };
    if ended.sends >= rule.and_then(|rule| rule.attempts).unwrap_or(options.attempts) {
        return stopped(Stop::AttemptsUsedUp);
    }
    let asked = retry_after.unwrap_or_default();
    if wait.is_none() && asked > options.max_retry_after {
        return stopped(Stop::RetryAfterTooLong);
    }
    let step = Step { sends: ended.sends, previous: moment.previous, random: moment.random };
    let backoff = rule.and_then(|rule| rule.backoff).unwrap_or(options.backoff).wait(step);
    let wait = wait.unwrap_or(asked.max(backoff));
    // Waiting until the call has failed would only lose the answer that there is.
    if moment.left.is_some_and(|left| wait >= left) {
        return stopped(Stop::Deadline);
    }
    if options.total.is_some_and(|total| moment.elapsed.saturating_add(wait) >= total) {
        return stopped(Stop::TotalTime);
    }
    Weighed { next: Next::Retried { because, wait }, retry_after, backoff }
}

/// By this field the server sees that it has acted on the request before
/// ([Internet-Draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Whether a request may be sent again although the server may have acted on it.
pub(super) fn is_idempotent(options: &RetryOptions, method: &Method, headers: &HeaderMap) -> bool {
    options.methods.contains(method) || headers.contains_key(IDEMPOTENCY_KEY)
}

#[cfg(test)]
mod tests;
