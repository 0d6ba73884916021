use std::io::ErrorKind;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::Version;
use http_body_util::BodyExt;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioIo;
use sortie_core::BoxError;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;

use super::*;
use crate::{Scripted, Strict, reply, status};

fn client(version: Version) -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).http2_only(version == Version::HTTP_2).build_http()
}

async fn fetch(client: &Client<HttpConnector, Body>, url: String) -> Result<String, BoxError> {
    let response = client.request(Request::get(url).body(Body::empty())?).await?;
    Ok(String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec())?)
}

/// A server whose answers come when they are let go, and the handle that does so.
fn waiting() -> (TestServer, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let server = TestServer::from_fn({
        let go = go.clone();
        move |_| {
            let go = go.clone();
            async move {
                go.notified().await;
                status(200)
            }
        }
    });
    (server, go)
}

#[tokio::test]
async fn a_router_answers_in_both_versions_and_its_requests_are_recorded() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let server = TestServer::new(Router::new().route("/a", get(async || "a")));
        let warm = client(version);
        assert_eq!(fetch(&warm, server.url("/a?q")).await.unwrap(), "a");
        assert_eq!(fetch(&warm, server.url("/a")).await.unwrap(), "a");
        assert_eq!(fetch(&client(version), server.url("/b")).await.unwrap(), "");
        assert_eq!((server.connections(), server.options().protocol), (2, Protocol::Any));
        let requests = server.requests();
        let seen: Vec<_> = requests.iter().map(|head| (head.connection, head.uri.path(), head.version)).collect();
        assert_eq!(seen, [(0, "/a", version), (0, "/a", version), (1, "/b", version)]);
        assert_eq!((requests[0].uri.query(), requests[0].method.as_str()), (Some("q"), "GET"));
        let host = requests[0].headers.get("host").map(|host| host.to_str().unwrap());
        let authority = requests[0].uri.authority().map(|authority| authority.as_str());
        assert_eq!(host.or(authority), Some(server.addr().to_string().as_str()));
    }
}

#[tokio::test]
async fn a_closure_sees_the_request_and_a_service_is_called_when_it_is_ready() {
    let echo = TestServer::from_fn(async |request| reply(201, [("a", "b")], Body::new(request.into_body())));
    let request = Request::post(echo.url("/")).body(Body::from("ping")).unwrap();
    let response = client(Version::HTTP_11).request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["a"]), (201, &"b".parse().unwrap()));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ping");

    let strict = TestServer::new(Strict::new(Scripted::new([status(204)])).polls(2));
    assert_eq!(fetch(&client(Version::HTTP_11), strict.url("/")).await.unwrap(), "");
}

#[tokio::test]
async fn a_server_of_one_version_refuses_the_other() {
    for (protocol, version, serves) in [
        (Protocol::Http1, Version::HTTP_11, true),
        (Protocol::Http1, Version::HTTP_2, false),
        (Protocol::Http2, Version::HTTP_11, false),
        (Protocol::Http2, Version::HTTP_2, true),
    ] {
        let server = ServerOptions::new().protocol(protocol).serve(Router::new());
        let answer = fetch(&client(version), server.url("/")).await;
        assert_eq!(answer.is_ok(), serves, "{protocol:?} {version:?}");
    }
}

#[tokio::test]
async fn an_http2_client_is_told_how_many_streams_it_may_open() {
    let server = ServerOptions::new().max_concurrent_streams(3).serve(Router::new());
    let io = TokioIo::new(TcpStream::connect(server.addr()).await.unwrap());
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, mut connection) = builder.handshake::<_, Body>(io).await.unwrap();
    let answer = sender.send_request(Request::get(server.url("/")).body(Body::empty()).unwrap());
    tokio::select! {
        answer = answer => assert_eq!(answer.unwrap().status(), 404),
        end = &mut connection => panic!("the connection ended: {end:?}"),
    }
    assert_eq!(connection.current_max_send_streams(), 3);
}

#[tokio::test]
async fn a_drained_connection_ends_and_the_next_is_accepted() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let server = TestServer::new(Router::new());
        let client = client(version);
        fetch(&client, server.url("/")).await.unwrap();
        assert_eq!(server.open_connections(), 1);
        server.drain();
        server.wait_for_open_connections(0).await;
        fetch(&self::client(version), server.url("/")).await.unwrap();
        assert_eq!((server.connections(), server.open_connections()), (2, 1));
    }
}

#[tokio::test]
async fn a_cut_ends_what_is_under_way_and_the_next_connection_is_accepted() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (server, go) = waiting();
        let call = tokio::spawn({
            let (client, url) = (client(version), server.url("/"));
            async move { fetch(&client, url).await }
        });
        server.wait_for_requests(1).await;
        server.disconnect().await;
        assert!(call.await.unwrap().is_err(), "{version:?}");
        go.notify_one();
        fetch(&client(version), server.url("/")).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_stops_ends_what_is_under_way_and_refuses_the_rest() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (server, go) = waiting();
        let client = client(version);
        let (idle, call) = (client.clone(), fetch(&client, server.url("/")));
        let stop = async {
            server.wait_for_requests(1).await;
            tokio::join!(server.stop(), async {
                tokio::task::yield_now().await;
                go.notify_one();
            });
        };
        let (answer, ()) = tokio::join!(call, stop);
        assert_eq!(answer.unwrap(), "");
        assert_eq!(server.open_connections(), 0);
        assert_eq!(TcpStream::connect(server.addr()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert!(fetch(&idle, server.url("/")).await.is_err());
        server.stop().await;
    }
}

#[tokio::test]
async fn open_connections_are_counted_until_either_side_closes() {
    let server = TestServer::new(Router::new());
    let mut streams = Vec::new();
    for open in 1..=2 {
        streams.push(TcpStream::connect(server.addr()).await.unwrap());
        server.wait_for_open_connections(open).await;
    }
    streams.pop();
    server.wait_for_open_connections(1).await;
    drop(server);
    let end = streams[0].read(&mut [0]).await;
    assert!(matches!(end, Ok(0) | Err(_)));
}
