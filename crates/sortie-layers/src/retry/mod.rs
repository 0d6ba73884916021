//! Sends a request again where that is safe and may help: connection faults by default; statuses, other failures,
//! back-off and `Retry-After` with [`RetryOptions::standard`].
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use sortie_core::Body;
//! use sortie_layers::retry::{Attempts, RetryLayer, RetryOptions};
//! use sortie_testkit::{Scripted, status};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let server = Scripted::new([status(503), status(200)]);
//! let client = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryOptions::standard()))
//!     .service(server.clone());
//!
//! let response = client.oneshot(Request::get("https://example.com/").body(Body::empty())?).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.extensions().get::<Attempts>().map(Attempts::count), Some(2));
//! # Ok(())
//! # }
//! ```
//!
//! # What is decided, and by whom
//!
//! After each attempt, in this order; the first that says something decides whether anything calls for another one:
//!
//! 1. a closure ([`RetryOptions::decide`])
//! 2. the [`Rule`] for the status ([`RetryOptions::on_status`]) or for the kind of failure
//!    ([`RetryOptions::on_failure`])
//! 3. the lists and settings of [`RetryOptions`], whose table has the defaults
//!
//! Then the limits, each of which can refuse it: the number of attempts, the longest `Retry-After`, the call's
//! [`Deadline`], the [time for retries](RetryOptions::total), a body that can be sent only once, and the [`Budget`].
//!
//! ```
//! use std::time::Duration;
//! use http::StatusCode;
//! use sortie_layers::retry::{Backoff, Budget, Decision, Failure, RetryOptions, Rule};
//!
//! let options = RetryOptions::standard()
//!     .attempts(4)
//!     .total(Duration::from_secs(30))
//!     .backoff(Backoff::decorrelated_jitter(Duration::from_millis(50), Duration::from_secs(5)))
//!     .on_status(StatusCode::TOO_MANY_REQUESTS, Rule::retry().any_method().attempts(6))
//!     .on_failure(Failure::Timeout, Rule::stop())
//!     .decide(|tried| match tried.uri().path() {
//!         "/health" => Decision::Stop,
//!         _ => Decision::Default,
//!     })
//!     .on_decision(|tried, attempt| eprintln!("{}: {attempt}", tried.method()))
//!     .budget(Budget::new(0.1, 5.0));
//! ```
//!
//! # How a call ends
//!
//! With the last response, whatever its status, or with the last error. Faults in a response's body come after that and
//! are not retried.
//!
//! A body that can be sent only once is sent once: where another attempt would be due, the call ends with the response,
//! or with the error in [`NotReplayable`].
//!
//! # Time
//!
//! The time of one attempt is limited by [`TimeoutOptions::attempt`](crate::timeout::TimeoutOptions::attempt), from a
//! layer further in; one that it ends is repeated as any [`Failure::Timeout`]. After [`RetryOptions::total`] no attempt
//! begins, and what has begun goes on; [`TimeoutOptions::total`](crate::timeout::TimeoutOptions::total), from a layer
//! further out, cuts everything short.
//!
//! # Per-request override
//!
//! `PerRequest<RetryOptions>` in the request's extensions; `Off` is exactly one attempt. An `Idempotency-Key` header
//! makes any request one that may be sent again.
//!
//! # Response metadata
//!
//! [`Attempts`], if another attempt was called for, whether it was made or refused: how each one ended, what followed,
//! and why. An error then is [`Failed`], which tells them too, unless it is a [`NotReplayable`] at the first attempt.
//! [`RetryOptions::on_decision`] is told the same while it happens.
//!
//! # Order
//!
//! Outside auth and cookies, which are then decided anew for each attempt, and outside the attempt's timeout; inside
//! redirects and the timeouts of the call and the hop, whose [`Deadline`] it respects: instead of a wait beyond it the
//! call ends with what there is.
//!
//! # Differences from requests
//!
//! - requests retries nothing by default; here a request that was certainly not processed is sent once more, as is an
//!   idempotent one that met a stale connection.
//! - `attempts(n)` counts all attempts; `Retry(total=n)` counts those after the first. There is one count; where
//!   `Retry(connect=, read=, status=)` has several, a [`Rule`] sets the attempts for one status or kind of failure.
//! - `backoff_factor=f` is `Backoff::exponential(f, …)` here, but urllib3 does not wait before the first retry.
//! - Redirects are not counted here.
//! - A `Retry-After` that is malformed is ignored, and one that asks for more than a minute ends the call.
//! - When attempts run out, the last response is the answer and no error is made of it.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use sortie_core::{BoxError, Deadline, PerRequest, Replay};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

mod attempts;
mod backoff;
mod budget;
mod decide;
mod earlier;
mod error;
mod failure;
mod options;
mod repeat;
mod retry_after;
mod rule;
mod tried;

pub use attempts::{Attempt, AttemptEnd, Attempts, Because, Next, Stop};
pub use backoff::Backoff;
pub use budget::Budget;
pub use earlier::tells_of_earlier_exchanges;
pub use error::{Failed, NotReplayable};
pub use failure::Failure;
pub use options::{MaybeProcessed, RetryOptions};
pub use rule::Rule;
pub use tried::{Decision, Tried};

use crate::again::{self, FirstThenLoop, Head, head_is_shared};
use decide::is_idempotent;
use options::Spending;
use repeat::{Plan, Rest};
use tried::Asked;

/// Makes [`Retry`]. The [module](self) has an example.
///
/// Its clones, and all services it makes, share a budget.
#[derive(Clone, Debug, Default)]
pub struct RetryLayer {
    options: Arc<RetryOptions>,
    budget: Budget,
    shares_head: bool,
}

impl RetryLayer {
    /// Retries as `options` say.
    #[must_use]
    pub fn new(options: RetryOptions) -> Self {
        Self { options: Arc::new(options), budget: Budget::default(), shares_head: false }
    }

    /// Leaves the head of a request with the redirect that answers it, for the
    /// [`Redirect`](crate::redirect::RedirectLayer::shares_head) further out.
    #[must_use]
    pub fn shares_head(self, shares_head: bool) -> Self {
        Self { shares_head, ..self }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry { inner, options: self.options.clone(), budget: self.budget.clone(), shares_head: self.shares_head }
    }
}

/// Sends requests again. The [module](self) says which.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    options: Arc<RetryOptions>,
    budget: Budget,
    shares_head: bool,
}

impl<S> Retry<S> {
    /// What counts for a request of these extensions; `None` if there is one attempt only.
    fn options(&self, extensions: &http::Extensions) -> Option<Arc<RetryOptions>> {
        let options = match PerRequest::<RetryOptions>::of(extensions) {
            None => self.options.clone(),
            Some(PerRequest::Use(own)) => Arc::new(own.clone()),
            Some(PerRequest::Off) => return None,
        };
        Some(options).filter(|options| options.may_repeat())
    }

    fn budget(&self, options: &RetryOptions) -> Option<Budget> {
        match &options.budget {
            Spending::Free => None,
            Spending::OfLayer => Some(self.budget.clone()),
            Spending::Of(budget) => Some(budget.clone()),
        }
    }

    fn plan<B>(&self, options: Arc<RetryOptions>, request: &Request<B>, shared: bool) -> Plan {
        let (repeats, began) = (options.may_repeat(), Instant::now());
        let asked = || Box::new(Asked { method: request.method().clone(), uri: request.uri().clone(), began });
        Plan {
            budget: self.budget(&options).filter(|_| repeats),
            idempotent: is_idempotent(&options, request.method(), request.headers()),
            deadline: Deadline::of(request.extensions()),
            began,
            asked: (repeats && options.has_closures()).then(asked),
            options,
            repeats,
            shared,
        }
    }
}

impl<S, B, RB> Service<Request<B>> for Retry<S>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError> + Send, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Replay + Send + 'static,
    RB: Send + 'static,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = FirstThenLoop<S::Future, Rest<S, B>, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let spare = request.body().replay();
        let shared = self.shares_head && head_is_shared(request.extensions(), spare.is_some());
        let options = self.options(request.extensions());
        // For Redirect's sake a head is kept where there will be one attempt only, too.
        let Some(options) = options.or_else(|| shared.then(|| self.options.clone())) else {
            return FirstThenLoop::new(self.inner.call(request), None);
        };
        let plan = self.plan(options, &request, shared);
        if let Some(budget) = &plan.budget {
            budget.deposit();
        }
        let mut service = again::take_ready(&mut self.inner);
        let spare = spare.map(|body| (Head::of(&request), body));
        let first = service.call(request);
        FirstThenLoop::new(first, Some(Rest { service, spare, plan }))
    }
}

#[cfg(test)]
mod tests;
