//! Redirects: what is followed, with which method and body, and how many (S19 to S21, S26 to S32, S72, group B).

use crate::answer::{ok, raw, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Read, Scenario, call, get, page, pages, post, scenario};

const FROM: &str = "http://a.test/from";

const METHODS: [(&str, [&str; 5]); 6] = [
    ("GET", ["301 to GET", "302 to GET", "303 to GET", "307 to GET", "308 to GET"]),
    ("HEAD", ["301 to HEAD", "302 to HEAD", "303 to HEAD", "307 to HEAD", "308 to HEAD"]),
    ("POST", ["301 to POST", "302 to POST", "303 to POST", "307 to POST", "308 to POST"]),
    ("PUT", ["301 to PUT", "302 to PUT", "303 to PUT", "307 to PUT", "308 to PUT"]),
    ("PATCH", ["301 to PATCH", "302 to PATCH", "303 to PATCH", "307 to PATCH", "308 to PATCH"]),
    ("DELETE", ["301 to DELETE", "302 to DELETE", "303 to DELETE", "307 to DELETE", "308 to DELETE"]),
];

/// Each redirecting status to each method, with a body where the method has one.
fn methods_and_bodies() -> impl Iterator<Item = Scenario> {
    METHODS.into_iter().flat_map(|(method, names)| {
        names.into_iter().zip([301, 302, 303, 307, 308]).map(move |(name, status)| {
            let call = call(method, FROM).redirects(true);
            let has_body = matches!(method, "POST" | "PUT" | "PATCH");
            let call = if has_body { call.form([("a", "1")]) } else { call };
            from_to(scenario(name, "S20"), status, call)
        })
    })
}

fn from_to(scenario: Scenario, status: u16, call: Call) -> Scenario {
    scenario.server("http://a.test", [page("/from", redirect(status, "/to")), page("/to", ok())]).call(call)
}

/// `/1` leads to `/2` and so on, up to `/5`.
fn staircase(scenario: Scenario) -> Scenario {
    let steps = [("/1", "/2"), ("/2", "/3"), ("/3", "/4"), ("/4", "/5")];
    let steps = steps.map(|(from, to)| page(from, redirect(302, to)));
    scenario.server("http://a.test", steps.into_iter().chain([page("/5", ok())]))
}

fn what_is_followed() -> Vec<Scenario> {
    let no_redirect = |name, status| from_to(scenario(name, "S19"), status, get(FROM));
    vec![
        no_redirect("300 is not followed", 300),
        no_redirect("304 is not followed", 304),
        no_redirect("305 is not followed", 305),
        no_redirect("306 is not followed", 306),
        no_redirect("200 with a Location is not followed", 200),
        no_redirect("201 with a Location is not followed", 201),
        scenario("a redirect without Location is the answer", "S19")
            .answers([reply(302, [], "nowhere")])
            .call(get(FROM)),
        scenario("a redirect with an empty Location is the answer", "S19")
            .answers([reply(302, [("location", "")], "nowhere")])
            .call(get(FROM)),
        from_to(
            scenario("a redirect is the answer if it is not to be followed", "S29"),
            302,
            get(FROM).redirects(false).show("location"),
        ),
        from_to(scenario("HEAD is not asked to follow", "S29"), 302, call("HEAD", FROM)),
        from_to(scenario("a method of one's own is kept by a 302", "S20"), 302, call("PROPFIND", FROM).text("<all/>")),
        from_to(scenario("OPTIONS is kept by a 301", "S20"), 301, call("OPTIONS", FROM)),
        from_to(scenario("QUERY is kept by a 302", "S20"), 302, call("QUERY", FROM).text("q")),
    ]
}

fn how_many() -> Vec<Scenario> {
    let limited = |name, limit| {
        staircase(scenario(name, "S27")).session(|s| s.max_redirects = Some(limit)).call(get("http://a.test/1"))
    };
    vec![
        staircase(scenario("history is oldest first and without the answer", "S28")).call(get("http://a.test/1")),
        staircase(scenario("each redirect has those before it, and its own time", "S28"))
            .call(get("http://a.test/1").show_hops()),
        scenario("a redirect that comes late", "S72")
            .answers([
                raw("").wait(500).send("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
                redirect(302, "/"),
                ok(),
            ])
            .call(get("http://a.test/").show_hops()),
        limited("as many redirects as are allowed", 4),
        limited("one redirect too many", 3),
        limited("no redirect is allowed", 0),
        limited("one is allowed, four come", 1),
        staircase(scenario("a limit counts each call anew", "S27"))
            .session(|s| s.max_redirects = Some(4))
            .call(get("http://a.test/1"))
            .call(get("http://a.test/1")),
        from_to(scenario("no answer has itself in its history", "group B"), 302, get(FROM))
            .call(get("http://a.test/to")),
        scenario("the default limit", "S27").answers([redirect(302, "/again")]).call(get("http://a.test/")),
    ]
}

fn bodies() -> Vec<Scenario> {
    let described = |call: Call| {
        call.header("content-encoding", "identity")
            .header("content-language", "de")
            .header("content-location", "/x")
            .header("content-type", "text/plain")
            .header("x-own", "stays")
            .text("body")
    };
    vec![
        from_to(scenario("headers about a body go with it after a 302", "S21"), 302, described(post(FROM))),
        from_to(scenario("headers about a body go with it after a 303", "S21"), 303, described(post(FROM))),
        from_to(scenario("headers about a body stay with it after a 307", "S21"), 307, described(post(FROM))),
        from_to(scenario("a stream cannot be sent again after a 307", "S31"), 307, post(FROM).stream(["one ", "two"])),
        from_to(
            scenario("a stream need not be sent again after a 303", "S31"),
            303,
            post(FROM).stream(["one ", "two"]),
        ),
        from_to(scenario("JSON is sent again after a 308", "S20"), 308, post(FROM).json("[1]")),
        from_to(scenario("octets are sent again after a 307", "S20"), 307, call("PUT", FROM).text("\u{0}\u{e9}")),
        scenario("two redirects that keep the body", "S20")
            .server(
                "http://a.test",
                [page("/from", redirect(307, "/over")), page("/over", redirect(308, "/to")), page("/to", ok())],
            )
            .call(post(FROM).form([("a", "1")])),
        scenario("a body that was dropped stays dropped", "S21")
            .server(
                "http://a.test",
                [page("/from", redirect(303, "/over")), page("/over", redirect(307, "/to")), page("/to", ok())],
            )
            .call(post(FROM).form([("a", "1")])),
        scenario("a redirect's own body is read away", "S26")
            .server(
                "http://a.test",
                [page("/from", reply(302, [("location", "/to")], "x".repeat(3000))), page("/to", ok())],
            )
            .call(get(FROM)),
        scenario("a redirect with a very large body of its own", "S26")
            .server(
                "http://a.test",
                [page("/from", reply(302, [("location", "/to")], "x".repeat(400_000))), page("/to", ok())],
            )
            .connections()
            .call(get(FROM)),
        scenario("a redirect's body that is cut short does not matter", "S26")
            .server(
                "http://a.test",
                [
                    page("/from", raw("HTTP/1.1 302 Found\r\nlocation: /to\r\ncontent-length: 99\r\n\r\nshort").ends()),
                    page("/to", ok()),
                ],
            )
            .call(get(FROM)),
        scenario("a redirect's body need not be in the coding it claims", "group B")
            .server(
                "http://a.test",
                [
                    page("/from", reply(302, [("location", "/to"), ("content-encoding", "gzip")], "no gzip")),
                    page("/to", ok()),
                ],
            )
            .call(get(FROM)),
        scenario("a redirect is read before its call ends", "S26")
            .server("http://a.test", [pages("/from", [redirect(302, "/to")]), page("/to", ok())])
            .call(get(FROM).read(Read::Nothing))
            .call(get("http://a.test/to")),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    methods_and_bodies().chain(what_is_followed()).chain(how_many()).chain(bodies()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "301 to PUT",
        statement: "S21",
        reason: "the body goes only with the method (RFC 9110 §15.4)",
        differences: &[
            ("request 2 body", "-", "a=1"),
            ("request 2 content-length", "0", "3"),
            ("request 2 content-type", "-", "application/x-www-form-urlencoded"),
        ],
    },
    Intended {
        scenario: "302 to PUT",
        statement: "S20",
        reason: "only POST becomes GET after a 302 (RFC 9110 §15.4.3)",
        differences: &[
            ("request 2", "GET /to at http://a.test", "PUT /to at http://a.test"),
            ("request 2 body", "-", "a=1"),
            ("request 2 content-length", "-", "3"),
            ("request 2 content-type", "-", "application/x-www-form-urlencoded"),
        ],
    },
    Intended {
        scenario: "301 to PATCH",
        statement: "S21",
        reason: "the body goes only with the method (RFC 9110 §15.4)",
        differences: &[
            ("request 2 body", "-", "a=1"),
            ("request 2 content-length", "0", "3"),
            ("request 2 content-type", "-", "application/x-www-form-urlencoded"),
        ],
    },
    Intended {
        scenario: "302 to PATCH",
        statement: "S20",
        reason: "only POST becomes GET after a 302 (RFC 9110 §15.4.3)",
        differences: &[
            ("request 2", "GET /to at http://a.test", "PATCH /to at http://a.test"),
            ("request 2 body", "-", "a=1"),
            ("request 2 content-length", "-", "3"),
            ("request 2 content-type", "-", "application/x-www-form-urlencoded"),
        ],
    },
    Intended {
        scenario: "301 to DELETE",
        statement: "S21",
        reason: "a request without a body says so on every hop alike",
        differences: &[("request 2 content-length", "-", "0")],
    },
    Intended {
        scenario: "302 to DELETE",
        statement: "S20",
        reason: "only POST becomes GET after a 302 (RFC 9110 §15.4.3)",
        differences: &[
            ("request 2", "GET /to at http://a.test", "DELETE /to at http://a.test"),
            ("request 2 content-length", "-", "0"),
        ],
    },
    Intended {
        scenario: "HEAD is not asked to follow",
        statement: "S29",
        reason: "HEAD is followed like GET, as browsers and curl -L do",
        differences: &[
            ("call 1", "302", "200"),
            ("call 1 history", "", "302 http://a.test/from"),
            ("call 1 url", "http://a.test/from", "http://a.test/to"),
            ("request 2", "-", "HEAD /to at http://a.test"),
        ],
    },
    Intended {
        scenario: "a method of one's own is kept by a 302",
        statement: "S20",
        reason: "only POST becomes GET after a 302 (RFC 9110 §15.4.3)",
        differences: &[
            ("request 2", "GET /to at http://a.test", "PROPFIND /to at http://a.test"),
            ("request 2 body", "-", "<all/>"),
            ("request 2 content-length", "-", "6"),
        ],
    },
    Intended {
        scenario: "OPTIONS is kept by a 301",
        statement: "S21",
        reason: "a request without a body says so on every hop alike",
        differences: &[("request 2 content-length", "-", "0")],
    },
    Intended {
        scenario: "QUERY is kept by a 302",
        statement: "S20",
        reason: "only POST becomes GET after a 302 (RFC 9110 §15.4.3)",
        differences: &[
            ("request 2", "GET /to at http://a.test", "QUERY /to at http://a.test"),
            ("request 2 body", "-", "q"),
            ("request 2 content-length", "-", "1"),
        ],
    },
    Intended {
        scenario: "the default limit",
        statement: "S27",
        reason: "20 redirects, as in browsers",
        differences: &[
            ("call 1 followed", "30", "20"),
            ("request 22", "GET /again at http://a.test", "-"),
            ("request 23", "GET /again at http://a.test", "-"),
            ("request 24", "GET /again at http://a.test", "-"),
            ("request 25", "GET /again at http://a.test", "-"),
            ("request 26", "GET /again at http://a.test", "-"),
            ("request 27", "GET /again at http://a.test", "-"),
            ("request 28", "GET /again at http://a.test", "-"),
            ("request 29", "GET /again at http://a.test", "-"),
            ("request 30", "GET /again at http://a.test", "-"),
            ("request 31", "GET /again at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "headers about a body go with it after a 302",
        statement: "S21",
        reason: "all headers that describe a body go with it, as in urllib3 (RFC 9110 §15.4)",
        differences: &[
            ("request 2 content-encoding", "identity", "-"),
            ("request 2 content-language", "de", "-"),
            ("request 2 content-location", "/x", "-"),
        ],
    },
    Intended {
        scenario: "headers about a body go with it after a 303",
        statement: "S21",
        reason: "all headers that describe a body go with it, as in urllib3 (RFC 9110 §15.4)",
        differences: &[
            ("request 2 content-encoding", "identity", "-"),
            ("request 2 content-language", "de", "-"),
            ("request 2 content-location", "/x", "-"),
        ],
    },
    Intended {
        scenario: "a stream cannot be sent again after a 307",
        statement: "S31",
        reason: "a stream is gone once it is sent; requests sends nothing in its place",
        differences: &[("call 1", "200", "error: not replayable"), ("request 2", "POST /to at http://a.test", "-")],
    },
    Intended {
        scenario: "a redirect with a very large body of its own",
        statement: "S26",
        reason: "what is too much to read away costs its connection, and no time",
        differences: &[("request 2 connection", "1", "2")],
    },
    Intended {
        scenario: "a redirect that comes late",
        statement: "S72",
        reason: "the time of an answer is that of the whole call; each redirect has its own beside it",
        differences: &[(
            "call 1 hops",
            "0 before, late | 1 before, at once | 2 before, at once",
            "0 before, late | 1 before, at once | 2 before, late",
        )],
    },
];
