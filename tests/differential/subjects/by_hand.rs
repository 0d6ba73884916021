//! Redirects that the caller follows (S29, group B).

use crate::answer::{ok, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Scenario, get, page, pairs, post, scenario};

/// What comes after the first hop, sent by hand.
fn stepping(name: &'static str, status: u16, location: &str, call: Call) -> Scenario {
    scenario(name, "S29")
        .server("http://a.test", [page("/from", redirect(status, location)), page("*", ok())])
        .server("http://b.test", [page("*", ok())])
        .call(call.by_hand())
}

pub(super) fn scenarios() -> Vec<Scenario> {
    const FROM: &str = "http://a.test/from";
    vec![
        stepping("by hand: GET", 302, "/to", get(FROM)),
        stepping("by hand: POST that becomes GET", 303, "/to", post(FROM).form([("a", "1")])),
        stepping("by hand: POST that stays", 307, "/to", post(FROM).form([("a", "1")])),
        stepping("by hand: headers", 302, "/to", get(FROM).header("x-own", "1").without_defaults()),
        stepping(
            "by hand: Authorization to another host",
            302,
            "http://b.test/to",
            get(FROM).header("authorization", "t0k3n"),
        ),
        stepping("by hand: Authorization on one host", 302, "/to", get(FROM).header("authorization", "t0k3n")),
        stepping("by hand: an auth on one host", 302, "/to", get(FROM).basic("u", "p")),
        stepping("by hand: an auth to another host", 302, "http://b.test/to", get(FROM).basic("u", "p")),
        stepping("by hand: a session's headers", 302, "/to", get(FROM)).session(|s| s.header("x-team", "blue")),
        stepping("by hand: a session's params", 302, "/to?x=1", get(FROM))
            .session(|s| s.params = pairs([("lang", "en")])),
        stepping("by hand: a fragment", 302, "/to", get("http://a.test/from#first")),
        stepping("by hand: a second redirect", 302, "/from", get("http://a.test/from")),
        scenario("by hand: a cookie that the redirect sets", "S29")
            .server(
                "http://a.test",
                [page("/from", reply(302, [("location", "/to"), ("set-cookie", "id=7; Path=/")], "")), page("*", ok())],
            )
            .call(get(FROM).by_hand()),
    ]
}

pub(super) const INTENDED: &[Intended] = &[];
