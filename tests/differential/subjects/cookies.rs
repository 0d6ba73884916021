//! What is kept of the cookies that servers set, and what is sent (S8, S9, S37, S62 to S64, group F).

use crate::answer::{Answer, ok, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Scenario, get, page, pairs, scenario};

/// A server at `http://a.test/dir/page` that sets this, and what is then sent to which paths.
fn set(name: &'static str, about: &'static str, set_cookie: &str) -> Scenario {
    scenario(name, about)
        .server("http://a.test", [page("/dir/page", setting(set_cookie)), page("*", ok())])
        .call(get("http://a.test/dir/page"))
        .call(get("http://a.test/dir/other"))
        .call(get("http://a.test/elsewhere"))
}

/// The same, and what is sent to a host below.
fn set_for_domain(name: &'static str, set_cookie: &str) -> Scenario {
    set(name, "S63", set_cookie).server("http://sub.a.test", [page("*", ok())]).call(get("http://sub.a.test/"))
}

fn setting(set_cookie: &str) -> Answer {
    reply(200, [("set-cookie", set_cookie)], "ok")
}

fn attributes() -> Vec<Scenario> {
    vec![
        set("a cookie", "S63", "id=7"),
        set_for_domain("a cookie for all paths", "id=7; Path=/"),
        set("a cookie for a path", "S63", "id=7; Path=/dir"),
        set("a cookie for a path that only begins alike", "S63", "id=7; Path=/di"),
        set("a cookie for another path", "S63", "id=7; Path=/elsewhere"),
        set("a cookie for a relative path", "S63", "id=7; Path=dir"),
        set_for_domain("a cookie for the domain", "id=7; Domain=a.test; Path=/"),
        set_for_domain("a cookie for the domain with a dot", "id=7; Domain=.a.test; Path=/"),
        set_for_domain("a cookie for the domain in capitals", "id=7; Domain=A.TEST; Path=/"),
        set_for_domain("a cookie for another domain", "id=7; Domain=b.test; Path=/"),
        set_for_domain("a cookie for a subdomain", "id=7; Domain=sub.a.test; Path=/"),
        set_for_domain("a cookie for a whole top-level domain", "id=7; Domain=test; Path=/"),
        set("a Secure cookie over http", "S63", "id=7; Secure; Path=/"),
        set("a HttpOnly cookie", "S63", "id=7; HttpOnly; Path=/"),
        set("a cookie with SameSite", "S63", "id=7; SameSite=Lax; Path=/"),
        set("a __Host- cookie that is none", "S63", "__Host-id=7; Path=/"),
        set("a __Secure- cookie over http", "S63", "__Secure-id=7; Path=/"),
        set("a cookie that is gone at once: Max-Age", "S63", "id=7; Max-Age=0; Path=/"),
        set("a cookie that is gone at once: negative Max-Age", "S63", "id=7; Max-Age=-1; Path=/"),
        set("a cookie that is gone at once: Expires", "S63", "id=7; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"),
        set("a cookie that lasts: Max-Age", "S63", "id=7; Max-Age=3600; Path=/"),
        set("a cookie that lasts: Expires", "S63", "id=7; Expires=Fri, 31 Dec 2100 23:59:59 GMT; Path=/"),
        set("Max-Age beats Expires", "S63", "id=7; Max-Age=3600; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"),
        set("an Expires that is no date", "group F", "id=7; Expires=soon; Path=/"),
        set("a Max-Age that is no number", "group F", "id=7; Max-Age=soon; Path=/"),
        set("a cookie without a value", "S63", "bare; Path=/"),
        set("a cookie with an empty value", "S63", "id=; Path=/"),
        set("a cookie without a name", "S63", "=7; Path=/"),
        set("a cookie in quotes", "S64", "id=\"7 8\"; Path=/"),
        set("a cookie in quotes with quotes in it", "S64", "id=\"a\\\"b\"; Path=/"),
        set("a cookie with an equals sign in its value", "S64", "id=a=b; Path=/"),
        set("a cookie with blanks around it", "S63", "  id  =  7  ; Path=/"),
        set("an attribute that nobody knows", "S63", "id=7; Color=blue; Path=/"),
        set("attributes in capitals", "S63", "id=7; PATH=/; HTTPONLY"),
        set("an empty Set-Cookie", "S63", ""),
    ]
}

fn jars() -> Vec<Scenario> {
    const URL: &str = "http://a.test/";
    let kept = |s: &mut crate::scenario::Settings| s.cookies = pairs([(URL, "id=7; Path=/"), (URL, "lang=en; Path=/")]);
    vec![
        scenario("a jar's cookies are sent", "S8").answers([ok()]).session(kept).call(get(URL)),
        scenario("a request's cookie beside the jar's", "S8")
            .answers([ok()])
            .session(kept)
            .call(get(URL).cookie("own", "1")),
        scenario("a request's cookie of the jar's name", "S8")
            .answers([ok()])
            .session(kept)
            .call(get(URL).cookie("id", "over")),
        scenario("a request's cookies are not kept", "S8")
            .answers([ok()])
            .call(get(URL).cookie("own", "1"))
            .call(get(URL)),
        scenario("a request's cookies", "group F").answers([ok()]).call(get(URL).cookie("b", "2").cookie("a", "1")),
        scenario("a Cookie header beside the jar", "S9")
            .answers([ok()])
            .session(kept)
            .call(get(URL).header("cookie", "hand=1")),
        scenario("a Cookie header and a request's cookie", "S9")
            .answers([ok()])
            .call(get(URL).header("cookie", "hand=1").cookie("own", "1")),
        scenario("a Cookie header of the session", "S9")
            .answers([ok()])
            .session(|s| s.header("cookie", "hand=1"))
            .call(get(URL)),
        scenario("a cookie is looked up", "S64").answers([ok()]).session(kept).call(get(URL)).look_up(URL, "lang"),
        scenario("a cookie is looked up that is not there", "S64")
            .answers([ok()])
            .session(kept)
            .call(get(URL))
            .look_up(URL, "own"),
        scenario("a cookie is looked up that two paths have", "S64")
            .answers([ok()])
            .session(|s| s.cookies = pairs([(URL, "id=root; Path=/"), (URL, "id=deep; Path=/x")]))
            .call(get(URL))
            .look_up(URL, "id")
            .look_up("http://a.test/x", "id"),
        scenario("a cookie is looked up that two hosts have", "S64")
            .answers([ok()])
            .session(|s| s.cookies = pairs([(URL, "id=7"), ("http://b.test/", "id=8")]))
            .call(get(URL))
            .look_up(URL, "id"),
        scenario("the longer path comes first", "group F")
            .answers([ok()])
            .session(|s| {
                s.cookies = pairs([(URL, "a=root; Path=/"), (URL, "a=deep; Path=/x/y"), (URL, "a=mid; Path=/x")])
            })
            .call(get("http://a.test/x/y/z")),
        scenario("a cookie is replaced", "S63")
            .answers([setting("id=1; Path=/"), setting("id=2; Path=/"), ok()])
            .call(get(URL))
            .call(get(URL))
            .call(get(URL)),
        scenario("a cookie is removed", "group F")
            .answers([setting("id=1; Path=/"), setting("id=; Max-Age=0; Path=/"), ok()])
            .call(get(URL))
            .call(get(URL))
            .call(get(URL)),
        scenario("several cookies of one answer", "S62")
            .answers([reply(200, [("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; Path=/")], "ok"), ok()])
            .call(get(URL).show_cookies())
            .call(get(URL)),
        scenario("a cookie of a redirect is kept and sent on", "S62")
            .server(
                "http://a.test",
                [page("/from", reply(302, [("location", "/to"), ("set-cookie", "id=7; Path=/")], "")), page("*", ok())],
            )
            .call(get("http://a.test/from").show_cookies()),
        scenario("a cookie of an error is kept", "S62")
            .answers([reply(404, [("set-cookie", "id=7")], "no"), ok()])
            .call(get(URL))
            .call(get(URL)),
        scenario("a cookie set on a 301", "group F")
            .server(
                "http://a.test",
                [page("/from", reply(301, [("location", "/to"), ("set-cookie", "id=7; Path=/")], "")), page("*", ok())],
            )
            .call(get("http://a.test/from").redirects(false))
            .call(get("http://a.test/to")),
        scenario("a request's cookie and one that a redirect sets", "S37")
            .server(
                "http://a.test",
                [
                    page("/from", reply(302, [("location", "/to"), ("set-cookie", "k=sess; Path=/")], "")),
                    page("*", ok()),
                ],
            )
            .call(get("http://a.test/from").cookie("k", "req")),
        scenario("cookies know no ports", "S63")
            .server("http://a.test", [page("*", setting("id=7; Path=/"))])
            .server("http://a.test:8080", [page("*", ok())])
            .call(get(URL))
            .call(get("http://a.test:8080/")),
        scenario("a Secure cookie and http", "S63")
            .server("https://a.test", [page("*", setting("id=7; Secure; Path=/"))])
            .server("http://a.test", [page("*", ok())])
            .call(get("https://a.test/"))
            .call(get("https://a.test/"))
            .call(get(URL)),
        scenario("a __Host- cookie over https", "S63")
            .server("https://a.test", [page("*", setting("__Host-id=7; Secure; Path=/"))])
            .call(get("https://a.test/"))
            .call(get("https://a.test/")),
        scenario("a cookie of a host without a dot", "S63")
            .server("http://localhost", [page("*", setting("id=7"))])
            .call(get("http://localhost/"))
            .call(get("http://localhost/")),
        scenario("a cookie of an address", "S104")
            .server("http://127.0.0.1", [page("*", setting("id=7"))])
            .call(get("http://127.0.0.1/"))
            .call(get("http://127.0.0.1/")),
        scenario("a public suffix of two labels", "S63")
            .server("http://shop.co.uk", [page("*", setting("id=7; Domain=co.uk; Path=/"))])
            .server("http://other.co.uk", [page("*", ok())])
            .call(get("http://shop.co.uk/"))
            .call(get("http://other.co.uk/")),
        scenario("a Host header decides whose cookies are sent", "S63")
            .answers([setting("id=7; Path=/")])
            .call(get(URL).header("host", "virtual.test"))
            .call(get(URL)),
        scenario("a subdomain's cookie for the domain above", "S63")
            .server("http://sub.a.test", [page("*", setting("id=7; Domain=a.test; Path=/"))])
            .server("http://a.test", [page("*", ok())])
            .call(get("http://sub.a.test/"))
            .call(get(URL)),
        scenario("a cookie over a redirect to another host and back", "S37")
            .server("http://a.test", [page("/from", redirect(302, "http://b.test/")), page("*", ok())])
            .server(
                "http://b.test",
                [page("*", reply(302, [("location", "http://a.test/to"), ("set-cookie", "b=1")], ""))],
            )
            .session(kept)
            .call(get("http://a.test/from")),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    attributes().into_iter().chain(jars()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "a cookie for all paths",
        statement: "S63",
        reason: "a cookie without Domain is for its host alone (RFC 6265bis §5.7)",
        differences: &[("request 4 cookie", "id=7", "-")],
    },
    Intended {
        scenario: "a cookie for a relative path",
        statement: "S63",
        reason: "a path that is none counts as not given (RFC 6265bis §5.6.4)",
        differences: &[("jar", "id=7; host a.test; dir", "id=7; host a.test; /dir"), ("request 2 cookie", "-", "id=7")],
    },
    Intended {
        scenario: "a Secure cookie over http",
        statement: "S63",
        reason: "Secure cookies cannot be set without TLS (RFC 6265bis §5.7)",
        differences: &[("jar", "id=7; host a.test; /; secure", "")],
    },
    Intended {
        scenario: "a __Host- cookie that is none",
        statement: "S63",
        reason: "the prefixes are a promise of the server's that its client checks (RFC 6265bis §4.1.3)",
        differences: &[
            ("jar", "__Host-id=7; host a.test; /", ""),
            ("request 2 cookie", "__Host-id=7", "-"),
            ("request 3 cookie", "__Host-id=7", "-"),
        ],
    },
    Intended {
        scenario: "a __Secure- cookie over http",
        statement: "S63",
        reason: "the prefixes are a promise of the server's that its client checks (RFC 6265bis §4.1.3)",
        differences: &[
            ("jar", "__Secure-id=7; host a.test; /", ""),
            ("request 2 cookie", "__Secure-id=7", "-"),
            ("request 3 cookie", "__Secure-id=7", "-"),
        ],
    },
    Intended {
        scenario: "a Max-Age that is no number",
        statement: "S63",
        reason: "an attribute that cannot be read is left out, not the cookie (RFC 6265bis §5.6.2)",
        differences: &[
            ("jar", "", "id=7; host a.test; /"),
            ("request 2 cookie", "-", "id=7"),
            ("request 3 cookie", "-", "id=7"),
        ],
    },
    Intended {
        scenario: "a cookie without a name",
        statement: "S63",
        reason: "a cookie may have a value alone (RFC 6265bis §5.6)",
        differences: &[
            ("jar", "", "7; host a.test; /"),
            ("request 2 cookie", "-", "7"),
            ("request 3 cookie", "-", "7"),
        ],
    },
    Intended {
        scenario: "a cookie in quotes with quotes in it",
        statement: "S64",
        reason: "a value goes back as it came (RFC 6265bis §5.6)",
        differences: &[
            ("jar", "id=\"ab\"; host a.test; /", "id=\"a\\\"b\"; host a.test; /"),
            ("request 2 cookie", "id=\"ab\"", "id=\"a\\\"b\""),
            ("request 3 cookie", "id=\"ab\"", "id=\"a\\\"b\""),
        ],
    },
    Intended {
        scenario: "a request's cookie beside the jar's",
        statement: "S8",
        reason: "the request's cookies come first",
        differences: &[("request 1 cookie", "id=7; lang=en; own=1", "own=1; id=7; lang=en")],
    },
    Intended {
        scenario: "a request's cookie of the jar's name",
        statement: "S8",
        reason: "a request's cookie beats the jar's of the same name, and both would be ambiguous",
        differences: &[("request 1 cookie", "id=7; lang=en; id=over", "id=over; lang=en")],
    },
    Intended {
        scenario: "a Cookie header beside the jar",
        statement: "S9",
        reason: "a Cookie header by hand says nothing against the jar; CookieOptions::hand_set has requests' way",
        differences: &[("request 1 cookie", "hand=1", "hand=1; id=7; lang=en")],
    },
    Intended {
        scenario: "a Cookie header and a request's cookie",
        statement: "S9",
        reason: "a Cookie header by hand says nothing against the request's cookies",
        differences: &[("request 1 cookie", "hand=1", "own=1; hand=1")],
    },
    Intended {
        scenario: "a request's cookie and one that a redirect sets",
        statement: "S8",
        reason: "a request's cookie beats the jar's of the same name, and both would be ambiguous",
        differences: &[("request 2 cookie", "k=req; k=sess", "k=req")],
    },
    Intended {
        scenario: "a cookie of a host without a dot",
        statement: "S63",
        reason: "a host is kept as it is written",
        differences: &[("jar", "id=7; host localhost.local; /", "id=7; host localhost; /")],
    },
    Intended {
        scenario: "a public suffix of two labels",
        statement: "S63",
        reason: "a public suffix is nobody's domain, however many labels it has",
        differences: &[("jar", "id=7; domain co.uk; /", ""), ("request 2 cookie", "id=7", "-")],
    },
    Intended {
        scenario: "a Host header decides whose cookies are sent",
        statement: "S63",
        reason: "a cookie belongs to the host that was asked, not to the one that a header names",
        differences: &[
            ("jar", "id=7; host a.test; / | id=7; host virtual.test; /", "id=7; host a.test; /"),
            ("request 2 cookie", "-", "id=7"),
        ],
    },
    Intended {
        scenario: "a cookie is looked up that two paths have",
        statement: "S64",
        reason: "a URL says which of them is meant: the one that a request to it sends first",
        differences: &[("found", "a conflict | a conflict", "root | deep")],
    },
    Intended {
        scenario: "a cookie is looked up that two hosts have",
        statement: "S64",
        reason: "a URL says which of them is meant: the one that a request to it sends first",
        differences: &[("found", "a conflict", "7")],
    },
];
