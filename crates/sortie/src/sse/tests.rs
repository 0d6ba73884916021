use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use sortie_core::Body;
use sortie_testkit::{Answer, Scripted, reply, status};

use super::*;
use crate::{Error, ErrorKind, Response, Session};

const TYPE: (&str, &str) = ("content-type", "text/event-stream");

/// A label that is to be ignored, as that of web-platform-tests' `format-utf-8`.
const LABELLED: (&str, &str) = ("content-type", "text/event-stream;charset=windows-1252");

fn response(pieces: Vec<Bytes>) -> Response {
    typed(TYPE, pieces)
}

fn typed(content_type: (&str, &str), pieces: Vec<Bytes>) -> Response {
    let body = Body::segments(pieces);
    Response::from(reply(200, [content_type], "").map(|_: Body| body))
}

async fn read(mut events: Events) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) = events.next_event().await.unwrap() {
        all.push(event);
    }
    all
}

/// The events of a stream, cut into pieces of each size, with and without a charset, as `name data id`.
async fn shown(stream: &[u8]) -> Vec<String> {
    let mut first: Option<Vec<String>> = None;
    for size in 1..=stream.len().max(1) {
        for content_type in [TYPE, LABELLED] {
            let pieces = stream.chunks(size).map(Bytes::copy_from_slice).collect();
            let events = read(typed(content_type, pieces).events().unwrap()).await;
            let lines: Vec<_> = events.iter().map(|of| format!("{} {:?} {}", of.name(), of.data(), of.id())).collect();
            let name = format!("{content_type:?} in pieces of {size}");
            assert_eq!(first.get_or_insert_with(|| lines.clone()), &lines, "{name}");
        }
    }
    first.unwrap_or_default()
}

// The first four are the examples of the standard. Those named `event-data` and `format-…` are the streams of these files of
// web-platform-tests' `eventsource/`, whose server puts LFs after most of them.
#[tokio::test]
async fn streams_are_read_as_the_standard_says() {
    let long = "x".repeat(2 << 10);
    let comments = format!("data:1\r:\0\n:\r\ndata:2\n:{long}\rdata:3\n:data:fail\r:{long}\ndata:4\n\n");
    for (name, stream, expected) in [
        ("stocks", &b"data: YHOO\ndata: +2\ndata: 10\n\n"[..], &[r#"message "YHOO\n+2\n10" "#][..]),
        (
            "ids",
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[r#"message "first event" 1"#, r#"message "second event" "#, r#"message " third event" "#],
        ),
        ("empty data", b"data\n\ndata\ndata\n\ndata:", &[r#"message "" "#, r#"message "\n" "#]),
        ("spaces", b"data:test\n\ndata: test\n\n", &[r#"message "test" "#, r#"message "test" "#]),
        (
            "event-data",
            b"data:msg\ndata: msg\n\n:\nfalsefield:msg\n\nfalsefield:msg\nData:data\n\ndata\n\ndata:end\n\n",
            &[r#"message "msg\nmsg" "#, r#"message "" "#, r#"message "end" "#],
        ),
        ("format-bom", b"\xEF\xBB\xBFdata:1\n\n\xEF\xBB\xBFdata:2\n\ndata:3\n\n", &[r#"message "1" "#, r#"message "3" "#]),
        ("format-bom-2", b"\xEF\xBB\xBF\xEF\xBB\xBFdata:1\n\ndata:2\n\ndata:3\n\n", &[r#"message "2" "#, r#"message "3" "#]),
        ("format-comments", comments.as_bytes(), &[r#"message "1\n2\n3\n4" "#]),
        ("format-data-before-final-empty-line", b"retry:1000\ndata:test1\n\nid:test\ndata:test2\n", &[r#"message "test1" "#]),
        ("format-field-data", b"data:\n\ndata\ndata\n\ndata:test\n\n", &[r#"message "" "#, r#"message "\n" "#, r#"message "test" "#]),
        ("format-field-event", b"event:test\ndata:x\n\ndata:x\n\n", &[r#"test "x" "#, r#"message "x" "#]),
        ("format-field-event-empty", b"event: \ndata:data\n\n", &[r#"message "data" "#]),
        ("an event without data", b"event:test\n\ndata:x\n\n", &[r#"message "x" "#]),
        ("format-field-id-3, kept", b"id: 1\ndata: 1\n\ndata: 2\n\nid: 2\ndata:3\n\ndata:4\n\n", &[r#"message "1" 1"#, r#"message "2" 1"#, r#"message "3" 2"#, r#"message "4" 2"#]),
        ("format-field-id-3, reset", b"id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n", &[r#"message "1" 1"#, r#"message "2" "#, r#"message "3" "#]),
        ("format-field-id-3, without colon", b"id: 1\ndata: 1\n\nid\ndata:2\n\ndata:3\n\n", &[r#"message "1" 1"#, r#"message "2" "#, r#"message "3" "#]),
        ("an id without data", b"id:1\ndata:1\n\nid:2\n\ndata:2\n\n", &[r#"message "1" 1"#, r#"message "2" 2"#]),
        ("an id with a NUL after another", b"id:1\ndata:1\n\nid: \0 2\ndata:2\n\n", &[r#"message "1" 1"#, r#"message "2" 1"#]),
        (
            "format-field-parsing",
            b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
            &[r#"message "\0\n 2\n1\n3\n\n4" "#],
        ),
        ("format-field-unknown", b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n", &[r#"message "test\n\ntest" "#]),
        ("format-leading-space", b"data:\ttest\rdata: \ndata:test\n\n", &[r#"message "\ttest\n\ntest" "#]),
        ("format-newlines", b"data:test\r\ndata\ndata:test\r\n\r", &[r#"message "test\n\ntest" "#]),
        ("cr alone", b"data:1\r\rdata:2\r\r", &[r#"message "1" "#, r#"message "2" "#]),
        ("format-null-character", b"data:\0\n\n\n\n", &[r#"message "\0" "#]),
        ("format-utf-8", b"data:ok\xE2\x80\xA6\n\n", &["message \"ok\u{2026}\" "]),
        ("no utf-8", b"data:\xFF\n\n", &["message \"\u{fffd}\" "]),
        ("no utf-16", b"\xFF\xFEdata:1\n\ndata:2\n\n", &[r#"message "2" "#]),
        ("nothing", b"", &[]),
        ("only a comment", b":\n\n", &[]),
    ] {
        assert_eq!(shown(stream).await, expected, "{name}");
    }
}

#[tokio::test]
async fn the_time_to_come_back_is_a_number_of_milliseconds() {
    let hour = Duration::from_secs(3600);
    for (stream, retry) in [
        ("retry:3000\n\n", Some(Duration::from_secs(3))),
        ("retry:03000\ndata:x\n\n", Some(Duration::from_secs(3))),
        ("retry: 1\n", Some(Duration::from_millis(1))),
        ("retry:3000\nretry:1000x\n", Some(Duration::from_secs(3))),
        ("retry:3000\nretry\n", Some(Duration::from_secs(3))),
        ("retry:-1\nretry:+1\nretry:1.5\nretry:  1\n", None),
        ("retry:7200000\n", Some(hour)),
        ("retry:99999999999999999999999999\n", Some(hour)),
        ("data:x\n\n", None),
    ] {
        let mut events = response(vec![Bytes::from_static(stream.as_bytes())]).events().unwrap();
        while events.next_event().await.unwrap().is_some() {}
        assert_eq!(events.retry(), retry, "{stream:?}");
    }
}

// The types of web-platform-tests' `format-mime-*` and the statuses of its `request-status-error`, among others.
#[test]
fn only_a_200_of_the_right_type_is_a_stream_of_events() {
    for (status, content_type, kind) in [
        (200, Some("text/event-stream"), None),
        (200, Some("Text/Event-Stream;"), None),
        (200, Some(" text/event-stream ; charset=windows-1252"), None),
        (200, Some("text/event-stream;hello"), None),
        (200, Some("x bogus"), Some(ErrorKind::Decode)),
        (200, Some("text/x-bogus"), Some(ErrorKind::Decode)),
        (200, Some("text/event-streams"), Some(ErrorKind::Decode)),
        (200, Some("text/plain"), Some(ErrorKind::Decode)),
        (200, None, Some(ErrorKind::Decode)),
        (204, Some("text/event-stream"), Some(ErrorKind::Decode)),
        (205, Some("text/event-stream"), Some(ErrorKind::Decode)),
        (206, Some("text/event-stream"), Some(ErrorKind::Decode)),
        (210, Some("text/event-stream"), Some(ErrorKind::Decode)),
        (299, Some("text/event-stream"), Some(ErrorKind::Decode)),
        (404, Some("text/event-stream"), Some(ErrorKind::Status)),
        (410, Some("text/event-stream"), Some(ErrorKind::Status)),
        (503, Some("text/event-stream"), Some(ErrorKind::Status)),
    ] {
        let headers = content_type.map(|value| ("content-type", value));
        let response = Response::from(reply(status, headers, ""));
        let error: Option<Error> = response.events().err();
        assert_eq!(error.as_ref().map(Error::kind), kind, "{status} {content_type:?}");
    }
}

#[tokio::test]
async fn an_event_without_end_is_an_error_that_names_the_limit_and_the_setting() {
    for stream in [
        "data:1\n\ndata:12345\n",
        "data:1\n\ndata:1\ndata:2\ndata:3\ndata:4\n",
        "data:1\n\n:12345678901",
        "data:1\n\nevent:12345\n",
        "data:1\n\nid:1234\ndata:56\n",
    ] {
        let pieces = stream.as_bytes().chunks(3).map(Bytes::copy_from_slice).collect();
        let mut events = response(pieces).events().unwrap().max_event(9);
        assert_eq!(events.next_event().await.unwrap().unwrap().data(), "1", "{stream:?}");
        let error = events.next_event().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{stream:?}");
        let text = error.source().unwrap().to_string();
        assert!(text.contains("more than 9 octets (Events::max_event"), "{text}");
        assert_eq!(events.next_event().await.unwrap(), None);
    }
}

fn stream(text: &'static str) -> Answer {
    reply(200, [TYPE], text).into()
}

fn session(server: &Scripted) -> Session {
    Session::builder().transport(server.clone()).no_retry().build().unwrap()
}

fn broken(text: &'static str) -> Answer {
    let body = Body::factory(Some(1000), move || Body::from(text));
    reply(200, [TYPE], "").map(|_: Body| body).into()
}

#[tokio::test(start_paused = true)]
async fn a_source_goes_on_after_what_it_has_seen_until_there_is_no_more() {
    let server = Scripted::new([
        stream("retry:200\nid:1\ndata:one\n\nid:unfinished\ndata:lost"),
        broken("data:two\n\n"),
        Answer::error("broken"),
        stream("data:three\nid\n\n"),
        stream(":nothing\n\n"),
        status(204).into(),
    ]);
    let request = session(&server).get("http://a.test/").header("accept", "text/event-stream, */*");
    let mut source = request.event_source();
    let started = tokio::time::Instant::now();
    let mut seen = Vec::new();
    while let Some(event) = source.next_event().await.unwrap_or_else(|error| panic!("{error:?}")) {
        seen.push(format!("{} {}", event.data(), event.id()));
        assert_eq!(source.last_event_id(), event.id());
    }
    assert_eq!(seen, ["one 1", "two 1", "three "]);
    assert_eq!(source.next_event().await.unwrap(), None);
    let requests = server.requests();
    let ids: Vec<_> =
        requests.iter().map(|of| of.headers.get("last-event-id").map(|id| id.to_str().unwrap())).collect();
    assert_eq!(ids, [None, Some("1"), Some("1"), Some("1"), None, None]);
    assert!(requests.iter().all(|of| of.headers["cache-control"] == "no-cache"));
    assert!(requests.iter().all(|of| of.headers["accept"] == "text/event-stream, */*"));
    // Five waits of 200 ms, each with up to half of that added.
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(1000) && took < Duration::from_millis(1500), "{took:?}");
}

/// What web-platform-tests' `last-event-id.py` does: says the id once, and then repeats what it is told.
fn repeating(id: &'static str) -> Scripted {
    Scripted::from_fn(move |request, _| {
        let text = match request.headers.get("last-event-id") {
            Some(id) => format!("data: {}\n\n", std::str::from_utf8(id.as_bytes())?),
            None => format!("id: {id}\nretry: 200\ndata: hello\n\n"),
        };
        Ok(reply(200, [TYPE], text))
    })
}

// The ids of web-platform-tests' `format-field-id`, `format-field-id-2` and `format-field-id-null`; then what cannot stand in
// a header.
#[tokio::test(start_paused = true)]
async fn the_last_id_is_sent_as_it_came_unless_no_header_can_have_it() {
    for (id, kept, is_sent) in [
        ("\u{2026}", "\u{2026}", true),
        ("a\tb", "a\tb", true),
        ("\0\0", "", false),
        ("x\0", "", false),
        ("\0x", "", false),
        ("x\0x", "", false),
        (" \0", "", false),
        ("x\u{1}", "x\u{1}", false),
        ("\u{7f}", "\u{7f}", false),
        ("\u{1b}\u{2026}", "\u{1b}\u{2026}", false),
    ] {
        let server = repeating(id);
        let mut source = session(&server).get("http://a.test/").event_source();
        for round in 0..3 {
            let event = source.next_event().await.unwrap().unwrap();
            let data = if round > 0 && is_sent { id } else { "hello" };
            assert_eq!((event.data(), event.id()), (data, kept), "{id:?} {round}");
            let sent = server.requests()[round].headers.get("last-event-id").map(|id| id.as_bytes().to_vec());
            assert_eq!(sent, (round > 0 && is_sent).then(|| id.as_bytes().to_vec()), "{id:?} {round}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_again_is_an_error_and_the_first_failure_is_one() {
    let error = |server: Scripted| async move {
        let mut source = session(&server).get("http://a.test/").event_source().max_failures(2).max_event(20);
        let error = loop {
            match source.next_event().await {
                Ok(event) => assert!(event.is_some(), "it ended"),
                Err(error) => break error,
            }
        };
        assert_eq!(source.next_event().await.unwrap(), None);
        (error.kind(), server.count())
    };
    let no_host = || -> Answer { Answer::error(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)) };
    let one = || stream("data:1\n\n");
    assert_eq!(error(Scripted::new([no_host()])).await.1, 1);
    assert_eq!(error(Scripted::new([one(), status(500).into()])).await, (ErrorKind::Status, 2));
    let breaks = || Answer::error("broken");
    assert_eq!(error(Scripted::new([one(), breaks(), breaks(), one(), breaks(), breaks(), breaks()])).await.1, 7);
    let html = reply(200, [("content-type", "text/html")], "").into();
    assert_eq!(error(Scripted::new([one(), html])).await, (ErrorKind::Decode, 2));
    let large = stream("data:123456789012345678901\n\n");
    assert_eq!(error(Scripted::new([one(), large])).await, (ErrorKind::Decode, 2));
}

#[tokio::test(start_paused = true)]
async fn after_an_error_it_is_known_where_to_go_on() {
    for (name, last) in [
        ("503", status(503).into()),
        ("401", status(401).into()),
        ("HTML", reply(200, [("content-type", "text/html")], "").into()),
        ("too large", stream("id:2\ndata:123456789012345678901\n\n")),
        ("no connection", Answer::error("broken")),
        ("no more", status(204).into()),
    ] {
        let server = Scripted::new([stream("id:1\ndata:1\n\n"), last]);
        let mut source = session(&server).get("http://a.test/").event_source().max_failures(0).max_event(20);
        assert_eq!(source.next_event().await.unwrap().unwrap().id(), "1", "{name}");
        while let Ok(Some(_)) = source.next_event().await {}
        assert_eq!((source.last_event_id(), server.count()), ("1", 2), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_begins_where_an_earlier_one_ended() {
    let server = Scripted::new([stream("data:1\n\n"), status(204).into()]);
    let mut source = session(&server).get("http://a.test/").event_source().after("41");
    assert_eq!(source.next_event().await.unwrap().unwrap().id(), "41");
    assert_eq!(source.next_event().await.unwrap(), None);
    assert!(server.requests().iter().all(|of| of.headers["last-event-id"] == "41"));
    let mut source = session(&server).get("http://a.test/").header("bad name", "x").event_source();
    assert_eq!(source.next_event().await.unwrap_err().kind(), ErrorKind::Builder);
}

#[test]
fn debug_shows_no_data() {
    let event = Event { name: "message".into(), data: "secret".into(), id: "secret".into() };
    assert!(!format!("{event:?}").contains("secret"));
    #[cfg(feature = "json")]
    {
        let event = Event { data: "[1, 2]".into(), ..event };
        assert_eq!(event.json::<[u8; 2]>().unwrap(), [1, 2]);
        assert_eq!(event.json::<u8>().unwrap_err().kind(), ErrorKind::Decode);
    }
}
