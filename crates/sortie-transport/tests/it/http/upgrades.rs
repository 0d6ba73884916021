//! Byte streams in place of HTTP.

use http::Request;
use sortie_core::{Body, PerRequest};
use sortie_testkit::{ServerOptions, Steps, TcpScript, TlsSetup, reply};
use sortie_transport::{Transport, UpgradeError, Versions, upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{connection, fetch, get, send, trusting, until};

fn upgrading(url: String) -> Request<Body> {
    Request::get(url).header("connection", "upgrade").header("upgrade", "echo").body(Body::empty()).unwrap()
}

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

#[tokio::test]
async fn what_came_with_the_head_is_the_beginning_of_the_stream() {
    let steps = Steps::new().read_head().send(format!("{SWITCHED}hello")).expect("ping").send("pong");
    let server = TcpScript::each(steps.read_to_end());
    let transport = Transport::default();
    let response = send(&transport, upgrading(server.url("/"))).await.unwrap();
    let id = connection(&response).id();
    let mut stream = upgrade(response).await.unwrap();
    assert_eq!(stream.connection().map(sortie_transport::ConnectionInfo::id), Some(id));
    assert_eq!(transport.in_flight(), 0);
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    stream.write_all(b"ping").await.unwrap();
    let mut pong = [0; 4];
    stream.read_exact(&mut pong).await.unwrap();
    assert_eq!((&pong, transport.stats().open), (b"pong", 1));
    stream.shutdown().await.unwrap();
    drop(stream);
    until("its place is free", || transport.stats().open == 0).await;
    server.finish().await;
}

#[tokio::test]
async fn hyper_can_speak_over_it() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let server = TcpScript::each(Steps::new().read_head().send(SWITCHED).read_head().send(ok).read_to_end());
    let response = send(&Transport::default(), upgrading(server.url("/"))).await.unwrap();
    let stream = upgrade(response).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let response = sender.send_request(Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), 200);
    drop((sender, response));
    driver.await.unwrap().unwrap();
}

#[tokio::test]
async fn another_answer_is_no_stream() {
    let no = "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n";
    let server = TcpScript::each(Steps::new().read_head().send(no).hold());
    let transport = Transport::default();
    let refused = upgrade(send(&transport, upgrading(server.url("/"))).await.unwrap()).await.unwrap_err();
    assert!(matches!(refused, UpgradeError::Refused { status, .. } if status == 426), "{refused:?}");
    assert!(refused.to_string().contains("426"), "{refused}");
    assert_eq!(transport.stats().idle, 1);
}

#[tokio::test]
async fn one_request_can_speak_another_version_over_connections_of_its_own() {
    let server = ServerOptions::new().tls(TlsSetup::new()).serve_fn(async |request| {
        let version = format!("{:?}", request.version());
        reply(200, [], version)
    });
    let transport = Transport::new(trusting(&server));
    let mut old = get(server.url("/"));
    old.extensions_mut().insert(PerRequest::Use(Versions::Http1Only));
    let mut off = get(server.url("/"));
    off.extensions_mut().insert(PerRequest::<Versions>::Off);
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "HTTP/2.0");
    assert_eq!(fetch(&transport, old).await.unwrap(), "HTTP/1.1");
    assert_eq!(fetch(&transport, off).await.unwrap(), "HTTP/2.0");
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "HTTP/2.0");
    assert_eq!(server.connections(), 2);
}
