use std::fmt;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, UPGRADE};
use http::{Extensions, HeaderMap, Method, Request, Uri, request, response};
use serde::Serialize;
use sortie_core::auth::{Auth, SharedAuth};
use sortie_core::{Body, BoxError, PerRequest, Without};
use sortie_layers::auth::{Basic, Bearer};
use sortie_layers::hooks::{Asked, Hooks, IntoHookResult};
use sortie_layers::query::QueryOptions;
use sortie_layers::redirect::{Fragment, RedirectOptions};
use sortie_layers::retry::RetryOptions;
use sortie_layers::timeout::TimeoutOptions;
use sortie_transport::proxy::{Proxies, Proxy};
use sortie_transport::{ExpectContinue, InformationalHead, OnInformational, PhaseTimeouts, Versions};
use url::Url;

use crate::body::{self, Wrapping};
use crate::into_url::{self, IntoUrl, InvalidUrl};
use crate::{Error, Response, Session, setter, userinfo};

/// A request being made, and its differences from the session's settings.
///
/// Setters do not fail: the first value that could not be taken is the error of [`send`](Self::send) and
/// [`build`](Self::build), which names the setter. Everything set here beats the mount's and the session's.
#[must_use = "a request is sent by `send`"]
pub struct RequestBuilder {
    session: Session,
    draft: Result<Draft, Error>,
}

struct Draft {
    method: Method,
    url: Url,
    /// Whether the user name in the URL has a password, and that an empty one.
    empty_password: bool,
    headers: HeaderMap,
    extensions: Extensions,
    hooks: Option<Hooks>,
    body: Body,
    /// The type of `body`, where the request does not set one itself.
    content_type: Option<HeaderValue>,
    /// What is put around `body` when all is set.
    wrapping: Wrapping,
}

impl RequestBuilder {
    pub(crate) fn new<M: TryInto<Method>>(session: Session, method: M, url: impl IntoUrl) -> Self {
        let draft = draft(&session, method, url);
        Self { session, draft }
    }

    fn edit(mut self, edit: impl FnOnce(&mut Draft)) -> Self {
        if let Ok(draft) = &mut self.draft {
            edit(draft);
        }
        self
    }

    fn try_edit<E: Into<Error>>(mut self, edit: impl FnOnce(&mut Draft) -> Result<(), E>) -> Self {
        if let Ok(draft) = &mut self.draft
            && let Err(error) = edit(draft)
        {
            self.draft = Err(error.into());
        }
        self
    }

    /// A body and the type that belongs to it.
    pub(crate) fn with_content(
        self,
        make: impl FnOnce() -> Result<(Body, Option<HeaderValue>), setter::Invalid>,
    ) -> Self {
        self.try_edit(|draft| make().map(|(body, content_type)| draft.content(body, content_type)))
    }

    pub(crate) fn wrapping(self, change: impl FnOnce(&mut Wrapping)) -> Self {
        self.edit(|draft| change(&mut draft.wrapping))
    }

    /// A header. It replaces what was set under this name before, and any default.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.try_edit(|draft| {
            let (name, value) = setter::header("RequestBuilder::header", name, value)?;
            setter::insert("RequestBuilder::header", &mut draft.headers, name, value)
        })
    }

    /// Headers. They replace what was set under their names before, and any defaults.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.try_edit(|draft| setter::replace("RequestBuilder::headers", &mut draft.headers, headers))
    }

    /// Leaves out a default header of the session's or the mount's: requests' `headers={"Accept": None}`.
    pub fn without_header<N: TryInto<HeaderName>>(self, name: N) -> Self {
        self.try_edit(|draft| {
            let name = setter::header_name("RequestBuilder::without_header", name)?;
            draft.headers.remove(&name);
            Without::add(&mut draft.extensions, name);
            Ok::<_, setter::Invalid>(())
        })
    }

    /// Query parameters, appended to what the URL has: pairs, a map, or a struct; a list (`Vec`, slice) repeats its key.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        self.try_edit(|draft| {
            let query =
                serde_html_form::to_string(query).map_err(|error| unserializable("RequestBuilder::query", &error))?;
            if !query.is_empty() {
                into_url::append_query(&mut draft.url, &query);
            }
            Ok::<_, setter::Invalid>(())
        })
    }

    /// A body of any kind; see [`Body`]. It sets no `Content-Type`.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.edit(|draft| draft.content(body.into(), None))
    }

    /// A form body, `application/x-www-form-urlencoded`: pairs, a map, or a struct; a list (`Vec`, slice) repeats its key.
    pub fn form<T: Serialize + ?Sized>(self, form: &T) -> Self {
        self.try_edit(|draft| {
            let form =
                serde_html_form::to_string(form).map_err(|error| unserializable("RequestBuilder::form", &error))?;
            draft.content(form.into(), Some(HeaderValue::from_static("application/x-www-form-urlencoded")));
            Ok::<_, setter::Invalid>(())
        })
    }

    /// A JSON body, `application/json`. Falsy values are sent like any other; serde_json writes NaN as `null`.
    #[cfg(feature = "json")]
    pub fn json<T: Serialize + ?Sized>(self, json: &T) -> Self {
        self.try_edit(|draft| {
            let json = serde_json::to_vec(json).map_err(|error| unserializable("RequestBuilder::json", &error))?;
            draft.content(json.into(), Some(HeaderValue::from_static("application/json")));
            Ok::<_, setter::Invalid>(())
        })
    }

    /// Auth for this request, in place of the mount's and the session's and of any `Authorization` header. A redirect
    /// to another origin does not carry it.
    pub fn auth(self, auth: impl Auth) -> Self {
        self.extension(PerRequest::Use(SharedAuth::new(auth)))
    }

    /// No auth for this request: neither the mount's nor the session's nor one from the URL or a netrc, and no
    /// `Authorization` from the session's default headers. One that is set on the request stays.
    pub fn no_auth(self) -> Self {
        self.extension(PerRequest::<SharedAuth>::Off)
    }

    /// [`auth`](Self::auth) by user name and password (Basic, RFC 7617).
    pub fn basic_auth(self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        self.auth(Basic::new(user, password))
    }

    /// [`auth`](Self::auth) by a token (Bearer, RFC 6750).
    pub fn bearer_auth(self, token: impl AsRef<str>) -> Self {
        self.auth(Bearer::new(token))
    }

    /// How long the call may take as a whole: redirects, retries, back-off and the body.
    pub fn timeout(self, total: Duration) -> Self {
        self.timeouts_with(|timeouts| timeouts.total(total))
    }

    /// No limit for the call as a whole, whatever the session has.
    pub fn no_timeout(self) -> Self {
        self.timeouts_with(TimeoutOptions::no_total)
    }

    /// How long one attempt may take up to the head of its response.
    pub fn attempt_timeout(self, attempt: Duration) -> Self {
        self.timeouts_with(|timeouts| timeouts.attempt(attempt))
    }

    /// Limits for this call and its attempts, in place of those set before; see [`TimeoutOptions`].
    pub fn timeouts(self, timeouts: TimeoutOptions) -> Self {
        self.extension(PerRequest::Use(timeouts))
    }

    fn timeouts_with(self, change: impl FnOnce(TimeoutOptions) -> TimeoutOptions) -> Self {
        self.edit(|draft| {
            let timeouts = match PerRequest::<TimeoutOptions>::of(&draft.extensions) {
                Some(PerRequest::Use(timeouts)) => *timeouts,
                Some(PerRequest::Off) => TimeoutOptions::default().no_total().no_attempt(),
                None => TimeoutOptions::default(),
            };
            draft.extensions.insert(PerRequest::Use(change(timeouts)));
        })
    }

    /// The transport's limits for this request: waiting for a connection, connecting, gaps.
    pub fn phase_timeouts(self, timeouts: PhaseTimeouts) -> Self {
        self.extension(PerRequest::Use(timeouts))
    }

    /// Whom this request trusts over `https`, and what it shows of itself, in place of the mount's and the session's. A
    /// redirect to another origin does not carry it. It is for sortie's transport; other services do not know it.
    #[cfg(feature = "tls")]
    pub fn tls(self, tls: sortie_transport::tls::Tls) -> Self {
        self.extension(PerRequest::Use(tls))
    }

    /// By which proxies this request goes, in place of the mount's, the session's and the environment's. A redirect to
    /// another origin does not carry it. It is for sortie's transport; other services do not know it.
    pub fn proxies(self, proxies: Proxies) -> Self {
        self.extension(PerRequest::Use(proxies))
    }

    /// [`proxies`](Self::proxies) of one proxy for everything: a [`Proxy`], or its URL.
    pub fn proxy<P>(self, proxy: P) -> Self
    where
        P: TryInto<Proxy>,
        P::Error: fmt::Display,
    {
        self.try_edit(|draft| {
            let proxies = Proxies::all(setter::proxy("RequestBuilder::proxy", proxy)?);
            draft.extensions.insert(PerRequest::Use(proxies));
            Ok::<_, setter::Invalid>(())
        })
    }

    /// This request goes directly, and so do its redirects.
    pub fn no_proxy(self) -> Self {
        self.extension(PerRequest::<Proxies>::Off)
    }

    /// Asks whether the server wants this request's body before it is sent, in place of what the transport's options say;
    /// see [`ExpectContinue`]. It is for sortie's transport; other services do not know it.
    pub fn expect_continue(self, expect: ExpectContinue) -> Self {
        self.extension(PerRequest::Use(expect))
    }

    /// This request's body is sent at once.
    pub fn no_expect_continue(self) -> Self {
        self.extension(PerRequest::<ExpectContinue>::Off)
    }

    /// A callback for the interim answers (1xx) to this request and to its redirects and retries, over HTTP/1.1; see
    /// [`OnInformational`]. It is for sortie's transport; other services do not know it.
    pub fn on_informational(self, callback: impl Fn(&InformationalHead<'_>) + Send + Sync + 'static) -> Self {
        self.extension(OnInformational::new(callback))
    }

    /// Asks the server to go on in another protocol (`Upgrade`,
    /// [RFC 9110 §7.8](https://www.rfc-editor.org/rfc/rfc9110#section-7.8)), over HTTP/1.1, since HTTP/2 knows no such
    /// thing. If it answers 101, [`Response::upgrade`] is the byte stream.
    pub fn upgrade<V: TryInto<HeaderValue>>(self, protocol: V) -> Self {
        const SETTER: &str = "RequestBuilder::upgrade";
        self.try_edit(|draft| {
            let (name, protocol) = setter::header(SETTER, UPGRADE, protocol)?;
            setter::insert(SETTER, &mut draft.headers, name, protocol)?;
            setter::insert(SETTER, &mut draft.headers, CONNECTION, HeaderValue::from_static("upgrade"))?;
            draft.extensions.insert(PerRequest::Use(Versions::Http1Only));
            Ok::<_, setter::Invalid>(())
        })
    }

    /// Which redirects of this request are followed. What the session's options
    /// [protect](RedirectOptions::protecting) stays protected.
    pub fn redirect(self, redirect: RedirectOptions) -> Self {
        self.extension(PerRequest::Use(redirect))
    }

    /// No redirect of this request is followed: the 3xx is the response, and [`Response::next`] leads on.
    pub fn no_redirect(self) -> Self {
        self.extension(PerRequest::<RedirectOptions>::Off)
    }

    /// Which failed attempts of this request are repeated, and how.
    pub fn retry(self, retry: RetryOptions) -> Self {
        self.extension(PerRequest::Use(retry))
    }

    /// This request is sent once.
    pub fn no_retry(self) -> Self {
        self.extension(PerRequest::<RetryOptions>::Off)
    }

    /// Default query parameters for this request in place of the session's.
    pub fn default_query(self, query: QueryOptions) -> Self {
        self.extension(PerRequest::Use(query))
    }

    /// None of the session's and the mount's query parameters.
    pub fn no_default_query(self) -> Self {
        self.extension(PerRequest::<QueryOptions>::Off)
    }

    /// A cookie for this request. It beats one of the jar's of the same name, is not stored, and stays with the origin
    /// that the request asks.
    #[cfg(feature = "cookies")]
    pub fn cookie(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.try_edit(|draft| {
            sortie_cookies::RequestCookies::add(&mut draft.extensions, name.as_ref(), value.as_ref())
                .map_err(|invalid| setter::Invalid::new("RequestBuilder::cookie", invalid.to_string()))
        })
    }

    /// Cookies for this request; see [`cookie`](Self::cookie).
    #[cfg(feature = "cookies")]
    pub fn cookies<N: AsRef<str>, V: AsRef<str>>(self, cookies: impl IntoIterator<Item = (N, V)>) -> Self {
        cookies.into_iter().fold(self, |request, (name, value)| request.cookie(name, value))
    }

    /// Another jar, or other rules for cookies, for this request.
    #[cfg(feature = "cookies")]
    pub fn cookie_options(self, options: sortie_cookies::CookieOptions) -> Self {
        self.extension(PerRequest::Use(options))
    }

    /// No cookies of the session's are sent with this request, and none that it is answered with are kept.
    #[cfg(feature = "cookies")]
    pub fn no_cookies(self) -> Self {
        self.extension(PerRequest::<sortie_cookies::CookieOptions>::Off)
    }

    /// A hook on this request's head, run on each hop after the session's.
    pub fn on_request<R: IntoHookResult>(
        self,
        hook: impl Fn(&mut request::Parts) -> R + Send + Sync + 'static,
    ) -> Self {
        self.hooks_with(|hooks| hooks.on_request(hook))
    }

    /// A hook on the head of each response to this request, run on each hop after the session's.
    pub fn on_response<R: IntoHookResult>(
        self,
        hook: impl Fn(&mut response::Parts, &Asked) -> R + Send + Sync + 'static,
    ) -> Self {
        self.hooks_with(|hooks| hooks.on_response(hook))
    }

    /// A hook on the error of a hop of this request, run after the session's.
    pub fn on_error(self, hook: impl Fn(&BoxError, &Asked) + Send + Sync + 'static) -> Self {
        self.hooks_with(|hooks| hooks.on_error(hook))
    }

    fn hooks_with(self, change: impl FnOnce(Hooks) -> Hooks) -> Self {
        self.edit(|draft| draft.hooks = Some(change(draft.hooks.take().unwrap_or_default())))
    }

    /// Hooks for this request, async ones among them, in place of those added before.
    pub fn hooks(self, hooks: Hooks) -> Self {
        self.edit(|draft| draft.hooks = Some(hooks))
    }

    /// None of the session's hooks for this request, nor of those added before; those added after run alone.
    pub fn no_hooks(self) -> Self {
        self.edit(|draft| {
            draft.hooks = None;
            draft.extensions.insert(PerRequest::<Hooks>::Off);
        })
    }

    /// A value for a layer of the user's own, or an override of one, in the request's extensions.
    pub fn extension<T: Clone + Send + Sync + 'static>(self, value: T) -> Self {
        self.edit(|draft| {
            draft.extensions.insert(value);
        })
    }

    /// The request as it stands: what it says itself, and its overrides as extensions. What session and mount add, the
    /// layers add on [`Session::send`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Builder`](crate::ErrorKind::Builder): the first setter that was given an invalid value, or an
    /// invalid URL or method.
    pub fn build(self) -> Result<Request<Body>, Error> {
        self.draft?.into_request().map(|(request, _)| request)
    }

    /// Sends the request and waits for the head of its response.
    ///
    /// # Errors
    ///
    /// Whatever kept the call from being answered; see [`ErrorKind`](crate::ErrorKind). A response with an error
    /// status is not an error; [`Response::error_for_status`] makes one of it.
    pub async fn send(self) -> Result<Response, Error> {
        let (request, url) = self.draft?.into_request()?;
        self.session.deliver(request, Some(url)).await
    }
}

impl RequestBuilder {
    /// What is to be sent, and by whom.
    pub(crate) fn into_request(self) -> (Session, Result<(Request<Body>, Url), Error>) {
        (self.session, self.draft.and_then(Draft::into_request))
    }
}

fn draft<M: TryInto<Method>>(session: &Session, method: M, url: impl IntoUrl) -> Result<Draft, Error> {
    let method = method
        .try_into()
        .map_err(|_| setter::Invalid::new("Session::request", "the method is not a valid HTTP method name"))?;
    let empty_password = into_url::has_empty_password(&url);
    let url = into_url::resolve(url, session.base_url())?;
    Ok(Draft {
        method,
        url,
        empty_password,
        headers: HeaderMap::new(),
        extensions: Extensions::new(),
        hooks: None,
        body: Body::empty(),
        content_type: None,
        wrapping: Wrapping::default(),
    })
}

fn unserializable(setter: &'static str, error: &dyn fmt::Display) -> setter::Invalid {
    setter::Invalid::new(setter, format!("the value cannot be serialized: {error}"))
}

impl Draft {
    /// A body with its type, in place of those before. A `Content-Type` set by hand counts instead.
    fn content(&mut self, body: Body, content_type: Option<HeaderValue>) {
        self.body = body;
        self.content_type = content_type;
    }

    fn into_request(mut self) -> Result<(Request<Body>, Url), Error> {
        if let Some(userinfo) = userinfo::take(&mut self.url, self.empty_password) {
            self.extensions.insert(userinfo);
        }
        if let Some(fragment) = self.url.fragment() {
            self.extensions.insert(Fragment::new(fragment));
        }
        if let Some(hooks) = self.hooks {
            let alone = matches!(PerRequest::<Hooks>::of(&self.extensions), Some(PerRequest::Off));
            self.extensions.insert(PerRequest::Use(if alone { hooks.alone() } else { hooks }));
        }
        if let Some(content_type) = self.content_type.take()
            && !Without::contains(&self.extensions, &CONTENT_TYPE)
        {
            body::set_type(&mut self.headers, content_type)?;
        }
        let body = self.wrapping.wrap(self.body, &mut self.headers)?;
        let checked = body::check_length(&self.headers, &body);
        checked.map_err(|invalid| setter::Invalid::new("RequestBuilder::header", invalid.to_string()))?;
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = uri(&self.url)?;
        *request.headers_mut() = self.headers;
        *request.extensions_mut() = self.extensions;
        Ok((request, self.url))
    }
}

/// The URL as it is sent: without its fragment.
pub(crate) fn uri(url: &Url) -> Result<Uri, Error> {
    Uri::try_from(&url[..url::Position::AfterQuery]).map_err(|error| Error::builder(InvalidUrl::NotHttp(error.into())))
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.draft {
            Ok(draft) => f
                .debug_struct("RequestBuilder")
                .field("method", &draft.method)
                .field("host", &draft.url.host_str())
                .field("headers", &draft.headers.keys().collect::<Vec<_>>())
                .field("body", &draft.body)
                .finish_non_exhaustive(),
            Err(error) => f.debug_tuple("RequestBuilder").field(error).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, Session};
    use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, COOKIE};
    use sortie_core::auth::Userinfo;
    use sortie_testkit::{Scripted, status};
    use std::error::Error as _;

    fn session() -> Session {
        Session::builder().base_url("https://api.example.com/v1/").build().unwrap()
    }

    #[test]
    fn a_built_request_says_only_what_was_said_of_it() {
        let request = session()
            .post("items?sort=name")
            .query(&[("page", "2"), ("tag", "a b")])
            .header(ACCEPT, "text/plain")
            .body("hello")
            .build()
            .unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://api.example.com/v1/items?sort=name&page=2&tag=a+b");
        assert_eq!(request.headers().len(), 1);
        assert_eq!(request.body().as_bytes(), Some(&b"hello"[..]));
    }

    #[test]
    fn every_verb_is_there() {
        let session = session();
        for (builder, method) in [
            (session.get("x"), "GET"),
            (session.head("x"), "HEAD"),
            (session.post("x"), "POST"),
            (session.put("x"), "PUT"),
            (session.patch("x"), "PATCH"),
            (session.delete("x"), "DELETE"),
            (session.options("x"), "OPTIONS"),
            (session.request("PROPFIND", "x"), "PROPFIND"),
            (session.request(Method::TRACE, "x"), "TRACE"),
        ] {
            assert_eq!(builder.build().unwrap().method(), method);
        }
    }

    #[test]
    fn a_body_gets_its_type_unless_the_request_has_one() {
        let form = session().post("x").form(&[("a", "1"), ("a", "ä &")]).build().unwrap();
        assert_eq!(form.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
        assert_eq!(form.body().as_bytes(), Some(&b"a=1&a=%C3%A4+%26"[..]));
        #[cfg(feature = "json")]
        {
            let json = session().post("x").header(CONTENT_TYPE, "application/ld+json").json(&[1, 2]).build().unwrap();
            assert_eq!(json.headers()[CONTENT_TYPE], "application/ld+json");
            assert_eq!(json.body().as_bytes(), Some(&b"[1,2]"[..]));
        }
    }

    #[test]
    fn a_sequence_repeats_its_key_and_what_is_not_there_is_left_out() {
        #[derive(Serialize)]
        struct Search<'a> {
            tag: Vec<&'a str>,
            page: Option<u32>,
            size: u32,
            empty: Vec<u32>,
        }
        let search = Search { tag: vec!["a b", "c&d", ""], page: None, size: 9, empty: vec![] };
        let query = session().get("x?tag=0").query(&search).build().unwrap();
        assert_eq!(query.uri().query(), Some("tag=0&tag=a+b&tag=c%26d&tag=&size=9"));
        let form = session().post("x").form(&search).build().unwrap();
        assert_eq!(form.body().as_bytes(), Some(&b"tag=a+b&tag=c%26d&tag=&size=9"[..]));
        let map = std::collections::BTreeMap::from([("id", vec![1, 2])]);
        assert_eq!(session().get("x").query(&map).build().unwrap().uri().query(), Some("id=1&id=2"));
    }

    #[test]
    fn a_body_that_is_replaced_takes_its_type_along() {
        let post = || session().post("x").form(&[("a", "1")]);
        for (request, content_type) in [
            (post(), Some("application/x-www-form-urlencoded")),
            (post().body("raw"), None),
            (post().header(CONTENT_TYPE, "text/csv").body("raw"), Some("text/csv")),
            (post().without_header(CONTENT_TYPE), None),
            (session().post("x").body("raw").form(&[("a", "1")]), Some("application/x-www-form-urlencoded")),
            #[cfg(feature = "json")]
            (post().json(&1), Some("application/json")),
            #[cfg(feature = "json")]
            (session().post("x").json(&1).form(&[("a", "1")]), Some("application/x-www-form-urlencoded")),
        ] {
            let request = request.build().unwrap();
            let found = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap());
            assert_eq!(found, content_type);
        }
    }

    #[tokio::test]
    async fn hooks_added_after_no_hooks_run_alone() {
        let server = Scripted::from_fn(|_, _| Ok(status(200)));
        let name = |name: &'static str| {
            move |request: &mut request::Parts| drop(request.headers.insert(name, HeaderValue::from_static("ran")))
        };
        let hooks = Hooks::new().on_request(name("of-session"));
        let session = Session::builder().transport(server.clone()).hooks(hooks).build().unwrap();
        let get = || session.get("http://a.test/");
        for (request, ran) in [
            (get().on_request(name("own")), ["of-session", "own"].as_slice()),
            (get().no_hooks().on_request(name("own")), &["own"]),
            (get().on_request(name("dropped")).no_hooks(), &[]),
        ] {
            request.send().await.unwrap();
            let headers = server.requests().last().unwrap().headers.clone();
            let found: Vec<_> =
                ["of-session", "own", "dropped"].into_iter().filter(|name| headers.contains_key(*name)).collect();
            assert_eq!(found, ran);
        }
    }

    #[test]
    fn a_limit_given_after_all_were_switched_off_is_the_only_one() {
        let off = PerRequest::<TimeoutOptions>::Off;
        let request = session().get("x").extension(off).timeout(Duration::from_secs(1)).build().unwrap();
        let timeouts = TimeoutOptions::default().total(Duration::from_secs(1)).no_attempt();
        assert_eq!(PerRequest::of(request.extensions()), Some(&PerRequest::Use(timeouts)));
    }

    #[test]
    fn userinfo_and_fragment_leave_the_url_for_the_extensions() {
        let request = session().get("https://user:secret@h/p#part").build().unwrap();
        assert_eq!(request.uri(), "https://h/p");
        assert_eq!(request.extensions().get(), Some(&Userinfo::new("user", Some("secret".into()))));
        assert_eq!(request.extensions().get::<Fragment>().map(Fragment::as_str), Some("part"));
    }

    #[test]
    fn a_host_is_asked_by_its_name_in_ascii_and_a_path_in_octets_of_utf_8() {
        for (url, uri) in [
            ("https://b\u{fc}cher.example/\u{e4}?\u{f6}", "https://xn--bcher-kva.example/%C3%A4?%C3%B6"),
            ("https://B\u{dc}CHER.example:8443/", "https://xn--bcher-kva.example:8443/"),
            ("https://\u{4f8b}\u{3048}\u{3002}\u{30c6}\u{30b9}\u{30c8}/", "https://xn--r8jz45g.xn--zckzah/"),
            ("https://fa\u{df}.example/", "https://xn--fa-hia.example/"),
            ("https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", "https://127.0.0.1/"),
        ] {
            assert_eq!(session().get(url).build().unwrap().uri(), uri, "{url}");
        }
        assert!(session().get("https://xn--\u{ad}/").build().is_err(), "no name");
    }

    #[test]
    fn a_relative_url_is_appended_to_the_base_or_resolved_as_a_link_is() {
        let links = Session::builder().base_url_rfc3986("https://h/docs/intro").build().unwrap();
        let below = Session::builder().base_url("https://h/docs/intro").build().unwrap();
        for (url, resolved, appended) in [
            ("usage", Some("https://h/docs/usage"), Some("https://h/docs/intro/usage")),
            ("/about", Some("https://h/about"), Some("https://h/docs/intro/about")),
            ("../about", Some("https://h/about"), None),
            ("//other/x", Some("https://other/x"), None),
            ("?page=2", Some("https://h/docs/intro?page=2"), Some("https://h/docs/intro?page=2")),
            ("users:batch", None, Some("https://h/docs/intro/users:batch")),
            ("https://other/x", Some("https://other/x"), Some("https://other/x")),
        ] {
            for (session, expected) in [(&links, resolved), (&below, appended)] {
                let built = session.get(url).build().ok().map(|request| request.uri().to_string());
                assert_eq!(built.as_deref(), expected, "{url}");
            }
        }
    }

    #[test]
    fn an_empty_password_is_one_and_none_is_none() {
        for (url, password) in [
            ("http://user:@h/p", Some("")),
            ("http://user@h/p", None),
            ("http://user@h/:@p", None),
            ("http://us:er@h/?q=://x:@y", Some("er")),
            ("http://user:@a:@h\\p:@", Some("@a:")),
        ] {
            let built = session().get(url).build().unwrap();
            let given = built.extensions().get::<Userinfo>().unwrap();
            assert_eq!(given.password.as_deref(), password, "{url}");
            let built = session().get(url.to_owned()).build().unwrap();
            assert_eq!(built.extensions().get::<Userinfo>().unwrap().password.as_deref(), password, "{url}");
        }
        assert_eq!(session().get("http://:@h/").build().unwrap().extensions().get::<Userinfo>(), None);
    }

    #[test]
    fn overrides_are_extensions_of_the_types_that_configure_the_layers() {
        let second = Duration::from_secs(1);
        let request = session()
            .get("x")
            .timeout(second)
            .attempt_timeout(second)
            .no_redirect()
            .retry(RetryOptions::standard())
            .no_auth()
            .without_header(ACCEPT)
            .on_request(|_| ())
            .build()
            .unwrap();
        let extensions = request.extensions();
        let timeouts = TimeoutOptions::default().total(second).attempt(second);
        assert_eq!(PerRequest::of(extensions), Some(&PerRequest::Use(timeouts)));
        assert!(matches!(PerRequest::<RedirectOptions>::of(extensions), Some(PerRequest::Off)));
        assert!(matches!(PerRequest::<RetryOptions>::of(extensions), Some(PerRequest::Use(_))));
        assert!(matches!(PerRequest::<SharedAuth>::of(extensions), Some(PerRequest::Off)));
        assert!(matches!(PerRequest::<Hooks>::of(extensions), Some(PerRequest::Use(_))));
        assert!(extensions.get::<Without>().is_some());
    }

    #[test]
    fn what_concerns_the_exchange_alone_is_for_the_transport() {
        let expect = ExpectContinue::default().over(10);
        let request = session().put("x").expect_continue(expect).on_informational(|_| ()).build().unwrap();
        assert_eq!(PerRequest::of(request.extensions()), Some(&PerRequest::Use(expect)));
        assert!(request.extensions().get::<OnInformational>().is_some());
        let request = session().put("x").expect_continue(expect).no_expect_continue().build().unwrap();
        assert_eq!(PerRequest::of(request.extensions()), Some(&PerRequest::<ExpectContinue>::Off));
    }

    #[test]
    fn an_upgrade_is_asked_for_over_http1() {
        let request = session().get("x").upgrade("websocket").build().unwrap();
        assert_eq!(request.headers()[UPGRADE], "websocket");
        assert_eq!(request.headers()[CONNECTION], "upgrade");
        assert_eq!(PerRequest::of(request.extensions()), Some(&PerRequest::Use(Versions::Http1Only)));
    }

    #[test]
    fn the_first_invalid_value_is_the_error_and_is_not_shown() {
        for (request, names) in [
            (session().get("x").header("bad name", "v").header("x", "secret\r\n"), "RequestBuilder::header"),
            (session().get("x").header(COOKIE, "secret\nx: y"), "RequestBuilder::header: the value given for cookie"),
            (session().get("x").without_header("a b"), "RequestBuilder::without_header"),
            (session().request("GET /x\r\nA:b", "x"), "Session::request"),
            (session().get("http://h:99999/secret"), "not a valid URL"),
            (Session::new().get("http://h:99999/secret"), "cannot be parsed"),
            (Session::new().get("mailto:secret@h"), "has no host"),
            (Session::new().get("relative?secret"), "SessionBuilder::base_url"),
            (session().get("x").query("not a map: secret"), "RequestBuilder::query"),
            (session().get("x").upgrade("secret\r\n"), "RequestBuilder::upgrade"),
        ] {
            let error = request.header(AUTHORIZATION, "later").build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Builder);
            let text = format!("{error}: {}", error.source().unwrap());
            assert!(text.contains(names), "{text}");
            assert!(!text.contains("secret") && !format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_length_that_contradicts_the_body_is_an_error_over_any_transport() {
        let server = Scripted::from_fn(|_, _| Ok(status(200)));
        let session = Session::builder().transport(server.clone()).build().unwrap();
        let post = || session.post("http://a.test/");
        let unknown = || Body::factory(None, || Body::from("abc"));
        for (request, says) in [
            (post().header(CONTENT_LENGTH, "5").body("abc"), Some("Content-Length is 5 and its body has 3 octets")),
            (post().body("abc").header(CONTENT_LENGTH, "2"), Some("Content-Length is 2 and its body has 3 octets")),
            (post().header(CONTENT_LENGTH, "1"), Some("Content-Length is 1 and its body has 0 octets")),
            (post().header(CONTENT_LENGTH, "secret").body("abc"), Some("Content-Length is not one number")),
            (post().header(CONTENT_LENGTH, "+3").body("abc"), Some("Content-Length is not one number")),
            (post().header(CONTENT_LENGTH, "").body("abc"), Some("Content-Length is not one number")),
            (post().headers([3, 3].map(length).into_iter().collect()).body("abc"), Some("is not one number")),
            (post().header(CONTENT_LENGTH, "secret").body(unknown()), Some("is not one number")),
            (post().header(CONTENT_LENGTH, "3").body("abc"), None),
            (post().header(CONTENT_LENGTH, "3").body(unknown()), Some("the length of its body is not known")),
        ] {
            let sent = server.count();
            let Some(says) = says else {
                request.send().await.unwrap();
                continue;
            };
            let error = request.send().await.unwrap_err();
            assert_eq!((error.kind(), server.count()), (ErrorKind::Builder, sent), "{says}");
            let text = error.source().unwrap().to_string();
            assert!(text.starts_with("RequestBuilder::header: ") && text.contains(says), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_request_built_elsewhere_is_held_to_its_length_too() {
        let server = Scripted::from_fn(|_, _| Ok(status(200)));
        let session = Session::builder().transport(server.clone()).build().unwrap();
        for (told, sent) in [("5", false), ("3", true)] {
            let request = Request::post("http://a.test/").header(CONTENT_LENGTH, told).body("abc").unwrap();
            let answer = session.send(request).await;
            assert_eq!((answer.is_ok(), server.count()), (sent, usize::from(sent)));
            answer.err().into_iter().for_each(|error| assert_eq!(error.kind(), ErrorKind::Builder));
        }
    }

    fn length(octets: u64) -> (HeaderName, HeaderValue) {
        (CONTENT_LENGTH, octets.into())
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let request = session().get("https://h/secret").header(AUTHORIZATION, "secret").body("secret");
        assert!(!format!("{request:?}").contains("secret"), "{request:?}");
    }
}
