use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sortie_core::{Outcome, Phase, find};
use sortie_testkit::{ServerOptions, TlsSetup, reply};
use sortie_transport::dns::{Addresses, CacheOptions, Name, ResolveError};
use sortie_transport::{DialError, Timings, Transport, TransportOptions};

use super::{Count, LOOPBACK, at, hello};
use crate::support::{connection, fetch, get, read, send, trust};

/// No connection is used twice, so that each request needs one.
fn without_reuse() -> TransportOptions {
    TransportOptions::default().max_requests_per_connection(1)
}

#[tokio::test]
async fn a_resolver_of_ones_own_is_asked_once_for_what_is_kept() {
    let server = hello();
    for (cache, asked) in [(Some(CacheOptions::default()), 1), (None, 3)] {
        let count = Count::default();
        let transport = Transport::new(without_reuse().resolver(count.resolver()).dns_cache(cache));
        for _ in 0..3 {
            let response = send(&transport, get(at("A.test", &server))).await.unwrap();
            assert!(response.extensions().get::<Timings>().unwrap().dns().is_some());
            assert_eq!(connection(&response).peer_addr(), Some(server.addr()));
            assert_eq!(read(response).await.unwrap().0, "hello");
        }
        assert_eq!(count.get(), asked);
    }
    assert_eq!(
        server.requests()[0].headers["host"].to_str().unwrap(),
        at("a.test", &server)["http://".len()..].trim_end_matches('/')
    );
}

#[tokio::test]
async fn the_systems_resolver_knows_this_machine() {
    let server = hello();
    assert_eq!(fetch(&Transport::default(), get(at("localhost", &server))).await.unwrap(), "hello");
}

#[tokio::test]
async fn given_addresses_take_the_place_of_the_names_own_and_the_name_stays() {
    let setup = TlsSetup::new().names(["a.test", "b.test"]);
    let server = ServerOptions::new().tls(setup).serve_fn(async |_| reply(200, [], "hello"));
    let (count, address) = (Count::default(), server.addr());
    let options = TransportOptions::default().resolver(count.resolver()).tls(trust(&server));
    let transport = Transport::new(
        options
            // The first is replaced, and a port that is named goes before any.
            .resolve_to("A.Test", IpAddr::from([127, 0, 0, 9]))
            .resolve_to("a.test", LOOPBACK)
            .resolve_to("b.test", Addresses::default())
            .resolve_to(("b.test", 443), address),
    );
    for url in [format!("https://a.test:{}/", address.port()), "https://b.test/".to_owned()] {
        let response = send(&transport, get(url)).await.unwrap();
        assert_eq!(response.extensions().get::<Timings>().unwrap().dns(), None);
        assert_eq!(connection(&response).peer_addr(), Some(address));
        read(response).await.unwrap();
    }
    let names: Vec<_> = server.tls_peers().iter().map(|peer| peer.server_name.clone()).collect();
    assert_eq!(names, [Some("a.test".to_owned()), Some("b.test".to_owned())]);
    let error = fetch(&transport, get("https://b.test:444/")).await.unwrap_err();
    assert!(format!("{error:?}").contains("NoneGiven"), "{error:?}");
    assert_eq!(count.get(), 0);
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_is_named_with_the_resolvers_words() {
    let transport = Transport::new(TransportOptions::default().resolver(Count::default().resolver()));
    let error = fetch(&transport, get("http://name.invalid/path?secret=1")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Dns }));
    let error = find::<ResolveError>(&*error).unwrap();
    assert_eq!(error.to_string(), "the name name.invalid could not be looked up");
    assert_eq!(std::error::Error::source(error).unwrap().to_string(), "no such name");
}

#[tokio::test]
async fn an_answer_of_which_no_address_serves_is_not_kept() {
    let server = hello();
    let gone = hello();
    let closed = gone.addr();
    gone.stop().await;
    let (open, count) = (server.addr(), Count::default());
    let asked = count.clone();
    let transport = Transport::new(TransportOptions::default().resolver(move |_: Name| {
        let moved = asked.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0;
        std::future::ready(Ok::<SocketAddr, &str>(if moved { open } else { closed }))
    }));
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(find::<DialError>(&*error).unwrap().attempts()[0].0, closed);
    assert_eq!(fetch(&transport, get("http://a.test/")).await.unwrap(), "hello");
    assert_eq!(count.get(), 2);
}

#[tokio::test]
async fn with_rotation_each_connection_begins_with_another_address() {
    let servers = [hello(), hello(), hello()];
    let addresses: Vec<_> = servers.iter().map(|server| server.addr()).collect();
    let cache = CacheOptions::default().rotation(true);
    let resolver = move |_: Name| std::future::ready(Ok::<_, &str>(addresses.clone()));
    let transport = Transport::new(without_reuse().resolver(resolver).dns_cache(cache));
    for _ in 0..6 {
        fetch(&transport, get("http://a.test/")).await.unwrap();
    }
    assert_eq!(servers.map(|server| server.requests().len()), [2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_connect_limit_covers_the_look_up_which_goes_on() {
    let count = Count::default();
    let asked = count.clone();
    let resolver = move |_: Name| {
        asked.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Ok::<_, &str>(Addresses::default())
        }
    };
    let limit = sortie_transport::PhaseTimeouts::default().connect(Duration::from_secs(3));
    let transport = Transport::new(TransportOptions::default().timeouts(limit).resolver(resolver));
    let start = tokio::time::Instant::now();
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 3);
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Dns }));
    // The next one comes to the end of the same look-up.
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert!(find::<ResolveError>(&*error).is_some());
    assert_eq!((start.elapsed().as_secs(), count.get()), (4, 1));
}
