use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie::{Cookie, SameSite};

use crate::parse::expiration;
use crate::store::Accepted;

/// A cookie in the jar. Its domain is its place in the tree.
pub(crate) struct Entry {
    /// As it is sent: `name=value`, or the value alone where there is no name.
    pair: Box<[u8]>,
    name_length: u16,
    pub(crate) host_only: bool,
    pub(crate) secure: bool,
    http_only: bool,
    partitioned: bool,
    pub(crate) same_site: Option<SameSite>,
    pub(crate) path: Box<str>,
    expires: Option<SystemTime>,
    /// The number of the cookie in the order of creation. One that is set anew keeps its number.
    pub(crate) created: u64,
    /// Microseconds since 1970 of the last time it was set or sent.
    used: AtomicU64,
}

impl Entry {
    pub(super) fn new(cookie: &Accepted<'_>, created: u64, now: SystemTime) -> Self {
        let pair = match cookie.name {
            [] => cookie.value.into(),
            name => [name, b"=", cookie.value].concat().into(),
        };
        Self {
            pair,
            // The parser admits 4096 octets.
            name_length: cookie.name.len().try_into().unwrap_or(u16::MAX),
            host_only: cookie.host_only,
            secure: cookie.secure,
            http_only: cookie.http_only,
            partitioned: cookie.partitioned,
            same_site: cookie.same_site,
            path: cookie.path.into(),
            expires: cookie.expires,
            created,
            used: AtomicU64::new(micros(now)),
        }
    }

    pub(crate) fn pair(&self) -> &[u8] {
        &self.pair
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.pair[..self.name_length.into()]
    }

    fn value(&self) -> &[u8] {
        match self.name_length {
            0 => &self.pair,
            length => &self.pair[usize::from(length) + 1..],
        }
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(super) fn is_session(&self) -> bool {
        self.expires.is_none()
    }

    /// Whether the new cookie, of the same domain, takes this one's place (§5.7, the last steps).
    pub(super) fn is_replaced_by(&self, new: &Accepted<'_>) -> bool {
        self.host_only == new.host_only && *self.path == *new.path && self.name() == new.name
    }

    pub(super) fn touch(&self, now: SystemTime) {
        let now = micros(now);
        // Readers share the line: it is written only for news.
        if self.used.load(Ordering::Relaxed) < now {
            self.used.store(now, Ordering::Relaxed);
        }
    }

    /// Smaller is evicted sooner: what is not secure, then what was not used for the longest time.
    pub(super) fn worth(&self) -> (bool, u64, u64) {
        (self.secure, self.used.load(Ordering::Relaxed), self.created)
    }

    pub(super) fn to_cookie(&self, domain: &str) -> Cookie<'static> {
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        let mut cookie = Cookie::new(text(self.name()), text(self.value()));
        cookie.set_path(self.path.to_string());
        if !self.host_only {
            cookie.set_domain(domain.to_owned());
        }
        if let Some(expires) = self.expires {
            cookie.set_expires(expiration(expires));
        }
        cookie.set_same_site(self.same_site);
        cookie.set_secure(self.secure.then_some(true));
        cookie.set_http_only(self.http_only.then_some(true));
        cookie.set_partitioned(self.partitioned.then_some(true));
        cookie
    }

    pub(super) fn to_stored(&self, domain: &str) -> StoredCookie {
        StoredCookie {
            cookie: self.to_cookie(domain),
            domain: domain.to_owned(),
            host_only: self.host_only,
            expires: self.expires,
        }
    }
}

fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_micros().try_into().unwrap_or(u64::MAX)
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
    /// When it expires; `None` for a session cookie.
    pub expires: Option<SystemTime>,
}

impl fmt::Debug for StoredCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCookie")
            .field("name", &self.cookie.name())
            .field("domain", &self.domain)
            .field("host_only", &self.host_only)
            .field("path", &self.cookie.path())
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
