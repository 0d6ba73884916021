//! What a request's timeout can be (S73, S75, group M); what comes of one is among the faults.
//!
//! No scenario has a `bool`, a text or three numbers for one, which requests refuses with a `ValueError`: nothing of the
//! kind is a `Duration`.

use crate::answer::{Answer, ok, raw, silence};
use crate::intended::Intended;
use crate::scenario::{Scenario, Timeout, get, scenario};

const URL: &str = "http://a.test/";

fn limited(name: &'static str, about: &'static str, timeout: Timeout, answer: Answer) -> Scenario {
    scenario(name, about).answers([answer]).call(get(URL).limited(timeout))
}

/// An answer after a while.
fn late(milliseconds: u64) -> Answer {
    raw("").wait(milliseconds).send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
}

/// An answer that comes octet by octet, and so takes much longer than each gap in it.
fn slow() -> Answer {
    let head = raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n");
    ["1", "2", "3", "4"].into_iter().fold(head, |answer, octet| answer.wait(200).send(octet))
}

fn phases() -> Vec<Scenario> {
    vec![
        limited("timeout: None", "group M", Timeout::Never, late(300)),
        limited("timeout: one number", "S73", Timeout::Both(0.4), ok()),
        limited("timeout: one number, and silence", "S73", Timeout::Both(0.4), silence()),
        limited("timeout: two numbers", "S73", Timeout::Each(Some(5.0), Some(5.0)), ok()),
        limited("timeout: None to connect", "group M", Timeout::Each(None, Some(0.4)), silence()),
        limited("timeout: None to read", "S73", Timeout::Each(Some(0.4), None), late(600)),
        limited("timeout: two times None", "group M", Timeout::Each(None, None), ok()),
        scenario("timeout: zero to connect", "S73")
            .server("https://a.test", [])
            .call(get("https://a.test/").limited(Timeout::Each(Some(0.0), Some(5.0)))),
        limited("timeout: a negative number", "S73", Timeout::Both(-1.0), ok()),
        limited("timeout: a negative number to connect", "S73", Timeout::Each(Some(-1.0), Some(5.0)), ok()),
        limited("timeout: a negative number to read", "S73", Timeout::Each(Some(5.0), Some(-0.1)), ok()),
        scenario("timeout: one request's is not the next one's", "S73")
            .answers([silence(), late(600)])
            .call(get(URL).limited(Timeout::Both(0.4)))
            .call(get(URL)),
    ]
}

fn totals() -> Vec<Scenario> {
    vec![
        limited("timeout: a total", "group M", Timeout::Total(5.0), ok()),
        limited("timeout: a total, and silence", "group M", Timeout::Total(0.4), silence()),
        limited("timeout: a total, and a slow answer", "S75", Timeout::Total(0.5), slow()),
        limited("timeout: a total that is negative", "S75", Timeout::Total(-1.0), ok()),
        scenario("timeout: a total, and two slow hops", "S75")
            .answers([
                raw("").wait(300).send("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
                late(500),
            ])
            .call(get(URL).limited(Timeout::Total(0.6))),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    phases().into_iter().chain(totals()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "timeout: zero to connect",
        statement: "S73",
        reason: "no time at all is a time like any other, and over at once",
        differences: &[("call 1", "error: invalid timeout", "error: connect timeout")],
    },
    Intended {
        scenario: "timeout: a total, and silence",
        statement: "S75",
        reason: "a total is the limit of the whole call, with all that it waits for, and so of no phase",
        differences: &[("call 1", "error: read timeout", "error: total timeout")],
    },
    Intended {
        scenario: "timeout: a total, and a slow answer",
        statement: "S75",
        reason: "a total limits the body too",
        differences: &[("call 1", "200", "error: total timeout")],
    },
    Intended {
        scenario: "timeout: a total, and two slow hops",
        statement: "S75",
        reason: "a total is that of all hops together",
        differences: &[("call 1", "200", "error: total timeout")],
    },
];
