//! What a request carries, its type and its length (S12 to S15, group J).

use crate::answer::ok;
use crate::intended::Intended;
use crate::scenario::{Call, Content, Scenario, call, get, post, scenario};

const URL: &str = "http://a.test/";

fn with(name: &'static str, about: &'static str, call: Call) -> Scenario {
    scenario(name, about).answers([ok()]).call(call)
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        with("no body: GET", "S14", get(URL)),
        with("no body: HEAD", "S14", call("HEAD", URL)),
        with("no body: POST", "S14", post(URL)),
        with("no body: PUT", "S14", call("PUT", URL)),
        with("no body: PATCH", "S14", call("PATCH", URL)),
        with("no body: DELETE", "S14", call("DELETE", URL)),
        with("no body: OPTIONS", "S14", call("OPTIONS", URL)),
        with("no body: a method of one's own", "S14", call("PURGE", URL)),
        with("an empty text", "S14", post(URL).text("")),
        with("an empty text for GET", "S14", get(URL).text("")),
        with("text", "S15", post(URL).text("plain text")),
        with("text beyond ASCII", "S15", post(URL).text("caf\u{e9} \u{20ac}")),
        with("text with a type", "S15", post(URL).text("a,b").header("content-type", "text/csv")),
        with("octets", "S15", post(URL).content(Content::Bytes(vec![0, 1, 128, 255]))),
        with("a body of GET", "S14", get(URL).text("asked")),
        with("a body of DELETE", "S14", call("DELETE", URL).text("why")),
        with("a body of OPTIONS", "S14", call("OPTIONS", URL).text("x")),
        with("a form", "S15", post(URL).form([("a", "1"), ("b", "2")])),
        with("a form with a key twice", "group J", post(URL).form([("a", "1"), ("a", "2")])),
        with(
            "a form with all sorts of characters",
            "group J",
            post(URL).form([("a b", "c&d=e+f/g?h#i%j~k*l-m_n.o"), ("\u{e4}", "\u{20ac}\n\r\n")]),
        ),
        with("a form with an empty value", "group J", post(URL).form([("a", "")])),
        with(
            "a form with a type of one's own",
            "S15",
            post(URL).form([("a", "1")]).header("content-type", "application/x-custom"),
        ),
        with("an empty form", "group J", post(URL).form([])),
        with("JSON: an empty object", "S13", post(URL).json("{}")),
        with("JSON: an empty array", "S13", post(URL).json("[]")),
        with("JSON: zero", "S13", post(URL).json("0")),
        with("JSON: false", "S13", post(URL).json("false")),
        with("JSON: an empty string", "S13", post(URL).json("\"\"")),
        with("JSON: an array of one", "S13", post(URL).json("[1]")),
        with("JSON: an object", "S13", post(URL).json("{\"a\": 1}")),
        with("JSON: beyond ASCII", "group J", post(URL).json("\"\u{e9}\"")),
        with(
            "JSON: with a type of one's own",
            "S15",
            post(URL).json("1").header("content-type", "application/vnd.api+json"),
        ),
        with("JSON: of GET", "S13", get(URL).json("1")),
        with("JSON: a number that is none", "S13", post(URL).json("NaN")),
        with("a stream", "S14", post(URL).stream(["one ", "two"])),
        with("a stream of nothing", "S14", post(URL).stream([])),
        with("a stream with an empty chunk in it", "S14", post(URL).stream(["one ", "", "two"])),
        with("a stream of PUT", "S14", call("PUT", URL).stream(["one"])),
        with("a stream with a type", "S15", post(URL).stream(["one"]).header("content-type", "text/plain")),
        with("a stream with an auth", "group D", post(URL).stream(["one"]).basic("u", "p")),
        with("a stream with a length by hand", "S15", post(URL).stream(["one"]).header("content-length", "3")),
        with("a wrong length by hand", "S15", post(URL).text("four").header("content-length", "9")),
        with("a right length by hand", "S15", post(URL).text("four").header("content-length", "4")),
        with("a length by hand and no body", "group J", post(URL).header("content-length", "0")),
        with("chunked by hand", "S15", post(URL).text("four").header("transfer-encoding", "chunked")),
        with("a stream with a Host by hand", "group H", post(URL).stream(["one"]).header("host", "virtual.test")),
        with("a large text", "group J", post(URL).text(&"0123456789".repeat(20_000))),
    ]
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "a form with all sorts of characters",
        statement: "S4",
        reason: "forms and queries are encoded as browsers do (WHATWG URL §5.2), who keep * and escape ~",
        differences: &[(
            "request 1 body",
            "a+b=c%26d%3De%2Bf%2Fg%3Fh%23i%25j~k%2Al-m_n.o&%C3%A4=%E2%82%AC%0A%0D%0A",
            "a+b=c%26d%3De%2Bf%2Fg%3Fh%23i%25j%7Ek*l-m_n.o&%C3%A4=%E2%82%AC%0A%0D%0A",
        )],
    },
    Intended {
        scenario: "an empty form",
        statement: "S15",
        reason: "a form of no fields is a form",
        differences: &[("request 1 content-type", "-", "application/x-www-form-urlencoded")],
    },
    Intended {
        scenario: "JSON: an object",
        statement: "S13",
        reason: "JSON without the blanks that mean nothing",
        differences: &[("request 1 body", "{\"a\": 1}", "{\"a\":1}"), ("request 1 content-length", "8", "7")],
    },
    Intended {
        scenario: "JSON: beyond ASCII",
        statement: "S13",
        reason: "JSON is UTF-8 (RFC 8259 §8.1), so no letter needs an escape",
        differences: &[("request 1 body", "\"\\u00e9\"", "\"Ã©\""), ("request 1 content-length", "8", "4")],
    },
    Intended {
        scenario: "a stream with a length by hand",
        statement: "S15",
        reason: "a length and chunks in one request are how requests are smuggled",
        differences: &[("call 1", "200", "error: invalid header"), ("request 1", "POST / at http://a.test", "-")],
    },
    Intended {
        scenario: "a wrong length by hand",
        statement: "S15",
        reason: "a length that contradicts the body is an error, not corrected in silence",
        differences: &[("call 1", "200", "error: invalid header"), ("request 1", "POST / at http://a.test", "-")],
    },
    Intended {
        scenario: "chunked by hand",
        statement: "S15",
        reason: "a length and chunks in one request are how requests are smuggled",
        differences: &[("request 1 content-length", "4", "-")],
    },
    Intended {
        scenario: "JSON: a number that is none",
        statement: "S13",
        reason: "JSON has no NaN, and serde_json writes null for it, as JSON.stringify does",
        differences: &[("call 1", "error: not serializable", "200"), ("request 1", "-", "POST / at http://a.test")],
    },
];
