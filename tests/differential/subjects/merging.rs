//! What a request gets from its session: headers, params, hooks (S1 to S7, S12, S17, S52, S53, groups G and H).

use crate::answer::{ok, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Hook, Scenario, Settings, call, get, page, pairs, post, scenario};

const URL: &str = "http://a.test/";

fn with(name: &'static str, about: &'static str, settings: impl FnOnce(&mut Settings), call: Call) -> Scenario {
    scenario(name, about).answers([ok()]).session(settings).call(call)
}

fn headers() -> Vec<Scenario> {
    let default = |s: &mut Settings| {
        s.header("x-team", "blue");
        s.header("x-trace", "7");
    };
    vec![
        with("a session's headers", "S1", default, get(URL)),
        with("a header of the request's beats the session's", "S1", default, get(URL).header("x-team", "red")),
        with("a name in another case is the same name", "S2", default, get(URL).header("X-TEAM", "red")),
        with("a header of the session's left out", "S1", default, get(URL).without_header("x-team")),
        with(
            "a header of the session's left out, in another case",
            "group H",
            default,
            get(URL).without_header("X-Team"),
        ),
        with("a header left out that is not there", "S1", default, get(URL).without_header("x-other")),
        with(
            "a header left out of the session",
            "group H",
            |s| {
                s.header("x-team", "blue");
                s.without_header("x-team");
            },
            get(URL),
        ),
        with("an empty value", "S17", |_| (), get(URL).header("x-empty", "")),
        with("User-Agent of the session", "group H", |s| s.header("user-agent", "inventory/1.4"), get(URL)),
        with(
            "User-Agent of the request",
            "group H",
            |s| s.header("user-agent", "inventory/1.4"),
            get(URL).header("user-agent", "own"),
        ),
        with("User-Agent left out", "S3", |_| (), get(URL).without_header("user-agent")),
        with("Accept-Encoding left out", "S3", |_| (), get(URL).without_header("accept-encoding")),
        with("Accept left out", "S3", |_| (), get(URL).without_header("accept")),
        with("Accept of the request", "S1", |_| (), get(URL).header("accept", "text/html")),
        with("Accept-Encoding of the request", "S1", |_| (), get(URL).header("accept-encoding", "identity")),
        with("Host by hand", "group H", |_| (), get(URL).header("host", "virtual.test")),
        with("Connection: close", "group H", |_| (), get(URL).header("connection", "close")),
        with("a value beyond ASCII", "S17", |_| (), get(URL).header("x-name", "caf\u{e9}")),
        with("a value with a line feed", "group H", |_| (), get(URL).header("x-evil", "a\nb")),
        with("a value with a carriage return", "group H", |_| (), get(URL).header("x-evil", "a\r\nb: c")),
        with("a value that begins with a space", "group H", |_| (), get(URL).header("x-space", " a")),
        with("a value that begins with a tab", "group H", |_| (), get(URL).header("x-space", "\ta")),
        with("a value that ends with a space", "group H", |_| (), get(URL).header("x-space", "a ")),
        with("a value with a NUL", "S17", |_| (), get(URL).header("x-nul", "a\u{0}b")),
        with("a name with a space in it", "S17", |_| (), get(URL).header("x name", "a")),
        with("a name with a colon in it", "S17", |_| (), get(URL).header("x:name", "a")),
        with("an empty name", "S17", |_| (), get(URL).header("", "a")),
        with("a method in lower case", "S12", |_| (), call("patch", URL).text("x")),
        with("a method of one's own", "group A", |_| (), call("PURGE", URL)),
        with("a method that is none", "S92", |_| (), call("GET /x HTTP/1.1\r\nA:", URL)),
        scenario("a request's headers are not the next one's", "group A")
            .answers([ok()])
            .call(get(URL).header("x-once", "1"))
            .call(get(URL)),
        scenario("headers go along a redirect", "S1")
            .server("http://a.test", [page("/from", redirect(302, "/to")), page("*", ok())])
            .session(|s| s.header("x-team", "blue"))
            .call(get("http://a.test/from").header("x-own", "1").without_header("accept")),
    ]
}

fn params() -> Vec<Scenario> {
    let lang = |s: &mut Settings| s.params = pairs([("lang", "en")]);
    vec![
        with("params", "S4", |_| (), get(URL).params([("a", "1"), ("b", "2")])),
        with("params after a query", "S4", |_| (), get("http://a.test/?x=0").params([("a", "1")])),
        with("params before a fragment", "S4", |_| (), get("http://a.test/p#frag").params([("a", "1")])),
        with(
            "params after a query and before a fragment",
            "group I",
            |_| (),
            get("http://a.test/p?x=0#frag").params([("a", "1")]),
        ),
        with("a param twice", "S4", |_| (), get(URL).params([("a", "1"), ("a", "2")])),
        with("a param that the URL has too", "S4", |_| (), get("http://a.test/?a=0").params([("a", "1")])),
        with(
            "params with all sorts of characters",
            "S4",
            |_| (),
            get(URL).params([("a b", "c&d=e+f/g?h#i%j~k"), ("\u{e4}", "\u{20ac}")]),
        ),
        with("a param without a value", "S4", |_| (), get(URL).params([("a", "")])),
        with(
            "params keep their case and their order",
            "group I",
            |_| (),
            get(URL).params([("z", "1"), ("Z", "2"), ("a", "3")]),
        ),
        with("a session's params", "S4", lang, get(URL)),
        with("a session's params after a query", "S4", lang, get("http://a.test/?x=0")),
        with("a session's params and the request's", "S4", lang, get(URL).params([("a", "1")])),
        with("a session's param and the request's of the same name", "S4", lang, get(URL).params([("lang", "de")])),
        with("a session's params and a list of pairs", "S5", lang, get(URL).params([("a", "1"), ("a", "2")])),
        with("params of a POST", "S4", |_| (), post("http://a.test/form").params([("a", "1")]).form([("b", "2")])),
    ]
}

fn hooks() -> Vec<Scenario> {
    let redirecting = |name, about| {
        scenario(name, about).server("http://a.test", [page("/from", redirect(302, "/to")), page("*", ok())])
    };
    let from = || get("http://a.test/from");
    let note = |name| Hook::Note(name);
    vec![
        redirecting("a session's hooks run on each hop", "S52")
            .session(|s| s.hooks = vec![note("one"), note("two")])
            .call(from()),
        redirecting("a request's hooks run on each hop", "S52").call(from().hook(note("one")).hook(note("two"))),
        redirecting("a session's hooks and the request's", "S7")
            .session(|s| s.hooks = vec![note("session")])
            .call(from().hook(note("request"))),
        scenario("a hook changes the answer's headers", "S53")
            .answers([reply(200, [("x-a", "server")], "ok")])
            .call(get(URL).hook(Hook::Set("x-a", "hook")).show("x-a")),
        scenario("a hook's redirect is followed", "S53")
            .server("http://a.test", [page("/from", reply(302, [("location", "/wrong")], "")), page("*", ok())])
            .call(from().hook(Hook::Set("location", "/right"))),
        scenario("a hook that fails fails the call", "S53")
            .answers([ok()])
            .call(get(URL).hook(Hook::Fail).hook(note("never"))),
        redirecting("a hook that fails stops the redirects", "S53").call(from().hook(note("first")).hook(Hook::Fail)),
        scenario("hooks run on errors too", "S52").answers([reply(500, [], "no")]).call(get(URL).hook(note("one"))),
        scenario("a request's hooks are not the next one's", "S7")
            .answers([ok()])
            .call(get(URL).hook(note("one")))
            .call(get(URL)),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    headers().into_iter().chain(params()).chain(hooks()).collect()
}

pub(super) const INTENDED: &[Intended] = &[];
