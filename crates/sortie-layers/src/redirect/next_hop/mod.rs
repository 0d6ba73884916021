//! What follows a response: nothing, another request, or an error. Pure functions over heads.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE,
    COOKIE, EXPECT, HOST, HeaderName, LAST_MODIFIED, LOCATION, PROXY_AUTHORIZATION, REFERER, TRAILER,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, StatusCode, Uri, request};
use sortie_core::{BoxError, Chain, Origin};
use url::Url;

use super::location::Place;
use super::{ForbiddenScheme, Fragment, OnLimit, RedirectOptions, RefererPolicy, TooManyRedirects};
use crate::auth::userinfo;

/// What to do after a response.
#[derive(Debug)]
pub(super) enum Decision {
    /// It is the answer.
    Done,
    /// It leads on.
    Follow(Box<Follow>),
    /// It leads on, but it must not or cannot be followed.
    Fail {
        /// Where the response came from, if that is a URL at all.
        from: Option<Url>,
        error: BoxError,
    },
}

/// The next request, but for its body.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) head: request::Parts,
    pub(super) content: Content,
    /// Where the redirect came from.
    pub(super) from: Url,
    /// Where it leads.
    pub(super) to: Url,
}

/// What becomes of the request's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// It is sent again.
    Keep,
    /// The next request has none.
    Drop,
}

/// What to do after `status` and `headers` answered the request of `head`, which came after `followed` redirects.
pub(super) fn next_hop(
    head: request::Parts,
    status: StatusCode,
    headers: &HeaderMap,
    followed: usize,
    options: &RedirectOptions,
) -> Decision {
    // Of several Location fields the first counts. Only one may be sent (RFC 9110 §5.3).
    let Some(location) = headers.get(LOCATION).filter(|_| is_redirect(status)) else { return Decision::Done };
    if location.as_bytes().trim_ascii().is_empty() {
        return Decision::Done; // as requests and curl have it
    }
    if followed >= options.limit && options.on_limit == OnLimit::ReturnLast {
        return Decision::Done;
    }
    let from = match Place::of(&head.uri, &head.extensions) {
        Ok(from) => from,
        Err(error) => return Decision::Fail { from: None, error: error.into() },
    };
    if followed >= options.limit {
        return Decision::Fail { from: Some(from.into_url()), error: TooManyRedirects::new(options.limit).into() };
    }
    let to = match from.resolve(location) {
        Ok(to) => to,
        Err(error) => return Decision::Fail { from: Some(from.into_url()), error: error.into() },
    };
    match follow(head, status, &from, &to, options) {
        Ok((head, content)) => {
            let (from, to) = (from.into_url(), to.into_url());
            Decision::Follow(Box::new(Follow { head, content, from, to }))
        }
        Err(error) => Decision::Fail { from: Some(from.into_url()), error },
    }
}

/// The statuses that redirect: not 300, which offers a choice, nor 304 to 306
/// ([RFC 9110 §15.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.4)).
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn follow(
    mut head: request::Parts,
    status: StatusCode,
    from: &Place,
    to: &Place,
    options: &RedirectOptions,
) -> Result<(request::Parts, Content), BoxError> {
    let scheme = to.url().scheme();
    if !options.allows_scheme(scheme) && !from.has_origin_of(to) {
        return Err(ForbiddenScheme::new(scheme).into());
    }
    let uri = to.uri()?;
    let content = if becomes_get(status, &head.method) { Content::Drop } else { Content::Keep };
    if content == Content::Drop {
        head.method = Method::GET;
        remove(&mut head.headers, &CONTENT);
    }
    cross(&mut head, &uri, options);
    if options.referer == RefererPolicy::StrictOriginWhenCrossOrigin {
        match from.referer(to) {
            // Fails for a map that holds 24,576 headers, more than any server takes; `insert` would panic.
            Some(referer) => drop(head.headers.try_insert(REFERER, referer)),
            None => drop(head.headers.remove(REFERER)),
        }
    }
    match to.fragment() {
        Some(fragment) => drop(head.extensions.insert(fragment)),
        None => drop(head.extensions.remove::<Fragment>()),
    }
    head.uri = uri;
    Ok((head, content))
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
fn extend(head: &request::Parts, to: &Uri, options: &RedirectOptions) -> Option<Chain> {
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
