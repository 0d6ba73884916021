use std::time::Duration;

use http::{Method, StatusCode};

use super::{Backoff, Budget};

/// What is sent again, how often and when: the configuration of a [`RetryLayer`](super::RetryLayer) and, as
/// `PerRequest<RetryOptions>`, its override for one request.
///
/// | | [`default`](Self::default) | [`standard`](Self::standard) | [`none`](Self::none) |
/// |---|---|---|---|
/// | attempts in all | 2 | 3 | 1 |
/// | a request that was not sent, or that the server refused unprocessed | again, any method | again, any method | – |
/// | a reused connection that ended before the answer | again, idempotent | again, idempotent | – |
/// | any other failure of an attempt | – | again, idempotent | – |
/// | 429, 502, 503, 504 | – | again, idempotent | – |
/// | wait | none | full jitter, 100 ms × 2ⁿ up to 10 s; `Retry-After` | – |
/// | budget | none | the layer's | – |
///
/// A TLS handshake that ended in a verdict (a certificate was refused) is not repeated; one that the connection cut
/// short is like any request that was not sent. *Idempotent* is what [`methods`](Self::methods) says, and any request
/// with an `Idempotency-Key` header.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RetryOptions {
    /// How often a request is sent at most, the first time included.
    pub attempts: usize,
    /// The wait between two attempts.
    pub backoff: Backoff,
    /// The longest `Retry-After` that is waited for; 60 s by default. A response that asks for more is the answer.
    pub max_retry_after: Duration,
    /// What happens after a failure that leaves open whether the server has acted on the request.
    pub maybe_processed: MaybeProcessed,
    pub(super) statuses: Vec<StatusCode>,
    pub(super) methods: Vec<Method>,
    pub(super) budget: Spending,
}

/// What happens after a failure that leaves open whether the server has acted on the request: a timeout of the
/// attempt, a connection that ended in the middle, any error that does not tell its
/// [`Outcome`](sortie_core::Outcome).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaybeProcessed {
    /// The call fails.
    #[default]
    Fail,
    /// An idempotent request is sent again ([RFC 9110 §9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2)).
    RepeatIdempotent,
}

/// Where the retries are taken from.
#[derive(Clone, Debug)]
pub(super) enum Spending {
    Free,
    /// The budget that the layer made for itself, also where these options come with a request.
    OfLayer,
    Of(Budget),
}

/// The idempotent methods of [RFC 9110 §9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2).
const IDEMPOTENT: [Method; 6] =
    [Method::HEAD, Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE];

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            attempts: 2,
            backoff: Backoff::none(),
            max_retry_after: Duration::from_secs(60),
            maybe_processed: MaybeProcessed::default(),
            statuses: Vec::new(),
            methods: IDEMPOTENT.into(),
            budget: Spending::Free,
        }
    }
}

impl RetryOptions {
    /// What urllib3's users know as `Retry(total=2)` with a list of statuses: three attempts in all, with back-off,
    /// `Retry-After` and a budget. The type's table has the details.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff::full_jitter(Duration::from_millis(100), Duration::from_secs(10)),
            maybe_processed: MaybeProcessed::RepeatIdempotent,
            statuses: vec![
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::BAD_GATEWAY,
                StatusCode::SERVICE_UNAVAILABLE,
                StatusCode::GATEWAY_TIMEOUT,
            ],
            budget: Spending::OfLayer,
            ..Self::default()
        }
    }

    /// Exactly one attempt.
    #[must_use]
    pub fn none() -> Self {
        Self::default().attempts(1)
    }

    /// How often a request is sent at most, the first time included; 0 counts as 1.
    #[must_use]
    pub fn attempts(self, attempts: usize) -> Self {
        Self { attempts, ..self }
    }

    /// The statuses after which an idempotent request is sent again, instead of those before.
    #[must_use]
    pub fn statuses(self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        Self { statuses: statuses.into_iter().collect(), ..self }
    }

    /// The methods that may be sent again although the server may have acted on the first request; by default `HEAD`,
    /// `GET`, `PUT`, `DELETE`, `OPTIONS` and `TRACE`.
    ///
    /// A request that certainly was not acted on is sent again with any method.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        Self { methods: methods.into_iter().collect(), ..self }
    }

    /// What happens after a failure that leaves open whether the server has acted on the request.
    #[must_use]
    pub fn maybe_processed(self, maybe_processed: MaybeProcessed) -> Self {
        Self { maybe_processed, ..self }
    }

    /// The wait between two attempts. A `Retry-After` makes it longer, never shorter.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// The longest `Retry-After` that is waited for.
    #[must_use]
    pub fn max_retry_after(self, max_retry_after: Duration) -> Self {
        Self { max_retry_after, ..self }
    }

    /// Takes the retries from this budget.
    ///
    /// [`standard`](Self::standard) takes them from one that each [`RetryLayer`](super::RetryLayer) makes for itself.
    #[must_use]
    pub fn budget(self, budget: Budget) -> Self {
        Self { budget: Spending::Of(budget), ..self }
    }

    /// Takes the retries from no budget.
    #[must_use]
    pub fn no_budget(self) -> Self {
        Self { budget: Spending::Free, ..self }
    }
}
