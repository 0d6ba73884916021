use std::fmt;
use std::time::Duration;

use crate::connect::{Connect, DialFn};
use crate::timeouts::PhaseTimeouts;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the transport speaks two versions, and offers both or one of them")]
pub enum Versions {
    /// HTTP/2 where the server agrees to it by ALPN, else HTTP/1.1; HTTP/1.1 over plaintext.
    #[default]
    Auto,
    /// HTTP/1.1 alone.
    Http1Only,
    /// HTTP/2 alone: nothing else is offered by ALPN, and over plaintext it is spoken with prior knowledge
    /// ([RFC 9113 §3.3](https://www.rfc-editor.org/rfc/rfc9113#section-3.3)).
    Http2Only,
}

/// How a [`Transport`](crate::Transport) connects and what it keeps.
///
/// | option | default |
/// |---|---|
/// | [`timeouts`](Self::timeouts) | those of [`PhaseTimeouts`] |
/// | `tls` (feature `tls`) | the platform's verifier |
/// | [`versions`](Self::versions) | [`Versions::Auto`] |
/// | [`max_connections_per_origin`](Self::max_connections_per_origin) | no cap |
/// | [`max_idle_per_origin`](Self::max_idle_per_origin) | 32 |
/// | [`max_http2_connections_per_origin`](Self::max_http2_connections_per_origin) | 4 |
/// | [`idle_timeout`](Self::idle_timeout) | 90 s |
/// | [`max_lifetime`](Self::max_lifetime) | no limit |
/// | [`tcp_nodelay`](Self::tcp_nodelay) | on |
/// | [`connector`](Self::connector) | name look-up and TCP |
///
/// ```
/// use sortie_transport::{Transport, TransportOptions};
/// use std::time::Duration;
///
/// let transport = Transport::new(
///     TransportOptions::default().max_connections_per_origin(8).idle_timeout(Duration::from_secs(20)),
/// );
/// assert_eq!(transport.counts().open, 0);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct TransportOptions {
    pub(crate) timeouts: PhaseTimeouts,
    #[cfg(feature = "tls")]
    pub(crate) tls: Tls,
    pub(crate) versions: Versions,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_idle: usize,
    pub(crate) max_http2: usize,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) tcp_nodelay: bool,
    pub(crate) dial: Option<DialFn>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            timeouts: PhaseTimeouts::default(),
            #[cfg(feature = "tls")]
            tls: Tls::default(),
            versions: Versions::default(),
            max_connections: None,
            max_idle: 32,
            max_http2: 4,
            idle_timeout: Some(Duration::from_secs(90)),
            max_lifetime: None,
            tcp_nodelay: true,
            dial: None,
        }
    }
}

impl TransportOptions {
    /// The limits of each phase; a request overrides them with `PerRequest<PhaseTimeouts>`.
    #[must_use]
    pub fn timeouts(self, timeouts: PhaseTimeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Whom to trust over `https`. By default the platform's verifier and its roots.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    /// Which versions of HTTP are spoken. By default [`Versions::Auto`].
    #[must_use]
    pub fn versions(self, versions: Versions) -> Self {
        Self { versions, ..self }
    }

    /// How many connections one origin may have, those being made and those handed over by an upgrade included.
    /// Requests beyond that wait in the order in which they came. By default there is no cap; at least one is always
    /// allowed.
    #[must_use]
    pub fn max_connections_per_origin(self, cap: impl Into<Option<usize>>) -> Self {
        Self { max_connections: cap.into(), ..self }
    }

    /// How many idle HTTP/1.1 connections are kept for one origin; the one that was used longest ago is closed for
    /// another. By default 32; 0 keeps none.
    #[must_use]
    pub fn max_idle_per_origin(self, cap: usize) -> Self {
        Self { max_idle: cap, ..self }
    }

    /// How many HTTP/2 connections one origin may have when all streams of the others are taken. By default 4; 1 is
    /// what [RFC 9113 §9.1](https://www.rfc-editor.org/rfc/rfc9113#section-9.1) asks for, and the least.
    #[must_use]
    pub fn max_http2_connections_per_origin(self, cap: usize) -> Self {
        Self { max_http2: cap, ..self }
    }

    /// For how long a connection is kept after the last byte from the server. By default 90 s.
    #[must_use]
    pub fn idle_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { idle_timeout: limit.into(), ..self }
    }

    /// For how long a connection takes new requests, give or take a tenth at random, so that connections made together
    /// do not end together. What runs on it then still ends as it would. By default there is no limit.
    #[must_use]
    pub fn max_lifetime(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { max_lifetime: limit.into(), ..self }
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). By default they do.
    #[must_use]
    pub fn tcp_nodelay(self, nodelay: bool) -> Self {
        Self { tcp_nodelay: nodelay, ..self }
    }

    /// Makes the byte streams in place of name look-up and TCP; TLS comes on top of them for `https`.
    #[must_use]
    pub fn connector(self, connector: impl Connect) -> Self {
        Self { dial: Some(crate::connect::erase(connector)), ..self }
    }
}

impl fmt::Debug for TransportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TransportOptions");
        debug.field("timeouts", &self.timeouts);
        #[cfg(feature = "tls")]
        debug.field("tls", &self.tls);
        debug
            .field("versions", &self.versions)
            .field("max_connections_per_origin", &self.max_connections)
            .field("max_idle_per_origin", &self.max_idle)
            .field("max_http2_connections_per_origin", &self.max_http2)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("tcp_nodelay", &self.tcp_nodelay)
            .field("connector", &self.dial.as_ref().map_or("tcp", |_| "custom"))
            .finish()
    }
}
