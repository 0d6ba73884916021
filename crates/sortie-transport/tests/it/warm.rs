//! Connections made ahead, taken out of use, and kept for no longer than they are good for.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use sortie_core::{Outcome, Phase};
use sortie_testkit::{MemoryServer, Protocol, ServerOptions, Steps, TcpScript, TestServer, TlsSetup, reply};
use sortie_transport::{InvalidRequest, Transport, TransportOptions, Versions};
use tokio::time::sleep;

use crate::support::{fetch, get, in_memory, post, read, send, trusting};

fn uri(text: impl AsRef<str>) -> Uri {
    text.as_ref().parse().unwrap()
}

fn hello() -> TestServer {
    TestServer::from_fn(async |_| reply(200, [], "hello"))
}

#[tokio::test]
async fn connections_made_ahead_serve_the_first_requests() {
    let server = hello();
    let transport = Transport::default();
    for _ in 0..2 {
        transport.prewarm(&uri(server.url("/")), 3).await.unwrap();
        assert_eq!((transport.stats().open, transport.stats().idle), (3, 3));
    }
    let response = send(&transport, get(server.url("/"))).await.unwrap();
    let times = response.extensions().get::<sortie_transport::Timings>().unwrap();
    assert!(times.queued().is_zero() && times.connect().is_some());
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn no_more_are_made_ahead_than_may_be_kept_and_one_of_http2() {
    let server = hello();
    for options in
        [TransportOptions::default().max_connections_per_origin(2), TransportOptions::default().max_idle_per_origin(2)]
    {
        let transport = Transport::new(options);
        transport.prewarm(&uri(server.url("/")), 9).await.unwrap();
        assert_eq!(transport.stats().open, 2);
    }
    let tls = ServerOptions::new().tls(TlsSetup::new()).serve_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::new(trusting(&tls));
    transport.prewarm(&uri(tls.url("/")), 3).await.unwrap();
    assert_eq!(transport.stats().open, 1);
    let http1 = Transport::new(trusting(&tls).versions(Versions::Http1Only));
    http1.prewarm(&uri(tls.url("/")), 3).await.unwrap();
    assert_eq!(http1.stats().open, 3);
}

#[tokio::test]
async fn what_cannot_be_made_ahead_says_why() {
    let transport = Transport::default();
    let error = transport.prewarm(&uri("http://127.0.0.1:1/"), 1).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Connect }));
    let error = transport.prewarm(&uri("/path"), 1).await.unwrap_err();
    assert_eq!(sortie_core::find::<InvalidRequest>(&*error), Some(&InvalidRequest::NoScheme));
    transport.close(Duration::ZERO).await;
    let error = transport.prewarm(&uri("http://127.0.0.1:1/"), 1).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Closed));
}

#[tokio::test]
async fn retired_connections_end_and_others_do_not() {
    let server = hello();
    let other = hello();
    let transport = Transport::default();
    for server in [&server, &other] {
        fetch(&transport, get(server.url("/"))).await.unwrap();
    }
    let held = send(&transport, get(server.url("/"))).await.unwrap();
    transport.prewarm(&uri(server.url("/")), 2).await.unwrap();
    assert_eq!(transport.retire(|connection| connection.peer_addr() == Some(server.addr())), 2);
    // What runs on one still ends as it would.
    server.wait_for_open_connections(1).await;
    assert_eq!(read(held).await.unwrap().0, "hello");
    server.wait_for_open_connections(0).await;
    assert_eq!((other.open_connections(), transport.retire(|connection| connection.is_reused())), (1, 1));
    fetch(&transport, get(server.url("/"))).await.unwrap();
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_connection_serves_as_many_requests_as_it_may() {
    let server = hello();
    let transport = Transport::new(TransportOptions::default().max_requests_per_connection(3));
    for _ in 0..7 {
        fetch(&transport, get(server.url("/"))).await.unwrap();
    }
    assert_eq!(server.connections(), 3);

    let server = ServerOptions::new().protocol(Protocol::Http2).serve_fn(async |_| reply(200, [], "hello"));
    let options = TransportOptions::default().versions(Versions::Http2Only).max_requests_per_connection(3);
    let transport = Transport::new(options);
    let calls = (0..7).map(|_| fetch(&transport, get(server.url("/"))));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    assert_eq!(server.connections(), 3);
    server.wait_for_open_connections(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_for_no_longer_than_the_server_says_it_keeps_it() {
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [("keep-alive", "timeout=5, max=9")], "hello")));
    let transport = in_memory(&server, TransportOptions::default());
    for _ in 0..2 {
        fetch(&transport, get("http://a.test/")).await.unwrap();
        sleep(Duration::from_secs(3)).await;
    }
    assert_eq!((server.connections(), transport.stats().idle), (1, 1));
    sleep(Duration::from_secs(2)).await;
    // A second before the server would.
    assert_eq!((transport.stats().open, server.open_connections()), (0, 0));

    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [("keep-alive", "timeout=500")], "hello")));
    let transport = in_memory(&server, TransportOptions::default().idle_timeout(Duration::from_secs(10)));
    fetch(&transport, get("http://a.test/")).await.unwrap();
    sleep(Duration::from_secs(11)).await;
    assert_eq!(server.open_connections(), 0);
}

#[tokio::test]
async fn a_server_that_keeps_nothing_is_sent_no_post_over_a_connection_that_it_closes() {
    let answer = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=0\r\ncontent-length: 0\r\n\r\n";
    let server = TcpScript::each(Steps::new().read_request().send(answer).hold());
    let transport = Transport::default();
    for _ in 0..3 {
        fetch(&transport, post(server.url("/"), "content")).await.unwrap();
    }
    assert_eq!(server.connections(), 3);
}
