use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie::{Cookie, SameSite};

use crate::parse::expiration;
use crate::store::Accepted;

/// A cookie in the jar. Its domain is its place in the tree.
///
/// A full jar is mostly these, so they are small: what is text stands in one allocation.
pub(crate) struct Entry {
    /// The pair as it is sent (`name=value`, or the value alone where there is no name), the path, the partition.
    text: Box<[u8]>,
    /// Tells most names apart without a look at the text.
    name_mark: u32,
    name_length: u16,
    pair_length: u16,
    path_length: u16,
    pub(crate) host_only: bool,
    pub(crate) secure: bool,
    http_only: bool,
    pub(crate) same_site: Option<SameSite>,
    expires: Micros,
    /// The number of the cookie in the order of creation. One that is set anew keeps its number.
    pub(crate) created: u64,
    /// The last time it was set or sent, to the second.
    used: AtomicU64,
}

/// Of the first and the last octets, where names differ if they do.
fn mark(name: &[u8]) -> u32 {
    let four = |octets: &[u8]| octets.iter().fold(0, |mark, &octet| mark << 8 | u32::from(octet));
    let edge = name.len().min(4);
    four(&name[..edge]).rotate_left(5) ^ four(&name[name.len() - edge..])
}

/// Microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(u64);

impl Micros {
    const NEVER: Self = Self(u64::MAX);

    pub(crate) fn of(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(since.as_micros().try_into().unwrap_or(u64::MAX))
    }

    /// The second in which something expires, rounded up: `Max-Age` and `Expires` know no parts of one, and neither do
    /// files. A session cookie never expires.
    fn of_expiry(at: Option<SystemTime>) -> Self {
        let Some(at) = at else { return Self::NEVER };
        let seconds = Self::of(at).0.div_ceil(1_000_000);
        Self(seconds.saturating_mul(1_000_000).min(Self::NEVER.0 - 1))
    }

    fn time(self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_micros(self.0)).filter(|_| self != Self::NEVER)
    }
}

impl Entry {
    pub(super) fn new(cookie: &Accepted<'_>, created: u64, now: Micros) -> Self {
        let equals: &[u8] = if cookie.name.is_empty() { b"" } else { b"=" };
        let partition = cookie.partition.as_deref().unwrap_or_default();
        let text = [cookie.name, equals, cookie.value, cookie.path.as_bytes(), partition.as_bytes()].concat();
        let length = |octets: usize| u16::try_from(octets).expect("a pair has 4097 octets at most, a path 65,535");
        Self {
            text: text.into(),
            name_mark: mark(cookie.name),
            name_length: length(cookie.name.len()),
            pair_length: length(cookie.name.len() + equals.len() + cookie.value.len()),
            path_length: length(cookie.path.len()),
            host_only: cookie.host_only,
            secure: cookie.secure,
            http_only: cookie.http_only,
            same_site: cookie.same_site,
            expires: Micros::of_expiry(cookie.expires),
            created,
            used: AtomicU64::new(now.0),
        }
    }

    pub(crate) fn pair(&self) -> &[u8] {
        &self.text[..self.pair_length.into()]
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.text[..self.name_length.into()]
    }

    fn value(&self) -> &[u8] {
        match self.name_length {
            0 => self.pair(),
            length => &self.pair()[usize::from(length) + 1..],
        }
    }

    pub(crate) fn path(&self) -> &[u8] {
        &self.text[self.pair_length.into()..][..self.path_length.into()]
    }

    /// Empty for a cookie that is not partitioned.
    pub(crate) fn partition(&self) -> &[u8] {
        &self.text[usize::from(self.pair_length) + usize::from(self.path_length)..]
    }

    pub(crate) fn is_expired(&self, now: Micros) -> bool {
        self.expires <= now
    }

    pub(super) fn is_session(&self) -> bool {
        self.expires == Micros::NEVER
    }

    /// Whether the new cookie, of the same domain, takes this one's place (§5.7, the last steps; with CHIPS the
    /// partition belongs to what a cookie is known by).
    pub(super) fn is_replaced_by(&self, new: &Accepted<'_>) -> bool {
        self.name_mark == mark(new.name)
            && self.host_only == new.host_only
            && self.name() == new.name
            && self.path() == new.path.as_bytes()
            && self.partition() == new.partition.as_deref().unwrap_or_default().as_bytes()
    }

    /// Whether two cookies differ in nothing but the time of their use.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let marks = |entry: &Self| {
            (entry.host_only, entry.secure, entry.http_only, entry.same_site, entry.expires, entry.created)
        };
        (self.pair_length, self.path_length) == (other.pair_length, other.path_length)
            && self.text == other.text
            && marks(self) == marks(other)
    }

    pub(super) fn touch(&self, now: Micros) {
        // Readers share the line, and what is least recently used need not be known more exactly.
        if self.used.load(Ordering::Relaxed).saturating_add(1_000_000) <= now.0 {
            self.used.store(now.0, Ordering::Relaxed);
        }
    }

    /// Smaller is evicted sooner: what is not secure, then what was not used for the longest time.
    pub(super) fn worth(&self) -> (bool, u64, u64) {
        (self.secure, self.used.load(Ordering::Relaxed), self.created)
    }

    /// As it was when it was put in.
    pub(crate) fn to_accepted<'a>(&'a self, domain: &'a str) -> Accepted<'a> {
        let text = |octets| std::str::from_utf8(octets).expect("a path and a partition came from text");
        Accepted {
            name: self.name(),
            value: self.value(),
            domain: domain.into(),
            host_only: self.host_only,
            path: text(self.path()),
            secure: self.secure,
            http_only: self.http_only,
            same_site: self.same_site,
            partition: Some(text(self.partition())).filter(|site| !site.is_empty()).map(Into::into),
            expires: self.expires.time(),
        }
    }

    pub(super) fn to_cookie(&self, domain: &str) -> Cookie<'static> {
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        let mut cookie = Cookie::new(text(self.name()), text(self.value()));
        cookie.set_path(text(self.path()));
        if !self.host_only {
            cookie.set_domain(domain.to_owned());
        }
        if let Some(expires) = self.expires.time() {
            cookie.set_expires(expiration(expires));
        }
        cookie.set_same_site(self.same_site);
        cookie.set_secure(self.secure.then_some(true));
        cookie.set_http_only(self.http_only.then_some(true));
        cookie.set_partitioned((!self.partition().is_empty()).then_some(true));
        cookie
    }

    pub(super) fn to_stored(&self, domain: &str) -> StoredCookie {
        StoredCookie {
            cookie: self.to_cookie(domain),
            domain: domain.to_owned(),
            host_only: self.host_only,
            expires: self.expires.time(),
            partition: self.to_accepted(domain).partition.map(Into::into),
        }
    }
}

/// A copy of a cookie as the jar keeps it. `Debug` does not show the value.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoredCookie {
    /// Name, value and attributes. `Max-Age` has become `Expires`; there is no `Domain` for a host-only cookie; what is
    /// not UTF-8 has become U+FFFD.
    pub cookie: Cookie<'static>,
    /// The host or domain it belongs to, in lower case.
    pub domain: String,
    /// Whether it is for that host only and not for its subdomains.
    pub host_only: bool,
    /// When it expires, to the second; `None` for a session cookie.
    pub expires: Option<SystemTime>,
    /// The site under which it is kept, as `https://example.com`; `None` if it is not `Partitioned`.
    pub partition: Option<String>,
}

impl fmt::Debug for StoredCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCookie")
            .field("name", &self.cookie.name())
            .field("domain", &self.domain)
            .field("host_only", &self.host_only)
            .field("path", &self.cookie.path())
            .field("expires", &self.expires)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}
