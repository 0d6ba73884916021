use std::error::Error;
use std::fmt;

use sortie_core::BoxError;

/// A request could not be signed, and was not sent; the [`source`](Error::source) is the scheme's error.
#[derive(Debug)]
pub struct SigningFailed {
    source: BoxError,
}

impl SigningFailed {
    pub(crate) fn new(source: BoxError) -> Self {
        Self { source }
    }
}

impl fmt::Display for SigningFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request could not be signed")
    }
}

impl Error for SigningFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// The scheme does not believe the server's answer; the [`source`](Error::source) is the scheme's error.
///
/// The request was sent, and may have had its effect.
#[derive(Debug)]
pub struct AnswerRejected {
    source: BoxError,
}

impl AnswerRejected {
    pub(crate) fn new(source: BoxError) -> Self {
        Self { source }
    }
}

impl fmt::Display for AnswerRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer does not come from who it should")
    }
}

impl Error for AnswerRejected {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// A challenge is to be answered by sending the request again, and its body can be sent only once.
///
/// A body of bytes or from `Body::factory` can be sent again. It is never replaced by an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReplayable {
    status: http::StatusCode,
}

impl NotReplayable {
    pub(super) fn new(status: http::StatusCode) -> Self {
        Self { status }
    }

    /// The status of the challenge.
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        self.status
    }
}

impl fmt::Display for NotReplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.as_u16();
        write!(f, "the challenge ({status}) needs the request's body again, and it can be sent only once")
    }
}

impl Error for NotReplayable {}
