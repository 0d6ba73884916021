//! How an auth scheme signs requests and answers challenges.
//!
//! A scheme implements [`Auth`]. The auth layer calls [`Auth::sign`] for every attempt it is responsible for; with
//! [`Auth::legs`] above zero it also shows the scheme every answer ([`Auth::examine`]) and sends again when the scheme
//! says so. The same trait serves a server's 401 and a proxy's 407 ([`Recipient`]).
//!
//! # Example
//!
//! A scheme that signs with a token fetched when it is first needed:
//!
//! ```
//! use http::header::{AUTHORIZATION, HeaderValue};
//! use sortie_core::auth::{Auth, Signing, Unsigned};
//!
//! #[derive(Debug)]
//! struct Fetched;
//!
//! async fn fetch_token() -> String {
//!     "t0k3n".to_owned()
//! }
//!
//! impl Auth for Fetched {
//!     fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
//!         Signing::later(async move {
//!             let mut value = HeaderValue::try_from(format!("Bearer {}", fetch_token().await))?;
//!             value.set_sensitive(true);
//!             request.headers_mut().insert(AUTHORIZATION, value);
//!             Ok(())
//!         })
//!     }
//! }
//! ```
//!
//! # Schemes that authenticate the connection
//!
//! NTLM and Negotiate shake hands with the server in several legs over one connection, which then is the user's. Such a
//! scheme names the [owner](Auth::connection_owner) of its connections, and asks by [`Verdict::Continue`] for the very
//! one that a challenge came by:
//!
//! ```
//! use http::header::{HeaderValue, WWW_AUTHENTICATE};
//! use sortie_core::auth::{Answer, Auth, ConnectionOwner, Signing, Unsigned, Verdict};
//! # fn token(_: Option<&[u8]>) -> HeaderValue {
//! #     HeaderValue::from_static("Negotiate YII")
//! # }
//!
//! struct Negotiate {
//!     user: ConnectionOwner,
//! }
//!
//! /// What follows the scheme's name in a challenge: nothing at first, then the server's part of the handshake.
//! fn challenge(answer: &http::response::Parts) -> Option<&[u8]> {
//!     answer.headers.get(WWW_AUTHENTICATE)?.as_bytes().strip_prefix(b"Negotiate")
//! }
//!
//! impl Auth for Negotiate {
//!     fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
//!         // On the first leg nothing: the connection may be this user's already.
//!         if let Some(answer) = request.challenge() {
//!             let (name, value) = (request.recipient().header(), token(challenge(answer)));
//!             request.headers_mut().insert(name, value);
//!         }
//!         Signing::Done(Ok(()))
//!     }
//!
//!     fn examine(&self, answer: &Answer<'_>) -> Verdict {
//!         match challenge(answer.response()) {
//!             Some(b"") if answer.response().status == 401 => Verdict::Resend,
//!             Some(_) if answer.response().status == 401 => Verdict::Continue,
//!             _ => Verdict::Accept,
//!         }
//!     }
//!
//!     fn legs(&self) -> usize {
//!         2
//!     }
//!
//!     fn connection_owner(&self) -> Option<ConnectionOwner> {
//!         Some(self.user)
//!     }
//! }
//! ```

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, request, response};

use crate::body::downcast;
use crate::{BoxError, BoxFuture, Replay};

mod same_connection;

pub use same_connection::{ConnectionOwner, Conversation, Held, Leg, SameConnection};

/// An auth scheme.
///
/// Implemented for closures `Fn(&mut Unsigned<'_>) -> Result<(), BoxError>`.
pub trait Auth: Send + Sync + 'static {
    /// Puts the credentials on a request that is about to be sent.
    ///
    /// Called for every attempt, and again for each further leg, then with [`Unsigned::challenge`]. The headers are
    /// those of the unsigned request each time. An error ends the call.
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a>;

    /// Reads an answer: a challenge, or what a success says about the next nonce.
    ///
    /// Called for every answer if [`legs`](Self::legs) is above zero, else never.
    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        let _ = answer;
        Verdict::Accept
    }

    /// How often an attempt may be sent again because of a challenge: 0 for a scheme that only signs, 1 for one that
    /// answers a challenge, 2 for the handshakes of NTLM and Negotiate, and for Digest, whose nonce may have become too
    /// old meanwhile.
    ///
    /// Above zero each attempt's head and replayable body are kept until it is answered.
    fn legs(&self) -> usize {
        0
    }

    /// Whose the connections are that this scheme authenticates, as NTLM and Negotiate do
    /// ([RFC 4559 §6](https://www.rfc-editor.org/rfc/rfc4559#section-6)); `None` for a scheme that authenticates
    /// requests, which most do.
    ///
    /// Such a connection answers whatever comes over it for that user. So what this scheme signs goes over connections
    /// of its owner's and nothing else does, all legs of an attempt over one, as long as it lasts, and one on which a
    /// handshake was begun and not ended is closed. Those are HTTP/1.1 connections: over HTTP/2 a server has no way to
    /// tell whose stream is whose.
    ///
    /// Between two legs the connection counts against the limits of connections, also while a signature waits for something
    /// that is fetched meanwhile.
    ///
    /// It must be the same each time, and another for each user.
    fn connection_owner(&self) -> Option<ConnectionOwner> {
        None
    }

    /// Whether [`sign`](Self::sign) may have to wait and return [`Signing::Later`]; `true` unless said otherwise.
    ///
    /// A scheme that never does saves each request an allocation by saying `false`. It is then an error to return
    /// [`Signing::Later`] all the same.
    fn waits(&self) -> bool {
        true
    }
}

impl<F> Auth for F
where
    F: Fn(&mut Unsigned<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
{
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        Signing::Done(self(request))
    }

    fn waits(&self) -> bool {
        false
    }
}

/// The signature of a request: made at once, or being made.
#[must_use = "a signature that is not waited for is not made"]
#[non_exhaustive]
pub enum Signing<'a> {
    /// It is made, or cannot be.
    Done(Result<(), BoxError>),
    /// It is made when this future ends.
    Later(BoxFuture<'a, Result<(), BoxError>>),
}

impl<'a> Signing<'a> {
    /// A signature that needs to wait for something, a token for example.
    pub fn later(signing: impl Future<Output = Result<(), BoxError>> + Send + 'a) -> Self {
        Self::Later(Box::pin(signing))
    }
}

impl fmt::Debug for Signing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(Ok(())) => "Signing::Done",
            Self::Done(Err(_)) => "Signing::Done(failed)",
            Self::Later(_) => "Signing::Later",
        })
    }
}

/// Who asks for the credentials, and so which headers carry them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recipient {
    /// The origin server: `WWW-Authenticate` on a 401, `Authorization`.
    Server,
    /// A proxy: `Proxy-Authenticate` on a 407, `Proxy-Authorization`.
    Proxy,
}

impl Recipient {
    /// The header that carries the credentials.
    #[must_use]
    pub fn header(self) -> HeaderName {
        match self {
            Self::Server => AUTHORIZATION,
            Self::Proxy => PROXY_AUTHORIZATION,
        }
    }
}

/// A request that an [`Auth`] is to sign.
pub struct Unsigned<'a> {
    parts: &'a mut request::Parts,
    recipient: Recipient,
    proxy: Option<&'a str>,
    challenge: Option<&'a response::Parts>,
    leg: usize,
    content: Option<&'a (dyn Content + Sync)>,
}

impl<'a> Unsigned<'a> {
    /// The head of a request on its first leg to the origin server.
    #[must_use]
    pub fn new(parts: &'a mut request::Parts) -> Self {
        Self { parts, recipient: Recipient::Server, proxy: None, challenge: None, leg: 0, content: None }
    }

    /// With who is to receive it.
    #[must_use]
    pub fn recipient_is(self, recipient: Recipient) -> Self {
        Self { recipient, ..self }
    }

    /// For a [proxy](Recipient::Proxy), and which one: `scheme://host:port`, without userinfo.
    #[must_use]
    pub fn proxy_is(self, proxy: &'a str) -> Self {
        Self { recipient: Recipient::Proxy, proxy: Some(proxy), ..self }
    }

    /// With the answer that led to this leg, counted from 1.
    #[must_use]
    pub fn challenged(self, challenge: &'a response::Parts, leg: usize) -> Self {
        Self { challenge: Some(challenge), leg, ..self }
    }

    /// With the body, for schemes that sign it.
    #[must_use]
    pub fn with_body<B: Replay + Sync>(self, body: &'a B) -> Self {
        Self { content: Some(body), ..self }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The URI, as the layers above left it.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The headers, to put the credentials in. Mark their values [sensitive](http::HeaderValue::set_sensitive).
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.parts.headers
    }

    /// The whole head, for schemes that sign more or put a signature into the query.
    pub fn parts_mut(&mut self) -> &mut request::Parts {
        self.parts
    }

    /// Who is to receive the credentials.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }

    /// Which proxy is to receive them, as `scheme://host:port`: what one proxy asked for is not for another. `None` for a
    /// server, and where whoever sends does not say.
    #[must_use]
    pub fn proxy(&self) -> Option<&str> {
        self.proxy
    }

    /// The answer that asked for this leg; `None` on the first one.
    #[must_use]
    pub fn challenge(&self) -> Option<&response::Parts> {
        self.challenge
    }

    /// How many times this attempt was sent before.
    #[must_use]
    pub fn leg(&self) -> usize {
        self.leg
    }

    /// The request's whole body, where it is in memory.
    #[must_use]
    pub fn content(&self) -> Option<Bytes> {
        self.content.and_then(Content::content)
    }
}

impl fmt::Debug for Unsigned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsigned")
            .field("method", &self.parts.method)
            .field("recipient", &self.recipient)
            .field("proxy", &self.proxy)
            .field("leg", &self.leg)
            .finish_non_exhaustive()
    }
}

trait Content {
    fn content(&self) -> Option<Bytes>;
}

impl<B: Replay> Content for B {
    fn content(&self) -> Option<Bytes> {
        Replay::content(self)
    }
}

/// An answer that an [`Auth`] is to examine.
pub struct Answer<'a> {
    method: &'a Method,
    uri: &'a Uri,
    response: &'a response::Parts,
    recipient: Recipient,
    proxy: Option<&'a str>,
    leg: usize,
    credentials: Option<&'a HeaderValue>,
}

impl<'a> Answer<'a> {
    /// The head that answered the request for `method` and `uri` on leg `leg`.
    #[must_use]
    pub fn new(
        method: &'a Method,
        uri: &'a Uri,
        response: &'a response::Parts,
        recipient: Recipient,
        leg: usize,
    ) -> Self {
        Self { method, uri, response, recipient, proxy: None, leg, credentials: None }
    }

    /// Of a [proxy](Recipient::Proxy), and which one: `scheme://host:port`, without userinfo.
    #[must_use]
    pub fn proxy_is(self, proxy: &'a str) -> Self {
        Self { recipient: Recipient::Proxy, proxy: Some(proxy), ..self }
    }

    /// With what the request carried in the recipient's [header](Recipient::header), if it carried anything.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<&'a HeaderValue>) -> Self {
        Self { credentials, ..self }
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.method
    }

    /// The request's URI.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        self.uri
    }

    /// The response's head.
    #[must_use]
    pub fn response(&self) -> &response::Parts {
        self.response
    }

    /// What the request carried in the recipient's [header](Recipient::header): what the scheme signed it with.
    #[must_use]
    pub fn credentials(&self) -> Option<&HeaderValue> {
        self.credentials
    }

    /// Who answered.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }

    /// Which proxy answered, as [`Unsigned::proxy`] has it.
    #[must_use]
    pub fn proxy(&self) -> Option<&str> {
        self.proxy
    }

    /// How many times the attempt had been sent before the one that this answers.
    #[must_use]
    pub fn leg(&self) -> usize {
        self.leg
    }
}

/// Without the URI and the headers: they may hold secrets.
impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("method", &self.method)
            .field("status", &self.response.status)
            .field("recipient", &self.recipient)
            .field("proxy", &self.proxy)
            .field("leg", &self.leg)
            .finish_non_exhaustive()
    }
}

/// What an [`Auth`] makes of an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes to the caller as it is.
    Accept,
    /// It is a challenge that this scheme can answer: sign again and send again, if a leg is left.
    Resend,
    /// The same, over the connection that this answer came by and no other: the next leg of a handshake that
    /// [authenticates the connection](Auth::connection_owner). If that connection has ended, the call fails with an
    /// error that says so, and [`Outcome::Connect`](crate::Outcome::Connect), so that a retry begins anew.
    Continue,
    /// It is not to be believed: the call ends with an error that has this one as its source.
    Fail(BoxError),
}

/// What follows an answer that was examined.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// It is the call's.
    End,
    /// The request is signed and sent again: the next leg.
    Again {
        /// Whether it must go over the connection that the answer came by.
        same_connection: bool,
    },
    /// The call fails, for the answer is not to be believed.
    Fail(BoxError),
}

impl Verdict {
    /// What follows the answer to leg number `leg`, counted from 0, of a scheme with that many further [`legs`](Auth::legs):
    /// a challenge to the last one is the answer.
    #[must_use]
    pub fn step(self, leg: usize, legs: usize) -> Step {
        match self {
            Self::Resend if leg < legs => Step::Again { same_connection: false },
            Self::Continue if leg < legs => Step::Again { same_connection: true },
            Self::Fail(error) => Step::Fail(error),
            Self::Accept | Self::Resend | Self::Continue => Step::End,
        }
    }
}

/// Any [`Auth`], shared: the auth layer's option and, as `PerRequest<SharedAuth>`, its override for one request.
#[derive(Clone)]
pub struct SharedAuth(Arc<dyn Auth>);

impl SharedAuth {
    /// Shares a scheme; one that is shared already comes back as it is.
    #[must_use]
    pub fn new(auth: impl Auth) -> Self {
        downcast(auth).unwrap_or_else(|auth| Self(Arc::new(auth)))
    }
}

impl Auth for SharedAuth {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        self.0.sign(request)
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        self.0.examine(answer)
    }

    fn legs(&self) -> usize {
        self.0.legs()
    }

    fn connection_owner(&self) -> Option<ConnectionOwner> {
        self.0.connection_owner()
    }

    fn waits(&self) -> bool {
        self.0.waits()
    }
}

impl std::ops::Deref for SharedAuth {
    type Target = dyn Auth;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// Says only that there is one: what it holds is secret.
impl fmt::Debug for SharedAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedAuth")
    }
}

/// The user name and password that stood in a request's URL: a request extension.
///
/// Whoever accepts a URL takes them out of it, so that no log line and no error can show them, and leaves them here
/// for the auth layer, which uses them where no other auth is set.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Userinfo {
    /// The user name, percent-decoded.
    pub user: String,
    /// The password, percent-decoded; `None` if the URL had no colon in its userinfo.
    pub password: Option<String>,
}

impl Userinfo {
    /// A user name and a password, both percent-decoded.
    #[must_use]
    pub fn new(user: impl Into<String>, password: Option<String>) -> Self {
        Self { user: user.into(), password }
    }

    /// The userinfo of a URI as it is written, and the host and port after it; `None` without userinfo.
    #[must_use]
    pub fn split(uri: &Uri) -> Option<(&str, &str)> {
        let authority = uri.authority()?.as_str();
        // Few have one, and to see that costs less than a search from behind does on names this short.
        if authority.as_bytes().contains(&b'@') { authority.rsplit_once('@') } else { None }
    }
}

impl fmt::Debug for Userinfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Userinfo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_is_a_scheme_and_no_secret_is_in_its_debug() {
        let auth = SharedAuth::new(|request: &mut Unsigned<'_>| {
            let name = request.recipient().header();
            request.headers_mut().insert(name, "secret".parse()?);
            Ok(())
        });
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let mut unsigned = Unsigned::new(&mut parts).proxy_is("http://proxy:80");
        assert_eq!((unsigned.recipient(), unsigned.proxy()), (Recipient::Proxy, Some("http://proxy:80")));
        assert!(!auth.waits());
        assert!(matches!(auth.sign(&mut unsigned), Signing::Done(Ok(()))));
        assert!(!format!("{unsigned:?}{auth:?}{:?}", Userinfo::new("u", Some("secret".into()))).contains("secret"));
        assert_eq!(parts.headers[PROXY_AUTHORIZATION], "secret");
    }

    #[test]
    fn a_challenge_is_answered_while_a_leg_is_left() {
        let again = |same| format!("{:?}", Step::Again { same_connection: same });
        for (verdict, leg, legs, step) in [
            (Verdict::Accept, 0, 2, "End".to_owned()),
            (Verdict::Resend, 0, 0, "End".to_owned()),
            (Verdict::Resend, 0, 1, again(false)),
            (Verdict::Resend, 1, 1, "End".to_owned()),
            (Verdict::Continue, 1, 2, again(true)),
            (Verdict::Continue, 2, 2, "End".to_owned()),
            (Verdict::Fail("no".into()), 2, 2, "Fail(\"no\")".to_owned()),
        ] {
            let name = format!("{verdict:?} {leg} {legs}");
            assert_eq!(format!("{:?}", verdict.step(leg, legs)), step, "{name}");
        }
    }

    #[test]
    fn an_answer_shows_neither_the_query_nor_a_cookie() {
        let uri = Uri::from_static("http://a/?key=secret");
        let response = http::Response::builder().status(401).header("set-cookie", "id=secret").body(()).unwrap();
        let (parts, ()) = response.into_parts();
        let credentials = HeaderValue::from_static("secret");
        let answer = Answer::new(&Method::GET, &uri, &parts, Recipient::Server, 0).with_credentials(Some(&credentials));
        let shown = format!("{answer:?}{answer:#?}");
        assert!(shown.contains("401") && !shown.contains("secret"), "{shown}");
    }
}
