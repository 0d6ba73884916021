use std::pin::Pin;
use std::time::Duration;

use sortie_core::PerRequest;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};

/// How long each part of an exchange may take.
///
/// A limit has three values. One that was never set is the transport's, or, in the transport, the default of the table;
/// `None` means that there is no limit; a `Duration` is the limit. As `PerRequest<PhaseTimeouts>` in a request's
/// extensions it changes for that request the limits it sets, and `PerRequest::Off` takes all of them away.
///
/// | limit | of what | default |
/// |---|---|---|
/// | [`acquire`](Self::acquire) | waiting for a place among the origin's connections | 10 s |
/// | [`connect`](Self::connect) | making a connection: name, TCP, TLS | 10 s |
/// | [`write`](Self::write) | the upload making no progress | none |
/// | [`first_byte`](Self::first_byte) | from the end of the upload to the answer's first byte | none |
/// | [`read`](Self::read) | a gap within the answer | 60 s |
///
/// They are kept by tokio's clock: a response that is polled outside of a tokio runtime has none.
///
/// The error of each has a [`sortie_core::Elapsed`] with its [`Phase`](sortie_core::Phase) in its chain.
///
/// ```
/// use sortie_transport::PhaseTimeouts;
/// use std::time::Duration;
///
/// let impatient = PhaseTimeouts::default().first_byte(Duration::from_secs(2)).read(None);
/// # let _ = impatient;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhaseTimeouts {
    acquire: Option<Option<Duration>>,
    connect: Option<Option<Duration>>,
    write: Option<Option<Duration>>,
    first_byte: Option<Option<Duration>>,
    read: Option<Option<Duration>>,
}

impl PhaseTimeouts {
    /// For how long a request waits for a place when its origin has as many connections as it may have. The time in
    /// which a connect for it is under way is [`connect`](Self::connect)'s.
    #[must_use]
    pub fn acquire(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { acquire: Some(limit.into()), ..self }
    }

    /// For how long a connection may take to be made, over all addresses of its name and with TLS.
    ///
    /// A connect is shared by those who wait for it: the limit is that of the request that caused it.
    #[must_use]
    pub fn connect(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { connect: Some(limit.into()), ..self }
    }

    /// For how long the network may take none of the request's body. The time that the body itself takes to yield its
    /// next chunk is not counted.
    #[must_use]
    pub fn write(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { write: Some(limit.into()), ..self }
    }

    /// For how long the server may take from the end of the upload to the first byte of its answer, which may be that
    /// of an interim one (HTTP/2: to the head).
    #[must_use]
    pub fn first_byte(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { first_byte: Some(limit.into()), ..self }
    }

    /// How long a gap within the answer may be, in its head, once the upload is over, or its body. Reading slowly does
    /// not count against it.
    #[must_use]
    pub fn read(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { read: Some(limit.into()), ..self }
    }

    pub(crate) fn limits(self) -> Limits {
        let seconds = |n| Some(Duration::from_secs(n));
        Limits {
            acquire: self.acquire.unwrap_or(seconds(10)),
            connect: self.connect.unwrap_or(seconds(10)),
            write: self.write.flatten(),
            first_byte: self.first_byte.flatten(),
            read: self.read.unwrap_or(seconds(60)),
        }
    }
}

/// The limits that count, with nothing left unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) acquire: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) write: Option<Duration>,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) read: Option<Duration>,
}

impl Limits {
    const NONE: Self = Self { acquire: None, connect: None, write: None, first_byte: None, read: None };

    /// These, as a request changes them.
    pub(crate) fn of(self, extensions: &http::Extensions) -> Self {
        match PerRequest::<PhaseTimeouts>::of(extensions) {
            None => self,
            Some(PerRequest::Off) => Self::NONE,
            Some(PerRequest::Use(own)) => Self {
                acquire: own.acquire.unwrap_or(self.acquire),
                connect: own.connect.unwrap_or(self.connect),
                write: own.write.unwrap_or(self.write),
                first_byte: own.first_byte.unwrap_or(self.first_byte),
                read: own.read.unwrap_or(self.read),
            },
        }
    }
}

/// Thirty years, which is never: what lies beyond the clock's end (`Duration::MAX`) comes to this.
pub(crate) const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// `limit` after `from`.
pub(crate) fn after(from: Instant, limit: Duration) -> Instant {
    from.checked_add(limit).unwrap_or_else(|| from + NEVER)
}

/// A clock that fires at `at`; `None` outside of a tokio runtime, where there are no clocks.
pub(crate) fn clock(at: Instant) -> Option<Pin<Box<Sleep>>> {
    Handle::try_current().ok().map(|_| Box::pin(tokio::time::sleep_until(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_changes_what_it_sets_and_off_is_not_unset() {
        let secs = |n| Some(Duration::from_secs(n));
        let transport = PhaseTimeouts::default().connect(Duration::from_secs(3)).read(None).limits();
        assert_eq!((transport.acquire, transport.connect, transport.read), (secs(10), secs(3), None));

        let mut extensions = http::Extensions::new();
        assert_eq!(transport.of(&extensions), transport);
        extensions.insert(PerRequest::Use(PhaseTimeouts::default().acquire(None).read(Duration::from_secs(5))));
        let own = transport.of(&extensions);
        assert_eq!((own.acquire, own.connect, own.read), (None, secs(3), secs(5)));
        extensions.insert(PerRequest::<PhaseTimeouts>::Off);
        assert_eq!(transport.of(&extensions), Limits::NONE);
    }

    #[test]
    fn an_endless_limit_does_not_overflow() {
        assert!(after(Instant::now(), Duration::MAX) > Instant::now());
    }
}
