//! Passwords from a netrc file (S36, S40, S43, group D).

use crate::answer::{ok, redirect};
use crate::intended::Intended;
use crate::scenario::{Call, Scenario, get, page, pairs, scenario};

const URL: &str = "http://a.test/";
const A: &str = "machine a.test login ada password s3cret\n";
const BOTH: &str = "machine a.test login ada password s3cret\nmachine b.test login bob password pw\n";

/// A netrc that is looked for, in a home folder with these files.
fn looked_for<const N: usize>(name: &'static str, env: &[(&str, &str)], files: [(&str, &str); N]) -> Scenario {
    scenario(name, "S43")
        .server("http://a.test", [page("*", ok())])
        .session(|s| {
            s.home_files = Some(pairs(files));
            s.env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        })
        .call(get(URL))
}

fn look_ups() -> Vec<Scenario> {
    const OTHER: &str = "machine a.test login eve password no\n";
    const BROKEN: &str = "machine a.test login\n";
    vec![
        looked_for("netrc: no file", &[], []),
        looked_for("netrc: ~/.netrc", &[], [(".netrc", A)]),
        looked_for("netrc: ~/_netrc", &[], [("_netrc", A)]),
        looked_for("netrc: ~/.netrc beats ~/_netrc", &[], [(".netrc", A), ("_netrc", OTHER)]),
        looked_for("netrc: ~/_netrc is not read if there is the other", &[], [(".netrc", A), ("_netrc", BROKEN)]),
        looked_for(
            "netrc: a host that only ~/_netrc has",
            &[],
            [(".netrc", "machine b.test login b\n"), ("_netrc", A)],
        ),
        looked_for("netrc: NETRC", &[("NETRC", "{home}/mine")], [("mine", A)]),
        looked_for("netrc: NETRC beats ~/.netrc", &[("NETRC", "{home}/mine")], [("mine", A), (".netrc", OTHER)]),
        looked_for("netrc: NETRC with a tilde", &[("NETRC", "~/mine")], [("mine", A)]),
        looked_for("netrc: NETRC is empty", &[("NETRC", "")], [(".netrc", A)]),
        looked_for("netrc: NETRC names what is not there", &[("NETRC", "{home}/mine")], [(".netrc", A)]),
        looked_for("netrc: NETRC names what is no netrc", &[("NETRC", "{home}/mine")], [("mine", BROKEN)]),
        looked_for("netrc: ~/.netrc is no netrc", &[], [(".netrc", BROKEN)]),
        looked_for("netrc: ~/.netrc is open to others", &[], [(".netrc", A)]).session(|s| s.home_is_open = true),
        looked_for("netrc: NETRC names what is open to others", &[("NETRC", "{home}/mine")], [("mine", A)])
            .session(|s| s.home_is_open = true),
    ]
}

fn with(name: &'static str, about: &'static str, netrc: &str, call: Call) -> Scenario {
    scenario(name, about)
        .server(
            "http://a.test",
            [page("/from", redirect(302, "/to")), page("/away", redirect(302, "http://b.test/to")), page("*", ok())],
        )
        .server("http://b.test", [page("/back", redirect(302, "http://a.test/to")), page("*", ok())])
        .server("http://a.test:8080", [page("*", ok())])
        .server("http://sub.a.test", [page("*", ok())])
        .session(|s| s.netrc = Some(netrc.to_owned()))
        .call(call)
}

fn entries() -> Vec<Scenario> {
    vec![
        with("netrc: the host", "S43", A, get(URL)),
        with("netrc: another host", "S43", A, get("http://b.test/")),
        with("netrc: a host below", "S43", A, get("http://sub.a.test/")),
        with("netrc: another port of the host", "S43", A, get("http://a.test:8080/")),
        with("netrc: the default entry", "S43", "default login any password pw\n", get(URL)),
        with(
            "netrc: the host beats the default entry",
            "S43",
            "machine a.test login ada password s3cret\ndefault login any password pw\n",
            get(URL),
        ),
        with("netrc: an empty default entry", "group D", "default\n", get(URL)),
        with("netrc: an account", "S43", "machine a.test login ada account acc password s3cret\n", get(URL)),
        with("netrc: on many lines", "S43", "machine a.test\n  login ada\n\n  password s3cret\n", get(URL)),
        with("netrc: a comment", "S43", "# mine\nmachine a.test login ada password s3cret # really\n", get(URL)),
        with(
            "netrc: a macro",
            "S43",
            "macdef init\nmachine b.test login no password no\n\nmachine a.test login ada password s3cret\n",
            get(URL),
        ),
        with("netrc: quotes", "S43", "machine a.test login \"ada l\" password \"s3 \\\"cret\"\n", get(URL)),
        with(
            "netrc: the host twice",
            "S43",
            "machine a.test login ada password s3cret\nmachine a.test login eve password no\n",
            get(URL),
        ),
        with("netrc: no password", "S43", "machine a.test login ada\n", get(URL)),
        with("netrc: no login", "S43", "machine a.test password s3cret\n", get(URL)),
        with("netrc: an empty file", "S43", "", get(URL)),
        with("netrc: a host in capitals", "S43", "machine A.TEST login ada password s3cret\n", get(URL)),
        with("netrc: a URL in capitals", "S43", A, get("http://A.TEST/")),
        with("netrc and a request's auth", "S40", A, get(URL).basic("own", "own")),
        with("netrc and a request's header", "S40", A, get(URL).header("authorization", "by hand")),
        with("netrc and a session's auth", "S40", A, get(URL)).session(|s| s.basic("user", "pass")),
        with("netrc and a session's header", "S40", A, get(URL)).session(|s| s.header("authorization", "default")),
        with("netrc and a URL's user", "S40", A, get("http://user:pass@a.test/")),
        with("netrc: a user that looks like its host", "CVE-2024-47081", BOTH, get("http://b.test:@a.test/")),
        with("netrc: a redirect on one host", "S36", A, get("http://a.test/from")),
        with("netrc: a redirect to a host that is not there", "S36", A, get("http://a.test/away")),
        with("netrc: a redirect to a host that is there too", "S36", BOTH, get("http://a.test/away")),
        with("netrc: a redirect from elsewhere", "S36", A, get("http://b.test/back")),
        with("netrc and a request's auth on a redirect", "S36", A, get("http://a.test/from").basic("own", "own")),
        with(
            "netrc and a request's auth on a redirect to another host",
            "S36",
            BOTH,
            get("http://a.test/away").basic("own", "own"),
        ),
        with(
            "netrc and a request's header on a redirect",
            "S36",
            A,
            get("http://a.test/from").header("authorization", "by hand"),
        ),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    entries().into_iter().chain(look_ups()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "netrc: the host twice",
        statement: "S43",
        reason: "of two entries for a host the first counts, as with curl and ftp",
        differences: &[("request 1 authorization", "Basic ZXZlOm5v", "Basic YWRhOnMzY3JldA==")],
    },
    Intended {
        scenario: "netrc: a host in capitals",
        statement: "S43",
        reason: "names of hosts know no case",
        differences: &[("request 1 authorization", "-", "Basic YWRhOnMzY3JldA==")],
    },
    Intended {
        scenario: "netrc and a request's header",
        statement: "S40",
        reason: "a netrc comes last: a header by hand beats it",
        differences: &[("request 1 authorization", "Basic YWRhOnMzY3JldA==", "by hand")],
    },
    Intended {
        scenario: "netrc and a session's header",
        statement: "S40",
        reason: "a netrc comes last: a default header beats it",
        differences: &[("request 1 authorization", "Basic YWRhOnMzY3JldA==", "default")],
    },
    Intended {
        scenario: "netrc and a URL's user",
        statement: "S40",
        reason: "a netrc comes last: what the URL says beats it",
        differences: &[
            ("call 1 url", "http://user:pass@a.test/", "http://a.test/"),
            ("request 1 authorization", "Basic YWRhOnMzY3JldA==", "Basic dXNlcjpwYXNz"),
        ],
    },
    Intended {
        scenario: "netrc: a user that looks like its host",
        statement: "S40",
        reason: "a netrc comes last: what the URL says beats it",
        differences: &[
            ("call 1 url", "http://b.test:@a.test/", "http://a.test/"),
            ("request 1 authorization", "Basic YWRhOnMzY3JldA==", "Basic Yi50ZXN0Og=="),
        ],
    },
    Intended {
        scenario: "netrc and a request's auth on a redirect",
        statement: "S36",
        reason: "a netrc does not replace what the request says, on no hop",
        differences: &[("request 2 authorization", "Basic YWRhOnMzY3JldA==", "Basic b3duOm93bg==")],
    },
    Intended {
        scenario: "netrc and a request's header on a redirect",
        statement: "S36",
        reason: "a netrc does not replace what the request says, on no hop",
        differences: &[
            ("request 1 authorization", "Basic YWRhOnMzY3JldA==", "by hand"),
            ("request 2 authorization", "Basic YWRhOnMzY3JldA==", "by hand"),
        ],
    },
    Intended {
        scenario: "netrc: NETRC is empty",
        statement: "S43",
        reason: "a variable that is empty counts as not set",
        differences: &[("request 1 authorization", "-", "Basic YWRhOnMzY3JldA==")],
    },
    Intended {
        scenario: "netrc: NETRC names what is not there",
        statement: "S43",
        reason: "a netrc that is named must be there",
        differences: &[("call 1", "200", "error: netrc"), ("request 1", "GET / at http://a.test", "-")],
    },
    Intended {
        scenario: "netrc: NETRC names what is no netrc",
        statement: "S43",
        reason: "a netrc that cannot be read is an error: in silence, requests would go out without their passwords",
        differences: &[("call 1", "200", "error: netrc"), ("request 1", "GET / at http://a.test", "-")],
    },
    Intended {
        scenario: "netrc: ~/.netrc is no netrc",
        statement: "S43",
        reason: "a netrc that cannot be read is an error: in silence, requests would go out without their passwords",
        differences: &[("call 1", "200", "error: netrc"), ("request 1", "GET / at http://a.test", "-")],
    },
    Intended {
        scenario: "netrc: ~/.netrc is open to others",
        statement: "S43",
        reason: "passwords in a home folder that others may read are refused, as by Python's own netrc",
        differences: &[("call 1", "200", "error: netrc"), ("request 1", "GET / at http://a.test", "-")],
    },
];
