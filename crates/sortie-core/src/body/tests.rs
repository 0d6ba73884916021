use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;

use super::*;
use crate::{InFlight, find};

async fn text(body: Body) -> String {
    let bytes = body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A stream that is `Send` and not `Sync`.
struct Chunks(Cell<VecDeque<&'static str>>);

impl Chunks {
    fn new(chunks: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Cell::new(chunks.into_iter().collect()))
    }
}

impl Stream for Chunks {
    type Item = Result<&'static str, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.get_mut().pop_front().map(Ok))
    }
}

fn segments() -> Body {
    Body::segments(["ab", "", "c"].map(|s| Bytes::from_static(s.as_bytes())))
}

#[tokio::test]
async fn every_kind_yields_its_content_and_its_replay_does_too() {
    for (body, length, replays) in [
        (Body::empty(), Some(0), true),
        (Body::from(""), Some(0), true),
        (Body::from("abc"), Some(3), true),
        (Body::from(Full::new(Bytes::from_static(b"abc"))), Some(3), true),
        (Body::new(Full::new(Bytes::from_static(b"abc"))), Some(3), true),
        (segments(), Some(3), true),
        (Body::factory(Some(3), || Body::from("abc")), Some(3), true),
        (Body::factory(None, || Body::stream(Chunks::new(["a", "bc"]))), None, true),
        (Body::stream(Chunks::new(["abc"])), None, false),
        (Body::sized_stream(3, Chunks::new(["a", "bc"])), Some(3), false),
        (Body::new("abc".to_owned()), Some(3), false),
    ] {
        let name = format!("{body:?}");
        assert_eq!(body.content_length(), length, "{name}");
        let expected = if length == Some(0) { "" } else { "abc" };
        let again = body.replay();
        assert_eq!(again.is_some(), replays, "{name}");
        assert_eq!(text(body).await, expected, "{name}");
        if let Some(again) = again {
            assert_eq!(again.content_length(), length, "{name}");
            assert_eq!(text(again).await, expected, "{name}");
        }
    }
}

#[test]
fn a_body_is_sync_though_its_stream_is_not() {
    fn sync<T: Send + Sync + 'static>(_: &T) {}
    sync(&Body::stream(Chunks::new([])));
}

#[test]
fn a_body_is_not_boxed_again_and_an_ended_one_is_empty() {
    let inner = Body::from("abc");
    assert!(Body::new(inner).as_bytes().is_some());
    assert_eq!(Body::new(Empty::<Bytes>::new()).as_bytes(), Some(&[][..]));
}

#[tokio::test]
async fn what_was_read_is_never_replayed_as_empty() {
    let mut body = Body::from("abc");
    body.frame().await.unwrap().unwrap();
    assert!(body.replay().is_none());
    let mut body = segments();
    body.frame().await.unwrap().unwrap();
    assert_eq!(text(body.replay().unwrap()).await, "abc");
}

#[tokio::test]
async fn a_factory_makes_the_stream_when_it_is_read_and_once_for_each_reading() {
    let made = Arc::new(AtomicUsize::new(0));
    let body = Body::factory(None, {
        let made = made.clone();
        move || {
            made.fetch_add(1, Ordering::Relaxed);
            Body::from("abc")
        }
    });
    let again = body.replay().unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 0);
    text(body).await;
    text(again).await;
    assert_eq!(made.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_factory_is_held_to_the_length_it_promised() {
    for (promised, yielded) in [(2, 3), (4, 3)] {
        let error = Body::factory(Some(promised), || Body::from("abc")).collect().await.unwrap_err();
        let mismatch = find::<LengthMismatch>(&*error).unwrap();
        assert_eq!((mismatch.promised(), mismatch.yielded()), (promised, yielded));
    }
}

#[tokio::test]
async fn content_is_given_only_from_memory() {
    assert_eq!(segments().content().as_deref(), Some(&b"abc"[..]));
    assert_eq!(Body::from("abc").content().as_deref(), Some(&b"abc"[..]));
    assert_eq!(Body::empty().content().as_deref(), Some(&b""[..]));
    assert_eq!(Body::factory(None, Body::empty).content(), None);
}

#[tokio::test]
async fn a_ticket_ends_with_the_body() {
    let calls = InFlight::default();
    let mut body = Body::stream(Chunks::new(["abc"])).hold(calls.enter().unwrap());
    body.frame().await.unwrap().unwrap();
    assert_eq!(calls.count(), 1);
    assert!(body.frame().await.is_none());
    assert_eq!(calls.count(), 0);
    drop(segments().hold(calls.enter().unwrap()));
    assert_eq!(calls.count(), 0);
    let unread = Body::empty().hold(calls.enter().unwrap());
    assert_eq!(calls.count(), 0);
    drop(unread);
}

// The response of a session that is another one's transport is under way for both.
#[tokio::test]
async fn tickets_of_several_holders_end_together() {
    let (inner, outer) = (InFlight::default(), InFlight::default());
    let mut body = segments().hold(inner.enter().unwrap()).hold(outer.enter().unwrap());
    assert_eq!((inner.count(), outer.count()), (1, 1));
    while body.frame().await.is_some() {}
    assert_eq!((inner.count(), outer.count()), (0, 0));
    drop(segments().hold(inner.enter().unwrap()).hold(outer.enter().unwrap()));
    assert_eq!((inner.count(), outer.count()), (0, 0));
}

#[test]
fn debug_shows_no_content() {
    assert_eq!(format!("{:?}", Body::from("secret")), r#"Body { kind: "Bytes", length: Some(6) }"#);
}

#[test]
fn a_body_is_small_for_it_is_moved_through_every_layer() {
    assert_eq!(size_of::<Body>(), 4 * size_of::<usize>());
    #[cfg(target_pointer_width = "64")]
    assert_eq!(size_of::<http::Request<Body>>(), 256);
}

#[tokio::test]
async fn progress_is_told_for_each_chunk_and_begins_anew_when_the_body_is_sent_again() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let body = |body: Body| {
        let seen = seen.clone();
        body.on_progress(move |now| seen.lock().unwrap().push((now.passed, now.total, now.ended)))
    };
    let known = body(segments());
    let again = known.replay().unwrap();
    assert_eq!(known.content_length(), Some(3));
    assert_eq!((text(known).await, text(again).await), ("abc".to_owned(), "abc".to_owned()));
    let once = [(2, Some(3), false), (3, Some(3), true)];
    assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [once, once].concat());

    let unknown = body(Body::stream(Chunks::new(["a", "bc"])));
    assert!(unknown.replay().is_none());
    assert_eq!(text(unknown).await, "abc");
    assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [(1, None, false), (3, None, false), (3, None, true)]);

    let failing = body(Body::factory(Some(4), || Body::from("abc")));
    assert!(failing.collect().await.is_err());
    assert_eq!(*seen.lock().unwrap(), [(3, Some(4), false)]);
}

/// Reads as hyper does over HTTP/1.1: until it has as much as the length says.
async fn read_to_length(mut body: Body) -> Result<usize, BoxError> {
    let length = usize::try_from(body.content_length().unwrap()).unwrap();
    let mut read = 0;
    while read < length {
        let Some(frame) = body.frame().await else { break };
        read += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(read)
}

#[tokio::test]
async fn a_body_that_breaks_its_promised_length_fails_also_where_nobody_asks_for_its_end() {
    for (chunks, yielded) in [(vec!["ab", "c"], 3), (vec!["abc", "def"], 6), (vec!["abcde", "f"], 6)] {
        let again = chunks.clone();
        for body in [
            Body::sized_stream(5, Chunks::new(chunks)),
            Body::factory(Some(5), move || Body::stream(Chunks::new(again.clone()))),
        ] {
            let error = read_to_length(body).await.unwrap_err();
            let mismatch = find::<LengthMismatch>(&*error).unwrap();
            assert_eq!((mismatch.promised(), mismatch.yielded()), (5, yielded));
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_silent_once_its_length_is_reached_is_not_waited_for() {
    assert_eq!(read_to_length(Body::sized_stream(5, held_open("abcde"))).await.unwrap(), 5);
    // Over HTTP/2 the end goes with the last of the data, or the server waits for it.
    let mut body = Body::sized_stream(5, held_open("abcde"));
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
}

/// One item and then its end, after which it must not be asked, or, if it is held open, neither more nor an end.
struct OneItem {
    item: Option<Result<&'static str, std::io::Error>>,
    is_held_open: bool,
    has_ended: bool,
}

impl Stream for OneItem {
    type Item = Result<&'static str, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(item) = self.item.take() {
            return Poll::Ready(Some(item));
        }
        if self.is_held_open {
            return Poll::Pending;
        }
        assert!(!std::mem::replace(&mut self.has_ended, true), "asked again after its end");
        Poll::Ready(None)
    }
}

fn one(item: Result<&'static str, std::io::Error>) -> OneItem {
    OneItem { item: Some(item), is_held_open: false, has_ended: false }
}

fn held_open(chunk: &'static str) -> OneItem {
    OneItem { is_held_open: true, ..one(Ok(chunk)) }
}

#[tokio::test]
async fn trailers_come_after_a_body_of_promised_length() {
    let body = Body::factory(Some(3), || {
        let trailers = http::HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("x"))]);
        Body::new(Full::new(Bytes::from_static(b"abc")).with_trailers(std::future::ready(Some(Ok(trailers)))))
    });
    let collected = body.collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()[http::header::ETAG], "x");
    assert_eq!(collected.to_bytes(), "abc");
}

#[tokio::test]
async fn a_stream_is_not_asked_again_after_its_end() {
    let broken = || one(Err(std::io::Error::other("broken")));
    for mut body in [
        Body::stream(one(Ok("abc"))),
        Body::sized_stream(3, one(Ok("abc"))),
        Body::stream(broken()),
        Body::factory(Some(3), || Body::stream(one(Ok("abc")))),
        Body::factory(Some(3), move || Body::stream(broken())),
    ] {
        let name = format!("{body:?}");
        body.frame().await.unwrap().ok();
        for _ in 0..2 {
            assert!(body.frame().await.is_none(), "{name}");
        }
    }
}

#[tokio::test]
async fn the_end_is_told_also_where_nobody_asks_for_it() {
    let ended = Arc::new(AtomicUsize::new(0));
    let body = |body: Body| {
        let ended = ended.clone();
        body.on_progress(move |now| {
            ended.fetch_add(usize::from(now.ended), Ordering::Relaxed);
        })
    };
    read_to_length(body(Body::sized_stream(5, Chunks::new(["ab", "cde"])))).await.unwrap();
    read_to_length(body(Body::sized_stream(5, held_open("abcde")))).await.unwrap();
    read_to_length(body(Body::factory(Some(5), || Body::stream(Chunks::new(["ab", "cde"]))))).await.unwrap();
    assert_eq!(ended.load(Ordering::Relaxed), 3);
}
