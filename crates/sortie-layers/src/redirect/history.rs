use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap, Method, Response, StatusCode};
use url::Url;

/// The redirects that led to a response, oldest first: an extension of a response that at least one led to.
///
/// It derefs to a slice of [`Hop`]s. The response itself is not among them.
#[derive(Clone, Debug)]
pub struct History(Arc<[Hop]>);

impl History {
    pub(super) fn new(hops: Vec<Hop>) -> Self {
        Self(hops.into())
    }
}

impl Deref for History {
    type Target = [Hop];

    fn deref(&self) -> &[Hop] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a History {
    type Item = &'a Hop;
    type IntoIter = std::slice::Iter<'a, Hop>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One redirect: the request that met it, and the head of the response that was it.
#[derive(Clone)]
pub struct Hop {
    status: StatusCode,
    method: Method,
    url: Url,
    headers: HeaderMap,
    extensions: Extensions,
    elapsed: Duration,
}

impl Hop {
    /// Takes the head of `response`, which redirected a request of this method to this URL.
    pub(super) fn taken_from<RB>(response: &mut Response<RB>, method: Method, url: Url, elapsed: Duration) -> Self {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let extensions = std::mem::take(response.extensions_mut());
        Self { status, method, url, headers, extensions, elapsed }
    }

    /// The status of the redirect.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The method of the request that met it.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL of the request that met it, with its fragment and without userinfo.
    ///
    /// A request in origin-form (`/path`), which does not name its server, has the host `origin-form.invalid`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The headers of the redirect.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What the layers and the transport below left with the redirect: the connection that it came on, the timings of
    /// its exchange, its attempts. In sortie's own transport these are `ConnectionInfo` and `Timings`.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// How long it took from the request to the head of the redirect, retries included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

/// Without the URL's query and fragment, and without headers: they may hold secrets.
impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop")
            .field("status", &self.status)
            .field("method", &self.method)
            .field("url", &Shown(&self.url))
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}

/// The URL that a response came from, after redirects: an extension of a response that at least one led to.
///
/// It has the fragment that the redirects inherited or set, and no userinfo.
#[derive(Clone, PartialEq, Eq)]
pub struct FinalUrl(Url);

impl FinalUrl {
    pub(super) fn new(url: Url) -> Self {
        Self(url)
    }

    /// The URL. A request in origin-form (`/path`), which does not name its server, has the host
    /// `origin-form.invalid`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The URL, taken out.
    #[must_use]
    pub fn into_url(self) -> Url {
        self.0
    }
}

/// Without the query and the fragment: they may hold secrets.
impl fmt::Debug for FinalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FinalUrl").field(&Shown(&self.0)).finish()
    }
}

/// The fragment of a request's URL: a request extension.
///
/// A fragment is never sent, so whoever accepts a URL puts it here; a redirect without a fragment inherits it
/// ([RFC 9110 §10.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.2)), and [`FinalUrl`] has it again.
#[derive(Clone, PartialEq, Eq)]
pub struct Fragment(Box<str>);

impl Fragment {
    /// A fragment without its `#`, percent-encoded as it stands in the URL.
    #[must_use]
    pub fn new(fragment: impl Into<Box<str>>) -> Self {
        Self(fragment.into())
    }

    /// The fragment without its `#`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not what it says: it may hold a token.
impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fragment")
    }
}

/// A URL as it may be printed: up to its path.
pub(super) struct Shown<'a>(pub(super) &'a Url);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0[..url::Position::AfterPath])
    }
}
