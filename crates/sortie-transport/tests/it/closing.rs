//! The end of a transport.

use std::sync::Arc;
use std::time::Duration;

use sortie_core::Outcome;
use sortie_testkit::{MemoryServer, TestServer, reply};
use sortie_transport::{Transport, TransportOptions};
use tokio::time::{Instant, sleep};

use crate::support::{fetch, fetching, get, in_memory, read, send};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn close_refuses_new_calls_on_every_clone_and_closes_idle_connections_at_once() {
    let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::default();
    let clone = transport.clone();
    fetch(&transport, get(server.url("/"))).await.unwrap();
    let closing = transport.close(LONG);
    assert!(clone.is_closed());
    let error = fetch(&clone, get(server.url("/"))).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Closed));
    closing.await;
    assert_eq!((clone.stats().open, clone.in_flight()), (0, 0));
    server.wait_for_open_connections(0).await;
}

#[tokio::test]
async fn close_waits_for_a_body_that_is_being_read() {
    let server = TestServer::from_fn(async |_| reply(200, [], vec![b'x'; 3_000_000]));
    let transport = Transport::default();
    let response = send(&transport, get(server.url("/"))).await.unwrap();
    let closing = tokio::spawn(transport.close(LONG));
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    assert_eq!(read(response).await.unwrap().0.len(), 3_000_000);
    closing.await.unwrap();
    assert_eq!(transport.stats().open, 0);
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_everything_that_is_left_ends() {
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        sleep(Duration::from_secs(3600)).await;
        reply(200, [], "late")
    }));
    let transport = in_memory(&server, TransportOptions::default().max_connections_per_origin(1));
    let calls: Vec<_> = (0..2).map(|_| fetching(&transport, get("http://a.test/"))).collect();
    server.wait_for_requests(1).await;
    let start = Instant::now();
    transport.close(Duration::from_secs(5)).await;
    assert_eq!(start.elapsed().as_secs(), 5);
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(Outcome::of(&*call.await.unwrap().unwrap_err()).unwrap());
    }
    // One was on the wire, one was waiting.
    assert_eq!(outcomes, [Outcome::MaybeProcessed, Outcome::Closed]);
    let counts = transport.stats();
    assert_eq!((counts.open, counts.connecting, counts.waiting, counts.in_flight), (0, 0, 0, 0));
    server.wait_for_open_connections(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_connect_under_way_ends_with_the_deadline() {
    let never = |_| std::future::pending::<std::io::Result<tokio::io::DuplexStream>>();
    let transport = Transport::new(TransportOptions::default().connector(never));
    let call = fetching(&transport, get("http://a.test/"));
    tokio::task::yield_now().await;
    transport.close(Duration::from_secs(1)).await;
    assert_eq!(Outcome::of(&*call.await.unwrap().unwrap_err()), Some(Outcome::Closed));
    assert_eq!(transport.stats().connecting, 0);
}

#[tokio::test]
async fn the_last_clones_end_closes_what_is_idle_and_lets_bodies_finish() {
    let server = TestServer::from_fn(async |_| reply(200, [], vec![b'x'; 3_000_000]));
    let transport = Transport::default();
    let one = send(&transport, get(server.url("/"))).await.unwrap();
    fetch(&transport, get(server.url("/"))).await.unwrap();
    assert_eq!(server.connections(), 2);
    drop(transport);
    server.wait_for_open_connections(1).await;
    assert_eq!(read(one).await.unwrap().0.len(), 3_000_000);
    server.wait_for_open_connections(0).await;
}

#[tokio::test]
async fn a_call_outlives_the_handle_it_was_made_with() {
    let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let response = tower::ServiceExt::oneshot(Transport::default(), get(server.url("/"))).await.unwrap();
    assert_eq!(read(response).await.unwrap().0, "hello");
    server.wait_for_open_connections(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_first_polled_after_the_end_is_told_so_even_where_the_cap_is_reached() {
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "")));
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1).connector(move |_| {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
        let stream = server.connect_scripted(sortie_testkit::Steps::new().read_head().send(answer).hold());
        async move { Ok::<_, std::convert::Infallible>(stream) }
    }));
    let response = send(&transport, get("http://a.test/")).await.unwrap();
    // The taker's own, it keeps its place beyond the end.
    let _stream = hyper::upgrade::on(response).await.unwrap();
    let call = tower::Service::call(&mut transport.clone(), get("http://a.test/"));
    transport.close(Duration::ZERO).await;
    let error = call.await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Closed));
}
