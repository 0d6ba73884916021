use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use sortie_core::auth::{Auth, SharedAuth};
use sortie_core::{Body, BoxHttp, HttpService, PerRequest};
use sortie_layers::hooks::Hooks;
use sortie_layers::query::QueryOptions;
use sortie_layers::retry::{RetryLayer, RetryOptions};
use sortie_layers::timeout::TimeoutOptions;
use sortie_transport::proxy::{Proxies, Proxy};
#[cfg(feature = "tls")]
use sortie_transport::tls::Tls;
use tower_layer::Layer;

use crate::error::Error;
use crate::road::Road;
use crate::setter;
use crate::stack::{Given, UserLayer, user_layer};

/// What a session does differently below a URL prefix: headers, query, hooks, auth, retries, timeouts, cookies, layers
/// and transport of its own. What it does not set, the session's settings decide.
///
/// What a mount adds cannot leave it: a redirect to another prefix passes another mount. Any [`HttpService`] is a
/// mount by itself, an axum `Router` for example.
///
/// ```
/// use std::time::Duration;
/// use sortie::{Mount, Session};
/// use sortie::auth::Bearer;
///
/// # fn main() -> Result<(), sortie::Error> {
/// let session = Session::builder()
///     .mount("https://api.example.com/", Mount::new().auth(Bearer::new("t0k3n")))
///     .mount("https://slow.example.com/", Mount::new().timeout(Duration::from_secs(60)))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "a mount does nothing until it is given to SessionBuilder::mount"]
pub struct Mount {
    pub(crate) headers: HeaderMap,
    pub(crate) query: QueryOptions,
    pub(crate) hooks: Hooks,
    pub(crate) wire_hooks: Hooks,
    pub(crate) auth: Option<PerRequest<SharedAuth>>,
    pub(crate) retry: Option<RetryLayer>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempt: Option<PerRequest<Duration>>,
    #[cfg(feature = "cookies")]
    pub(crate) cookies: Option<PerRequest<sortie_cookies::CookieOptions>>,
    pub(crate) layers: Vec<UserLayer>,
    pub(crate) wire_layers: Vec<UserLayer>,
    pub(crate) transport: Option<BoxHttp>,
    /// In place of that of the session's transport.
    pub(crate) road: Road,
    /// The first setting that could not be taken.
    pub(crate) error: Option<setter::Invalid>,
}

impl Mount {
    /// Whether the optional layers of the tower (see `stack`) have nothing to do for it.
    pub(crate) fn asks_for_nothing_optional(&self) -> bool {
        self.layers.is_empty()
            && self.wire_layers.is_empty()
            && self.timeout.is_none()
            && self.hooks.is_empty()
            && self.wire_hooks.is_empty()
            && self.headers.is_empty()
            && self.query.is_empty()
    }

    /// A mount that differs in nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A header for every request in this mount that does not have it. It replaces a default of the session's, and
    /// counts as set on the request for the auth below.
    ///
    /// An invalid name or value is the error of [`SessionBuilder::build`](crate::SessionBuilder::build).
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let set = setter::header("Mount::header", name, value)
            .and_then(|(name, value)| setter::insert("Mount::header", &mut self.headers, name, value));
        self.error = self.error.or(set.err());
        self
    }

    /// Headers for every request in this mount; see [`header`](Self::header).
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        let set = setter::replace("Mount::headers", &mut self.headers, headers);
        self.error = self.error.or(set.err());
        self
    }

    /// A query parameter appended to the URL of every request in this mount, on the wire only.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query = self.query.pair(name, value);
        self
    }

    /// Hooks that run within this mount, after the session's and the request's, once per hop.
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Hooks right above the transport, run for each send within this mount, after the session's; see
    /// [`SessionBuilder::wire_hooks`](crate::SessionBuilder::wire_hooks).
    pub fn wire_hooks(mut self, hooks: Hooks) -> Self {
        self.wire_hooks = hooks;
        self
    }

    /// Auth for every request in this mount, however it came here.
    pub fn auth(mut self, auth: impl Auth) -> Self {
        self.auth = Some(PerRequest::Use(SharedAuth::new(auth)));
        self
    }

    /// No auth in this mount, whatever the session has, a default `Authorization` header and a netrc included; a
    /// request's own still counts.
    pub fn no_auth(mut self) -> Self {
        self.auth = Some(PerRequest::Off);
        self
    }

    /// How failed attempts are repeated in this mount.
    pub fn retry(mut self, retry: RetryOptions) -> Self {
        self.retry = Some(RetryLayer::new(retry));
        self
    }

    /// How long one hop in this mount may take, with its retries and its body. Within the call's total. Default: no
    /// limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long one attempt in this mount may take to the head of its response, in place of the session's.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt = Some(PerRequest::Use(timeout));
        self
    }

    /// No limit for one attempt in this mount, whatever the session has.
    pub fn no_attempt_timeout(mut self) -> Self {
        self.attempt = Some(PerRequest::Off);
        self
    }

    /// Another jar, or other rules for cookies, in this mount.
    #[cfg(feature = "cookies")]
    pub fn cookies(mut self, cookies: sortie_cookies::CookieOptions) -> Self {
        self.cookies = Some(PerRequest::Use(cookies));
        self
    }

    /// No cookies are sent or kept in this mount.
    #[cfg(feature = "cookies")]
    pub fn no_cookies(mut self) -> Self {
        self.cookies = Some(PerRequest::Off);
        self
    }

    /// A layer around everything that this mount does, called once per hop. The first one added is the outermost.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<BoxHttp> + Send + Sync + 'static,
        L::Service: HttpService<Body>,
    {
        self.layers.push(user_layer(layer));
        self
    }

    /// A layer right around this mount's transport, called once per send, inside the session's wire layers. The first
    /// one added is the outermost.
    pub fn wire_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<BoxHttp> + Send + Sync + 'static,
        L::Service: HttpService<Body>,
    {
        self.wire_layers.push(user_layer(layer));
        self
    }

    /// The service that this mount's requests go to, in place of the session's transport. Closing the session does not
    /// close it.
    pub fn transport(mut self, transport: impl HttpService<Body>) -> Self {
        self.transport = Some(BoxHttp::new(Given(transport)));
        self
    }

    /// Whom this mount trusts over `https`, and what it shows of itself, in place of the session's.
    ///
    /// It is for the session's transport: with a [`transport`](Self::transport) of the mount's own it is the error of
    /// [`SessionBuilder::build`](crate::SessionBuilder::build).
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.road.tls = Some(tls);
        self
    }

    /// By which proxies this mount's requests go, in place of the session's and the environment's.
    ///
    /// It is for the session's transport: with a [`transport`](Self::transport) of the mount's own it is the error of
    /// [`SessionBuilder::build`](crate::SessionBuilder::build).
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.road.proxies = Some(proxies);
        self
    }

    /// [`proxies`](Self::proxies) of one proxy for everything: a [`Proxy`], or its URL.
    pub fn proxy<P>(mut self, proxy: P) -> Self
    where
        P: TryInto<Proxy>,
        P::Error: fmt::Display,
    {
        match setter::proxy("Mount::proxy", proxy) {
            Ok(proxy) => self.proxies(Proxies::all(proxy)),
            Err(invalid) => {
                self.error = self.error.or(Some(invalid));
                self
            }
        }
    }

    /// This mount's requests go directly, whatever proxies the session has.
    pub fn no_proxy(self) -> Self {
        self.proxies(Proxies::none())
    }

    /// The timeouts of one attempt in this mount, given the session's.
    pub(crate) fn attempt_over(&self, session: TimeoutOptions) -> TimeoutOptions {
        match self.attempt {
            Some(PerRequest::Use(limit)) => session.attempt(limit),
            Some(PerRequest::Off) => session.no_attempt(),
            None => session,
        }
    }
}

impl<S: HttpService<Body>> From<S> for Mount {
    fn from(transport: S) -> Self {
        Self::new().transport(transport)
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("auth", &self.auth)
            .field("retry", &self.retry)
            .field("timeout", &self.timeout)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

impl From<setter::Invalid> for Error {
    fn from(invalid: setter::Invalid) -> Self {
        Self::builder(invalid)
    }
}
