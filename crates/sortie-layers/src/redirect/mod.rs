//! Follows redirects: 301, 302, 303, 307 and 308 with a `Location`.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use sortie_core::Body;
//! use sortie_layers::redirect::{History, RedirectLayer, RedirectOptions};
//! use sortie_testkit::{Scripted, reply, status};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let server = Scripted::new([reply(303, [("location", "/done")], ""), status(200)]);
//! let client = ServiceBuilder::new()
//!     .layer(RedirectLayer::new(RedirectOptions::default().limit(5)))
//!     .service(server.clone());
//!
//! let request = Request::post("https://example.com/form").body(Body::from("name=value"))?;
//! let response = client.oneshot(request).await?;
//! assert_eq!(response.extensions().get::<History>().map(|history| history.len()), Some(1));
//! assert_eq!(server.requests()[1].method, "GET");
//! assert_eq!(server.requests()[1].uri, "https://example.com/done");
//! # Ok(())
//! # }
//! ```
//!
//! # What a follow-up request is made of
//!
//! | | |
//! |---|---|
//! | method | 303: `GET`, unless it was `HEAD`; 301 and 302: a `POST` becomes a `GET`; else as it was |
//! | body | sent again, unless the method became `GET` or the status is 303; one that can be sent only once is an error ([`NotReplayable`]) |
//! | URL | `Location` against the request's own by the [URL standard](https://url.spec.whatwg.org/); userinfo is dropped, the fragment inherited |
//! | headers | without those that describe content, if the body is not sent again |
//! | credentials | `Authorization`, `Cookie`, `Proxy-Authorization`, `Host`, headers [marked sensitive](http::HeaderValue::set_sensitive) or [named](RedirectOptions::sensitive) go when a hop changes scheme, host or port (`http` to `https` on default ports keeps them), and do not come back on that chain |
//! | extensions | all of them, and [`Chain`](sortie_core::Chain) |
//!
//! A request in origin-form (`/path`) stays in it while locations are relative; an absolute `Location` then leads to a
//! foreign origin.
//!
//! The redirect's own body is dropped unread; what becomes of its connection is the transport's matter.
//!
//! # Which redirects are followed
//!
//! Up to a [`limit`](RedirectOptions::limit), to `http` and `https` and [schemes that are
//! allowed](RedirectOptions::allow_scheme), within a [`scope`](RedirectOptions::scope), and as a
//! [`policy`](RedirectOptions::policy) or [`policy_async`](RedirectOptions::policy_async) decides, which may also change
//! the next request. [`report`](RedirectOptions::report) tells what was decided.
//!
//! A redirect that cannot or must not be followed is an error, [`Failed`], unless the options make it the answer
//! ([`OnLimit::ReturnLast`], [`OnScope::ReturnLast`], [`Action::Stop`]). An answer of that kind has a [`NextRequest`].
//!
//! # Per-request override
//!
//! `PerRequest<RedirectOptions>` in the request's extensions; `Off` follows nothing, and leaves a [`NextRequest`] with
//! the redirect. What the layer's options [protect](RedirectOptions::protecting) stays protected. [`Fragment`] carries
//! the fragment of the first URL.
//!
//! # Response metadata
//!
//! [`History`] and [`FinalUrl`], if at least one redirect was followed; [`NextRequest`], if one was not. An error after
//! one, or because of one, is [`Failed`], which has the history too.
//!
//! # Order
//!
//! Inside what adds default headers, for these must not be added again after a hop that stripped them; outside
//! everything that is decided for an origin: auth, cookies, retries.
//!
//! # Differences from requests
//!
//! - 20 redirects are followed, not 30. `HEAD` is followed as `GET` is.
//! - A 302 to a `PUT` stays a `PUT`, and a 301 or 302 that keeps the method keeps the body.
//! - A body that cannot be sent again is an error; requests sends an empty one.
//! - More is dropped at a foreign origin: `Cookie`, `Host`, sensitive headers. Userinfo in a `Location` is dropped.
//! - Of two `Location` fields the first counts; octets that are not UTF-8 are percent-encoded as they are, where requests
//!   lets a `UnicodeDecodeError` escape; malformed percent-escapes do not change the others.
//! - A redirect to a scheme other than `http` and `https` is an error unless [allowed](RedirectOptions::allow_scheme).
//! - [`NextRequest`], which is `Response.next`, may be sent through the session: no default is added to it again.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use sortie_core::{BoxError, BoxFuture, PerRequest, Replay, call_when_ready};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

mod attempt;
mod cross;
mod decide;
mod error;
mod history;
mod location;
mod next_hop;
mod next_request;
mod options;
mod report;

pub use attempt::{Action, Attempt, Content};
pub use error::{Failed, ForbiddenScheme, InvalidLocation, NotReplayable, OutOfScope, TooManyRedirects};
pub use history::{FinalUrl, Fragment, History, Hop};
pub use next_request::NextRequest;
pub use options::{Danger, OnLimit, OnScope, RedirectOptions, RefererPolicy, Scope};
pub use report::{Report, Verdict};

use crate::again::{self, FirstThenLoop, Head, head_is_shared, take_head};
use decide::{Call, Decision};
pub(crate) use next_hop::is_redirect;
use next_hop::location;

/// Makes [`Redirect`]. The [module](self) has an example.
#[derive(Clone, Debug, Default)]
pub struct RedirectLayer {
    options: Arc<RedirectOptions>,
    shares_head: bool,
}

impl RedirectLayer {
    /// Follows redirects as `options` say.
    #[must_use]
    pub fn new(options: RedirectOptions) -> Self {
        Self { options: Arc::new(options), shares_head: false }
    }

    /// Keeps no copy of a request's head, and takes the one that [`Retry`](crate::retry::RetryLayer::shares_head) keeps.
    ///
    /// To be set only where every service below has a Retry that is set likewise, and nothing between them changes a
    /// request. One that overrides either of the two has its head kept by both.
    #[must_use]
    pub fn shares_head(self, shares_head: bool) -> Self {
        Self { shares_head, ..self }
    }
}

impl<S> Layer<S> for RedirectLayer {
    type Service = Redirect<S>;

    fn layer(&self, inner: S) -> Redirect<S> {
        Redirect { inner, options: self.options.clone(), shares_head: self.shares_head }
    }
}

/// Follows redirects. The [module](self) says how.
#[derive(Clone, Debug)]
pub struct Redirect<S> {
    inner: S,
    options: Arc<RedirectOptions>,
    shares_head: bool,
}

impl<S, B, RB> Service<Request<B>> for Redirect<S>
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
        let (options, by_hand) = match PerRequest::<RedirectOptions>::of(request.extensions()) {
            None => (self.options.clone(), false),
            Some(PerRequest::Off) => (self.options.clone(), true),
            Some(PerRequest::Use(own)) => (Arc::new(own.clone().protecting(&self.options)), false),
        };
        let mut service = again::take_ready(&mut self.inner);
        let spare = request.body().replay();
        let shared = self.shares_head && head_is_shared(request.extensions(), spare.is_some());
        let head = (!shared).then(|| Box::new(Head::of(&request)));
        let started = Instant::now();
        let first = service.call(request);
        FirstThenLoop::new(first, Some(Rest { service, head, spare, options, by_hand, started }))
    }
}

/// What is kept to follow a redirect with: a part of the future's type.
pub struct Rest<S, B> {
    service: S,
    /// Of the request that was sent; `None` if it comes with the redirect.
    head: Option<Box<Head>>,
    spare: Option<B>,
    options: Arc<RedirectOptions>,
    /// Whether redirects are left to the caller.
    by_hand: bool,
    started: Instant,
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
    /// How long the first answer took.
    type Step = Duration;

    fn next(&self, first: &mut Result<Response<RB>, BoxError>) -> Option<Duration> {
        let redirects = first.as_ref().is_ok_and(|response| is_redirect(response.status()));
        redirects.then(|| self.started.elapsed())
    }

    fn run(
        self,
        elapsed: Duration,
        first: Result<Response<RB>, BoxError>,
    ) -> BoxFuture<'static, Result<Response<RB>, BoxError>> {
        Box::pin(async move { follow(self, first?, elapsed).await })
    }
}

async fn follow<S, B, RB>(
    rest: Rest<S, B>,
    mut response: Response<RB>,
    mut elapsed: Duration,
) -> Result<Response<RB>, BoxError>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError>>,
    B: Replay + Send + 'static,
{
    let Rest { mut service, head, spare, options, by_hand, .. } = rest;
    let left = take_head(&mut response);
    let Some(mut head) = head.map(|head| head.to_parts()).or(left) else {
        return Err("RedirectLayer::shares_head is set, and no RetryLayer below shares the request's head".into());
    };
    let mut call = Call::new(spare, options);
    loop {
        let location = match location(response.status(), response.headers()) {
            Some(location) => location.clone(),
            None => return Ok(call.answer(response)),
        };
        if by_hand {
            return Ok(call.leave(response, head, location));
        }
        let (next, body) = match call.decide(head, &location, &mut response, elapsed).await {
            Decision::Follow(next, body) => (next, body),
            Decision::Stop(head) => return Ok(call.leave(response, *head, location)),
            Decision::Fail(error) => return Err(error),
        };
        // Before the next request, so that its connection may serve that.
        drop(response);
        head = *next;
        let started = Instant::now();
        response = match call_when_ready(&mut service, Request::from_parts(head.clone(), body)).await {
            Ok(response) => response,
            Err(error) => return Err(call.failed(error.into())),
        };
        elapsed = started.elapsed();
        take_head(&mut response);
    }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
