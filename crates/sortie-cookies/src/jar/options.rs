use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::shelf::Limits;
use crate::{PslSuffixes, PublicSuffixes};

/// What a [`Jar`](crate::Jar) admits and how much it holds.
#[derive(Clone)]
#[non_exhaustive]
pub struct JarOptions {
    pub(super) per_domain: usize,
    pub(super) total: usize,
    pub(super) trust_loopback: bool,
    pub(super) suffixes: Arc<dyn PublicSuffixes>,
    pub(super) clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

/// 180 cookies for a domain and 3300 in all, which are Chromium's limits (RFC 6265bis §6.1 asks for 50 and 3000); the
/// public suffixes of the `psl` crate; `http` to this machine is as insecure as any; the system's clock.
impl Default for JarOptions {
    fn default() -> Self {
        Self {
            per_domain: 180,
            total: 3300,
            trust_loopback: false,
            suffixes: Arc::new(PslSuffixes),
            clock: Arc::new(SystemTime::now),
        }
    }
}

impl JarOptions {
    /// The most cookies of one domain, 180 unless set; each subdomain counts for itself, all partitions together.
    ///
    /// A cookie beyond the limit evicts those that have expired, then those that are not `Secure` before those that
    /// are, in each group the ones used least recently first. A tenth of the limit goes at once, so that a full jar
    /// does not look for a victim at each cookie.
    #[must_use]
    pub fn per_domain(mut self, limit: usize) -> Self {
        self.per_domain = limit;
        self
    }

    /// The most cookies in all, 3300 unless set. Eviction is as for [`per_domain`](Self::per_domain): RFC 6265bis §5.7
    /// would let any of them go by their last use; here a server without TLS cannot drive out a `Secure` cookie.
    #[must_use]
    pub fn total(mut self, limit: usize) -> Self {
        self.total = limit;
        self
    }

    /// Whether `http://localhost`, `*.localhost`, `127.0.0.0/8` and `[::1]` may set and get `Secure` cookies, as in
    /// browsers for those who develop a server; not unless set.
    #[must_use]
    pub fn trust_loopback(mut self, trust: bool) -> Self {
        self.trust_loopback = trust;
        self
    }

    /// Another list of public suffixes.
    #[must_use]
    pub fn public_suffixes(mut self, suffixes: impl PublicSuffixes + 'static) -> Self {
        self.suffixes = Arc::new(suffixes);
        self
    }

    /// Another clock, for tests and for a jar of another time. It is asked once for each field that is stored and for
    /// each request whose host has cookies.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }
}

impl JarOptions {
    pub(super) fn limits(&self) -> Limits {
        Limits { per_domain: self.per_domain, total: self.total }
    }
}

impl fmt::Debug for JarOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JarOptions")
            .field("per_domain", &self.per_domain)
            .field("total", &self.total)
            .field("trust_loopback", &self.trust_loopback)
            .finish_non_exhaustive()
    }
}
