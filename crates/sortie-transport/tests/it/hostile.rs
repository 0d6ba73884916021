//! Peers that break the rules.

use sortie_core::Outcome;
use sortie_testkit::{Gate, Steps, TcpScript};
use sortie_transport::Transport;

use crate::support::{fetch, get, read, send, until};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn bytes_that_nobody_asked_for_close_an_idle_connection() {
    let gate = Gate::new();
    let server = TcpScript::in_order([
        Steps::new().read_head().send(OK).pause(&gate).send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").hold(),
        Steps::new().read_head().send(OK).hold(),
    ]);
    let transport = Transport::default();
    fetch(&transport, get(server.url("/"))).await.unwrap();
    gate.open();
    until("the connection is closed", || transport.stats().open == 0).await;
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "ok");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn bytes_behind_an_answer_are_never_the_next_answer() {
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let server =
        TcpScript::in_order([Steps::new().read_head().send(evil).hold(), Steps::new().read_head().send(OK).hold()]);
    let transport = Transport::default();
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "ok");
    until("the connection is closed", || transport.stats().open == 0).await;
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_chunk_size_that_is_none_is_an_error() {
    for size in ["10000000000000005", "+5", "-1", "5 5", "0x5"] {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size}\r\nhello\r\n0\r\n\r\n");
        let server = TcpScript::each(Steps::new().read_head().send(answer).hold());
        let transport = Transport::default();
        let response = send(&transport, get(server.url("/"))).await.unwrap();
        let error = read(response).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed), "{size}");
        until("the connection is closed", || transport.stats().open == 0).await;
    }
}

#[tokio::test]
async fn framing_that_can_be_read_two_ways_is_an_error() {
    for head in [
        "content-length: 2\r\ncontent-length: 3",
        "content-length: +2",
        "content-length: two",
        "content-length: 99999999999999999999",
    ] {
        let server =
            TcpScript::each(Steps::new().read_head().send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\nok")).hold());
        let error = fetch(&Transport::default(), get(server.url("/"))).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed), "{head}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let server = TcpScript::each(Steps::new().read_head().send("220 mail.example.com ESMTP\r\n").close());
    let error = fetch(&Transport::default(), get(server.url("/"))).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
}

#[tokio::test]
async fn an_answer_that_comes_a_byte_at_a_time_is_whole_with_its_trailers() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: sum\r\n\r\n\
                  3\r\nabc\r\n2\r\nde\r\n0\r\nsum: 42\r\n\r\n";
    let server = TcpScript::each(Steps::new().read_head().send_slowly(answer).read_head().send_slowly(answer).hold());
    let transport = Transport::default();
    for _ in 0..2 {
        let (bytes, trailers) = read(send(&transport, get(server.url("/"))).await.unwrap()).await.unwrap();
        assert_eq!(bytes, "abcde");
        assert_eq!(trailers.unwrap()["sum"], "42");
    }
    assert_eq!(server.connections(), 1);
}
