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
//! # Per-request override
//!
//! [`PerRequest<Hooks>`](PerRequest): `Use` runs these after the session's, or with [`Hooks::alone`] in their place;
//! `Off` runs none. A mount's ([`HooksLayer::for_mount`]) are not affected.
//!
//! # Order
//!
//! Inside Redirect and outside Mounts: once per hop, with the URL and the headers of the hop. Attempts, challenges and
//! their signatures are further in and not seen.
//!
//! # Differences from requests
//!
//! - There are hooks for requests and errors, and they may be async.
//! - A request's hooks are added to the session's; in requests they replace them.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, Method, Uri, request, response};
use sortie_core::{BoxError, BoxFuture, PerRequest};
use tower_layer::Layer;

mod chain;
mod error;
mod service;

use chain::{Chain, Hook};
pub use error::{Event, HookFailed, IntoHookResult};
pub use service::{Hooked, HooksFuture};

/// Callbacks for requests, responses and errors; none by default.
///
/// The hooks that are given to `on_…` return nothing, or a `Result` whose error may be anything that turns into a
/// [`BoxError`].
#[derive(Clone, Default)]
pub struct Hooks {
    chain: Arc<Chain>,
    alone: bool,
}

impl Hooks {
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

    /// Calls `hook` with the head of each request before it is sent.
    #[must_use]
    pub fn on_request<F, R>(self, hook: F) -> Self
    where
        F: Fn(&mut request::Parts) -> R + Send + Sync + 'static,
        R: IntoHookResult,
    {
        let hook = move |request: &mut request::Parts| hook(request).into_hook_result();
        self.with(|chain| chain.request.push(Hook::Sync(Arc::new(hook))))
    }

    /// As [`on_request`](Self::on_request), with a hook that may wait; it is dropped with the call.
    ///
    /// ```
    /// use sortie_layers::hooks::Hooks;
    ///
    /// let hooks = Hooks::new().on_request_async(|request| {
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
        self.with(|chain| chain.error.push(Hook::Sync(Arc::new(hook))))
    }

    /// As [`on_error`](Self::on_error), with a hook that may wait; it is dropped with the call.
    #[must_use]
    pub fn on_error_async<F>(self, hook: F) -> Self
    where
        F: for<'a> Fn(&'a BoxError, &'a Asked) -> BoxFuture<'a, ()> + Send + Sync + 'static,
    {
        self.with(|chain| chain.error.push(Hook::Async(Arc::new(hook))))
    }

    /// As the hooks of one request: they replace the session's instead of running after them.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    fn with(mut self, add: impl FnOnce(&mut Chain)) -> Self {
        add(Arc::make_mut(&mut self.chain));
        self
    }
}

impl fmt::Debug for Hooks {
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
#[derive(Clone, Debug)]
pub struct HooksLayer {
    hooks: Hooks,
    scope: Scope,
}

impl HooksLayer {
    /// Runs `hooks`, then those of the request.
    #[must_use]
    pub fn new(hooks: Hooks) -> Self {
        Self { hooks, scope: Scope::Session }
    }

    /// Runs `hooks` and no others, whatever the request says.
    #[must_use]
    pub fn for_mount(hooks: Hooks) -> Self {
        Self { hooks, scope: Scope::Mount }
    }
}

impl<S> Layer<S> for HooksLayer {
    type Service = Hooked<S>;

    fn layer(&self, inner: S) -> Hooked<S> {
        Hooked::new(inner, self.hooks.clone(), self.scope)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Session,
    Mount,
}

impl Scope {
    /// The hooks that run for the request of these extensions, in this order.
    fn choose<'a>(self, extensions: &'a Extensions, layer: &'a Hooks) -> [Option<&'a Arc<Chain>>; 2] {
        let asked = match self {
            Self::Session => PerRequest::<Hooks>::of(extensions),
            Self::Mount => None,
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
