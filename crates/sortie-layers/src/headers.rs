//! Fills in default headers: what `session.headers` does.
//!
//! A default never replaces a header that is on the request, whatever its value; a repeated default name is filled in
//! with all its values or not at all. Header names are case-insensitive.
//!
//! # Example
//!
//! ```
//! use http::header::{ACCEPT, HeaderValue, USER_AGENT};
//! use sortie_layers::headers::{HeadersLayer, HeadersOptions};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let defaults = HeadersOptions::default()
//!     .header(USER_AGENT, HeaderValue::from_static("inventory/1.4"))
//!     .header(ACCEPT, HeaderValue::from_static("*/*"));
//! let service = ServiceBuilder::new().layer(HeadersLayer::new(defaults)).service(service_fn(
//!     |request: http::Request<String>| async move {
//!         assert_eq!(request.headers()[USER_AGENT], "inventory/1.4");
//!         assert_eq!(request.headers()[ACCEPT], "text/csv");
//!         Ok(http::Response::new(String::new()))
//!     },
//! ));
//! let request = http::Request::get("http://api.test/").header(ACCEPT, "text/csv").body(String::new()).unwrap();
//! service.oneshot(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Per-request override
//!
//! A header set on the request counts instead of the default. [`Without::add`] has a name left out altogether:
//! `headers={"Accept": None}` in requests.
//!
//! # Order
//!
//! [`HeadersLayer::new`] stands outside Redirect, so that a header that a hop to a foreign origin has stripped is not
//! filled in again. [`HeadersLayer::for_mount`] stands inside Mounts, so that its headers go to the mounted prefix and
//! nowhere else. What the first filled in is listed in [`Defaulted`], and the second, like Auth, may replace exactly that.
//!
//! # Differences from requests
//!
//! - A header left out is really absent; urllib3 puts its own `User-Agent` and `Accept-Encoding` in its place.
//! - The order and the spelling of names are `http::HeaderMap`'s.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{Entry, OccupiedEntry};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, request};
use sortie_core::Defaulted;
use tower_layer::Layer;
use tower_service::Service;

/// The headers to fill in; none by default.
///
/// Made from a `HeaderMap`, or name by name. A `Host` is possible and then counts instead of the URL's.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct HeadersOptions {
    /// Names and values; a name may have several values.
    pub headers: HeaderMap,
}

impl HeadersOptions {
    /// Sets a header, in place of what there was under its name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a value to those that a header has.
    #[must_use]
    pub fn append(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl From<HeaderMap> for HeadersOptions {
    fn from(headers: HeaderMap) -> Self {
        Self { headers }
    }
}

/// Names only: values may be secret.
impl fmt::Debug for HeadersOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.headers.keys()).finish()
    }
}

/// Makes [`Headers`] services. See the [module](self).
#[derive(Clone, Debug)]
pub struct HeadersLayer {
    /// `None` where there is nothing to fill in.
    fill: Option<Arc<Fill>>,
}

impl HeadersLayer {
    /// Fills in what the request lacks, and lists it in [`Defaulted`].
    pub fn new(options: impl Into<HeadersOptions>) -> Self {
        Self::of(&options.into(), Scope::Session)
    }

    /// Fills in what the request lacks and replaces what is listed in [`Defaulted`].
    ///
    /// What it sets is not listed any more: for what stands further in it counts like a header of the request.
    pub fn for_mount(options: impl Into<HeadersOptions>) -> Self {
        Self::of(&options.into(), Scope::Mount)
    }

    fn of(options: &HeadersOptions, scope: Scope) -> Self {
        Self { fill: (!options.headers.is_empty()).then(|| Arc::new(Fill::new(&options.headers, scope))) }
    }
}

impl<S> Layer<S> for HeadersLayer {
    type Service = Headers<S>;

    fn layer(&self, inner: S) -> Headers<S> {
        Headers { inner, fill: self.fill.clone() }
    }
}

/// Fills in default headers. See the [module](self).
#[derive(Clone, Debug)]
pub struct Headers<S> {
    inner: S,
    fill: Option<Arc<Fill>>,
}

impl<S, B> Service<Request<B>> for Headers<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let Some(fill) = &self.fill else {
            return self.inner.call(request);
        };
        let (mut parts, body) = request.into_parts();
        fill.apply(&mut parts);
        self.inner.call(Request::from_parts(parts, body))
    }
}

/// The default headers that this request is to go without: a request extension.
#[derive(Clone, Debug, Default)]
pub struct Without(Vec<HeaderName>);

impl Without {
    /// Has `name` left out for the request of these extensions, by the session's defaults and a mount's headers alike.
    ///
    /// A header of that name on the request itself stays. The wish holds for all hops of a redirect chain.
    ///
    /// ```
    /// use sortie_layers::headers::Without;
    ///
    /// let mut request = http::Request::new(());
    /// Without::add(request.extensions_mut(), http::header::ACCEPT);
    /// assert!(Without::contains(request.extensions(), &http::header::ACCEPT));
    /// ```
    pub fn add(extensions: &mut Extensions, name: HeaderName) {
        extensions.get_or_insert_default::<Self>().0.push(name);
    }

    /// Whether the request of these extensions is to go without the default for `name`.
    pub fn contains(extensions: &Extensions, name: &HeaderName) -> bool {
        extensions.get::<Self>().is_some_and(|without| without.0.contains(name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Session,
    Mount,
}

/// The headers, laid out for filling them in: the map itself is never cloned.
struct Fill {
    defaults: Box<[DefaultHeader]>,
    /// All their names, shared by the requests on which all were filled in.
    all: Defaulted,
    /// How many values there are in all.
    values: usize,
    scope: Scope,
}

struct DefaultHeader {
    name: HeaderName,
    first: HeaderValue,
    more: Box<[HeaderValue]>,
}

impl Fill {
    fn new(headers: &HeaderMap, scope: Scope) -> Self {
        let defaults = headers.keys().filter_map(|name| {
            let mut values = headers.get_all(name).iter().cloned();
            Some(DefaultHeader { name: name.clone(), first: values.next()?, more: values.collect() })
        });
        let all = Defaulted::new(headers.keys().cloned().collect::<Vec<_>>());
        Self { defaults: defaults.collect(), all, values: headers.len(), scope }
    }

    fn apply(&self, parts: &mut request::Parts) {
        // A map that cannot grow holds its 24,576 headers already, more than any server takes; filling in would panic.
        if parts.headers.try_reserve(self.values).is_err() {
            return;
        }
        match self.scope {
            Scope::Session => self.fill_in(parts),
            Scope::Mount => self.replace(parts),
        }
    }

    fn fill_in(&self, parts: &mut request::Parts) {
        let mut left_alone = Vec::new();
        let without = parts.extensions.get::<Without>();
        for default in &self.defaults {
            if without.is_some_and(|without| without.0.contains(&default.name)) {
                left_alone.push(&default.name);
                continue;
            }
            match parts.headers.entry(&default.name) {
                Entry::Vacant(vacant) => default.add_others(vacant.insert_entry(default.first.clone())),
                Entry::Occupied(_) => left_alone.push(&default.name),
            }
        }
        let before = parts.extensions.get::<Defaulted>();
        if left_alone.is_empty() && before.is_none() {
            parts.extensions.insert(self.all.clone());
        } else if left_alone.len() < self.defaults.len() {
            let ours = self.all.names().iter().filter(|name| !left_alone.contains(name));
            let names = before.map_or(&[][..], Defaulted::names).iter().chain(ours).cloned().collect::<Vec<_>>();
            parts.extensions.insert(Defaulted::new(names));
        }
    }

    fn replace(&self, parts: &mut request::Parts) {
        for default in &self.defaults {
            if Without::contains(&parts.extensions, &default.name) {
                continue;
            }
            let defaulted = Defaulted::contains(&parts.extensions, &default.name);
            match parts.headers.entry(&default.name) {
                Entry::Vacant(vacant) => default.add_others(vacant.insert_entry(default.first.clone())),
                Entry::Occupied(mut occupied) if defaulted => {
                    occupied.insert(default.first.clone());
                    default.add_others(occupied);
                }
                Entry::Occupied(_) => {}
            }
            if defaulted {
                forget(&mut parts.extensions, &default.name);
            }
        }
    }
}

impl fmt::Debug for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fill").field("names", &self.all.names()).field("scope", &self.scope).finish()
    }
}

impl DefaultHeader {
    /// Adds the other values to the first.
    fn add_others(&self, mut entry: OccupiedEntry<'_, HeaderValue>) {
        for value in &self.more {
            entry.append(value.clone());
        }
    }
}

fn forget(extensions: &mut Extensions, name: &HeaderName) {
    let Some(defaulted) = extensions.get::<Defaulted>() else {
        return;
    };
    let others: Vec<_> = defaulted.names().iter().filter(|other| *other != name).cloned().collect();
    extensions.insert(Defaulted::new(others));
}

#[cfg(test)]
mod tests {
    use http::Response;
    use http::header::{ACCEPT, AUTHORIZATION, COOKIE, HOST, USER_AGENT};
    use sortie_core::Body;
    use sortie_testkit::{Scripted, prove_layer, status};
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;

    prove_layer!(session, || HeadersLayer::new(some(&[("accept", "*/*")])));
    prove_layer!(mount, || HeadersLayer::for_mount(some(&[("accept", "*/*")])));
    prove_layer!(empty, || HeadersLayer::new(HeadersOptions::default()));

    fn some(headers: &[(&'static str, &'static str)]) -> HeadersOptions {
        headers.iter().fold(HeadersOptions::default(), |options, (name, value)| {
            options.append(HeaderName::from_static(name), HeaderValue::from_static(value))
        })
    }

    fn parts(headers: &[(&'static str, &'static str)], without: &[HeaderName]) -> request::Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers = some(headers).headers;
        without.iter().for_each(|name| Without::add(&mut parts.extensions, name.clone()));
        parts
    }

    fn lines(parts: &request::Parts) -> Vec<String> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<_> = parts.headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    fn defaulted(parts: &request::Parts) -> Vec<&str> {
        let mut names: Vec<_> =
            parts.extensions.get().map_or(&[][..], Defaulted::names).iter().map(|n| n.as_str()).collect();
        names.sort_unstable();
        names
    }

    type Lines<'a> = &'a [(&'static str, &'static str)];

    #[test]
    fn a_default_fills_in_what_is_missing_and_nothing_else() {
        let defaults = [("accept", "*/*"), ("x-tag", "a"), ("x-tag", "b")];
        for (request, without, sent, recorded) in [
            (&[] as Lines<'_>, &[][..], &["accept: */*", "x-tag: a", "x-tag: b"][..], &["accept", "x-tag"][..]),
            (&[("accept", "")], &[], &["accept: ", "x-tag: a", "x-tag: b"], &["x-tag"]),
            (&[("x-tag", "mine")], &[], &["accept: */*", "x-tag: mine"], &["accept"]),
            (&[], &[ACCEPT], &["x-tag: a", "x-tag: b"], &["x-tag"]),
            (&[("accept", "text/csv")], &[ACCEPT], &["accept: text/csv", "x-tag: a", "x-tag: b"], &["x-tag"]),
            (&[("accept", "1"), ("x-tag", "2")], &[], &["accept: 1", "x-tag: 2"], &[]),
        ] {
            let mut parts = parts(request, without);
            Fill::new(&some(&defaults).headers, Scope::Session).apply(&mut parts);
            assert_eq!(lines(&parts), sent, "{request:?} without {without:?}");
            assert_eq!(defaulted(&parts), recorded, "{request:?} without {without:?}");
        }
    }

    #[test]
    fn a_mount_replaces_a_default_but_not_what_the_request_says() {
        let session = Fill::new(&some(&[("accept", "*/*"), ("authorization", "session")]).headers, Scope::Session);
        let mount =
            Fill::new(&some(&[("authorization", "mount"), ("cookie", "c"), ("cookie", "d")]).headers, Scope::Mount);
        for (request, without, sent, recorded) in [
            (
                &[] as Lines<'_>,
                &[][..],
                &["accept: */*", "authorization: mount", "cookie: c", "cookie: d"][..],
                &["accept"][..],
            ),
            (&[("authorization", "own")], &[COOKIE], &["accept: */*", "authorization: own"], &["accept"]),
            (&[("cookie", "own")], &[AUTHORIZATION], &["accept: */*", "cookie: own"], &["accept"]),
        ] {
            let mut parts = parts(request, without);
            session.apply(&mut parts);
            mount.apply(&mut parts);
            assert_eq!(lines(&parts), sent, "{request:?} without {without:?}");
            assert_eq!(defaulted(&parts), recorded, "{request:?} without {without:?}");
        }
    }

    #[test]
    fn the_record_of_two_layers_of_defaults_is_one() {
        let mut parts = parts(&[], &[]);
        for header in [("accept", "1"), ("user-agent", "2"), ("accept", "3")] {
            Fill::new(&some(&[header]).headers, Scope::Session).apply(&mut parts);
        }
        assert_eq!(
            (lines(&parts), defaulted(&parts)),
            (vec!["accept: 1".into(), "user-agent: 2".into()], vec!["accept", "user-agent"])
        );
    }

    #[tokio::test]
    async fn a_layer_without_headers_leaves_no_trace_and_a_host_can_be_a_default() {
        let service = Scripted::<Body>::from_fn(|_, _| Ok::<Response<Body>, _>(status(200)));
        for options in [HeadersOptions::default(), some(&[("host", "virtual.test")])] {
            let layered = ServiceBuilder::new().layer(HeadersLayer::new(options)).service(service.clone());
            layered.oneshot(Request::new(Body::empty())).await.unwrap();
        }
        let requests = service.requests();
        assert!(requests[0].headers.is_empty() && requests[0].extensions.is_empty());
        assert_eq!(requests[1].headers[HOST], "virtual.test");
    }

    #[test]
    fn setting_replaces_and_debug_shows_no_value() {
        let options =
            some(&[("user-agent", "a"), ("user-agent", "b")]).header(USER_AGENT, HeaderValue::from_static("secret"));
        assert_eq!(options.headers.len(), 1);
        let shown = format!("{options:?} {:?}", HeadersLayer::new(options.clone()));
        assert!(shown.contains("user-agent") && !shown.contains("secret"), "{shown}");
    }
}
