use std::net::SocketAddr;
use std::sync::Arc;

use http::Version;

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
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) version: Version,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsInfo>,
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

    /// The address of the server, or of what stood for it; `None` for a byte stream without addresses.
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

    /// What was agreed upon with TLS; `None` for a plaintext connection.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.shared.tls.as_ref()
    }
}
