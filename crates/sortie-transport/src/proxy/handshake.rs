//! From a connection to a proxy to a byte stream to the origin.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};

use sortie_core::{BoxError, find};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::{ProxyError, ProxyErrorKind};
use super::proxy::{Protocol, Proxy};
use super::{connect, socks};

/// What the connection is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    /// As names and addresses are written outside of URIs.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// Requests are given to the proxy itself.
    pub(crate) forwarded: bool,
}

impl Destination<'_> {
    fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Host and port as they stand in a CONNECT request.
    fn authority(&self) -> String {
        match self.address() {
            Some(IpAddr::V6(v6)) => format!("[{v6}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Proxy {
    /// A byte stream to the destination, or to the proxy itself for requests that it forwards.
    ///
    /// `dial` connects to the proxy, TLS included; it is called again where a handshake needs a connection of its own.
    /// `resolve` looks the destination's name up, for the protocols whose proxies do not.
    pub(crate) async fn open<S, D, F, R, G>(
        &self,
        destination: Destination<'_>,
        dial: D,
        resolve: R,
    ) -> Result<S, BoxError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
        D: Fn() -> F,
        F: Future<Output = Result<S, BoxError>>,
        R: FnOnce() -> G,
        G: Future<Output = Result<Vec<SocketAddr>, BoxError>>,
    {
        self.check()?;
        let Destination { host, port, forwarded } = destination;
        let addresses = match (self.protocol(), destination.address()) {
            (Protocol::Http | Protocol::Https, _) if forwarded => return dial().await,
            (Protocol::Http | Protocol::Https, _) => {
                return connect::tunnel(self, &destination.authority(), dial).await;
            }
            (_, Some(address)) => vec![SocketAddr::new(address, port)],
            (Protocol::Socks4a | Protocol::Socks5h, None) => {
                let mut stream = dial().await?;
                socks::handshake(self, &mut stream, socks::Target::Name(host, port)).await?;
                return Ok(stream);
            }
            (Protocol::Socks4, None) => resolve().await?.into_iter().filter(SocketAddr::is_ipv4).collect(),
            (Protocol::Socks5, None) => resolve().await?,
        };
        self.open_any(&addresses, dial).await
    }

    /// Through SOCKS to the first of the addresses that the proxy can reach.
    async fn open_any<S, D, F>(&self, addresses: &[SocketAddr], dial: D) -> Result<S, BoxError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
        D: Fn() -> F,
        F: Future<Output = Result<S, BoxError>>,
    {
        let none = ProxyError::new(ProxyErrorKind::AddressTypeNotSupported).says("the origin has no address of IPv4");
        let mut failed: BoxError = none.at(self).into();
        for address in addresses {
            // A connection whose request was refused is of no further use (RFC 1928 §6).
            let mut stream = dial().await?;
            failed = match socks::handshake(self, &mut stream, socks::Target::Address(*address)).await {
                Ok(()) => return Ok(stream),
                Err(error) => error.into(),
            };
            let kind = find::<ProxyError>(&*failed).map(ProxyError::kind);
            if !kind.is_some_and(socks::may_pass_at_another_address) {
                break;
            }
        }
        Err(failed)
    }

    /// What kept a connection to the proxy from being made.
    pub(crate) fn unreachable(&self, source: BoxError) -> ProxyError {
        ProxyError::new(ProxyErrorKind::Unreachable).because(source).at(self)
    }

    /// What kept TLS to the proxy from being spoken.
    #[cfg(feature = "tls")]
    pub(crate) fn tls_failed(&self, source: BoxError) -> ProxyError {
        ProxyError::new(ProxyErrorKind::Tls).because(source).at(self)
    }
}
