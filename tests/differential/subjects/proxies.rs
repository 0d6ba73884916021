//! Which way a request goes: proxies and the environment (S10, S54 to S57, group E).

use crate::answer::{ok, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Scenario, Settings, get, page, pairs, post, scenario};

const URL: &str = "http://a.test/p?q=1";
const PROXY: &str = "http://proxy.test:3128";
const OTHER: &str = "http://other-proxy.test:3128";

/// Two servers, one of them over TLS as well, and two proxies: what a proxy answers itself says so.
fn scene(name: &'static str, about: &'static str, settings: impl FnOnce(&mut Settings), call: Call) -> Scenario {
    let forwarded = || page("*", reply(200, [], "by proxy"));
    scenario(name, about)
        .server("http://a.test", [page("*", ok())])
        .server("https://a.test", [page("*", ok())])
        .server("http://b.test", [page("*", ok())])
        .server(PROXY, [page("http://a.test/from", redirect(302, "http://b.test/to")), forwarded()])
        .server(OTHER, [forwarded()])
        .session(settings)
        .call(call)
}

fn env<const N: usize>(variables: [(&'static str, &'static str); N]) -> impl FnOnce(&mut Settings) {
    move |s| s.env(variables)
}

fn by_setting() -> Vec<Scenario> {
    let session = |url: &'static str| move |s: &mut Settings| s.proxies = pairs([("http", url), ("https", url)]);
    let nothing = |_: &mut Settings| ();
    vec![
        scene("a session's proxy", "S57", session(PROXY), get(URL)),
        scene("a session's proxy for https", "S57", session(PROXY), get("https://a.test/p")),
        scene("a request's proxy", "S57", nothing, get(URL).proxy("http", PROXY)),
        scene("a request's proxy beats the session's", "S10", session(OTHER), get(URL).proxy("http", PROXY)),
        scene("a proxy for the other scheme alone", "S54", nothing, get(URL).proxy("https", PROXY)),
        scene("a proxy for all", "S54", nothing, get(URL).proxy("all", PROXY)),
        scene("a proxy for one host", "S54", nothing, get(URL).proxy("http://a.test", PROXY).proxy("http", OTHER)),
        scene("a proxy for another host", "S54", nothing, get(URL).proxy("http://b.test", PROXY)),
        scene("a proxy for one host, whatever the scheme", "S54", nothing, get(URL).proxy("all://a.test", PROXY)),
        scene("a scheme beats all://host", "S54", nothing, get(URL).proxy("all://a.test", PROXY).proxy("http", OTHER)),
        scene("a proxy with credentials", "S57", session("http://user:pass@proxy.test:3128"), get(URL)),
        scene("a proxy with an empty password", "group D", session("http://user:@proxy.test:3128"), get(URL)),
        scene(
            "a proxy with credentials in escapes",
            "S57",
            session("http://us%40er:p%3Aa%2Fs@proxy.test:3128"),
            get(URL),
        ),
        scene(
            "a proxy with credentials for https",
            "CVE-2023-32681",
            session("http://user:pass@proxy.test:3128"),
            get("https://a.test/p"),
        ),
        scene("a proxy without a scheme", "S57", session("proxy.test:3128"), get(URL)),
        scene(
            "a fragment and a user are not the proxy's business",
            "S57",
            session(PROXY),
            get("http://u:p@a.test/p#frag"),
        ),
        scene("a body by a proxy", "S57", session(PROXY), post("http://a.test/form").form([("a", "1")])),
        scene("a proxy that is not there", "group E", session("http://nowhere.test:3128"), get(URL)),
        scene("a redirect by a proxy", "S57", session(PROXY), get("http://a.test/from")),
        scene(
            "credentials of a redirect by a proxy",
            "CVE-2026-44431",
            session(PROXY),
            get("http://a.test/from").header("authorization", "t0k3n").cookie("k", "1"),
        ),
        scene(
            "the proxy's credentials on a redirect",
            "S37",
            session("http://user:pass@proxy.test:3128"),
            get("http://a.test/from"),
        ),
        scene(
            "Proxy-Authorization by hand",
            "S57",
            session(PROXY),
            get(URL).header("proxy-authorization", "Basic eDp5"),
        ),
        scenario("a proxy refuses a tunnel", "group E")
            .server(PROXY, [page("a.test:443", reply(403, [], "no"))])
            .call(get("https://a.test/").proxy("https", PROXY)),
        scenario("a proxy that asks who it is", "group E")
            .server(PROXY, [page("*", reply(407, [("proxy-authenticate", "Basic realm=\"p\"")], "who?"))])
            .call(get(URL).proxy("http", PROXY)),
    ]
}

/// A server without a name.
fn by_address(name: &'static str, origin: &'static str, list: &'static str) -> Scenario {
    scenario(name, "S55")
        .server(origin, [page("*", ok())])
        .server(PROXY, [page("*", reply(200, [], "by proxy"))])
        .session(env([("http_proxy", PROXY), ("no_proxy", list)]))
        .call(get(format!("{origin}/")))
}

fn by_environment() -> Vec<Scenario> {
    let bypass = |name, list| scene(name, "S55", env([("http_proxy", PROXY), ("no_proxy", list)]), get(URL));
    vec![
        scene("HTTP_PROXY", "group E", env([("HTTP_PROXY", PROXY)]), get(URL)),
        scene("http_proxy", "group E", env([("http_proxy", PROXY)]), get(URL)),
        scene("http_proxy beats HTTP_PROXY", "group E", env([("http_proxy", PROXY), ("HTTP_PROXY", OTHER)]), get(URL)),
        scene("https_proxy is not for http", "group E", env([("https_proxy", PROXY)]), get(URL)),
        scene("https_proxy", "group E", env([("https_proxy", PROXY)]), get("https://a.test/p")),
        scene("all_proxy", "group E", env([("all_proxy", PROXY)]), get(URL)),
        scene("ALL_PROXY", "group E", env([("ALL_PROXY", PROXY)]), get(URL)),
        scene("http_proxy beats all_proxy", "group E", env([("all_proxy", OTHER), ("http_proxy", PROXY)]), get(URL)),
        scene(
            "an environment variable without a scheme",
            "group E",
            env([("http_proxy", "proxy.test:3128")]),
            get(URL),
        ),
        scene(
            "an environment variable that is no URL",
            "group E",
            env([("http_proxy", "http:///proxy.test:3128")]),
            get(URL),
        ),
        scene(
            "an environment variable with a port that is none",
            "group E",
            env([("http_proxy", "http://proxy.test:port")]),
            get(URL),
        ),
        scene(
            "a prepared request goes by the environment's proxy",
            "S11",
            env([("http_proxy", PROXY)]),
            get(URL).prepared().without_defaults(),
        ),
        scene(
            "a prepared request goes by the session's proxy",
            "S11",
            |s| s.proxies = pairs([("http", PROXY)]),
            get(URL).prepared().without_defaults(),
        ),
        scene("an empty environment variable", "S10", env([("http_proxy", "")]), get(URL)),
        scene(
            "credentials in the environment",
            "group E",
            env([("http_proxy", "http://user:pass@proxy.test:3128")]),
            get(URL),
        ),
        scene(
            "an environment that is not trusted",
            "S44",
            |s| {
                s.env([("http_proxy", PROXY)]);
                s.distrust_env = true;
            },
            get(URL),
        ),
        scene(
            "a request's proxy beats the environment",
            "S10",
            env([("http_proxy", OTHER)]),
            get(URL).proxy("http", PROXY),
        ),
        scene(
            "a session's proxy and the environment's",
            "S10",
            |s| {
                s.env([("http_proxy", OTHER)]);
                s.proxies = pairs([("http", PROXY)]);
            },
            get(URL),
        ),
        bypass("no_proxy: the host", "a.test"),
        bypass("no_proxy: a domain above", "test"),
        bypass("no_proxy: a domain with a dot", ".test"),
        bypass("no_proxy: another host", "b.test"),
        bypass("no_proxy: a suffix that is no domain", ".est"),
        bypass("no_proxy: all", "*"),
        bypass("no_proxy: a list with blanks", " b.test , a.test "),
        bypass("no_proxy: host and port", "a.test:80"),
        bypass("no_proxy: host and another port", "a.test:81"),
        bypass("no_proxy: in capitals", "A.TEST"),
        bypass("no_proxy: nothing", ""),
        scene("NO_PROXY", "S55", env([("http_proxy", PROXY), ("NO_PROXY", "a.test")]), get(URL)),
        scene(
            "NO_PROXY does not concern a request's proxy",
            "S56",
            env([("no_proxy", "a.test")]),
            get(URL).proxy("http", PROXY),
        ),
        scene(
            "a redirect to a host of no_proxy",
            "S56",
            env([("http_proxy", PROXY), ("no_proxy", "b.test")]),
            get("http://a.test/from"),
        ),
        by_address("no_proxy: an address", "http://127.0.0.1", "127.0.0.1"),
        by_address("no_proxy: a network", "http://127.0.0.1", "127.0.0.0/8"),
        by_address("no_proxy: another network", "http://127.0.0.1", "10.0.0.0/8"),
        by_address("no_proxy: an address with its port", "http://127.0.0.1", "127.0.0.1:80"),
        by_address("no_proxy: an IPv6 address", "http://[fd00::1]", "fd00::1"),
        by_address("no_proxy: an IPv6 network", "http://[fd00::1]", "fd00::/8"),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    by_setting().into_iter().chain(by_environment()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "a fragment and a user are not the proxy's business",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://u:p@a.test/p#frag", "http://a.test/p#frag")],
    },
    Intended {
        scenario: "credentials of a redirect by a proxy",
        statement: "S38",
        reason: "a request's cookies are for the host that the request asks, for the whole chain",
        differences: &[("request 2 cookie", "k=1", "-")],
    },
    Intended {
        scenario: "a proxy that asks who it is",
        statement: "S57",
        reason: "a proxy's refusal is not the server's answer",
        differences: &[("call 1", "407", "error: proxy")],
    },
    Intended {
        scenario: "a session's proxy and the environment's",
        statement: "S10",
        reason: "what the program says beats what the environment says",
        differences: &[(
            "request 1",
            "GET http://a.test/p?q=1 at http://other-proxy.test:3128",
            "GET http://a.test/p?q=1 at http://proxy.test:3128",
        )],
    },
    Intended {
        scenario: "no_proxy: host and port",
        statement: "S55",
        reason: "an entry with a port is for that port, written out in the URL or not",
        differences: &[
            ("call 1 body", "by proxy", "ok"),
            ("request 1", "GET http://a.test/p?q=1 at http://proxy.test:3128", "GET /p?q=1 at http://a.test"),
        ],
    },
    Intended {
        scenario: "a redirect to a host of no_proxy",
        statement: "S56",
        reason: "the environment's rules are asked for each hop",
        differences: &[
            ("call 1 body", "by proxy", "ok"),
            ("request 2", "GET http://b.test/to at http://proxy.test:3128", "GET /to at http://b.test"),
        ],
    },
    Intended {
        scenario: "no_proxy: an address with its port",
        statement: "S55",
        reason: "an entry with a port is for that port, written out in the URL or not",
        differences: &[
            ("call 1 body", "by proxy", "ok"),
            ("request 1", "GET http://127.0.0.1/ at http://proxy.test:3128", "GET / at http://127.0.0.1"),
        ],
    },
    Intended {
        scenario: "no_proxy: an IPv6 network",
        statement: "S55",
        reason: "networks of IPv6 are known too",
        differences: &[
            ("call 1 body", "by proxy", "ok"),
            ("request 1", "GET http://[fd00::1]/ at http://proxy.test:3128", "GET / at http://[fd00::1]"),
        ],
    },
    Intended {
        scenario: "an environment variable with a port that is none",
        statement: "S57",
        reason: "what is wrong with a proxy's URL is the proxy's",
        differences: &[("call 1", "error: invalid url", "error: proxy")],
    },
];
