//! What a URL becomes (S6, S18, group I).

use crate::answer::ok;
use crate::intended::Intended;
use crate::scenario::{Scenario, get, scenario};

fn to(name: &'static str, about: &'static str, url: &str) -> Scenario {
    scenario(name, about)
        .answers([ok()])
        .server("http://a.test:8080", [crate::scenario::page("*", ok())])
        .call(get(url))
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        to("URL: no path", "S18", "http://a.test"),
        to("URL: a query and no path", "S18", "http://a.test?q=1"),
        to("URL: a fragment", "S18", "http://a.test/p#frag"),
        to("URL: a fragment after a query", "group B", "http://a.test/p?q#frag?x"),
        to("URL: a port", "S18", "http://a.test:8080/p"),
        to("URL: the default port", "S18", "http://a.test:80/p"),
        to("URL: a scheme in capitals", "group I", "HTTP://a.test/p"),
        to("URL: a scheme in mixed case", "group I", "HttP://a.test/p"),
        to("URL: a host in capitals", "group I", "http://A.Test/p"),
        to("URL: blanks before it", "group I", "   http://a.test/p"),
        to("URL: a space in the path", "group I", "http://a.test/a b"),
        to("URL: a space in the query", "S4", "http://a.test/?q=a b"),
        to("URL: dots", "S18", "http://a.test/a/./b/../c"),
        to("URL: dots above the root", "S18", "http://a.test/../../c"),
        to("URL: double slashes", "S18", "http://a.test//a///b"),
        to("URL: unreserved characters escaped", "S18", "http://a.test/%7Euser/%41%2D"),
        to("URL: escapes in lower case", "S18", "http://a.test/a%2fb%3f"),
        to("URL: escapes that are kept", "group I", "http://a.test/a%20b%25c"),
        to("URL: a percent sign that is no escape", "group I", "http://a.test/100%"),
        to("URL: letters beyond ASCII", "group A", "http://a.test/\u{f8}?q=\u{e4}"),
        to("URL: characters that need no escape", "S18", "http://a.test/!$&'()*+,;=:@-._~"),
        to("URL: characters that need one in a path", "S18", "http://a.test/\"<>^`{|}"),
        to("URL: characters that need one in a query", "S18", "http://a.test/?\"<>^`{|}'"),
        to("URL: brackets in a query", "S18", "http://a.test/?a[]=1&b[c]=2"),
        to("URL: a backslash", "S18", "http://a.test/a\\b"),
        to("URL: a question mark and nothing after it", "S18", "http://a.test/p?"),
        to("URL: an empty fragment", "S18", "http://a.test/p#"),
        to("URL: no scheme", "S18", "a.test/p"),
        to("URL: a path alone", "S18", "/p"),
        to("URL: no host", "S18", "http://"),
        to("URL: no host but a path", "S18", "http:///p"),
        to("URL: a host that begins with an asterisk", "S18", "http://*.a.test/"),
        to("URL: a host that begins with a dot", "S18", "http://.a.test/"),
        to("URL: a host with two dots", "group I", "http://a..test/"),
        to("URL: a host with a space", "S18", "http://a b.test/"),
        to("URL: a port that is none", "S18", "http://a.test:port/"),
        to("URL: a port that is too large", "S18", "http://a.test:99999/"),
        to("URL: a port that is left out", "S18", "http://a.test:/p"),
        to("URL: a broken address", "S18", "http://[::1/"),
        to("URL: a scheme that nothing is mounted for", "S18", "ftp://a.test/p"),
        to("URL: mailto", "S6", "mailto:user@a.test"),
        to("URL: a host that is not there", "S92", "http://nowhere.test/"),
        to("URL: a line feed", "CVE-2019-11236", "http://a.test/\nx-evil: 1"),
        to("URL: a carriage return and a line feed in escapes", "CVE-2019-11236", "http://a.test/%0d%0ax-evil:%201"),
        to("URL: a user that looks like a host", "CVE-2024-47081", "http://b.test:@a.test/"),
        scenario("URL: a host in Unicode", "group I")
            .server("http://xn--bcher-kva.test", [crate::scenario::page("*", ok())])
            .call(get("http://b\u{fc}cher.test/")),
    ]
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "URL: the default port",
        statement: "S18",
        reason: "a port that says nothing is not written",
        differences: &[("call 1 url", "http://a.test:80/p", "http://a.test/p")],
    },
    Intended {
        scenario: "URL: unreserved characters escaped",
        statement: "S18",
        reason: "escapes stay as they are written: a signature over them stays valid",
        differences: &[
            ("call 1 url", "http://a.test/~user/A-", "http://a.test/%7Euser/%41%2D"),
            ("request 1", "GET /~user/A- at http://a.test", "GET /%7Euser/%41%2D at http://a.test"),
        ],
    },
    Intended {
        scenario: "URL: escapes in lower case",
        statement: "S18",
        reason: "escapes stay as they are written: a signature over them stays valid",
        differences: &[
            ("call 1 url", "http://a.test/a%2Fb%3F", "http://a.test/a%2fb%3f"),
            ("request 1", "GET /a%2Fb%3F at http://a.test", "GET /a%2fb%3f at http://a.test"),
        ],
    },
    Intended {
        scenario: "URL: a percent sign that is no escape",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[
            ("call 1 url", "http://a.test/100%25", "http://a.test/100%"),
            ("request 1", "GET /100%25 at http://a.test", "GET /100% at http://a.test"),
        ],
    },
    Intended {
        scenario: "URL: characters that need one in a path",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[
            ("call 1 url", "http://a.test/%22%3C%3E%5E%60%7B%7C%7D", "http://a.test/%22%3C%3E^%60%7B|%7D"),
            (
                "request 1",
                "GET /%22%3C%3E%5E%60%7B%7C%7D at http://a.test",
                "GET /%22%3C%3E^%60%7B|%7D at http://a.test",
            ),
        ],
    },
    Intended {
        scenario: "URL: characters that need one in a query",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[
            ("call 1 url", "http://a.test/?%22%3C%3E%5E%60%7B%7C%7D'", "http://a.test/?%22%3C%3E^`{|}%27"),
            (
                "request 1",
                "GET /?%22%3C%3E%5E%60%7B%7C%7D' at http://a.test",
                "GET /?%22%3C%3E^`{|}%27 at http://a.test",
            ),
        ],
    },
    Intended {
        scenario: "URL: brackets in a query",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[
            ("call 1 url", "http://a.test/?a%5B%5D=1&b%5Bc%5D=2", "http://a.test/?a[]=1&b[c]=2"),
            ("request 1", "GET /?a%5B%5D=1&b%5Bc%5D=2 at http://a.test", "GET /?a[]=1&b[c]=2 at http://a.test"),
        ],
    },
    Intended {
        scenario: "URL: a backslash",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[
            ("call 1 url", "http://a.test/a%5Cb", "http://a.test/a/b"),
            ("request 1", "GET /a%5Cb at http://a.test", "GET /a/b at http://a.test"),
        ],
    },
    Intended {
        scenario: "URL: a question mark and nothing after it",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[
            ("call 1 url", "http://a.test/p", "http://a.test/p?"),
            ("request 1", "GET /p at http://a.test", "GET /p? at http://a.test"),
        ],
    },
    Intended {
        scenario: "URL: an empty fragment",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[("call 1 url", "http://a.test/p", "http://a.test/p#")],
    },
    Intended {
        scenario: "URL: no host but a path",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[("call 1", "error: invalid url", "error: connect")],
    },
    Intended {
        scenario: "URL: a host that begins with an asterisk",
        statement: "S18",
        reason: "no such name is found; the WHATWG standard takes it for a host",
        differences: &[("call 1", "error: invalid url", "error: connect")],
    },
    Intended {
        scenario: "URL: a host that begins with a dot",
        statement: "S18",
        reason: "no such name is found; the WHATWG standard takes it for a host",
        differences: &[("call 1", "error: invalid url", "error: connect")],
    },
    Intended {
        scenario: "URL: a host with a space",
        statement: "S18",
        reason: "a host with a space is refused before anything looks for it",
        differences: &[("call 1", "error: connect", "error: invalid url")],
    },
    Intended {
        scenario: "URL: mailto",
        statement: "S6",
        reason: "only URLs with a host are looked up among the mounts",
        differences: &[("call 1", "error: unsupported scheme", "error: invalid url")],
    },
    Intended {
        scenario: "URL: a line feed",
        statement: "S18",
        reason: "a URL is what the WHATWG standard makes of it, and so what its server is asked for everywhere else",
        differences: &[
            ("call 1 url", "http://a.test/%0Ax-evil:%201", "http://a.test/x-evil:%201"),
            ("request 1", "GET /%0Ax-evil:%201 at http://a.test", "GET /x-evil:%201 at http://a.test"),
        ],
    },
    Intended {
        scenario: "URL: a carriage return and a line feed in escapes",
        statement: "S18",
        reason: "escapes stay as they are written: a signature over them stays valid",
        differences: &[
            ("call 1 url", "http://a.test/%0D%0Ax-evil:%201", "http://a.test/%0d%0ax-evil:%201"),
            ("request 1", "GET /%0D%0Ax-evil:%201 at http://a.test", "GET /%0d%0ax-evil:%201 at http://a.test"),
        ],
    },
    Intended {
        scenario: "URL: a user that looks like a host",
        statement: "S35",
        reason: "userinfo never shows in a URL",
        differences: &[("call 1 url", "http://b.test:@a.test/", "http://a.test/")],
    },
];
