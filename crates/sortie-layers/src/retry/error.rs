use std::error::Error;
use std::fmt;

use sortie_core::BoxError;

use super::Attempts;

/// A call failed although its request was sent more than once, or was to be; the [`source`](Error::source) is the last
/// attempt's error.
#[derive(Debug)]
pub struct Failed {
    attempts: Attempts,
    source: BoxError,
}

impl Failed {
    pub(super) fn new(attempts: Attempts, source: BoxError) -> Self {
        Self { attempts, source }
    }

    /// The attempts that were made, and why there was no other.
    #[must_use]
    pub fn attempts(&self) -> &Attempts {
        &self.attempts
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.attempts.count(), self.attempts.stop()) {
            (1, Some(stop)) => write!(f, "the request failed and was not sent again: {stop}"),
            (count, _) => write!(f, "the request failed {count} times"),
        }
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// A failed request was to be sent again, but its body can be sent only once; the [`source`](Error::source) is why it
/// failed.
///
/// A body of bytes or from `Body::factory` can be sent again. It is never replaced by an empty one.
#[derive(Debug)]
pub struct NotReplayable {
    source: BoxError,
}

impl NotReplayable {
    pub(super) fn new(source: BoxError) -> Self {
        Self { source }
    }
}

impl fmt::Display for NotReplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request failed and was not sent again, for its body can be sent only once (see Body::factory)")
    }
}

impl Error for NotReplayable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
