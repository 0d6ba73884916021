//! Digest: which challenges are answered, how, and whose (S45 to S51, S103, group D).

use crate::answer::{Answer, ok, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Head, Scenario, call, get, page, post, scenario};

const URL: &str = "http://a.test/p?q=1";

fn digest(call: Call) -> Call {
    call.digest("user", "pass")
}

/// A server that asks once, with this.
fn asked(name: &'static str, about: &'static str, challenge: &str, call: Call) -> Scenario {
    scenario(name, about).answers([asking(challenge), ok()]).call(digest(call))
}

fn asking(challenge: &str) -> Answer {
    reply(401, [("www-authenticate", challenge)], "who are you?")
}

const MD5: &str = "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"";

fn challenges() -> Vec<Scenario> {
    vec![
        asked("Digest", "S45", MD5, get(URL)),
        asked("Digest: the history has the challenge", "S45", MD5, get(URL).challenges()),
        asked("Digest: without qop", "S48", "Digest realm=\"r\", nonce=\"n1\"", get(URL)),
        asked("Digest: with opaque", "S49", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", opaque=\"o\"", get(URL)),
        asked("Digest: MD5 by name", "S48", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=MD5", get(URL)),
        asked(
            "Digest: quotes",
            "S49",
            "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", opaque=\"o\", algorithm=SHA-256",
            get(URL),
        )
        .head(Head::Values),
        asked("Digest: quotes without qop", "S49", "Digest realm=\"r\", nonce=\"n1\", algorithm=MD5", get(URL))
            .head(Head::Values),
        asked(
            "Digest: MD5-sess",
            "S48",
            "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=MD5-sess",
            get(URL),
        ),
        asked("Digest: SHA-256", "S48", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256", get(URL)),
        asked("Digest: SHA-256 without qop", "S48", "Digest realm=\"r\", nonce=\"n1\", algorithm=SHA-256", get(URL)),
        asked(
            "Digest: SHA-256-sess",
            "S48",
            "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256-sess",
            get(URL),
        ),
        asked(
            "Digest: SHA-512-256",
            "S48",
            "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-512-256",
            get(URL),
        ),
        asked("Digest: SHA", "S48", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA", get(URL)),
        asked("Digest: SHA-512", "S48", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-512", get(URL)),
        asked(
            "Digest: an algorithm that there is none",
            "S48",
            "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=ROT13",
            get(URL),
        ),
        asked("Digest: qop with both", "S48", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth,auth-int\"", get(URL)),
        asked(
            "Digest: qop with both and a blank",
            "S48",
            "Digest realm=\"r\", nonce=\"n1\", qop=\"auth-int, auth\"",
            get(URL),
        ),
        asked(
            "Digest: qop is auth-int",
            "S48",
            "Digest realm=\"r\", nonce=\"n1\", qop=\"auth-int\"",
            post(URL).text("body"),
        ),
        asked("Digest: without a nonce", "S49", "Digest realm=\"r\", qop=\"auth\"", get(URL)),
        asked("Digest: without a realm", "S49", "Digest nonce=\"n1\", qop=\"auth\"", get(URL)),
        asked("Digest: the scheme in small letters", "S45", "digest realm=\"r\", nonce=\"n1\", qop=\"auth\"", get(URL)),
        asked(
            "Digest: Basic is offered too",
            "S45",
            "Basic realm=\"r\", Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"",
            get(URL),
        ),
        asked("Digest: Basic alone is offered", "S45", "Basic realm=\"r\"", get(URL)),
        asked(
            "Digest: a realm with a quote in it",
            "S49",
            "Digest realm=\"a \\\"b\\\" c\", nonce=\"n1\", qop=\"auth\"",
            get(URL),
        ),
        scenario("Digest: a user with a quote", "S49")
            .answers([asking(MD5), ok()])
            .call(get(URL).digest("us\"er", "pass")),
        scenario("Digest: a user with a colon", "S103")
            .answers([asking(MD5), ok()])
            .call(get(URL).digest("us:er", "pass")),
        scenario("Digest: a user beyond ASCII", "S49")
            .answers([asking("Digest realm=\"r\", nonce=\"n1\""), ok()])
            .call(get(URL).digest("us\u{e9}r", "pass")),
        scenario("Digest: two challenges", "S48")
            .answers([
                reply(
                    401,
                    [
                        ("www-authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=MD5"),
                        ("www-authenticate", "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256"),
                    ],
                    "who?",
                ),
                ok(),
            ])
            .call(digest(get(URL))),
        scenario("Digest: the challenge comes with a 403", "S45")
            .answers([reply(403, [("www-authenticate", MD5)], "who?"), ok()])
            .call(digest(get(URL))),
        scenario("Digest: nobody asks", "S45").answers([ok()]).call(digest(get(URL))),
        scenario("Digest: a 401 without a challenge", "S45")
            .answers([reply(401, [], "no"), ok()])
            .call(digest(get(URL))),
        scenario("Digest: wrong password", "S46").answers([asking(MD5)]).call(digest(get(URL))),
        scenario("Digest: wrong password, and again", "S46")
            .answers([asking(MD5)])
            .call(digest(get(URL)))
            .call(digest(get(URL))),
    ]
}

fn in_a_session() -> Vec<Scenario> {
    let session = |name, about| scenario(name, about).session(|s| s.digest("user", "pass"));
    vec![
        session("Digest: a nonce is used again", "S47")
            .answers([asking(MD5), ok()])
            .call(get(URL))
            .call(get(URL))
            .call(get("http://a.test/other")),
        session("Digest: a nonce that is replaced", "S47")
            .answers([asking(MD5), ok(), asking("Digest realm=\"r\", nonce=\"n2\", qop=\"auth\""), ok()])
            .call(get(URL))
            .call(get(URL)),
        session("Digest: a nonce that is stale", "S47")
            .answers([asking(MD5), ok(), asking("Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=true"), ok()])
            .call(get(URL))
            .call(get(URL)),
        session("Digest: a stale nonce at once", "S47")
            .answers([asking(MD5), asking("Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=true"), ok()])
            .call(get(URL)),
        session("Digest: a cookie that comes with the challenge", "S62")
            .answers([reply(401, [("www-authenticate", MD5), ("set-cookie", "id=7; Path=/")], "who?"), ok()])
            .call(get(URL)),
        session("Digest: another host has another nonce", "S50")
            .server("http://a.test", [crate::scenario::pages("*", [asking(MD5), ok()])])
            .server(
                "http://b.test",
                [crate::scenario::pages("*", [asking("Digest realm=\"b\", nonce=\"b1\", qop=\"auth\""), ok()])],
            )
            .call(get(URL))
            .call(get("http://b.test/")),
    ]
}

fn bodies_and_redirects() -> Vec<Scenario> {
    let redirecting = |name, about, to: &str| {
        scenario(name, about).server(
            "http://a.test",
            [
                crate::scenario::pages("/from", [asking(MD5), redirect(302, to)]),
                crate::scenario::pages("*", [asking("Digest realm=\"r\", nonce=\"n2\", qop=\"auth\""), ok()]),
            ],
        )
    };
    vec![
        asked("Digest: a body is sent again", "S51", MD5, post(URL).form([("a", "1")])),
        asked("Digest: a body of PUT is sent again", "S51", MD5, call("PUT", URL).text("body")),
        asked("Digest: a stream cannot be sent again", "S51", MD5, post(URL).stream(["one"])),
        redirecting("Digest: a redirect on one host", "S51", "/to").call(digest(get("http://a.test/from"))),
        redirecting("Digest: a redirect to a host that asks too", "S50", "http://b.test/to")
            .server(
                "http://b.test",
                [crate::scenario::pages("*", [asking("Digest realm=\"b\", nonce=\"b1\", qop=\"auth\""), ok()])],
            )
            .call(digest(get("http://a.test/from"))),
        scenario("Digest: a redirect before anyone asks", "group D")
            .server(
                "http://a.test",
                [page("/from", redirect(302, "/to")), crate::scenario::pages("*", [asking(MD5), ok()])],
            )
            .call(digest(get("http://a.test/from"))),
        scenario("Digest: a redirect to a host that asks first", "S50")
            .server("http://a.test", [page("/from", redirect(302, "http://b.test/to"))])
            .server("http://b.test", [crate::scenario::pages("*", [asking(MD5), ok()])])
            .call(digest(get("http://a.test/from"))),
        scenario("Digest: hooks see what came after the challenge", "S53")
            .answers([asking(MD5), ok()])
            .call(digest(get(URL)).hook(crate::scenario::Hook::Note("saw"))),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    challenges().into_iter().chain(in_a_session()).chain(bodies_and_redirects()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "Digest: the history has the challenge",
        statement: "S45",
        reason: "the history is of redirects; how often a request was signed and sent is not told there",
        differences: &[("call 1 history", "401 http://a.test/p?q=1", "")],
    },
    Intended {
        scenario: "Digest: SHA-256-sess",
        statement: "S48",
        reason: "SHA-256-sess is one of RFC 7616's algorithms",
        differences: &[(
            "request 2 authorization",
            "-",
            "Digest algorithm=SHA-256-sess cnonce nc=00000001 nonce=n1 qop=auth realm=r response uri=/p?q=1 username=user",
        )],
    },
    Intended {
        scenario: "Digest: SHA-512-256",
        statement: "S48",
        reason: "SHA-512-256 is one of RFC 7616's algorithms",
        differences: &[(
            "request 2 authorization",
            "-",
            "Digest algorithm=SHA-512-256 cnonce nc=00000001 nonce=n1 qop=auth realm=r response uri=/p?q=1 username=user",
        )],
    },
    Intended {
        scenario: "Digest: SHA",
        statement: "S48",
        reason: "SHA-1 is in no RFC for Digest, and a challenge that cannot be answered is the answer",
        differences: &[
            ("call 1", "200", "401"),
            ("call 1 body", "ok", "who are you?"),
            ("request 2", "GET /p?q=1 at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "Digest: SHA-512",
        statement: "S48",
        reason: "SHA-512 is in no RFC for Digest, and a challenge that cannot be answered is the answer",
        differences: &[
            ("call 1", "200", "401"),
            ("call 1 body", "ok", "who are you?"),
            ("request 2", "GET /p?q=1 at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "Digest: an algorithm that there is none",
        statement: "S48",
        reason: "nothing is sent again without credentials",
        differences: &[
            ("call 1", "200", "401"),
            ("call 1 body", "ok", "who are you?"),
            ("request 2", "GET /p?q=1 at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "Digest: qop with both and a blank",
        statement: "S48",
        reason: "a list may have blanks in it",
        differences: &[(
            "request 2 authorization",
            "-",
            "Digest cnonce nc=00000001 nonce=n1 qop=auth realm=r response uri=/p?q=1 username=user",
        )],
    },
    Intended {
        scenario: "Digest: qop is auth-int",
        statement: "S48",
        reason: "auth-int is there",
        differences: &[(
            "request 2 authorization",
            "-",
            "Digest cnonce nc=00000001 nonce=n1 qop=auth-int realm=r response uri=/p?q=1 username=user",
        )],
    },
    Intended {
        scenario: "Digest: without a nonce",
        statement: "S49",
        reason: "what is no challenge is not answered, and the 401 is the answer",
        differences: &[("call 1", "error: builtins.KeyError", "401")],
    },
    Intended {
        scenario: "Digest: without a realm",
        statement: "S49",
        reason: "what is no challenge is not answered, and the 401 is the answer",
        differences: &[("call 1", "error: builtins.KeyError", "401")],
    },
    Intended {
        scenario: "Digest: a realm with a quote in it",
        statement: "S49",
        reason: "quotes are escaped as RFC 7616 has it",
        differences: &[(
            "request 2 authorization",
            "Digest cnonce nc=00000001 nonce=n1 qop=auth realm=a \"b\" c response uri=/p?q=1 username=user",
            "Digest cnonce nc=00000001 nonce=n1 qop=auth realm=a \\\"b\\\" c response uri=/p?q=1 username=user",
        )],
    },
    Intended {
        scenario: "Digest: a user with a quote",
        statement: "S49",
        reason: "quotes are escaped as RFC 7616 has it",
        differences: &[(
            "request 2 authorization",
            "Digest cnonce nc=00000001 nonce=n1 qop=auth realm=r response uri=/p?q=1 username=us\"er",
            "Digest cnonce nc=00000001 nonce=n1 qop=auth realm=r response uri=/p?q=1 username=us\\\"er",
        )],
    },
    Intended {
        scenario: "Digest: a user with a colon",
        statement: "S103",
        reason: "a name with a colon cannot be told from the realm, and so is an error before anything is sent",
        differences: &[
            ("call 1", "200", "error: Auth"),
            ("request 1", "GET /p?q=1 at http://a.test", "-"),
            ("request 2", "GET /p?q=1 at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "Digest: a user beyond ASCII",
        statement: "S42",
        reason: "names are sent in UTF-8, not in ISO-8859-1",
        differences: &[(
            "request 2 authorization",
            "Digest nonce=n1 realm=r response=55013f8528ee3976572ebd7fb92200b4 uri=/p?q=1 username=usér",
            "Digest nonce=n1 realm=r response=55013f8528ee3976572ebd7fb92200b4 uri=/p?q=1 username=usÃ©r",
        )],
    },
    Intended {
        scenario: "Digest: the challenge comes with a 403",
        statement: "S45",
        reason: "only a 401 is a challenge (RFC 9110 §11.6.1)",
        differences: &[
            ("call 1", "200", "403"),
            ("call 1 body", "ok", "who?"),
            ("request 2", "GET /p?q=1 at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "Digest: a stale nonce at once",
        statement: "S47",
        reason: "the server says that only the nonce was too old, and gives another",
        differences: &[
            ("call 1", "401", "200"),
            ("call 1 body", "who are you?", "ok"),
            ("request 3", "-", "GET /p?q=1 at http://a.test"),
        ],
    },
    Intended {
        scenario: "Digest: another host has another nonce",
        statement: "S50",
        reason: "a nonce is for the server that gave it",
        differences: &[(
            "request 3 authorization",
            "Digest cnonce nc=00000002 nonce=n1 qop=auth realm=r response uri=/ username=user",
            "-",
        )],
    },
    Intended {
        scenario: "Digest: a stream cannot be sent again",
        statement: "S51",
        reason: "a stream is never sent again empty",
        differences: &[("call 1", "200", "error: Auth"), ("request 2", "POST /p?q=1 at http://a.test", "-")],
    },
    Intended {
        scenario: "Digest: a redirect on one host",
        statement: "S51",
        reason: "the redirect stays within the protection space and is signed before it is asked for",
        differences: &[(
            "request 3 authorization",
            "-",
            "Digest cnonce nc=00000002 nonce=n1 qop=auth realm=r response uri=/to username=user",
        )],
    },
    Intended {
        scenario: "Digest: a redirect to a host that asks too",
        statement: "S50",
        reason: "a foreign server's challenge is not answered",
        differences: &[
            ("call 1", "200", "401"),
            ("call 1 body", "ok", "who are you?"),
            ("request 4", "GET /to at http://b.test", "-"),
        ],
    },
    Intended {
        scenario: "Digest: a redirect to a host that asks first",
        statement: "S50",
        reason: "a foreign server's challenge is not answered",
        differences: &[
            ("call 1", "200", "401"),
            ("call 1 body", "ok", "who are you?"),
            ("request 3", "GET /to at http://b.test", "-"),
        ],
    },
    Intended {
        scenario: "Digest: quotes",
        statement: "S49",
        reason: "algorithm and qop stand without quotes (RFC 7616 §3.4), and the order of parameters means nothing",
        differences: &[(
            "request 2 authorization, raw",
            "Digest username=\"user\", realm=\"r\", nonce=\"n1\", uri=\"/p?q=1\", response=\"response\", opaque=\"o\", algorithm=\"SHA-256\", qop=\"auth\", nc=00000001, cnonce=\"cnonce\"",
            "Digest username=\"user\", realm=\"r\", uri=\"/p?q=1\", algorithm=SHA-256, nonce=\"n1\", nc=00000001, qop=auth, cnonce=\"cnonce\", response=\"response\", opaque=\"o\"",
        )],
    },
    Intended {
        scenario: "Digest: quotes without qop",
        statement: "S49",
        reason: "algorithm and qop stand without quotes (RFC 7616 §3.4), and the order of parameters means nothing",
        differences: &[(
            "request 2 authorization, raw",
            "Digest username=\"user\", realm=\"r\", nonce=\"n1\", uri=\"/p?q=1\", response=\"8d19687604d7dbef53abcb4d247dc8fd\", algorithm=\"MD5\"",
            "Digest username=\"user\", realm=\"r\", uri=\"/p?q=1\", algorithm=MD5, nonce=\"n1\", response=\"8d19687604d7dbef53abcb4d247dc8fd\"",
        )],
    },
];
