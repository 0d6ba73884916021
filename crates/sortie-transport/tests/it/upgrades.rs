//! Connections that become something else.

use std::time::Duration;

use http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use sortie_core::Body;
use sortie_testkit::{Protocol, ServerOptions, Steps, TcpScript, reply};
use sortie_transport::{Transport, TransportOptions, Versions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{send, until};

#[tokio::test]
async fn an_upgraded_connection_is_its_takers_and_keeps_its_place_until_it_is_dropped() {
    for (method, answer) in [
        ("GET", "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"),
        ("CONNECT", "HTTP/1.1 200 OK\r\n\r\n"),
    ] {
        let server = TcpScript::each(Steps::new().read_head().send(answer).expect("ping").send("pong").read_to_end());
        let transport = Transport::default();
        let mut request = Request::builder().method(method).uri(server.url("/")).body(Body::empty()).unwrap();
        if method == "GET" {
            request.headers_mut().insert(header::CONNECTION, "upgrade".parse().unwrap());
            request.headers_mut().insert(header::UPGRADE, "echo".parse().unwrap());
        }
        let response = send(&transport, request).await.unwrap();
        assert!(matches!(response.status(), StatusCode::SWITCHING_PROTOCOLS | StatusCode::OK));
        let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        stream.write_all(b"ping").await.unwrap();
        let mut pong = [0; 4];
        stream.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"pong");
        let counts = transport.stats();
        assert_eq!((counts.open, counts.idle), (1, 0), "{method}");
        drop(stream);
        until("its place is free", || transport.stats().open == 0).await;
        server.finish().await;
    }
}

#[tokio::test]
async fn an_upgrade_that_is_refused_is_an_ordinary_answer() {
    let no = "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno";
    let server = TcpScript::each(Steps::new().read_head().send(no).read_head().send(no).hold());
    let transport = Transport::default();
    for _ in 0..2 {
        let request = Request::get(server.url("/")).header("connection", "upgrade").header("upgrade", "echo");
        let response = send(&transport, request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(crate::support::read(response).await.unwrap().0, "no");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_tunnel_through_http2_takes_its_connection_out_of_the_pool() {
    let server = ServerOptions::new().protocol(Protocol::Http2).max_concurrent_streams(1).serve_fn(async |request| {
        if request.method() == http::Method::CONNECT {
            tokio::spawn(async {
                let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
                let mut ping = [0; 4];
                while stream.read_exact(&mut ping).await.is_ok() {
                    stream.write_all(b"pong").await.unwrap();
                }
            });
        }
        reply(200, [], "")
    });
    let options = TransportOptions::default().versions(Versions::Http2Only).max_lifetime(Duration::from_millis(1));
    let transport = Transport::new(options.idle_timeout(Duration::from_millis(1)));
    let request = Request::connect(server.url("/")).body(Body::empty()).unwrap();
    let response = send(&transport, request).await.unwrap();
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    // The one stream that the server allows is the tunnel.
    assert_eq!(transport.stats().idle, 0);
    let get = Request::get(server.url("/")).body(Body::empty()).unwrap();
    let other = tokio::time::timeout(Duration::from_secs(10), send(&transport, get)).await;
    assert_eq!(other.expect("it is not behind the tunnel").unwrap().status(), StatusCode::OK);
    for _ in 0..3 {
        stream.write_all(b"ping").await.unwrap();
        let mut pong = [0; 4];
        stream.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"pong");
    }
    drop(stream);
    until("its place is free", || transport.stats().open == 0).await;
}
