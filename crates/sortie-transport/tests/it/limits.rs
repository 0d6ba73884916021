//! Caps, and waiting in line.

use std::sync::Arc;
use std::time::Duration;

use sortie_core::{Elapsed, Outcome, PerRequest, Phase, find};
use sortie_testkit::{MemoryServer, TestServer, reply};
use sortie_transport::{AcquireTimeout, PhaseTimeouts, Transport, TransportOptions};

use crate::support::{fetch, fetching, get, in_memory, read, send, trusting, until};

#[tokio::test]
async fn two_hundred_at_once_open_no_more_than_the_cap() {
    let plain = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let tls = sortie_testkit::ServerOptions::new()
        .tls(sortie_testkit::TlsSetup::new().alpn(["http/1.1"]))
        .serve_fn(async |_| reply(200, [], "hello"));
    for (server, options) in [(&plain, TransportOptions::default()), (&tls, trusting(&tls))] {
        let transport = Transport::new(options.max_connections_per_origin(8));
        let calls = (0..200).map(|_| fetch(&transport, get(server.url("/"))));
        for answer in futures_util::future::join_all(calls).await {
            assert_eq!(answer.unwrap(), "hello");
        }
        let opened = transport.stats().opened;
        assert!(server.connections() <= 8 && opened <= 8, "{opened}");
    }
}

#[tokio::test]
async fn an_unread_body_keeps_its_place() {
    let server = TestServer::from_fn(async |_| reply(200, [], vec![0; 500_000]));
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(2));
    let one = send(&transport, get(server.url("/"))).await.unwrap();
    let _two = send(&transport, get(server.url("/"))).await.unwrap();
    let third = fetch(&transport, get(server.url("/")));
    let (first, third) = futures_util::future::join(read(one), third).await;
    assert_eq!((first.unwrap().0.len(), third.unwrap().len()), (500_000, 500_000));
    assert_eq!(server.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_acquire_limit_says_what_held_the_request_back() {
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        reply(200, [], "late")
    }));
    let options = TransportOptions::default().max_connections_per_origin(2);
    let transport = in_memory(&server, options);
    let busy: Vec<_> = (0..2).map(|_| fetching(&transport, get("http://a.test/"))).collect();
    server.wait_for_requests(2).await;
    let mut request = get("http://a.test/");
    request.extensions_mut().insert(PerRequest::Use(PhaseTimeouts::default().acquire(Duration::from_secs(2))));
    let start = tokio::time::Instant::now();
    let error = fetch(&transport, request).await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 2);
    assert_eq!(Outcome::of(&*error), Some(Outcome::AcquireTimeout));
    assert_eq!(find::<Elapsed>(&*error).map(Elapsed::phase), Some(Phase::Acquire));
    let timeout = find::<AcquireTimeout>(&*error).unwrap();
    assert_eq!((timeout.open, timeout.waiting, timeout.cap), (2, 1, Some(2)));
    assert_eq!(transport.stats().waiting, 0);
    for call in busy {
        assert_eq!(call.await.unwrap().unwrap(), "late");
    }
}

#[tokio::test]
async fn who_waits_is_served_in_turn() {
    let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1));
    let calls = (0..20).map(|n| fetch(&transport, get(server.url(format!("/{n}")))));
    futures_util::future::join_all(calls).await;
    let paths: Vec<_> = server.requests().iter().map(|head| head.uri.path().to_owned()).collect();
    assert_eq!(paths, (0..20).map(|n| format!("/{n}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_limit_without_end_is_no_overflow() {
    let max = Duration::MAX;
    let timeouts = PhaseTimeouts::default().acquire(max).connect(max).write(max).first_byte(max).read(max);
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "hello")));
    let options = TransportOptions::default().timeouts(timeouts).idle_timeout(max).max_lifetime(max);
    let transport = in_memory(&server, options);
    for _ in 0..2 {
        assert_eq!(fetch(&transport, get("http://a.test/")).await.unwrap(), "hello");
        tokio::time::sleep(Duration::from_secs(1_000_000)).await;
    }
    assert_eq!(server.connections(), 1);
    transport.close(max).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_nothing_is_an_error_and_does_not_spin() {
    let none = Duration::ZERO;
    let timeouts = PhaseTimeouts::default().acquire(none).write(none).first_byte(none).read(none);
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        reply(200, [], "hello")
    }));
    let transport = in_memory(&server, TransportOptions::default().timeouts(timeouts).idle_timeout(none));
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(find::<Elapsed>(&*error).map(Elapsed::phase), Some(Phase::FirstByte));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(transport.stats().open, 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_says_how_many_streams_it_takes_does_not_hold_a_waiter_for_ever() {
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "")));
    let options = TransportOptions::default().versions(sortie_transport::Versions::Http2Only);
    let transport = Transport::new(options.connector(move |_| {
        let stream = server.connect_scripted(sortie_testkit::Steps::new().hold());
        async move { Ok::<_, std::convert::Infallible>(stream) }
    }));
    let first = fetching(&transport, get("http://a.test/"));
    until("the first is on its way", || transport.stats().open == 1).await;
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::AcquireTimeout));
    let timeout = find::<AcquireTimeout>(&*error).unwrap();
    assert_eq!((timeout.cap, timeout.http2_cap), (None, Some(4)));
    first.abort();
}
