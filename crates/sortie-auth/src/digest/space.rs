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

#[derive(Debug)]
struct Space {
    recipient: Recipient,
    /// Whose challenge it was. `None` for proxies, and where URIs have none.
    origin: Option<Origin>,
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

impl Spaces {
    /// The turn of a request that answers `challenge`.
    pub(super) fn enter(
        &mut self,
        recipient: Recipient,
        uri: &Uri,
        challenge: Challenge,
        cnonce: &str,
    ) -> Option<Turn> {
        let origin = origin(recipient, uri);
        let prefixes = match recipient {
            Recipient::Server => prefixes(&challenge.domain, origin.as_ref()),
            _ => Vec::new(),
        };
        let known = self.known.iter().position(|space| {
            space.recipient == recipient && space.origin == origin && space.challenge.realm == challenge.realm
        });
        let mut nonces = known.map_or_else(VecDeque::new, |at| self.known.remove(at).nonces);
        // The key of an algorithm and those of another have nothing in common.
        let session =
            challenge.algorithm.session.then(|| Session { nonce: challenge.nonce.clone(), cnonce: cnonce.to_owned() });
        adopt(&mut nonces, challenge.nonce.clone(), session);
        self.known.push(Space { recipient, origin, challenge: Arc::new(challenge), prefixes, nonces, refused: false });
        if self.known.len() > SPACES {
            self.known.remove(0);
        }
        self.known.last_mut().and_then(Space::turn)
    }

    /// The turn of a request that nobody has asked for credentials; `None` if it is in no known space.
    pub(super) fn within(&mut self, recipient: Recipient, uri: &Uri) -> Option<Turn> {
        let covered = self.known.iter().enumerate().filter_map(|(at, space)| Some((space.covers(recipient, uri)?, at)));
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
    pub(super) fn renew(&mut self, recipient: Recipient, uri: &Uri, realm: &[u8], nonce: &[u8], next: Vec<u8>) {
        let Some(space) = self.of(recipient, uri, realm, nonce) else { return };
        let Some(newest) = space.nonces.front().filter(|newest| newest.value == nonce) else { return };
        // A session lasts until the next challenge (RFC 7616 §3.4.2).
        let session = newest.session.clone();
        adopt(&mut space.nonces, next, session);
    }

    /// Signs nothing more in a space whose credentials were refused, before there is a challenge again.
    pub(super) fn refuse(&mut self, recipient: Recipient, uri: &Uri, realm: &[u8], nonce: &[u8]) {
        if let Some(space) = self.of(recipient, uri, realm, nonce) {
            space.refused = true;
        }
    }

    /// The session that a request was signed in.
    pub(super) fn session(&mut self, recipient: Recipient, uri: &Uri, realm: &[u8], nonce: &[u8]) -> Option<Session> {
        let space = self.of(recipient, uri, realm, nonce)?;
        space.nonces.iter().find(|known| known.value == nonce)?.session.clone()
    }

    fn of(&mut self, recipient: Recipient, uri: &Uri, realm: &[u8], nonce: &[u8]) -> Option<&mut Space> {
        let at = self.position(recipient, uri, realm, nonce)?;
        self.known.get_mut(at)
    }

    /// The space that a request was signed in with this nonce.
    fn position(&self, recipient: Recipient, uri: &Uri, realm: &[u8], nonce: &[u8]) -> Option<usize> {
        let origin = origin(recipient, uri);
        self.known.iter().rposition(|space| {
            let is_of =
                (space.recipient == recipient && space.origin == origin) || space.covers(recipient, uri).is_some();
            is_of && space.challenge.realm == realm && space.nonces.iter().any(|known| known.value == nonce)
        })
    }
}

impl Space {
    /// Whether a request is in it; a greater number is nearer.
    fn covers(&self, recipient: Recipient, uri: &Uri) -> Option<usize> {
        match recipient {
            _ if self.refused || self.recipient != recipient => None,
            // RFC 7616 §3.3: `domain` has no meaning for proxies, theirs is everything.
            Recipient::Proxy => Some(0),
            _ => self.prefixes.iter().filter(|prefix| prefix.covers(uri)).map(Prefix::len).max(),
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

fn origin(recipient: Recipient, uri: &Uri) -> Option<Origin> {
    if recipient == Recipient::Proxy { None } else { Origin::of(uri) }
}

#[cfg(test)]
mod tests;
