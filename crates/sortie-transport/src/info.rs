use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Version;
use tokio::time::Instant;

use crate::proxy::Proxy;
#[cfg(feature = "tls")]
use crate::tls::TlsInfo;

/// The connection that a response came over: an extension of every response.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    shared: Arc<Info>,
    reused: bool,
}

#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) id: u64,
    pub(crate) origin: Arc<str>,
    pub(crate) made: Instant,
    pub(crate) times: ConnectTimes,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) version: Version,
    pub(crate) proxy: Option<Proxy>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsInfo>,
    #[cfg(feature = "tls")]
    pub(crate) proxy_tls: Option<TlsInfo>,
    /// With which identities the client came that can change.
    #[cfg(feature = "tls")]
    pub(crate) made_with: Box<[crate::tls::MadeWith]>,
}

/// How long the steps of a connect took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectTimes {
    pub(crate) dns: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) proxy: Option<Duration>,
    pub(crate) tls: Option<Duration>,
}

impl ConnectionInfo {
    pub(crate) fn new(shared: Arc<Info>, reused: bool) -> Self {
        Self { shared, reused }
    }

    /// Names the connection within its transport.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// The origin that it leads to, as in a URI: `https://example.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// How long ago the connection was made.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.shared.made.elapsed()
    }

    /// The address of the server, or of what stood for it, the [proxy](Self::proxy) for one; `None` for a byte stream without addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer
    }

    /// The client's own address.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.local
    }

    /// `HTTP/1.1` or `HTTP/2`: the protocol of the connection. A server may still have said `HTTP/1.0` in its answer.
    #[must_use]
    pub fn version(&self) -> Version {
        self.shared.version
    }

    /// Whether the connection had served a request before this one.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// The proxy by which it leads, if it does. Shown, it is `scheme://host:port`.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.shared.proxy.as_ref()
    }

    /// What was agreed upon with TLS; `None` for a plaintext connection.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.shared.tls.as_ref()
    }

    /// What was agreed upon with the [proxy](Self::proxy) itself; `None` unless that is one of `https`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn proxy_tls(&self) -> Option<&TlsInfo> {
        self.shared.proxy_tls.as_ref()
    }
}
