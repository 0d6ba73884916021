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

use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use http::{HeaderName, Uri};

use crate::body::downcast;
use crate::{BoxError, BoxFuture};

mod answer;
mod same_connection;
mod unsigned;

pub use answer::{Answer, Step, Verdict};
pub use same_connection::{ConnectionOwner, Conversation, Held, Leg, SameConnection};
pub use unsigned::Unsigned;

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
}
