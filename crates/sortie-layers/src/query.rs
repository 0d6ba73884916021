//! Appends default query parameters: what `session.params` does.
//!
//! The parameters are appended to the query that the URL has, always: a repeated name stays repeated and nothing that
//! the URL says is replaced. They are encoded as `application/x-www-form-urlencoded` ([URL standard]), a space as `+`.
//!
//! # Example
//!
//! ```
//! use sortie_layers::query::{QueryLayer, QueryOptions};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let defaults = QueryOptions::new().pair("api_version", "2").pair("lang", "de");
//! let service = ServiceBuilder::new().layer(QueryLayer::new(defaults)).service(service_fn(
//!     |request: http::Request<String>| async move {
//!         assert_eq!(request.uri(), "http://api.test/books?lang=en&api_version=2&lang=de");
//!         Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
//!     },
//! ));
//! service.oneshot(http::Request::get("http://api.test/books?lang=en").body(String::new())?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Per-request override
//!
//! [`PerRequest<QueryOptions>`](PerRequest): `Use` puts other parameters in the place of the layer's, `Off` appends
//! none. A mount's layer ([`QueryLayer::for_mount`]) heeds only `Off`: what a request uses is appended once, by the
//! session's.
//!
//! # Order
//!
//! [`QueryLayer::new`] stands outside Redirect, which follows the `Location` as the server wrote it; for that reason it
//! also leaves alone a request that is [`Prepared`].
//! [`QueryLayer::for_mount`] stands inside Mounts: it adds to every hop that goes to the mount, and to no other.
//!
//! # Differences from requests
//!
//! - The parameters are appended whatever form those of the request have; requests drops the session's silently when
//!   the request's are a list or a string.
//!
//! [URL standard]: https://url.spec.whatwg.org/#application/x-www-form-urlencoded

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Extensions, Request, Uri};
use sortie_core::{BoxError, PerRequest, Prepared};
use tower_layer::Layer;
use tower_service::Service;
use url::form_urlencoded;

use crate::future::ResponseFuture;

/// Query parameters, in order; none by default.
///
/// ```
/// use sortie_layers::query::QueryOptions;
///
/// let options = QueryOptions::from([("q", "a b"), ("q", "c&d")]).pair("n", "1");
/// assert_eq!(options.encoded(), "q=a+b&q=c%26d&n=1");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryOptions {
    encoded: String,
}

impl QueryOptions {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter. Name and value are given as they are, and encoded here.
    #[must_use]
    pub fn pair(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.extend([(name, value)]);
        self
    }

    /// The parameters as they stand in a URL.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// What a [`QueryLayer::new`] with these options appends to a request of these extensions; `None` for nothing.
    #[must_use]
    pub fn for_request<'a>(&'a self, extensions: &'a Extensions) -> Option<&'a Self> {
        Scope::Session.choose(extensions, self)
    }
}

impl<K: AsRef<str>, V: AsRef<str>> Extend<(K, V)> for QueryOptions {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        let encoded = std::mem::take(&mut self.encoded);
        self.encoded = form_urlencoded::Serializer::new(encoded).extend_pairs(pairs).finish();
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for QueryOptions {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut options = Self::default();
        options.extend(pairs);
        options
    }
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> From<[(K, V); N]> for QueryOptions {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: AsRef<str>, V: AsRef<str>> From<Vec<(K, V)>> for QueryOptions {
    fn from(pairs: Vec<(K, V)>) -> Self {
        pairs.into_iter().collect()
    }
}

/// Says nothing about the parameters: they may be secret.
impl fmt::Debug for QueryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryOptions").finish_non_exhaustive()
    }
}

/// Makes [`Query`] services. See the [module](self).
#[derive(Clone, Debug)]
pub struct QueryLayer {
    options: Arc<QueryOptions>,
    scope: Scope,
}

impl QueryLayer {
    /// Appends `options` to every request, or what the request says instead.
    #[must_use]
    pub fn new(options: QueryOptions) -> Self {
        Self { options: Arc::new(options), scope: Scope::Session }
    }

    /// Appends `options` to every request that is not to go without.
    #[must_use]
    pub fn for_mount(options: QueryOptions) -> Self {
        Self { options: Arc::new(options), scope: Scope::Mount }
    }
}

impl<S> Layer<S> for QueryLayer {
    type Service = Query<S>;

    fn layer(&self, inner: S) -> Query<S> {
        Query { inner, options: self.options.clone(), scope: self.scope }
    }
}

/// Appends default query parameters. See the [module](self).
#[derive(Clone, Debug)]
pub struct Query<S> {
    inner: S,
    options: Arc<QueryOptions>,
    scope: Scope,
}

impl<S, B> Service<Request<B>> for Query<S>
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
        if let Some(options) = self.scope.choose(request.extensions(), &self.options) {
            match append(request.uri(), &options.encoded) {
                Ok(uri) => *request.uri_mut() = uri,
                Err(error) => return ResponseFuture::refused(error),
            }
        }
        ResponseFuture::calling(self.inner.call(request))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Session,
    Mount,
}

impl Scope {
    fn choose<'a>(self, extensions: &'a Extensions, layer: &'a QueryOptions) -> Option<&'a QueryOptions> {
        let options = match (PerRequest::of(extensions), self) {
            (Some(PerRequest::Off), _) => return None,
            // It has them, or came to its URL by a redirect.
            _ if self == Self::Session && Prepared::is(extensions) => return None,
            (Some(PerRequest::Use(options)), Self::Session) => options,
            (Some(PerRequest::Use(_)), Self::Mount) | (None, _) => layer,
        };
        (!options.is_empty()).then_some(options)
    }
}

/// `uri` with `encoded` at the end of its query.
///
/// A URI in authority-form or asterisk-form has no query and comes back as it is.
///
/// # Errors
///
/// If the URI becomes longer than `http::Uri` can hold (65,534 octets), or `encoded` has characters that a query cannot
/// have.
pub fn append(uri: &Uri, encoded: &str) -> Result<Uri, AppendError> {
    let Some(target) = uri.path_and_query().filter(|target| !encoded.is_empty() && target.as_str() != "*") else {
        return Ok(uri.clone());
    };
    let joint = match target.query() {
        None => "?",
        Some(query) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let elsewhere = uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len())
        + uri.authority().map_or(0, |authority| authority.as_str().len());
    let length = elsewhere + target.as_str().len() + joint.len() + encoded.len();
    if length > MAX_LEN {
        return Err(AppendError::TooLong { length });
    }
    if encoded.contains('#') {
        return Err(AppendError::NotEncoded);
    }
    let target = [target.as_str(), joint, encoded].concat();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).map_err(|_| AppendError::NotEncoded)?);
    Uri::from_parts(parts).map_err(|_| AppendError::NotEncoded)
}

/// The longest URI that `http::Uri` parses.
const MAX_LEN: usize = u16::MAX as usize - 1;

/// Query parameters could not be appended to a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendError {
    /// The URL would be `length` octets long, and 65,534 is the most. Send large parameters in a body.
    TooLong {
        /// The length that it would have.
        length: usize,
    },
    /// What was to be appended has characters that a query cannot have: it is not percent-encoded. [`QueryOptions`]
    /// always is.
    NotEncoded,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length } => {
                write!(
                    f,
                    "with the parameters of QueryOptions the URL has {length} octets; at most {MAX_LEN} are possible"
                )
            }
            Self::NotEncoded => f.write_str("the query to append is not percent-encoded"),
        }
    }
}

impl Error for AppendError {}

#[cfg(test)]
mod tests {
    use sortie_core::{Body, find};
    use sortie_testkit::{Scripted, prove_layer, status};
    use tower::ServiceExt;

    use super::*;

    prove_layer!(session, || QueryLayer::new(QueryOptions::from([("a", "1")])));
    prove_layer!(mount, || QueryLayer::for_mount(QueryOptions::new()));

    #[test]
    fn parameters_are_appended_after_what_the_url_has() {
        for (uri, expected) in [
            ("http://h", "http://h/?k=v&k=w"),
            ("http://h/p", "http://h/p?k=v&k=w"),
            ("http://h/p?", "http://h/p?k=v&k=w"),
            ("http://h/p?k=u", "http://h/p?k=u&k=v&k=w"),
            ("http://h/p?k=u&", "http://h/p?k=u&k=v&k=w"),
            ("http://u@h:81?x", "http://u@h:81/?x&k=v&k=w"),
            ("/p", "/p?k=v&k=w"),
            ("/p?x=%20", "/p?x=%20&k=v&k=w"),
            ("h:443", "h:443"),
            ("*", "*"),
        ] {
            let appended = append(&uri.parse().unwrap(), "k=v&k=w").unwrap();
            assert_eq!(appended.to_string(), expected, "{uri}");
        }
    }

    #[test]
    fn what_cannot_be_appended_is_an_error() {
        let uri: Uri = "http://h/p?q".parse().unwrap();
        assert_eq!(append(&uri, ""), Ok(uri.clone()));
        let most = "x".repeat(MAX_LEN - "http://h/p?q&".len());
        let appended = append(&uri, &most).unwrap();
        assert!(appended.to_string().parse::<Uri>().is_ok());
        assert_eq!(append(&uri, &(most + "x")), Err(AppendError::TooLong { length: MAX_LEN + 1 }));
        for encoded in ["a b", "a#b", "a\nb", "a\0"] {
            assert_eq!(append(&uri, encoded), Err(AppendError::NotEncoded), "{encoded:?}");
        }
    }

    #[tokio::test]
    async fn a_request_replaces_the_sessions_parameters_and_can_go_without_any() {
        let (own, off) = (PerRequest::Use(QueryOptions::from([("own", "1")])), PerRequest::Off);
        for (asked, session, mount) in
            [(None, "/?d=1", "/?d=1"), (Some(own), "/?own=1", "/?d=1"), (Some(off), "/", "/")]
        {
            let defaults = || QueryOptions::new().pair("d", "1");
            for (layer, expected) in
                [(QueryLayer::new(defaults()), session), (QueryLayer::for_mount(defaults()), mount)]
            {
                let service = Scripted::new([status(200)]);
                let mut request = Request::get("/").body(Body::empty()).unwrap();
                asked.clone().map(|asked| request.extensions_mut().insert(asked));
                layer.layer(service.clone()).oneshot(request).await.unwrap();
                assert_eq!(service.requests()[0].uri, expected, "{layer:?} {asked:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_request_that_is_prepared_gets_the_mounts_parameters_only() {
        let defaults = || QueryOptions::new().pair("d", "1");
        for (layer, expected) in [(QueryLayer::new(defaults()), "/"), (QueryLayer::for_mount(defaults()), "/?d=1")] {
            let service = Scripted::new([status(200)]);
            let mut request = Request::get("/").body(Body::empty()).unwrap();
            request.extensions_mut().insert(Prepared);
            layer.layer(service.clone()).oneshot(request).await.unwrap();
            assert_eq!(service.requests()[0].uri, expected, "{layer:?}");
        }
    }

    #[tokio::test]
    async fn too_long_a_url_is_an_error_that_does_not_show_it() {
        let service = Scripted::new([status(200)]);
        let layered = QueryLayer::new(QueryOptions::from([("secret", "x".repeat(MAX_LEN))])).layer(service.clone());
        let error = layered.oneshot(Request::get("http://h/").body(Body::empty()).unwrap()).await.unwrap_err();
        assert!(find::<AppendError>(&*error).is_some() && !format!("{error} {error:?}").contains("secret"));
        assert_eq!(service.count(), 0);
    }
}
