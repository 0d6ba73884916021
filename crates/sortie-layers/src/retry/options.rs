use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use super::{Attempt, Backoff, Budget, Decision, Failure, Rule, Tried};

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
///
/// What differs for one status or one kind of failure is a [`Rule`] ([`on_status`](Self::on_status),
/// [`on_failure`](Self::on_failure)), and what no rule can say a closure decides ([`decide`](Self::decide)). The time
/// that one attempt may take is [`TimeoutOptions::attempt`](crate::timeout::TimeoutOptions::attempt): an attempt that
/// it ends is a [`Failure::Timeout`].
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
    /// How long after the first attempt began another one may begin; unlimited by default. After a redirect the next hop
    /// begins anew.
    pub total: Option<Duration>,
    pub(super) statuses: Vec<StatusCode>,
    pub(super) status_rules: Vec<(StatusCode, Rule)>,
    pub(super) failure_rules: Vec<(Failure, Rule)>,
    pub(super) methods: Vec<Method>,
    pub(super) budget: Spending,
    pub(super) decide: Option<Decide>,
    pub(super) observers: Vec<Observe>,
}

/// The closure that decides.
#[derive(Clone)]
pub(super) struct Decide(Arc<dyn Fn(&Tried<'_>) -> Decision + Send + Sync>);

impl Decide {
    pub(super) fn ask(&self, tried: &Tried<'_>) -> Decision {
        (self.0)(tried)
    }
}

impl fmt::Debug for Decide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decide")
    }
}

/// A closure that is told of decisions.
#[derive(Clone)]
pub(super) struct Observe(Arc<Observer>);

type Observer = dyn Fn(&Tried<'_>, &Attempt) + Send + Sync;

impl Observe {
    pub(super) fn tell(&self, tried: &Tried<'_>, attempt: &Attempt) {
        (self.0)(tried, attempt);
    }
}

impl fmt::Debug for Observe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observe")
    }
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
            total: None,
            statuses: Vec::new(),
            status_rules: Vec::new(),
            failure_rules: Vec::new(),
            methods: IDEMPOTENT.into(),
            budget: Spending::Free,
            decide: None,
            observers: Vec::new(),
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

    /// What happens after this status, whether or not it is among the [`statuses`](Self::statuses). Of several rules for
    /// the same the last counts.
    #[must_use]
    pub fn on_status(mut self, status: StatusCode, rule: Rule) -> Self {
        self.status_rules.push((status, rule));
        self
    }

    /// What happens after this kind of failure. Of several rules for the same the last counts.
    #[must_use]
    pub fn on_failure(mut self, failure: Failure, rule: Rule) -> Self {
        self.failure_rules.push((failure, rule));
        self
    }

    /// Has a closure decide after each attempt, a successful one too, before rules and settings are asked; in place of
    /// one that was given before.
    ///
    /// What it decides is done within the limits: [`attempts`](Self::attempts), [`total`](Self::total), the call's
    /// deadline and the budget; and a body that can be sent only once is sent once. A request that is not idempotent is
    /// sent again if it says so: that the server does not act twice is then its responsibility.
    ///
    /// It is called in the midst of the call and must not block.
    ///
    /// ```
    /// use sortie_layers::retry::{Decision, RetryOptions};
    ///
    /// // An API that says by a header of its own what may be sent again.
    /// let options = RetryOptions::standard().attempts(5).decide(|tried| {
    ///     let says = tried.headers().and_then(|headers| headers.get("x-should-retry"));
    ///     match says.map(|value| value.as_bytes()) {
    ///         Some(b"true") => Decision::Retry,
    ///         Some(b"false") => Decision::Stop,
    ///         _ => Decision::Default,
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn decide(self, decide: impl Fn(&Tried<'_>) -> Decision + Send + Sync + 'static) -> Self {
        Self { decide: Some(Decide(Arc::new(decide))), ..self }
    }

    /// Adds an observer of decisions, for a log or a counter. It is told what ends up in
    /// [`Attempts`](super::Attempts), at the time of the decision: each retry before its wait, each one that was called
    /// for and refused, and how a call ended that was repeated. Nothing of a call that simply succeeds.
    ///
    /// It is called in the midst of the call and must not block.
    ///
    /// ```
    /// use sortie_layers::retry::RetryOptions;
    ///
    /// let options = RetryOptions::standard().on_decision(|tried, attempt| {
    ///     // GET api.example.com, attempt 1: 503, again after 200ms
    ///     let host = tried.uri().host().unwrap_or_default();
    ///     eprintln!("{} {host}, attempt {}: {attempt}", tried.method(), tried.sends());
    /// });
    /// ```
    #[must_use]
    pub fn on_decision(mut self, observer: impl Fn(&Tried<'_>, &Attempt) + Send + Sync + 'static) -> Self {
        self.observers.push(Observe(Arc::new(observer)));
        self
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

    /// How long after the first attempt began another one may begin: a wait that would end later is not begun, and the
    /// call ends with what there is. It does not cut an attempt short.
    #[must_use]
    pub fn total(self, total: Duration) -> Self {
        Self { total: Some(total), ..self }
    }

    /// Takes the retries from this budget.
    ///
    /// [`standard`](Self::standard) takes them from one that each [`RetryLayer`](super::RetryLayer) makes for itself. One
    /// that is given here is shared by all options, mounts and sessions that are given it.
    #[must_use]
    pub fn budget(self, budget: Budget) -> Self {
        Self { budget: Spending::Of(budget), ..self }
    }

    /// Takes the retries from no budget.
    #[must_use]
    pub fn no_budget(self) -> Self {
        Self { budget: Spending::Free, ..self }
    }

    /// Whether there can be a second attempt at all.
    pub(super) fn may_repeat(&self) -> bool {
        let mut rules =
            self.status_rules.iter().map(|(_, rule)| rule).chain(self.failure_rules.iter().map(|(_, rule)| rule));
        self.attempts > 1 || rules.any(|rule| rule.retries && rule.attempts > Some(1))
    }

    /// Whether a closure is to see the attempts.
    pub(super) fn has_closures(&self) -> bool {
        self.decide.is_some() || !self.observers.is_empty()
    }

    pub(super) fn rule_for_status(&self, status: StatusCode) -> Option<Rule> {
        last(&self.status_rules, &status)
    }

    pub(super) fn rule_for_failure(&self, failure: Failure) -> Option<Rule> {
        last(&self.failure_rules, &failure)
    }
}

fn last<K: PartialEq>(rules: &[(K, Rule)], key: &K) -> Option<Rule> {
    rules.iter().rev().find(|(of, _)| of == key).map(|(_, rule)| *rule)
}
