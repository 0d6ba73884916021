use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpStream;

/// What a proxy connects to.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets(HashMap<String, SocketAddr>);

impl Targets {
    pub(super) fn add(&mut self, name: String, address: SocketAddr) {
        self.0.insert(name, address);
    }

    /// An IPv6 address may be in its brackets.
    pub(super) async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = match (self.0.get(bare), bare.parse::<IpAddr>()) {
            (Some(known), _) => *known,
            (None, Ok(ip)) => SocketAddr::new(ip, port),
            (None, Err(_)) if bare == "localhost" => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
            (None, Err(_)) => return Err(io::ErrorKind::HostUnreachable.into()),
        };
        TcpStream::connect(address).await
    }
}
