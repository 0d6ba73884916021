//! Runs callbacks on every request, response and error.
//!
//! Each kind runs in the order of registration, the session's before those of the request. A hook may change the head
//! that it is given; an error that it returns stops the chain and is the call's, as [`HookFailed`].
//!
//! # Example
//!
//! ```
//! use http::header::HeaderValue;
//! use sortie_layers::hooks::{Hooks, HooksLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let hooks = Hooks::new()
//!     .on_request(|request| {
//!         request.headers.insert("x-trace", HeaderValue::from_static("7"));
//!     })
//!     .on_response(|response, asked| match response.headers.get("x-api") {
//!         Some(_) => Ok(()),
//!         None => Err(format!("{} is not the API", asked.uri().host().unwrap_or_default())),
//!     });
//! let service = ServiceBuilder::new().layer(HooksLayer::new(hooks)).service(service_fn(
//!     |request: http::Request<String>| async move {
//!         assert_eq!(request.headers()["x-trace"], "7");
//!         Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
//!     },
//! ));
//! let error = service.oneshot(http::Request::get("http://blog.test/").body(String::new())?).await.unwrap_err();
//! assert_eq!(error.to_string(), "a response hook failed");
//! # Ok(())
//! # }
//! ```
//!
//! # Answers
//!
//! [`Hooks::answer_request`] takes a hook that may answer by itself, from a cache for example: nothing is sent then, and
//! neither the request hooks after it nor anything further in sees the request. [`Hooks::answer_error`] takes one that may
//! answer in the place of a failure. Such an answer is one as any other: all response hooks of this layer see it, and
//! Redirect above follows it if it is a redirect.
//!
//! ```
//! use http::{Request, Response};
//! use sortie_core::Body;
//! use sortie_layers::hooks::{Hooks, HooksLayer};
//! use sortie_testkit::{Answer, Scripted};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let hooks = Hooks::new()
//!     .answer_request(|request| {
//!         (request.uri.path() == "/about").then(|| Response::new(Body::from("from the cache")))
//!     })
//!     .answer_error(|_, _| Some(Response::builder().status(503).body(Body::empty()).unwrap()));
//! let server = Scripted::new([Answer::error("the network is down")]);
//! let client = ServiceBuilder::new().layer(HooksLayer::new(hooks)).service(server.clone());
//!
//! let about = client.clone().oneshot(Request::get("http://a.test/about").body(Body::empty())?).await?;
//! assert_eq!((about.body().as_bytes(), server.count()), (Some(&b"from the cache"[..]), 0));
//! let other = client.oneshot(Request::get("http://a.test/").body(Body::empty())?).await?;
//! assert_eq!((other.status().as_u16(), server.count()), (503, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # Per-request override
//!
//! [`PerRequest<Hooks>`](PerRequest): `Use` runs these after the session's, or with [`Hooks::alone`] in their place;
//! `Off` runs none. Those of a layer that is [fixed](HooksLayer::fixed) are not affected. Over a service that answers with
//! other bodies than [`Body`], the override is a `PerRequest<Hooks<ThatBody>>`.
//!
//! # Order
//!
//! Inside Redirect and outside Mounts: once per hop, with the URL and the headers of the hop. Attempts, challenges and
//! their signatures are further in and not seen. A mount's own ([fixed](HooksLayer::fixed)) run within these.
//!
//! At the wire, inside Auth and Cookies and right above the transport (also fixed): once per send, with what is sent and
//! what comes back, a 401 that is answered and a 503 that is tried again included. An answer that is given there in the
//! transport's stead is to the layers above the server's: Retry may repeat it, Auth may answer it, the jar keeps its
//! cookies; and a failed hook ends the attempt, which Retry does not repeat.
//!
//! On a request the outer hooks run before the inner ones, on a response or an error after them.
//!
//! # Differences from requests
//!
//! - There are hooks for requests and errors, and they may be async.
//! - A request's hooks are added to the session's; in requests they replace them.
//! - A response hook changes the response's head, and cannot put another response into its place.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, Method, Response, Uri, request, response};
use sortie_core::{Body, BoxError, BoxFuture, PerRequest};
use tower_layer::Layer;

mod chain;
mod error;
mod service;

use chain::{Answer, Chain, Hook};
pub use error::{Event, HookFailed, IntoAnswer, IntoHookResult};
pub use service::{Hooked, HooksFuture};

/// Callbacks for requests, responses and errors; none by default.
///
/// The hooks that are given to `on_…` return nothing, or a `Result` whose error may be anything that turns into a
/// [`BoxError`]; those given to `answer_…` may also answer.
///
/// `RB` is the body of the responses of the service around which the hooks are put: [`Body`] everywhere in a session. It
/// is that of their answers.
pub struct Hooks<RB = Body> {
    chain: Arc<Chain<RB>>,
    alone: bool,
}

impl<RB> Hooks<RB> {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    /// No hooks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As the hooks of one request: they replace the session's instead of running after them.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }
}

impl<RB: 'static> Hooks<RB> {
    /// Calls `hook` with the head of each request before it is sent.
    #[must_use]
    pub fn on_request<F, R>(self, hook: F) -> Self
    where
        F: Fn(&mut request::Parts) -> R + Send + Sync + 'static,
        R: IntoHookResult,
    {
        let hook = move |request: &mut request::Parts| hook(request).into_hook_result().map(|()| None);
        self.with(|chain| chain.request.push(Hook::Sync(Arc::new(hook))))
    }

    /// As [`on_request`](Self::on_request), with a hook that may wait; it is dropped with the call.
    ///
    /// ```
    /// use sortie_layers::hooks::Hooks;
    ///
    /// let hooks: Hooks = Hooks::new().on_request_async(|request| {
    ///     Box::pin(async move {
    ///         tokio::task::yield_now().await;
    ///         request.headers.insert("x-token", "t0k3n".parse()?);
    ///         Ok(())
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn on_request_async<F>(self, hook: F) -> Self
    where
        F: for<'a> Fn(&'a mut request::Parts) -> BoxFuture<'a, Result<(), BoxError>> + Send + Sync + 'static,
    {
        self.answer_request_async(move |request| {
            let hook = hook(request);
            Box::pin(async move { hook.await.map(|()| None) })
        })
    }

    /// Calls `hook` with the head of each request before it is sent; what it returns, if anything, is the answer.
    ///
    /// Nothing is sent then: the request hooks after it are not called, the response hooks are.
    #[must_use]
    pub fn answer_request<F, R>(self, hook: F) -> Self
    where
        F: Fn(&mut request::Parts) -> R + Send + Sync + 'static,
        R: IntoAnswer<RB>,
    {
        let hook = move |request: &mut request::Parts| hook(request).into_answer();
        self.with(|chain| chain.request.push(Hook::Sync(Arc::new(hook))))
    }

    /// As [`answer_request`](Self::answer_request), with a hook that may wait; it is dropped with the call.
    #[must_use]
    pub fn answer_request_async<F>(self, hook: F) -> Self
    where
        F: for<'a> Fn(&'a mut request::Parts) -> BoxFuture<'a, Answer<RB>> + Send + Sync + 'static,
    {
        self.with(|chain| chain.request.push(Hook::Async(Arc::new(hook))))
    }

    /// Calls `hook` with the head of each response, and with what was asked.
    #[must_use]
    pub fn on_response<F, R>(self, hook: F) -> Self
    where
        F: Fn(&mut response::Parts, &Asked) -> R + Send + Sync + 'static,
        R: IntoHookResult,
    {
        let hook = move |response: &mut response::Parts, asked: &Asked| hook(response, asked).into_hook_result();
        self.with(|chain| chain.response.push(Hook::Sync(Arc::new(hook))))
    }

    /// As [`on_response`](Self::on_response), with a hook that may wait; it is dropped with the call.
    #[must_use]
    pub fn on_response_async<F>(self, hook: F) -> Self
    where
        F: for<'a> Fn(&'a mut response::Parts, &'a Asked) -> BoxFuture<'a, Result<(), BoxError>>
            + Send
            + Sync
            + 'static,
    {
        self.with(|chain| chain.response.push(Hook::Async(Arc::new(hook))))
    }

    /// Calls `hook` with the error that came instead of a response, and with what was asked.
    ///
    /// It observes: the call fails with that error all the same. It is not called for the failure of another hook.
    #[must_use]
    pub fn on_error<F>(self, hook: F) -> Self
    where
        F: Fn(&BoxError, &Asked) + Send + Sync + 'static,
    {
        self.answer_error(move |error, asked| {
            hook(error, asked);
            None
        })
    }

    /// As [`on_error`](Self::on_error), with a hook that may wait; it is dropped with the call.
    #[must_use]
    pub fn on_error_async<F>(self, hook: F) -> Self
    where
        F: for<'a> Fn(&'a BoxError, &'a Asked) -> BoxFuture<'a, ()> + Send + Sync + 'static,
    {
        self.answer_error_async(move |error, asked| {
            let hook = hook(error, asked);
            Box::pin(async move {
                hook.await;
                None
            })
        })
    }

    /// Calls `hook` with the error that came instead of a response, and with what was asked; what it returns, if
    /// anything, is the answer in the place of the failure.
    ///
    /// The error hooks after it are not called then, the response hooks are. It is not called for the failure of another
    /// hook.
    #[must_use]
    pub fn answer_error<F>(self, hook: F) -> Self
    where
        F: Fn(&BoxError, &Asked) -> Option<Response<RB>> + Send + Sync + 'static,
    {
        self.with(|chain| chain.error.push(Hook::Sync(Arc::new(hook))))
    }

    /// As [`answer_error`](Self::answer_error), with a hook that may wait; it is dropped with the call.
    #[must_use]
    pub fn answer_error_async<F>(self, hook: F) -> Self
    where
        F: for<'a> Fn(&'a BoxError, &'a Asked) -> BoxFuture<'a, Option<Response<RB>>> + Send + Sync + 'static,
    {
        self.with(|chain| chain.error.push(Hook::Async(Arc::new(hook))))
    }

    fn with(mut self, add: impl FnOnce(&mut Chain<RB>)) -> Self {
        add(Arc::make_mut(&mut self.chain));
        self
    }
}

// Neither is derived: that would ask the same of the body.
impl<RB> Default for Hooks<RB> {
    fn default() -> Self {
        Self { chain: Arc::default(), alone: false }
    }
}

impl<RB> Clone for Hooks<RB> {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), alone: self.alone }
    }
}

impl<RB> fmt::Debug for Hooks<RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("request", &self.chain.request.len())
            .field("response", &self.chain.response.len())
            .field("error", &self.chain.error.len())
            .field("alone", &self.alone)
            .finish()
    }
}

/// What was asked, for the hooks that see the answer: the request as it stood after the request hooks.
#[derive(Clone)]
pub struct Asked {
    method: Method,
    uri: Uri,
}

impl Asked {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URI. Its query may hold secrets; the `Debug` form of `Asked` leaves it out.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    fn of(method: &Method, uri: &Uri) -> Self {
        Self { method: method.clone(), uri: uri.clone() }
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("method", &self.method)
            .field("host", &self.uri.host())
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}

/// Makes [`Hooked`] services. See the [module](self).
pub struct HooksLayer<RB = Body> {
    hooks: Hooks<RB>,
    scope: Scope,
}

impl<RB> HooksLayer<RB> {
    /// Runs `hooks`, then those of the request.
    #[must_use]
    pub fn new(hooks: Hooks<RB>) -> Self {
        Self { hooks, scope: Scope::WithRequest }
    }

    /// Runs `hooks` and no others, whatever the request says: those of a mount, or at the wire.
    #[must_use]
    pub fn fixed(hooks: Hooks<RB>) -> Self {
        Self { hooks, scope: Scope::Fixed }
    }
}

impl<RB> Clone for HooksLayer<RB> {
    fn clone(&self) -> Self {
        Self { hooks: self.hooks.clone(), scope: self.scope }
    }
}

impl<RB> fmt::Debug for HooksLayer<RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HooksLayer").field("hooks", &self.hooks).field("scope", &self.scope).finish()
    }
}

impl<S, RB> Layer<S> for HooksLayer<RB> {
    type Service = Hooked<S, RB>;

    fn layer(&self, inner: S) -> Hooked<S, RB> {
        Hooked::new(inner, self.hooks.clone(), self.scope)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    WithRequest,
    Fixed,
}

impl Scope {
    /// The hooks that run for the request of these extensions, in this order.
    fn choose<'a, RB: 'static>(
        self,
        extensions: &'a Extensions,
        layer: &'a Hooks<RB>,
    ) -> [Option<&'a Arc<Chain<RB>>>; 2] {
        let asked = match self {
            Self::WithRequest => PerRequest::<Hooks<RB>>::of(extensions),
            Self::Fixed => None,
        };
        let chains = match asked {
            None => [Some(layer), None],
            Some(PerRequest::Off) => [None, None],
            Some(PerRequest::Use(own)) if own.alone => [None, Some(own)],
            Some(PerRequest::Use(own)) => [Some(layer), Some(own)],
        };
        chains.map(|hooks| hooks.map(|hooks| &hooks.chain).filter(|chain| !chain.is_empty()))
    }
}

#[cfg(test)]
mod tests;
