//! Many exchanges over few HTTP/2 connections.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use sortie_core::{Body, Outcome};
use sortie_testkit::{MemoryServer, Protocol, ServerOptions, Steps, TestServer, reply};
use sortie_transport::{Transport, TransportOptions, Versions};
use tokio::sync::Semaphore;

use crate::support::{fetch, fetching, get, post, read, send, until};

fn h2(options: TransportOptions) -> Transport {
    Transport::new(options.versions(Versions::Http2Only))
}

/// Answers once the semaphore lets it.
fn held(streams: u32, go: &Arc<Semaphore>) -> TestServer {
    let go = go.clone();
    ServerOptions::new().protocol(Protocol::Http2).max_concurrent_streams(streams).serve_fn(move |_| {
        let go = go.clone();
        async move {
            go.acquire().await.unwrap().forget();
            reply(200, [], "hello")
        }
    })
}

#[tokio::test]
async fn further_connections_are_made_when_all_streams_are_taken_and_no_more_than_allowed() {
    let go = Arc::new(Semaphore::new(0));
    let server = held(2, &go);
    let transport = h2(TransportOptions::default().max_http2_connections_per_origin(3));
    let calls: Vec<_> = (0..20).map(|_| fetching(&transport, get(server.url("/")))).collect();
    // Three connections with two streams each; nobody else has been handed to hyper.
    server.wait_for_requests(6).await;
    let counts = transport.stats();
    assert_eq!((counts.open, counts.waiting, counts.in_flight), (3, 14, 20));
    go.add_permits(20);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "hello");
    }
    assert_eq!(server.connections(), 3);
    until("all streams are free", || transport.stats().idle == 3).await;
}

#[tokio::test]
async fn a_connection_that_is_told_to_go_away_finishes_what_it_has_and_takes_nothing_more() {
    let go = Arc::new(Semaphore::new(0));
    let server = held(100, &go);
    let transport = h2(TransportOptions::default());
    let running = fetching(&transport, get(server.url("/")));
    server.wait_for_requests(1).await;
    server.drain();
    let next = tokio::spawn({
        let (transport, url) = (transport.clone(), server.url("/"));
        async move {
            // The GOAWAY has come when the connection counts for nothing any more.
            until("it drains", || transport.stats().idle == 0).await;
            fetch(&transport, get(url)).await
        }
    });
    go.add_permits(2);
    assert_eq!(running.await.unwrap().unwrap(), "hello");
    assert_eq!(next.await.unwrap().unwrap(), "hello");
}

#[tokio::test]
async fn a_connection_that_is_cut_fails_what_runs_on_it_and_the_next_is_made() {
    let go = Arc::new(Semaphore::new(0));
    let server = held(100, &go);
    let transport = h2(TransportOptions::default());
    let running = fetching(&transport, get(server.url("/")));
    server.wait_for_requests(1).await;
    server.disconnect().await;
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
    go.add_permits(10);
    until("it is gone", || transport.stats().open == 0).await;
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_stream_is_taken_until_both_its_halves_have_ended() {
    // Answers at once and goes on reading.
    let server = ServerOptions::new().protocol(Protocol::Http2).serve_fn(async |request| {
        tokio::spawn(request.into_body().collect());
        reply(200, [], "")
    });
    let transport = h2(TransportOptions::default());
    let (send_chunk, chunks) = futures_channel();
    let response = send(&transport, post(server.url("/"), Body::stream(chunks))).await.unwrap();
    read(response).await.unwrap();
    assert_eq!((transport.stats().idle, transport.in_flight()), (0, 0));
    drop(send_chunk);
    until("the stream is free", || transport.stats().idle == 1).await;
}

/// A stream that ends when its other end is dropped.
fn futures_channel() -> (tokio::sync::oneshot::Sender<()>, impl futures_util::Stream<Item = io::Result<&'static str>>) {
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let end = futures_util::StreamExt::filter_map(futures_util::stream::once(receiver), async |_| None);
    (sender, end)
}

#[tokio::test]
async fn uploads_and_downloads_go_both_ways_at_once() {
    let server = ServerOptions::new()
        .protocol(Protocol::Http2)
        .serve_fn(async |request| reply(200, [], Body::new(request.into_body())));
    let transport = h2(TransportOptions::default());
    let large = vec![b'x'; 2_000_000];
    let calls = (0..8).map(|_| async {
        let response = send(&transport, post(server.url("/"), large.clone())).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes().len()
    });
    assert_eq!(futures_util::future::join_all(calls).await, [2_000_000; 8]);
    assert_eq!(server.connections(), 1);
}

/// A frame of HTTP/2 ([RFC 9113 §4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
fn frame(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, 0, 0, 0, 0, stream];
    frame.extend(payload);
    frame
}

fn settings() -> Vec<u8> {
    frame(4, 0, &[])
}

/// The first connections follow the steps, and a well-behaved server has the others.
fn refusing(connections: usize, steps: Steps) -> (Transport, Arc<MemoryServer>) {
    let server = Arc::new(MemoryServer::from_fn(async |request| reply(200, [], Body::new(request.into_body()))));
    let (made, serving) = (AtomicUsize::new(0), server.clone());
    let transport = h2(TransportOptions::default().connector(move |_| {
        let stream = match made.fetch_add(1, Ordering::Relaxed) < connections {
            true => serving.connect_scripted(steps.clone()),
            false => serving.connect_h2(),
        };
        async move { Ok::<_, std::convert::Infallible>(stream) }
    }));
    (transport, server)
}

/// So long that its head is on its way when this much has been read.
fn long(body: impl Into<Body>) -> http::Request<Body> {
    let mut request = post("http://a.test/", body);
    request.headers_mut().insert("x-long", "x".repeat(3000).parse().unwrap());
    request
}

#[tokio::test]
async fn a_request_that_the_server_refused_is_sent_again_and_one_that_cannot_be_says_so() {
    let go_away = frame(7, 0, &[0, 0, 0, 0, 0, 0, 0, 0]);
    let refused_stream = frame(3, 1, &[0, 0, 0, 7]);
    for refusal in [go_away, refused_stream] {
        // A refused stream leaves its connection; the next stream of that is answered by nobody, so it goes away too.
        let steps = Steps::new().send(settings()).read(2000).send(refusal).close();
        let (transport, server) = refusing(1, steps.clone());
        assert_eq!(fetch(&transport, long("again")).await.unwrap(), "again");
        assert_eq!(server.connections(), 2);

        let (transport, _server) = refusing(1, steps);
        let once = futures_util::stream::iter(["once"].map(Ok::<_, io::Error>));
        let error = fetch(&transport, long(Body::stream(once))).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::Refused));
    }
}

#[tokio::test]
async fn a_goaway_fails_neither_what_is_above_its_last_stream_nor_what_is_answered_below() {
    // Answers to streams 1 and 3 (`:status 200` alone, the end of headers and stream) behind a GOAWAY that refuses 5 and 7.
    let answer = |stream| [&[0, 0, 1, 1, 5, 0, 0, 0, stream][..], &[0x88]].concat();
    let steps = Steps::new()
        .send(settings())
        .read(10_000)
        .send(frame(7, 0, &[0, 0, 0, 3, 0, 0, 0, 0]))
        .send(answer(1))
        .send(answer(3))
        .close();
    let (transport, server) = refusing(1, steps);
    let calls = ["a", "b", "c", "d"].map(|body| {
        let mut request = long(body);
        // Each another one, for what has been sent before is only referred to.
        request.headers_mut().insert("x-long", body.repeat(4000).parse().unwrap());
        fetching(&transport, request)
    });
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap().unwrap());
    }
    answers.sort_unstable();
    // Two by the first connection, with empty bodies, and two by the second, which echoes.
    assert_eq!((answers[1].len(), answers[2].len()), (0, 1));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_server_that_refuses_for_ever_is_not_asked_for_ever() {
    let go_away = frame(7, 0, &[0, 0, 0, 0, 0, 0, 0, 0]);
    let (transport, server) = refusing(10, Steps::new().send(settings()).read(2000).send(go_away).close());
    let error = fetch(&transport, long("again")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Refused));
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn an_answer_that_is_dropped_ends_the_upload_of_its_stream_too() {
    let server = ServerOptions::new()
        .protocol(Protocol::Http2)
        .serve_fn(async |request| reply(200, [], Body::new(request.into_body())));
    let transport = h2(TransportOptions::default());
    let (_never, chunks) = futures_channel();
    let response = send(&transport, post(server.url("/"), Body::stream(chunks))).await.unwrap();
    assert_eq!(transport.stats().idle, 0);
    drop(response);
    until("the stream is free", || transport.stats().idle == 1).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_request_that_the_last_words_of_a_connection_include_may_have_been_processed() {
    // GOAWAY up to stream 1, which is ours, and then no answer.
    let go_away = frame(7, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let (transport, server) = refusing(1, Steps::new().send(settings()).read(2000).send(go_away).close());
    let error = fetch(&transport, long("once")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
    assert_eq!(server.connections(), 1);
}
