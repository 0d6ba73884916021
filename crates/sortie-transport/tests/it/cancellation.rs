//! Whatever is dropped, whenever: nothing is lost and nothing is left.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http_body_util::BodyExt;
use sortie_core::{Body, Elapsed, Phase, find};
use sortie_testkit::{Gate, MemoryServer, Protocol, ServerOptions, Steps, TcpScript, TestServer, TlsSetup, reply};
use sortie_transport::{PhaseTimeouts, Transport, TransportOptions, Versions};

use crate::support::{fetch, fetching, get, in_memory, post, send, trusting, until};

/// Drives a call and drops it after `polls` polls; whether it had ended by then.
async fn abandon(call: impl Future, polls: usize) -> bool {
    let mut call = pin!(call);
    for _ in 0..polls {
        if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

async fn nothing_is_left(transport: &Transport) {
    until("everything has settled", || {
        let counts = transport.stats();
        (counts.in_flight, counts.waiting, counts.connecting) == (0, 0, 0) && counts.open == counts.idle
    })
    .await;
}

#[tokio::test]
async fn a_call_dropped_at_any_poll_leaves_nothing_behind() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for warm in [false, true] {
            let server = Arc::new(MemoryServer::from_fn(async |request| {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                tokio::task::yield_now().await;
                reply(200, [], Body::from(body))
            }));
            let options = TransportOptions::default().max_connections_per_origin(1);
            let transport = match protocol {
                Protocol::Http2 => {
                    let server = server.clone();
                    Transport::new(options.versions(Versions::Http2Only).connector(move |_| {
                        let stream = server.connect_h2();
                        async move { Ok::<_, std::convert::Infallible>(stream) }
                    }))
                }
                _ => in_memory(&server, options),
            };
            for polls in 0.. {
                if warm {
                    fetch(&transport, get("http://a.test/")).await.unwrap();
                }
                let ended = abandon(fetch(&transport, post("http://a.test/", "some body")), polls).await;
                nothing_is_left(&transport).await;
                // With one connection allowed, one that is lost would be missed here.
                assert_eq!(fetch(&transport, post("http://a.test/", "more")).await.unwrap(), "more", "{polls}");
                if ended {
                    break;
                }
                assert!(polls < 1000, "the call does not end");
            }
        }
    }
}

#[tokio::test]
async fn a_small_rest_is_drained_for_the_sake_of_the_connection() {
    let server = TestServer::from_fn(async |_| reply(200, [], vec![b'x'; 60_000]));
    let transport = Transport::default();
    for _ in 0..5 {
        drop(send(&transport, get(server.url("/"))).await.unwrap());
        until("it is idle", || transport.stats().idle == 1).await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_large_or_endless_rest_costs_the_connection() {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}"),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nonly".to_owned(),
    ] {
        let server = TcpScript::each(Steps::new().read_head().send(answer).read_to_end());
        let transport = Transport::default();
        drop(send(&transport, get(server.url("/"))).await.unwrap());
        until("it is closed", || transport.stats().open == 0).await;
        assert_eq!(transport.in_flight(), 0);
    }
}

#[tokio::test]
async fn the_first_waiters_leaving_fails_no_other() {
    let gate = Gate::new();
    let opened = gate.clone();
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "hello")));
    let connecting = server.clone();
    // The connect is slow, and belongs to nobody.
    let transport = Transport::new(TransportOptions::default().versions(Versions::Http2Only).connector(move |_| {
        let (stream, gate) = (connecting.connect_h2(), gate.clone());
        async move {
            tokio::task::yield_now().await;
            gate_passed(&gate).await;
            Ok::<_, std::convert::Infallible>(stream)
        }
    }));
    let mut first = Box::pin(fetch(&transport, get("http://a.test/")));
    assert!(matches!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    let others: Vec<_> = (0..199).map(|_| fetching(&transport, get("http://a.test/"))).collect();
    until("all wait", || transport.stats().waiting == 200).await;
    drop(first);
    opened.open();
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), "hello");
    }
    assert_eq!(server.connections(), 1);
}

/// A gate is a script's; a connector passes it by a connection that does nothing else.
async fn gate_passed(gate: &Gate) {
    let server = MemoryServer::from_fn(async |_| reply(200, [], ""));
    let mut stream = server.connect_scripted(Steps::new().pause(gate).send("x").hold());
    let mut byte = [0];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut byte).await.unwrap();
}

#[tokio::test]
async fn a_dropped_http2_body_resets_its_stream_and_keeps_the_connection() {
    let server = ServerOptions::new().protocol(Protocol::Http2).max_concurrent_streams(1).serve_fn(async |_| {
        let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 10_000]));
        reply(200, [], Body::stream(endless))
    });
    let transport =
        Transport::new(TransportOptions::default().versions(Versions::Http2Only).max_http2_connections_per_origin(1));
    for _ in 0..5 {
        drop(send(&transport, get(server.url("/"))).await.unwrap());
    }
    nothing_is_left(&transport).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_upload_that_is_stuck_over_tls_costs_its_connection_and_no_more() {
    let server = ServerOptions::new().tls(TlsSetup::new().alpn(["http/1.1"])).serve_fn(async |request| {
        // Holds the body and reads none of it.
        let _request = request;
        std::future::pending::<()>().await;
        reply(200, [], "")
    });
    let timeouts = PhaseTimeouts::default().write(Duration::from_millis(200));
    let transport = Transport::new(trusting(&server).timeouts(timeouts).max_connections_per_origin(1));
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 50_000]));
    let error = fetch(&transport, post(server.url("/"), Body::stream(endless))).await.unwrap_err();
    assert_eq!(find::<Elapsed>(&*error).map(Elapsed::phase), Some(Phase::Write));
    // A farewell would wait for the peer for ever, and the permit with it.
    until("the connection is gone", || transport.stats().open == 0).await;
}
