//! What comes back: status, headers, text, JSON (S65 to S72, S91, group O).

use crate::answer::{Answer, ok, raw, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Read, Scenario, call, get, scenario};

const URL: &str = "http://a.test/";

fn with(name: &'static str, about: &'static str, answer: Answer, call: Call) -> Scenario {
    scenario(name, about).answers([answer]).call(call)
}

fn text(name: &'static str, about: &'static str, content_type: &str, body: &[u8]) -> Scenario {
    with(name, about, reply(200, [("content-type", content_type)], body), get(URL).read(Read::Text))
}

fn json(name: &'static str, about: &'static str, body: &[u8]) -> Scenario {
    with(name, about, reply(200, [("content-type", "application/json")], body), get(URL).read(Read::Json))
}

fn status(name: &'static str, status: u16) -> Scenario {
    with(
        name,
        "S67",
        reply(status, [], if matches!(status, 204) { "" } else { "body" }),
        get(URL).read(Read::RaiseForStatus),
    )
}

fn utf16(text: &str, to_octets: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_octets).collect()
}

fn texts() -> Vec<Scenario> {
    vec![
        text("text: UTF-8", "S65", "text/plain; charset=utf-8", "caf\u{e9}".as_bytes()),
        text("text: a charset in capitals and quotes", "S65", "text/plain; Charset=\"UTF-8\"", "caf\u{e9}".as_bytes()),
        text("text: ISO-8859-1", "S65", "text/plain; charset=iso-8859-1", b"caf\xe9"),
        text("text: windows-1252", "S65", "text/plain; charset=windows-1252", b"\x80 caf\xe9"),
        text("text: Shift_JIS", "S65", "text/html; charset=shift_jis", b"\x83\x65\x83\x58\x83\x67"),
        text("text: UTF-16", "S65", "text/plain; charset=utf-16le", &utf16("caf\u{e9}", u16::to_le_bytes)),
        text("text: no charset, ASCII", "S65", "text/plain", b"plain"),
        text("text: no charset, UTF-8", "S65", "text/plain", "caf\u{e9}".as_bytes()),
        text("text: a charset that there is none", "S65", "text/plain; charset=x-wrong", "caf\u{e9}".as_bytes()),
        text("text: JSON without a charset", "S65", "application/json", "\"caf\u{e9}\"".as_bytes()),
        text("text: octets that are no UTF-8", "S65", "text/plain; charset=utf-8", b"a\xffb"),
        text("text: nothing", "S65", "text/plain; charset=utf-8", b""),
        text("text: a byte order mark", "S65", "text/plain; charset=utf-8", b"\xef\xbb\xbfplain"),
        with("text: no type at all", "S65", reply(200, [], "plain"), get(URL).read(Read::Text)),
    ]
}

fn jsons() -> Vec<Scenario> {
    vec![
        json("json: an object", "S66", b"{\"b\": [1, 2.5, null], \"a\": \"x\"}"),
        json("json: a scalar", "S66", b"7"),
        json("json: beyond ASCII", "S66", "\"caf\u{e9}\"".as_bytes()),
        json("json: not JSON", "S66", b"<html>"),
        json("json: nothing", "S66", b""),
        json("json: more after it", "S66", b"{} {}"),
        json("json: a byte order mark", "S66", b"\xef\xbb\xbf{\"a\":1}"),
        json(
            "json: UTF-16 with a byte order mark",
            "S66",
            &[b"\xff\xfe".to_vec(), utf16("{\"a\":1}", u16::to_le_bytes)].concat(),
        ),
        json("json: UTF-16 without one", "S66", &utf16("{\"a\":1}", u16::to_be_bytes)),
        json("json: NaN", "S66", b"NaN"),
        with("json: of an error", "group O", reply(500, [], "{}"), get(URL).read(Read::Json)),
    ]
}

fn statuses() -> Vec<Scenario> {
    vec![
        status("status 200", 200),
        status("status 204", 204),
        status("status 299", 299),
        status("status 304", 304),
        status("status 399", 399),
        status("status 400", 400),
        status("status 404", 404),
        status("status 425", 425),
        status("status 499", 499),
        status("status 500", 500),
        status("status 599", 599),
        status("status 600", 600),
        status("status 999", 999),
    ]
}

fn heads_and_framing() -> Vec<Scenario> {
    vec![
        with(
            "headers",
            "S70",
            reply(200, [("x-a", "1"), ("content-type", "text/plain")], "ok"),
            get(URL).show("x-a").show("content-type").show("x-none"),
        ),
        with("a header twice", "S70", reply(200, [("x-a", "1"), ("x-a", "2")], "ok"), get(URL).show("x-a")),
        with("a header with blanks around it", "S70", reply(200, [("x-a", "  1  ")], "ok"), get(URL).show("x-a")),
        with("an empty header", "S70", reply(200, [("x-a", "")], "ok"), get(URL).show("x-a")),
        with(
            "a header beyond ASCII",
            "S70",
            raw(b"HTTP/1.1 200 OK\r\nx-a: caf\xe9\r\ncontent-length: 2\r\n\r\nok"),
            get(URL).show("x-a"),
        ),
        with(
            "a reason phrase beyond ASCII",
            "group O",
            raw(b"HTTP/1.1 200 Caf\xc3\xa9\r\ncontent-length: 2\r\n\r\nok"),
            get(URL),
        ),
        with("no reason phrase", "group O", raw("HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok"), get(URL)),
        with("HTTP/1.0", "S91", raw("HTTP/1.0 200 OK\r\n\r\nold").ends(), get(URL)),
        with(
            "a body up to the end of the connection",
            "S91",
            raw("HTTP/1.1 200 OK\r\n\r\nuntil the end").ends(),
            get(URL),
        ),
        with(
            "a body in chunks",
            "S91",
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"),
            get(URL),
        ),
        with(
            "a body in chunks with trailers",
            "S91",
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\nx-sum: 1\r\n\r\n"),
            get(URL).show("x-sum"),
        ),
        with(
            "a chunk with an extension",
            "S91",
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\none\r\n0\r\n\r\n"),
            get(URL),
        ),
        with(
            "a body that is cut short",
            "S91",
            raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").ends(),
            get(URL),
        ),
        with(
            "chunks that are cut short",
            "S68",
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nshort").ends(),
            get(URL),
        ),
        with(
            "a chunk size that is none",
            "group N",
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
            get(URL),
        ),
        with(
            "a length and chunks",
            "S91",
            raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"),
            get(URL),
        ),
        with(
            "two lengths that differ",
            "group N",
            raw("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nfour"),
            get(URL),
        ),
        with(
            "two lengths that agree",
            "S91",
            raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\nfour"),
            get(URL),
        ),
        with("a negative length", "S91", raw("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nfour").ends(), get(URL)),
        with("more than the length says", "S91", raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokay"), get(URL)),
        with("no body after HEAD", "group O", reply(200, [], "unsent"), call("HEAD", URL).show("content-length")),
        with("no body with 204", "group O", reply(204, [], ""), get(URL)),
        with(
            "100 before the answer",
            "S72",
            raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            get(URL),
        ),
        with(
            "103 before the answer",
            "S72",
            raw("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            get(URL),
        ),
        with("no HTTP at all", "S91", raw("SSH-2.0-server\r\n").ends(), get(URL)),
        with("a status line that is none", "S91", raw("HTTP/1.1 abc\r\n\r\n").ends(), get(URL)),
        scenario("connections are used again", "S90")
            .answers([ok()])
            .connections()
            .call(get(URL))
            .call(get(URL))
            .call(get(URL)),
        scenario("Connection: close is heeded", "S89")
            .answers([reply(200, [("connection", "close")], "ok").ends()])
            .connections()
            .call(get(URL))
            .call(get(URL)),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    texts().into_iter().chain(jsons()).chain(statuses()).chain(heads_and_framing()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "text: no charset, UTF-8",
        statement: "S65",
        reason: "text of an unknown charset is UTF-8",
        differences: &[("call 1 text", "cafÃ©", "café")],
    },
    Intended {
        scenario: "text: a byte order mark",
        statement: "S65",
        reason: "a byte order mark is no text",
        differences: &[("call 1 text", "\u{feff}plain", "plain")],
    },
    Intended {
        scenario: "json: NaN",
        statement: "S66",
        reason: "NaN is no JSON (RFC 8259 §6)",
        differences: &[("call 1", "200", "error: not json")],
    },
    Intended {
        scenario: "a header with blanks around it",
        statement: "S70",
        reason: "blanks around a value are no part of it (RFC 9110 §5.5)",
        differences: &[("call 1 headers x-a", "1  ", "1")],
    },
    Intended {
        scenario: "two lengths that differ",
        statement: "S91",
        reason: "an answer that cannot be read is the connection's fault, not a header's",
        differences: &[("call 1", "error: invalid header", "error: protocol")],
    },
    Intended {
        scenario: "a negative length",
        statement: "S91",
        reason: "a length that is none is an error (RFC 9112 §6.3)",
        differences: &[("call 1", "200", "error: protocol")],
    },
    Intended {
        scenario: "103 before the answer",
        statement: "S72",
        reason: "interim answers are not the answer",
        differences: &[("call 1", "103", "200"), ("call 1 body", "", "ok")],
    },
    Intended {
        scenario: "json: a byte order mark",
        statement: "S66",
        reason: "a byte order mark is no part of the text",
        differences: &[("call 1", "error: not json", "200")],
    },
    Intended {
        scenario: "json: UTF-16 with a byte order mark",
        statement: "S66",
        reason: "the charset is told by the mark or by the first octets, whatever the type says",
        differences: &[("call 1", "error: not json", "200")],
    },
    Intended {
        scenario: "json: UTF-16 without one",
        statement: "S66",
        reason: "the charset is told by the mark or by the first octets, whatever the type says",
        differences: &[("call 1", "error: not json", "200")],
    },
];
