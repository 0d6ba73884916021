//! Bodies read as lines, as text in pieces, as tokio's readers; and dropped midway.

use sortie::transport::{CloseReason, Transport, TransportOptions};
use sortie::{ErrorKind, Session};
use sortie_testkit::{Gate, Steps, TcpScript, reply};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};

use crate::support::{always, builder, check, eventually, session};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_line_comes_before_the_next_one_is_sent() {
    let gate = Gate::new();
    let steps = Steps::new().read_request().send(format!("{CHUNKED}5\r\n\"one\"\r\n"));
    let steps = steps.send("1\r\n\r\r\n").pause(&gate).send("8\r\n\n\"two\u{e9}\"\r\n0\r\n\r\n").hold();
    let server = TcpScript::each(steps);
    let mut lines = session().get(server.url("/")).send().await.unwrap().lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("\"one\""));
    gate.open();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("\"two\u{e9}\""));
    assert_eq!(lines.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_after_what_came() {
    let steps = Steps::new().read_request().send(format!("{CHUNKED}8\r\none\ntwo.\r\n")).close();
    let server = TcpScript::each(steps);
    let get = || async { session().get(server.url("/")).send().await.unwrap() };
    let mut lines = get().await.lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
    check(&lines.next_line().await.unwrap_err(), ErrorKind::Protocol, "");
    assert_eq!(lines.next_line().await.unwrap(), None);
    let mut chunks = get().await.text_chunks();
    assert_eq!(chunks.next_chunk().await.unwrap().as_deref(), Some("one\ntwo."));
    check(&chunks.next_chunk().await.unwrap_err(), ErrorKind::Protocol, "");
    let mut reader = get().await.into_reader();
    let mut read = Vec::new();
    let error = reader.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(read, b"one\ntwo.");
    let inner = error.get_ref().unwrap().downcast_ref::<sortie::Error>().unwrap();
    check(inner, ErrorKind::Protocol, "");
}

#[tokio::test]
async fn a_charset_that_is_unknown_is_taken_for_utf_8() {
    let server = always(|| reply(200, [("content-type", "text/plain; charset=x-unknown")], "one\ntwo"));
    let mut lines = session().get(server.url("/")).send().await.unwrap().lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
}

#[tokio::test]
async fn a_reader_reads_what_tokio_reads() {
    let server = always(|| reply(200, [], "first\nsecond\nrest"));
    let mut reader = session().get(server.url("/")).send().await.unwrap().into_reader();
    let mut line = String::new();
    reader.read_line(&mut line).await.unwrap();
    let mut five = [0; 5];
    reader.read_exact(&mut five).await.unwrap();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).await.unwrap();
    assert_eq!((&*line, &five, &*rest), ("first\n", b"secon", "d\nrest"));
}

/// What becomes of the connection when a body is dropped after some of it: by the pool's rule, it is kept if the rest is
/// there already and small, and closed otherwise.
#[tokio::test]
async fn a_reader_dropped_midway_gives_the_connection_back_or_closes_it() {
    const LARGE: usize = 8 << 20;
    let server = always(|| reply(200, [], "").map(|_: sortie::Body| vec![b'\n'; LARGE].into()));
    let small = always(|| reply(200, [], "one\ntwo\n"));
    let transport = Transport::new(TransportOptions::default());
    let session: Session = builder().transport(transport.clone()).build().unwrap();
    let get = |url: String| async { session.get(url).send().await.unwrap() };
    let closed = || transport.stats().closed.by(CloseReason::Dropped);

    let mut lines = get(server.url("/")).await.lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(""));
    drop(lines);
    eventually("closed after lines", || closed() == 1).await;
    let mut chunks = get(server.url("/")).await.text_chunks();
    assert!(chunks.next_chunk().await.unwrap().is_some());
    drop(chunks);
    eventually("closed after chunks", || closed() == 2).await;
    let mut reader = get(server.url("/")).await.into_reader();
    reader.read_u8().await.unwrap();
    drop(reader);
    eventually("closed after a reader", || closed() == 3).await;

    let mut lines = get(small.url("/")).await.lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
    drop(lines);
    eventually("given back", || transport.stats().idle == 1).await;
    assert_eq!((closed(), transport.stats().open), (3, 1));
}
