//! The scheme Digest ([RFC 7616](https://www.rfc-editor.org/rfc/rfc7616), and what
//! [RFC 2617](https://www.rfc-editor.org/rfc/rfc2617) and [RFC 2069](https://www.rfc-editor.org/rfc/rfc2069) left behind),
//! for servers and for proxies.
//!
//! The password is not sent; whoever listens can still try passwords against what is sent, and change everything but the
//! method and the URI. Digest is no substitute for TLS.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use sortie_auth::digest::Digest;
//! use sortie_core::Body;
//! use sortie_layers::auth::AuthLayer;
//! use sortie_testkit::{Scripted, reply, status};
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let challenge = r#"Digest realm="office", nonce="n0nce", algorithm=SHA-256, qop="auth""#;
//! let server = Scripted::new([reply(401, [("www-authenticate", challenge)], ""), status(200), status(200)]);
//! let mut client = ServiceBuilder::new()
//!     .layer(AuthLayer::with(Digest::new("ada", "s3cret")))
//!     .service(server.clone());
//!
//! for path in ["letters", "files"] {
//!     let request = Request::get(format!("https://example.com/{path}")).body(Body::empty())?;
//!     assert_eq!(client.ready().await?.call(request).await?.status(), 200);
//! }
//!
//! // The challenge came once; the second request was signed before it was asked for.
//! let sent = server.requests();
//! let signed = |n: usize| sent[n].header("authorization").unwrap_or_default();
//! assert_eq!((sent.len(), signed(0)), (3, ""));
//! assert!(signed(1).contains(r#"uri="/letters""#) && signed(1).contains("nc=00000001"));
//! assert!(signed(2).contains(r#"uri="/files""#) && signed(2).contains("nc=00000002"));
//! # Ok(())
//! # }
//! ```
//!
//! # Which challenge is answered
//!
//! MD5, SHA-256 and SHA-512-256 are known, each with `-sess` too. Of several challenges the one with the strongest is
//! answered, and of equally strong ones the first; other algorithms, other schemes and what cannot be read are skipped.
//! If nothing is left, the 401 or 407 is the answer.
//!
//! Of the qualities of protection `auth` is taken where both are offered, unless [`Digest::qop`] asks for the other.
//! `auth-int` signs the body, which has to be in memory ([`Replay::content`](sortie_core::Replay::content)): if it is
//! not and the server takes nothing else, signing fails with an error that says so. A challenge without `qop` is
//! answered as RFC 2069 has it.
//!
//! # How often a request is sent
//!
//! Twice to a server that is not known yet: what it asks is in its first answer. A request with a body is sent whole both
//! times, so a body that can be sent only once ends there with an error. Once more, and only once, where the server says
//! of what was signed that only the nonce was too old (`stale=true`). With a wrong password that makes exactly two
//! requests, and the second 401 is the answer.
//!
//! # Protection spaces
//!
//! What a server or a proxy asked for is remembered, and further requests in the same space are signed before they are
//! asked for: those that begin with a URI that the challenge names in `domain`, on the boundaries of path segments, or
//! those to the same origin if it names none. (Another origin without TLS is not believed where the challenge came over
//! TLS.) A proxy's space is all that goes through it and nothing else: what it asked for is not for another one. (Where
//! [nobody says](Unsigned::proxy) which proxy it is, nothing is signed unasked.) The last 64 spaces are remembered.
//!
//! Clones share the spaces and the count of each nonce, so no count is used twice, however many tasks send. A `nextnonce`
//! is used as soon as it has come. A refused password is not tried again before the server asks again.
//!
//! To which servers a request may be signed at all is not for the scheme to say: the layer binds it to the origin that
//! was asked, or to a mount.
//!
//! # The server's proof
//!
//! With `rspauth` in `Authentication-Info` a server proves that it knows the password as well. One that is wrong is an
//! error ([`WrongProof`]), see [`ServerProof`]; one that is absent is not. Where the request was signed by `auth-int`, the
//! proof is over the content and is not checked; a server that says `auth-int` of another request has proven nothing.
//!
//! # Characters
//!
//! User and password are taken as UTF-8, whether the server says `charset=UTF-8` or not: servers that do not say it have
//! agreed on nothing, and most take the octets they get. They are not normalized: RFC 7616 §4 wants NFC. A user name
//! beyond ASCII is sent as `username*` to servers that know RFC 7616, and as it is to others; with `userhash` it is not
//! sent at all.
//!
//! # Differences from requests
//!
//! - Challenges of foreign servers are not answered, and `domain` is heeded.
//! - Only a 401 (407) is a challenge, not any 4xx.
//! - All tasks share the nonces; in `requests` each thread has its own.
//! - SHA-512-256, the `-sess` of SHA, `auth-int`, `userhash`, `stale`, `nextnonce` and `rspauth` are there. SHA-1 and
//!   SHA-512, which are in no RFC, are not.
//! - Values are escaped and quoted as RFC 7616 has it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{HeaderName, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{StatusCode, Uri};
use sortie_core::BoxError;
use sortie_core::auth::{Answer, Auth, Recipient, Signing, Unsigned, Verdict};

mod algorithm;
mod challenge;
#[cfg(test)]
mod conformance;
mod domain;
mod error;
mod info;
mod params;
mod respond;
mod space;

pub use error::WrongProof;

use challenge::{Challenge, Offered, choose};
use info::{Info, Sent, is_proven};
use respond::{Account, Signed};
use space::{Place, Spaces, Turn};

/// A user name and a password, as the scheme Digest uses them. The [module](self) says how, and has an example.
///
/// A user name with a colon cannot be told from the realm, and one with a control character cannot be sent; signing
/// fails with an error that says which. The password may have any characters.
#[derive(Clone)]
pub struct Digest {
    user: Result<Arc<str>, &'static str>,
    password: Arc<str>,
    qop: Qop,
    server_proof: ServerProof,
    spaces: Arc<Mutex<Spaces>>,
}

/// A quality of protection: what of a request is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Qop {
    /// `auth`: the method and the URI.
    #[default]
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

impl Qop {
    fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// What becomes of an answer with a wrong `rspauth`, which is of no server that knows the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerProof {
    /// The call ends with [`WrongProof`].
    #[default]
    Check,
    /// It is taken like one that has none, for servers that compute it wrongly.
    Ignore,
}

impl Digest {
    /// Answers challenges with this user and password. Either may be empty.
    #[must_use]
    pub fn new(user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        Self {
            user: checked(user.as_ref()),
            password: password.as_ref().into(),
            qop: Qop::default(),
            server_proof: ServerProof::default(),
            spaces: Arc::default(),
        }
    }

    /// What is signed where the server leaves the choice and the body is in memory; [`Qop::Auth`] by default.
    ///
    /// Few servers have `auth-int`, and not all of them well.
    #[must_use]
    pub fn qop(self, qop: Qop) -> Self {
        Self { qop, ..self }
    }

    /// What becomes of an answer with a wrong `rspauth`; it is an error by default.
    #[must_use]
    pub fn server_proof(self, server_proof: ServerProof) -> Self {
        Self { server_proof, ..self }
    }

    fn spaces(&self) -> MutexGuard<'_, Spaces> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn account(&self) -> Result<Account<'_>, &'static str> {
        let user = self.user.as_ref().map_err(|error| *error)?;
        Ok(Account { user, password: &self.password })
    }

    /// Puts the credentials on a request, if it is known what the recipient asks for.
    fn put(&self, request: &mut Unsigned<'_>) -> Result<(), BoxError> {
        let account = self.account()?;
        let cnonce = cnonce()?;
        let Some(turn) = self.turn(request, &cnonce)? else { return Ok(()) };
        let content = needs_content(turn.challenge.qop, self.qop).then(|| request.content()).flatten();
        let qop = quality(turn.challenge.qop, self.qop, content.as_ref())?;
        let uri = target(request.recipient(), request.uri());
        let nc = format!("{:08x}", turn.count);
        let signed = Signed {
            algorithm: turn.challenge.algorithm,
            realm: &turn.challenge.realm,
            nonce: &turn.nonce,
            session: turn.session.as_ref(),
            nc: &nc,
            // One for the whole session: servers differ in whether they compute its key anew.
            cnonce: turn.session.as_ref().map_or(&cnonce, |session| &session.cnonce),
            qop,
        };
        let response =
            respond::response(account, &signed, request.method().as_str(), &uri, &content.unwrap_or_default());
        let value = respond::credentials(account, &turn.challenge, &signed, &uri, &response)?;
        let name = request.recipient().header();
        request.headers_mut().try_insert(name, value)?;
        Ok(())
    }

    fn turn(&self, request: &Unsigned<'_>, cnonce: &str) -> Result<Option<Turn>, BoxError> {
        let place = Place { recipient: request.recipient(), proxy: request.proxy(), uri: request.uri() };
        let Some(answer) = request.challenge() else { return Ok(self.spaces().within(place)) };
        let fields = || answer.headers.get_all(asks(place.recipient));
        let chosen = match choose(fields(), true) {
            Some(challenge) if challenge.qop == Offered::AuthInt && request.content().is_none() => {
                Some(choose(fields(), false).ok_or(NO_CONTENT)?)
            }
            chosen => chosen,
        };
        Ok(chosen.and_then(|challenge| self.spaces().enter(place, challenge, cnonce)))
    }

    /// What to make of a 401 or 407.
    fn asked(&self, answer: &Answer<'_>, sent: Option<&Sent>) -> Verdict {
        let fields = answer.response().headers.get_all(asks(answer.recipient()));
        let challenge: Option<Challenge> = choose(fields, true);
        match (challenge, sent) {
            // Also what was signed with an old nonce and refused: not all servers say `stale` then.
            (Some(_), _) if answer.leg() == 0 => Verdict::Resend,
            (Some(challenge), Some(sent)) if answer.leg() == 1 && challenge.stale && challenge.nonce != sent.nonce => {
                Verdict::Resend
            }
            (_, Some(sent)) => {
                self.spaces().refuse(asked_at(answer), &sent.realm, &sent.nonce);
                Verdict::Accept
            }
            _ => Verdict::Accept,
        }
    }

    /// What to make of any other answer to a request that was signed.
    fn let_in(&self, answer: &Answer<'_>, sent: &Sent) -> Verdict {
        let recipient = answer.recipient();
        let info = Info::of(answer.response().headers.get_all(tells(recipient)));
        if self.server_proof == ServerProof::Check && self.is_proven(answer, sent, &info) == Some(false) {
            return Verdict::Fail(WrongProof::new(recipient).into());
        }
        if let Some(next) = info.next_nonce {
            self.spaces().renew(asked_at(answer), &sent.realm, &sent.nonce, next);
        }
        Verdict::Accept
    }

    fn is_proven(&self, answer: &Answer<'_>, sent: &Sent, info: &Info) -> Option<bool> {
        let account = self.account().ok()?;
        if !sent.algorithm.session {
            return is_proven(account, sent, None, info);
        }
        // Whose key is not remembered any more cannot be computed again.
        let session = self.spaces().session(asked_at(answer), &sent.realm, &sent.nonce)?;
        is_proven(account, sent, Some(&session), info)
    }
}

impl Auth for Digest {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        Signing::Done(self.put(request))
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        let sent = answer.credentials().and_then(Sent::of);
        let asks_for_credentials = match answer.recipient() {
            Recipient::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            _ => StatusCode::UNAUTHORIZED,
        };
        match sent {
            sent if answer.response().status == asks_for_credentials => self.asked(answer, sent.as_ref()),
            Some(sent) if answer.response().headers.contains_key(tells(answer.recipient())) => {
                self.let_in(answer, &sent)
            }
            _ => Verdict::Accept,
        }
    }

    /// One for the challenge, and one for a nonce that has become too old meanwhile.
    fn legs(&self) -> usize {
        2
    }

    fn waits(&self) -> bool {
        false
    }
}

/// Says only that there is one: what it holds is secret.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

const NO_CONTENT: &str = "Digest: auth-int is all that the server takes, it signs the body, and this body is not in memory \
                          (one of bytes or text is)";

fn checked(user: &str) -> Result<Arc<str>, &'static str> {
    // RFC 7616 §3.4.2 puts a colon after it.
    if user.contains(':') {
        return Err("Digest: the user name has a colon, which cannot be told from the one before the realm");
    }
    if user.contains(char::is_control) {
        return Err("Digest: the user name has a control character");
    }
    Ok(user.into())
}

/// The client's own nonce: 128 random bits.
fn cnonce() -> Result<String, BoxError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets)
        .map_err(|error| format!("Digest: the system has no random numbers for a nonce: {error}"))?;
    Ok(algorithm::hex(&octets))
}

fn needs_content(offered: Offered, preferred: Qop) -> bool {
    offered == Offered::AuthInt || (offered == Offered::Both && preferred == Qop::AuthInt)
}

fn quality(offered: Offered, preferred: Qop, content: Option<&Bytes>) -> Result<Option<Qop>, &'static str> {
    match (offered, content) {
        (Offered::Nothing, _) => Ok(None),
        (Offered::AuthInt, None) => Err(NO_CONTENT),
        (Offered::AuthInt, Some(_)) => Ok(Some(Qop::AuthInt)),
        (Offered::Both, Some(_)) => Ok(Some(preferred)),
        (Offered::Both, None) | (Offered::Auth, _) => Ok(Some(Qop::Auth)),
    }
}

/// Where the request went.
fn asked_at<'a>(answer: &'a Answer<'_>) -> Place<'a> {
    Place { recipient: answer.recipient(), proxy: answer.proxy(), uri: answer.uri() }
}

/// The request's target, as it stands in the first line of what the recipient gets.
fn target(recipient: Recipient, uri: &Uri) -> String {
    match (recipient, uri.path_and_query()) {
        (Recipient::Server, Some(path)) => path.to_string(),
        // A proxy gets all of it, and for a tunnel the host and port.
        _ => uri.to_string(),
    }
}

fn asks(recipient: Recipient) -> HeaderName {
    if recipient == Recipient::Proxy { PROXY_AUTHENTICATE } else { WWW_AUTHENTICATE }
}

fn tells(recipient: Recipient) -> HeaderName {
    HeaderName::from_static(match recipient {
        Recipient::Proxy => "proxy-authentication-info",
        _ => "authentication-info",
    })
}

#[cfg(test)]
mod tests;
