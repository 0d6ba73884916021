//! Compressed answers (S68, group O, the advisories on decompression).

use crate::answer::{Answer, raw, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Read, Scenario, call, get, scenario};

const URL: &str = "http://a.test/";

/// `content`, as Python's `gzip` and `zlib` have it.
const GZIP: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\xce\xcf\x2b\x49\xcd\x2b\x01\x00\xa9\x30\xc5\xfe\x07\x00\x00\x00";
const TWICE: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x93\xef\xe6\x60\x00\x01\x26\x66\xef\x73\xe7\xb5\x3d\xcf\x6a\x33\x32\xac\x34\x38\xfa\x8f\x1d\x28\x04\x00\xcf\x9f\x45\x73\x1b\x00\x00\x00";
const ZLIB: &[u8] = b"\x78\x9c\x4b\xce\xcf\x2b\x49\xcd\x2b\x01\x00\x0b\xcb\x02\xfc";
const DEFLATE: &[u8] = b"\x4b\xce\xcf\x2b\x49\xcd\x2b\x01\x00";

fn coded(name: &'static str, coding: &str, body: &[u8]) -> Scenario {
    with(
        name,
        reply(200, [("content-encoding", coding), ("content-type", "text/plain; charset=utf-8")], body),
        get(URL).read(Read::Text),
    )
}

fn with(name: &'static str, answer: Answer, call: Call) -> Scenario {
    scenario(name, "group O").answers([answer]).call(call)
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let json = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x8b\x36\x8c\x05\x00\xb8\x32\x2f\x4c\x03\x00\x00\x00";
    vec![
        coded("coding: gzip", "gzip", GZIP),
        coded("coding: x-gzip", "x-gzip", GZIP),
        coded("coding: GZIP", "GZIP", GZIP),
        coded("coding: deflate in zlib's wrapping", "deflate", ZLIB),
        coded("coding: deflate without it", "deflate", DEFLATE),
        coded("coding: gzip twice", "gzip, gzip", TWICE),
        coded("coding: identity", "identity", b"content"),
        coded("coding: one that nobody knows", "rot13", b"pbagrag"),
        coded("coding: two members of gzip", "gzip", &[GZIP, GZIP].concat()),
        coded("coding: no gzip", "gzip", b"no gzip at all"),
        coded("coding: gzip that is cut short", "gzip", &GZIP[..12]),
        coded("coding: gzip without its end", "gzip", &GZIP[..20]),
        coded("coding: gzip with a wrong sum", "gzip", &[&GZIP[..19], b"\x00\x00\x00\x00\x07\x00\x00\x00"].concat()),
        coded("coding: gzip with more after it", "gzip", &[GZIP, b"more"].concat()),
        coded("coding: gzip of nothing at all", "gzip", b""),
        coded("coding: six on each other", "gzip, gzip, gzip, gzip, gzip, gzip", GZIP),
        with("coding: JSON in gzip", reply(200, [("content-encoding", "gzip")], json), get(URL).read(Read::Json)),
        with(
            "coding: the headers of an answer in gzip",
            reply(200, [("content-encoding", "gzip")], GZIP),
            get(URL).show("content-encoding").show("content-length"),
        ),
        with("coding: HEAD", reply(200, [("content-encoding", "gzip")], GZIP), call("HEAD", URL)),
        with("coding: 204", reply(204, [("content-encoding", "gzip")], ""), get(URL)),
        with(
            "coding: 206",
            reply(206, [("content-encoding", "gzip"), ("content-range", "bytes 0-26/27")], GZIP),
            get(URL),
        ),
        with(
            "coding: gzip in chunks",
            raw([
                b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\nb\r\n",
                &GZIP[..11],
                b"\r\n10\r\n",
                &GZIP[11..],
                b"\r\n0\r\n\r\n",
            ]
            .concat()),
            get(URL),
        ),
        with(
            "coding: gzip where none was asked for",
            reply(200, [("content-encoding", "gzip")], GZIP),
            get(URL).header("accept-encoding", "identity"),
        ),
        with(
            "coding: gzip where gzip was asked for by hand",
            reply(200, [("content-encoding", "gzip")], GZIP),
            get(URL).header("accept-encoding", "gzip"),
        ),
        with(
            "coding: an error in gzip",
            reply(500, [("content-encoding", "gzip")], GZIP),
            get(URL).read(Read::RaiseForStatus),
        ),
    ]
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "coding: gzip that is cut short",
        statement: "S68",
        reason: "compressed content that breaks off is an error, not the part that came",
        differences: &[("call 1", "200", "error: coding")],
    },
    Intended {
        scenario: "coding: gzip without its end",
        statement: "S68",
        reason: "compressed content that breaks off is an error, not the part that came",
        differences: &[("call 1", "200", "error: coding")],
    },
    Intended {
        scenario: "coding: gzip with more after it",
        statement: "S68",
        reason: "what comes after the end of a coding belongs to nothing",
        differences: &[("call 1", "200", "error: coding")],
    },
    Intended {
        scenario: "coding: the headers of an answer in gzip",
        statement: "S70",
        reason: "headers that no longer say what the body is are not shown",
        differences: &[("call 1 headers content-encoding", "gzip", "-"), ("call 1 headers content-length", "27", "-")],
    },
    Intended {
        scenario: "coding: 206",
        statement: "S68",
        reason: "a part of a compressed answer cannot be decoded (RFC 9110 §14.4), and the caller joins it",
        differences: &[(
            "call 1 body",
            "content",
            "\u{1f}\u{8b}\u{8}\0\0\0\0\0\u{2}\u{3}KÎÏ+IÍ+\u{1}\0©0Åþ\u{7}\0\0\0",
        )],
    },
    Intended {
        scenario: "coding: gzip where none was asked for",
        statement: "S68",
        reason: "who writes Accept-Encoding decodes what comes of it",
        differences: &[(
            "call 1 body",
            "content",
            "\u{1f}\u{8b}\u{8}\0\0\0\0\0\u{2}\u{3}KÎÏ+IÍ+\u{1}\0©0Åþ\u{7}\0\0\0",
        )],
    },
    Intended {
        scenario: "coding: gzip where gzip was asked for by hand",
        statement: "S68",
        reason: "who writes Accept-Encoding decodes what comes of it",
        differences: &[(
            "call 1 body",
            "content",
            "\u{1f}\u{8b}\u{8}\0\0\0\0\0\u{2}\u{3}KÎÏ+IÍ+\u{1}\0©0Åþ\u{7}\0\0\0",
        )],
    },
];
