use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sortie_transport::{TcpKeepAlive, Transport, TransportOptions};

use super::{at, hello};
use crate::support::{connection, fetch, get, send};

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_come_from_the_own_address() {
    // All of 127.0.0.0/8 is this machine's on Linux.
    let own = IpAddr::from([127, 0, 0, 5]);
    let server = hello();
    let options = TransportOptions::default().local_address(own).local_address(Ipv6Addr::LOCALHOST.into());
    let transport = Transport::new(options);
    let response = send(&transport, get(server.url("/"))).await.unwrap();
    assert_eq!(connection(&response).local_addr().map(|address| address.ip()), Some(own));
}

#[tokio::test]
async fn addresses_of_a_family_without_an_own_address_are_left_out() {
    let server = hello();
    let v6 = Ipv6Addr::LOCALHOST;
    let both = [IpAddr::V6(v6), IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let from = |own: IpAddr| TransportOptions::default().resolve_to("a.test", both).local_address(own);
    let transport = Transport::new(from(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(fetch(&transport, get(at("a.test", &server))).await.unwrap(), "hello");
    let transport = Transport::new(from(v6.into()));
    let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
    let cause = error.source().and_then(|error| error.source()).unwrap();
    assert_eq!(
        cause.to_string(),
        "no address of 127.0.0.1 is of the family of the own address (TransportOptions::local_address, which takes one of \
         each family)"
    );
}

#[tokio::test]
async fn settings_that_a_socket_does_not_take_keep_nobody_from_connecting() {
    let server = hello();
    let never = TcpKeepAlive::default().idle(Duration::MAX).interval(Duration::ZERO).count(u32::MAX);
    for keep_alive in [Some(never), None] {
        let options = TransportOptions::default().tcp_keep_alive(keep_alive).happy_eyeballs_delay(Duration::MAX);
        assert_eq!(fetch(&Transport::new(options), get(server.url("/"))).await.unwrap(), "hello");
    }
}
