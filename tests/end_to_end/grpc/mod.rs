//! tonic's clients over a session, against tonic's server.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream;
use http_body_util::BodyExt;
use sortie::core::{BoxError, Outcome, Phase};
use sortie::retry::RetryOptions;
use sortie::transport::{Transport, TransportOptions, Versions};
use sortie::{Body, ErrorKind, Session, SessionBuilder};
use sortie_testkit::{MemoryServer, Protocol, ServerOptions, Steps, TestServer, TlsSetup};
use tonic::service::Routes;
use tonic::{Code, Request, Status};
use tower::util::MapErrLayer;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{builder, trusting, values};
use sums::{Channel, Number, Sums, SumsClient, TonicServer, number};

mod sums;

/// How long a test waits for what should happen at once.
const PATIENCE: Duration = Duration::from_secs(30);

fn h2() -> TransportOptions {
    TransportOptions::default().versions(Versions::Http2Only)
}

/// Speaks HTTP/2 without TLS, below this server's URL.
fn of(server: &TonicServer) -> SessionBuilder {
    builder().transport_options(h2()).base_url(server.url())
}

/// What a client service can do: every kind of call, metadata, errors, and streams that go both ways at once.
async fn speaks_grpc(mut client: SumsClient<impl Channel>) {
    every_kind_of_call(&mut client).await;
    metadata(&mut client).await;
    errors(&mut client).await;
    tokio::time::timeout(PATIENCE, turns(&mut client)).await.expect("a message is held back");
}

async fn every_kind_of_call(client: &mut SumsClient<impl Channel>) {
    assert_eq!(client.double(number(21)).await.unwrap().get_ref().value, 42);
    assert_eq!(client.sum(stream::iter((1..=10).map(number))).await.unwrap().get_ref().value, 55);
    let mut counted = client.count(number(3)).await.unwrap().into_inner();
    for n in 1..=3 {
        assert_eq!(counted.message().await.unwrap(), Some(number(n)));
    }
    assert_eq!(counted.message().await.unwrap(), None);
    let trailers = counted.trailers().await.unwrap().expect("an answer of gRPC ends with trailers");
    assert_eq!(trailers.get("grpc-status").unwrap(), "0");
}

async fn metadata(client: &mut SumsClient<impl Channel>) {
    let mut request = Request::new(number(1));
    request.metadata_mut().insert("x-ascii", "text".parse().unwrap());
    request.metadata_mut().insert_bin("x-bytes-bin", tonic::metadata::MetadataValue::from_bytes(b"\0\xff"));
    let response = client.double(request).await.unwrap();
    assert_eq!(response.metadata().get("x-ascii").unwrap(), "text");
    assert_eq!(response.metadata().get_bin("x-bytes-bin").unwrap().to_bytes().unwrap().as_ref(), b"\0\xff");
}

async fn errors(client: &mut SumsClient<impl Channel>) {
    // In the head of an answer that has nothing else.
    let status = client.double(failing("precondition")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not now: 100 % ä"));
    assert_eq!(
        (status.details(), status.metadata().get("x-why").unwrap().to_str().unwrap()),
        (&b"\0details"[..], "because")
    );
    assert_eq!(client.unknown().await.unwrap_err().code(), Code::Unimplemented);
    // In the trailers, behind what came before the error.
    let mut counted = client.count(number(101)).await.unwrap().into_inner();
    for n in 1..=100 {
        assert_eq!(counted.message().await.unwrap(), Some(number(n)));
    }
    assert_eq!(counted.message().await.unwrap_err().code(), Code::OutOfRange);
}

/// Each message is sent only after the answer to the one before: held back anywhere, they would wait for ever.
async fn turns(client: &mut SumsClient<impl Channel>) {
    let (send, receive) = tokio::sync::mpsc::channel(1);
    let numbers = stream::unfold(receive, |mut receive| async { Some((receive.recv().await?, receive)) });
    // The head of the answer comes before there is any message.
    let mut totals = client.total(numbers).await.unwrap().into_inner();
    let mut total = 0;
    for n in 1..=20 {
        send.send(number(n)).await.unwrap();
        total += n;
        assert_eq!(totals.message().await.unwrap(), Some(number(total)));
    }
    drop(send);
    assert_eq!(totals.message().await.unwrap(), None);
}

fn failing(how: &'static str) -> Request<Number> {
    let mut request = Request::new(number(1));
    request.metadata_mut().insert("fail", how.parse().unwrap());
    request
}

#[tokio::test]
async fn a_session_with_a_base_url_is_a_channel() {
    let server = TonicServer::start().await;
    let session = of(&server).build().unwrap();
    speaks_grpc(SumsClient::new(session.clone())).await;
    // Streams that nobody reads any more are gone, too.
    session.close().await;
}

#[tokio::test]
async fn a_session_and_a_transport_are_channels_to_any_origin() {
    let server = TonicServer::start().await;
    let origin: http::Uri = server.url().parse().unwrap();
    let session = builder().transport_options(h2()).build().unwrap();
    speaks_grpc(SumsClient::with_origin(session, origin.clone())).await;
    speaks_grpc(SumsClient::with_origin(Transport::new(h2()), origin.clone())).await;
    speaks_grpc(SumsClient::new(Transport::new(h2()).origin(&origin).unwrap())).await;
}

#[tokio::test]
async fn over_tls_alpn_makes_it_http2_and_the_head_is_what_grpc_asks_for() {
    let routes = Routes::new(Sums).into_axum_router();
    let server = ServerOptions::new().tls(TlsSetup::new().alpn(["h2"])).serve(routes);
    let tls = trusting(server.certificate_authority()).build().unwrap();
    let options = TransportOptions::default().tls(tls);
    let session = builder().transport_options(options).base_url(server.url("/")).build().unwrap();
    speaks_grpc(SumsClient::new(session)).await;
    assert_eq!(server.connections(), 1);
    for head in server.requests() {
        assert_eq!((&head.method, head.version), (&http::Method::POST, http::Version::HTTP_2));
        assert_eq!(values(&head, "te"), ["trailers"]);
        assert_eq!(values(&head, "content-type"), ["application/grpc"]);
        assert!(head.headers["user-agent"].to_str().unwrap().starts_with("sortie/"));
        assert!(!head.headers.contains_key("transfer-encoding") && !head.headers.contains_key("content-length"));
    }
}

/// What the status was made of.
fn cause(status: &Status) -> &sortie::Error {
    status.source().and_then(|source| source.downcast_ref()).unwrap_or_else(|| panic!("no error of ours: {status:?}"))
}

#[tokio::test]
async fn a_deadline_of_the_request_is_told_to_the_server_which_ends_the_call() {
    let server = TonicServer::start().await;
    let mut client = SumsClient::new(of(&server).build().unwrap());
    let mut request = Request::new(number(1));
    request.metadata_mut().insert("never", "answered".parse().unwrap());
    request.set_timeout(Duration::from_millis(50));
    let status = client.double(request).await.unwrap_err();
    // This is what tonic's server says, in a head without a body.
    assert_eq!((status.code(), status.message()), (Code::Cancelled, "Timeout expired"));
}

#[tokio::test]
async fn the_sessions_timeout_ends_a_call_whose_server_does_not_and_a_stream_that_stalls() {
    let server = TonicServer::start().await;
    let mut client = SumsClient::new(of(&server).timeout(Duration::from_millis(300)).build().unwrap());
    let mut request = Request::new(number(1));
    request.metadata_mut().insert("never", "answered".parse().unwrap());
    let status = client.double(request).await.unwrap_err();
    assert_eq!(cause(&status).phase(), Some(Phase::Total));

    let mut counted = client.count(number(100)).await.unwrap().into_inner();
    for n in 1..=100 {
        assert_eq!(counted.message().await.unwrap(), Some(number(n)));
    }
    let status = counted.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown, "{status:?}");
}

#[tokio::test]
async fn an_attempts_timeout_does_not_end_a_stream_that_has_begun() {
    let server = TonicServer::start().await;
    let attempt = Duration::from_millis(200);
    let mut client = SumsClient::new(of(&server).attempt_timeout(attempt).build().unwrap());
    let (send, receive) = tokio::sync::mpsc::channel(1);
    let numbers = stream::unfold(receive, |mut receive| async { Some((receive.recv().await?, receive)) });
    let mut totals = client.total(numbers).await.unwrap().into_inner();
    tokio::time::sleep(2 * attempt).await;
    send.send(number(7)).await.unwrap();
    assert_eq!(totals.message().await.unwrap(), Some(number(7)));
}

#[tokio::test]
async fn what_a_handler_says_is_an_answer_and_not_repeated_by_any_policy_of_http() {
    let routes = Routes::new(Sums).into_axum_router();
    let server = ServerOptions::new().protocol(Protocol::Http2).serve(routes);
    let policy = RetryOptions::standard().methods([http::Method::POST]);
    let session = builder().transport_options(h2()).base_url(server.url("/")).retry(policy).build().unwrap();
    let status = SumsClient::new(session).double(failing("unavailable")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the database is down"));
    // To HTTP it is a 200, and only who reads gRPC knows better.
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn no_call_is_lost_to_a_server_that_goes_away_again_and_again() {
    let routes = Routes::new(Sums).into_axum_router();
    let server = ServerOptions::new().protocol(Protocol::Http2).max_concurrent_streams(3).serve(routes);
    let session = builder().transport_options(h2()).base_url(server.url("/")).build().unwrap();
    let calls = (0..100).map(|n| {
        let mut client = SumsClient::new(session.clone());
        tokio::spawn(async move { client.double(number(n)).await.unwrap().get_ref().value })
    });
    let calls: Vec<_> = calls.collect();
    for drained in 1..=5 {
        server.wait_for_requests(15 * drained).await;
        server.drain();
    }
    for (n, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap(), 2 * n);
    }
    assert_eq!(server.requests().len(), 100, "each was served once");
}

/// A frame of HTTP/2 ([RFC 9113 §4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
fn frame(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, 0, 0, 0, 0, stream];
    frame.extend(payload);
    frame
}

/// A session of which the first connection takes a request and refuses its stream; the others serve.
fn refused_once() -> (Session, Arc<MemoryServer>) {
    let server = Arc::new(MemoryServer::new(Routes::new(Sums).into_axum_router()));
    let (made, serving) = (AtomicUsize::new(0), server.clone());
    let refusal = frame(3, 1, &[0, 0, 0, 7]);
    let refuse = Steps::new().send(frame(4, 0, &[])).read(2000).send(refusal).close();
    let options = h2().connector(move |_| {
        let stream = match made.fetch_add(1, Ordering::Relaxed) {
            0 => serving.connect_scripted(refuse.clone()),
            _ => serving.connect_h2(),
        };
        async move { Ok::<_, Infallible>(stream) }
    });
    (builder().transport_options(options).base_url("http://sums.test/").build().unwrap(), server)
}

/// So long that its head is on its way when it is refused.
fn long(value: u64) -> Request<Number> {
    let mut request = Request::new(number(value));
    request.metadata_mut().insert("x-long", "x".repeat(3000).parse().unwrap());
    request
}

/// Collects an upload before it is sent. What tonic sends is a stream, which can be sent once; a single message can be
/// sent again.
fn whole(session: Session) -> impl Channel {
    service_fn(move |request: http::Request<tonic::body::Body>| {
        let session = session.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = Body::from(body.collect().await?.to_bytes());
            Ok::<_, BoxError>(session.oneshot(http::Request::from_parts(head, body)).await?)
        }
    })
}

#[tokio::test]
async fn a_stream_that_was_refused_is_repeated_if_its_upload_can_be_and_unavailable_if_not() {
    let (session, server) = refused_once();
    assert_eq!(SumsClient::new(whole(session)).double(long(4)).await.unwrap().get_ref().value, 8);
    assert_eq!(server.connections(), 2);

    let (session, server) = refused_once();
    let mut client = SumsClient::new(session);
    assert_eq!(client.double(long(4)).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(server.connections(), 1);
    assert_eq!(client.double(long(4)).await.unwrap().get_ref().value, 8);
}

#[tokio::test]
async fn a_stream_that_is_dropped_makes_room_for_the_next_call() {
    let routes = Routes::new(Sums).into_axum_router();
    let server = ServerOptions::new().protocol(Protocol::Http2).max_concurrent_streams(1).serve(routes);
    let options = h2().max_http2_connections_per_origin(1);
    let session = builder().transport_options(options).base_url(server.url("/")).build().unwrap();
    let mut client = SumsClient::new(session);
    let mut stalled = client.count(number(100)).await.unwrap().into_inner();
    assert_eq!(stalled.message().await.unwrap(), Some(number(1)));
    drop(stalled);
    let next = tokio::time::timeout(PATIENCE, client.double(number(2))).await.expect("the server still has the stream");
    assert_eq!(next.unwrap().get_ref().value, 4);
    assert_eq!(server.connections(), 1);
}

/// What gRPC calls an error of ours. tonic knows only those of its own transport, and takes others for unknown.
fn named(error: &sortie::Error) -> Code {
    match (error.kind(), error.outcome()) {
        (ErrorKind::Timeout, _) => Code::DeadlineExceeded,
        (ErrorKind::Closed | ErrorKind::Connect | ErrorKind::Tls, _) => Code::Unavailable,
        (_, Some(Outcome::Refused | Outcome::StaleReuse)) => Code::Unavailable,
        _ => Code::Unknown,
    }
}

#[tokio::test]
async fn an_error_of_the_session_is_unknown_to_tonic_until_it_is_named() {
    let server = TonicServer::start().await;
    let session = of(&server).timeout(Duration::from_millis(200)).build().unwrap();
    let gone = TestServer::from_fn(async |_| sortie_testkit::reply(200, [], ""));
    gone.stop().await;
    let nowhere = session.to_builder().base_url(gone.url("/")).build().unwrap();
    let naming = || MapErrLayer::new(|error: sortie::Error| Status::new(named(&error), error.to_string()));
    for (session, kind, code) in
        [(session, ErrorKind::Timeout, Code::DeadlineExceeded), (nowhere, ErrorKind::Connect, Code::Unavailable)]
    {
        let request = || {
            let mut request = Request::new(number(1));
            request.metadata_mut().insert("never", "answered".parse().unwrap());
            request
        };
        let status = SumsClient::new(session.clone()).double(request()).await.unwrap_err();
        assert_eq!((status.code(), cause(&status).kind()), (Code::Unknown, kind));
        let named = naming().layer(session);
        assert_eq!(SumsClient::new(named).double(request()).await.unwrap_err().code(), code);
    }
}
