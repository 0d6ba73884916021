//! The jar: cookies of many hosts, shared by clones.

mod entry;
mod few;
mod options;
mod shelf;
#[cfg(test)]
mod tests;
mod tree;
mod watch;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use cookie::Cookie;
use http::HeaderValue;
use url::Url;

pub use self::entry::StoredCookie;
pub(crate) use self::entry::{Entry, Micros};
pub use self::options::JarOptions;
use self::shelf::Shelf;
pub use self::watch::Subscription;
use self::watch::Watchers;
use crate::domain::{RequestUrl, domain_match};
use crate::persist::Sessions;
use crate::retrieve;
use crate::store::{Accepted, Context, accept, readmit};
use crate::{CookieRequest, CookieStore, Refused, SetCookie};

/// Cookies in memory, kept by the rules of RFC 6265bis.
///
/// A clone is another handle to the same cookies, for another session or thread. Readers do not wait for each other. A
/// look-up costs what the labels of the host cost, whatever else is in the jar, and for a host without cookies it
/// allocates nothing (as long as the host is in lower case). It holds 3300 cookies, 180 for a domain, unless
/// [`JarOptions`] say otherwise. `Debug` shows only how many there are.
///
/// ```
/// use sortie_cookies::{Jar, Refused};
/// use url::Url;
///
/// let jar = Jar::new();
/// let shop = Url::parse("https://shop.example.com/cart/items")?;
/// jar.receive(&shop, b"id=7; Secure; HttpOnly")?;
/// jar.set(&shop, cookie::Cookie::build(("lang", "en")).domain("example.com").path("/").build())?;
///
/// assert_eq!(jar.header(&shop).unwrap(), "id=7; lang=en");
/// assert_eq!(jar.header(&Url::parse("http://www.example.com/")?).unwrap(), "lang=en");
/// assert_eq!(jar.receive(&shop, b"id=8; Domain=com"), Err(Refused::PublicSuffix));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Jar(Arc<Inner>);

#[derive(Default)]
struct Inner {
    options: JarOptions,
    /// How many cookies there are, readable without the lock: an empty jar costs a request one load.
    count: AtomicUsize,
    shelf: RwLock<Shelf>,
    watchers: Arc<Watchers>,
}

impl Jar {
    /// An empty jar with the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty jar.
    #[must_use]
    pub fn with_options(options: JarOptions) -> Self {
        Self(Arc::new(Inner { options, ..Inner::default() }))
    }

    /// Puts in a cookie as if the server at `url` had set it: host-only without a domain, for the directory of the URL
    /// without a path, deleted if it has expired. A domain may be written in Unicode.
    ///
    /// # Errors
    ///
    /// What a server could not set at that URL cannot be set here either; [`Refused`] says which rule it is. A name or
    /// a value that a `Cookie` field cannot carry is [`Refused::Syntax`] or [`Refused::ControlCharacter`].
    pub fn set<'c>(&self, url: &Url, cookie: impl Into<Cookie<'c>>) -> Result<(), Refused> {
        let cookie = cookie.into();
        let mut set = SetCookie::of(&cookie)?;
        let ascii;
        if let Some(unicode) = cookie.domain().filter(|domain| !domain.is_ascii()) {
            ascii = url::Host::parse(unicode).map_err(|_| Refused::Domain)?.to_string();
            set.domain = Some(ascii.as_bytes());
        }
        let url = RequestUrl::of_url(url).ok_or(Refused::Url)?;
        self.put(&set, url, Context::default())
    }

    /// Takes the value of one `Set-Cookie` field that came in answer to a request for `url`.
    ///
    /// # Errors
    ///
    /// [`Refused`] with the rule of RFC 6265bis by which it was not taken.
    pub fn receive(&self, url: &Url, set_cookie: &[u8]) -> Result<(), Refused> {
        let url = RequestUrl::of_url(url).ok_or(Refused::Url)?;
        self.put(&SetCookie::parse(set_cookie)?, url, Context::default())
    }

    fn put(&self, set: &SetCookie<'_>, url: RequestUrl<'_>, context: Context<'_>) -> Result<(), Refused> {
        let options = &self.0.options;
        let url = if options.trust_loopback { url.trusting_loopback() } else { url };
        let now = (options.clock)();
        let cookie = accept(set, &url, context, &*options.suffixes, now)?;
        let now = Micros::of(now);
        self.write(|shelf| {
            let is_new = shelf.put(&cookie, url.secure, options.limits(), now);
            (is_new.map(|_| ()), is_new == Ok(true))
        })
    }

    /// The `Cookie` field for a same-site request to `url`, marked sensitive; `None` if there is no cookie for it.
    #[must_use]
    pub fn header(&self, url: &Url) -> Option<HeaderValue> {
        self.field(RequestUrl::of_url(url)?, Context::default())
    }

    fn field(&self, url: RequestUrl<'_>, context: Context<'_>) -> Option<HeaderValue> {
        self.matching(url, context, |cookies, now| {
            cookies.iter().for_each(|(_, cookie)| cookie.touch(now));
            retrieve::field(cookies.iter().map(|(_, cookie)| *cookie))
        })
    }

    fn matching<R>(
        &self,
        url: RequestUrl<'_>,
        context: Context<'_>,
        then: impl FnOnce(&[(&str, &Entry)], Micros) -> Option<R>,
    ) -> Option<R> {
        let options = &self.0.options;
        let url = if options.trust_loopback { url.trusting_loopback() } else { url };
        let shelf = self.read();
        let (cookies, now) = shelf.matching(&url, context, &*options.suffixes, &*options.clock);
        then(cookies.as_slice(), now?)
    }

    /// The cookie of this name that a request to `url` sends first.
    #[must_use]
    pub fn get(&self, url: &Url, name: &str) -> Option<Cookie<'static>> {
        self.matching(RequestUrl::of_url(url)?, Context::default(), |cookies, _| {
            let (domain, cookie) = cookies.iter().find(|(_, cookie)| cookie.name() == name.as_bytes())?;
            Some(cookie.to_cookie(domain))
        })
    }

    /// Removes the cookies of exactly this domain, path and name, host-only or not, in every partition; whether there
    /// was one.
    pub fn remove(&self, domain: &str, path: &str, name: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        let is_it = |cookie: &Entry| cookie.path() == path.as_bytes() && cookie.name() == name.as_bytes();
        self.write(|shelf| {
            let removed = shelf.remove(&domain, is_it);
            (removed, removed)
        })
    }

    /// A copy of every cookie that has not expired, in the order of creation.
    #[must_use]
    pub fn all(&self) -> Vec<StoredCookie> {
        self.iter().collect()
    }

    /// The same, to go through. It is a snapshot: the jar is not locked meanwhile.
    pub fn iter(&self) -> impl Iterator<Item = StoredCookie> + use<> {
        self.numbered().into_iter().map(|(_, cookie)| cookie)
    }

    /// A copy of every cookie that a same-site request to `url` sends, in the order in which it does.
    pub fn iter_for(&self, url: &Url) -> impl Iterator<Item = StoredCookie> + use<> {
        let copies = RequestUrl::of_url(url).and_then(|url| {
            self.matching(url, Context::default(), |cookies, _| {
                Some(cookies.iter().map(|(domain, cookie)| cookie.to_stored(domain)).collect::<Vec<_>>())
            })
        });
        copies.unwrap_or_default().into_iter()
    }

    /// A copy of every cookie of a domain and of its subdomains, in the order of creation.
    pub fn iter_domain(&self, domain: &str) -> impl Iterator<Item = StoredCookie> + use<> {
        let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
        self.iter().filter(move |stored| domain_match(&stored.domain, &domain))
    }

    fn numbered(&self) -> Vec<(u64, StoredCookie)> {
        let now = Micros::of((self.0.options.clock)());
        let mut all = Vec::new();
        self.read().tree().for_each(&mut |domain, cookie| {
            if !cookie.is_expired(now) {
                all.push((cookie.created, cookie.to_stored(domain)));
            }
        });
        all.sort_unstable_by_key(|(created, _)| *created);
        all
    }

    /// Keeps the cookies of which `keep` is true and drops the rest, expired ones without asking.
    ///
    /// `keep` is asked about a snapshot, before anything is dropped. A cookie that is set anew meanwhile has the fate
    /// of the one it replaces; one that is new stays.
    pub fn retain(&self, mut keep: impl FnMut(&StoredCookie) -> bool) {
        let before = self.read().next_number();
        let mut kept = self.numbered();
        kept.retain(|(_, cookie)| keep(cookie));
        let is_kept = |number| number >= before || kept.binary_search_by_key(&number, |(kept, _)| *kept).is_ok();
        self.keep(|_, cookie| is_kept(cookie.created));
    }

    /// Drops every cookie.
    pub fn clear(&self) {
        self.keep(|_, _| false);
    }

    /// Drops the session cookies, those without `Max-Age` and `Expires`: what a browser does when it is closed.
    pub fn clear_session(&self) {
        self.keep(|_, cookie| !cookie.is_session());
    }

    /// Drops the cookies that have expired. They are never sent, and go by themselves when room is needed.
    pub fn clear_expired(&self) {
        let now = Micros::of((self.0.options.clock)());
        self.keep(|_, cookie| !cookie.is_expired(now));
    }

    /// Drops the cookies of a domain and of its subdomains.
    pub fn clear_domain(&self, domain: &str) {
        let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
        self.keep(|at, _| !domain_match(at, &domain));
    }

    /// Calls `told` after every change of what the jar holds, for as long as the [`Subscription`] lives: on the thread
    /// that made the change, without a lock held. It must not block, for that thread is sending or reading a request.
    ///
    /// A cookie that is set again as it was, and one that is sent, are no change.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let jar = sortie_cookies::Jar::new();
    /// let is_changed = Arc::new(AtomicBool::new(false));
    /// let flag = is_changed.clone();
    /// let _subscription = jar.on_change(move || flag.store(true, Ordering::Relaxed));
    /// jar.receive(&url::Url::parse("https://example.com/")?, b"id=7")?;
    /// assert!(is_changed.load(Ordering::Relaxed));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_change(&self, told: impl Fn() + Send + Sync + 'static) -> Subscription {
        Watchers::add(&self.0.watchers, Arc::new(told))
    }

    /// How many cookies there are; expired ones count until they are removed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `write` makes of the cookies that have not expired, in the order of creation.
    pub(crate) fn written<R>(
        &self,
        sessions: Sessions,
        write: impl FnOnce(&mut dyn Iterator<Item = Accepted<'_>>) -> R,
    ) -> R {
        let now = Micros::of((self.0.options.clock)());
        let shelf = self.read();
        let mut cookies = Vec::with_capacity(shelf.count());
        shelf.tree().for_each(&mut |domain, cookie| {
            if !cookie.is_expired(now) && (sessions == Sessions::Keep || !cookie.is_session()) {
                cookies.push((domain.to_owned(), cookie));
            }
        });
        cookies.sort_unstable_by_key(|(_, cookie)| cookie.created);
        write(&mut cookies.iter().map(|(domain, cookie)| cookie.to_accepted(domain)))
    }

    /// Puts in what was kept elsewhere, in one go, and returns how many were taken.
    pub(crate) fn put_all<'a>(&self, cookies: impl Iterator<Item = Accepted<'a>>) -> usize {
        let options = &self.0.options;
        let now = (options.clock)();
        let admitted: Vec<_> = cookies.filter_map(|cookie| readmit(cookie, &*options.suffixes, now)).collect();
        let now = Micros::of(now);
        self.write(|shelf| {
            let mut is_changed = false;
            for cookie in &admitted {
                is_changed |= shelf.put(cookie, true, options.limits(), now) == Ok(true);
            }
            (admitted.len(), is_changed)
        })
    }

    // No code of the user's runs while the lock is held for writing, so nothing can leave the shelf half changed.
    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.0.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// `change` returns its result, and whether it is one.
    fn write<R>(&self, change: impl FnOnce(&mut Shelf) -> (R, bool)) -> R {
        let mut shelf = self.0.shelf.write().unwrap_or_else(PoisonError::into_inner);
        let (result, is_changed) = change(&mut shelf);
        self.0.count.store(shelf.count(), Ordering::Relaxed);
        drop(shelf);
        if is_changed {
            self.0.watchers.tell();
        }
        result
    }

    fn keep(&self, keep: impl FnMut(&str, &Entry) -> bool) {
        self.write(|shelf| ((), shelf.retain(keep) > 0));
    }
}

impl CookieStore for Jar {
    fn cookies(&self, request: CookieRequest<'_>) -> Option<HeaderValue> {
        if self.is_empty() {
            return None;
        }
        self.field(RequestUrl::of_uri(request.uri)?, request.context())
    }

    fn store(&self, request: CookieRequest<'_>, set_cookie: &mut dyn Iterator<Item = &HeaderValue>) {
        for field in set_cookie {
            let Some(url) = RequestUrl::of_uri(request.uri) else { return };
            if let Ok(set) = SetCookie::parse(field.as_bytes()) {
                // As in browsers, a cookie that is refused is dropped without a word.
                let _ = self.put(&set, url, request.context());
            }
        }
    }
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").field("cookies", &self.len()).finish_non_exhaustive()
    }
}
