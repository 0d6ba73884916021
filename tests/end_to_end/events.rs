//! Server-sent events over sockets: a stream that breaks is asked for again.

use http::Response;
use sortie::{Body, ErrorKind};
use sortie_testkit::{Gate, ScriptState, Steps, TcpScript, TestServer, reply};

use crate::support::{SECRET, builder, check, redirect, values};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";

#[tokio::test]
async fn an_event_comes_when_its_blank_line_does() {
    let gate = Gate::new();
    let steps = Steps::new().read_request().send(format!("{HEAD}\r\ndata: 1\r\n\r")).pause(&gate);
    let server = TcpScript::each(steps.send("\ndata: 2\r\ndata: 3\n\n").close());
    let mut events = builder().build().unwrap().get(server.url("/")).send().await.unwrap().events().unwrap();
    assert_eq!(events.next_event().await.unwrap().unwrap().data(), "1");
    gate.open();
    assert_eq!(events.next_event().await.unwrap().unwrap().data(), "2\n3");
    assert_eq!(events.next_event().await.unwrap(), None);
}

#[tokio::test]
async fn a_source_comes_back_signed_with_cookies_and_the_last_id() {
    let stream = |body: &str| {
        let length = 1000;
        format!("{HEAD}set-cookie: seen=1\r\ncontent-length: {length}\r\n\r\nretry: 100\n{body}")
    };
    let server = TcpScript::in_order([
        // Broken off, reset, and refused before it says that there is no more.
        Steps::new().read_request().send(stream("id: 7\u{2026}\ndata: one\n\ndata: lo")).close(),
        Steps::new().read_request().close(),
        Steps::new().read_request().send("HTTP/1.1 204 No Content\r\n\r\n").hold(),
    ]);
    let session = builder().no_retry().build().unwrap();
    let mut source = session.get(server.url("/")).bearer_auth(SECRET).event_source();
    let event = source.next_event().await.unwrap().unwrap();
    assert_eq!((event.data(), event.id()), ("one", "7\u{2026}"));
    assert_eq!(source.next_event().await.unwrap(), None);
    let transcripts = server.transcripts();
    assert_eq!(transcripts.len(), 3);
    for (transcript, again) in transcripts.iter().zip([false, true, true]) {
        let text = transcript.text().to_ascii_lowercase();
        assert!(text.contains(&format!("bearer {SECRET}")) && text.contains("accept: text/event-stream\r\n"), "{text}");
        assert_eq!(text.contains("last-event-id: 7\u{2026}\r\n"), again, "{text}");
        assert_eq!(text.contains("cookie: seen=1\r\n"), again, "{text}");
        assert!(!matches!(transcript.state, ScriptState::Failed { .. }));
    }
}

// The statuses of web-platform-tests' `request-redirect`, and 308.
#[tokio::test]
async fn a_redirect_is_followed_each_time() {
    for status in [301, 302, 303, 307, 308] {
        let server = TestServer::from_fn(move |request: http::Request<hyper::body::Incoming>| {
            let answer: Response<Body> = match (request.uri().path(), request.headers().contains_key("last-event-id")) {
                ("/", _) => redirect(status, "/events"),
                (_, false) => reply(200, [("content-type", "text/event-stream")], "retry: 100\nid: 1\ndata: x\n\n"),
                (_, true) => reply(204, [], ""),
            };
            std::future::ready(answer)
        });
        let mut source = builder().build().unwrap().get(server.url("/")).event_source();
        assert!(source.next_event().await.unwrap().is_some(), "{status}");
        assert_eq!(source.next_event().await.unwrap(), None, "{status}");
        let requests = server.requests();
        let paths: Vec<_> = requests.iter().map(|head| head.uri.path()).collect();
        assert_eq!(paths, ["/", "/events", "/", "/events"], "{status}");
        assert_eq!(values(&requests[3], "last-event-id"), ["1"], "{status}");
    }
}

#[tokio::test]
async fn what_is_no_stream_of_events_is_an_error_that_says_so() {
    let server = TestServer::from_fn(|_| std::future::ready(reply(200, [("content-type", "text/html")], SECRET)));
    let get = || builder().build().unwrap().get(server.url("/"));
    let error = get().event_source().next_event().await.unwrap_err();
    check(&error, ErrorKind::Decode, "not of the type text/event-stream");
    check(&get().send().await.unwrap().events().unwrap_err(), ErrorKind::Decode, "not of the type text/event-stream");
    let nobody = TestServer::from_fn(|_| std::future::ready(reply(503, [], SECRET)));
    let error = builder().build().unwrap().get(nobody.url("/")).event_source().next_event().await.unwrap_err();
    check(&error, ErrorKind::Status, "503");
}
