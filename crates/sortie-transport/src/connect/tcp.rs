use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};

/// How a connection asks whether the other end is still there while nothing is sent
/// ([RFC 9293 §3.8.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4)).
///
/// By default after 15 s, every 15 s, three times, as reqwest does: a connection whose other end has vanished fails after
/// a minute, and one that a NAT in between would forget is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpKeepAlive {
    idle: Duration,
    interval: Duration,
    count: u32,
}

impl Default for TcpKeepAlive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(15), interval: Duration::from_secs(15), count: 3 }
    }
}

impl TcpKeepAlive {
    /// After how long without a byte it asks first. By default 15 s; whole seconds on most systems.
    #[must_use]
    pub fn idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// How long an answer may take before it asks again. By default 15 s. Systems other than Linux, Android, Windows,
    /// FreeBSD, NetBSD and Apple's have their own.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// How many questions without an answer end the connection. By default 3. Systems other than those named at
    /// [`interval`](Self::interval) have their own.
    #[must_use]
    pub fn count(self, count: u32) -> Self {
        Self { count, ..self }
    }

    fn for_socket(self) -> TcpKeepalive {
        let settings = TcpKeepalive::new().with_time(self.idle);
        #[cfg(any(
            target_os = "android",
            target_os = "freebsd",
            target_os = "ios",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "windows",
        ))]
        let settings = settings.with_interval(self.interval).with_retries(self.count);
        settings
    }
}

/// How a socket is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOptions {
    pub(crate) nodelay: bool,
    pub(crate) keep_alive: Option<TcpKeepAlive>,
    pub(crate) local_v4: Option<Ipv4Addr>,
    pub(crate) local_v6: Option<Ipv6Addr>,
}

impl SocketOptions {
    /// Whether there is an own address to connect from to `address`, if there has to be one.
    pub(super) fn reaches(&self, address: &SocketAddr) -> bool {
        let any = self.local_v4.is_none() && self.local_v6.is_none();
        any || self.local(address).is_some()
    }

    fn local(&self, address: &SocketAddr) -> Option<IpAddr> {
        match address {
            SocketAddr::V4(_) => self.local_v4.map(IpAddr::V4),
            SocketAddr::V6(_) => self.local_v6.map(IpAddr::V6),
        }
    }
}

pub(super) async fn connect(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(local) = options.local(&address) {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    // A socket that refuses an option still carries the request.
    if let Some(keep_alive) = options.keep_alive {
        let _ = SockRef::from(&socket).set_tcp_keepalive(&keep_alive.for_socket());
    }
    let stream = socket.connect(address).await?;
    if options.nodelay {
        let _ = stream.set_nodelay(true);
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_made_as_the_options_say() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keep_alive =
            TcpKeepAlive::default().idle(Duration::from_secs(40)).interval(Duration::from_secs(7)).count(5);
        let own = Ipv4Addr::new(127, 0, 0, 1);
        for (keep_alive, nodelay, local) in [(Some(keep_alive), true, Some(own)), (None, false, None)] {
            let options = SocketOptions { nodelay, keep_alive, local_v4: local, local_v6: None };
            let stream = connect(listener.local_addr().unwrap(), &options).await.unwrap();
            let socket = SockRef::from(&stream);
            assert_eq!((socket.keepalive().unwrap(), stream.nodelay().unwrap()), (keep_alive.is_some(), nodelay));
            #[cfg(target_os = "linux")]
            if keep_alive.is_some() {
                assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(40));
                assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(7));
                assert_eq!(socket.tcp_keepalive_retries().unwrap(), 5);
            }
        }
    }

    #[test]
    fn addresses_of_a_family_without_an_own_address_are_not_reached() {
        let [v4, v6]: [SocketAddr; 2] = [([10, 0, 0, 1], 80).into(), (Ipv6Addr::LOCALHOST, 80).into()];
        let (own_v4, own_v6) = (Some(Ipv4Addr::LOCALHOST), Some(Ipv6Addr::LOCALHOST));
        for (local_v4, local_v6, reached) in [
            (None, None, [true, true]),
            (own_v4, None, [true, false]),
            (None, own_v6, [false, true]),
            (own_v4, own_v6, [true, true]),
        ] {
            let options = SocketOptions { nodelay: true, keep_alive: None, local_v4, local_v6 };
            assert_eq!([options.reaches(&v4), options.reaches(&v6)], reached);
        }
    }
}
