//! Where a redirect leads: how `Location` is read, and what becomes of the fragment (S22 to S25, S30, group B).

use crate::answer::{ok, raw, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Scenario, get, page, scenario};

/// A redirect from `http://a.test/dir/from?q=1` to whatever is written there; both hosts have every page.
fn leads(name: &'static str, about: &'static str, location: &str) -> Scenario {
    scenario(name, about)
        .server("http://a.test", [page("/dir/from?q=1", redirect(302, location)), page("*", ok())])
        .server("http://b.test", [page("*", ok())])
        .call(get("http://a.test/dir/from?q=1"))
}

fn raw_location(name: &'static str, about: &'static str, location: &[u8]) -> Scenario {
    let answer = [b"HTTP/1.1 302 Found\r\nlocation: ", location, b"\r\ncontent-length: 0\r\n\r\n"].concat();
    scenario(name, about)
        .server("http://a.test", [page("/from", raw(answer)), page("*", ok())])
        .call(get("http://a.test/from"))
}

fn with_fragment(name: &'static str, location: &str) -> Scenario {
    scenario(name, "S25")
        .server("http://a.test", [page("/from", redirect(302, location)), page("*", ok())])
        .call(get("http://a.test/from#first"))
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        leads("Location: a path", "S24", "/to"),
        leads("Location: a relative path", "S24", "to"),
        leads("Location: a path upwards", "S24", "../to"),
        leads("Location: a path above the root", "S24", "../../../to"),
        leads("Location: a query alone", "S24", "?r=2"),
        leads("Location: a path with a query", "S24", "/to?r=2&s=3"),
        leads("Location: an absolute URL", "S24", "http://b.test/to"),
        leads("Location: an absolute URL without a path", "S24", "http://b.test"),
        leads("Location: a host without a scheme", "S24", "//b.test/to"),
        leads("Location: the default port, written out", "S24", "http://a.test:80/to"),
        leads("Location: a scheme in capitals", "group B", "HTTP://b.test/to"),
        leads("Location: a host in capitals", "S24", "http://B.TEST/to"),
        leads("Location: a scheme and no slashes", "S24", "http:/to"),
        leads("Location: a scheme and three slashes", "S24", "http:///to"),
        leads("Location: a space", "S22", "/a b"),
        leads("Location: a tab", "S22", "/a\tb"),
        leads("Location: a backslash", "S22", "/a\\b"),
        leads("Location: an escape that is kept", "S23", "/a%2Fb%20c"),
        leads("Location: an escape in lower case", "S23", "/a%2fb"),
        leads("Location: an unreserved character escaped", "S23", "/%7Euser"),
        leads("Location: a malformed escape beside good ones", "S23", "/%7e/%2F%zz"),
        leads("Location: a semicolon", "S24", "/to;v=1"),
        leads("Location: double slashes in the path", "S24", "/a//b"),
        leads("Location: dots that are escaped", "S24", "/a/%2e%2e/b"),
        leads("Location: a port that there is none", "S92", "http://a.test:99999/"),
        leads("Location: an address that is broken", "S92", "http://[::1/"),
        leads("Location: a scheme that is not HTTP's", "S30", "ftp://a.test/to"),
        leads("Location: a file", "S30", "file:///etc/passwd"),
        leads("Location: javascript", "S30", "javascript:alert(1)"),
        leads("Location: no such host", "S92", "http://nowhere.test/"),
        leads("Location: with a user", "S35", "http://user:secret@a.test/to"),
        leads("Location: with a user elsewhere", "S35", "http://user:secret@b.test/to"),
        raw_location("Location: UTF-8", "S22", "/\u{161}\u{20ac}".as_bytes()),
        raw_location("Location: octets that are no UTF-8", "S22", b"/\xff"),
        raw_location("Location: twice", "S24", b"/one\r\nlocation: /two"),
        raw_location("Location: with blanks around it", "S24", b"   /to  "),
        leads("Location: a host in Unicode", "S22", "http://b\u{fc}cher.test/"),
        with_fragment("a fragment is inherited", "/to"),
        with_fragment("a fragment is replaced", "/to#second"),
        with_fragment("a fragment is not sent", "/to?x=1"),
        scenario("a fragment is carried over several redirects", "S25")
            .server(
                "http://a.test",
                [page("/from", redirect(302, "/over#mid")), page("/over", redirect(302, "/to")), page("*", ok())],
            )
            .call(get("http://a.test/from#first")),
        scenario("a redirect to a fragment of the same page", "S25")
            .answers([redirect(302, "#x"), ok()])
            .call(get("http://a.test/page")),
        scenario("a redirect to itself with a cookie", "group B")
            .answers([reply(302, [("location", "/"), ("set-cookie", "seen=1")], ""), ok()])
            .call(get("http://a.test/")),
        scenario("params are not added to a redirect", "group B")
            .server("http://a.test", [page("/from", redirect(302, "/to")), page("*", ok())])
            .session(|s| s.params = crate::scenario::pairs([("lang", "en")]))
            .call(get("http://a.test/from").params([("a", "1")])),
    ]
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "Location: an absolute URL without a path",
        statement: "S24",
        reason: "a URL has a path, if only the root",
        differences: &[("call 1 url", "http://b.test", "http://b.test/")],
    },
    Intended {
        scenario: "Location: the default port, written out",
        statement: "S24",
        reason: "a port that says nothing is not written",
        differences: &[("call 1 url", "http://a.test:80/to", "http://a.test/to")],
    },
    Intended {
        scenario: "Location: a host in capitals",
        statement: "S24",
        reason: "the host of a URL is in lower case",
        differences: &[("call 1 url", "http://B.TEST/to", "http://b.test/to")],
    },
    Intended {
        scenario: "Location: a scheme and three slashes",
        statement: "S24",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[("call 1", "200", "error: connect"), ("request 2", "GET /to at http://a.test", "-")],
    },
    Intended {
        scenario: "Location: a backslash",
        statement: "S22",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[
            ("call 1 url", "http://a.test/a%5Cb", "http://a.test/a/b"),
            ("request 2", "GET /a%5Cb at http://a.test", "GET /a/b at http://a.test"),
        ],
    },
    Intended {
        scenario: "Location: an escape in lower case",
        statement: "S23",
        reason: "escapes stay as they are written: a signature over them stays valid",
        differences: &[("request 2", "GET /a%2Fb at http://a.test", "GET /a%2fb at http://a.test")],
    },
    Intended {
        scenario: "Location: an unreserved character escaped",
        statement: "S23",
        reason: "escapes stay as they are written: a signature over them stays valid",
        differences: &[
            ("call 1 url", "http://a.test/~user", "http://a.test/%7Euser"),
            ("request 2", "GET /~user at http://a.test", "GET /%7Euser at http://a.test"),
        ],
    },
    Intended {
        scenario: "Location: a malformed escape beside good ones",
        statement: "S23",
        reason: "a malformed escape does not change the good ones beside it",
        differences: &[
            ("call 1 url", "http://a.test/%257e/%252F%25zz", "http://a.test/%7e/%2F%zz"),
            ("request 2", "GET /%257e/%252F%25zz at http://a.test", "GET /%7e/%2F%zz at http://a.test"),
        ],
    },
    Intended {
        scenario: "Location: an address that is broken",
        statement: "S92",
        reason: "every error of a call is one of the client's own",
        differences: &[("call 1", "error: builtins.ValueError", "error: invalid url")],
    },
    Intended {
        scenario: "Location: with a user",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://user:secret@a.test/to", "http://a.test/to")],
    },
    Intended {
        scenario: "Location: with a user elsewhere",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://user:secret@b.test/to", "http://b.test/to")],
    },
    Intended {
        scenario: "Location: octets that are no UTF-8",
        statement: "S22",
        reason: "octets that are no UTF-8 go back to their server as they are, escaped",
        differences: &[
            ("call 1", "error: builtins.UnicodeDecodeError", "200"),
            ("request 2", "-", "GET /%FF at http://a.test"),
        ],
    },
    Intended {
        scenario: "Location: twice",
        statement: "S24",
        reason: "of two Location headers the first counts",
        differences: &[
            ("call 1 url", "http://a.test/one,%20/two", "http://a.test/one"),
            ("request 2", "GET /one,%20/two at http://a.test", "GET /one at http://a.test"),
        ],
    },
    Intended {
        scenario: "Location: with blanks around it",
        statement: "S24",
        reason: "blanks around a value are no part of it (RFC 9110 §5.5)",
        differences: &[
            ("call 1 url", "http://a.test/to%20%20", "http://a.test/to"),
            ("request 2", "GET /to%20%20 at http://a.test", "GET /to at http://a.test"),
        ],
    },
    Intended {
        scenario: "params are not added to a redirect",
        statement: "S4",
        reason: "defaults are appended to what the request has",
        differences: &[
            ("call 1 history", "302 http://a.test/from?lang=en&a=1", "302 http://a.test/from?a=1&lang=en"),
            ("request 1", "GET /from?lang=en&a=1 at http://a.test", "GET /from?a=1&lang=en at http://a.test"),
        ],
    },
];
