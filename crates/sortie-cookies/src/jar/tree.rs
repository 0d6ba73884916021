//! Where in the jar are the cookies of a host? A tree of domain labels from the top-level domain down, so that a
//! look-up walks the labels of the host and ends at the first one that no cookie has.

use std::collections::HashMap;

use super::entry::Entry;
use crate::domain::is_address;

#[derive(Default)]
pub(super) struct Tree {
    cookies: Vec<Entry>,
    #[expect(clippy::box_collection, reason = "nearly every node is a leaf, and this halves it")]
    below: Option<Box<HashMap<Box<str>, Self>>>,
}

/// The labels of a host from the right; an address is one label.
fn labels(host: &str) -> impl Iterator<Item = &str> {
    host.rsplitn(if is_address(host) { 1 } else { usize::MAX }, '.')
}

impl Tree {
    /// The domains that the host matches and that are in the tree, each with its cookies: from the top-level domain
    /// to the host itself.
    pub(super) fn towards<'a>(&'a self, host: &'a str) -> impl Iterator<Item = (&'a str, &'a [Entry])> {
        let (mut labels, mut node, mut start) = (labels(host), Some(self), host.len() + 1);
        std::iter::from_fn(move || {
            let label = labels.next()?;
            node = node?.below.as_ref()?.get(label);
            start -= label.len() + 1;
            Some((&host[start..], &*node?.cookies))
        })
    }

    /// Whether a cookie of a true subdomain satisfies `found`.
    pub(super) fn any_below(&self, domain: &str, found: &impl Fn(&Entry) -> bool) -> bool {
        let node = labels(domain).try_fold(self, |node, label| node.below.as_ref()?.get(label));
        node.is_some_and(|node| node.children().any(|child| child.any(found)))
    }

    fn any(&self, found: &impl Fn(&Entry) -> bool) -> bool {
        self.cookies.iter().any(found) || self.children().any(|child| child.any(found))
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        self.below.iter().flat_map(|below| below.values())
    }

    /// The cookies of exactly this domain, to be changed; [`prune`](Self::prune) it afterwards if they may all be gone.
    pub(super) fn at_mut(&mut self, domain: &str) -> &mut Vec<Entry> {
        let mut node = self;
        for label in labels(domain) {
            let below = node.below.get_or_insert_default();
            if !below.contains_key(label) {
                below.insert(label.into(), Self::default());
            }
            node = below.get_mut(label).expect("it was there or has been inserted");
        }
        &mut node.cookies
    }

    /// Removes the nodes on the way to `domain` that lead to nothing.
    pub(super) fn prune(&mut self, domain: &str) {
        self.prune_along(&mut labels(domain));
    }

    fn prune_along<'a>(&mut self, labels: &mut impl Iterator<Item = &'a str>) {
        let (Some(label), Some(below)) = (labels.next(), &mut self.below) else { return };
        if let Some(child) = below.get_mut(label) {
            child.prune_along(labels);
            if child.is_empty() {
                below.remove(label);
            }
        }
        if below.is_empty() {
            self.below = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.below.is_none()
    }

    /// Calls `visit` for every cookie with its domain.
    pub(super) fn for_each<'a>(&'a self, visit: &mut impl FnMut(&str, &'a Entry)) {
        self.visit(None, visit);
    }

    fn visit<'a>(&'a self, domain: Option<&str>, visit: &mut impl FnMut(&str, &'a Entry)) {
        self.cookies.iter().for_each(|entry| visit(domain.unwrap_or_default(), entry));
        for (label, child) in self.below.iter().flat_map(|below| below.iter()) {
            child.visit(Some(&join(label, domain)), visit);
        }
    }

    /// Keeps the cookies that `keep` says to and returns how many went.
    pub(super) fn retain(&mut self, keep: &mut impl FnMut(&str, &Entry) -> bool) -> usize {
        self.retain_in(None, keep)
    }

    fn retain_in(&mut self, domain: Option<&str>, keep: &mut impl FnMut(&str, &Entry) -> bool) -> usize {
        let before = self.cookies.len();
        self.cookies.retain(|entry| keep(domain.unwrap_or_default(), entry));
        let mut gone = before - self.cookies.len();
        if let Some(below) = &mut self.below {
            below.retain(|label, child| {
                gone += child.retain_in(Some(&join(label, domain)), keep);
                !child.is_empty()
            });
            if below.is_empty() {
                self.below = None;
            }
        }
        gone
    }
}

fn join(label: &str, domain: Option<&str>) -> String {
    domain.map_or_else(|| label.to_owned(), |domain| format!("{label}.{domain}"))
}
