use std::fmt;
use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue};
use sortie_auth::netrc::Netrc;
use sortie_core::auth::{Auth, SharedAuth};
use sortie_core::{Body, BoxHttp, HttpService};
use sortie_layers::base_url::BaseUrl;
use sortie_layers::hooks::Hooks;
use sortie_layers::mounts::Prefix;
use sortie_layers::query::QueryOptions;
use sortie_layers::redirect::{OnLimit, RedirectOptions};
use sortie_layers::retry::{RetryLayer, RetryOptions};
use sortie_layers::timeout::TimeoutOptions;
use sortie_transport::proxy::{Proxies, Proxy};
use sortie_transport::{AddressPolicy, TransportOptions};
use tower_layer::Layer;

use crate::environment::Environment;
use crate::into_url::{self, IntoUrl};
use crate::limits::MaxBody;
use crate::settings::{Settings, TransportSetting};
use crate::stack::{self, Given, user_layer};
use crate::{Error, Mount, Session, setter};

/// Makes a [`Session`]: what its layers do by default, and what they do below certain URL prefixes.
///
/// Setters do not fail. The first value that could not be taken is the error of [`build`](Self::build), which names
/// the setter.
///
/// | setting | default |
/// |---|---|
/// | base URL | none |
/// | headers | `User-Agent: sortie/<version>`, `Accept: */*` |
/// | total and attempt timeout | none |
/// | transport | connect 10 s, wait for a connection 10 s, gap between reads 60 s |
/// | redirects | 20 are followed |
/// | retries | connection faults that are safe to repeat, once |
/// | cookies | a jar of its own, in memory |
/// | decompression | what the features bring: gzip; at most 200 octets of each one received, beyond 16 MiB |
/// | proxies | those of `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` in the environment |
/// | largest body in memory | no limit |
/// | auth, netrc, query, hooks, layers | none |
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct SessionBuilder {
    settings: Settings,
    error: Option<setter::Invalid>,
}

impl SessionBuilder {
    pub(crate) fn new() -> Self {
        Self::of(Settings::default())
    }

    pub(crate) fn of(settings: Settings) -> Self {
        Self { settings, error: None }
    }

    fn invalid(mut self, invalid: setter::Invalid) -> Self {
        self.error = self.error.or(Some(invalid));
        self
    }

    fn set_header<N, V>(mut self, setter: &'static str, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let set = setter::header(setter, name, value)
            .and_then(|(name, value)| setter::insert(setter, &mut self.settings.headers, name, value));
        self.error = self.error.or(set.err());
        self
    }

    /// The URL that relative ones are appended to: `"https://api.example.com/v1/"` makes `"users"` and `"/users"` both
    /// `https://api.example.com/v1/users`.
    pub fn base_url(self, url: impl IntoUrl) -> Self {
        self.set_base_url("SessionBuilder::base_url", url, |base| base)
    }

    /// The URL that relative ones are resolved against as links in a page are
    /// ([RFC 3986 §5.2](https://www.rfc-editor.org/rfc/rfc3986#section-5.2)): from `"https://example.com/docs/intro"`,
    /// `"usage"` leads to `https://example.com/docs/usage`, `"/about"` to `https://example.com/about`, and
    /// `"//other.example/"` to another host.
    pub fn base_url_rfc3986(self, url: impl IntoUrl) -> Self {
        self.set_base_url("SessionBuilder::base_url_rfc3986", url, BaseUrl::rfc3986)
    }

    fn set_base_url(mut self, setter: &'static str, url: impl IntoUrl, joining: fn(BaseUrl) -> BaseUrl) -> Self {
        let base = into_url::resolve(url, None).map_err(|error| source_text(&error));
        match base.and_then(|url| BaseUrl::new(url).map_err(|error| error.to_string())) {
            Ok(base) => {
                self.settings.base_url = Some(joining(base));
                self
            }
            Err(reason) => self.invalid(setter::Invalid::new(setter, reason)),
        }
    }

    /// No base URL: relative URLs are errors.
    pub fn no_base_url(mut self) -> Self {
        self.settings.base_url = None;
        self
    }

    /// A header for every request that does not have it. A later value for the same name replaces the earlier.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.set_header("SessionBuilder::header", name, value)
    }

    /// Headers for every request that does not have them; they replace those set before under the same names.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        let set = setter::replace("SessionBuilder::headers", &mut self.settings.headers, headers);
        self.error = self.error.or(set.err());
        self
    }

    /// No header of this name by default: neither sortie's own (`User-Agent`, `Accept`, `Accept-Encoding`) nor one set
    /// before.
    pub fn without_header<N: TryInto<HeaderName>>(mut self, name: N) -> Self {
        match setter::header_name("SessionBuilder::without_header", name) {
            Ok(name) => {
                #[cfg(feature = "decompress")]
                if name == http::header::ACCEPT_ENCODING {
                    self.settings.decompress = self.settings.decompress.map(|options| options.offer(false));
                }
                self.settings.headers.remove(name);
                self
            }
            Err(invalid) => self.invalid(invalid),
        }
    }

    /// The `User-Agent` of every request that has none.
    pub fn user_agent<V: TryInto<HeaderValue>>(self, value: V) -> Self {
        self.set_header("SessionBuilder::user_agent", USER_AGENT, value)
    }

    /// A query parameter appended to the URL of every request, after what the URL has.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.settings.query = self.settings.query.pair(name, value);
        self
    }

    /// No default query parameters: none of those set before.
    pub fn no_query(mut self) -> Self {
        self.settings.query = QueryOptions::default();
        self
    }

    /// Auth for every request, bound to the origin that the request asked: a redirect elsewhere does not carry it, and
    /// a challenge from elsewhere is not answered.
    pub fn auth(mut self, auth: impl Auth) -> Self {
        self.settings.auth = Some(SharedAuth::new(auth));
        self
    }

    /// No auth: what [`auth`](Self::auth) set before, or the session that this builder was made from, does not count.
    pub fn no_auth(mut self) -> Self {
        self.settings.auth = None;
        self
    }

    /// Passwords by host, from a `.netrc`, for the requests that nothing else signs: neither an auth, of whomever, nor
    /// an `Authorization` header nor the user and password of a URL. Default: none; no file is read unless asked for.
    ///
    /// Each hop is looked up by its own host; [the module](sortie_auth::netrc) says what counts after a redirect. A
    /// [mount without auth](Mount::no_auth) and a [request without](crate::RequestBuilder::no_auth) are not signed.
    /// [`no_env`](Self::no_env) has nothing to do with it.
    ///
    /// ```
    /// use sortie::netrc::Netrc;
    ///
    /// // Or the user's own file: Netrc::from_env(|name| std::env::var(name).ok())
    /// let netrc = Netrc::parse("machine api.example.com login ada password s3cret")?;
    /// let session = sortie::Session::builder().netrc(netrc).build()?;
    /// # let _ = session;
    /// # Ok::<(), sortie::BoxError>(())
    /// ```
    pub fn netrc(mut self, netrc: Netrc) -> Self {
        self.settings.netrc = Some(SharedAuth::new(netrc));
        self
    }

    /// No netrc: what [`netrc`](Self::netrc) set before, or the session that this builder was made from, does not count.
    pub fn no_netrc(mut self) -> Self {
        self.settings.netrc = None;
        self
    }

    /// How long a call may take as a whole: redirects, retries, back-off and the body. Default: no limit.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.settings.timeout = self.settings.timeout.total(total);
        self
    }

    /// How long one attempt may take up to the head of its response. Default: no limit.
    pub fn attempt_timeout(mut self, attempt: Duration) -> Self {
        self.settings.timeout = self.settings.timeout.attempt(attempt);
        self
    }

    /// Limits for calls and attempts; see [`TimeoutOptions`].
    pub fn timeouts(mut self, timeouts: TimeoutOptions) -> Self {
        self.settings.timeout = timeouts;
        self
    }

    /// Which redirects are followed. Default: 20 of them.
    pub fn redirect(mut self, redirect: RedirectOptions) -> Self {
        self.settings.redirect = redirect;
        self
    }

    /// No redirect is followed: the 3xx is the response, and [`Response::next`](crate::Response::next) leads on.
    pub fn no_redirect(mut self) -> Self {
        self.settings.redirect = self.settings.redirect.limit(0).on_limit(OnLimit::ReturnLast);
        self
    }

    /// Which failed attempts are repeated, and how. Default: connection faults that are safe to repeat, once.
    pub fn retry(mut self, retry: RetryOptions) -> Self {
        self.settings.retry = RetryLayer::new(retry);
        self
    }

    /// Nothing is sent twice.
    pub fn no_retry(self) -> Self {
        self.retry(RetryOptions::none())
    }

    /// Hooks that run on each hop, before a request's own.
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.settings.hooks = hooks;
        self
    }

    /// Hooks right above the transport, run for each send: after auth and cookies, and for a 401 that is answered and a 503
    /// that is tried again as well. [The module](sortie_layers::hooks#order) says what an answer of theirs is to the layers
    /// above. A request cannot switch them off.
    pub fn wire_hooks(mut self, hooks: Hooks) -> Self {
        self.settings.wire_hooks = hooks;
        self
    }

    pub(crate) fn max_body_setting(mut self, max_body: Option<MaxBody>) -> Self {
        self.settings.max_body = max_body;
        self
    }

    /// Another jar, or other rules for cookies.
    #[cfg(feature = "cookies")]
    pub fn cookies(mut self, cookies: sortie_cookies::CookieOptions) -> Self {
        self.settings.cookies = Some(cookies);
        self.settings.jar = None;
        self
    }

    /// A jar to read and to write, shared with whoever else has it; [`Jar::open`](sortie_cookies::Jar::open) reads one
    /// from a file.
    #[cfg(feature = "cookies")]
    pub fn jar(mut self, jar: sortie_cookies::Jar) -> Self {
        self.settings.cookies = Some(sortie_cookies::CookieOptions::jar(jar.clone()));
        self.settings.jar = Some(jar);
        self
    }

    /// No cookies are sent or kept.
    #[cfg(feature = "cookies")]
    pub fn no_cookies(mut self) -> Self {
        self.settings.cookies = None;
        self.settings.jar = None;
        self
    }

    /// How far responses are decoded; see [`DecompressOptions`](sortie_decompress::DecompressOptions).
    #[cfg(feature = "decompress")]
    pub fn decompress(mut self, options: sortie_decompress::DecompressOptions) -> Self {
        self.settings.decompress = Some(options);
        self
    }

    /// No coding is offered, and a body that comes compressed is left as it is.
    #[cfg(feature = "decompress")]
    pub fn no_decompress(mut self) -> Self {
        self.settings.decompress = None;
        self
    }

    /// What is different below a URL prefix: `"https://api.example.com/v1/"`, `"https://*.example.com/"`, or a scheme,
    /// `"https://"`. The most specific host wins, then the longest path. A prefix that is mounted again is replaced.
    ///
    /// Prefixes are parsed, not compared as text: `https://api.example.com` never matches
    /// `https://api.example.com.evil.org/`. Any service is a mount.
    pub fn mount<P, M>(mut self, prefix: P, mount: M) -> Self
    where
        P: TryInto<Prefix>,
        P::Error: fmt::Display,
        M: Into<Mount>,
    {
        let mount = mount.into();
        if let Some(invalid) = mount.error.clone() {
            self = self.invalid(invalid);
        }
        match prefix.try_into() {
            Ok(prefix) => {
                self.settings.mount(prefix, mount);
                self
            }
            Err(reason) => self.invalid(setter::Invalid::new("SessionBuilder::mount", reason.to_string())),
        }
    }

    /// A layer around the whole call: it sees what the caller sees, once per call. The first one added is the
    /// outermost.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<BoxHttp> + Send + Sync + 'static,
        L::Service: HttpService<Body>,
    {
        self.settings.layers.push(user_layer(layer));
        self
    }

    /// A layer below the redirects, called once per hop. The first one added is the outermost.
    pub fn hop_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<BoxHttp> + Send + Sync + 'static,
        L::Service: HttpService<Body>,
    {
        self.settings.hop_layers.push(user_layer(layer));
        self
    }

    /// A layer right above the transport, called once per send, signed and with its cookies. The first one added is
    /// the outermost; a mount's wire layers are inside the session's.
    pub fn wire_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<BoxHttp> + Send + Sync + 'static,
        L::Service: HttpService<Body>,
    {
        self.settings.wire_layers.push(user_layer(layer));
        self
    }

    /// The service that requests go to where their mount has none of its own: a [`Transport`](crate::Transport) shared
    /// with others, or any service. Closing the session does not close it.
    ///
    /// Of what a request overrides, its retries, hooks and query act in this session alone; the rest goes on, and acts in
    /// a session below as well.
    pub fn transport(mut self, transport: impl HttpService<Body>) -> Self {
        self.settings.transport = TransportSetting::Given(BoxHttp::new(Given(transport)));
        self
    }

    /// How the session's own transport connects and pools.
    pub fn transport_options(mut self, options: TransportOptions) -> Self {
        self.settings.transport = TransportSetting::Options(Box::new(options));
        self
    }

    /// Whom the session trusts over `https`, and what it shows of itself: requests' `verify` and `cert`. Default: that of
    /// the [transport's options](Self::transport_options), which is the platform's verifier.
    ///
    /// It is for the session's own transport: over a [`transport`](Self::transport) that was given it is the error of
    /// [`build`](Self::build).
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: sortie_transport::tls::Tls) -> Self {
        self.settings.road.tls = Some(tls);
        self
    }

    /// By which proxies the session's requests go, in place of those of the environment. Default: those of the
    /// [transport's options](Self::transport_options), else the environment's, for each hop of a redirect anew.
    ///
    /// It is for the session's own transport: over a [`transport`](Self::transport) that was given it is the error of
    /// [`build`](Self::build).
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.settings.road.proxies = Some(proxies);
        self
    }

    /// [`proxies`](Self::proxies) of one proxy for everything: a [`Proxy`], or its URL, such as
    /// `"http://user:password@proxy.example.com:3128"` or `"socks5h://localhost:1080"`.
    pub fn proxy<P>(self, proxy: P) -> Self
    where
        P: TryInto<Proxy>,
        P::Error: fmt::Display,
    {
        match setter::proxy("SessionBuilder::proxy", proxy) {
            Ok(proxy) => self.proxies(Proxies::all(proxy)),
            Err(invalid) => self.invalid(invalid),
        }
    }

    /// No proxy, whatever the environment says.
    pub fn no_proxy(self) -> Self {
        self.proxies(Proxies::none())
    }

    /// Which addresses may be connected to, for every hop of a redirect: [`AddressPolicy::public_only`] is the guard for who
    /// fetches URLs that others name. Default: that of the [transport's options](Self::transport_options), which allows
    /// all.
    ///
    /// A name that a proxy would look up is refused too, those of the environment included; see
    /// [the module](sortie_transport::address_policy). It is for the transport that the session makes: with one that is
    /// there already, given or of the session that this builder comes from, it is the error of [`build`](Self::build). A
    /// mount's own transport has its own policy.
    pub fn address_policy(mut self, policy: AddressPolicy) -> Self {
        self.settings.address_policy = Some(policy);
        self
    }

    /// Where the environment is looked up, which is read by [`build`](Self::build): by default that of the process.
    ///
    /// The names are those of [`Proxies::from_env`]. It is for the session's own transport; one that was given has its
    /// own proxies.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// let variables = HashMap::from([("https_proxy", "http://proxy.internal:3128"), ("no_proxy", ".internal")]);
    /// let lookup = move |name: &str| variables.get(name).map(ToString::to_string);
    /// let session = sortie::Session::builder().env(lookup).build()?;
    /// # let _ = session;
    /// # Ok::<(), sortie::Error>(())
    /// ```
    pub fn env(mut self, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.settings.environment = Environment::given(lookup);
        self
    }

    /// Reads nothing from the environment: requests' `trust_env = False`.
    pub fn no_env(mut self) -> Self {
        self.settings.environment = Environment::Nothing;
        self
    }

    /// The session.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Builder`](crate::ErrorKind::Builder): the first setter that was given an invalid value.
    pub fn build(self) -> Result<Session, Error> {
        match self.error.or_else(|| self.settings.unheeded()) {
            Some(invalid) => Err(invalid.into()),
            None => Ok(Self::assemble(self.settings)),
        }
    }

    pub(crate) fn assemble(mut settings: Settings) -> Session {
        let (wire, pool) = settings.wire();
        for scheme in ["https://", "http://"] {
            let prefix: Prefix = scheme.parse().expect("a bare scheme is a prefix");
            if !settings.mounts.iter().any(|(mounted, _)| *mounted == prefix) {
                settings.mounts.push((prefix, Mount::new()));
            }
        }
        Session::assembled(stack::session(&settings, &wire), settings, pool)
    }
}

/// The text of what is wrong with a URL: an error's own level only says that something is.
fn source_text(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder").field("settings", &self.settings).field("error", &self.error).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, Response};
    use sortie_core::Phase;
    use sortie_layers::auth::HeaderKey;
    use sortie_layers::retry::Backoff;
    use sortie_testkit::{Answer, Scripted, reply, status};
    use std::error::Error as _;

    #[test]
    fn the_first_invalid_setting_is_the_error_of_build_and_names_its_setter() {
        for (builder, names) in [
            (Session::builder().header("bad name", "v").user_agent("a\nb"), "SessionBuilder::header"),
            (Session::builder().user_agent("secret\nb"), "SessionBuilder::user_agent"),
            (Session::builder().without_header("a b"), "SessionBuilder::without_header"),
            (Session::builder().base_url("/secret"), "SessionBuilder::base_url: the URL is relative"),
            (Session::builder().base_url("mailto:secret@h"), "SessionBuilder::base_url: the URL has no host"),
            (Session::builder().base_url_rfc3986("https://secret@h/"), "SessionBuilder::base_url_rfc3986: a base URL"),
            (Session::builder().mount("no prefix", Mount::new()), "SessionBuilder::mount"),
            (Session::builder().mount("https://h/", Mount::new().header("x", "secret\n")), "Mount::header"),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Builder);
            let text = error.source().unwrap().to_string();
            assert!(text.starts_with(names) && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let builder = Session::builder()
            .header("x-key", "secret")
            .auth(sortie_layers::auth::Bearer::new("secret"))
            .query("key", "secret")
            .mount("https://h/", Mount::new().header("x-key", "secret"));
        let session = builder.clone().build().unwrap();
        assert!(!format!("{builder:?}{session:?}").contains("secret"), "{builder:?}");
    }

    async fn get(session: &Session, url: &str) -> Response {
        session.get(url).send().await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn all_mounts_and_all_sessions_of_one_origin_share_the_retry_budget() {
        let busy = || Scripted::from_fn(|_, _| Ok(status(503)));
        let session = Session::builder()
            .retry(RetryOptions::standard().backoff(Backoff::none()))
            .mount("http://a.test/", busy())
            .mount("http://b.test/", busy())
            .build()
            .unwrap();
        assert_eq!(get(&session, "http://a.test/").await.attempts(), 3);
        // The clock stands still, so nothing is earned but a fifth of a retry for each call.
        while get(&session, "http://a.test/").await.attempts() > 1 {}
        assert_eq!(get(&session, "http://b.test/").await.attempts(), 1);
        let again = session.to_builder().build().unwrap();
        assert_eq!(get(&again, "http://b.test/").await.attempts(), 1);
    }

    // A key of one's own is as much the mount's or the request's as an `Authorization` is.
    #[tokio::test]
    async fn a_default_header_yields_to_the_key_of_a_mount_or_a_request() {
        let server = Scripted::from_fn(|_, _| Ok(status(200)));
        let name = http::HeaderName::from_static("x-api-key");
        let key = |value: &'static str| HeaderKey::new(name.clone(), value);
        let session = Session::builder()
            .transport(server.clone())
            .header("x-api-key", "session")
            .mount("http://m.test/", Mount::new().auth(key("mount")))
            .build()
            .unwrap();
        for (request, expected) in [
            (session.get("http://a.test/"), "session"),
            (session.get("http://m.test/"), "mount"),
            (session.get("http://a.test/").auth(key("request")), "request"),
            (session.get("http://m.test/").auth(key("request")), "request"),
            (session.get("http://m.test/").header("x-api-key", "by hand"), "by hand"),
        ] {
            request.send().await.unwrap();
            assert_eq!(server.requests().last().unwrap().headers[&name], expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_before_a_retry_outlasts_the_limit_of_its_hop() {
        let busy = Scripted::<Body>::from_fn(|_, _| Ok(reply(503, [("retry-after", "30")], "busy")));
        let session = Session::builder()
            .retry(RetryOptions::standard())
            .mount("http://m.test/", Mount::from(busy).timeout(Duration::from_secs(2)))
            .build()
            .unwrap();
        assert_eq!(get(&session, "http://m.test/").await.status(), 503);
    }

    #[tokio::test]
    async fn a_map_that_is_full_of_headers_is_an_error_or_sent_as_it_is() {
        let mut full = HeaderMap::new();
        let value = || HeaderValue::from_static("1");
        while full.try_append(HeaderName::try_from(format!("x-{}", full.len())).unwrap(), value()).is_ok() {}
        let server = Scripted::<Body>::from_fn(|_, _| Ok(status(200)));
        let session = Session::builder().transport(server.clone()).build().unwrap();
        let request = || session.get("http://a.test/").headers(full.clone());
        for request in [request().header("x", "1"), request().form(&[("a", "1")]), request().bearer_auth("token")] {
            let error = request.send().await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Builder | ErrorKind::Auth), "{error:?}");
        }
        for builder in [
            Session::builder().headers(full.clone()),
            Session::builder()
                .without_header("user-agent")
                .without_header("accept")
                .headers(full.clone())
                .header("x", "1"),
            Session::builder().mount("http://a.test/", Mount::new().headers(full.clone()).header("x", "1")),
            Session::builder().mount("http://a.test/", Mount::new().header("x", "1").headers(full.clone())),
        ] {
            assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::Builder);
        }
        assert_eq!(server.count(), 0);
        request().send().await.unwrap();
        assert_eq!(server.requests()[0].headers.len(), full.len());
    }

    #[tokio::test]
    async fn a_mount_without_auth_gets_nothing_that_the_session_has_for_all() {
        let server = Scripted::from_fn(|_, _| Ok(status(200)));
        let bearer = |token: &str| sortie_layers::auth::Bearer::new(token);
        let session = Session::builder()
            .transport(server.clone())
            .header("authorization", "default")
            .mount("http://m.test/", Mount::new().no_auth())
            .build()
            .unwrap();
        let signed = session.to_builder().auth(bearer("session")).build().unwrap();
        let unsigned = signed.to_builder().no_auth().build().unwrap();
        for (request, expected) in [
            (session.get("http://a.test/"), Some("default")),
            (session.get("http://m.test/"), None),
            (signed.get("http://a.test/"), Some("Bearer session")),
            (signed.get("http://m.test/"), None),
            (unsigned.get("http://a.test/"), Some("default")),
            (session.get("http://m.test/").header("authorization", "own"), Some("own")),
            (session.get("http://m.test/").auth(bearer("own")), Some("Bearer own")),
            (session.get("http://u:p@m.test/"), Some("Basic dTpw")),
        ] {
            request.send().await.unwrap();
            let headers = server.requests().last().unwrap().headers.clone();
            assert_eq!(headers.get("authorization").map(|value| value.to_str().unwrap()), expected);
        }
    }

    #[tokio::test]
    async fn what_a_session_has_can_be_taken_back_from_its_builder() {
        let server = Scripted::from_fn(|_, _| Ok(status(200)));
        let session = Session::builder()
            .base_url("http://a.test/")
            .query("lang", "en")
            .transport(server.clone())
            .build()
            .unwrap();
        session.get("x").send().await.unwrap();
        let bare = session.to_builder().no_base_url().no_query().build().unwrap();
        bare.get("http://a.test/y").send().await.unwrap();
        assert_eq!(bare.get("y").send().await.unwrap_err().kind(), ErrorKind::Builder);
        let seen: Vec<_> = server.requests().iter().map(|request| request.uri.to_string()).collect();
        assert_eq!(seen, ["http://a.test/x?lang=en", "http://a.test/y"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_has_the_sessions_limit_unless_the_request_sets_its_own() {
        let session = Session::builder()
            .attempt_timeout(Duration::from_secs(2))
            .transport(Scripted::<Body>::answering(|_, _| Answer::after(Duration::from_secs(3), status(200))))
            .build()
            .unwrap();
        let error = session.get("http://a.test/").send().await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Attempt));
        let longer = TimeoutOptions::default().attempt(Duration::from_secs(4));
        assert!(session.get("http://a.test/").timeouts(longer).send().await.is_ok());
    }
}
