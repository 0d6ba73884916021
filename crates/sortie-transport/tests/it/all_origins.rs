//! The cap on the connections of all origins together.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sortie_core::{Outcome, find};
use sortie_testkit::{MemoryServer, TestServer, reply};
use sortie_transport::{AcquireTimeout, CloseReason, PhaseTimeouts, Transport, TransportOptions};
use tokio::time::sleep;

use crate::support::{fetch, fetching, get, in_memory, send, until};

fn hello() -> TestServer {
    TestServer::from_fn(async |_| reply(200, [], "hello"))
}

#[tokio::test]
async fn many_requests_to_many_origins_keep_within_the_cap() {
    let servers: Vec<_> = (0..6).map(|_| hello()).collect();
    let transport = Transport::new(TransportOptions::default().max_connections(3));
    let calls = (0..120).map(|n| fetch(&transport, get(servers[n % 6].url("/"))));
    let most = async {
        let mut most = 0;
        for _ in 0..1000 {
            most = most.max(servers.iter().map(TestServer::open_connections).sum());
            tokio::task::yield_now().await;
        }
        most
    };
    let (answers, most) = futures_util::future::join(join_all(calls), most).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == "hello"));
    // A server may see the end of one connection after the beginning of the next.
    assert!(most <= 6 && transport.stats().open <= 3, "{most}");
}

#[tokio::test(start_paused = true)]
async fn the_connection_that_has_been_idle_for_longest_makes_room() {
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "hello")));
    let transport = in_memory(&server, TransportOptions::default().max_connections(2));
    for origin in ["http://a.test/", "http://b.test/", "http://a.test/", "http://c.test/"] {
        sleep(Duration::from_secs(1)).await;
        fetch(&transport, get(origin)).await.unwrap();
    }
    let open: Vec<_> = transport.stats_by_origin().into_iter().filter(|(_, stats)| stats.open > 0).collect();
    let mut names: Vec<_> = open.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["http://a.test", "http://c.test"]);
    assert_eq!((server.connections(), transport.stats().closed.by(CloseReason::Room)), (3, 1));
}

#[tokio::test]
async fn a_connection_in_use_makes_room_when_it_comes_back() {
    let (one, two) = (hello(), hello());
    let transport = Transport::new(TransportOptions::default().max_connections(1));
    let held = send(&transport, get(one.url("/"))).await.unwrap();
    let waiting = fetching(&transport, get(two.url("/")));
    until("it waits", || transport.stats().waiting == 1).await;
    assert_eq!(transport.stats().connecting, 1);
    crate::support::read(held).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), "hello");
    one.wait_for_open_connections(0).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_is_told_of_both_caps() {
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        sleep(Duration::from_secs(3600)).await;
        reply(200, [], "late")
    }));
    let timeouts = PhaseTimeouts::default().acquire(Duration::from_secs(2));
    let options = TransportOptions::default().timeouts(timeouts).max_connections(1).max_connections_per_origin(5);
    let transport = in_memory(&server, options);
    let busy = fetching(&transport, get("http://a.test/"));
    server.wait_for_requests(1).await;
    let error = fetch(&transport, get("http://b.test/")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::AcquireTimeout));
    let timeout = find::<AcquireTimeout>(&*error).unwrap();
    assert_eq!((timeout.waiting, timeout.cap, timeout.total_cap), (1, Some(5), Some(1)));
    assert_eq!(
        timeout.to_string(),
        "no connection came free: 1 open, 1 requests waiting, \
         at most 5 allowed to the origin (TransportOptions::max_connections_per_origin), \
         1 to all origins (TransportOptions::max_connections)"
    );
    // Its connect is given up when there is a place, and nobody's place is lost.
    busy.await.unwrap().unwrap();
    fetching(&transport, get("http://c.test/")).await.unwrap().unwrap();
    assert_eq!((transport.stats().open, transport.stats().connecting), (1, 0));
}

#[tokio::test]
async fn failed_connects_give_their_places_back() {
    let server = hello();
    let transport = Transport::new(TransportOptions::default().max_connections(1));
    for _ in 0..3 {
        fetch(&transport, get("http://127.0.0.1:1/")).await.unwrap_err();
    }
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "hello");
}

#[tokio::test]
async fn closing_does_not_wait_for_connects_without_a_place() {
    let (one, two) = (hello(), hello());
    let transport = Transport::new(TransportOptions::default().max_connections(1));
    let held = send(&transport, get(one.url("/"))).await.unwrap();
    let waiting = fetching(&transport, get(two.url("/")));
    until("it waits", || transport.stats().waiting == 1).await;
    transport.close(Duration::ZERO).await;
    assert_eq!(Outcome::of(&*waiting.await.unwrap().unwrap_err()), Some(Outcome::Closed));
    drop(held);
    until("nothing is left", || (transport.stats().open, transport.stats().connecting) == (0, 0)).await;
}
