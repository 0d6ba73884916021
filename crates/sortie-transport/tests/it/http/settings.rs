//! What an HTTP/2 peer is told, and what is kept for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream;
use sortie_core::Body;
use sortie_transport::TransportOptions;
use tokio::time::sleep;

use super::frames::{ACK, END_HEADERS, END_STREAM, HEADERS, OK, PING, Peer, RST_STREAM, WINDOW_UPDATE};
use crate::support::{fetch, fetching, get, post};

const TABLE: u16 = 1;
const WINDOW: u16 = 4;
const FRAME: u16 = 5;
const LIST: u16 = 6;

#[tokio::test]
async fn a_peer_is_told_the_settings() {
    let options = TransportOptions::default;
    for (options, id, expected) in [
        (options(), TABLE, None),
        (options().http2_header_table_size(0), TABLE, Some(0)),
        (options().http2_header_table_size(65_536), TABLE, Some(65_536)),
        (options(), WINDOW, Some(2 << 20)),
        (options().http2_initial_stream_window(100_000), WINDOW, Some(100_000)),
        (options().http2_initial_stream_window(u32::MAX), WINDOW, Some((1 << 31) - 1)),
        (options().http2_initial_stream_window(9).http2_adaptive_window(true), WINDOW, Some(65_535)),
        (options(), FRAME, Some(16_384)),
        (options().http2_max_frame_size(1), FRAME, Some(16_384)),
        (options().http2_max_frame_size(100_000), FRAME, Some(100_000)),
        (options().http2_max_frame_size(u32::MAX), FRAME, Some(16_777_215)),
        (options(), LIST, Some(16_384)),
        (options().http2_max_header_list_size(70_000), LIST, Some(70_000)),
    ] {
        let (transport, mut peer) = Peer::new(options, 1 << 16);
        let _call = fetching(&transport, get("http://a.test/"));
        let settings = peer.greet(&[]).await.settings();
        let found = settings.iter().find(|setting| setting.0 == id).map(|setting| setting.1);
        assert_eq!(found, expected, "{id} in {settings:?}");
    }
}

#[tokio::test]
async fn the_connections_window_is_made_as_large_as_was_said() {
    for (options, window) in [
        (TransportOptions::default(), 5 << 20),
        (TransportOptions::default().http2_initial_connection_window(1_000_000), 1_000_000),
        (TransportOptions::default().http2_initial_connection_window(u32::MAX), (1 << 31) - 1),
    ] {
        let (transport, mut peer) = Peer::new(options, 1 << 16);
        let _call = fetching(&transport, get("http://a.test/"));
        peer.greet(&[]).await;
        let update = peer.read_next(&[WINDOW_UPDATE]).await;
        assert_eq!((update.stream, update.number()), (0, window - 65_535));
    }
}

#[tokio::test]
async fn the_least_windows_let_everything_through() {
    let server = sortie_testkit::ServerOptions::new()
        .protocol(sortie_testkit::Protocol::Http2)
        .serve_fn(async |_| sortie_testkit::reply(200, [], "y".repeat(1000)));
    let options = TransportOptions::default().http2_initial_stream_window(0).http2_initial_connection_window(0);
    let transport = sortie_transport::Transport::new(options.versions(sortie_transport::Versions::Http2Only));
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap().len(), 1000);
}

#[tokio::test]
async fn adaptive_windows_ask_how_much_is_under_way() {
    for adaptive in [false, true] {
        let options = TransportOptions::default().http2_adaptive_window(adaptive);
        let (transport, mut peer) = Peer::new(options, 1 << 16);
        let call = fetching(&transport, get("http://a.test/"));
        peer.greet(&[]).await;
        let stream = peer.read_next(&[HEADERS]).await.stream;
        peer.write(HEADERS, END_HEADERS, stream, OK).await;
        peer.write(super::frames::DATA, END_STREAM, stream, b"ok").await;
        assert_eq!(call.await.unwrap().unwrap(), "ok");
        // Ours comes back behind whatever was asked.
        peer.write(PING, 0, 0, b"a marker").await;
        let asked = loop {
            let ping = peer.read_next(&[PING]).await;
            match ping.flags & ACK {
                0 => break true,
                _ => break false,
            }
        };
        assert_eq!(asked, adaptive);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_taken_no_further_than_into_the_send_buffer() {
    let mut pulled = Vec::new();
    for options in [TransportOptions::default(), TransportOptions::default().http2_max_send_buffer_size(32 << 10)] {
        let (transport, mut peer) = Peer::new(options, 1 << 14);
        let count = Arc::new(AtomicUsize::new(0));
        let counting = count.clone();
        let chunks = stream::repeat_with(move || {
            counting.fetch_add(8 << 10, Ordering::Relaxed);
            Ok::<_, io::Error>("y".repeat(8 << 10))
        });
        // The windows are no limit from the answer to this on, and the peer reads nothing more.
        let first = fetching(&transport, get("http://a.test/"));
        peer.greet(&[(WINDOW, (1 << 31) - 1)]).await;
        let stream = peer.read_next(&[HEADERS]).await.stream;
        peer.write(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()).await;
        peer.write(HEADERS, END_HEADERS | END_STREAM, stream, OK).await;
        first.await.unwrap().unwrap();
        let _call = fetching(&transport, post("http://a.test/", Body::stream(chunks)));
        sleep(Duration::from_secs(1)).await;
        pulled.push(count.load(Ordering::Relaxed));
    }
    assert!(pulled[0] >= 1 << 20, "{pulled:?}");
    assert!((32 << 10..100 << 10).contains(&pulled[1]), "{pulled:?}");
}

#[tokio::test]
async fn what_comes_in_a_stream_that_was_given_up_is_no_matter_while_it_is_remembered() {
    for (options, remembered) in [
        (TransportOptions::default(), true),
        (TransportOptions::default().http2_max_concurrent_reset_streams(0), false),
    ] {
        let (transport, mut peer) = Peer::new(options, 1 << 16);
        let call = fetching(&transport, get("http://a.test/"));
        peer.greet(&[]).await;
        let stream = peer.read_next(&[HEADERS]).await.stream;
        call.abort();
        assert_eq!(peer.read_next(&[RST_STREAM]).await.stream, stream);
        peer.write(HEADERS, END_HEADERS | END_STREAM, stream, OK).await;
        // The answer to the first may overtake what is said of the stream.
        let mut said = Vec::new();
        for _ in 0..2 {
            peer.write(PING, 0, 0, b"a marker").await;
            loop {
                let next = peer.read_next(&[PING, RST_STREAM]).await;
                if next.kind == PING {
                    break;
                }
                said.push((next.stream, next.number()));
            }
        }
        const STREAM_CLOSED: u32 = 5;
        let expected = if remembered { vec![] } else { vec![(stream, STREAM_CLOSED)] };
        assert_eq!(said, expected);
    }
}
