//! Whatever a stream of server-sent events is made of: the parser does not panic, where the pieces end changes nothing,
//! data and names hold no end of a line that they cannot, and nothing grows beyond its limit.

#![no_main]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sortie::sse::Event;
use sortie::{Body, Response};

const MAX: usize = 200;

/// The events of a stream in pieces of `size`, and whether it came to its end.
fn read(stream: &[u8], size: usize) -> (Vec<Event>, bool) {
    let body = Body::segments(stream.chunks(size).map(Bytes::copy_from_slice).collect::<Vec<_>>());
    let response = http::Response::builder().header("content-type", "text/event-stream").body(body).expect("valid");
    let mut events = Response::from(response).events().expect("of the right type").max_event(MAX);
    let mut all = Vec::new();
    loop {
        let next = pin!(events.next_event()).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(next) = next else { panic!("a body in memory is ready") };
        match next {
            Ok(Some(event)) => all.push(event),
            Ok(None) => return (all, true),
            Err(_) => return (all, false),
        }
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, stream) = input;
    let (whole, ended) = read(stream, stream.len().max(1));
    for event in &whole {
        assert!(event.data().len() + event.name().len() + event.id().len() <= MAX + "message".len() + MAX);
        assert!(!event.name().contains(['\n', '\r']) && !event.data().contains('\r') && !event.id().contains(['\n', '\0']));
        assert!(!event.name().is_empty());
    }
    assert_eq!(read(stream, usize::from(size).max(1)), (whole, ended));
});
