//! Limits the time of a whole call, of one hop, or of one attempt.
//!
//! | layer | begins | ends | its error's [`Phase`] |
//! |---|---|---|---|
//! | [`TimeoutLayer::total`] | at the call | with the response body's end | `Total` |
//! | [`TimeoutLayer::hop`] | at the call of the mount | with the response body's end | `Hop` |
//! | [`TimeoutLayer::attempt`] | at the attempt | at the response head | `Attempt` |
//!
//! When a limit runs out, the call or the body fails with [`Elapsed`](sortie_core::Elapsed), and what was under way is
//! dropped at once. A limit that nobody set costs neither a timer nor an allocation; one that is set costs a timer only
//! once the call, or the body, has to wait. The timer is tokio's, with a resolution of a millisecond: a call with a
//! limit must run in a tokio runtime with time enabled.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use sortie_core::{BoxError, Elapsed, Phase, find};
//! use sortie_layers::timeout::{TimeoutLayer, TimeoutOptions};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let options = TimeoutOptions::default().total(Duration::from_secs(20));
//! let service = ServiceBuilder::new().layer(TimeoutLayer::total(options)).service(service_fn(
//!     |_: http::Request<String>| std::future::pending::<Result<http::Response<String>, BoxError>>(),
//! ));
//! let error = service.oneshot(http::Request::default()).await.unwrap_err();
//! assert_eq!(find::<Elapsed>(&*error).map(Elapsed::phase), Some(Phase::Total));
//! assert_eq!(error.to_string(), "timed out after 20s (total; set by TimeoutOptions::total)");
//! # }
//! ```
//!
//! # Per-request override
//!
//! [`PerRequest<TimeoutOptions>`](PerRequest), field by field: what `Use` leaves unset stays as the layer has it,
//! [`no_total`](TimeoutOptions::no_total) and [`no_attempt`](TimeoutOptions::no_attempt) switch one off, `Off` both. A
//! hop's limit cannot be overridden, only undercut by `total`.
//!
//! # Order
//!
//! The total stands outside Redirect and Retry and covers both with all their waits. The attempt stands below Retry,
//! which may try again after it. A hop stands between the two, in its mount. Whichever limit runs out first ends the
//! call. Total and hop leave a [`Deadline`] in the request's extensions, the earlier of both, so that Retry need not
//! begin a wait that would be in vain.
//!
//! # Differences from requests
//!
//! - These are limits of wall-clock time. requests' `timeout` is a pair of limits for the connection and for each gap
//!   in the response; the transport has those.

use std::task::{Context, Poll};
use std::time::Duration;

use http::{Extensions, Request, Response};
use sortie_core::{BoxError, Deadline, PerRequest, Phase};
use tower_layer::Layer;
use tower_service::Service;

mod body;
mod clock;
mod future;

pub use body::TimeoutBody;
use clock::Clock;
pub use future::{AttemptFuture, TimeoutFuture};

/// The limits of a call and of its attempts; none by default.
///
/// Each is unset (`None`), off, or a duration. Zero is no time at all: only what is there at once is in time. A
/// duration beyond what the clock can count, such as `Duration::MAX`, is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutOptions {
    /// The whole call: redirects, retries, the waits between them, and the response body to its end.
    pub total: Option<PerRequest<Duration>>,
    /// One attempt, from its start to the head of its response.
    pub attempt: Option<PerRequest<Duration>>,
}

impl TimeoutOptions {
    /// Limits the whole call, the response body included.
    #[must_use]
    pub fn total(self, limit: Duration) -> Self {
        Self { total: Some(PerRequest::Use(limit)), ..self }
    }

    /// No limit for the whole call.
    #[must_use]
    pub fn no_total(self) -> Self {
        Self { total: Some(PerRequest::Off), ..self }
    }

    /// Limits each attempt, up to the head of its response.
    #[must_use]
    pub fn attempt(self, limit: Duration) -> Self {
        Self { attempt: Some(PerRequest::Use(limit)), ..self }
    }

    /// No limit for an attempt.
    #[must_use]
    pub fn no_attempt(self) -> Self {
        Self { attempt: Some(PerRequest::Off), ..self }
    }
}

type Field = fn(&TimeoutOptions) -> Option<PerRequest<Duration>>;

/// The limit that counts: what the request says of this field, else what the layer says.
fn limit(field: Field, extensions: &Extensions, layer: Option<Duration>) -> Option<Duration> {
    match PerRequest::of(extensions) {
        Some(PerRequest::Off) => None,
        Some(PerRequest::Use(options)) => field(options).map_or(layer, value),
        None => layer,
    }
}

fn value(setting: PerRequest<Duration>) -> Option<Duration> {
    match setting {
        PerRequest::Use(limit) => Some(limit),
        PerRequest::Off => None,
    }
}

/// Makes [`Timeout`] services, which limit the time up to the end of the response body. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    scope: Scope,
    limit: Option<Duration>,
}

impl TimeoutLayer {
    /// Limits the whole call by `options.total`, or what the request says instead.
    #[must_use]
    pub fn total(options: TimeoutOptions) -> Self {
        Self { scope: Scope::Total, limit: options.total.and_then(value) }
    }

    /// Limits one hop in its mount, with the hop's retries and its body. A request cannot override it.
    #[must_use]
    pub fn hop(limit: Option<Duration>) -> Self {
        Self { scope: Scope::Hop, limit }
    }

    /// Limits one attempt, up to the head of its response, by `options.attempt`, or what the request says instead.
    #[must_use]
    pub fn attempt(options: TimeoutOptions) -> AttemptLayer {
        AttemptLayer { limit: options.attempt.and_then(value) }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout { inner, scope: self.scope, limit: self.limit }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Total,
    Hop,
}

/// Limits the time up to the end of the response body. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct Timeout<S> {
    inner: S,
    scope: Scope,
    limit: Option<Duration>,
}

impl<S, B, RB> Service<Request<B>> for Timeout<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<TimeoutBody<RB>>;
    type Error = BoxError;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let clock = match self.scope {
            Scope::Hop => Clock::start(Phase::Hop, self.limit),
            Scope::Total => {
                Clock::start(Phase::Total, limit(|options| options.total, request.extensions(), self.limit))
            }
        };
        if let Some(clock) = &clock {
            announce(request.extensions_mut(), clock.deadline());
        }
        TimeoutFuture::new(self.inner.call(request), clock)
    }
}

/// Leaves the deadline for the layers below, unless one further out is earlier.
fn announce(extensions: &mut Extensions, deadline: Deadline) {
    if Deadline::of(extensions).is_none_or(|outer| deadline < outer) {
        extensions.insert(deadline);
    }
}

/// Makes [`Attempt`] services. See [`TimeoutLayer::attempt`] and the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct AttemptLayer {
    limit: Option<Duration>,
}

impl<S> Layer<S> for AttemptLayer {
    type Service = Attempt<S>;

    fn layer(&self, inner: S) -> Attempt<S> {
        Attempt { inner, limit: self.limit }
    }
}

/// Limits the time up to the head of the response. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct Attempt<S> {
    inner: S,
    limit: Option<Duration>,
}

impl<S, B> Service<Request<B>> for Attempt<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = AttemptFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let limit = limit(|options| options.attempt, request.extensions(), self.limit);
        AttemptFuture::new(self.inner.call(request), Clock::start(Phase::Attempt, limit))
    }
}

#[cfg(test)]
mod tests;
