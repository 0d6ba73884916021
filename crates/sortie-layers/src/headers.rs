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
//!         Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
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
//! filled in again; for that reason it also leaves alone a request that is [`Prepared`]. [`HeadersLayer::for_mount`]
//! stands inside Mounts, so that its headers go to the mounted prefix and nowhere else. What the first filled in is
//! listed in [`Defaulted`], and the second, like Auth, may replace exactly that.
//!
//! # Differences from requests
//!
//! - A header left out is really absent; urllib3 puts its own `User-Agent` and `Accept-Encoding` in its place.
//! - The order and the spelling of names are `http::HeaderMap`'s.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{Entry, OccupiedEntry};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request};
use sortie_core::{Defaulted, Prepared, Without};
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
    /// Which of them are listed in [`Defaulted`], as something further in may replace them; `None`, the default, for
    /// all. Whoever knows the whole tower names the few that matter: the list costs each request three allocations,
    /// and none if it is empty.
    pub replaceable: Option<Vec<HeaderName>>,
}

impl HeadersOptions {
    /// Sets a header, in place of what there was under its name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Names those that something further in may replace; see the field.
    #[must_use]
    pub fn replaceable(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        Self { replaceable: Some(names.into_iter().collect()), ..self }
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
        Self { headers, replaceable: None }
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
    #[must_use]
    pub fn new(options: impl Into<HeadersOptions>) -> Self {
        Self::of(&options.into(), Scope::Session)
    }

    /// Fills in what the request lacks and replaces what is listed in [`Defaulted`].
    ///
    /// What it sets is not listed any more: for what stands further in it counts like a header of the request.
    #[must_use]
    pub fn for_mount(options: impl Into<HeadersOptions>) -> Self {
        Self::of(&options.into(), Scope::Mount)
    }

    fn of(options: &HeadersOptions, scope: Scope) -> Self {
        Self { fill: (!options.headers.is_empty()).then(|| Arc::new(Fill::new(options, scope))) }
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

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(fill) = self.fill.as_ref().filter(|fill| fill.is_for(request.extensions())) {
            let without = request.extensions().get::<Without>().cloned();
            let record = request.extensions().get::<Defaulted>().cloned();
            if let Some(record) = fill.apply(request.headers_mut(), without.as_ref(), record.as_ref()) {
                request.extensions_mut().insert(record);
            }
        }
        self.inner.call(request)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Session,
    Mount,
}

/// What most requests get further in: `Host`, `Cookie`, `Authorization`, a length. Room for them now saves the map from
/// growing then.
const ROOM: usize = 4;

/// The headers, laid out for filling them in: the map itself is never cloned.
struct Fill {
    defaults: Box<[DefaultHeader]>,
    /// The headers to list, shared by the requests on which all were filled in.
    listed: Defaulted,
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
    fn new(options: &HeadersOptions, scope: Scope) -> Self {
        let headers = &options.headers;
        let defaults = headers.keys().filter_map(|name| {
            let mut values = headers.get_all(name).iter().cloned();
            Some(DefaultHeader { name: name.clone(), first: values.next()?, more: values.collect() })
        });
        let is_replaceable = |name| options.replaceable.as_ref().is_none_or(|names| names.contains(name));
        let replaceable = headers.iter().filter(|(name, _)| is_replaceable(*name));
        let listed = Defaulted::new(replaceable.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>());
        Self { defaults: defaults.collect(), listed, values: headers.len(), scope }
    }

    /// Whether a request of these extensions may get any: not the defaults that it had already, if it is marked so.
    fn is_for(&self, extensions: &Extensions) -> bool {
        self.scope == Scope::Mount || !Prepared::is(extensions)
    }

    /// Sets what is to be set. `record` lists what was filled in before; what is returned, if it changed.
    fn apply(
        &self,
        headers: &mut HeaderMap,
        without: Option<&Without>,
        record: Option<&Defaulted>,
    ) -> Option<Defaulted> {
        // A map that cannot grow holds its 24,576 headers already, more than any server takes; filling in would panic.
        headers.try_reserve(self.values + ROOM).ok()?;
        let wanted = |default: &&DefaultHeader| match self.scope {
            Scope::Session => {
                without.is_none_or(|without| !without.names_for_session().any(|name| *name == default.name))
            }
            Scope::Mount => without.is_none_or(|without| !without.names().contains(&default.name)),
        };
        match self.scope {
            Scope::Session => self.fill_in(headers, wanted, record),
            Scope::Mount => self.replace(headers, wanted, record),
        }
    }

    fn fill_in(
        &self,
        headers: &mut HeaderMap,
        wanted: impl Fn(&&DefaultHeader) -> bool,
        record: Option<&Defaulted>,
    ) -> Option<Defaulted> {
        let mut left_alone = Vec::new();
        for default in &self.defaults {
            match headers.entry(&default.name) {
                Entry::Vacant(vacant) if wanted(&default) => default.set(vacant.insert_entry(default.first.clone())),
                _ => left_alone.push(&default.name),
            }
        }
        if left_alone.len() == self.defaults.len() || self.listed.headers().is_empty() {
            return None;
        }
        if left_alone.is_empty() && record.is_none() {
            return Some(self.listed.clone());
        }
        let ours = self.listed.headers().iter().filter(|(name, _)| !left_alone.contains(&name));
        // What an earlier default of the same name has left of its mark is not there any more.
        let is_ours = |name: &HeaderName| ours.clone().any(|(of, _)| of == name);
        let earlier = record.map_or(&[][..], Defaulted::headers).iter().filter(|(name, _)| !is_ours(name));
        let all = earlier.chain(ours.clone());
        Some(Defaulted::new(all.cloned().collect::<Vec<_>>()))
    }

    fn replace(
        &self,
        headers: &mut HeaderMap,
        wanted: impl Fn(&&DefaultHeader) -> bool,
        record: Option<&Defaulted>,
    ) -> Option<Defaulted> {
        for default in self.defaults.iter().filter(&wanted) {
            let is_default = record.is_some_and(|record| record.covers(headers, &default.name));
            match headers.entry(&default.name) {
                Entry::Vacant(vacant) => default.set(vacant.insert_entry(default.first.clone())),
                Entry::Occupied(mut occupied) if is_default => {
                    occupied.insert(default.first.clone());
                    default.set(occupied);
                }
                Entry::Occupied(_) => {}
            }
        }
        let settled = |name: &HeaderName| self.defaults.iter().filter(&wanted).any(|default| default.name == *name);
        let recorded = record.map_or(&[][..], Defaulted::headers);
        let left: Vec<_> = recorded.iter().filter(|(name, _)| !settled(name)).cloned().collect();
        (left.len() < recorded.len()).then(|| Defaulted::new(left))
    }
}

impl fmt::Debug for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fill")
            .field("names", &self.defaults.iter().map(|default| &default.name).collect::<Vec<_>>())
            .field("scope", &self.scope)
            .finish()
    }
}

impl DefaultHeader {
    /// Completes `entry`, which has the first value.
    fn set(&self, mut entry: OccupiedEntry<'_, HeaderValue>) {
        for value in &self.more {
            entry.append(value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, AUTHORIZATION, COOKIE, USER_AGENT};
    use sortie_core::{Body, BoxHttp};
    use sortie_testkit::{Scripted, prove_layer, status};
    use tower::ServiceExt;

    use super::*;

    prove_layer!(session, || HeadersLayer::new(some(&[("accept", "*/*")])));
    prove_layer!(mount, || HeadersLayer::for_mount(some(&[("accept", "*/*")])));
    prove_layer!(empty, || HeadersLayer::new(HeadersOptions::default()));

    type Lines<'a> = &'a [(&'static str, &'static str)];

    fn some(headers: Lines<'_>) -> HeadersOptions {
        headers.iter().fold(HeadersOptions::default(), |options, (name, value)| {
            options.append(HeaderName::from_static(name), HeaderValue::from_static(value))
        })
    }

    /// The header lines that leave the layers, and what is recorded as defaulted.
    async fn sent(layers: &[HeadersLayer], headers: Lines<'_>, without: &[HeaderName]) -> (Vec<String>, Vec<String>) {
        let service = Scripted::new([status(200)]);
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = some(headers).headers;
        without.iter().for_each(|name| Without::add(request.extensions_mut(), name.clone()));
        let innermost = BoxHttp::new(service.clone());
        let layered = layers.iter().rev().fold(innermost, |inner, layer| BoxHttp::new(layer.layer(inner)));
        layered.oneshot(request).await.unwrap();
        let recorded = &service.requests()[0];
        let line = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<_> = recorded.headers.iter().map(line).collect();
        let listed = recorded.extensions.get().map_or(&[][..], Defaulted::headers);
        let mut names: Vec<_> = listed.iter().map(|(name, _)| name.to_string()).collect();
        names.dedup();
        lines.sort();
        names.sort();
        (lines, names)
    }

    #[tokio::test]
    async fn a_default_fills_in_what_is_missing_and_nothing_else() {
        let layer = [HeadersLayer::new(some(&[("accept", "*/*"), ("x-tag", "a"), ("x-tag", "b")]))];
        for (request, without, lines, recorded) in [
            (&[] as Lines<'_>, &[][..], &["accept: */*", "x-tag: a", "x-tag: b"][..], &["accept", "x-tag"][..]),
            (&[("accept", "")], &[], &["accept: ", "x-tag: a", "x-tag: b"], &["x-tag"]),
            (&[("x-tag", "mine")], &[], &["accept: */*", "x-tag: mine"], &["accept"]),
            (&[], &[ACCEPT], &["x-tag: a", "x-tag: b"], &["x-tag"]),
            (&[("accept", "text/csv")], &[ACCEPT], &["accept: text/csv", "x-tag: a", "x-tag: b"], &["x-tag"]),
            (&[("accept", "1"), ("x-tag", "2")], &[], &["accept: 1", "x-tag: 2"], &[]),
        ] {
            let (sent, defaulted) = sent(&layer, request, without).await;
            assert_eq!(sent, lines, "{request:?} without {without:?}");
            assert_eq!(defaulted, recorded, "{request:?} without {without:?}");
        }
    }

    #[tokio::test]
    async fn a_mount_replaces_a_default_but_not_what_the_request_says() {
        let layers = [
            HeadersLayer::new(some(&[("accept", "*/*"), ("authorization", "session")])),
            HeadersLayer::for_mount(some(&[("authorization", "mount"), ("cookie", "c"), ("cookie", "d")])),
        ];
        let mount = &["accept: */*", "authorization: mount", "cookie: c", "cookie: d"][..];
        for (request, without, lines, recorded) in [
            (&[] as Lines<'_>, &[][..], mount, &["accept"][..]),
            (&[("authorization", "own")], &[COOKIE], &["accept: */*", "authorization: own"], &["accept"]),
            (&[("cookie", "own")], &[AUTHORIZATION], &["accept: */*", "cookie: own"], &["accept"]),
            (&[("accept", "1")], &[], &["accept: 1", "authorization: mount", "cookie: c", "cookie: d"], &[]),
        ] {
            let (sent, defaulted) = sent(&layers, request, without).await;
            assert_eq!(sent, lines, "{request:?} without {without:?}");
            assert_eq!(defaulted, recorded, "{request:?} without {without:?}");
        }
    }

    #[tokio::test]
    async fn a_request_that_is_prepared_gets_no_defaults_again_but_what_the_mount_adds() {
        for (layer, names) in [
            (HeadersLayer::new(some(&[("accept", "*/*")])), &[][..]),
            (HeadersLayer::for_mount(some(&[("accept", "*/*")])), &["accept"]),
        ] {
            let service = Scripted::new([status(200)]);
            let mut request = Request::new(Body::empty());
            request.extensions_mut().insert(Prepared);
            layer.layer(service.clone()).oneshot(request).await.unwrap();
            assert_eq!(service.requests()[0].headers.keys().collect::<Vec<_>>(), names, "{layer:?}");
        }
    }

    #[tokio::test]
    async fn the_record_of_two_layers_of_defaults_is_one() {
        let layers = [("accept", "1"), ("user-agent", "2"), ("accept", "3")].map(|one| HeadersLayer::new(some(&[one])));
        let (lines, recorded) = sent(&layers, &[], &[]).await;
        assert_eq!(lines, ["accept: 1", "user-agent: 2"]);
        assert_eq!(recorded, ["accept", "user-agent"]);
    }

    #[tokio::test]
    async fn a_host_can_be_a_default_and_a_layer_without_headers_leaves_no_trace() {
        let (lines, _) = sent(&[HeadersLayer::new(some(&[("host", "virtual.test")]))], &[], &[]).await;
        assert_eq!(lines, ["host: virtual.test"]);
        let service = Scripted::new([status(200)]);
        let layered = HeadersLayer::new(HeadersOptions::default()).layer(service.clone());
        layered.oneshot(Request::new(Body::empty())).await.unwrap();
        let request = &service.requests()[0];
        assert!(request.headers.is_empty() && request.extensions.is_empty());
    }

    #[test]
    fn setting_replaces_and_debug_shows_no_value() {
        let twice = some(&[("user-agent", "a"), ("user-agent", "b")]);
        let options = twice.header(USER_AGENT, HeaderValue::from_static("secret"));
        assert_eq!(options.headers.len(), 1);
        let shown = format!("{options:?} {:?}", HeadersLayer::new(options.clone()));
        assert!(shown.contains("user-agent") && !shown.contains("secret"), "{shown}");
    }

    #[tokio::test]
    async fn only_what_may_be_replaced_is_listed() {
        let defaults = some(&[("accept", "*/*"), ("authorization", "k")]);
        for (replaceable, listed) in [(vec![AUTHORIZATION, COOKIE], vec!["authorization"]), (vec![], vec![])] {
            let layer = HeadersLayer::new(defaults.clone().replaceable(replaceable));
            let (lines, recorded) = sent(&[layer], &[], &[]).await;
            assert_eq!((lines.len(), recorded), (2, listed.into_iter().map(str::to_owned).collect()));
        }
    }
}
