mod http;
mod names;
mod proxies;

use std::fmt;
use std::time::Duration;

use crate::connect::{Connect, DialFn};
use crate::events::{Events, Told};
use crate::proxy::Proxies;
use crate::road::Tls;
use crate::timeouts::PhaseTimeouts;
pub(crate) use http::Http;
pub(crate) use names::Names;

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
/// | [`max_connections`](Self::max_connections) | no cap |
/// | [`max_connections_per_origin`](Self::max_connections_per_origin) | no cap |
/// | [`max_idle_per_origin`](Self::max_idle_per_origin) | 32 |
/// | [`max_http2_connections_per_origin`](Self::max_http2_connections_per_origin) | 4 |
/// | [`max_requests_per_connection`](Self::max_requests_per_connection) | no limit |
/// | [`idle_timeout`](Self::idle_timeout) | 90 s |
/// | [`max_lifetime`](Self::max_lifetime) | no limit |
/// | [`http2_keep_alive_interval`](Self::http2_keep_alive_interval) | no pings |
/// | [`http2_keep_alive_timeout`](Self::http2_keep_alive_timeout) | 20 s |
/// | [`tcp_nodelay`](Self::tcp_nodelay) | on |
/// | [`connector`](Self::connector) | name look-up and TCP |
/// | [`events`](Self::events) | nobody is told |
/// | [`proxies`](Self::proxies) | none |
/// | [`resolver`](Self::resolver) | the system's |
/// | [`resolve_to`](Self::resolve_to) | no host |
/// | [`dns_cache`](Self::dns_cache) | that of [`CacheOptions`](crate::dns::CacheOptions) |
/// | [`address_policy`](Self::address_policy) | every address is allowed |
/// | [`happy_eyeballs_delay`](Self::happy_eyeballs_delay) | 250 ms |
/// | [`local_address`](Self::local_address) | the system's choice |
/// | [`tcp_keep_alive`](Self::tcp_keep_alive) | that of [`TcpKeepAlive`](crate::TcpKeepAlive) |
/// | [`expect_continue`](Self::expect_continue) | bodies are sent at once |
/// | [`http1_title_case_headers`](Self::http1_title_case_headers) | lower case |
/// | [`http1_max_headers`](Self::http1_max_headers) | 100 |
/// | [`http1_max_head_size`](Self::http1_max_head_size) | 417,792 octets |
/// | [`http1_max_buffer_size`](Self::http1_max_buffer_size) | 417,792 octets |
/// | [`http2_initial_stream_window`](Self::http2_initial_stream_window) | 2 MiB |
/// | [`http2_initial_connection_window`](Self::http2_initial_connection_window) | 5 MiB |
/// | [`http2_adaptive_window`](Self::http2_adaptive_window) | off |
/// | [`http2_max_frame_size`](Self::http2_max_frame_size) | 16,384 octets |
/// | [`http2_max_header_list_size`](Self::http2_max_header_list_size) | 16 KiB |
/// | [`http2_max_send_buffer_size`](Self::http2_max_send_buffer_size) | 1 MiB |
/// | [`http2_header_table_size`](Self::http2_header_table_size) | 4,096 octets |
/// | [`http2_max_concurrent_reset_streams`](Self::http2_max_concurrent_reset_streams) | 50 |
///
/// ```
/// use sortie_transport::{Transport, TransportOptions};
/// use std::time::Duration;
///
/// let transport = Transport::new(
///     TransportOptions::default().max_connections_per_origin(8).idle_timeout(Duration::from_secs(20)),
/// );
/// assert_eq!(transport.stats().open, 0);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct TransportOptions {
    pub(crate) timeouts: PhaseTimeouts,
    pub(crate) tls: Tls,
    pub(crate) versions: Versions,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_connections_per_origin: Option<usize>,
    pub(crate) max_idle: usize,
    pub(crate) max_http2: usize,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) max_requests: Option<u64>,
    pub(crate) ping: Ping,
    pub(crate) tcp_nodelay: bool,
    pub(crate) dial: Option<DialFn>,
    pub(crate) told: Told,
    pub(crate) proxies: Option<Proxies>,
    pub(crate) names: Names,
    pub(crate) http: Http,
}

/// When an HTTP/2 connection is asked whether it is still there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ping {
    pub(crate) interval: Option<Duration>,
    pub(crate) timeout: Duration,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            timeouts: PhaseTimeouts::default(),
            tls: Tls::default(),
            versions: Versions::default(),
            max_connections: None,
            max_connections_per_origin: None,
            max_idle: 32,
            max_http2: 4,
            idle_timeout: Some(Duration::from_secs(90)),
            max_lifetime: None,
            max_requests: None,
            ping: Ping { interval: None, timeout: Duration::from_secs(20) },
            tcp_nodelay: true,
            dial: None,
            told: Told::default(),
            proxies: None,
            names: Names::default(),
            http: Http::default(),
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

    /// How many connections there may be to all origins together, those being made and those handed over by an upgrade
    /// included. Where that is reached, the connection that has been idle for longest, whatever its origin, is closed for
    /// one that is needed, and requests wait in the order in which they came only while none is idle. By default there
    /// is no cap; at least one is always allowed.
    #[must_use]
    pub fn max_connections(self, cap: impl Into<Option<usize>>) -> Self {
        Self { max_connections: cap.into(), ..self }
    }

    /// How many connections one origin may have, those being made and those handed over by an upgrade included.
    /// Requests beyond that wait in the order in which they came. By default there is no cap; at least one is always
    /// allowed.
    #[must_use]
    pub fn max_connections_per_origin(self, cap: impl Into<Option<usize>>) -> Self {
        Self { max_connections_per_origin: cap.into(), ..self }
    }

    /// How many requests are given to one connection before another takes its place; those under way over HTTP/2 still
    /// end as they would. By default there is no limit; at least one is always given.
    #[must_use]
    pub fn max_requests_per_connection(self, limit: impl Into<Option<u64>>) -> Self {
        Self { max_requests: limit.into(), ..self }
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
    ///
    /// A server that says in `Keep-Alive: timeout=…` for how long it keeps an idle connection
    /// ([RFC 2068 §19.7.1.1](https://www.rfc-editor.org/rfc/rfc2068#section-19.7.1.1)) shortens that for its connections:
    /// they are used for a second less than it says, or for half of it, so that no request meets the server's close.
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

    /// Asks the server over an HTTP/2 connection with requests under way whether it is still there (PING,
    /// [RFC 9113 §6.7](https://www.rfc-editor.org/rfc/rfc9113#section-6.7)) when nothing has come from it for that long.
    /// By default nothing is asked: some servers take it ill (gRPC's end a connection that pings more than once in five
    /// minutes, unless told otherwise).
    ///
    /// If nothing comes for 500 ms more, requests go over another connection where there can be one, until something
    /// comes; after the [timeout](Self::http2_keep_alive_timeout) the connection is closed, and what ran on it fails.
    #[must_use]
    pub fn http2_keep_alive_interval(self, interval: impl Into<Option<Duration>>) -> Self {
        Self { ping: Ping { interval: interval.into(), ..self.ping }, ..self }
    }

    /// How long the answer to such a question may take. By default 20 s.
    #[must_use]
    pub fn http2_keep_alive_timeout(self, timeout: Duration) -> Self {
        Self { ping: Ping { timeout, ..self.ping }, ..self }
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

    /// Whom to tell what happens to connections. By default nobody is told.
    #[must_use]
    pub fn events(self, events: impl Events) -> Self {
        Self { told: Told::new(events), ..self }
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
            .field("max_connections", &self.max_connections)
            .field("max_connections_per_origin", &self.max_connections_per_origin)
            .field("max_idle_per_origin", &self.max_idle)
            .field("max_http2_connections_per_origin", &self.max_http2)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("max_requests_per_connection", &self.max_requests)
            .field("http2_keep_alive", &self.ping)
            .field("tcp_nodelay", &self.tcp_nodelay)
            .field("connector", &self.dial.as_ref().map_or("tcp", |_| "custom"))
            .field("events", &self.told)
            .field("proxies", &self.proxies)
            .field("resolver", &self.names.resolver.as_ref().map_or("system", |_| "custom"))
            .field("resolve_to", &self.names.hosts)
            .field("dns_cache", &self.names.cache)
            .field("address_policy", &self.names.policy)
            .field("happy_eyeballs_delay", &self.names.delay)
            .field("local_address", &(self.names.sockets.local_v4, self.names.sockets.local_v6))
            .field("tcp_keep_alive", &self.names.sockets.keep_alive)
            .field("http", &self.http)
            .finish()
    }
}
