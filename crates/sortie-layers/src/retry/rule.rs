use super::Backoff;

/// What happens after one status or one kind of failure, where that differs from the rest:
/// [`RetryOptions::on_status`](super::RetryOptions::on_status) and
/// [`RetryOptions::on_failure`](super::RetryOptions::on_failure).
///
/// What a rule does not say is as the options say.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use sortie_layers::retry::{Backoff, Failure, RetryOptions, Rule};
///
/// let options = RetryOptions::standard()
///     // A server that asks for patience has not acted on the request: any method, and more patience than usual.
///     .on_status(
///         StatusCode::TOO_MANY_REQUESTS,
///         Rule::retry().any_method().attempts(6).backoff(Backoff::constant(Duration::from_secs(1))),
///     )
///     .on_status(StatusCode::BAD_GATEWAY, Rule::stop())
///     .on_failure(Failure::Timeout, Rule::stop());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) retries: bool,
    pub(super) attempts: Option<usize>,
    pub(super) backoff: Option<Backoff>,
    pub(super) any_method: bool,
}

impl Rule {
    /// The request is sent again, if it is idempotent or certainly was not acted on.
    #[must_use]
    pub const fn retry() -> Self {
        Self { retries: true, attempts: None, backoff: None, any_method: false }
    }

    /// The call ends.
    #[must_use]
    pub const fn stop() -> Self {
        Self { retries: false, attempts: None, backoff: None, any_method: false }
    }

    /// How many attempts a call may have had, the first one included, for this to be followed by another; more or fewer
    /// than the options' [`attempts`](super::RetryOptions::attempts).
    #[must_use]
    pub const fn attempts(mut self, attempts: usize) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The wait that follows, in place of the options'.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// A request is sent again also if it is not idempotent: the server is known not to have acted on it, or it does not
    /// matter if it acts twice.
    #[must_use]
    pub const fn any_method(mut self) -> Self {
        self.any_method = true;
        self
    }
}
