//! Signs requests with an [`Auth`] scheme and answers challenges.
//!
//! Schemes here are [`Basic`], [`Bearer`] and [`HeaderKey`]; a closure is one too, and [`Auth`] is the trait for more.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use sortie_core::Body;
//! use sortie_layers::auth::{AuthLayer, Bearer};
//! use sortie_testkit::{Scripted, status};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let server = Scripted::new([status(200)]);
//! let client = ServiceBuilder::new()
//!     .layer(AuthLayer::with(Bearer::new("t0k3n")))
//!     .service(server.clone());
//!
//! client.oneshot(Request::get("https://example.com/").body(Body::empty())?).await?;
//! assert_eq!(server.requests()[0].headers["authorization"], "Bearer t0k3n");
//! # Ok(())
//! # }
//! ```
//!
//! # Which auth signs
//!
//! The first that there is, and it alone: an `Authorization` header that loses is not sent.
//!
//! 1. the request's own (`PerRequest<SharedAuth>`)
//! 2. an `Authorization` header set on the request: it is sent as it is
//! 3. the mount's ([`AuthOptions::mount`])
//! 4. the session's ([`AuthOptions::session`])
//! 5. an `Authorization` header that a default filled in ([`Defaulted`]), unless [`DefaultHeader::Remove`] is set or the
//!    request's own is `Off`
//! 6. user and password of the URL, by Basic: from [`Userinfo`] in the request's
//!    extensions, or from its URI
//! 7. [`AuthOptions::fallback`], a netrc for example, if it has something for the request; not if the request's own is
//!    `Off`
//!
//! 1, 4 and 6 act only until the first redirect to a foreign origin ([`Chain`](sortie_core::Chain)), and not after it
//! even if the chain comes back. The mount's acts always: a mount knows its servers. So does the fallback, which must
//! know whose credentials it has.
//!
//! Userinfo never stays in the URI.
//!
//! # Challenges
//!
//! A scheme with [legs](Auth::legs) sees every answer and may have the request sent again that often, signed anew. The
//! answers before the last are dropped; [`NotReplayable`] is the error if the body can be sent only once, and
//! [`AnswerRejected`] if the scheme does not believe the answer.
//!
//! What is signed by a scheme that [authenticates connections](Auth::connection_owner), as NTLM and Negotiate do, goes
//! over connections of its own, and the legs of an attempt over one: sortie's transport heeds the
//! [`SameConnection`](sortie_core::auth::SameConnection) that each leg has in its extensions. Another service may not
//! know it, and then such a scheme does not work over it.
//!
//! # Per-request override
//!
//! `PerRequest<SharedAuth>` in the request's extensions. `Off` adds no auth of any kind and removes an `Authorization`
//! header that only a default put there; one that was set on the request stays.
//!
//! # Order
//!
//! Inside redirects and retries, so that each hop and each attempt is signed for what it is; outside cookies, so that
//! the jar sees the challenges' answers as well.
//!
//! # Differences from requests
//!
//! - An `Authorization` header set on a request is not replaced by the session's auth.
//! - Basic encodes as UTF-8, and refuses a user name with a colon.
//! - Auth is bound to the origin that was asked: a foreign server's challenge is not answered.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, request, response};
use sortie_core::auth::{
    Answer, Auth, Conversation, Recipient, SharedAuth, Signing, Step, Unsigned, Userinfo, Verdict,
};
use sortie_core::{BoxError, Defaulted, PerRequest, Replay, call_when_ready};
use tower_layer::Layer;
use tower_service::Service;

mod basic;
mod bearer;
mod choose;
mod error;
mod header_key;
pub(crate) mod userinfo;

pub use basic::Basic;
pub use bearer::{Bearer, BearerToken};
pub use error::{AnswerRejected, NotReplayable, SigningFailed};
pub use header_key::HeaderKey;

use crate::again::{FirstThenLoop, Nothing, take_ready};
use choose::{Chosen, choose};

/// Whose auth signs requests: the configuration of an [`AuthLayer`].
///
/// One request is overridden by `PerRequest<SharedAuth>`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuthOptions {
    /// For the server that the caller asked; none by default. Not for those that a redirect of a foreign origin names.
    pub session: Option<SharedAuth>,
    /// For every request that comes by; none by default. Before the session's.
    pub mount: Option<SharedAuth>,
    /// What becomes of an `Authorization` header that only a default put there; it is sent by default.
    pub default_header: DefaultHeader,
    /// For every request that nothing else signs, also after a redirect to a foreign origin; none by default.
    ///
    /// It chooses by itself, and must: one that signs whatever comes by would tell its secret to whoever is redirected
    /// to. Where the URL names a user without a password, it finds the
    /// [`Userinfo`] in the request's extensions.
    pub fallback: Option<SharedAuth>,
}

/// What becomes of an `Authorization` header that a default filled in ([`Defaulted`]) and
/// that no auth replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultHeader {
    /// It is sent.
    #[default]
    Send,
    /// It is removed: whoever is reached through this layer is to have no credentials but the request's own.
    Remove,
}

impl AuthOptions {
    /// The auth for the server that the caller asked.
    #[must_use]
    pub fn session(self, auth: impl Auth) -> Self {
        Self { session: Some(SharedAuth::new(auth)), ..self }
    }

    /// The auth for every request that comes by.
    #[must_use]
    pub fn mount(self, auth: impl Auth) -> Self {
        Self { mount: Some(SharedAuth::new(auth)), ..self }
    }

    /// What becomes of an `Authorization` header that only a default put there.
    #[must_use]
    pub fn default_header(self, default_header: DefaultHeader) -> Self {
        Self { default_header, ..self }
    }

    /// The auth for every request that nothing else signs: see [the field](Self#structfield.fallback).
    #[must_use]
    pub fn fallback(self, auth: impl Auth) -> Self {
        Self { fallback: Some(SharedAuth::new(auth)), ..self }
    }
}

/// Makes [`Authorize`]. The [module](self) has an example.
#[derive(Clone, Debug, Default)]
pub struct AuthLayer {
    options: Arc<AuthOptions>,
}

impl AuthLayer {
    /// Signs as `options` say, and with what requests bring along.
    #[must_use]
    pub fn new(options: AuthOptions) -> Self {
        Self { options: Arc::new(options) }
    }

    /// Signs with `auth`, as the [session's](AuthOptions::session).
    #[must_use]
    pub fn with(auth: impl Auth) -> Self {
        Self::new(AuthOptions::default().session(auth))
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        Authorize { inner, options: self.options.clone() }
    }
}

/// Signs requests and answers challenges. The [module](self) says how.
///
/// Not called `Auth`, for that is the trait of the schemes.
#[derive(Clone, Debug)]
pub struct Authorize<S> {
    inner: S,
    options: Arc<AuthOptions>,
}

impl<S, B, RB> Service<Request<B>> for Authorize<S>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError> + Send, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Replay + Send + Sync + 'static,
    RB: 'static,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = FirstThenLoop<S::Future, Nothing, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let extensions = request.extensions();
        let without_defaults = self.options.default_header == DefaultHeader::Remove
            || matches!(PerRequest::<SharedAuth>::of(extensions), Some(PerRequest::Off));
        if without_defaults && Defaulted::contains(extensions, request.headers(), &AUTHORIZATION) {
            request.headers_mut().remove(AUTHORIZATION);
        }
        let named = userinfo::take(request.uri_mut());
        let chosen = choose(named.as_ref(), request.headers(), request.extensions(), &self.options);
        let Some(chosen) = chosen else { return FirstThenLoop::new(self.inner.call(request), None) };
        if let (Chosen::Fallback(_), Some(named)) = (&chosen, named)
            && request.extensions().get::<Userinfo>().is_none()
        {
            request.extensions_mut().insert(named);
        }
        // What has lost is not sent, also not on the leg before the challenge.
        request.headers_mut().remove(AUTHORIZATION);
        let (mut head, body) = request.into_parts();
        let is_heard = chosen.auth().legs() > 0 || chosen.auth().connection_owner().is_some();
        if !is_heard && !chosen.auth().waits() {
            return match sign_now(chosen.auth(), Unsigned::new(&mut head).with_body(&body)) {
                Ok(()) => FirstThenLoop::new(self.inner.call(Request::from_parts(head, body)), None),
                Err(error) => FirstThenLoop::run(async { Err(error.into()) }),
            };
        }
        let service = take_ready(&mut self.inner);
        if is_heard {
            FirstThenLoop::run(converse(service, chosen, head, body))
        } else {
            FirstThenLoop::run(sign_and_send(service, chosen, head, body))
        }
    }
}

fn sign_now(auth: &dyn Auth, mut request: Unsigned<'_>) -> Result<(), SigningFailed> {
    let result = match auth.sign(&mut request) {
        Signing::Done(result) => result,
        _ => Err("the scheme says that it never waits (Auth::waits) and returned Signing::Later".into()),
    };
    result.map_err(SigningFailed::new)
}

async fn sign(auth: &dyn Auth, mut request: Unsigned<'_>) -> Result<(), SigningFailed> {
    let result = match auth.sign(&mut request) {
        Signing::Done(result) => result,
        Signing::Later(signing) => signing.await,
        _ => Err("the scheme returned a kind of signature that this version does not know".into()),
    };
    result.map_err(SigningFailed::new)
}

async fn sign_and_send<S, B, RB>(
    service: S,
    chosen: Chosen,
    mut head: request::Parts,
    body: B,
) -> Result<Response<RB>, BoxError>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError>>,
    B: Replay + Sync,
{
    sign(chosen.auth(), Unsigned::new(&mut head).with_body(&body)).await?;
    call_when_ready(service, Request::from_parts(head, body)).await.map_err(Into::into)
}

async fn converse<S, B, RB>(
    mut service: S,
    chosen: Chosen,
    head: request::Parts,
    mut body: B,
) -> Result<Response<RB>, BoxError>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError>>,
    B: Replay + Sync,
{
    let auth = chosen.auth();
    let legs = auth.legs();
    let spare = if legs > 0 { body.replay() } else { None };
    let conversation = auth.connection_owner().map(Conversation::new);
    let mut challenge: Option<response::Parts> = None;
    let (mut leg, mut continues) = (0, false);
    loop {
        let mut signed = head.clone();
        if let Some(conversation) = &conversation {
            signed.extensions.insert(conversation.leg(continues));
        }
        let unsigned = Unsigned::new(&mut signed).with_body(&body);
        match &challenge {
            Some(challenge) => sign(auth, unsigned.challenged(challenge, leg)).await?,
            None => sign(auth, unsigned).await?,
        }
        let credentials = signed.headers.get(AUTHORIZATION).cloned();
        let request = Request::from_parts(signed, body);
        let response = call_when_ready(&mut service, request).await.map_err(Into::into)?;
        let (parts, content) = response.into_parts();
        let answer = Answer::new(&head.method, &head.uri, &parts, Recipient::Server, leg);
        let verdict = match legs {
            0 => Verdict::Accept,
            _ => auth.examine(&answer.with_credentials(credentials.as_ref())),
        };
        let accepted = matches!(verdict, Verdict::Accept);
        match verdict.step(leg, legs) {
            Step::Again { same_connection } => continues = same_connection,
            Step::Fail(error) => return Err(AnswerRejected::new(error).into()),
            _ => {
                conversation.into_iter().for_each(|conversation| conversation.end(accepted, leg, parts.status));
                return Ok(Response::from_parts(parts, content));
            }
        }
        drop(content);
        body = spare.as_ref().and_then(Replay::replay).ok_or_else(|| NotReplayable::new(parts.status))?;
        challenge = Some(parts);
        leg += 1;
    }
}

/// What Basic and Bearer do to a request.
fn set_credentials<'a>(request: &mut Unsigned<'_>, value: Result<HeaderValue, &'static str>) -> Signing<'a> {
    let name = request.recipient().header();
    Signing::Done(value.map_err(Into::into).and_then(|value| insert(request.headers_mut(), name, value)))
}

/// Sets a header, in a map that may be as full as one can be: its other methods panic then.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) -> Result<(), BoxError> {
    headers.try_insert(name, value).map(drop).map_err(Into::into)
}

#[cfg(test)]
mod tests;
