//! Bodies that wait until they are wanted, over HTTP/2, where a 100 is not seen.

use std::time::Duration;

use sortie_transport::{ExpectContinue, TransportOptions};
use tokio::time::Instant;

use super::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, OK, Peer, RST_STREAM};
use crate::support::{fetching, get, post, read, send, until};

/// `expect: 100-continue`: the name by its number in HPACK's static table, 35, and eight octets in Huffman's code.
const EXPECT: &[u8] = &[0x40 | 35, 0x80 | 8, 0x08, 0x00, 0xb1, 0x0f, 0x52, 0x4d, 0x55, 0xa5];

fn waiting(seconds: u64) -> TransportOptions {
    TransportOptions::default().expect_continue(ExpectContinue::default().wait(Duration::from_secs(seconds)))
}

#[tokio::test(start_paused = true)]
async fn the_body_follows_after_the_wait() {
    let (transport, mut peer) = Peer::new(waiting(5), 1 << 16);
    let call = fetching(&transport, post("http://a.test/", "content"));
    peer.greet(&[]).await;
    let head = peer.read_next(&[HEADERS]).await;
    assert_eq!(head.flags & END_STREAM, 0);
    assert!(head.payload.windows(EXPECT.len()).any(|window| window == EXPECT), "{:x?}", head.payload);
    let start = Instant::now();
    let data = peer.read_next(&[DATA, RST_STREAM]).await;
    assert_eq!((data.kind, data.payload.as_slice()), (DATA, &b"content"[..]));
    assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    peer.write(HEADERS, END_HEADERS | END_STREAM, head.stream, OK).await;
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_body_is_not_sent_after_the_answer_and_its_stream_is_free() {
    let (transport, mut peer) = Peer::new(waiting(1000), 1 << 16);
    let call = {
        let transport = transport.clone();
        tokio::spawn(async move { send(&transport, post("http://a.test/", "content")).await })
    };
    peer.greet(&[]).await;
    let stream = peer.read_next(&[HEADERS]).await.stream;
    peer.write(HEADERS, END_HEADERS, stream, OK).await;
    let response = call.await.unwrap().unwrap();
    peer.write(DATA, END_STREAM, stream, b"no thanks").await;
    assert_eq!(read(response).await.unwrap().0, "no thanks");
    let reset = peer.read_next(&[DATA, RST_STREAM]).await;
    assert_eq!((reset.kind, reset.stream, reset.number()), (RST_STREAM, stream, 8));
    until("the stream is free", || transport.stats().idle == 1).await;
    // The connection serves on.
    let call = fetching(&transport, get("http://a.test/"));
    let stream = peer.read_next(&[HEADERS]).await.stream;
    peer.write(HEADERS, END_HEADERS | END_STREAM, stream, OK).await;
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_leaves_while_the_body_waits_resets_the_stream() {
    let (transport, mut peer) = Peer::new(waiting(1000), 1 << 16);
    let call = fetching(&transport, post("http://a.test/", "content"));
    peer.greet(&[]).await;
    let stream = peer.read_next(&[HEADERS]).await.stream;
    call.abort();
    let reset = peer.read_next(&[DATA, RST_STREAM]).await;
    assert_eq!((reset.kind, reset.stream), (RST_STREAM, stream));
    until("the stream is free", || transport.stats().idle == 1).await;
}
