//! Which adapter, or mount, a URL belongs to (S58 to S60, S94, group L).

use crate::answer::{ok, redirect};
use crate::intended::Intended;
use crate::scenario::{Scenario, get, page, pairs, scenario};

fn mounted<const N: usize>(name: &'static str, about: &'static str, mounts: [(&str, &str); N], url: &str) -> Scenario {
    scenario(name, about)
        .server("http://a.test", [page("*", ok())])
        .server("http://a.test.b.test", [page("*", ok())])
        .server("http://a.test:8080", [page("*", ok())])
        .session(|s| s.mounts = pairs(mounts))
        .call(get(url))
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        mounted("mount: a host", "S58", [("http://a.test", "m")], "http://a.test/x"),
        mounted("mount: a host with a slash", "group L", [("http://a.test/", "m")], "http://a.test/x"),
        mounted(
            "mount: the longest prefix",
            "S58",
            [("http://a.test/", "short"), ("http://a.test/api/v1/", "long"), ("http://a.test/api/", "mid")],
            "http://a.test/api/v1/x",
        ),
        mounted(
            "mount: a shorter one for what the longer does not cover",
            "S58",
            [("http://a.test/", "short"), ("http://a.test/api/", "long")],
            "http://a.test/other",
        ),
        mounted("mount: not that path", "group L", [("http://a.test/api/", "m")], "http://a.test/other"),
        mounted("mount: another scheme", "S58", [("https://a.test/", "m")], "http://a.test/x"),
        mounted("mount: a bare scheme", "S60", [("http://", "m")], "http://a.test/x"),
        mounted("mount: in capitals", "group L", [("HTTP://A.TEST/", "m")], "http://a.test/x"),
        mounted("mount: for a URL in capitals", "group L", [("http://a.test/", "m")], "HTTP://A.TEST/x"),
        mounted(
            "mount: the same prefix again",
            "S58",
            [("http://a.test/", "first"), ("http://a.test/", "second")],
            "http://a.test/x",
        ),
        mounted("mount: another host that begins alike", "S59", [("http://a.test", "m")], "http://a.test.b.test/"),
        mounted("mount: another port", "S59", [("http://a.test", "m")], "http://a.test:8080/"),
        mounted("mount: the default port, written out", "S59", [("http://a.test/", "m")], "http://a.test:80/x"),
        mounted("mount: a URL with a user", "S59", [("http://a.test/", "m")], "http://user:pass@a.test/x"),
        mounted("mount: a path that only begins alike", "S59", [("http://a.test/api", "m")], "http://a.test/apidocs"),
        mounted("mount: a path reached by dots", "S59", [("http://a.test/api/", "m")], "http://a.test/x/../api/y"),
        mounted("mount: a path left by dots", "S59", [("http://a.test/api/", "m")], "http://a.test/api/../x"),
        scenario("mount: each hop of a redirect has its own", "S58")
            .server("http://a.test", [page("/one/from", redirect(302, "/two/to")), page("*", ok())])
            .session(|s| s.mounts = pairs([("http://a.test/one/", "one"), ("http://a.test/two/", "two")]))
            .call(get("http://a.test/one/from")),
    ]
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "mount: another host that begins alike",
        statement: "S59",
        reason: "a prefix is a host and a path, not a text",
        differences: &[("request 1 x-mount", "m", "-")],
    },
    Intended {
        scenario: "mount: another port",
        statement: "S59",
        reason: "a port that is not named is the scheme's own",
        differences: &[("request 1 x-mount", "m", "-")],
    },
    Intended {
        scenario: "mount: the default port, written out",
        statement: "S59",
        reason: "a default port is the same written out or not",
        differences: &[("call 1 url", "http://a.test:80/x", "http://a.test/x"), ("request 1 x-mount", "-", "m")],
    },
    Intended {
        scenario: "mount: a URL with a user",
        statement: "S59",
        reason: "a user in a URL does not change where it leads",
        differences: &[("call 1 url", "http://user:pass@a.test/x", "http://a.test/x"), ("request 1 x-mount", "-", "m")],
    },
    Intended {
        scenario: "mount: a path that only begins alike",
        statement: "S59",
        reason: "a path covers what is below it, not what begins alike",
        differences: &[("request 1 x-mount", "m", "-")],
    },
];
