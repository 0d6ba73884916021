//! What is in the jar, behind its lock: looking up, putting in, making room.

use std::cell::LazyCell;
use std::time::SystemTime;

use super::entry::{Entry, Micros};
use super::few::Few;
use super::tree::Tree;
use crate::domain::RequestUrl;
use crate::retrieve::{goes_with, order};
use crate::store::{Accepted, Context, shadows};
use crate::{PublicSuffixes, Refused};

#[derive(Default)]
pub(super) struct Shelf {
    tree: Tree,
    count: usize,
    created: u64,
}

impl Shelf {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The number that the next new cookie gets.
    pub(super) fn next_number(&self) -> u64 {
        self.created
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The cookies that go with a request, each with its domain, in the order in which they are sent; and the time at
    /// which they do. The clock is asked only if the host has any.
    pub(super) fn matching<'a>(
        &'a self,
        url: &'a RequestUrl<'_>,
        context: Context<'_>,
        suffixes: &dyn PublicSuffixes,
        clock: &dyn Fn() -> SystemTime,
    ) -> (Few<(&'a str, &'a Entry)>, Option<Micros>) {
        let (mut found, mut now) = (Few::default(), None);
        let partition = LazyCell::new(|| context.partition(url, suffixes));
        let is_here = |site: &[u8]| site == partition.as_bytes();
        for (domain, cookies) in self.tree.towards(&url.host).filter(|(_, cookies)| !cookies.is_empty()) {
            let now = *now.get_or_insert_with(|| Micros::of(clock()));
            let is_host = domain.len() == url.host.len();
            let matching = cookies.iter().filter(|cookie| is_host || !cookie.host_only);
            let going = matching.filter(|cookie| goes_with(cookie, url, context.site, is_here, now));
            going.for_each(|cookie| found.push((domain, cookie)));
        }
        found.as_mut_slice().sort_unstable_by(|(_, a), (_, b)| order(a, b));
        (found, now)
    }

    /// The last steps of the storage model, those that depend on the other cookies (RFC 6265bis §5.7), and the limits. A
    /// cookie that is expired already leaves only its removal. Says whether there is anything new afterwards.
    pub(super) fn put(
        &mut self,
        cookie: &Accepted<'_>,
        is_secure_url: bool,
        limits: Limits,
        now: Micros,
    ) -> Result<bool, Refused> {
        if !cookie.secure && !is_secure_url && self.holds_secure(cookie, now) {
            return Err(Refused::ShadowsSecure);
        }
        let cookies = self.tree.for_cookie(&cookie.domain, cookie.secure);
        let before = cookies.len();
        let number = self.created;
        let (is_new, is_created) = put_among(cookies, cookie, number, now);
        let after = cookies.len();
        self.created += u64::from(is_created);
        self.count = self.count + after - before;
        if after > limits.per_domain {
            self.make_room_in(&cookie.domain, limits.per_domain);
        } else if after == 0 {
            self.tree.prune(&cookie.domain);
        }
        if self.count > limits.total {
            self.make_room(limits.total, now);
        }
        Ok(is_new)
    }

    fn holds_secure(&self, new: &Accepted<'_>, now: Micros) -> bool {
        let shadowed = |old: &Entry| old.secure && !old.is_expired(now) && shadows(new, old.name(), old.path());
        self.tree.towards(&new.domain).any(|(_, cookies)| cookies.iter().any(shadowed))
            || self.tree.any_secure_below(&new.domain, &shadowed)
    }

    fn make_room_in(&mut self, domain: &str, limit: usize) {
        let Some(cookies) = self.tree.at_mut(domain) else { return };
        let before = cookies.len();
        let least = least_kept(cookies.as_slice().iter().map(Entry::worth).collect(), limit);
        cookies.retain(|cookie| least.is_some_and(|least| cookie.worth() >= least));
        let after = cookies.len();
        self.count = self.count + after - before;
        if after == 0 {
            self.tree.prune(domain);
        }
    }

    fn make_room(&mut self, limit: usize, now: Micros) {
        self.retain(|_, cookie| !cookie.is_expired(now));
        // Also if that has made room, but little: each cookie would go through the whole jar otherwise.
        if self.count > kept(limit) {
            let mut worths = Vec::with_capacity(self.count);
            self.tree.for_each(&mut |_, cookie| worths.push(cookie.worth()));
            let least = least_kept(worths, limit);
            self.retain(|_, cookie| least.is_some_and(|least| cookie.worth() >= least));
        }
    }

    pub(super) fn remove(&mut self, domain: &str, mut is_it: impl FnMut(&Entry) -> bool) -> bool {
        let Some(cookies) = self.tree.at_mut(domain) else { return false };
        let before = cookies.len();
        cookies.retain(|cookie| !is_it(cookie));
        let gone = before - cookies.len();
        self.tree.prune(domain);
        self.count -= gone;
        gone > 0
    }

    /// Keeps the cookies that `keep` says to, and returns how many went.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str, &Entry) -> bool) -> usize {
        let gone = self.tree.retain(&mut keep);
        self.count -= gone;
        gone
    }
}

/// How many cookies there may be.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) per_domain: usize,
    pub(super) total: usize,
}

/// Puts a cookie among those of its domain, where expired ones go by the way. Returns whether anything is new, and
/// whether the cookie took its number.
fn put_among(cookies: &mut Few<Entry>, cookie: &Accepted<'_>, number: u64, now: Micros) -> (bool, bool) {
    let before = cookies.len();
    cookies.retain(|old| !old.is_expired(now));
    let has_expired = cookies.len() != before;
    let replaced = cookies.as_mut_slice().iter_mut().find(|old| old.is_replaced_by(cookie));
    let new = Entry::new(cookie, replaced.as_ref().map_or(number, |old| old.created), now);
    match replaced {
        Some(old) if new.is_expired(now) => {
            let gone = old.created;
            cookies.retain(|old| old.created != gone);
            (true, false)
        }
        Some(old) => {
            let is_new = !old.says_the_same(&new);
            *old = new;
            (is_new || has_expired, false)
        }
        None if new.is_expired(now) => (has_expired, false),
        None => {
            cookies.push(new);
            (true, true)
        }
    }
}

/// A tenth goes at once, so that a full jar does not look for a victim at each cookie.
fn kept(limit: usize) -> usize {
    limit - limit / 10
}

/// The worth of the least of those that stay; `None` if none stays.
fn least_kept(mut worths: Vec<(bool, u64, u64)>, limit: usize) -> Option<(bool, u64, u64)> {
    let going = worths.len().saturating_sub(kept(limit));
    (going < worths.len()).then(|| *worths.select_nth_unstable(going).1)
}
