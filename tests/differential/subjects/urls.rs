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

pub(super) const INTENDED: &[Intended] = &[];
