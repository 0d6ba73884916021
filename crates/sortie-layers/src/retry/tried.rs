use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode, Uri};
use sortie_core::{BoxError, Outcome};
use tokio::time::Instant;

use super::Failure;
use super::retry_after::retry_after;

/// An attempt that has ended: what the closures of [`RetryOptions`](super::RetryOptions) see.
#[derive(Clone, Copy)]
pub struct Tried<'a> {
    pub(super) asked: &'a Asked,
    pub(super) ended: Ended<'a>,
}

/// What was asked, kept for the closures.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// When the first attempt began.
    pub(super) began: Instant,
}

/// What is known about an attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended<'a> {
    pub(super) end: End<'a>,
    /// Whether the request may be sent again although the server may have acted on it
    /// ([`is_idempotent`](super::decide::is_idempotent)).
    pub(super) idempotent: bool,
    /// How often the request has been sent.
    pub(super) sends: usize,
}

/// How an attempt has ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    Answer(StatusCode, &'a HeaderMap),
    Error(&'a BoxError),
}

impl<'a> Tried<'a> {
    /// The method of the request.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        &self.asked.method
    }

    /// The URI of the request.
    #[must_use]
    pub fn uri(&self) -> &'a Uri {
        &self.asked.uri
    }

    /// The status of the response; `None` if the attempt failed.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.ended.end {
            End::Answer(status, _) => Some(status),
            End::Error(_) => None,
        }
    }

    /// The headers of the response; `None` if the attempt failed.
    #[must_use]
    pub fn headers(&self) -> Option<&'a HeaderMap> {
        match self.ended.end {
            End::Answer(_, headers) => Some(headers),
            End::Error(_) => None,
        }
    }

    /// The error; `None` if there is a response.
    #[must_use]
    pub fn error(&self) -> Option<&'a (dyn Error + 'static)> {
        match self.ended.end {
            End::Answer(..) => None,
            End::Error(error) => Some(&**error),
        }
    }

    /// The kind of failure; `None` if there is a response, or if a further attempt is in vain.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.error().and_then(Failure::of)
    }

    /// What the attempt may have done on the wire, if it failed and its error tells.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.error().and_then(Outcome::of)
    }

    /// The wait that the response asks for
    /// ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)), a malformed one left out.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.headers().and_then(|headers| retry_after(headers, SystemTime::now()))
    }

    /// Whether the request may be sent again although the server may have acted on it: its method is one of
    /// [`RetryOptions::methods`](super::RetryOptions::methods), or it has an `Idempotency-Key`.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.ended.idempotent
    }

    /// How often the request has been sent, this attempt included.
    #[must_use]
    pub fn sends(&self) -> usize {
        self.ended.sends
    }

    /// How long it has been since the first attempt began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.asked.began.elapsed()
    }
}

/// Without the URI and the headers: they may hold secrets.
impl fmt::Debug for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tried")
            .field("method", self.method())
            .field("status", &self.status())
            .field("error", &self.error())
            .field("sends", &self.ended.sends)
            .finish_non_exhaustive()
    }
}

/// What a closure decides about an attempt that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// As if there were no closure.
    #[default]
    Default,
    /// Another attempt after the back-off, or after `Retry-After` if that is longer.
    Retry,
    /// Another attempt after this wait.
    RetryAfter(Duration),
    /// The call ends with what there is.
    Stop,
}
