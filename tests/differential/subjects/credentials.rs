//! What crosses to another origin and what does not (S32 to S39, group C, the advisories of section 3).

use crate::answer::{ok, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Scenario, call, get, page, post, scenario};

/// Two origins, the first of which redirects to the second.
fn across(name: &'static str, about: &'static str, from: &'static str, to: &'static str, call: Call) -> Scenario {
    let target = format!("{to}/to");
    let scenario = scenario(name, about).call(call);
    if from == to {
        return scenario.server(from, [page("/from", redirect(302, &target)), page("*", ok())]);
    }
    scenario.server(from, [page("/from", redirect(302, &target)), page("*", ok())]).server(to, [page("*", ok())])
}

fn signed(from: &str) -> Call {
    get(format!("{from}/from")).header("authorization", "Bearer t0k3n")
}

fn crossing(name: &'static str, from: &'static str, to: &'static str) -> Scenario {
    across(name, "S33", from, to, signed(from))
}

/// There and back again.
fn returning(name: &'static str, about: &'static str, call: Call) -> Scenario {
    scenario(name, about)
        .server("http://a.test", [page("/from", redirect(302, "http://b.test/over")), page("*", ok())])
        .server("http://b.test", [page("*", redirect(302, "http://a.test/back"))])
        .call(call)
}

fn authorization() -> Vec<Scenario> {
    const FROM: &str = "http://a.test/from";
    vec![
        crossing("Authorization stays on one host", "http://a.test", "http://a.test"),
        crossing("Authorization does not go to another host", "http://a.test", "http://b.test"),
        crossing("Authorization does not go to a subdomain", "http://a.test", "http://sub.a.test"),
        crossing("Authorization does not go to a domain above", "http://sub.a.test", "http://a.test"),
        crossing("Authorization goes along an upgrade", "http://a.test", "https://a.test"),
        crossing("Authorization does not go down to http", "https://a.test", "http://a.test"),
        crossing("Authorization does not go to another port", "http://a.test", "http://a.test:8080"),
        crossing("Authorization does not go from another port to https", "http://a.test:8080", "https://a.test"),
        crossing("Authorization does not go to another port of https", "http://a.test", "https://a.test:8443"),
        crossing("Authorization stays on one host of https", "https://a.test", "https://a.test"),
        scenario("a host in capitals is the same host", "S33")
            .server("http://a.test", [page("/from", redirect(302, "http://A.TEST/to")), page("*", ok())])
            .call(signed("http://a.test")),
        across(
            "an auth does not go to another host",
            "S34",
            "http://a.test",
            "http://b.test",
            get(FROM).basic("u", "p"),
        ),
        across("an auth stays on one host", "S34", "http://a.test", "http://a.test", get(FROM).basic("u", "p")),
        across("a session's auth does not go to another host", "S34", "http://a.test", "http://b.test", get(FROM))
            .session(|s| s.basic("u", "p")),
        across("a session's auth stays on one host", "S34", "http://a.test", "http://a.test", get(FROM))
            .session(|s| s.basic("u", "p")),
        across(
            "a session's Authorization does not go to another host",
            "S33",
            "http://a.test",
            "http://b.test",
            get(FROM),
        )
        .session(|s| s.header("authorization", "Bearer t0k3n")),
        across(
            "a URL's user does not go to another host",
            "S34",
            "http://a.test",
            "http://b.test",
            get("http://u:p@a.test/from"),
        ),
        across(
            "a URL's user stays on one host",
            "S34",
            "http://a.test",
            "http://a.test",
            get("http://u:p@a.test/from"),
        ),
        across(
            "a name in capitals is stripped as well",
            "CVE-2018-25091",
            "http://a.test",
            "http://b.test",
            get(FROM).header("AUTHORIZATION", "Bearer t0k3n"),
        ),
        across(
            "a 307 does not carry Authorization either",
            "S33",
            "http://a.test",
            "http://b.test",
            post(FROM).text("x").header("authorization", "t0k3n"),
        ),
        returning("Authorization that was stripped does not come back", "S34", signed("http://a.test")),
        returning("a session's auth does not come back", "S34", get(FROM)).session(|s| s.basic("u", "p")),
    ]
}

fn other_headers() -> Vec<Scenario> {
    const FROM: &str = "http://a.test/from";
    let cross = |name, about, call| across(name, about, "http://a.test", "http://b.test", call);
    vec![
        cross("a Cookie header does not go to another host", "CVE-2023-43804", get(FROM).header("cookie", "k=1")),
        across(
            "a Cookie header on one host",
            "S37",
            "http://a.test",
            "http://a.test",
            get(FROM).header("cookie", "k=1"),
        ),
        cross(
            "Proxy-Authorization does not go to another host",
            "S37",
            get(FROM).header("proxy-authorization", "Basic eDp5"),
        ),
        across(
            "Proxy-Authorization on one host",
            "S37",
            "http://a.test",
            "http://a.test",
            get(FROM).header("proxy-authorization", "Basic eDp5"),
        ),
        cross("a Host header and another host", "S32", get(FROM).header("host", "virtual.test")),
        across(
            "a Host header on one host",
            "S32",
            "http://a.test",
            "http://a.test",
            get(FROM).header("host", "virtual.test"),
        ),
        cross("a key in a header of its own", "S39", get(FROM).header("x-api-key", "k3y")),
        cross("a key in a header that is named as sensitive", "S39", get(FROM).header("x-api-key", "k3y"))
            .session(|s| s.sensitive = vec!["x-api-key"]),
        cross("a request's cookie and another host", "S38", get(FROM).cookie("k", "req")),
        across("a request's cookie on one host", "S38", "http://a.test", "http://a.test", get(FROM).cookie("k", "req")),
        returning("a request's cookie does not come back", "S38", get(FROM).cookie("k", "req")),
        cross("no Referer is sent", "S32", get(FROM)),
        cross("a Referer by hand is kept", "S32", get(FROM).header("referer", "http://a.test/page")),
        cross(
            "ordinary headers go everywhere",
            "S37",
            get(FROM).header("x-trace", "7").header("accept-language", "de"),
        ),
        cross("a cookie of the first host stays there", "CVE-2015-2296", get(FROM))
            .session(|s| s.cookies = crate::scenario::pairs([("http://a.test/", "id=7")])),
        scenario("a cookie that a redirect sets is of the host that set it", "CVE-2015-2296")
            .server(
                "http://a.test",
                [
                    page("/from", reply(302, [("location", "http://b.test/to"), ("set-cookie", "id=7")], "")),
                    page("*", ok()),
                ],
            )
            .server("http://b.test", [page("*", ok())])
            .call(get(FROM))
            .call(get("http://a.test/"))
            .call(get("http://b.test/")),
        cross(
            "PUT with credentials and a body to another host",
            "S33",
            call("PUT", FROM).text("x").basic("u", "p").cookie("k", "req"),
        ),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    authorization().into_iter().chain(other_headers()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "a host in capitals is the same host",
        statement: "S24",
        reason: "the host of a URL is in lower case",
        differences: &[("call 1 url", "http://A.TEST/to", "http://a.test/to")],
    },
    Intended {
        scenario: "a URL's user does not go to another host",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 history", "302 http://u:p@a.test/from", "302 http://a.test/from")],
    },
    Intended {
        scenario: "a URL's user stays on one host",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 history", "302 http://u:p@a.test/from", "302 http://a.test/from")],
    },
    Intended {
        scenario: "a Cookie header on one host",
        statement: "S37",
        reason: "on its own origin a header by hand is nobody else's",
        differences: &[("request 2 cookie", "-", "k=1")],
    },
    Intended {
        scenario: "Proxy-Authorization does not go to another host",
        statement: "S37",
        reason: "what is meant for a proxy does not go to a server",
        differences: &[("request 1 proxy-authorization", "Basic eDp5", "-")],
    },
    Intended {
        scenario: "Proxy-Authorization on one host",
        statement: "S37",
        reason: "what is meant for a proxy does not go to a server",
        differences: &[("request 1 proxy-authorization", "Basic eDp5", "-")],
    },
    Intended {
        scenario: "a Host header and another host",
        statement: "S32",
        reason: "a Host is that of one server",
        differences: &[("request 2 host", "virtual.test", "b.test")],
    },
    Intended {
        scenario: "a request's cookie and another host",
        statement: "S38",
        reason: "a request's cookies are for the host that the request asks, for the whole chain",
        differences: &[("request 2 cookie", "k=req", "-")],
    },
    Intended {
        scenario: "a request's cookie does not come back",
        statement: "S38",
        reason: "a request's cookies are for the host that the request asks, for the whole chain",
        differences: &[("request 2 cookie", "k=req", "-"), ("request 3 cookie", "k=req", "-")],
    },
    Intended {
        scenario: "PUT with credentials and a body to another host",
        statement: "S20",
        reason: "only POST becomes GET after a 302 (RFC 9110 §15.4.3); the cookie stays behind (S38)",
        differences: &[
            ("request 2", "GET /to at http://b.test", "PUT /to at http://b.test"),
            ("request 2 body", "-", "x"),
            ("request 2 content-length", "-", "1"),
            ("request 2 cookie", "k=req", "-"),
        ],
    },
    Intended {
        scenario: "a key in a header that is named as sensitive",
        statement: "S39",
        reason: "RedirectOptions::sensitive names what only the first origin may see; requests has no such list",
        differences: &[("request 2 x-api-key", "k3y", "-")],
    },
];
