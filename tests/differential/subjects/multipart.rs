//! Multipart forms (S16, group J).

use crate::answer::ok;
use crate::intended::Intended;
use crate::scenario::{Call, Head, Scenario, field, file, post, scenario};

const URL: &str = "http://a.test/";

/// Most files are given a type: what they have without one differs.
const TEXT: Option<&str> = Some("text/plain");

fn with(name: &'static str, call: Call) -> Scenario {
    scenario(name, "S16").answers([ok()]).call(call)
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        with("multipart: a file", post(URL).multipart([file("f", "a.txt", None, "content")])),
        with("multipart: a file with a type", post(URL).multipart([file("f", "a.txt", TEXT, "content")])),
        with("multipart: quotes of the type", post(URL).multipart([file("f", "a.txt", TEXT, "content")]))
            .head(Head::Values),
        with(
            "multipart: a field and a file",
            post(URL).multipart([field("a", "1"), file("f", "a.txt", TEXT, "content")]),
        ),
        with(
            "multipart: two files",
            post(URL).multipart([file("f", "a.txt", TEXT, "one"), file("g", "b.txt", TEXT, "two")]),
        ),
        with(
            "multipart: two files of one name",
            post(URL).multipart([file("f", "a.txt", TEXT, "one"), file("f", "b.txt", TEXT, "two")]),
        ),
        with("multipart: an empty file", post(URL).multipart([file("f", "a.txt", TEXT, "")])),
        with(
            "multipart: a field beyond ASCII",
            post(URL).multipart([field("\u{e4}", "\u{20ac}"), file("f", "a.txt", TEXT, "x")]),
        ),
        with("multipart: a file name beyond ASCII", post(URL).multipart([file("f", "\u{e4}.txt", TEXT, "x")])),
        with("multipart: a file name with a quote", post(URL).multipart([file("f", "a\"b.txt", TEXT, "x")])),
        with("multipart: a file name with a line end", post(URL).multipart([file("f", "a\r\nx: y.txt", TEXT, "x")])),
        with("multipart: a name with a quote", post(URL).multipart([file("f\"g", "a.txt", TEXT, "x")])),
        with("multipart: a text beside a file", post(URL).text("a=1").with_files([file("f", "a.txt", TEXT, "x")])),
        with(
            "multipart: a stream beside a file",
            post(URL).stream(["one"]).with_files([file("f", "a.txt", TEXT, "x")]),
        ),
        with(
            "multipart: content with line ends",
            post(URL).multipart([field("a", "one\r\ntwo\n"), file("f", "a.txt", TEXT, "\r\n")]),
        ),
    ]
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "multipart: a file",
        statement: "S16",
        reason: "a file of no known type is application/octet-stream, as browsers and RFC 7578 §4.4 have it",
        differences: &[
            (
                "request 1 body",
                "--boundary\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\ncontent\r\n--boundary--\r\n",
                "--boundary\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: application/octet-stream\r\n\r\ncontent\r\n--boundary--\r\n",
            ),
            ("request 1 content-length", "97", "137"),
        ],
    },
    Intended {
        scenario: "multipart: a text beside a file",
        statement: "S16",
        reason: "of several contents of one request the last counts, as of all that is set twice",
        differences: &[("call 1", "error: builtins.ValueError", "200"), ("request 1", "-", "POST / at http://a.test")],
    },
    Intended {
        scenario: "multipart: a stream beside a file",
        statement: "S16",
        reason: "of several contents of one request the last counts, as of all that is set twice",
        differences: &[
            ("call 1", "error: builtins.NotImplementedError", "200"),
            ("request 1", "-", "POST / at http://a.test"),
        ],
    },
];
