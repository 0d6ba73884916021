//! Which cookies go with this request, in which order? RFC 6265bis §5.8.

use std::cmp::Ordering;

use cookie::SameSite;
use http::HeaderValue;

use crate::SiteContext;
use crate::domain::RequestUrl;
use crate::jar::{Entry, Micros};
use crate::path::path_match;

/// Whether a cookie, whose domain the host has been found to match, goes with the request. `is_here` is asked whether the
/// partition of one that has one is the request's.
pub(crate) fn goes_with(
    cookie: &Entry,
    url: &RequestUrl<'_>,
    site: SiteContext,
    is_here: impl FnOnce(&[u8]) -> bool,
    now: Micros,
) -> bool {
    let is_meant_for_the_site = match site {
        SiteContext::SameSite => true,
        SiteContext::CrossSiteNavigation => cookie.same_site != Some(SameSite::Strict),
        SiteContext::CrossSite => cookie.same_site == Some(SameSite::None),
    };
    (url.secure || !cookie.secure)
        && path_match(url.path.as_bytes(), cookie.path())
        && is_meant_for_the_site
        && !cookie.is_expired(now)
        && (cookie.partition().is_empty() || is_here(cookie.partition()))
}

/// Longer paths first, then the older cookie.
pub(crate) fn order(a: &Entry, b: &Entry) -> Ordering {
    b.path().len().cmp(&a.path().len()).then(a.created.cmp(&b.created))
}

/// The value of the `Cookie` field, marked sensitive; `None` for no cookies.
pub(crate) fn field<'a>(cookies: impl Iterator<Item = &'a Entry> + Clone) -> Option<HeaderValue> {
    // To the octet, for a vector with room left costs `Bytes` an allocation.
    let length: usize = cookies.clone().map(|cookie| cookie.pair().len() + 2).sum();
    let mut field = Vec::with_capacity(length.saturating_sub(2));
    for cookie in cookies {
        if !field.is_empty() {
            field.extend_from_slice(b"; ");
        }
        field.extend_from_slice(cookie.pair());
    }
    if field.is_empty() {
        return None;
    }
    // Nothing enters a jar with a control character in it.
    let mut field = HeaderValue::try_from(field).ok()?;
    field.set_sensitive(true);
    Some(field)
}
