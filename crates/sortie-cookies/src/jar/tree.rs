//! Where in the jar are the cookies of a host? A tree of domain labels from the top-level domain down, so that a
//! look-up walks the labels of the host and ends at the first one that no cookie has.

use std::collections::HashMap;

use super::entry::Entry;
use super::few::Few;
use crate::domain::is_address;

#[derive(Default)]
pub(super) struct Tree {
    cookies: Few<Entry>,
    below: Below,
    /// Whether a subdomain has had a `Secure` cookie. One without need not be searched for any.
    is_secure_below: bool,
}

/// The subdomains by their label.
#[derive(Default)]
enum Below {
    /// Nearly every domain is a leaf.
    #[default]
    None,
    /// Most others have only `www` or the like, which needs no hashing.
    One(Box<(Box<str>, Tree)>),
    #[expect(clippy::box_collection, reason = "few have one, and this keeps the others small")]
    Many(Box<HashMap<Box<str>, Tree>>),
}

/// The labels of a host from the right; an address is one label.
fn labels(host: &str) -> impl Iterator<Item = &str> {
    let is_whole = is_address(host);
    let mut rest = Some(host);
    std::iter::from_fn(move || {
        let host = rest?;
        // Labels are short: the search of `rsplit` takes longer to begin than to find.
        let (before, label) = match host.bytes().rposition(|octet| octet == b'.') {
            Some(dot) if !is_whole => (Some(&host[..dot]), &host[dot + 1..]),
            _ => (None, host),
        };
        rest = before;
        Some(label)
    })
}

impl Tree {
    /// The domains that the host matches and that are in the tree, each with its cookies: from the top-level domain
    /// to the host itself.
    pub(super) fn towards<'a>(&'a self, host: &'a str) -> impl Iterator<Item = (&'a str, &'a [Entry])> {
        let (mut labels, mut node, mut start) = (labels(host), Some(self), host.len() + 1);
        std::iter::from_fn(move || {
            let label = labels.next()?;
            node = node?.below.get(label);
            start -= label.len() + 1;
            Some((&host[start..], node?.cookies.as_slice()))
        })
    }

    /// Whether a `Secure` cookie of a true subdomain satisfies `found`.
    pub(super) fn any_secure_below(&self, domain: &str, found: &impl Fn(&Entry) -> bool) -> bool {
        let node = labels(domain).try_fold(self, |node, label| node.below.get(label));
        node.is_some_and(|node| node.any_secure_in_children(found))
    }

    fn any_secure_in_children(&self, found: &impl Fn(&Entry) -> bool) -> bool {
        let has_one = |child: &Self| child.cookies.as_slice().iter().any(found) || child.any_secure_in_children(found);
        self.is_secure_below && self.below.iter().any(|(_, child)| has_one(child))
    }

    /// The cookies of exactly this domain, to be changed, if it is in the tree; [`prune`](Self::prune) it afterwards if
    /// they may all be gone.
    pub(super) fn at_mut(&mut self, domain: &str) -> Option<&mut Few<Entry>> {
        labels(domain).try_fold(self, |node, label| node.below.get_mut(label)).map(|node| &mut node.cookies)
    }

    /// The same, where a cookie is to be added.
    pub(super) fn for_cookie(&mut self, domain: &str, is_secure: bool) -> &mut Few<Entry> {
        let node = labels(domain).fold(self, |node, label| {
            node.is_secure_below |= is_secure;
            node.below.get_or_insert(label)
        });
        &mut node.cookies
    }

    /// Removes the nodes on the way to `domain` that lead to nothing.
    pub(super) fn prune(&mut self, domain: &str) {
        self.prune_along(&mut labels(domain));
    }

    fn prune_along<'a>(&mut self, labels: &mut impl Iterator<Item = &'a str>) {
        let Some(label) = labels.next() else { return };
        if let Some(child) = self.below.get_mut(label) {
            child.prune_along(labels);
            if child.is_empty() {
                self.below.remove(label);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.cookies.is_empty() && matches!(self.below, Below::None)
    }

    /// Calls `visit` for every cookie with its domain.
    pub(super) fn for_each<'a>(&'a self, visit: &mut impl FnMut(&str, &'a Entry)) {
        self.visit(None, visit);
    }

    fn visit<'a>(&'a self, domain: Option<&str>, visit: &mut impl FnMut(&str, &'a Entry)) {
        self.cookies.as_slice().iter().for_each(|entry| visit(domain.unwrap_or_default(), entry));
        for (label, child) in self.below.iter() {
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
        self.below.retain(|label, child| {
            gone += child.retain_in(Some(&join(label, domain)), keep);
            !child.is_empty()
        });
        gone
    }
}

impl Below {
    fn get(&self, label: &str) -> Option<&Tree> {
        match self {
            Self::None => None,
            Self::One(child) => (*child.0 == *label).then_some(&child.1),
            Self::Many(children) => children.get(label),
        }
    }

    fn get_mut(&mut self, label: &str) -> Option<&mut Tree> {
        match self {
            Self::None => None,
            Self::One(child) => (*child.0 == *label).then_some(&mut child.1),
            Self::Many(children) => children.get_mut(label),
        }
    }

    fn get_or_insert(&mut self, label: &str) -> &mut Tree {
        if self.get(label).is_none() {
            let new = (label.into(), Tree::default());
            *self = match std::mem::take(self) {
                Self::None => Self::One(Box::new(new)),
                Self::One(child) => Self::Many(Box::new(HashMap::from([*child, new]))),
                Self::Many(mut children) => {
                    children.insert(new.0, new.1);
                    Self::Many(children)
                }
            };
        }
        self.get_mut(label).expect("it was there or has been inserted")
    }

    fn remove(&mut self, label: &str) {
        let is_empty = match self {
            Self::None => return,
            Self::One(child) => *child.0 == *label,
            Self::Many(children) => {
                children.remove(label);
                children.is_empty()
            }
        };
        if is_empty {
            *self = Self::None;
        }
    }

    fn retain(&mut self, mut keep: impl FnMut(&str, &mut Tree) -> bool) {
        let is_empty = match self {
            Self::None => return,
            Self::One(child) => !keep(&child.0, &mut child.1),
            Self::Many(children) => {
                children.retain(|label, child| keep(label, child));
                children.is_empty()
            }
        };
        if is_empty {
            *self = Self::None;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &Tree)> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(child) => (Some((&*child.0, &child.1)), None),
            Self::Many(children) => (None, Some(children.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten().map(|(label, child)| (&**label, child)))
    }
}

/// A host may end in a dot, so the label next to the root may be empty.
fn join(label: &str, domain: Option<&str>) -> String {
    domain.map_or_else(|| label.to_owned(), |domain| [label, ".", domain].concat())
}
