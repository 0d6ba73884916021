//! The rules of following a redirect: what leads where, and what the next request is made of. Pure functions over heads.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE,
    COOKIE, EXPECT, HOST, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, PROXY_AUTHORIZATION, REFERER, TRAILER,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, StatusCode, Uri, request};
use sortie_core::{BoxError, Chain, Origin};

use super::location::Place;
use super::{
    Action, Content, ForbiddenScheme, Fragment, InvalidLocation, OnLimit, OnScope, OutOfScope, RedirectOptions,
    RefererPolicy, Scope, TooManyRedirects,
};
use crate::auth::userinfo;

/// Where a redirect came from and where it leads.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) from: Place,
    pub(super) to: Place,
}

impl Route {
    /// Where `location` leads the request of `head`.
    pub(super) fn of(head: &request::Parts, location: &HeaderValue) -> Result<Self, Box<Nowhere>> {
        let from = match Place::of(&head.uri, &head.extensions) {
            Ok(from) => from,
            Err(error) => return Err(Box::new(Nowhere { from: None, error })),
        };
        match from.resolve(location) {
            Ok(to) => Ok(Self { from, to }),
            Err(error) => Err(Box::new(Nowhere { from: Some(from), error })),
        }
    }

    /// The URI of the next request, if the options let one go there.
    pub(super) fn check(&self, head: &request::Parts, options: &RedirectOptions) -> Result<Uri, Refused> {
        let Self { from, to } = self;
        let scheme = to.url().scheme();
        if !options.allows_scheme(scheme) && !from.has_origin_of(to) {
            return Err(Refused::Other(ForbiddenScheme::new(scheme).into()));
        }
        let uri = to.uri().map_err(|error| Refused::Other(error.into()))?;
        let is_inside = match options.scope {
            Scope::Anywhere => true,
            Scope::SameOrigin => extend(head, &uri, options).is_none_or(|chain| !chain.crossed),
            Scope::HttpsOnly => uri.scheme() == Some(&http::uri::Scheme::HTTPS),
        };
        if is_inside { Ok(uri) } else { Err(Refused::Scope(OutOfScope::new(options.scope))) }
    }
}

/// A `Location` that leads nowhere.
#[derive(Debug)]
pub(super) struct Nowhere {
    /// Where it came from, if that is a URL at all.
    pub(super) from: Option<Place>,
    pub(super) error: InvalidLocation,
}

/// Why a redirect may not be followed.
#[derive(Debug)]
pub(super) enum Refused {
    /// Because of [`RedirectOptions::scope`].
    Scope(OutOfScope),
    Other(BoxError),
}

impl From<Refused> for BoxError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Scope(error) => error.into(),
            Refused::Other(error) => error,
        }
    }
}

/// Where a response leads, if it redirects.
///
/// Of several `Location` fields the first counts; only one may be sent (RFC 9110 §5.3). An empty one leads nowhere, as
/// requests and curl have it.
pub(super) fn location(status: StatusCode, headers: &HeaderMap) -> Option<&HeaderValue> {
    let location = headers.get(LOCATION).filter(|_| is_redirect(status))?;
    (!location.as_bytes().trim_ascii().is_empty()).then_some(location)
}

/// What is to be done at a redirect because of those that were followed before; `None` where it may be followed.
pub(super) fn limit(followed: usize, options: &RedirectOptions) -> Option<Action> {
    (followed >= options.limit).then(|| match options.on_limit {
        OnLimit::ReturnLast => Action::Stop,
        OnLimit::Error => Action::fail(TooManyRedirects::new(options.limit)),
    })
}

/// What is to be done at a redirect that the options do not let go where it leads.
pub(super) fn refuse(refused: Refused, options: &RedirectOptions) -> Action {
    match (refused, options.on_scope) {
        (Refused::Scope(_), OnScope::ReturnLast) => Action::Stop,
        (refused, _) => Action::Fail(refused.into()),
    }
}

/// The statuses that redirect: not 300, which offers a choice, nor 304 to 306
/// ([RFC 9110 §15.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.4)).
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Turns the head of a request that `status` answered into that of the next one, but for what its origin may not have.
///
/// What a 303 leads to is retrieved, so no content goes along, also not that of a `GET` (CVE-2023-45803); but for bodies
/// whose type cannot be empty (`can_be_empty`), of which each `GET` has one.
pub(super) fn ask_anew(head: &mut request::Parts, status: StatusCode, can_be_empty: bool) -> Content {
    if becomes_get(status, &head.method) {
        head.method = Method::GET;
        return Content::Drop;
    }
    if status == StatusCode::SEE_OTHER && can_be_empty { Content::Drop } else { Content::Keep }
}

/// Makes the head that of a request to `uri`, where the route leads: without what that server must not have.
pub(super) fn send_to(head: &mut request::Parts, uri: Uri, route: &Route, content: Content, options: &RedirectOptions) {
    if content == Content::Drop {
        remove(&mut head.headers, &CONTENT);
    }
    cross(head, &uri, options);
    if options.referer == RefererPolicy::StrictOriginWhenCrossOrigin {
        match route.from.referer(&route.to) {
            // Fails for a map that holds 24,576 headers, more than any server takes; `insert` would panic.
            Some(referer) => drop(head.headers.try_insert(REFERER, referer)),
            None => drop(head.headers.remove(REFERER)),
        }
    }
    match route.to.fragment() {
        Some(fragment) => drop(head.extensions.insert(fragment)),
        None => drop(head.extensions.remove::<Fragment>()),
    }
    head.uri = uri;
}

/// Whether the method turns into `GET`, and the content goes: after a 303, and after a 301 or 302 to a `POST`
/// ([RFC 9110 §15.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.4); browsers
/// [do the same](https://fetch.spec.whatwg.org/#http-redirect-fetch)).
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::SEE_OTHER => *method != Method::GET && *method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        _ => false,
    }
}

/// Describes content, and goes with it: urllib3's list after RFC 9110 §15.4, and what frames or announces content.
static CONTENT: [HeaderName; 12] = [
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_LOCATION,
    CONTENT_RANGE,
    CONTENT_TYPE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("digest"),
    EXPECT,
    LAST_MODIFIED,
    TRAILER,
    TRANSFER_ENCODING,
];

/// Meant for one server.
pub(super) static CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION];

/// Notes in the head where the chain has been, and drops what `to` must not receive.
pub(super) fn cross(head: &mut request::Parts, to: &Uri, options: &RedirectOptions) {
    let Some(chain) = extend(head, to, options) else {
        // Relative to an unknown server: the same server.
        return;
    };
    let crossed = chain.crossed;
    if !Origin::of(&head.uri).is_some_and(|from| from.may_receive(to)) {
        head.headers.remove(HOST);
    }
    if crossed {
        remove(&mut head.headers, &CREDENTIALS);
        remove(&mut head.headers, &options.sensitive);
        let marked: Vec<HeaderName> =
            head.headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
        remove(&mut head.headers, &marked);
        options.forget.iter().for_each(|forget| forget(&mut head.extensions));
    } else if let Some(found) = userinfo::of(&head.uri) {
        // The next URI has no userinfo, and this server may still have it.
        head.extensions.get_or_insert(found);
    }
    head.extensions.insert(chain);
}

/// The chain after the hop to `to`; `None` if the server of neither end is known.
pub(super) fn extend(head: &request::Parts, to: &Uri, options: &RedirectOptions) -> Option<Chain> {
    to.scheme()?;
    let so_far = head.extensions.get::<Chain>();
    let Some(mut chain) = Chain::extend(so_far, &head.uri, to) else {
        // From an unknown server to a named one, which therefore is a foreign one. No URL can be of this origin.
        return Chain::extend(so_far, &Uri::from_static("origin-form://unknown"), to);
    };
    let has_crossed = so_far.is_some_and(|chain| chain.crossed);
    let trusted = options.trusts(to) || (options.trusts(&head.uri) && chain.first.may_receive(to));
    if !has_crossed && trusted {
        chain.crossed = false;
    }
    Some(chain)
}

fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;
