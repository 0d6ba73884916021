//! RFC 6265bis, sections 5.1, 5.6, 5.7 and 5.8, written down step by step as they stand there: one list of cookies that
//! is gone through from end to end. It shares no code with the crate but for the date, which has its own suite.
//!
//! Beyond the text it has what browsers and the crate have: `__Http-`.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sortie_cookies::{PslSuffixes, PublicSuffixes, SetCookie};
use url::Url;

const CAP: Duration = Duration::from_secs(400 * 86_400);

#[derive(Default)]
pub(crate) struct Rfc {
    cookies: Vec<Cookie>,
    next: usize,
}

struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    domain: String,
    host_only: bool,
    path: Vec<u8>,
    secure: bool,
    expires: Option<SystemTime>,
    created: usize,
}

/// §5.6: names in lower case, values as they stand.
struct Parsed {
    name: Vec<u8>,
    value: Vec<u8>,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

fn trim(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    while matches!(text.first(), Some(b' ' | b'\t')) {
        text.remove(0);
    }
    while matches!(text.last(), Some(b' ' | b'\t')) {
        text.pop();
    }
    text
}

fn parse(field: &[u8]) -> Option<Parsed> {
    if field.iter().any(|octet| matches!(octet, 0..=8 | 10..=31 | 127)) {
        return None;
    }
    let halves = |part: &[u8]| {
        let at = part.iter().position(|octet| *octet == b'=')?;
        Some((trim(&part[..at]), trim(&part[at + 1..])))
    };
    let mut parts = field.split(|octet| *octet == b';');
    let pair = parts.next()?;
    let (name, value) = halves(pair).unwrap_or_else(|| (Vec::new(), trim(pair)));
    if name.is_empty() && value.is_empty() || name.len() + value.len() > 4096 {
        return None;
    }
    let attributes = parts.map(|part| halves(part).unwrap_or_else(|| (trim(part), Vec::new())));
    let attributes = attributes.filter(|(_, value)| value.len() <= 1024);
    Some(Parsed {
        name,
        value,
        attributes: attributes.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
    })
}

impl Parsed {
    fn last(&self, name: &str) -> Option<&[u8]> {
        self.attributes.iter().rev().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| &**value)
    }

    /// §5.6.1, §5.6.2, §5.7 step 7.
    fn expires(&self, now: SystemTime) -> Option<SystemTime> {
        let is_number = |text: &[u8]| {
            let digits = text.strip_prefix(b"-").unwrap_or(text);
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        };
        let mut ages = self.attributes.iter().filter(|(name, value)| name == b"max-age" && is_number(value));
        if let Some((_, age)) = ages.next_back() {
            let text = String::from_utf8_lossy(age);
            let digits = text.trim_start_matches('-');
            let seconds = if text.starts_with('-') { 0 } else { digits.parse::<u64>().unwrap_or(u64::MAX) };
            let is_past = seconds == 0;
            return Some(if is_past { UNIX_EPOCH } else { now + Duration::from_secs(seconds).min(CAP) });
        }
        let dates = self.attributes.iter().filter(|(name, _)| name == b"expires");
        let date = |value: &[u8]| SetCookie::parse(&[b"a=b; Expires=", value].concat()).ok()?.expires();
        dates.filter_map(|(_, value)| date(value)).next_back().map(|at| at.min(now + CAP))
    }
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// §5.1.3.
fn domain_match(host: &str, domain: &str) -> bool {
    host == domain || (host.ends_with(&format!(".{domain}")) && !domain.is_empty() && !is_address(host))
}

/// §5.1.4.
fn path_match(request: &[u8], cookie: &[u8]) -> bool {
    request == cookie || (request.starts_with(cookie) && (cookie.ends_with(b"/") || request[cookie.len()] == b'/'))
}

fn default_path(path: &str) -> Vec<u8> {
    let last = path.rfind('/').unwrap_or(0);
    if !path.starts_with('/') || last == 0 { b"/".to_vec() } else { path.as_bytes()[..last].to_vec() }
}

fn is_secure(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "wss")
}

impl Rfc {
    /// §5.7, in the order of its steps; false where the cookie is ignored.
    pub(crate) fn set(&mut self, url: &Url, field: &[u8], now: SystemTime) -> bool {
        let (Some(parsed), Some(host)) = (parse(field), url.host_str()) else { return false };
        let Some((domain, host_only)) = domain(&parsed, host) else { return false };
        let path = match parsed.last("path") {
            Some(path) if path.starts_with(b"/") => path.to_vec(),
            _ => default_path(url.path()),
        };
        let has = |name| parsed.last(name).is_some();
        let secure = has("secure");
        if !path.is_ascii() || (secure && !is_secure(url)) || !prefixes_hold(&parsed, host_only) {
            return false;
        }
        self.cookies.retain(|old| old.expires.is_none_or(|at| at > now));
        let shadows = |old: &Cookie| {
            old.secure
                && old.name == parsed.name
                && (domain_match(&domain, &old.domain) || domain_match(&old.domain, &domain))
                && path_match(&path, &old.path)
        };
        if !secure && !is_secure(url) && self.cookies.iter().any(shadows) {
            return false;
        }
        let is_same = |old: &Cookie| {
            old.name == parsed.name && old.domain == domain && old.host_only == host_only && old.path == path
        };
        let old = self.cookies.iter().position(is_same).map(|at| self.cookies.remove(at));
        let created = old.map_or(self.next, |old| old.created);
        self.next += 1;
        let expires = parsed.expires(now);
        self.cookies.push(Cookie {
            name: parsed.name,
            value: parsed.value,
            domain,
            host_only,
            path,
            secure,
            expires,
            created,
        });
        true
    }

    /// §5.8.3.
    pub(crate) fn header(&self, url: &Url, now: SystemTime) -> Vec<u8> {
        let Some(host) = url.host_str() else { return Vec::new() };
        let mut going: Vec<&Cookie> = Vec::new();
        for cookie in &self.cookies {
            let is_host = if cookie.host_only { host == cookie.domain } else { domain_match(host, &cookie.domain) };
            let is_alive = cookie.expires.is_none_or(|at| at > now);
            let is_safe = is_secure(url) || !cookie.secure;
            if is_host && is_alive && is_safe && path_match(url.path().as_bytes(), &cookie.path) {
                going.push(cookie);
            }
        }
        going.sort_by_key(|cookie| (Reverse(cookie.path.len()), cookie.created));
        let pair = |cookie: &&Cookie| {
            let equals: &[u8] = if cookie.name.is_empty() { b"" } else { b"=" };
            [&cookie.name, equals, &cookie.value].concat()
        };
        going.iter().map(pair).collect::<Vec<_>>().join(&b"; "[..])
    }
}

/// §5.6.3, §5.7 steps 8 to 10; `None` where the cookie is ignored.
fn domain(parsed: &Parsed, host: &str) -> Option<(String, bool)> {
    let attribute = parsed.last("domain").unwrap_or_default();
    let text = String::from_utf8(attribute.to_ascii_lowercase()).ok().filter(|text| text.is_ascii())?;
    if text.is_empty() {
        return Some((host.to_owned(), true));
    }
    let text = text.strip_prefix('.').unwrap_or(&text);
    if PslSuffixes::default().is_public_suffix(text) {
        return (text == host).then(|| (host.to_owned(), true));
    }
    domain_match(host, text).then(|| (text.to_owned(), false))
}

/// §5.7 steps 20 to 22.
fn prefixes_hold(parsed: &Parsed, host_only: bool) -> bool {
    let begins = |text: &[u8], prefix: &str| text.to_ascii_lowercase().starts_with(prefix.as_bytes());
    let prefixes = ["__secure-", "__host-", "__http-"];
    if parsed.name.is_empty() {
        return !prefixes.iter().any(|prefix| begins(&parsed.value, prefix));
    }
    let is = |prefix| begins(&parsed.name, prefix);
    let has = |name| parsed.last(name).is_some();
    let host = !is("__host-") || (host_only && parsed.last("path") == Some(b"/"));
    let http = !(is("__http-") || is("__host-http-")) || has("httponly");
    !prefixes.into_iter().any(is) || (has("secure") && host && http)
}
