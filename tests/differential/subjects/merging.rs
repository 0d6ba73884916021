//! What a request gets from its session: headers, params, hooks (S1 to S7, S12, S17, S52, S53, groups G and H).

use crate::answer::{ok, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Head, Hook, Scenario, Settings, call, get, page, pairs, post, scenario};

const URL: &str = "http://a.test/";

fn with(name: &'static str, about: &'static str, settings: impl FnOnce(&mut Settings), call: Call) -> Scenario {
    scenario(name, about).answers([ok()]).session(settings).call(call)
}

fn headers() -> Vec<Scenario> {
    let default = |s: &mut Settings| {
        s.header("x-team", "blue");
        s.header("x-trace", "7");
    };
    vec![
        with("a session's headers", "S1", default, get(URL)),
        with("a header of the request's beats the session's", "S1", default, get(URL).header("x-team", "red")),
        with("a name in another case is the same name", "S2", default, get(URL).header("X-TEAM", "red")),
        with("order and spelling of names", "S2", default, get(URL).header("X-TEAM", "red").header("X-Own", "1"))
            .head(Head::Names),
        with("a header of the session's left out", "S1", default, get(URL).without_header("x-team")),
        with(
            "a header of the session's left out, in another case",
            "group H",
            default,
            get(URL).without_header("X-Team"),
        ),
        with("a header left out that is not there", "S1", default, get(URL).without_header("x-other")),
        with(
            "a header left out of the session",
            "group H",
            |s| {
                s.header("x-team", "blue");
                s.without_header("x-team");
            },
            get(URL),
        ),
        with("an empty value", "S17", |_| (), get(URL).header("x-empty", "")),
        with("User-Agent of the session", "group H", |s| s.header("user-agent", "inventory/1.4"), get(URL)),
        with(
            "User-Agent of the request",
            "group H",
            |s| s.header("user-agent", "inventory/1.4"),
            get(URL).header("user-agent", "own"),
        ),
        with("User-Agent left out", "S3", |_| (), get(URL).without_header("user-agent")),
        with("Accept-Encoding left out", "S3", |_| (), get(URL).without_header("accept-encoding")),
        with("Accept left out", "S3", |_| (), get(URL).without_header("accept")),
        with("Accept of the request", "S1", |_| (), get(URL).header("accept", "text/html")),
        with("Accept-Encoding of the request", "S1", |_| (), get(URL).header("accept-encoding", "identity")),
        with("Host by hand", "group H", |_| (), get(URL).header("host", "virtual.test")),
        with("Connection: close", "group H", |_| (), get(URL).header("connection", "close")),
        with("a value beyond ASCII", "S17", |_| (), get(URL).header("x-name", "caf\u{e9}")),
        with("a value with a line feed", "group H", |_| (), get(URL).header("x-evil", "a\nb")),
        with("a value with a carriage return", "group H", |_| (), get(URL).header("x-evil", "a\r\nb: c")),
        with("a value that begins with a space", "group H", |_| (), get(URL).header("x-space", " a")),
        with("a value that begins with a tab", "group H", |_| (), get(URL).header("x-space", "\ta")),
        with("a value that ends with a space", "group H", |_| (), get(URL).header("x-space", "a ")).head(Head::Values),
        with("a value with a NUL", "S17", |_| (), get(URL).header("x-nul", "a\u{0}b")),
        with("a name with a space in it", "S17", |_| (), get(URL).header("x name", "a")),
        with("a name with a colon in it", "S17", |_| (), get(URL).header("x:name", "a")),
        with("an empty name", "S17", |_| (), get(URL).header("", "a")),
        with("a method in lower case", "S12", |_| (), call("patch", URL).text("x")),
        with("a method of one's own", "group A", |_| (), call("PURGE", URL)),
        with("a method that is none", "S92", |_| (), call("GET /x HTTP/1.1\r\nA:", URL)),
        scenario("a request's headers are not the next one's", "group A")
            .answers([ok()])
            .call(get(URL).header("x-once", "1"))
            .call(get(URL)),
        scenario("headers go along a redirect", "S1")
            .server("http://a.test", [page("/from", redirect(302, "/to")), page("*", ok())])
            .session(|s| s.header("x-team", "blue"))
            .call(get("http://a.test/from").header("x-own", "1").without_header("accept")),
    ]
}

fn params() -> Vec<Scenario> {
    let lang = |s: &mut Settings| s.params = pairs([("lang", "en")]);
    vec![
        with("params", "S4", |_| (), get(URL).params([("a", "1"), ("b", "2")])),
        with("params after a query", "S4", |_| (), get("http://a.test/?x=0").params([("a", "1")])),
        with("params before a fragment", "S4", |_| (), get("http://a.test/p#frag").params([("a", "1")])),
        with(
            "params after a query and before a fragment",
            "group I",
            |_| (),
            get("http://a.test/p?x=0#frag").params([("a", "1")]),
        ),
        with("a param twice", "S4", |_| (), get(URL).params([("a", "1"), ("a", "2")])),
        with("a param that the URL has too", "S4", |_| (), get("http://a.test/?a=0").params([("a", "1")])),
        with(
            "params with all sorts of characters",
            "S4",
            |_| (),
            get(URL).params([("a b", "c&d=e+f/g?h#i%j~k"), ("\u{e4}", "\u{20ac}")]),
        ),
        with("a param without a value", "S4", |_| (), get(URL).params([("a", "")])),
        with(
            "params keep their case and their order",
            "group I",
            |_| (),
            get(URL).params([("z", "1"), ("Z", "2"), ("a", "3")]),
        ),
        with("a session's params", "S4", lang, get(URL)),
        with("a session's params after a query", "S4", lang, get("http://a.test/?x=0")),
        with("a session's params and the request's", "S4", lang, get(URL).params([("a", "1")])),
        with("a session's param and the request's of the same name", "S4", lang, get(URL).params([("lang", "de")])),
        with("a session's params and a list of pairs", "S5", lang, get(URL).params([("a", "1"), ("a", "2")])),
        with("params of a POST", "S4", |_| (), post("http://a.test/form").params([("a", "1")]).form([("b", "2")])),
    ]
}

fn hooks() -> Vec<Scenario> {
    let redirecting = |name, about| {
        scenario(name, about).server("http://a.test", [page("/from", redirect(302, "/to")), page("*", ok())])
    };
    let from = || get("http://a.test/from");
    let note = |name| Hook::Note(name);
    vec![
        redirecting("a session's hooks run on each hop", "S52")
            .session(|s| s.hooks = vec![note("one"), note("two")])
            .call(from()),
        redirecting("a request's hooks run on each hop", "S52").call(from().hook(note("one")).hook(note("two"))),
        redirecting("a session's hooks and the request's", "S7")
            .session(|s| s.hooks = vec![note("session")])
            .call(from().hook(note("request"))),
        scenario("a hook changes the answer's headers", "S53")
            .answers([reply(200, [("x-a", "server")], "ok")])
            .call(get(URL).hook(Hook::Set("x-a", "hook")).show("x-a")),
        scenario("a hook's redirect is followed", "S53")
            .server("http://a.test", [page("/from", reply(302, [("location", "/wrong")], "")), page("*", ok())])
            .call(from().hook(Hook::Set("location", "/right"))),
        scenario("a hook that fails fails the call", "S53")
            .answers([ok()])
            .call(get(URL).hook(Hook::Fail).hook(note("never"))),
        redirecting("a hook that fails stops the redirects", "S53").call(from().hook(note("first")).hook(Hook::Fail)),
        scenario("hooks run on errors too", "S52").answers([reply(500, [], "no")]).call(get(URL).hook(note("one"))),
        scenario("a request's hooks are not the next one's", "S7")
            .answers([ok()])
            .call(get(URL).hook(note("one")))
            .call(get(URL)),
    ]
}

/// Requests that were prepared by themselves: what the session has does not concern them in requests.
fn prepared() -> Vec<Scenario> {
    let has_all = |s: &mut Settings| {
        s.header("x-team", "blue");
        s.params = pairs([("lang", "en")]);
        s.cookies = pairs([(URL, "id=7; Path=/")]);
        s.basic("user", "pass");
    };
    let redirecting =
        |name| scenario(name, "S11").server("http://a.test", [page("/from", redirect(302, "/to")), page("*", ok())]);
    vec![
        with(
            "a prepared request",
            "S11",
            |_| (),
            get(URL).prepared().without_defaults().header("x-own", "1").params([("a", "1")]),
        ),
        with("a prepared request and defaults", "S11", |_| (), get(URL).prepared()),
        with(
            "a prepared request with a body",
            "S11",
            |_| (),
            post(URL).prepared().without_defaults().form([("a", "1")]),
        ),
        with(
            "a prepared request and a session that has something to add",
            "S11",
            has_all,
            get(URL).prepared().without_defaults(),
        ),
        redirecting("a prepared request's redirects are followed")
            .call(get("http://a.test/from").prepared().without_defaults()),
        redirecting("a prepared request's hooks run")
            .call(get("http://a.test/from").prepared().without_defaults().hook(Hook::Note("one"))),
        scenario("what a prepared request is answered with is kept", "S11")
            .answers([reply(200, [("set-cookie", "id=7; Path=/")], "ok")])
            .call(get(URL).prepared().without_defaults())
            .call(get(URL)),
        scenario("a session that is closed", "S60").answers([ok()]).call(get(URL)).call(get(URL).after_close()),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    headers().into_iter().chain(params()).chain(hooks()).chain(prepared()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "User-Agent left out",
        statement: "S3",
        reason: "a header that is left out is not there, nor another in its place",
        differences: &[("request 1 user-agent", "python-urllib3/2.7.0", "-")],
    },
    Intended {
        scenario: "Accept-Encoding left out",
        statement: "S3",
        reason: "a header that is left out is not there, nor another in its place",
        differences: &[("request 1 accept-encoding", "identity", "-")],
    },
    Intended {
        scenario: "a value beyond ASCII",
        statement: "S17",
        reason: "text is UTF-8",
        differences: &[("request 1 x-name", "café", "cafÃ©")],
    },
    Intended {
        scenario: "a value that begins with a space",
        statement: "S17",
        reason: "blanks around a value are no part of it (RFC 9110 §5.5)",
        differences: &[("call 1", "error: invalid header", "200"), ("request 1", "-", "GET / at http://a.test")],
    },
    Intended {
        scenario: "a value that begins with a tab",
        statement: "S17",
        reason: "blanks around a value are no part of it (RFC 9110 §5.5)",
        differences: &[("call 1", "error: invalid header", "200"), ("request 1", "-", "GET / at http://a.test")],
    },
    Intended {
        scenario: "a value with a NUL",
        statement: "S17",
        reason: "a NUL in a value is invalid (RFC 9110 §5.5)",
        differences: &[("call 1", "200", "error: invalid header"), ("request 1", "GET / at http://a.test", "-")],
    },
    Intended {
        scenario: "a name with a space in it",
        statement: "S17",
        reason: "a name is a token (RFC 9110 §5.1)",
        differences: &[("call 1", "200", "error: invalid header"), ("request 1", "GET / at http://a.test", "-")],
    },
    Intended {
        scenario: "a method that is none",
        statement: "S92",
        reason: "every error of a call is one of the client's own",
        differences: &[("call 1", "error: builtins.ValueError", "error: invalid method")],
    },
    Intended {
        scenario: "params with all sorts of characters",
        statement: "S4",
        reason: "forms and queries are encoded as browsers do (WHATWG URL §5.2), who keep * and escape ~",
        differences: &[
            (
                "call 1 url",
                "http://a.test/?a+b=c%26d%3De%2Bf%2Fg%3Fh%23i%25j~k&%C3%A4=%E2%82%AC",
                "http://a.test/?a+b=c%26d%3De%2Bf%2Fg%3Fh%23i%25j%7Ek&%C3%A4=%E2%82%AC",
            ),
            (
                "request 1",
                "GET /?a+b=c%26d%3De%2Bf%2Fg%3Fh%23i%25j~k&%C3%A4=%E2%82%AC at http://a.test",
                "GET /?a+b=c%26d%3De%2Bf%2Fg%3Fh%23i%25j%7Ek&%C3%A4=%E2%82%AC at http://a.test",
            ),
        ],
    },
    Intended {
        scenario: "a session's params and the request's",
        statement: "S4",
        reason: "defaults are appended to what the request has",
        differences: &[
            ("call 1 url", "http://a.test/?lang=en&a=1", "http://a.test/?a=1&lang=en"),
            ("request 1", "GET /?lang=en&a=1 at http://a.test", "GET /?a=1&lang=en at http://a.test"),
        ],
    },
    Intended {
        scenario: "a session's param and the request's of the same name",
        statement: "S4",
        reason: "defaults are appended always, and replaced by nothing",
        differences: &[
            ("call 1 url", "http://a.test/?lang=de", "http://a.test/?lang=de&lang=en"),
            ("request 1", "GET /?lang=de at http://a.test", "GET /?lang=de&lang=en at http://a.test"),
        ],
    },
    Intended {
        scenario: "a session's params and a list of pairs",
        statement: "S5",
        reason: "defaults are appended whatever form the request's params have",
        differences: &[
            ("call 1 url", "http://a.test/?a=1&a=2", "http://a.test/?a=1&a=2&lang=en"),
            ("request 1", "GET /?a=1&a=2 at http://a.test", "GET /?a=1&a=2&lang=en at http://a.test"),
        ],
    },
    Intended {
        scenario: "a session's hooks and the request's",
        statement: "S7",
        reason: "a request's hooks are added to the session's",
        differences: &[("hooks", "request 302 | request 200", "session 302 | request 302 | session 200 | request 200")],
    },
    Intended {
        scenario: "a prepared request and defaults",
        statement: "S11",
        reason: "a request that was built elsewhere goes through the whole session, with its defaults",
        differences: &[
            ("request 1 accept", "-", "*/*"),
            ("request 1 accept-encoding", "identity", "-"),
            ("request 1 user-agent", "python-urllib3/2.7.0", "-"),
        ],
    },
    Intended {
        scenario: "a prepared request and a session that has something to add",
        statement: "S11",
        reason: "a request that was built elsewhere goes through the whole session: defaults, cookies and auth are added as it is sent",
        differences: &[
            ("call 1 url", "http://a.test/", "http://a.test/?lang=en"),
            ("request 1", "GET / at http://a.test", "GET /?lang=en at http://a.test"),
            ("request 1 authorization", "-", "Basic dXNlcjpwYXNz"),
            ("request 1 cookie", "-", "id=7"),
            ("request 1 x-team", "-", "blue"),
        ],
    },
    Intended {
        scenario: "a session that is closed",
        statement: "S60",
        reason: "a session that was closed stays closed",
        differences: &[("call 2", "200", "error: closed"), ("request 2", "GET / at http://a.test", "-")],
    },
    Intended {
        scenario: "a method in lower case",
        statement: "S12",
        reason: "methods are case-sensitive (RFC 9110 §9.1), and sent as they are given",
        differences: &[("request 1", "PATCH / at http://a.test", "patch / at http://a.test")],
    },
    Intended {
        scenario: "order and spelling of names",
        statement: "S2",
        reason: "order and spelling of names mean nothing (RFC 9110 §5.1, §5.3), and http::HeaderMap keeps neither",
        differences: &[(
            "request 1 names",
            "GET / HTTP/1.1 | Host | User-Agent | Accept-Encoding | Accept | Connection | X-TEAM | x-trace | X-Own",
            "GET / HTTP/1.1 | x-team | x-own | user-agent | accept | x-trace | accept-encoding | host",
        )],
    },
];
