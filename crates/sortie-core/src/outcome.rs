use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::{BoxError, find};

/// What an exchange that failed may have done on the wire, and so whether it is safe to send it again.
///
/// The transport writes it into a [`Fault`], a retry reads it with [`Outcome::of`]. An error without one says nothing
/// and must be taken for [`MaybeProcessed`](Self::MaybeProcessed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// No connection was free in time; nothing was sent. Safe to repeat, but the limit that held it back still holds.
    AcquireTimeout,
    /// The transport has been closed; nothing was sent and nothing will be.
    Closed,
    /// No connection could be made; nothing was sent. Safe to repeat with any method.
    Connect {
        /// How far the connection had come.
        phase: Phase,
    },
    /// The request may have reached the server, which may have acted on it. Only an idempotent method may be repeated,
    /// and only where the caller asked for that.
    MaybeProcessed,
    /// The server said that it did not process the request (`REFUSED_STREAM`, or a GOAWAY below its stream). Safe to
    /// repeat with any method ([RFC 9113 §8.7](https://www.rfc-editor.org/rfc/rfc9113#section-8.7)).
    Refused,
    /// A connection that had been used before ended before a byte of the answer came: most likely the server closed it
    /// while idle. Safe to repeat, on a fresh connection, for an idempotent method
    /// ([RFC 9110 §9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2)).
    StaleReuse,
}

impl Outcome {
    /// The outcome of the first [`Fault`] in the chain of `error`.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        find::<Fault>(error).map(Fault::outcome)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcquireTimeout => f.write_str("no connection was free in time; the request was not sent"),
            Self::Closed => f.write_str("the transport is closed; the request was not sent"),
            Self::Connect { phase } => write!(f, "no connection could be made ({phase}); the request was not sent"),
            Self::MaybeProcessed => f.write_str("the exchange failed; the server may have processed the request"),
            Self::Refused => f.write_str("the server refused the request without processing it"),
            Self::StaleReuse => f.write_str("a reused connection ended before the answer began"),
        }
    }
}

/// A failed exchange: its [`Outcome`], and as [`source`](Error::source) what happened.
#[derive(Debug)]
pub struct Fault {
    outcome: Outcome,
    source: BoxError,
}

impl Fault {
    /// What `source` did to the exchange.
    #[must_use]
    pub fn new(outcome: Outcome, source: impl Into<BoxError>) -> Self {
        Self { outcome, source: source.into() }
    }

    /// What the failed exchange may have done on the wire.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcome.fmt(f)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// A part of a call's way, in the order in which a call passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The call as a whole: redirects, retries, back-off and the body.
    Total,
    /// One hop of a call in its mount, with the hop's retries and its body.
    Hop,
    /// One attempt, up to the head of its response.
    Attempt,
    /// Waiting for a free connection.
    Acquire,
    /// Looking up the server's name.
    Dns,
    /// Making the connection (TCP, or what stands for it).
    Connect,
    /// Asking a proxy for the way.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The HTTP connection's preface.
    Handshake,
    /// Sending the request.
    Write,
    /// Waiting for the first byte of the response.
    FirstByte,
    /// A gap within the response.
    Read,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "total",
            Self::Hop => "hop",
            Self::Attempt => "attempt",
            Self::Acquire => "acquire",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Handshake => "handshake",
            Self::Write => "write",
            Self::FirstByte => "first byte",
            Self::Read => "read",
        })
    }
}

/// A time limit ran out: which, and how long it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    phase: Phase,
    limit: Duration,
}

impl Elapsed {
    /// The limit of `phase`, `limit` long, ran out.
    #[must_use]
    pub fn new(phase: Phase, limit: Duration) -> Self {
        Self { phase, limit }
    }

    /// Whose limit ran out.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How long the limit was.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = match self.phase {
            Phase::Total => "TimeoutOptions::total",
            Phase::Hop => "Mount::timeout",
            Phase::Attempt => "TimeoutOptions::attempt",
            Phase::Acquire => "PhaseTimeouts::acquire",
            Phase::Write => "PhaseTimeouts::write",
            Phase::FirstByte => "PhaseTimeouts::first_byte",
            Phase::Read => "PhaseTimeouts::read",
            Phase::Dns | Phase::Connect | Phase::Proxy | Phase::Tls | Phase::Handshake => "PhaseTimeouts::connect",
        };
        write!(f, "timed out after {:?} ({}; set by {setting})", self.limit, self.phase)
    }
}

impl Error for Elapsed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_through_what_wraps_it() {
        let fault = Fault::new(Outcome::Connect { phase: Phase::Tls }, "bad certificate");
        let wrapped: BoxError = Box::new(std::io::Error::other(fault));
        assert_eq!(Outcome::of(&*wrapped), Some(Outcome::Connect { phase: Phase::Tls }));
        assert_eq!(Outcome::of(&std::fmt::Error), None);
    }

    #[test]
    fn an_elapsed_limit_names_its_phase_and_its_setting() {
        let elapsed = Elapsed::new(Phase::FirstByte, Duration::from_secs(3));
        assert_eq!(elapsed.to_string(), "timed out after 3s (first byte; set by PhaseTimeouts::first_byte)");
    }
}
