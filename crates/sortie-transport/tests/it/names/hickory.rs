use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sortie_core::{Outcome, Phase, find};
use sortie_transport::dns::{Hickory, Name, Resolve, ResolveError};
use sortie_transport::{Transport, TransportOptions};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use super::{LOOPBACK, at, hello};
use crate::support::{fetch, get};

const A: u16 = 1;
const AAAA: u16 = 28;

/// A DNS server of a few names, over UDP on loopback (RFC 1035 §4.1).
struct DnsServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
    task: AbortHandle,
}

impl DnsServer {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let log = asked.clone();
        let serving = async move {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let (name, kind, question) = question(&buffer[..length]);
                log.lock().unwrap().push((name.clone(), kind));
                socket.send_to(&answer(&buffer[..2], &name, kind, question), from).await.unwrap();
            }
        };
        Self { address, asked, task: tokio::spawn(serving).abort_handle() }
    }

    fn resolver(&self) -> Hickory {
        Hickory::name_servers([self.address])
    }

    fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _)| asked == name).count()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Name and type that a query asks for, and its question as it stands there.
fn question(query: &[u8]) -> (String, u16, &[u8]) {
    let (mut name, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        name.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    (name.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]), &query[12..at + 5])
}

fn answer(id: &[u8], name: &str, kind: u16, question: &[u8]) -> Vec<u8> {
    let (ttl, addresses): (u32, &[IpAddr]) = match name {
        "v4.test" => (30, &[LOOPBACK]),
        "both.test" => (40, &[LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST)]),
        "once.test" => (0, &[LOOPBACK]),
        _ => (0, &[]),
    };
    let data: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(v4) => (kind == A).then(|| v4.octets().to_vec()),
            IpAddr::V6(v6) => (kind == AAAA).then(|| v6.octets().to_vec()),
        })
        .collect();
    // A response to a recursive query; 3 is NXDOMAIN.
    let flags = [0x81, 0x80 | if addresses.is_empty() { 3 } else { 0 }];
    let mut message = [id, &flags, &[0, 1, 0, data.len() as u8, 0, 0, 0, 0], question].concat();
    for data in data {
        // The name is that of the question; the class is IN.
        message.extend([0xc0, 12, 0, kind as u8, 0, 1]);
        message.extend(ttl.to_be_bytes());
        message.extend([0, data.len() as u8]);
        message.extend(data);
    }
    message
}

#[tokio::test]
async fn addresses_of_both_families_are_found_with_the_time_for_which_they_hold() {
    let dns = DnsServer::start().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    for (name, expected) in [("v4.test", "127.0.0.1:0"), ("both.test", "[::1]:0 127.0.0.1:0")] {
        let (hickory, log) = (dns.resolver(), seen.clone());
        // Through a resolver around it, by which its answers can be seen.
        let around = move |asked: Name| {
            let (hickory, log) = (hickory.clone(), log.clone());
            async move {
                let addresses = hickory.resolve(asked).await?;
                log.lock().unwrap().push(addresses.clone());
                Ok::<_, sortie_core::BoxError>(addresses)
            }
        };
        let server = hello();
        let transport = Transport::new(TransportOptions::default().resolver(around));
        assert_eq!(fetch(&transport, get(at(name, &server))).await.unwrap(), "hello");
        let addresses = seen.lock().unwrap().pop().unwrap();
        let shown: Vec<_> = addresses.as_slice().iter().map(ToString::to_string).collect();
        assert_eq!(shown.join(" "), expected);
        // What it says of the time is rounded by hickory's clock.
        let shown = format!("{addresses:?}");
        let around = if name == "v4.test" { ["29", "30"] } else { ["39", "40"] };
        assert!(around.iter().any(|seconds| shown.contains(&format!("ttl: Some({seconds}"))), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_as_long_as_its_records_say() {
    let (dns, server) = (DnsServer::start().await, hello());
    let options = TransportOptions::default().max_requests_per_connection(1);
    let transport = Transport::new(options.resolver(dns.resolver()));
    for _ in 0..3 {
        for name in ["v4.test", "once.test"] {
            assert_eq!(fetch(&transport, get(at(name, &server))).await.unwrap(), "hello");
        }
    }
    // Each look-up asks for both families.
    assert_eq!((dns.asked("v4.test"), dns.asked("once.test")), (2, 6));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_named() {
    let dns = DnsServer::start().await;
    let transport = Transport::new(TransportOptions::default().resolver(dns.resolver()));
    let asking = fetch(&transport, get("http://gone.test/path?secret=1"));
    let error = tokio::time::timeout(Duration::from_secs(9), asking).await.unwrap().unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Dns }));
    let error = find::<ResolveError>(&*error).unwrap();
    assert_eq!(error.to_string(), "the name gone.test could not be looked up");
    assert!(dns.asked("gone.test") > 0);
}

#[tokio::test]
async fn the_systems_settings_are_read_at_the_first_look_up() {
    // `localhost` is known without a server.
    let server = hello();
    let transport = Transport::new(TransportOptions::default().resolver(Hickory::system()));
    assert_eq!(fetch(&transport, get(at("localhost", &server))).await.unwrap(), "hello");
}
