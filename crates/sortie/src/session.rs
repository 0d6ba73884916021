use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderName, Method, Request, Response as HttpResponse, Uri};
use sortie_core::{Body, BoxError, BoxFuture, BoxHttp, HttpService, InFlight, PerRequest, Ticket};
use sortie_layers::base_url::BaseUrl;
use sortie_layers::redirect::{Fragment, RedirectOptions};
use sortie_transport::Transport;
use tokio::time::Instant;
use tower_service::Service;
use url::Url;

use crate::into_url::{self, IntoUrl};
use crate::settings::{Pool, Settings, TransportSetting};
use crate::stack::Tower;
use crate::{Error, RequestBuilder, Response, SessionBuilder, body, userinfo};

/// How long [`Session::close`] waits for bodies that are still being read.
const CLOSE_DEADLINE: Duration = Duration::from_secs(30);

/// An HTTP client session: cookies, auth, redirects, retries, hooks and a connection pool, shared by every call made
/// through it.
///
/// A clone is a handle to the same session. It is itself a tower `Service<http::Request<B>>`.
///
/// ```
/// # async fn example() -> Result<(), sortie::Error> {
/// use std::time::Duration;
///
/// let session = sortie::Session::builder()
///     .user_agent("inventory/1.4")
///     .base_url("https://api.example.com/v1/")
///     .timeout(Duration::from_secs(20))
///     .build()?;
/// let response = session.get("items").query(&[("in_stock", "yes")]).send().await?.error_for_status()?;
/// println!("{}", response.text().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    tower: Tower,
    /// What the tower was made of; `None` for one that was given.
    settings: Option<Settings>,
    calls: InFlight,
    pool: Option<Pool>,
    left_pool: AtomicBool,
}

impl Inner {
    /// The pool, if this session was the last to use it; once only.
    fn leave_pool(&self) -> Option<&Pool> {
        let left = self.left_pool.swap(true, Ordering::AcqRel);
        self.pool.as_ref().filter(|pool| !left && pool.leave())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.leave_pool();
    }
}

impl Session {
    /// A session with the defaults of [`SessionBuilder`].
    ///
    /// It cannot fail: what TLS needs of the system is read at the first `https` connection.
    #[must_use]
    pub fn new() -> Self {
        SessionBuilder::assemble(Settings::default())
    }

    /// Settings for a session.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::new()
    }

    /// The comfort of a session over a stack that was composed by hand: nothing is added to it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sortie::Error> {
    /// let app = axum::Router::new().route("/", axum::routing::get(|| async { "home" }));
    /// let session = sortie::Session::from_service(app);
    /// assert_eq!(session.get("http://app.test/").send().await?.text().await?, "home");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn from_service(service: impl HttpService<Body>) -> Self {
        Self::with(Tower::of(BoxHttp::new(service)), None, None)
    }

    pub(crate) fn assembled(tower: Tower, settings: Settings, pool: Option<Pool>) -> Self {
        if let Some(pool) = &pool {
            pool.enter();
        }
        Self::with(tower, Some(settings), pool)
    }

    fn with(tower: Tower, settings: Option<Settings>, pool: Option<Pool>) -> Self {
        let (calls, left_pool) = (InFlight::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { tower, settings, calls, pool, left_pool }))
    }

    /// The connection pool that the session made for itself: its [statistics](sortie_transport::Transport::stats), connections made
    /// ahead, services of single origins. `None` over a transport or a stack that was given.
    #[must_use]
    pub fn transport(&self) -> Option<&Transport> {
        self.0.pool.as_ref().map(|pool| &pool.transport)
    }

    /// A builder with this session's settings, cookie jar, retry budgets and connection pool.
    ///
    /// What is built from it is a new session that keeps the cookies and the warm connections of this one: requests'
    /// `session.headers.update(…)` after log-in. Of a session made by [`from_service`](Self::from_service) it is a
    /// builder with the default settings and that service as its transport.
    pub fn to_builder(&self) -> SessionBuilder {
        SessionBuilder::of(match &self.0.settings {
            Some(settings) => settings.clone(),
            None => Settings { transport: TransportSetting::Given(self.0.tower.whole()), ..Settings::default() },
        })
    }

    /// A `GET` request.
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// A `HEAD` request. Its redirects are followed like any other's.
    pub fn head(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// A `POST` request.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A `PUT` request.
    pub fn put(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// A `PATCH` request.
    pub fn patch(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// A `DELETE` request.
    pub fn delete(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// An `OPTIONS` request.
    pub fn options(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::OPTIONS, url)
    }

    /// A request with any method: a [`Method`], or its name.
    ///
    /// An invalid method or URL is the error of [`RequestBuilder::send`] and [`RequestBuilder::build`].
    pub fn request<M: TryInto<Method>>(&self, method: M, url: impl IntoUrl) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, url)
    }

    /// Sends a request that was built elsewhere, or by [`RequestBuilder::build`], through the whole session.
    ///
    /// # Errors
    ///
    /// Whatever kept the call from being answered; see [`ErrorKind`](crate::ErrorKind). A response with an error
    /// status is not an error.
    pub async fn send<B: Into<Body>>(&self, request: Request<B>) -> Result<Response, Error> {
        let mut request = request.map(Into::into);
        userinfo::hide(&mut request)?;
        body::check_length(request.headers(), request.body()).map_err(Error::builder)?;
        let uri = request.uri().to_string();
        // One in origin-form is below the base URL, which a layer puts before it.
        let base_url = PerRequest::resolve(request.extensions(), self.base_url());
        let mut url = Url::parse(&uri).ok().or_else(|| base_url?.join(&uri).ok());
        if let (Some(url), Some(fragment)) = (&mut url, request.extensions().get::<Fragment>()) {
            url.set_fragment(Some(fragment.as_str()));
        }
        self.deliver(request, url).await
    }

    pub(crate) async fn deliver(&self, request: Request<Body>, url: Option<Url>) -> Result<Response, Error> {
        let started = Instant::now();
        let url = url.map(|url| self.with_default_query(url, request.extensions()));
        let of_session = self.0.settings.as_ref().and_then(|settings| settings.max_body.as_ref());
        let max_body = PerRequest::resolve(request.extensions(), of_session).copied();
        match self.dispatch(request).await {
            Ok(response) => Ok(Response::received(response, url, started.elapsed()).limited(max_body)),
            Err(error) => Err(error.with_url(|| url)),
        }
    }

    /// The URL with the query parameters that the tower appends to it for every call.
    fn with_default_query(&self, mut url: Url, request: &Extensions) -> Url {
        // A tower that was composed by hand is its own affair.
        let settings = self.0.settings.as_ref();
        if let Some(query) = settings.and_then(|settings| settings.query.for_request(request)) {
            into_url::append_query(&mut url, query.encoded());
        }
        url
    }

    /// Sends a request whose URI has no userinfo (any more).
    fn dispatch(&self, request: Request<Body>) -> Pending {
        let Some(ticket) = self.0.calls.enter() else {
            return Pending::refused(Error::closed());
        };
        let uri = request.uri().clone();
        Pending(State::Call { tower: self.0.tower.clone().call(request), uri, ticket: Some(ticket) })
    }

    /// The cookie jar; `None` if the session keeps no cookies, or keeps them in a store of the user's, and for one made
    /// by [`from_service`](Self::from_service).
    #[cfg(feature = "cookies")]
    #[must_use]
    pub fn cookies(&self) -> Option<&sortie_cookies::Jar> {
        self.0.settings.as_ref()?.jar.as_ref()
    }

    pub(crate) fn redirect_options(&self) -> Option<&RedirectOptions> {
        self.0.settings.as_ref().map(|settings| &settings.redirect)
    }

    #[cfg(feature = "decompress")]
    pub(crate) fn decompress_options(&self) -> Option<sortie_decompress::DecompressOptions> {
        self.0.settings.as_ref()?.decompress
    }

    /// The names of default headers that are marked as secret.
    pub(crate) fn sensitive_defaults(&self) -> impl Iterator<Item = &HeaderName> {
        let headers = self.0.settings.iter().flat_map(|settings| &settings.headers);
        headers.filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name)
    }

    pub(crate) fn base_url(&self) -> Option<&BaseUrl> {
        self.0.settings.as_ref()?.base_url.as_ref()
    }

    /// Ends the session, for every clone of it: new calls are refused, calls under way and bodies being read may
    /// finish within 30 seconds, then its connections are closed.
    ///
    /// A transport that the user gave to the session, or that a session [built from](Self::to_builder) this one still
    /// uses, stays open.
    pub async fn close(&self) {
        self.close_within(CLOSE_DEADLINE).await;
    }

    /// [`close`](Self::close) with another limit for what is under way.
    pub async fn close_within(&self, limit: Duration) {
        let started = Instant::now();
        self.0.calls.close();
        // Past the limit the connections are closed under whoever still uses them.
        let _ = tokio::time::timeout(limit, self.0.calls.idle()).await;
        if let Some(pool) = self.0.leave_pool() {
            pool.transport.close(limit.saturating_sub(started.elapsed())).await;
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("settings", &self.0.settings).field("calls", &self.0.calls).finish()
    }
}

impl<B> Service<Request<B>> for Session
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = HttpResponse<Body>;
    type Error = Error;
    type Future = Pending;

    /// Always ready: which of its pools a call needs is not known before it is made.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Pending {
        (&*self).call(request)
    }
}

impl<B> Service<Request<B>> for &Session
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = HttpResponse<Body>;
    type Error = Error;
    type Future = Pending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Pending {
        let mut request = request.map(Body::new);
        match userinfo::hide(&mut request) {
            Ok(()) => self.dispatch(request),
            Err(error) => Pending::refused(error),
        }
    }
}

/// A call under way: the future of the session as a service.
#[must_use = "futures do nothing unless polled"]
pub struct Pending(State);

enum State {
    Call { tower: BoxFuture<'static, Result<HttpResponse<Body>, BoxError>>, uri: Uri, ticket: Option<Ticket> },
    Refused(Option<Error>),
}

impl Pending {
    fn refused(error: Error) -> Self {
        Self(State::Refused(Some(error)))
    }
}

impl Future for Pending {
    type Output = Result<HttpResponse<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Call { tower, uri, ticket } => {
                let answer = ready!(tower.as_mut().poll(cx));
                let ticket = ticket.take();
                Poll::Ready(match answer {
                    Ok(response) => Ok(response.map(|body| match ticket {
                        Some(ticket) => body.hold(ticket),
                        None => body,
                    })),
                    Err(error) => Err(Error::from_tower(error).with_url(|| Url::parse(&uri.to_string()).ok())),
                })
            }
            State::Refused(error) => Poll::Ready(Err(error.take().expect("polled after it had ended"))),
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_testkit::{Answer, Scripted, reply};

    #[test]
    #[cfg(feature = "cookies")]
    fn a_session_over_a_given_stack_shows_no_jar_and_what_is_built_from_it_has_one() {
        let session = Session::from_service(Session::new());
        assert!(session.cookies().is_none());
        assert!(session.to_builder().build().unwrap().cookies().is_some());
    }

    #[tokio::test]
    async fn the_url_of_a_response_has_the_default_query_that_was_asked_for() {
        let server = Scripted::<Body>::from_fn(|_, _| Ok(reply(200, [], "")));
        let session = Session::builder().query("lang", "en").transport(server.clone()).build().unwrap();
        let get = |url| session.get(url);
        for (request, url) in [
            (get("http://a.test/"), "http://a.test/?lang=en"),
            (get("http://a.test/?a=1&#part"), "http://a.test/?a=1&lang=en#part"),
            (get("http://a.test/").no_default_query(), "http://a.test/"),
            (get("http://a.test/").default_query([("x", "y")].into()), "http://a.test/?x=y"),
        ] {
            let response = request.send().await.unwrap();
            let response_url = response.url().unwrap();
            assert_eq!(response_url.as_str(), url);
            assert_eq!(server.requests().last().unwrap().uri, response_url[..url::Position::AfterQuery]);
        }
        let by_hand = Session::from_service(server.clone());
        let response = by_hand.get("http://a.test/").default_query([("x", "y")].into()).send().await.unwrap();
        assert_eq!(response.url().unwrap().as_str(), "http://a.test/");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_anothers_transport_waits_for_the_bodies_that_this_one_reads() {
        let body = Body::segments([Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        let server = Scripted::<Body>::new([Answer::from(HttpResponse::new(body))]);
        let inner = Session::builder().transport(server).build().unwrap();
        let outer = Session::builder().transport(inner.clone()).build().unwrap();
        let response = outer.get("http://a.test/").send().await.unwrap();
        let started = Instant::now();
        let (bytes, ()) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                response.bytes().await.unwrap()
            },
            inner.close()
        );
        assert_eq!((&*bytes, started.elapsed().as_secs()), (&b"onetwo"[..], 3));
    }
}
