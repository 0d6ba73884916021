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
//! # How a call ends
//!
//! With the last response, whatever its status, or with the last error. Faults in a response's body come after that and
//! are not retried.
//!
//! A body that can be sent only once is sent once: where another attempt would be due, the call ends with the response,
//! or with the error in [`NotReplayable`].
//!
//! # Per-request override
//!
//! `PerRequest<RetryOptions>` in the request's extensions; `Off` is exactly one attempt. An `Idempotency-Key` header
//! makes any request one that may be sent again.
//!
//! # Response metadata
//!
//! [`Attempts`], if there was more than one. An error after more than one is [`Failed`], which tells their number too.
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
//! - `attempts(n)` counts all attempts; `Retry(total=n)` counts those after the first.
//! - Redirects are not counted here.
//! - A `Retry-After` that is malformed is ignored, and one that asks for more than a minute ends the call.
//! - When attempts run out, the last response is the answer and no error is made of it.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use sortie_core::{BoxError, BoxFuture, Deadline, Replay, call_when_ready};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

mod backoff;
mod budget;
mod decide;
mod error;
mod options;
mod retry_after;

pub use backoff::Backoff;
pub use budget::Budget;
pub use error::{Failed, NotReplayable};
pub use options::{MaybeProcessed, RetryOptions};

use crate::again::{self, FirstThenLoop, Head, head_is_shared, leave_head};
use crate::redirect::is_redirect;
use decide::{Attempt, End, Moment, Verdict, decide, is_idempotent};
use options::Spending;

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
        again::options(&self.options, extensions).filter(|options| options.attempts > 1)
    }

    fn budget(&self, options: &RetryOptions) -> Option<Budget> {
        match &options.budget {
            Spending::Free => None,
            Spending::OfLayer => Some(self.budget.clone()),
            Spending::Of(budget) => Some(budget.clone()),
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
        let plan = Plan {
            idempotent: is_idempotent(&options, request.method(), request.headers()),
            deadline: Deadline::of(request.extensions()),
            budget: self.budget(&options).filter(|_| options.attempts > 1),
            options,
            shared,
        };
        if let Some(budget) = &plan.budget {
            budget.deposit();
        }
        let mut service = again::take_ready(&mut self.inner);
        let spare = spare.map(|body| (Head::of(&request), body));
        let first = service.call(request);
        FirstThenLoop::new(first, Some(Rest { service, spare, plan }))
    }
}

/// What counts for all attempts of a call.
struct Plan {
    options: Arc<RetryOptions>,
    budget: Option<Budget>,
    idempotent: bool,
    deadline: Option<Deadline>,
    /// Whether Redirect looks for the request's head in a redirect.
    shared: bool,
}

impl Plan {
    /// The wait before the next attempt, if there is to be one.
    fn next<RB>(&self, result: &Result<Response<RB>, BoxError>, sends: usize) -> Option<Duration> {
        let end = match result {
            Ok(response) => End::Answer(response.status(), response.headers()),
            Err(error) => End::Error(error),
        };
        let left = |deadline: Deadline| Instant::from_std(deadline.at).saturating_duration_since(Instant::now());
        let moment = || Moment { now: SystemTime::now(), left: self.deadline.map(left), random: fastrand::f64() };
        match decide(&self.options, &Attempt { end, idempotent: self.idempotent, sends }, moment) {
            Verdict::RetryAfter(wait) => Some(wait),
            Verdict::Done => None,
        }
    }

    fn allows(&self) -> bool {
        self.budget.as_ref().is_none_or(Budget::withdraw)
    }
}

/// What is kept to send a request again with: a part of the future's type.
pub struct Rest<S, B> {
    service: S,
    spare: Option<(Head, B)>,
    plan: Plan,
}

impl<S, B> fmt::Debug for Rest<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

impl<S, B, RB> again::After<RB> for Rest<S, B>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError> + Send, Future: Send> + Send + 'static,
    B: Replay + Send + 'static,
    RB: Send + 'static,
{
    type Step = Duration;

    fn next(&self, first: &mut Result<Response<RB>, BoxError>) -> Option<Duration> {
        let wait = self.plan.next(first, 1);
        if wait.is_none() && self.plan.shared {
            share(first, self.spare.as_ref());
        }
        wait
    }

    fn run(
        self,
        wait: Duration,
        first: Result<Response<RB>, BoxError>,
    ) -> BoxFuture<'static, Result<Response<RB>, BoxError>> {
        Box::pin(repeat(self, first, wait))
    }
}

/// Sends again after `wait`, and for as long as the plan says so.
async fn repeat<S, B, RB>(
    rest: Rest<S, B>,
    first: Result<Response<RB>, BoxError>,
    mut wait: Duration,
) -> Result<Response<RB>, BoxError>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError>>,
    B: Replay,
{
    let Rest { mut service, spare, plan } = rest;
    let mut sends = 1;
    let mut result = first;
    loop {
        let Some(next) = spare.as_ref().and_then(again) else {
            result = result.map_err(|error| NotReplayable::new(error).into());
            break;
        };
        if !plan.allows() {
            break;
        }
        drop(result);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        sends += 1;
        result = call_when_ready(&mut service, next).await.map_err(Into::into);
        match plan.next(&result, sends) {
            Some(next) => wait = next,
            None => break,
        }
    }
    if plan.shared {
        share(&mut result, spare.as_ref());
    }
    mark(result, Attempts { count: sends })
}

/// Leaves the head of the request with a redirect.
fn share<B, RB>(result: &mut Result<Response<RB>, BoxError>, spare: Option<&(Head, B)>) {
    if let (Ok(response), Some((head, _))) = (result, spare)
        && is_redirect(response.status())
    {
        leave_head(response, head);
    }
}

fn again<B: Replay>((head, body): &(Head, B)) -> Option<Request<B>> {
    Some(Request::from_parts(head.to_parts(), body.replay()?))
}

fn mark<RB>(result: Result<Response<RB>, BoxError>, attempts: Attempts) -> Result<Response<RB>, BoxError> {
    if attempts.count == 1 {
        return result;
    }
    let mut response = result.map_err(|error| Failed::new(attempts, error))?;
    response.extensions_mut().insert(attempts);
    Ok(response)
}

/// How often a request was sent: an extension of a response that came after more than one attempt.
///
/// After redirects these are the attempts of the last hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    count: usize,
}

impl Attempts {
    /// Their number, the first one included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests;
