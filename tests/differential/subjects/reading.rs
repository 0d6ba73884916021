//! How a body is read in parts, and what headers say of other pages (S69, S70, group O).

use crate::answer::{raw, reply};
use crate::intended::Intended;
use crate::scenario::{Read, Scenario, get, scenario};

const URL: &str = "http://a.test/dir/page";

fn lines(name: &'static str, body: impl AsRef<[u8]>) -> Scenario {
    let answer = reply(200, [("content-type", "text/plain; charset=utf-8")], body);
    scenario(name, "S69").answers([answer]).call(get(URL).read(Read::Lines))
}

fn links(name: &'static str, link: &str) -> Scenario {
    scenario(name, "S70").answers([reply(200, [("link", link)], "")]).call(get(URL).read(Read::Links))
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let split = format!("{}\r\nnext\n", "x".repeat(511));
    vec![
        lines("lines: line feeds", "one\ntwo\nthree\n"),
        lines("lines: no end of the last one", "one\ntwo"),
        lines("lines: carriage returns and line feeds", "one\r\ntwo\r\n"),
        lines("lines: carriage returns", "one\rtwo\r"),
        lines("lines: all three", "one\ntwo\r\nthree\rfour"),
        lines("lines: empty ones", "\n\none\n\n\r\n"),
        lines("lines: nothing", ""),
        lines("lines: beyond ASCII", "caf\u{e9}\n\u{20ac}\n"),
        lines("lines: what only Python's text takes for an end", "a\u{b}b\u{c}c\u{1c}d\u{85}e\u{2028}f\n"),
        lines("lines: an end between two reads", split),
        lines("lines: a very long one", "x".repeat(5000)),
        scenario("lines: in chunks", "S69")
            .answers([raw(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\none\nt\r\n4\r\nwo\nx\r\n0\r\n\r\n",
            )])
            .call(get(URL).read(Read::Lines)),
        links("links: one", "<http://a.test/2>; rel=\"next\""),
        links("links: several", "<http://a.test/2>; rel=\"next\", <http://a.test/9>; rel=\"last\"; title=\"the end\""),
        links("links: without quotes", "<http://a.test/2>; rel=next"),
        links("links: a relative one", "</2>; rel=next"),
        links("links: a comma in the URL", "<http://a.test/2,3>; rel=next"),
        links("links: a comma in a parameter", "<http://a.test/2>; rel=next; title=\"a, b\""),
        links("links: without a relation", "<http://a.test/2>"),
        links("links: two relations", "<http://a.test/2>; rel=\"next last\""),
        links("links: blanks", "  <http://a.test/2> ;  rel = \"next\" "),
        links("links: parameters in capitals", "<http://a.test/2>; REL=next"),
        links("links: nothing in it", ""),
        links("links: no angle brackets", "http://a.test/2; rel=next"),
        scenario("links: in two headers", "S70")
            .answers([reply(
                200,
                [("link", "<http://a.test/2>; rel=next"), ("link", "<http://a.test/0>; rel=prev")],
                "",
            )])
            .call(get(URL).read(Read::Links)),
        scenario("links: none", "S70").answers([reply(200, [], "")]).call(get(URL).read(Read::Links)),
    ]
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "lines: an end between two reads",
        statement: "S69",
        reason: "a line end that comes in two reads is one",
        differences: &[(
            "call 1 lines",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx |  | next",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | next",
        )],
    },
    Intended {
        scenario: "links: a relative one",
        statement: "S70",
        reason: "a link is resolved against the response's URL",
        differences: &[("call 1 links", "next /2", "next http://a.test/2")],
    },
    Intended {
        scenario: "links: parameters in capitals",
        statement: "S70",
        reason: "names of parameters have no case (RFC 8288 §3)",
        differences: &[("call 1 links", " http://a.test/2", "next http://a.test/2")],
    },
    Intended {
        scenario: "links: no angle brackets",
        statement: "S70",
        reason: "a link without its brackets is none (RFC 8288 §3)",
        differences: &[("call 1 links", "next http://a.test/2", "")],
    },
];
