//! The legs of a conversation go by one connection, which is its owner's alone.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use sortie_core::auth::{ConnectionOwner, Conversation, SameConnection};
use sortie_core::{Body, BoxError, Outcome};
use sortie_testkit::{Gate, MemoryServer, Steps, TcpScript, TestServer, reply};
use sortie_transport::{CloseReason, InvalidRequest, Transport, TransportOptions, Versions};
use tower::ServiceExt;

use crate::support::{connection, fetch, fetching, get, in_memory, post, send, until};

fn leg(url: impl AsRef<str>, leg: SameConnection) -> Request<Body> {
    let mut request = get(url);
    request.extensions_mut().insert(leg);
    request
}

fn numbered() -> TestServer {
    TestServer::from_fn(async |request: Request<_>| {
        let head: &sortie_testkit::Head = request.extensions().get().unwrap();
        reply(200, [], head.connection.to_string())
    })
}

#[tokio::test]
async fn a_leg_goes_by_the_connection_of_the_last_one_and_nobody_else_does() {
    let server = numbered();
    let transport = Transport::default();
    let owner = ConnectionOwner::new();
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "0");
    let conversation = Conversation::new(owner);
    assert_eq!(fetch(&transport, leg(server.url("/"), conversation.leg(false))).await.unwrap(), "1");
    // Between two legs it is nobody's: not the crowd's, and not the owner's other conversation's.
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "0");
    let other = Conversation::new(owner);
    assert_eq!(fetch(&transport, leg(server.url("/"), other.leg(false))).await.unwrap(), "2");
    assert_eq!(fetch(&transport, leg(server.url("/"), conversation.leg(true))).await.unwrap(), "1");
    let stats = transport.stats();
    assert_eq!((stats.open, stats.idle, stats.in_flight), (3, 1, 0));

    conversation.keep();
    assert_eq!(transport.stats().idle, 2);
    let next = Conversation::new(owner);
    assert_eq!(fetch(&transport, leg(server.url("/"), next.leg(false))).await.unwrap(), "1");
    let foreign = Conversation::new(ConnectionOwner::new());
    assert_eq!(fetch(&transport, leg(server.url("/"), foreign.leg(false))).await.unwrap(), "3");
}

#[tokio::test]
async fn a_conversation_that_is_dropped_closes_its_connection_whatever_goes_on() {
    let server = numbered();
    let transport = Transport::default();
    for read_first in [true, false] {
        let conversation = Conversation::new(ConnectionOwner::new());
        let response = send(&transport, leg(server.url("/"), conversation.leg(false))).await.unwrap();
        let rest = if read_first {
            drop(response);
            None
        } else {
            Some(response)
        };
        drop(conversation);
        drop(rest);
        until("it is closed", || transport.stats().open == 0).await;
    }
    assert_eq!(transport.stats().closed.by(CloseReason::Dropped), 2);
    assert_eq!(transport.in_flight(), 0);
}

/// A transport each of whose connections leads to a peer that does this.
fn scripted(steps: Steps) -> Transport {
    let server = MemoryServer::from_fn(async |_| reply(500, [], ""));
    Transport::new(TransportOptions::default().connector(move |_| {
        let stream = server.connect_scripted(steps.clone());
        async move { Ok::<_, Infallible>(stream) }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_leg_waits_until_the_last_one_is_over() {
    let gate = Gate::new();
    let steps = Steps::new()
        .read_head()
        .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nla")
        .pause(&gate)
        .send("st")
        .read_head()
        .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext")
        .hold();
    let transport = scripted(steps);
    let conversation = Conversation::new(ConnectionOwner::new());
    // Dropped with half of it still to come, which its driver reads.
    drop(send(&transport, leg("http://a.test/", conversation.leg(false))).await.unwrap());
    let next = fetching(&transport, leg("http://a.test/", conversation.leg(true)));
    until("it waits", || transport.in_flight() == 1).await;
    gate.open();
    assert_eq!(next.await.unwrap().unwrap(), "next");
}

/// What the leg after an answer that ends the connection comes to.
async fn after_the_end(required: bool) -> (Result<bytes::Bytes, BoxError>, usize) {
    let ends = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let server = TcpScript::each(Steps::new().read_head().send(ends).read_to_end());
    let transport = Transport::default();
    let conversation = Conversation::new(ConnectionOwner::new());
    fetch(&transport, leg(server.url("/"), conversation.leg(false))).await.unwrap();
    let next = fetch(&transport, leg(server.url("/"), conversation.leg(required))).await;
    assert_eq!(transport.in_flight(), 0);
    (next, server.connections())
}

#[tokio::test]
async fn where_the_connection_has_ended_another_serves_unless_it_was_required() {
    let (next, connections) = after_the_end(false).await;
    assert_eq!((next.unwrap(), connections), ("ok".into(), 2));
    let (next, connections) = after_the_end(true).await;
    let error = next.unwrap_err();
    assert!(matches!(Outcome::of(&*error), Some(Outcome::Connect { .. })), "{error:?}");
    assert_eq!(connections, 1);
}

#[tokio::test]
async fn a_server_that_closes_between_two_legs_is_noticed() {
    let server = numbered();
    let transport = Transport::default();
    let conversation = Conversation::new(ConnectionOwner::new());
    fetch(&transport, leg(server.url("/"), conversation.leg(false))).await.unwrap();
    server.disconnect().await;
    until("the transport has noticed", || transport.stats().open == 0).await;
    let error = fetch(&transport, leg(server.url("/"), conversation.leg(true))).await.unwrap_err();
    assert!(sortie_testkit::told(&*error).contains("ended before the next leg"), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_between_two_legs_is_not_idle_but_grows_old() {
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "ok")));
    let options =
        TransportOptions::default().idle_timeout(Duration::from_secs(5)).max_lifetime(Duration::from_secs(60));
    let transport = in_memory(&server, options);
    let conversation = Conversation::new(ConnectionOwner::new());
    let ask = |required| fetch(&transport, leg("http://a.test/", conversation.leg(required)));
    ask(false).await.unwrap();
    // Longer than a server can be expected to keep it: it is not used any more, as an idle one would not be.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(transport.stats().open, 1);
    assert!(ask(true).await.is_err());
    ask(false).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_conversation_that_holds_the_only_connection_does_not_hold_up_its_own_legs() {
    let server = numbered();
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1));
    let owner = ConnectionOwner::new();
    let conversation = Conversation::new(owner);
    fetch(&transport, leg(server.url("/"), conversation.leg(false))).await.unwrap();
    let waiting = Conversation::new(owner);
    let other = fetching(&transport, leg(server.url("/"), waiting.leg(false)));
    until("the other waits", || transport.stats().waiting == 1).await;
    fetch(&transport, leg(server.url("/"), conversation.leg(true))).await.unwrap();
    assert_eq!(transport.stats().waiting, 1);
    conversation.keep();
    assert_eq!(other.await.unwrap().unwrap(), "0");
}

#[tokio::test]
async fn a_transport_that_closes_does_not_wait_for_a_connection_between_two_legs() {
    let server = numbered();
    let transport = Transport::default();
    let conversation = Conversation::new(ConnectionOwner::new());
    fetch(&transport, leg(server.url("/"), conversation.leg(false))).await.unwrap();
    transport.close(Duration::from_secs(60)).await;
    assert_eq!(transport.stats().open, 0);
    let error = fetch(&transport, leg(server.url("/"), conversation.leg(true))).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Closed));
}

#[tokio::test]
async fn the_service_of_one_origin_heeds_owners_too() {
    let server = numbered();
    let transport = Transport::default();
    let origin = transport.origin(&server.url("/").parse().unwrap()).unwrap();
    let conversation = Conversation::new(ConnectionOwner::new());
    let ask = async |request| connection(&origin.clone().oneshot(request).await.unwrap()).id();
    let first = ask(leg("/", conversation.leg(false))).await;
    assert_eq!(ask(leg("/", conversation.leg(true))).await, first);
    assert_ne!(ask(get("/")).await, first);

    let http2 = Transport::new(TransportOptions::default().versions(Versions::Http2Only));
    let origin = http2.origin(&server.url("/").parse().unwrap()).unwrap();
    let error = origin.oneshot(leg("/", conversation.leg(false))).await.unwrap_err();
    assert_eq!(sortie_core::find::<InvalidRequest>(&*error), Some(&InvalidRequest::OwnConnectionOverHttp2));
}

#[tokio::test]
async fn a_connection_that_we_retire_between_two_legs_still_ends_the_handshake() {
    let server = numbered();
    let transport = Transport::new(TransportOptions::default().max_requests_per_connection(2));
    let conversation = Conversation::new(ConnectionOwner::new());
    for required in [false, true, true] {
        assert_eq!(fetch(&transport, leg(server.url("/"), conversation.leg(required))).await.unwrap(), "0");
    }
    transport.retire(|_| true);
    assert_eq!(fetch(&transport, leg(server.url("/"), conversation.leg(true))).await.unwrap(), "0");
    // Kept is what may serve again, and it may not.
    conversation.keep();
    until("it is closed", || transport.stats().open == 0).await;
    let next = Conversation::new(ConnectionOwner::new());
    assert_eq!(fetch(&transport, leg(server.url("/"), next.leg(false))).await.unwrap(), "1");
}

/// Answers before it has read the content, which it reads when it is told to.
fn early(gate: &Gate, content: usize) -> Steps {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    Steps::new().read_head().send(answer).pause(gate).read(content).read_head().send(answer).hold()
}

#[tokio::test(start_paused = true)]
async fn a_leg_whose_upload_outlasts_its_answer_is_waited_for() {
    let gate = Gate::new();
    let transport = scripted(early(&gate, 4));
    let conversation = Conversation::new(ConnectionOwner::new());
    // The content comes two seconds after its request, and is of a length that is told.
    let late = futures_util::stream::once(async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, Infallible>("late")
    });
    let mut first = post("http://a.test/", Body::sized_stream(4, late));
    first.extensions_mut().insert(conversation.leg(false));
    assert_eq!(fetch(&transport, first).await.unwrap(), "ok");
    gate.open();
    assert_eq!(fetch(&transport, leg("http://a.test/", conversation.leg(true))).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_leg_does_not_wait_for_leave_to_send_its_content() {
    let server = TestServer::from_fn(async |request: Request<hyper::body::Incoming>| {
        // A challenge needs none of it; whoever asks for leave would not get it.
        let is_first = !request.headers().contains_key("x-last");
        reply(if is_first { 401 } else { 200 }, [], "")
    });
    let options = TransportOptions::default().expect_continue(sortie_transport::ExpectContinue::default());
    let transport = Transport::new(options);
    let conversation = Conversation::new(ConnectionOwner::new());
    for (required, last) in [(false, false), (true, true)] {
        let mut request = post(server.url("/"), "some content");
        request.extensions_mut().insert(conversation.leg(required));
        if last {
            request.headers_mut().insert("x-last", "1".parse().unwrap());
        }
        let response = send(&transport, request).await.unwrap();
        assert_eq!(response.status(), if last { 200 } else { 401 });
    }
    assert_eq!(server.connections(), 1);
}
