//! Resolves references against a base URL: httpx's `base_url`.
//!
//! [`BaseUrl::join`] is the rule; [`BaseUrlLayer`] applies it to raw requests whose URI is only a path (origin-form,
//! RFC 9112 §3.2.1), such as those of a generated client.
//!
//! | base | reference | URL |
//! |---|---|---|
//! | `https://h/v1` or `https://h/v1/` | `users`, `/users` | `https://h/v1/users` |
//! | `https://h/v1` | *empty* | `https://h/v1` |
//! | `https://h/v1` | `?page=2` | `https://h/v1?page=2` |
//! | `https://h/v1` | `users:batch` | `https://h/v1/users:batch` |
//! | `https://h/v1` | `a/../b` | `https://h/v1/b` |
//! | `https://h/v1` | `https://other/x` | `https://other/x` |
//! | `https://h/v1` | `../admin` | error: it leaves the base's path |
//! | `https://h/v1` | `//other/x` | error: it names another host |
//!
//! Without an absolute URL nothing can leave the base's origin, nor its path.
//!
//! [`BaseUrl::rfc3986`] makes one that resolves as links in a page do
//! ([RFC 3986 §5.2](https://www.rfc-editor.org/rfc/rfc3986#section-5.2)), and so keeps nothing within the base:
//!
//! | base | reference | URL |
//! |---|---|---|
//! | `https://h/v1/` | `users` | `https://h/v1/users` |
//! | `https://h/v1` | `users` | `https://h/users` |
//! | `https://h/v1/` | `/users` | `https://h/users` |
//! | `https://h/v1/` | `../admin` | `https://h/admin` |
//! | `https://h/v1/` | `//other/x` | `https://other/x` |
//!
//! # Example
//!
//! ```
//! use sortie_layers::base_url::{BaseUrl, BaseUrlLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let base = BaseUrl::new("https://api.test/v1/".parse()?)?;
//! assert_eq!(base.join("me")?.as_str(), "https://api.test/v1/me");
//!
//! let service = ServiceBuilder::new().layer(BaseUrlLayer::new(Some(base))).service(service_fn(
//!     |request: http::Request<String>| async move {
//!         assert_eq!(request.uri(), "https://api.test/v1/books?page=2");
//!         Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
//!     },
//! ));
//! service.oneshot(http::Request::get("/books?page=2").body(String::new())?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Per-request override
//!
//! [`PerRequest<BaseUrl>`](PerRequest): `Use` is another base, `Off` none. An absolute URI is left alone in any case.
//!
//! # Order
//!
//! Outside everything that reads the URL: Redirect, Mounts, Auth, Cookies.
//!
//! # Differences from requests
//!
//! - requests has no base URL. httpx ends the base with a slash when it is set, so that an empty reference asks for
//!   `/v1/`; here it asks for `/v1`, as written. httpx drops the host of `//host/path` and lets `..` leave the base's
//!   path; both are errors here.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Uri};
use sortie_core::{BoxError, PerRequest};
use tower_layer::Layer;
use tower_service::Service;
use url::Url;

use crate::future::ResponseFuture;

/// The URL below which references are resolved.
///
/// It has a host, and neither user name nor password, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    url: Url,
    joining: Joining,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Joining {
    Append,
    Rfc3986,
}

impl BaseUrl {
    /// Checks a URL for use as a base, and drops its query and fragment.
    ///
    /// # Errors
    ///
    /// If it has no host, or has a user name or password: those belong into an auth, which keeps them on its origin.
    pub fn new(mut url: Url) -> Result<Self, InvalidBaseUrl> {
        if !url.has_host() {
            return Err(InvalidBaseUrl::NoHost);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidBaseUrl::Userinfo);
        }
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self { url, joining: Joining::Append })
    }

    /// The same URL as a base in the sense of
    /// [RFC 3986 §5.2](https://www.rfc-editor.org/rfc/rfc3986#section-5.2): its path ends at its last slash, `/x` begins at
    /// the root, and a reference that somebody else wrote may lead anywhere.
    #[must_use]
    pub fn rfc3986(self) -> Self {
        Self { joining: Joining::Rfc3986, ..self }
    }

    /// The URL itself.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URL of `reference`, as the tables in the [module's documentation](self) have it.
    ///
    /// What starts with `scheme://` is absolute and comes back parsed. Anything else is appended below the base's path,
    /// with or without a leading slash, or resolved as [RFC 3986](Self::rfc3986) has it.
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub fn join(&self, reference: &str) -> Result<Url, JoinError> {
        let reference = reference.trim_matches(|c: char| c <= ' ');
        match (Form::of(reference), self.joining) {
            (Form::Absolute, _) => Url::parse(reference).map_err(JoinError::Invalid),
            (Form::SchemeOnly, _) => Err(JoinError::SchemeOnly),
            (_, Joining::Rfc3986) => self.url.join(reference).map_err(JoinError::Invalid),
            (Form::NetworkPath, Joining::Append) => Err(JoinError::NetworkPath),
            (Form::Path, Joining::Append) => self.append(reference),
        }
    }

    fn append(&self, reference: &str) -> Result<Url, JoinError> {
        let end = reference.find(['?', '#']).unwrap_or(reference.len());
        let (path, rest) = reference.split_at(end);
        let mut text = self.url.as_str().to_owned();
        if !path.is_empty() {
            if !text.ends_with('/') {
                text.push('/');
            }
            text.push_str(path.strip_prefix('/').unwrap_or(path));
        }
        text.push_str(rest);
        let url = Url::parse(&text).map_err(JoinError::Invalid)?;
        if self.is_above(&url) { Ok(url) } else { Err(JoinError::AboveBase) }
    }

    /// Whether `url` has this origin and a path below this one's. The parser has removed dot segments, `%2e` included.
    fn is_above(&self, url: &Url) -> bool {
        let root = self.url.path().strip_suffix('/').unwrap_or(self.url.path());
        let below = url.path().strip_prefix(root).is_some_and(|below| below.is_empty() || below.starts_with('/'));
        let same = |part: fn(&Url) -> Option<&str>| part(&self.url) == part(url);
        below && same(|url| Some(url.scheme())) && same(Url::host_str) && self.url.port() == url.port()
    }
}

impl TryFrom<Url> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(url: Url) -> Result<Self, InvalidBaseUrl> {
        Self::new(url)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// What a reference is, by how it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Absolute,
    NetworkPath,
    SchemeOnly,
    Path,
}

impl Form {
    fn of(reference: &str) -> Self {
        // The URL standard takes a backslash for a slash in http and https URLs.
        if reference.starts_with("//") || reference.starts_with("/\\") || reference.starts_with('\\') {
            return Self::NetworkPath;
        }
        match reference.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) && rest.starts_with("//") => Self::Absolute,
            // `https:host/x` is `https://host/x` to a URL parser, and a path to nobody.
            Some((scheme, _)) if is_web(scheme) => Self::SchemeOnly,
            _ => Self::Path,
        }
    }
}

/// Whether `text` is a scheme by its grammar (RFC 3986 §3.1).
pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_web(scheme: &str) -> bool {
    ["http", "https", "ws", "wss"].iter().any(|web| scheme.eq_ignore_ascii_case(web))
}

/// Makes [`WithBaseUrl`] services. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct BaseUrlLayer {
    base: Option<BaseUrl>,
}

impl BaseUrlLayer {
    /// Resolves against `base`, or with `None` only against what a request brings itself.
    #[must_use]
    pub fn new(base: Option<BaseUrl>) -> Self {
        Self { base }
    }
}

impl<S> Layer<S> for BaseUrlLayer {
    type Service = WithBaseUrl<S>;

    fn layer(&self, inner: S) -> WithBaseUrl<S> {
        WithBaseUrl { inner, base: self.base.clone().map(Arc::new) }
    }
}

/// Resolves URIs in origin-form against a base URL. See the [module](self).
#[derive(Clone, Debug)]
pub struct WithBaseUrl<S> {
    inner: S,
    base: Option<Arc<BaseUrl>>,
}

impl<S, B> Service<Request<B>> for WithBaseUrl<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if is_origin_form(request.uri())
            && let Some(base) = PerRequest::resolve(request.extensions(), self.base.as_deref())
        {
            match resolve(base, request.uri()) {
                Ok(uri) => *request.uri_mut() = uri,
                Err(error) => return ResponseFuture::refused(error),
            }
        }
        ResponseFuture::calling(self.inner.call(request))
    }
}

/// Origin-form, as opposed to absolute-form, authority-form (`CONNECT`) and asterisk-form (`OPTIONS *`).
fn is_origin_form(uri: &Uri) -> bool {
    uri.authority().is_none() && uri.path().starts_with('/')
}

fn resolve(base: &BaseUrl, uri: &Uri) -> Result<Uri, BoxError> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    // A path that begins with two slashes is a path (RFC 9112 §3.2.1), and no reference to another host.
    if Form::of(target) == Form::NetworkPath {
        return Err(JoinError::NetworkPath.into());
    }
    Ok(base.join(target)?.as_str().parse()?)
}

/// A URL cannot be a base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// It has no host, as in `mailto:` or `file:///`.
    NoHost,
    /// It has a user name or a password.
    Userinfo,
}

impl fmt::Display for InvalidBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHost => "a base URL needs a host: https://host/path/",
            Self::Userinfo => "a base URL cannot hold a user name or password: set an auth instead",
        })
    }
}

impl Error for InvalidBaseUrl {}

/// A reference could not be resolved against a base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// Its `..` segments lead out of the base's path. Give an absolute URL if that is meant.
    AboveBase,
    /// It begins with `//` or a backslash and so names another host. Give the scheme if that is meant.
    NetworkPath,
    /// It begins with `http:` or `https:` without `//`.
    SchemeOnly,
    /// It is no valid URL, by itself or appended to the base.
    Invalid(url::ParseError),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AboveBase => "the reference leads out of the base URL's path: use an absolute URL to leave it",
            Self::NetworkPath => "the reference names another host without a scheme: use an absolute URL",
            Self::SchemeOnly => "the reference has a scheme but no host: an absolute URL begins with scheme://host",
            Self::Invalid(_) => "the reference is not a valid URL",
        })
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
