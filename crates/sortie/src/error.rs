use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use sortie_core::{BoxError, Elapsed, Fault, Outcome, Phase, causes, find};
use sortie_layers::retry::tells_of_earlier_exchanges;
use sortie_layers::status::StatusError;
use sortie_layers::{auth, hooks, mounts, redirect};
use sortie_transport::proxy::ProxyError;
use url::Url;

use crate::Response;
use crate::into_url::as_written;

/// What went wrong with a call.
///
/// [`kind`](Self::kind) says it in a word, [`source`](StdError::source) leads to the typed cause, which
/// [`sortie_core::find`] finds by its type. Its text is for people and one level deep; no URL in it has a user name, a
/// password or a query, and no header value, cookie or body is ever part of it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    url: Option<Url>,
    source: Option<BoxError>,
}

/// The sorts of [`Error`].
///
/// "Retried" says whether a session's default policy sends again; [`RetryOptions`](crate::layers::retry::RetryOptions)
/// changes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A request could not be signed, or a challenge not be answered. Not retried.
    Auth,
    /// A body failed while it was sent or read. Not retried.
    Body,
    /// A URL, header, body or setting given to a builder is not valid; the message names the call. Nothing was sent.
    Builder,
    /// The session or its transport is closed. Nothing was sent.
    Closed,
    /// No connection could be made: name look-up, TCP. Nothing was sent, unless a redirect led there
    /// ([`Error::outcome`]). Retried once.
    Connect,
    /// A body is not what it was asked to be, or says that it is: JSON, text in a known charset, a content coding; or it
    /// decodes to more than it may. Not retried.
    Decode,
    /// A hook stopped the call. Not retried.
    Hook,
    /// The exchange failed on its connection; the server may have acted on the request. Retried once where it is
    /// certain that this repeats nothing.
    Protocol,
    /// A proxy did not lead to the server, or is not set as one can be. Nothing reached the server. Retried once if the
    /// proxy was not reached, or ended the connection; its refusal is not asked for again.
    Proxy,
    /// A redirect could not be followed, or there were too many. Not retried.
    Redirect,
    /// The request failed in a layer or service of the user's own, which says more in its error. Not retried.
    Request,
    /// What came could not be saved to a file. Not retried.
    Save,
    /// The response's status is an error, and the caller asked for that to be one.
    Status,
    /// A time limit ran out; [`Error::phase`] says which. Retried once if no connection had been made.
    Timeout,
    /// The TLS handshake failed: the certificate was refused, most often. Nothing was sent. Retried once if it was the
    /// connection that ended, and not if a check failed.
    Tls,
    /// There is no transport for the URL's scheme. Nothing was sent.
    Unsupported,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        Self(Box::new(Inner { kind, url: None, source: Some(source.into()) }))
    }

    pub(crate) fn builder(source: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Builder, source)
    }

    pub(crate) fn closed() -> Self {
        Self(Box::new(Inner { kind: ErrorKind::Closed, url: None, source: None }))
    }

    /// What came up the tower, sorted; an `Error` of a session that serves as another's transport stays as it is.
    pub(crate) fn from_tower(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => {
                let url = find::<redirect::Failed>(&*error).and_then(|failed| failed.url().cloned());
                Self::new(kind_of(&*error), error).with_url(|| url)
            }
        }
    }

    pub(crate) fn from_body(error: BoxError) -> Self {
        match Self::from_tower(error) {
            // A body's own stream knows nothing of the wire, so whatever else it says, it is the body that failed.
            Self(mut inner) if inner.kind == ErrorKind::Request => {
                inner.kind = ErrorKind::Body;
                Self(inner)
            }
            error => error,
        }
    }

    pub(crate) fn with_url(mut self, url: impl FnOnce() -> Option<Url>) -> Self {
        if self.0.url.is_none() {
            self.0.url = url().map(presentable);
        }
        self
    }

    /// Its sort.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The URL of the request that failed, after redirects, without user name, password, query and fragment.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// Whether a time limit ran out, anywhere.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.phase().is_some()
    }

    /// The time limit that ran out, if one did.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        find_own::<Elapsed>(self).map(Elapsed::phase)
    }

    /// Whether no connection could be made, because of the network, of TLS or of time. After a redirect or another
    /// attempt this speaks of the last request alone: what came before may have been acted on, which
    /// [`outcome`](Self::outcome) tells.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(find_own(self).map(Fault::outcome), Some(Outcome::Connect { .. }))
    }

    /// What the failed call may have done on the wire, where the transport could tell: all its requests together.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let last = find_own(self).map(Fault::outcome)?;
        Some(if tells_of_earlier_exchanges(self) { Outcome::MaybeProcessed } else { last })
    }

    /// The status of the response that was taken for an error.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        find::<StatusError>(self).map(StatusError::status)
    }

    /// The redirects that were followed before the call failed, oldest first.
    #[must_use]
    pub fn history(&self) -> &[redirect::Hop] {
        find::<redirect::Failed>(self).map_or(&[], |failed| failed.history())
    }

    /// The response that was taken for an error, its body unread; the error itself if there is none.
    ///
    /// # Errors
    ///
    /// The error, unchanged, unless its kind is [`ErrorKind::Status`].
    pub fn into_response(mut self) -> Result<Response, Self> {
        match self.0.source.take().map(|source| source.downcast::<StatusError>()) {
            Some(Ok(status)) => {
                let mut response = Response::from(status.into_response());
                if let Some(url) = self.0.url {
                    response.set_url(url);
                }
                Ok(response)
            }
            Some(Err(source)) => {
                self.0.source = Some(source);
                Err(self)
            }
            None => Err(self),
        }
    }
}

/// `error` and those of its causes that tell of the call's own exchanges.
///
/// What a hook, a signature, a body or a redirect's policy failed with may itself be the error of an exchange, and is that
/// of another one: where a token or a body came from.
fn own_causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut is_over = false;
    causes(error).take_while(move |cause| !std::mem::replace(&mut is_over, tells_of_another(*cause)))
}

fn tells_of_another(cause: &(dyn StdError + 'static)) -> bool {
    use sortie_transport::proxy::ProxyErrorKind::{Choice, Rejected, Signing};
    let by_proxy = |error: &ProxyError| matches!(error.kind(), Choice | Rejected | Signing);
    cause.is::<hooks::HookFailed>()
        || cause.is::<auth::SigningFailed>()
        || cause.is::<auth::AnswerRejected>()
        || cause.is::<sortie_transport::BodyFailed>()
        || cause.is::<sortie_transport::dns::ResolveError>()
        || cause.downcast_ref().is_some_and(by_proxy)
        || cause.downcast_ref().is_some_and(|failed: &redirect::Failed| failed.unfollowed().is_some())
}

fn find_own<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    own_causes(error).find_map(|cause| cause.downcast_ref())
}

/// The one place where causes become kinds.
fn kind_of(error: &(dyn StdError + 'static)) -> ErrorKind {
    if has::<Elapsed>(error) {
        return ErrorKind::Timeout;
    }
    if has::<sortie_transport::BodyFailed>(error) {
        return ErrorKind::Body;
    }
    if let Some(fault) = find_own::<Fault>(error) {
        return match fault.outcome() {
            Outcome::Closed => ErrorKind::Closed,
            Outcome::Connect { .. } if has::<ProxyError>(error) => ErrorKind::Proxy,
            Outcome::Connect { phase: Phase::Tls } => ErrorKind::Tls,
            Outcome::Connect { .. } | Outcome::AcquireTimeout => ErrorKind::Connect,
            _ => ErrorKind::Protocol,
        };
    }
    #[cfg(feature = "decompress")]
    if has::<sortie_decompress::DecompressError>(error) {
        return ErrorKind::Decode;
    }
    let kinds: [(bool, ErrorKind); 13] = [
        (has::<StatusError>(error), ErrorKind::Status),
        (has::<hooks::HookFailed>(error), ErrorKind::Hook),
        (has::<auth::SigningFailed>(error), ErrorKind::Auth),
        (has::<auth::NotReplayable>(error), ErrorKind::Auth),
        (has::<auth::AnswerRejected>(error), ErrorKind::Auth),
        // Without an outcome: the proxy has passed the request on.
        (has::<ProxyError>(error), ErrorKind::Proxy),
        (has::<mounts::NoMount>(error), ErrorKind::Unsupported),
        (has::<mounts::NotAbsolute>(error), ErrorKind::Builder),
        // Another failure after a redirect is wrapped in the same way, for its history.
        (find_own(error).is_some_and(not_followed), ErrorKind::Redirect),
        (has::<sortie_layers::base_url::JoinError>(error), ErrorKind::Builder),
        (has::<sortie_layers::query::AppendError>(error), ErrorKind::Builder),
        (has::<sortie_core::LengthMismatch>(error), ErrorKind::Body),
        (has::<sortie_transport::InvalidRequest>(error), ErrorKind::Builder),
    ];
    kinds.iter().find(|(is, _)| *is).map_or(ErrorKind::Request, |(_, kind)| *kind)
}

fn not_followed(failed: &redirect::Failed) -> bool {
    failed.unfollowed().is_some() || failed.history().is_empty()
}

fn has<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    find_own::<E>(error).is_some()
}

/// A URL without what may be secret in it.
fn presentable(mut url: Url) -> Url {
    // Both fail only for URLs that cannot have userinfo in the first place.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    as_written(url)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.kind {
            ErrorKind::Auth => "the request could not be authenticated",
            ErrorKind::Body => "a body failed",
            ErrorKind::Builder => "the request or a setting is not valid",
            ErrorKind::Closed => "the session is closed",
            ErrorKind::Connect => "the server was not reached",
            ErrorKind::Decode => "the body is not what was asked for",
            ErrorKind::Hook => "a hook stopped the call",
            ErrorKind::Protocol => "the exchange failed",
            ErrorKind::Proxy => "the proxy did not lead to the server",
            ErrorKind::Redirect => "a redirect was not followed",
            ErrorKind::Request => "the request failed",
            ErrorKind::Save => "the body could not be saved",
            ErrorKind::Status => "the response's status is an error",
            ErrorKind::Timeout => "a time limit ran out",
            ErrorKind::Tls => "the TLS handshake failed",
            ErrorKind::Unsupported => "there is no transport for this URL",
        })?;
        match &self.0.url {
            Some(url) => write!(f, " ({url})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("url", &self.0.url.as_ref().map(Url::as_str))
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
