//! The stores that are compared, behind one small trait.

use std::sync::{PoisonError, RwLock};

use cookie_store::CookieStore;
use http::HeaderValue;
use sortie::cookies::{Jar, JarOptions};
use url::Url;

/// Shared by threads, as a client's store is.
pub(super) trait Store: Send + Sync {
    fn new() -> Self;
    fn set(&self, url: &Url, field: &str);
    fn header(&self, url: &Url) -> Option<HeaderValue>;
}

impl Store for Jar {
    /// Without the limits that keep a jar from getting as large as those measured here.
    fn new() -> Self {
        Self::with_options(JarOptions::default().total(usize::MAX).per_domain(usize::MAX))
    }

    fn set(&self, url: &Url, field: &str) {
        self.receive(url, field.as_bytes()).expect("a cookie that may be set");
    }

    fn header(&self, url: &Url) -> Option<HeaderValue> {
        self.header(url)
    }
}

/// `cookie_store` as reqwest's jar has it: behind a lock, without public suffixes.
pub(super) struct Peer(RwLock<CookieStore>);

impl Store for Peer {
    fn new() -> Self {
        Self(RwLock::new(CookieStore::new()))
    }

    fn set(&self, url: &Url, field: &str) {
        let mut store = self.0.write().unwrap_or_else(PoisonError::into_inner);
        store.parse(field, url).expect("a cookie that may be set");
    }

    fn header(&self, url: &Url) -> Option<HeaderValue> {
        let store = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<_> = store.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { HeaderValue::from_maybe_shared(bytes::Bytes::from(pairs.join("; "))).ok() }
    }
}

/// The host of this number.
pub(super) fn host(number: usize) -> Url {
    Url::parse(&format!("https://www.shop{number}.com/account/orders")).expect("a URL")
}

/// A store with a cookie for each of so many domains.
pub(super) fn over_domains<S: Store>(domains: usize) -> S {
    let store = S::new();
    (0..domains).for_each(|number| store.set(&host(number), SESSION));
    store
}

/// A store with so many cookies for one host.
pub(super) fn on_one_host<S: Store>(cookies: usize) -> S {
    let store = S::new();
    (0..cookies).for_each(|number| store.set(&host(0), &format!("c{number}=v{number}; Path=/; Max-Age=86400")));
    store
}

/// What a shop sets.
pub(super) const SESSION: &str =
    "session=9c1185a5c5e9fc54612808977ee8f548b2258d31; Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax";
