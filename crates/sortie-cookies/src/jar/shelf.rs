//! What is in the jar, behind its lock: looking up, putting in, making room.

use std::cell::LazyCell;
use std::time::SystemTime;

use super::entry::{Entry, Micros};
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
    ) -> (Vec<(&'a str, &'a Entry)>, Option<Micros>) {
        let (mut found, mut now) = (Vec::new(), None);
        let partition = LazyCell::new(|| context.partition(url, suffixes));
        let is_here = |site: &[u8]| site == partition.as_bytes();
        for (domain, cookies) in self.tree.towards(&url.host).filter(|(_, cookies)| !cookies.is_empty()) {
            let now = *now.get_or_insert_with(|| Micros::of(clock()));
            let is_host = domain.len() == url.host.len();
            let matching = cookies.iter().filter(|cookie| is_host || !cookie.host_only);
            let going = matching.filter(|cookie| goes_with(cookie, url, context.site, is_here, now));
            found.extend(going.map(|cookie| (domain, cookie)));
        }
        found.sort_unstable_by(|(_, a), (_, b)| order(a, b));
        (found, now)
    }

    /// The last steps of the storage model, those that depend on the other cookies (RFC 6265bis §5.7). A cookie that is
    /// expired already leaves only its removal. Says whether there is anything new afterwards.
    pub(super) fn put(&mut self, cookie: &Accepted<'_>, is_secure_url: bool, now: Micros) -> Result<bool, Refused> {
        if !cookie.secure && !is_secure_url && self.holds_secure(cookie, now) {
            return Err(Refused::ShadowsSecure);
        }
        let cookies = self.tree.at_mut(&cookie.domain);
        let before = cookies.len();
        cookies.retain(|old| !old.is_expired(now));
        let mut is_new = cookies.len() != before;
        let replaced = cookies.iter().position(|old| old.is_replaced_by(cookie));
        let new = Entry::new(cookie, replaced.map_or(self.created, |old| cookies[old].created), now);
        match (replaced, new.is_expired(now)) {
            (Some(old), false) => {
                is_new |= !cookies[old].says_the_same(&new);
                cookies[old] = new;
            }
            (Some(old), true) => {
                is_new = true;
                cookies.remove(old);
            }
            (None, false) => {
                is_new = true;
                self.created += 1;
                if cookies.is_empty() {
                    // Most domains have few cookies, and a vector that grows by itself begins with four.
                    cookies.reserve_exact(1);
                }
                cookies.push(new);
            }
            (None, true) => {}
        }
        let after = cookies.len();
        self.count = self.count + after - before;
        if after == 0 {
            self.tree.prune(&cookie.domain);
        }
        Ok(is_new)
    }

    fn holds_secure(&self, new: &Accepted<'_>, now: Micros) -> bool {
        let shadowed = |old: &Entry| old.secure && !old.is_expired(now) && shadows(new, old.name(), old.path());
        self.tree.towards(&new.domain).any(|(_, cookies)| cookies.iter().any(shadowed))
            || self.tree.any_below(&new.domain, &shadowed)
    }

    /// Brings a domain, then the whole, back under its limit.
    pub(super) fn make_room(&mut self, domain: &str, per_domain: usize, total: usize, now: Micros) {
        let cookies = self.tree.at_mut(domain);
        if cookies.len() > per_domain {
            let before = cookies.len();
            let least = least_kept(cookies.iter().map(Entry::worth).collect(), per_domain);
            cookies.retain(|cookie| least.is_some_and(|least| cookie.worth() >= least));
            self.count = self.count + cookies.len() - before;
        }
        self.tree.prune(domain);
        if self.count <= total {
            return;
        }
        self.retain(|_, cookie| !cookie.is_expired(now));
        // Also if that has made room, but little: each cookie would go through the whole jar otherwise.
        if self.count > total - total / 10 {
            let mut worths = Vec::with_capacity(self.count);
            self.tree.for_each(&mut |_, cookie| worths.push(cookie.worth()));
            let least = least_kept(worths, total);
            self.retain(|_, cookie| least.is_some_and(|least| cookie.worth() >= least));
        }
    }

    pub(super) fn remove(&mut self, domain: &str, mut is_it: impl FnMut(&Entry) -> bool) -> bool {
        let cookies = self.tree.at_mut(domain);
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

/// The worth of the least of those that stay, when nine tenths of `limit` do; `None` if none stays.
fn least_kept(mut worths: Vec<(bool, u64, u64)>, limit: usize) -> Option<(bool, u64, u64)> {
    let kept = limit - limit / 10;
    let going = worths.len().saturating_sub(kept);
    (going < worths.len()).then(|| *worths.select_nth_unstable(going).1)
}
