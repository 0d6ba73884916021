//! The layer: sends the cookies of a jar and keeps those that answers set.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Request, Response, Uri};
use pin_project_lite::pin_project;
use sortie_core::{Chain, PerRequest};
use tower_layer::Layer;
use tower_service::Service;

use crate::merge::merge;
use crate::{CookieRequest, CookieStore, Jar, Partition, RequestCookies, SetCookie, SiteContext};

/// Where the cookies of a session are, and how they go together with a `Cookie` header that is set by hand.
///
/// The default is an empty [`Jar`] of its own.
#[derive(Clone)]
#[non_exhaustive]
pub struct CookieOptions {
    store: Arc<dyn CookieStore>,
    hand_set: HandSet,
}

impl CookieOptions {
    /// Cookies in this jar.
    #[must_use]
    pub fn jar(jar: Jar) -> Self {
        Self::store(Arc::new(jar))
    }

    /// Cookies in a store of another kind.
    #[must_use]
    pub fn store(store: Arc<dyn CookieStore>) -> Self {
        Self { store, hand_set: HandSet::default() }
    }

    /// What a `Cookie` header on the request means for the jar's cookies; [`HandSet::Merge`] unless set.
    #[must_use]
    pub fn hand_set(mut self, hand_set: HandSet) -> Self {
        self.hand_set = hand_set;
        self
    }
}

impl Default for CookieOptions {
    fn default() -> Self {
        Self::jar(Jar::new())
    }
}

impl fmt::Debug for CookieOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieOptions").field("hand_set", &self.hand_set).finish_non_exhaustive()
    }
}

/// What becomes of the jar's cookies where the request has a `Cookie` header already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "together or not")]
pub enum HandSet {
    /// They are added; of two with the same name the one set by hand is sent.
    #[default]
    Merge,
    /// They stay in the jar, as with `requests`. What the answer sets is kept all the same.
    Replace,
}

/// Makes a service keep cookies; see the [crate] for what that means.
#[derive(Clone, Debug)]
pub struct CookiesLayer {
    options: Option<CookieOptions>,
}

impl CookiesLayer {
    /// Cookies by these options. `None` keeps no cookies but those that a request brings: its [`RequestCookies`], and
    /// the jar of its [`PerRequest`].
    #[must_use]
    pub fn new(options: impl Into<Option<CookieOptions>>) -> Self {
        Self { options: options.into() }
    }
}

/// With an empty jar of its own.
impl Default for CookiesLayer {
    fn default() -> Self {
        Self::new(CookieOptions::default())
    }
}

impl<S> Layer<S> for CookiesLayer {
    type Service = Cookies<S>;

    fn layer(&self, inner: S) -> Cookies<S> {
        Cookies { inner, options: self.options.clone() }
    }
}

/// The service made by [`CookiesLayer`].
#[derive(Clone, Debug)]
pub struct Cookies<S> {
    inner: S,
    options: Option<CookieOptions>,
}

impl<S, B, RB> Service<Request<B>> for Cookies<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CookiesFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let keep = prepare(&mut request, self.options.as_ref());
        CookiesFuture { inner: self.inner.call(request), keep }
    }
}

/// Puts the `Cookie` header on a request, and says where the answer's cookies are to be kept.
fn prepare<B>(request: &mut Request<B>, options: Option<&CookieOptions>) -> Option<Keep> {
    let own = request.extensions().get::<RequestCookies>().filter(|_| !Chain::has_crossed(request.extensions()));
    let options = PerRequest::resolve(request.extensions(), options);
    let uri = request.uri();
    let keep = options.filter(|_| uri.scheme().is_some() && uri.authority().is_some()).map(|options| Keep {
        store: options.store.clone(),
        uri: uri.clone(),
        site: SiteContext::of(request.extensions()),
        partition: Partition::of_request(request.extensions()).cloned(),
    });

    let hand = request.headers().get_all(COOKIE);
    let is_hand_set = hand.iter().next().is_some();
    let replaces = is_hand_set && options.is_some_and(|options| options.hand_set == HandSet::Replace);
    let jar = keep
        .as_ref()
        .filter(|_| !replaces)
        .and_then(|keep| keep.store.cookies(keep.request(keep.site.sending(request.method()))));

    let field =
        if own.is_none() && (!is_hand_set || jar.is_none()) { jar } else { merge(own, hand.iter(), jar.as_ref()) };
    if let Some(field) = field {
        // Fails for a map that holds 24,576 headers, more than any server takes; `insert` would panic.
        let _ = request.headers_mut().try_insert(COOKIE, field);
    }
    keep
}

/// Where the cookies of an answer are kept: under the URI of the very request that it answers.
struct Keep {
    store: Arc<dyn CookieStore>,
    uri: Uri,
    site: SiteContext,
    partition: Option<Partition>,
}

impl Keep {
    fn request(&self, site: SiteContext) -> CookieRequest<'_> {
        CookieRequest::new(&self.uri).site(site).partition(self.partition.as_ref())
    }

    fn keep(&self, headers: &HeaderMap) {
        if headers.contains_key(SET_COOKIE) {
            self.store.store(self.request(self.site), &mut headers.get_all(SET_COOKIE).iter());
        }
    }
}

pin_project! {
    /// The future of [`Cookies`].
    pub struct CookiesFuture<F> {
        #[pin]
        inner: F,
        keep: Option<Keep>,
    }
}

impl<F> fmt::Debug for CookiesFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookiesFuture").finish_non_exhaustive()
    }
}

impl<F, RB, E> Future for CookiesFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        if let (Ok(response), Some(keep)) = (&result, this.keep) {
            keep.keep(response.headers());
        }
        Poll::Ready(result)
    }
}

/// The cookies that an answer sets, whether a jar takes them or not; fields that are none are left out.
///
/// ```
/// let response = http::Response::builder().header("set-cookie", "id=7; Path=/; HttpOnly").body(())?;
/// let cookies: Vec<_> = sortie_cookies::set_by(response.headers()).collect();
/// assert_eq!((cookies[0].name(), cookies[0].value()), ("id", "7"));
/// # Ok::<_, http::Error>(())
/// ```
pub fn set_by(headers: &HeaderMap) -> impl Iterator<Item = cookie::Cookie<'static>> {
    let fields = headers.get_all(SET_COOKIE).into_iter();
    fields.filter_map(|field| Some(SetCookie::parse(field.as_bytes()).ok()?.to_cookie()))
}

#[cfg(test)]
mod tests;
