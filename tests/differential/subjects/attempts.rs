//! More of attempts: the waits between them, what is kept of each, and which a proxy has (S78, S82, S84).
//!
//! urllib3's factor 0.2 is compared with an exponential back-off that begins with 0.2 s. What a wait is drawn from by lot
//! (`backoff_jitter`, and sortie's own default) is not compared, nor is how long one is, but whether it is longer.

use crate::answer::{Answer, cut, ok, redirect, reply, silence, tunnel};
use crate::intended::Intended;
use crate::scenario::{Call, Retries, Scenario, get, page, pages, post, scenario};

const URL: &str = "http://a.test/";

fn busy() -> Answer {
    reply(503, [], "busy")
}

fn tried(name: &'static str, about: &'static str, retries: Retries, answers: Vec<Answer>, call: Call) -> Scenario {
    scenario(name, about).answers(answers).session(|s| s.retries = Some(retries)).call(call)
}

fn waits() -> Vec<Scenario> {
    let backing_off = |backoff| Retries { total: 3, statuses: vec![503], backoff, ..Retries::default() };
    vec![
        tried("back-off: none", "S82", backing_off(0.0), vec![busy()], get(URL)).waits(),
        tried("back-off: after a status", "S82", backing_off(0.2), vec![busy()], get(URL)).waits(),
        tried("back-off: after an end before the answer", "S82", backing_off(0.2), vec![cut()], get(URL)).waits(),
        tried("back-off: not before the first attempt", "S82", backing_off(0.2), vec![ok()], get(URL)).waits(),
        tried(
            "back-off: begins anew with the next call",
            "S82",
            backing_off(0.2),
            vec![busy(), busy(), ok(), busy(), busy(), ok()],
            get(URL),
        )
        .call(get(URL))
        .waits(),
        tried(
            "back-off: a wait that is asked for comes in its place",
            "S81",
            backing_off(0.2),
            vec![reply(503, [("retry-after", "1")], "busy"), ok()],
            get(URL),
        )
        .waits(),
    ]
}

fn attempts() -> Vec<Scenario> {
    let on_503 = |total| Retries { total, statuses: vec![503], ..Retries::default() };
    let shown = || get(URL).show_attempts();
    vec![
        tried("attempts: one", "S84", on_503(2), vec![ok()], shown()),
        tried("attempts: two", "S84", on_503(2), vec![busy(), ok()], shown()),
        tried("attempts: as many as are allowed", "S84", on_503(2), vec![busy()], shown()),
        tried("attempts: one that had no answer", "S84", on_503(2), vec![cut(), busy(), ok()], shown()),
        tried("attempts: one in silence", "S84", on_503(2), vec![silence(), ok()], shown().timeout(5.0, 0.4)),
        tried("attempts: of the last hop", "S84", on_503(2), vec![busy(), redirect(302, "/to"), ok()], shown()),
        tried(
            "attempts: of the last hop alone",
            "S84",
            on_503(2),
            vec![busy(), redirect(302, "/to"), busy(), busy(), ok()],
            shown(),
        ),
        scenario("attempts: where none is to be made again", "S84").answers([busy()]).call(shown()),
        tried("attempts: of each call", "S84", on_503(2), vec![busy(), ok(), busy(), ok()], shown()).call(shown()),
    ]
}

const PROXY: &str = "http://proxy.test:3128";

/// A proxy that gives these answers to whoever wants a tunnel, and a server behind it.
fn tunnelled(name: &'static str, answers: Vec<Answer>, call: Call) -> Scenario {
    scenario(name, "S78")
        .server(PROXY, [pages("a.test:443", answers)])
        .server("https://a.test", [page("*", ok())])
        .session(|s| s.retries = Some(Retries { total: 2, ..Retries::default() }))
        .call(call.proxy("https", PROXY).proxy("http", PROXY))
}

fn by_proxy() -> Vec<Scenario> {
    const SECURE: &str = "https://a.test/";
    let refused = |status| reply(status, [], "no");
    vec![
        tunnelled("a tunnel that is refused once", vec![refused(503), tunnel()], get(SECURE)),
        tunnelled("a tunnel that is refused once, for POST", vec![refused(503), tunnel()], post(SECURE).text("x")),
        tunnelled("a tunnel that is refused again and again", vec![refused(502)], get(SECURE)),
        tunnelled("a tunnel that breaks off", vec![cut(), tunnel()], get(SECURE)),
        tunnelled("a tunnel that is forbidden", vec![refused(403)], get(SECURE)),
        tunnelled(
            "a tunnel for which a proxy wants credentials",
            vec![reply(407, [("proxy-authenticate", "Basic realm=\"p\"")], "who?")],
            get(SECURE),
        ),
        scenario("a proxy that is not there, and it is tried again", "S78")
            .dead(PROXY)
            .session(|s| s.retries = Some(Retries { total: 2, ..Retries::default() }))
            .call(get(URL).proxy("http", PROXY)),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    waits().into_iter().chain(attempts()).chain(by_proxy()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "back-off: after a status",
        statement: "S82",
        reason: "the first attempt after a failure waits as well: what failed just now fails again at once",
        differences: &[("request 2 wait", "none", "some"), ("request 3 wait", "some", "longer")],
    },
    Intended {
        scenario: "back-off: after an end before the answer",
        statement: "S82",
        reason: "the first attempt after a failure waits as well: what failed just now fails again at once",
        differences: &[("request 2 wait", "none", "some"), ("request 3 wait", "some", "longer")],
    },
    Intended {
        scenario: "back-off: begins anew with the next call",
        statement: "S82",
        reason: "the first attempt after a failure waits as well: what failed just now fails again at once",
        differences: &[
            ("request 2 wait", "none", "some"),
            ("request 3 wait", "some", "longer"),
            ("request 5 wait", "none", "some"),
            ("request 6 wait", "some", "longer"),
        ],
    },
    Intended {
        scenario: "a tunnel that is forbidden",
        statement: "S78",
        reason: "what a proxy refused on purpose is not asked of it again",
        differences: &[
            ("request 2", "CONNECT a.test:443 at http://proxy.test:3128", "-"),
            ("request 3", "CONNECT a.test:443 at http://proxy.test:3128", "-"),
        ],
    },
    Intended {
        scenario: "a tunnel for which a proxy wants credentials",
        statement: "S78",
        reason: "what a proxy refused on purpose is not asked of it again",
        differences: &[
            ("request 2", "CONNECT a.test:443 at http://proxy.test:3128", "-"),
            ("request 3", "CONNECT a.test:443 at http://proxy.test:3128", "-"),
        ],
    },
];
