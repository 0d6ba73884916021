//! One connection serves one exchange after the other.

use http::{Request, Version};
use sortie_core::Body;
use sortie_testkit::{Steps, TcpScript, TestServer, reply};
use sortie_transport::{Transport, TransportOptions};

use crate::support::{connection, fetch, get, post, read, send};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn ten_requests_in_turn_go_over_one_connection() {
    let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::default();
    for n in 0..10 {
        let response = send(&transport, get(server.url("/a?b"))).await.unwrap();
        let info = connection(&response);
        assert_eq!((info.is_reused(), info.version(), info.id()), (n > 0, Version::HTTP_11, 0));
        assert_eq!(info.peer_addr(), Some(server.addr()));
        assert_eq!(read(response).await.unwrap().0, "hello");
    }
    assert_eq!(server.connections(), 1);
    let counts = transport.stats();
    assert_eq!((counts.open, counts.idle, counts.in_flight, counts.opened), (1, 1, 0, 1));
}

#[tokio::test]
async fn an_answer_without_a_body_gives_its_connection_back_with_the_head() {
    let transport = Transport::default();
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let server = TcpScript::each(Steps::new().read_head().send(answer).read_head().send(answer).hold());
        for _ in 0..2 {
            let request = Request::builder().method(method).uri(server.url("/")).body(Body::empty()).unwrap();
            // Kept: what counts is the head.
            let response = send(&transport, request).await.unwrap();
            assert_eq!(transport.in_flight(), 0, "{method} {answer:?}");
            drop(response);
        }
        assert_eq!(server.connections(), 1, "{method} {answer:?}");
    }
}

#[tokio::test]
async fn a_connection_that_the_answer_ends_is_not_used_again() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        // Framed in two ways, it may be the work of somebody who reads it otherwise (RFC 9112 §6.3).
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let server = TcpScript::each(Steps::new().read_head().send(answer).hold());
        let transport = Transport::default();
        for _ in 0..2 {
            assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "ok");
        }
        assert_eq!(server.connections(), 2, "{answer:?}");
    }
}

#[tokio::test]
async fn a_connection_without_a_place_among_the_idle_is_closed() {
    let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::new(TransportOptions::default().max_idle_per_origin(0));
    for _ in 0..2 {
        fetch(&transport, get(server.url("/"))).await.unwrap();
        server.wait_for_open_connections(0).await;
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn uploads_are_framed_by_what_is_known_of_them() {
    let server =
        TcpScript::each(Steps::new().read_request().send(OK).read_request().send(OK).read_request().send(OK).hold());
    let transport = Transport::default();
    let chunks = futures_util::stream::iter(["a", "bc"].map(Ok::<_, std::io::Error>));
    fetch(&transport, post(server.url("/"), "abc")).await.unwrap();
    fetch(&transport, post(server.url("/"), Body::empty())).await.unwrap();
    fetch(&transport, post(server.url("/"), Body::stream(chunks))).await.unwrap();
    let seen = server.finish().await[0].text();
    let host = server.addr();
    assert_eq!(
        seen,
        format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: 3\r\n\r\nabc\
             POST / HTTP/1.1\r\ncontent-length: 0\r\nhost: {host}\r\n\r\n\
             POST / HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
        )
    );
}

#[tokio::test]
async fn an_answer_that_is_dropped_when_all_of_it_is_there_leaves_its_connection_to_the_next() {
    let server = TestServer::from_fn(async |_| reply(302, [], "moved"));
    let transport = Transport::default();
    for _ in 0..5 {
        drop(send(&transport, get(server.url("/"))).await.unwrap());
    }
    assert_eq!((server.connections(), transport.stats().opened), (1, 1));
}

#[tokio::test]
async fn an_upload_of_unknown_length_is_whole_after_an_answer_in_http_1_0() {
    let old = "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok";
    let server = TcpScript::each(Steps::new().read_request().send(old).read_request().send(old).hold());
    let transport = Transport::default();
    for _ in 0..2 {
        let chunks = futures_util::stream::iter(["a", "bc"].map(Ok::<_, std::io::Error>));
        assert_eq!(fetch(&transport, post(server.url("/"), Body::stream(chunks))).await.unwrap(), "ok");
    }
    drop(transport);
    for seen in server.finish().await {
        assert_eq!(seen.text().matches("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n").count(), seen.text().matches("POST").count());
    }
}
