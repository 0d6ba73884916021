//! Peers that break the rules of framing, or drown the client: every call ends, with little memory, and no answer is
//! taken from where none was asked for.

use std::time::Duration;

use sortie::core::Phase;
use sortie::transport::{Transport, TransportOptions, Versions};
use sortie::{ErrorKind, Session};
use sortie_testkit::{Steps, TcpScript, told};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::{builder, eventually};

/// More than the sockets between two programs hold.
const FLOOD: usize = 32 << 20;

const SMUGGLED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";

/// A session over a transport that can be looked at, which sends everything once and waits no longer than this.
fn watched(versions: Versions, limit: Duration) -> (Session, Transport) {
    let transport = Transport::new(TransportOptions::default().versions(versions));
    let session = builder().transport(transport.clone()).no_retry().timeout(limit).build().unwrap();
    (session, transport)
}

async fn text(session: &Session, url: &str) -> Result<String, sortie::Error> {
    session.get(url).send().await?.text().await
}

/// A server that reads the beginning of a request and nothing more, answers `first`, and then `again` and again until
/// the client closes the connection or it becomes a [`FLOOD`]: how much it was.
async fn flooding(first: Vec<u8>, again: &[u8]) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let again = again.repeat(1 + (64 << 10) / again.len());
    let flood = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // As much as the preface of HTTP/2 has.
        stream.read_exact(&mut [0; 24]).await.unwrap();
        let mut written = 0;
        if stream.write_all(&first).await.is_ok() {
            while written < FLOOD && stream.write_all(&again).await.is_ok() {
                written += again.len();
            }
        }
        written
    });
    (url, flood)
}

/// The most memory that this process has had, in octets; none where the system does not tell.
fn peak() -> usize {
    sortie_tests::memory_kib("VmHWM").map_or(0, |kilobytes| usize::try_from(kilobytes).unwrap() << 10)
}

/// Checks that something did not take much memory. Whoever keeps what comes in a flood keeps ten times its octets.
fn check_peak(before: usize, name: &str) {
    let grown = peak().saturating_sub(before);
    assert!(grown < 4 * FLOOD, "{name}: {} MiB", grown >> 20);
}

// CVE-2025-43859 (h11), CVE-2023-47627, CVE-2024-52304, CVE-2025-53643 (aiohttp).
#[tokio::test]
async fn of_two_framings_chunked_wins_and_what_is_smuggled_behind_it_is_nobodys_answer() {
    for head in [
        "transfer-encoding: chunked\r\ncontent-length: 2",
        "content-length: 2\r\ntransfer-encoding: chunked",
        "content-length: 60\r\ntransfer-encoding: chunked",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: gzip, chunked",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        let server = TcpScript::in_order([
            Steps::new().read_head().send(format!("{answer}{SMUGGLED}")).hold(),
            Steps::new().read_head().send(answer).hold(),
        ]);
        let (session, transport) = watched(Versions::Auto, Duration::from_secs(30));
        assert_eq!(text(&session, &server.url("/")).await.unwrap(), "ok", "{head}");
        eventually("the connection is closed", || transport.stats().open == 0).await;
        assert_eq!(text(&session, &server.url("/")).await.unwrap(), "ok", "{head}");
    }
}

// CVE-2025-69223, CVE-2025-69229, CVE-2026-22815, CVE-2026-34520 (aiohttp).
#[tokio::test]
async fn control_characters_in_an_answers_head_are_an_error_and_never_a_value() {
    for field in ["x-a: 1\0", "x-a: 1\r2", "x-a: \u{1}", "x-a: 1\u{7f}", "x\0a: 1", "x-a\r: 1", "x-a: 1\r x-b: 2"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{field}\r\ncontent-length: 2\r\n\r\nok");
        let server = TcpScript::each(Steps::new().read_head().send(answer).hold());
        let (session, transport) = watched(Versions::Auto, Duration::from_secs(30));
        let error = text(&session, &server.url("/")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{field:?}: {}", told(&error));
        eventually("the connection is closed", || transport.stats().open == 0).await;
    }
}

#[tokio::test]
async fn a_body_whose_last_coding_is_not_chunked_ends_with_its_connection() {
    // RFC 9112 §6.3: its length cannot be known otherwise.
    for codings in [
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: xchunked",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{codings}\r\ncontent-length: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        let server = TcpScript::each(Steps::new().read_head().send(answer).close());
        let (session, transport) = watched(Versions::Auto, Duration::from_secs(30));
        assert_eq!(text(&session, &server.url("/")).await.unwrap(), "2\r\nok\r\n0\r\n\r\n", "{codings}");
        assert_eq!(transport.stats().open, 0, "{codings}");
    }
    let spaced = "HTTP/1.1 200 OK\r\ntransfer-encoding : chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let server = TcpScript::each(Steps::new().read_head().send(spaced).hold());
    let (session, _) = watched(Versions::Auto, Duration::from_secs(30));
    assert_eq!(text(&session, &server.url("/")).await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn an_http1_peer_that_goes_on_and_on_is_left() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (name, first, again) in [
        ("headers", OK.to_owned(), "x-flood: 1\r\n"),
        ("a header", format!("{OK}x-flood: "), "yyyyyyyyyyyyyyyy"),
        ("a reason", "HTTP/1.1 200 ".to_owned(), "yyyyyyyyyyyyyyyy"),
        ("empty lines", String::new(), "\r\n"),
        ("a chunk's extension", format!("{CHUNKED}1;"), "yyyyyyyyyyyyyyyy"),
        ("extensions", CHUNKED.to_owned(), "1;yyyyyyyyyyyyyyyy\r\na\r\n"),
        ("trailers", format!("{CHUNKED}0\r\n"), "x-flood: 1\r\n"),
    ] {
        let (url, flood) = flooding(first.into_bytes(), again.as_bytes()).await;
        let (session, transport) = watched(Versions::Auto, Duration::from_secs(30));
        let error = text(&session, &url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {}", told(&error));
        eventually("the connection is closed", || transport.stats().open == 0).await;
        let written = flood.await.unwrap();
        assert!(written < FLOOD, "{name}: {written}");
    }
}

/// A frame of HTTP/2 ([RFC 9113 §4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = [&length[..], &[kind, flags, 0, 0, 0, stream]].concat();
    frame.extend(payload);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// `:status: 200`, as HPACK knows it.
const OK: &[u8] = b"\x88";

/// Empty SETTINGS, and what else comes first.
fn preface(more: &[u8]) -> Vec<u8> {
    [&frame(SETTINGS, 0, 0, &[]), more].concat()
}

#[tokio::test]
async fn an_http2_peer_that_floods_or_breaks_the_rules_is_left() {
    let headers = frame(HEADERS, END_HEADERS, 1, OK);
    let unfinished = frame(HEADERS, 0, 1, OK);
    for (name, first, again) in [
        ("empty CONTINUATION", &*unfinished, frame(CONTINUATION, 0, 1, &[])),
        ("CONTINUATION", &unfinished, frame(CONTINUATION, 0, 1, &b"\x0f\x0d\x011".repeat(4000))),
        ("empty DATA", &headers, frame(DATA, 0, 1, &[])),
        ("DATA that is padding", &headers, frame(DATA, PADDED, 1, b"\x08\0\0\0\0\0\0\0\0")),
        ("DATA before HEADERS", &[], frame(DATA, 0, 1, &[0; 100])),
        ("a frame that is too large", &[], frame(DATA, 0, 1, &[0; 17_000])),
        ("RST_STREAM of no stream", &[], frame(RST_STREAM, 0, 3, &[0, 0, 0, 8])),
        ("a window beyond all bounds", &[], frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("a push", &[], frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
    ] {
        let (url, flood) = flooding(preface(first), &again).await;
        let (session, transport) = watched(Versions::Http2Only, Duration::from_secs(30));
        let error = text(&session, &url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {}", told(&error));
        eventually("the connection is closed", || transport.stats().open == 0).await;
        let written = flood.await.unwrap();
        assert!(written < FLOOD, "{name}: {written}");
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_again_and_again_fails_once_and_costs_no_memory() {
    let before = peak();
    let (url, flood) = flooding(preface(&[]), &frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])).await;
    let (session, _) = watched(Versions::Http2Only, Duration::from_secs(30));
    assert_eq!(text(&session, &url).await.unwrap_err().kind(), ErrorKind::Protocol);
    flood.await.unwrap();
    check_peak(before, "RST_STREAM");
}

#[tokio::test]
async fn what_is_allowed_without_end_ends_with_the_calls_time_and_costs_no_memory() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (h1, h2) = (Versions::Http1Only, Versions::Http2Only);
    for (name, versions, first, again) in [
        ("interim answers", h1, Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()),
        ("zeros before a size", h1, CHUNKED.into(), b"0000000000000000".to_vec()),
        ("interim answers", h2, preface(&[]), frame(HEADERS, END_HEADERS, 1, b"\x08\x03103")),
        // The peer does not read what they are answered with.
        ("PING", h2, preface(&[]), frame(PING, 0, 0, &[0; 8])),
        ("SETTINGS", h2, preface(&[]), frame(SETTINGS, 0, 0, &[])),
    ] {
        let before = peak();
        let (url, flood) = flooding(first, &again).await;
        let (session, transport) = watched(versions, Duration::from_millis(500));
        let error = text(&session, &url).await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Total), "{name}: {}", told(&error));
        transport.close(Duration::ZERO).await;
        assert_eq!(transport.stats().open, 0, "{name}");
        flood.await.unwrap();
        check_peak(before, name);
    }
}
