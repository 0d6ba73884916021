//! The protection spaces that are known, and the nonces to sign with in each
//! ([RFC 7616 §3.3](https://www.rfc-editor.org/rfc/rfc7616#section-3.3), `domain`).

use std::collections::VecDeque;
use std::sync::Arc;

use http::Uri;
use sortie_core::Origin;
use sortie_core::auth::Recipient;

use super::challenge::Challenge;
use super::domain::{Prefix, prefixes};
use super::respond::Session;

/// How many protection spaces are remembered; the one that was not used for the longest time is forgotten.
pub(super) const SPACES: usize = 64;

/// How many nonces of a space are remembered: one that comes back has to go on counting.
const NONCES: usize = 16;

/// What one request is signed with.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) challenge: Arc<Challenge>,
    pub(super) nonce: Vec<u8>,
    /// How often this nonce was used, this time included.
    pub(super) count: u32,
    /// For an algorithm that ends in `-sess`.
    pub(super) session: Option<Session>,
}

#[derive(Debug, Default)]
pub(super) struct Spaces {
    /// The one that was used last is at the end.
    known: Vec<Space>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) recipient: Recipient,
    /// Which proxy, where that is known.
    pub(super) proxy: Option<&'a str>,
    pub(super) uri: &'a Uri,
}

/// Whose challenge it was.
#[derive(Debug, PartialEq, Eq)]
enum Asker {
    /// `None` where URIs have none.
    Server(Option<Origin>),
    /// `None` where it is not known which one.
    Proxy(Option<Box<str>>),
}

#[derive(Debug)]
struct Space {
    asker: Asker,
    challenge: Arc<Challenge>,
    prefixes: Vec<Prefix>,
    /// The newest first.
    nonces: VecDeque<Nonce>,
    /// Signs nothing unasked any more, but is still known: a nonce that comes back has to go on counting.
    refused: bool,
}

#[derive(Debug)]
struct Nonce {
    value: Vec<u8>,
    uses: u32,
    session: Option<Session>,
}

impl Place<'_> {
    fn asker(self) -> Asker {
        match self.recipient {
            Recipient::Proxy => Asker::Proxy(self.proxy.map(Into::into)),
            _ => Asker::Server(Origin::of(self.uri)),
        }
    }
}

impl Spaces {
    /// The turn of a request that answers `challenge`.
    pub(super) fn enter(&mut self, place: Place<'_>, challenge: Challenge, cnonce: &str) -> Option<Turn> {
        let asker = place.asker();
        let prefixes = match &asker {
            Asker::Server(origin) => prefixes(&challenge.domain, origin.as_ref()),
            Asker::Proxy(_) => Vec::new(),
        };
        let is_known = |space: &Space| space.asker == asker && space.challenge.realm == challenge.realm;
        let known = self.known.iter().position(is_known);
        let mut nonces = known.map_or_else(VecDeque::new, |at| self.known.remove(at).nonces);
        // The key of an algorithm and those of another have nothing in common.
        let session =
            challenge.algorithm.session.then(|| Session { nonce: challenge.nonce.clone(), cnonce: cnonce.to_owned() });
        adopt(&mut nonces, challenge.nonce.clone(), session);
        self.known.push(Space { asker, challenge: Arc::new(challenge), prefixes, nonces, refused: false });
        if self.known.len() > SPACES {
            self.known.remove(0);
        }
        self.known.last_mut().and_then(Space::turn)
    }

    /// The turn of a request that nobody has asked for credentials; `None` if it is in no known space.
    pub(super) fn within(&mut self, place: Place<'_>) -> Option<Turn> {
        let covered = self.known.iter().enumerate().filter_map(|(at, space)| Some((space.covers(place)?, at)));
        // Of several the innermost, and of those the one that was used last.
        let (_, at) = covered.max()?;
        let space = self.known.remove(at);
        self.known.push(space);
        let turn = self.known.last_mut().and_then(Space::turn);
        if turn.is_none() {
            self.known.pop();
        }
        turn
    }

    /// Goes on with the server's next nonce, unless there is a newer one already.
    pub(super) fn renew(&mut self, place: Place<'_>, realm: &[u8], nonce: &[u8], next: Vec<u8>) {
        let Some(space) = self.of(place, realm, nonce) else { return };
        let Some(newest) = space.nonces.front().filter(|newest| newest.value == nonce) else { return };
        // A session lasts until the next challenge (RFC 7616 §3.4.2).
        let session = newest.session.clone();
        adopt(&mut space.nonces, next, session);
    }

    /// Signs nothing more in a space whose credentials were refused, before there is a challenge again.
    pub(super) fn refuse(&mut self, place: Place<'_>, realm: &[u8], nonce: &[u8]) {
        if let Some(space) = self.of(place, realm, nonce) {
            space.refused = true;
        }
    }

    /// The session that a request was signed in.
    pub(super) fn session(&mut self, place: Place<'_>, realm: &[u8], nonce: &[u8]) -> Option<Session> {
        let space = self.of(place, realm, nonce)?;
        space.nonces.iter().find(|known| known.value == nonce)?.session.clone()
    }

    fn of(&mut self, place: Place<'_>, realm: &[u8], nonce: &[u8]) -> Option<&mut Space> {
        let at = self.position(place, realm, nonce)?;
        self.known.get_mut(at)
    }

    /// The space that a request was signed in with this nonce.
    fn position(&self, place: Place<'_>, realm: &[u8], nonce: &[u8]) -> Option<usize> {
        let asker = place.asker();
        self.known.iter().rposition(|space| {
            let is_of = space.asker == asker || space.covers(place).is_some();
            is_of && space.challenge.realm == realm && space.nonces.iter().any(|known| known.value == nonce)
        })
    }
}

impl Space {
    /// Whether a request is in it; a greater number is nearer.
    fn covers(&self, place: Place<'_>) -> Option<usize> {
        match &self.asker {
            _ if self.refused => None,
            // RFC 7616 §3.3: `domain` has no meaning for proxies, theirs is everything that they get.
            Asker::Proxy(Some(proxy)) => place.proxy.filter(|asked| **asked == **proxy).map(|_| 0),
            // Which may be another one.
            Asker::Proxy(None) => None,
            Asker::Server(_) if place.recipient == Recipient::Proxy => None,
            Asker::Server(_) => self.prefixes.iter().filter(|prefix| prefix.covers(place.uri)).map(Prefix::len).max(),
        }
    }

    /// `None` after the last use that the count of a nonce has digits for.
    fn turn(&mut self) -> Option<Turn> {
        let nonce = self.nonces.front_mut()?;
        nonce.uses = nonce.uses.checked_add(1)?;
        let (challenge, session) = (self.challenge.clone(), nonce.session.clone());
        Some(Turn { challenge, nonce: nonce.value.clone(), count: nonce.uses, session })
    }
}

/// Makes a nonce the newest one; it goes on counting if it is known.
fn adopt(nonces: &mut VecDeque<Nonce>, value: Vec<u8>, session: Option<Session>) {
    let known = nonces.iter().position(|known| known.value == value).and_then(|at| nonces.remove(at));
    let nonce = match known {
        Some(known) if known.session.is_some() == session.is_some() => known,
        known => Nonce { value, uses: known.map_or(0, |known| known.uses), session },
    };
    nonces.push_front(nonce);
    nonces.truncate(NONCES);
}

#[cfg(test)]
mod tests;
