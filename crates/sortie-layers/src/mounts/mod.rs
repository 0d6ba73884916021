//! Picks the service for a request by the prefix of its URL: `session.mount`.
//!
//! [`Mounts`] is a service that holds others, each under a [`Prefix`]:
//!
//! | prefix | covers |
//! |---|---|
//! | `https://api.example.com/v1/` | that origin (port 443), the path `/v1` and what is below it |
//! | `https://*.example.com/` | the hosts below `example.com`, not `example.com` itself |
//! | `https://` | everything with that scheme |
//!
//! Scheme and host are compared without regard to case, and ports by their number: `https://h/` and `https://h:443/`
//! are the same prefix, `https://h:8443/` is another. A user name in the URL does not matter. Paths are compared by
//! whole segments and with regard to case, after dot segments (also `%2e`) are removed; and that path is sent, so that
//! what was compared is what the server sees.
//!
//! Where several prefixes cover a URL, the most specific host counts: an exact one before a wildcard, a longer wildcard
//! before a shorter one, a scheme alone last; for the same host, the longest path.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use sortie_core::{Body, BoxError, BoxHttp};
//! use sortie_layers::mounts::{Mounts, NoMount};
//! use tower::{ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let named = |name: &'static str| {
//!     BoxHttp::new(service_fn(move |_: Request<Body>| async move {
//!         Ok::<_, std::convert::Infallible>(Response::new(Body::from(name)))
//!     }))
//! };
//! let mounts = Mounts::new()
//!     .mount("https://".parse()?, named("anywhere"))
//!     .mount("https://api.test/".parse()?, named("api"));
//!
//! let get = |uri: &str| Request::get(uri).body(Body::empty());
//! let response = mounts.clone().oneshot(get("https://API.test:443/books")?).await?;
//! assert_eq!(response.body().as_bytes(), Some(&b"api"[..]));
//! let response = mounts.clone().oneshot(get("https://api.test.evil.org/")?).await?;
//! assert_eq!(response.body().as_bytes(), Some(&b"anywhere"[..]));
//!
//! let error = mounts.oneshot(get("ftp://api.test/")?).await.unwrap_err();
//! assert!(error.is::<NoMount>());
//! assert_eq!(error.to_string(), "no mount covers ftp:// (mounted: https://api.test/, https://)");
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Inside Redirect, so that each hop goes to its own mount. `Mounts` is always ready: which of its services is meant it
//! learns from the request, and clones that one and waits for it within the call.
//!
//! # Differences from requests
//!
//! - requests compares strings. Its `https://api.example.com` also covers `https://api.example.com.evil.org/`, and
//!   neither `https://api.example.com:443/` nor `https://user@api.example.com/`.
//! - The order of specificity is that of hosts and segments, not of the length of the text, and there are wildcards.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::Scheme;
use http::{Request, Uri};
use sortie_core::{BoxError, CallWhenReady, call_when_ready};
use tower_service::Service;

use crate::future::ResponseFuture;

mod error;
mod path;
mod prefix;

pub use error::{NoMount, NotAbsolute};
use prefix::Place;
pub use prefix::{InvalidPrefix, Prefix};

/// Services under prefixes. See the [module](self).
///
/// A clone is a reference count.
pub struct Mounts<T> {
    /// The most specific prefix first.
    mounted: Arc<Vec<(Prefix, T)>>,
}

impl<T> Mounts<T> {
    /// No services: every request is an error.
    #[must_use]
    pub fn new() -> Self {
        Self { mounted: Arc::default() }
    }

    /// What is mounted, the most specific prefix first.
    pub fn iter(&self) -> impl Iterator<Item = (&Prefix, &T)> {
        self.mounted.iter().map(|(prefix, service)| (prefix, service))
    }

    /// The schemes of what is mounted, each once.
    pub fn schemes(&self) -> impl Iterator<Item = &Scheme> {
        let first = |count: usize| self.iter().take(count).map(|(prefix, _)| prefix.scheme());
        let distinct =
            move |(index, scheme): (usize, _)| (!first(index).any(|other| other == scheme)).then_some(scheme);
        first(usize::MAX).enumerate().filter_map(distinct)
    }

    /// The service for `uri`, and its prefix; `None` if no prefix covers it.
    ///
    /// Dot segments in its path count as removed.
    #[must_use]
    pub fn select(&self, uri: &Uri) -> Option<(&Prefix, &T)> {
        match path::without_dot_segments(uri).ok()? {
            None => self.find(uri),
            Some(uri) => self.find(&uri),
        }
    }

    fn find(&self, uri: &Uri) -> Option<(&Prefix, &T)> {
        let hosts = self.mounted.first().is_some_and(|(prefix, _)| prefix.has_host());
        let place = if hosts { Place::of(uri) } else { None };
        self.iter().find(|(prefix, _)| prefix.covers_at(uri, place))
    }
}

impl<T: Clone> Mounts<T> {
    /// Mounts a service under `prefix`, in place of one that is mounted under the same prefix.
    #[must_use]
    pub fn mount(mut self, prefix: Prefix, service: T) -> Self {
        let mounted = Arc::make_mut(&mut self.mounted);
        match mounted.iter_mut().find(|(other, _)| *other == prefix) {
            Some((_, mounted)) => *mounted = service,
            None => {
                let slot = mounted.partition_point(|(other, _)| other.specificity() >= prefix.specificity());
                mounted.insert(slot, (prefix, service));
            }
        }
        self
    }

    /// The service that this request is for, with the path of the request as it is compared.
    fn route<B>(&self, request: &mut Request<B>) -> Result<T, BoxError> {
        if request.uri().scheme().is_none() {
            return Err(NotAbsolute.into());
        }
        if let Some(uri) = path::without_dot_segments(request.uri())? {
            *request.uri_mut() = uri;
        }
        match self.find(request.uri()) {
            Some((_, service)) => Ok(service.clone()),
            None => Err(NoMount::new(request.uri(), self.iter().map(|(prefix, _)| prefix.clone())).into()),
        }
    }
}

impl<T> Clone for Mounts<T> {
    fn clone(&self) -> Self {
        Self { mounted: self.mounted.clone() }
    }
}

impl<T> Default for Mounts<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The prefixes.
impl<T> fmt::Debug for Mounts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(prefix, _)| prefix)).finish()
    }
}

impl<T, B> Service<Request<B>> for Mounts<T>
where
    T: Service<Request<B>> + Clone,
    T::Error: Into<BoxError>,
{
    type Response = T::Response;
    type Error = BoxError;
    type Future = ResponseFuture<CallWhenReady<T, Request<B>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.route(&mut request) {
            Ok(service) => ResponseFuture::calling(call_when_ready(service, request)),
            Err(error) => ResponseFuture::refused(error),
        }
    }
}

#[cfg(test)]
mod tests;
