use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sortie_core::{BoxError, Outcome, Phase, find};
use sortie_testkit::MemoryServer;
use sortie_transport::address_policy::{AddressRefused, Network, Refusal};
use sortie_transport::dns::Name;
use sortie_transport::{AddressPolicy, Transport, TransportOptions};
use tower::ServiceExt;

use super::{Count, LOOPBACK, at, hello};
use crate::support::{connection, fetch, get, in_memory, send};

fn guarded(policy: AddressPolicy) -> TransportOptions {
    TransportOptions::default().address_policy(policy)
}

fn refused(error: &BoxError) -> &AddressRefused {
    assert_eq!(Outcome::of(&**error), Some(Outcome::Connect { phase: Phase::Connect }), "{error:?}");
    find::<AddressRefused>(&**error).unwrap()
}

fn loopback() -> Network {
    LOOPBACK.into()
}

#[tokio::test]
async fn what_is_not_public_is_not_connected_to_in_whatever_notation() {
    let server = hello();
    let transport = Transport::new(guarded(AddressPolicy::public_only()));
    // aiohttp #12827: the system's resolver takes the names among these for 127.0.0.1.
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
    {
        let error = fetch(&transport, get(at(host, &server))).await.unwrap_err();
        let refusal = refused(&error).refusal();
        assert!(matches!(refusal, Refusal::Special { kind: "loopback", .. }), "{host}: {refusal:?}");
    }
    for (host, expected) in [
        ("169.254.169.254", "cloud metadata"),
        ("[fd00:ec2::254]", "cloud metadata"),
        ("0", "unspecified"),
        ("10.0.0.1", "private"),
        ("[64:ff9b::a00:1]", "private"),
    ] {
        let error = fetch(&transport, get(format!("http://{host}/"))).await.unwrap_err();
        assert!(matches!(refused(&error).refusal(), Refusal::Special { kind, .. } if kind == expected), "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn addresses_are_judged_wherever_they_are_from() {
    let server = hello();
    let count = Count::default();
    let options = guarded(AddressPolicy::public_only()).resolver(count.resolver());
    let transport = Transport::new(options.resolve_to("given.test", LOOPBACK));
    // Looked up, kept, given.
    for host in ["a.test", "a.test", "given.test"] {
        let error = fetch(&transport, get(at(host, &server))).await.unwrap_err();
        let error = refused(&error);
        assert_eq!((error.host(), error.addresses()[0].0), (host, server.addr()));
    }
    let service = transport.origin(&at("a.test", &server).parse().unwrap()).unwrap().at(server.addr());
    let error = service.oneshot(get(at("a.test", &server))).await.unwrap_err();
    assert_eq!(refused(&error).addresses()[0].0, server.addr());
    assert_eq!((server.connections(), count.get()), (0, 1));
}

#[tokio::test]
async fn addresses_that_are_refused_are_left_out() {
    let (server, other) = (hello(), hello());
    let mixed = [server.addr(), other.addr()];
    let policy = AddressPolicy::public_only().allow(loopback()).ports([other.addr().port()]);
    let transport = Transport::new(guarded(policy).resolve_to("a.test", mixed));
    let response = send(&transport, get("http://a.test/")).await.unwrap();
    assert_eq!(connection(&response).peer_addr(), Some(other.addr()));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_address_between_two_look_ups_gains_nothing() {
    // DNS rebinding: first an address that is allowed and does not answer, then the one that is wanted.
    let server = hello();
    let gone = hello();
    let (closed, port) = (gone.addr(), server.addr().port());
    gone.stop().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let resolver = move |_: Name| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let again = SocketAddr::new(LOOPBACK, port);
        std::future::ready(Ok::<_, &str>(if first { closed } else { again }))
    };
    let policy = AddressPolicy::new(move |address| address == closed);
    let transport = Transport::new(guarded(policy).resolver(resolver));
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert!(find::<AddressRefused>(&*error).is_none());
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(refused(&error).refusal(), Refusal::Custom);
    assert_eq!((server.connections(), asked.load(Ordering::Relaxed)), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_connector_of_ones_own_is_asked_for_no_address_that_is_refused() {
    let server = Arc::new(MemoryServer::from_fn(async |_| sortie_testkit::reply(200, [], "hello")));
    let transport = in_memory(&server, guarded(AddressPolicy::public_only()));
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]"] {
        let error = fetch(&transport, get(format!("http://{host}/"))).await.unwrap_err();
        assert!(matches!(refused(&error).refusal(), Refusal::Special { kind: "loopback", .. }), "{host}");
    }
    let service = transport.origin(&"http://a.test/".parse().unwrap()).unwrap().at(([10, 0, 0, 1], 80).into());
    let error = service.oneshot(get("http://a.test/")).await.unwrap_err();
    assert_eq!(refused(&error).addresses()[0].0.ip(), IpAddr::from([10, 0, 0, 1]));
    for host in ["8.8.8.8", "a.test"] {
        assert_eq!(fetch(&transport, get(format!("http://{host}/"))).await.unwrap(), "hello");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_url_may_name_no_unix_socket_and_a_handle_may() {
    // "/nowhere/app.sock" in hexadecimal.
    let url = "http+unix://2f6e6f77686572652f6170702e736f636b/";
    let transport = Transport::new(guarded(AddressPolicy::any()));
    let error = fetch(&transport, get(url)).await.unwrap_err();
    assert_eq!((refused(&error).refusal(), refused(&error).host()), (Refusal::UnixSocket, "/nowhere/app.sock"));
    let allowed = Transport::new(guarded(AddressPolicy::public_only().unix_urls(true)));
    let by_handle = transport.with_unix("/nowhere/app.sock");
    for (transport, url) in [(allowed, url), (by_handle, "http://localhost/")] {
        let error = fetch(&transport, get(url)).await.unwrap_err();
        assert!(find::<sortie_transport::UnixSocketError>(&*error).is_some(), "{url}: {error:?}");
    }
}
