//! Does the jar take this cookie, and as what? The storage model of RFC 6265bis §5.7.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie::SameSite;

use crate::domain::{RequestUrl, domain_match, lower};
use crate::parse::check_read;
use crate::partition::site;
use crate::path::{default_path, path_match};
use crate::{Partition, PublicSuffixes, Refused, SetCookie, SiteContext};

/// No cookie lives longer than 400 days after it was set (§5.5).
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The longest path of a cookie. An attribute of a field is shorter (§5.6); one given by hand and the path of a URL need
/// not be.
const MAX_PATH: usize = u16::MAX as usize;

/// A cookie as the jar is to keep it.
pub(crate) struct Accepted<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) domain: Cow<'a, str>,
    pub(crate) host_only: bool,
    pub(crate) path: &'a str,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: Option<SameSite>,
    /// The site at the top under which it is kept; `None` for a cookie that is not partitioned.
    pub(crate) partition: Option<Cow<'a, str>>,
    /// `None` for a session cookie.
    pub(crate) expires: Option<SystemTime>,
}

/// Who made the request that a cookie comes or goes with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    pub(crate) site: SiteContext,
    pub(crate) partition: Option<&'a Partition>,
}

impl<'a> Context<'a> {
    /// The site at the top: that of the URL itself unless the request says another.
    pub(crate) fn partition(self, url: &RequestUrl<'_>, suffixes: &dyn PublicSuffixes) -> Cow<'a, str> {
        self.partition.map_or_else(|| site(url, suffixes).into(), |partition| partition.as_str().into())
    }
}

/// All of the decision that can be made without looking at other cookies; [`shadows`] is the rest.
pub(crate) fn accept<'a>(
    set: &SetCookie<'a>,
    url: &'a RequestUrl<'_>,
    context: Context<'a>,
    suffixes: &dyn PublicSuffixes,
    now: SystemTime,
) -> Result<Accepted<'a>, Refused> {
    let (domain, host_only) = domain(set, url, suffixes)?;
    let accepted = Accepted {
        name: set.name,
        value: set.value,
        domain,
        host_only,
        path: path(set, url)?,
        secure: set.secure,
        http_only: set.http_only,
        same_site: set.same_site,
        partition: set.partitioned.then(|| context.partition(url, suffixes)),
        expires: expires(set, now),
    };
    if accepted.secure && !url.secure {
        return Err(Refused::Secure);
    }
    if context.site == SiteContext::CrossSite && accepted.same_site != Some(SameSite::None) {
        return Err(Refused::CrossSite);
    }
    keeps_its_word(&accepted, set.path)?;
    Ok(accepted)
}

/// A cookie that was kept outside of the jar, if it may come back: it is held to the same rules, as far as they do not need
/// the server's answer. It came over a secure connection if it is `Secure`.
pub(crate) fn readmit<'a>(
    mut cookie: Accepted<'a>,
    suffixes: &dyn PublicSuffixes,
    now: SystemTime,
) -> Option<Accepted<'a>> {
    check_read(cookie.name, cookie.value, cookie.path).ok()?;
    keeps_its_word(&cookie, Some(cookie.path.as_bytes())).ok()?;
    let is_for_others = !cookie.host_only && suffixes.is_public_suffix(&cookie.domain);
    let is_expired = cookie.expires.is_some_and(|expires| expires <= now);
    if is_for_others || is_expired || cookie.path.len() > MAX_PATH {
        return None;
    }
    cookie.expires = cookie.expires.map(|expires| capped(expires, now));
    Some(cookie)
}

/// Whether a cookie has all that its attributes and its name ask for.
fn keeps_its_word(cookie: &Accepted<'_>, path: Option<&[u8]>) -> Result<(), Refused> {
    if cookie.same_site == Some(SameSite::None) && !cookie.secure {
        return Err(Refused::SameSiteNone);
    }
    if cookie.partition.is_some() && !cookie.secure {
        return Err(Refused::Partitioned);
    }
    if keeps_its_prefix(cookie, path) { Ok(()) } else { Err(Refused::Prefix) }
}

/// The domain, and whether it is for that host only. A later `Domain` attribute has replaced an earlier one, so an
/// empty one at the end means what none means. A dot alone is not empty, as browsers have it, and matches nothing.
fn domain<'a>(
    set: &SetCookie<'a>,
    url: &'a RequestUrl<'_>,
    suffixes: &dyn PublicSuffixes,
) -> Result<(Cow<'a, str>, bool), Refused> {
    let host_only = || (Cow::Borrowed(&*url.host), true);
    let Some(attribute) = set.domain.filter(|attribute| !attribute.is_empty()) else { return Ok(host_only()) };
    let attribute = attribute.strip_prefix(b".").unwrap_or(attribute);
    let attribute = std::str::from_utf8(attribute).ok().filter(|text| text.is_ascii()).ok_or(Refused::Domain)?;
    let domain = lower(attribute);
    // Addresses and the host itself as a public suffix (`localhost`, `github.io`) name nobody else's host.
    if suffixes.is_public_suffix(&domain) {
        return if *domain == *url.host { Ok(host_only()) } else { Err(Refused::PublicSuffix) };
    }
    if domain_match(&url.host, &domain) { Ok((domain, false)) } else { Err(Refused::Domain) }
}

fn path<'a>(set: &SetCookie<'a>, url: &'a RequestUrl<'_>) -> Result<&'a str, Refused> {
    let path = match set.path {
        Some(path) if path.starts_with(b"/") => {
            std::str::from_utf8(path).ok().filter(|path| path.is_ascii()).ok_or(Refused::Path)?
        }
        _ => default_path(url.path),
    };
    if path.len() <= MAX_PATH { Ok(path) } else { Err(Refused::Path) }
}

/// `Max-Age` before `Expires`; neither beyond the cap. What is not in the future is long ago.
fn expires(set: &SetCookie<'_>, now: SystemTime) -> Option<SystemTime> {
    let wanted = match (set.max_age, set.expires) {
        (Some(seconds), _) => match u64::try_from(seconds) {
            Ok(seconds @ 1..) => now.checked_add(Duration::from_secs(seconds).min(MAX_AGE)).unwrap_or(now),
            _ => UNIX_EPOCH,
        },
        (None, Some(expires)) => expires,
        (None, None) => return None,
    };
    Some(capped(wanted, now))
}

fn capped(expires: SystemTime, now: SystemTime) -> SystemTime {
    now.checked_add(MAX_AGE).map_or(expires, |latest| expires.min(latest))
}

/// The promises that a server can make by a prefix of the name (§4.1.3, and the `__Http-` pair that browsers have added
/// since), in any case of letters; `__Host-` wants its `Path=/` spelled out. A nameless cookie must not look like a
/// cookie that made one, for on the wire it would be one.
fn keeps_its_prefix(cookie: &Accepted<'_>, path: Option<&[u8]>) -> bool {
    let name = if cookie.name.is_empty() { cookie.value } else { cookie.name };
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix.as_bytes()));
    let host = begins("__Host-");
    let http = begins("__Http-") || begins("__Host-Http-");
    if !(host || http || begins("__Secure-")) {
        return true;
    }
    !cookie.name.is_empty()
        && cookie.secure
        && (!host || (cookie.host_only && path == Some(b"/")))
        && (!http || cookie.http_only)
}

/// Whether a new cookie, from a connection that is not secure, would stand before a `Secure` one (§5.7, "leave secure
/// cookies alone"). That the domain of one matches the other's has been seen to already.
pub(crate) fn shadows(new: &Accepted<'_>, secure_name: &[u8], secure_path: &[u8]) -> bool {
    new.name == secure_name && path_match(new.path.as_bytes(), secure_path)
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;
    use crate::PslSuffixes;

    const NOW: SystemTime = UNIX_EPOCH;

    fn decide<R>(uri: &str, field: &str, then: impl FnOnce(Result<Accepted<'_>, Refused>) -> R) -> R {
        let uri: Uri = uri.parse().unwrap();
        let set = SetCookie::parse(field.as_bytes()).unwrap();
        let url = RequestUrl::of_uri(&uri).unwrap();
        then(accept(&set, &url, Context::default(), &PslSuffixes, NOW))
    }

    #[test]
    fn domain_and_host_only() {
        let own = |domain| Ok((domain, true));
        let all = |domain| Ok((domain, false));
        for (uri, attributes, expected) in [
            ("http://www.example.com/", "", own("www.example.com")),
            ("http://WWW.example.com/", "Domain=Example.COM", all("example.com")),
            ("http://www.example.com/", "Domain=.example.com", all("example.com")),
            ("http://www.example.com/", "Domain=www.example.com", all("www.example.com")),
            ("http://www.example.com/", "Domain=", own("www.example.com")),
            ("http://www.example.com/", "Domain=.", Err(Refused::Domain)),
            ("http://www.example.com/", "Domain=example.com; Domain=", own("www.example.com")),
            ("http://www.example.com/", "Domain=; Domain=example.com", all("example.com")),
            ("http://www.example.com/", "Domain=other.com", Err(Refused::Domain)),
            ("http://www.example.com/", "Domain=a.www.example.com", Err(Refused::Domain)),
            ("http://www.example.com/", "Domain=ample.com", Err(Refused::Domain)),
            ("http://www.example.com/", "Domain=..example.com", Err(Refused::Domain)),
            ("http://www.example.com/", "Domain=example.com.", Err(Refused::Domain)),
            ("http://www.example.com/", "Domain=exämple.com", Err(Refused::Domain)),
            ("http://www.example.com/", "Domain=com", Err(Refused::PublicSuffix)),
            ("http://www.example.com./", "Domain=com.", Err(Refused::PublicSuffix)),
            ("http://www.example.co.uk/", "Domain=co.uk", Err(Refused::PublicSuffix)),
            ("http://me.github.io/", "Domain=github.io", Err(Refused::PublicSuffix)),
            ("http://github.io/", "Domain=github.io", own("github.io")),
            ("http://localhost/", "Domain=localhost", own("localhost")),
            ("http://127.0.0.1/", "", own("127.0.0.1")),
            ("http://127.0.0.1/", "Domain=127.0.0.1", all("127.0.0.1")),
            ("http://127.0.0.1/", "Domain=0.0.1", Err(Refused::Domain)),
            ("http://[::1]/", "Domain=[::1]", own("[::1]")),
            ("http://www.xn--bcher-kva.example/", "Domain=xn--bcher-kva.example", all("xn--bcher-kva.example")),
        ] {
            decide(uri, &format!("a=b; {attributes}"), |accepted| {
                let domain = accepted.as_ref().map(|cookie| (&*cookie.domain, cookie.host_only)).map_err(|why| *why);
                assert_eq!(domain, expected, "{uri} {attributes}");
            });
        }
    }

    #[test]
    fn the_path_is_the_attribute_or_the_directory_of_the_request() {
        for (attributes, expected) in [
            ("", Ok("/a")),
            ("Path=/x/", Ok("/x/")),
            ("Path=x", Ok("/a")),
            ("Path=", Ok("/a")),
            ("Path=/x; Path=", Ok("/a")),
            ("Path=/ä", Err(Refused::Path)),
            ("Path=/ä; Path=/x", Ok("/x")),
        ] {
            decide("http://example.com/a/b?c/d", &format!("a=b; {attributes}"), |accepted| {
                assert_eq!(accepted.map(|cookie| cookie.path), expected, "{attributes}");
            });
        }
    }

    #[test]
    fn the_path_of_a_url_may_be_too_long() {
        for (length, fits) in [(65_535, true), (65_536, false)] {
            let url = url::Url::parse(&format!("http://example.com/{}/x", "p".repeat(length - 1))).unwrap();
            let set = SetCookie::parse(b"a=b").unwrap();
            let url = RequestUrl::of_url(&url).unwrap();
            let accepted = accept(&set, &url, Context::default(), &PslSuffixes, NOW);
            assert_eq!(accepted.err(), (!fits).then_some(Refused::Path), "{length}");
        }
    }

    #[test]
    fn what_is_for_all_sites_must_be_secure() {
        for (attributes, expected) in [
            ("SameSite=None", Some(Refused::SameSiteNone)),
            ("SameSite=None; Secure", None),
            ("Partitioned", Some(Refused::Partitioned)),
            ("Partitioned; Secure", None),
            ("SameSite=Lax", None),
        ] {
            decide("https://example.com/", &format!("a=b; {attributes}"), |accepted| {
                assert_eq!(accepted.err(), expected, "{attributes}");
            });
        }
    }

    #[test]
    fn max_age_stands_before_expires_and_both_end_after_400_days() {
        let days = |days: u64| Some(NOW + Duration::from_secs(days * 86_400));
        for (attributes, expected) in [
            ("", None),
            ("Max-Age=86400", days(1)),
            ("Max-Age=86400; Expires=Wed, 02 Sep 1970 00:00:00 GMT", days(1)),
            ("Expires=Sat, 03 Jan 1970 00:00:00 GMT", days(2)),
            ("Max-Age=0", days(0)),
            ("Max-Age=-1", days(0)),
            ("Max-Age=99999999999999999999", days(400)),
            ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", days(400)),
            ("Max-Age=x; Expires=never", None),
        ] {
            decide("http://example.com/", &format!("a=b; {attributes}"), |accepted| {
                assert_eq!(accepted.unwrap().expires, expected, "{attributes}");
            });
        }
    }

    #[test]
    fn prefixes_keep_their_promise() {
        let (yes, no) = (true, false);
        for (field, kept) in [
            ("__Secure-a=b; Secure", yes),
            ("__Secure-a=b", no),
            ("__secure-a=b", no),
            ("__Host-a=b; Secure; Path=/", yes),
            ("__Host-a=b; Secure; Path=/; HttpOnly", yes),
            ("__Host-a=b; Secure", no),
            ("__Host-a=b; Secure; Path=", no),
            ("__Host-a=b; Path=/", no),
            ("__Host-a=b; Secure; Path=/x", no),
            ("__Host-a=b; Secure; Path=/; Domain=example.com", no),
            ("__HOST-a=b; Secure", no),
            ("__Http-a=b; Secure; HttpOnly", yes),
            ("__Http-a=b; Secure", no),
            ("__Host-Http-a=b; Secure; Path=/; HttpOnly", yes),
            ("__Host-Http-a=b; Secure; Path=/", no),
            ("__Host-Http-a=b; Secure; HttpOnly; Path=/x", no),
            ("=__Secure-a=b; Secure", no),
            ("__Host-a; Secure; Path=/", no),
            ("=__HTTP-a; Secure; HttpOnly", no),
            ("__Hosta=b", yes),
            ("__Host=b", yes),
            ("a=__Host-b", yes),
        ] {
            decide("https://example.com/", field, |accepted| {
                assert_eq!(accepted.map(|_| ()), if kept { Ok(()) } else { Err(Refused::Prefix) }, "{field}");
            });
        }
    }

    #[test]
    fn a_secure_cookie_needs_a_secure_connection() {
        for (uri, taken) in [("https://a.com/", true), ("wss://a.com/", true), ("http://a.com/", false)] {
            let expected = if taken { Ok(()) } else { Err(Refused::Secure) };
            decide(uri, "a=b; Secure", |accepted| assert_eq!(accepted.map(|_| ()), expected, "{uri}"));
        }
    }

    #[test]
    fn another_site_can_set_only_what_is_for_all_sites() {
        let uri = Uri::from_static("https://example.com/");
        let url = RequestUrl::of_uri(&uri).unwrap();
        for (same_site, in_navigation, otherwise) in
            [("Strict", true, false), ("Lax", true, false), ("None", true, true), ("x", true, false)]
        {
            let field = format!("a=b; Secure; SameSite={same_site}");
            let set = SetCookie::parse(field.as_bytes()).unwrap();
            let taken = |site| accept(&set, &url, Context { site, partition: None }, &PslSuffixes, NOW).is_ok();
            assert!(taken(SiteContext::SameSite), "{same_site}");
            assert_eq!(taken(SiteContext::CrossSiteNavigation), in_navigation, "{same_site}");
            assert_eq!(taken(SiteContext::CrossSite), otherwise, "{same_site}");
        }
    }
}
