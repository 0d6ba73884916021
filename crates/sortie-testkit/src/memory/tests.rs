use std::time::Duration;

use axum::Router;
use http::Version;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::*;
use crate::{Gate, ScriptState};

fn request(path: &'static str) -> Request<Body> {
    Request::get(format!("http://memory.test{path}")).body(Body::empty()).unwrap()
}

async fn get(stream: DuplexStream) -> Result<u16, hyper::Error> {
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(client.send_request(request("/1")).await?.status().as_u16())
}

async fn get_h2(stream: DuplexStream) -> Result<u16, hyper::Error> {
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(client.send_request(request("/2")).await?.status().as_u16())
}

#[tokio::test(start_paused = true)]
async fn both_versions_are_served_and_recorded() {
    let server = MemoryServer::new(Router::new().fallback(async || "ok"));
    assert_eq!(get(server.connect()).await.unwrap(), 200);
    assert_eq!(get_h2(server.connect_h2()).await.unwrap(), 200);
    let requests = server.requests();
    let seen: Vec<_> = requests.iter().map(|head| (head.connection, head.uri.path(), head.version)).collect();
    assert_eq!(seen, [(0, "/1", Version::HTTP_11), (1, "/2", Version::HTTP_2)]);
    assert_eq!(server.connections(), 2);
    server.wait_for_open_connections(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_scripted_connection_follows_its_steps_by_the_paused_clock() {
    let server = MemoryServer::default();
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let late = Steps::new().read_head().sleep(Duration::from_secs(60)).send_slowly(answer);
    let start = Instant::now();
    assert_eq!(get(server.connect_scripted(late)).await.unwrap(), 204);
    assert_eq!(start.elapsed(), Duration::from_secs(60));
    assert!(get(server.connect_scripted(Steps::new().read_head().reset())).await.is_err());
    assert_eq!(get(server.connect()).await.unwrap(), 404);
    let transcripts = server.finish().await;
    assert!(transcripts[0].text().starts_with("GET "));
    assert!(transcripts.iter().all(|transcript| transcript.state == ScriptState::Done));
    assert_eq!((server.connections(), server.transcripts().len(), server.requests().len()), (3, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_when_the_buffer_is_full() {
    let server = MemoryServer::default().buffer(4);
    let gate = Gate::new();
    let mut stream = server.connect_scripted(Steps::new().pause(&gate).expect("12345678").send("ok"));
    assert!(timeout(Duration::from_secs(1), stream.write_all(b"12345678")).await.is_err());
    gate.open();
    stream.write_all(b"5678").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "ok");
}

#[tokio::test(start_paused = true)]
async fn connections_end_when_they_are_drained_cut_or_left() {
    let server = MemoryServer::from_fn(|_| std::future::pending());
    let idle = server.connect();
    let busy = tokio::spawn(get(server.connect()));
    server.wait_for_requests(1).await;
    assert_eq!(server.open_connections(), 2);
    server.drain();
    server.wait_for_open_connections(1).await;
    server.disconnect();
    server.wait_for_open_connections(0).await;
    assert!(busy.await.unwrap().is_err());
    drop(idle);
    let left = server.connect();
    assert_eq!(server.open_connections(), 1);
    drop(left);
    server.wait_for_open_connections(0).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_server_ends_its_connections() {
    let server = MemoryServer::from_fn(|_| std::future::pending());
    let busy = tokio::spawn(get(server.connect()));
    server.wait_for_requests(1).await;
    drop(server);
    assert!(busy.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "connection 0: step 1 of 1, `expect(\"POST\")`: other bytes came")]
async fn a_script_that_failed_fails_the_test() {
    let server = MemoryServer::default();
    let _ = get(server.connect_scripted(Steps::new().expect("POST"))).await;
}
