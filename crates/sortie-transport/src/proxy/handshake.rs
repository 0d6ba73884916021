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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const OPENED: &str = "opened";

    /// Opens by a SOCKS proxy that answers each connection with the next of `replies`. How it ended, and how many
    /// connections it took.
    async fn open(url: &str, host: &str, addresses: &[&str], replies: &[u8]) -> (String, usize) {
        let connections = AtomicUsize::new(0);
        let dial = || async {
            let reply = replies[connections.fetch_add(1, Ordering::Relaxed)];
            let (client, server) = duplex(1024);
            tokio::spawn(answer(server, reply));
            Ok(client)
        };
        let addresses = addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 443)).collect();
        let destination = Destination { host, port: 443, forwarded: false };
        let opened = Proxy::new(url).unwrap().open(destination, dial, || async { Ok(addresses) }).await;
        let ended = match opened {
            Ok(_) => OPENED.to_owned(),
            Err(error) => format!("{:?}", find::<ProxyError>(&*error).unwrap().kind()),
        };
        (ended, connections.into_inner())
    }

    async fn answer(mut server: DuplexStream, reply: u8) {
        let mut message = [0; 512];
        let read = server.read(&mut message).await.unwrap();
        if message[0] == 4 {
            return server.write_all(&[0, reply, 0, 0, 0, 0, 0, 0]).await.unwrap();
        }
        assert_eq!(message[..read], [5, 1, 0]);
        server.write_all(&[5, 0]).await.unwrap();
        let _ = server.read(&mut message).await.unwrap();
        server.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    }

    #[tokio::test]
    async fn all_addresses_of_a_name_are_tried_until_one_is_reached() {
        for (url, host, addresses, replies, expected) in [
            ("socks5://p", "a.test", &["1.1.1.1", "2.2.2.2"][..], &[0][..], (OPENED, 1)),
            ("socks5://p", "a.test", &["::1", "1.1.1.1", "2.2.2.2"], &[3, 5, 0], (OPENED, 3)),
            ("socks5://p", "a.test", &["1.1.1.1", "2.2.2.2"], &[4, 5], ("ConnectionRefused", 2)),
            // What concerns the client and not the address is not tried again.
            ("socks5://p", "a.test", &["1.1.1.1", "2.2.2.2"], &[2], ("NotAllowed", 1)),
            ("socks4://p", "a.test", &["::1", "1.1.1.1"], &[90], (OPENED, 1)),
            ("socks4://p", "a.test", &["::1"], &[], ("AddressTypeNotSupported", 0)),
            ("socks4://p", "::1", &[], &[90], ("AddressTypeNotSupported", 1)),
            // The proxy's matter.
            ("socks5h://p", "a.test", &[], &[0], (OPENED, 1)),
            ("socks4a://p", "a.test", &[], &[90], (OPENED, 1)),
            // An address needs no look-up.
            ("socks5://p", "1.1.1.1", &[], &[0], (OPENED, 1)),
            ("socks5h://p", "::1", &[], &[0], (OPENED, 1)),
            // What cannot work is told before anything is dialled.
            ("socks4://u:p@p", "1.1.1.1", &[], &[], ("InvalidSetting", 0)),
        ] {
            let (ended, connections) = open(url, host, addresses, replies).await;
            assert_eq!((ended.as_str(), connections), expected, "{url} {host} {addresses:?}");
        }
    }

    #[test]
    fn the_authority_has_a_port_and_brackets() {
        for (host, authority) in [("a.test", "a.test:443"), ("1.2.3.4", "1.2.3.4:443"), ("::1", "[::1]:443")] {
            assert_eq!(Destination { host, port: 443, forwarded: false }.authority(), authority);
        }
    }
}
