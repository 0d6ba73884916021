//! The text and the JSON of bodies, over sockets.

use http::Response;
use sortie::{Body, ErrorKind};
use sortie_testkit::{Steps, TcpScript, reply};

use crate::support::{always, check, session};

fn typed(content_type: &'static str, body: &'static [u8]) -> Response<Body> {
    reply(200, [("content-type", content_type)], "").map(|_: Body| body.into())
}

#[tokio::test]
async fn a_body_is_text_in_the_charset_that_it_comes_in() {
    for (content_type, body, expected) in [
        ("text/html; charset=Shift_JIS", &b"\x93\xFA\x96{"[..], "\u{65e5}\u{672c}"),
        ("text/html; charset=iso-8859-1", b"na\xEFve", "na\u{ef}ve"),
        ("text/html", b"na\xC3\xAFve", "na\u{ef}ve"),
        ("application/octet-stream", b"\xFF\xFEx\0", "x"),
    ] {
        let server = always(move || typed(content_type, body));
        let response = session().get(server.url("/")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), expected, "{content_type}");
    }
}

#[tokio::test]
async fn the_caller_knows_the_charset_better() {
    let server = always(|| typed("text/plain; charset=utf-8", b"\xCF\xF0\xE8"));
    let get = || async { session().get(server.url("/")).send().await.unwrap() };
    assert_eq!(get().await.text_with("windows-1251").await.unwrap(), "\u{41f}\u{440}\u{438}");
    let error = get().await.text_with("windows-9999").await.unwrap_err();
    check(&error, ErrorKind::Decode, "no charset has the label \"windows-9999\"");
    assert!(error.url().is_some());
}

#[tokio::test]
async fn json_is_read_in_utf_8_16_and_32() {
    for (body, name) in [
        (&b"[1]"[..], "utf-8"),
        (b"\xEF\xBB\xBF[1]", "utf-8 with mark"),
        (b"[\x001\0]\0", "utf-16le"),
        (b"\xFE\xFF\0[\x001\0]", "utf-16be with mark"),
        (b"[\0\0\x001\0\0\0]\0\0\0", "utf-32le"),
        (b"\0\0\xFE\xFF\0\0\0[\0\0\x001\0\0\0]", "utf-32be with mark"),
    ] {
        let server = always(move || typed("application/json", body));
        let parsed: [u8; 1] = session().get(server.url("/")).send().await.unwrap().json().await.unwrap();
        assert_eq!(parsed, [1], "{name}");
    }
}

#[tokio::test]
async fn trailers_come_after_the_body() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
                          3\r\none\r\n3\r\ntwo\r\n0\r\nx-sum: 42\r\n\r\n";
    let server = TcpScript::each(Steps::new().read_request().send(ANSWER).read_request().send(ANSWER).hold());
    let session = session();
    let mut response = session.get(server.url("/")).send().await.unwrap();
    assert!(response.trailers().is_none());
    let mut read = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert_eq!((&*read, &response.trailers().unwrap()["x-sum"]), (&b"onetwo"[..], &"42".parse().unwrap()));
    let (bytes, trailers) = session.get(server.url("/")).send().await.unwrap().bytes_and_trailers().await.unwrap();
    assert_eq!((&*bytes, trailers.unwrap()["x-sum"].to_str().unwrap()), (&b"onetwo"[..], "42"));
    assert_eq!(server.connections(), 1);
}
