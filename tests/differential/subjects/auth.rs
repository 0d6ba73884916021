//! Which credentials a request goes with (S40 to S44, group D).

use crate::answer::{ok, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Scenario, get, scenario};

fn with(name: &'static str, about: &'static str, call: Call) -> Scenario {
    scenario(name, about).answers([ok()]).call(call)
}

const URL: &str = "http://a.test/";

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        with("no auth", "group D", get(URL)),
        with("Basic", "group D", get(URL).basic("user", "pass")),
        with("Basic with an empty password", "S41", get(URL).basic("user", "")),
        with("Basic with nothing at all", "S41", get(URL).basic("", "")),
        with("Basic with a colon in the password", "group D", get(URL).basic("user", "a:b")),
        with("Basic beyond ASCII", "S42", get(URL).basic("us\u{e9}r", "p\u{e4}ss")),
        with("Basic beyond Latin-1", "S42", get(URL).basic("user", "\u{20ac}")),
        with("a session's Basic", "group D", get(URL)).session(|s| s.basic("user", "pass")),
        with("a request's auth beats the session's", "S40", get(URL).basic("own", "own"))
            .session(|s| s.basic("user", "pass")),
        with(
            "a request's auth beats its header",
            "S40",
            get(URL).basic("own", "own").header("authorization", "by hand"),
        ),
        with("a session's auth and a request's header", "S40", get(URL).header("authorization", "by hand"))
            .session(|s| s.basic("user", "pass")),
        with("a session's auth beats its header", "S40", get(URL)).session(|s| {
            s.basic("user", "pass");
            s.header("authorization", "default");
        }),
        with("a header by hand", "S40", get(URL).header("authorization", "by hand")),
        with("a session's header", "S40", get(URL)).session(|s| s.header("authorization", "default")),
        with("a request's header beats the session's", "S40", get(URL).header("authorization", "own"))
            .session(|s| s.header("authorization", "default")),
        with("a URL's user", "S41", get("http://user:pass@a.test/")),
        with("a URL's user without a password", "S41", get("http://user@a.test/")),
        with("a URL's user with an empty password", "S41", get("http://user:@a.test/")),
        with("a URL's password without a user", "S41", get("http://:pass@a.test/")),
        with("a URL's user in escapes", "S41", get("http://us%40er:p%3Aa%20s@a.test/")),
        with("a URL's user beyond ASCII", "group D", get("http://us%C3%A9r:pass@a.test/")),
        with("a URL's very long user", "group D", get(format!("http://{0}:{0}@a.test/", "u".repeat(60)))),
        with(
            "a URL's user and a request's header",
            "S40",
            get("http://user:pass@a.test/").header("authorization", "by hand"),
        ),
        with("a URL's user and a session's auth", "S40", get("http://user:pass@a.test/"))
            .session(|s| s.basic("s", "s")),
        with("a URL's user and a session's header", "S40", get("http://user:pass@a.test/"))
            .session(|s| s.header("authorization", "default")),
        with("a URL's user and a request's auth", "S40", get("http://user:pass@a.test/").basic("own", "own")),
        scenario("a 401 that no scheme answers is the answer", "group D")
            .answers([reply(401, [("www-authenticate", "Basic realm=\"r\"")], "who?")])
            .call(get(URL).show("www-authenticate")),
        scenario("Basic is not asked twice", "group D")
            .answers([reply(401, [("www-authenticate", "Basic realm=\"r\"")], "wrong")])
            .call(get(URL).basic("user", "wrong")),
    ]
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "Basic beyond ASCII",
        statement: "S42",
        reason: "Basic is UTF-8 (RFC 7617 §2.1)",
        differences: &[("request 1 authorization", "Basic dXPpcjpw5HNz", "Basic dXPDqXI6cMOkc3M=")],
    },
    Intended {
        scenario: "Basic beyond Latin-1",
        statement: "S42",
        reason: "Basic is UTF-8 (RFC 7617 §2.1)",
        differences: &[
            ("call 1", "error: builtins.UnicodeEncodeError", "200"),
            ("request 1", "-", "GET / at http://a.test"),
        ],
    },
    Intended {
        scenario: "a session's auth and a request's header",
        statement: "S40",
        reason: "what the request itself says beats what its session says",
        differences: &[("request 1 authorization", "Basic dXNlcjpwYXNz", "by hand")],
    },
    Intended {
        scenario: "a URL's user",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://user:pass@a.test/", "http://a.test/")],
    },
    Intended {
        scenario: "a URL's user without a password",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://user@a.test/", "http://a.test/")],
    },
    Intended {
        scenario: "a URL's user with an empty password",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://user:@a.test/", "http://a.test/")],
    },
    Intended {
        scenario: "a URL's password without a user",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://:pass@a.test/", "http://a.test/")],
    },
    Intended {
        scenario: "a URL's user in escapes",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://us%40er:p%3Aa%20s@a.test/", "http://a.test/")],
    },
    Intended {
        scenario: "a URL's user beyond ASCII",
        statement: "S42",
        reason: "userinfo never shows in a URL, and Basic is UTF-8",
        differences: &[
            ("call 1 url", "http://us%C3%A9r:pass@a.test/", "http://a.test/"),
            ("request 1 authorization", "Basic dXPpcjpwYXNz", "Basic dXPDqXI6cGFzcw=="),
        ],
    },
    Intended {
        scenario: "a URL's very long user",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[(
            "call 1 url",
            "http://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu:uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@a.test/",
            "http://a.test/",
        )],
    },
    Intended {
        scenario: "a URL's user and a request's header",
        statement: "S40",
        reason: "userinfo never shows in a URL, and a header that is there beats it",
        differences: &[
            ("call 1 url", "http://user:pass@a.test/", "http://a.test/"),
            ("request 1 authorization", "Basic dXNlcjpwYXNz", "by hand"),
        ],
    },
    Intended {
        scenario: "a URL's user and a session's auth",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://user:pass@a.test/", "http://a.test/")],
    },
    Intended {
        scenario: "a URL's user and a session's header",
        statement: "S40",
        reason: "userinfo never shows in a URL, and a header that is there beats it",
        differences: &[
            ("call 1 url", "http://user:pass@a.test/", "http://a.test/"),
            ("request 1 authorization", "Basic dXNlcjpwYXNz", "default"),
        ],
    },
    Intended {
        scenario: "a URL's user and a request's auth",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://user:pass@a.test/", "http://a.test/")],
    },
];
