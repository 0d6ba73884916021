//! What fails, and what is tried again: connections, time limits, retries, TLS (S74 to S81, S83, S85, S92, groups K and N).

use crate::answer::{cut, ok, raw, redirect, reply, silence};
use crate::intended::Intended;
use crate::scenario::{Call, Read, Retries, Scenario, call, get, page, post, scenario};

const URL: &str = "http://a.test/";

fn faults() -> Vec<Scenario> {
    vec![
        scenario("nothing listens", "S78").dead("http://a.test").call(get(URL)),
        scenario("no such host", "S92").answers([ok()]).call(get("http://nowhere.test/")),
        scenario("the connection ends before the answer", "S92").answers([cut()]).call(get(URL)),
        scenario("the connection ends before the answer to POST", "S92").answers([cut()]).call(post(URL).text("x")),
        scenario("a connection that was used before ends before the answer", "S77")
            .answers([ok(), cut(), ok()])
            .connections()
            .call(get(URL))
            .call(get(URL)),
        scenario("a connection that was used before ends before the answer to POST", "S77")
            .answers([ok(), cut(), ok()])
            .call(get(URL))
            .call(post(URL).text("x")),
        scenario("the connection ends within the head", "S92")
            .answers([raw("HTTP/1.1 200 OK\r\nx-a: 1\r\n").ends()])
            .call(get(URL)),
        scenario("the second hop fails", "S92")
            .server("http://a.test", [page("*", redirect(302, "http://b.test/"))])
            .dead("http://b.test")
            .call(get(URL)),
    ]
}

fn time_limits() -> Vec<Scenario> {
    let limited = || get(URL).timeout(5.0, 0.4);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    vec![
        scenario("a server that does not answer", "S76").answers([silence()]).call(limited()),
        scenario("an answer that stops within its head", "S74")
            .answers([raw("HTTP/1.1 200 OK\r\n").stall()])
            .call(limited()),
        scenario("an answer that stops within its body", "S68")
            .answers([raw(head).send("half ").stall()])
            .call(limited()),
        scenario("a slow answer that never stops", "S74")
            .answers([raw(head).wait(150).send("01").wait(150).send("23").wait(150).send("45").wait(150).send("6789")])
            .call(limited()),
        scenario("a server that does not shake hands", "S74")
            .server("https://a.test", [])
            .call(get("https://a.test/").timeout(0.15, 5.0)),
        scenario("each hop has its own time", "S74")
            .answers([
                raw("").wait(250).send("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
                raw("").wait(250).send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            ])
            .call(limited()),
        scenario("a body that nobody reads", "S71")
            .answers([raw(head).send("half ").stall(), ok()])
            .call(get(URL).read(Read::Nothing))
            .call(get(URL)),
    ]
}

fn tried(
    name: &'static str,
    about: &'static str,
    retries: Retries,
    answers: Vec<crate::answer::Answer>,
    call: Call,
) -> Scenario {
    scenario(name, about).answers(answers).session(|s| s.retries = Some(retries)).call(call)
}

fn retries() -> Vec<Scenario> {
    let total = |total| Retries { total, ..Retries::default() };
    let on_503 = |total| Retries { total, statuses: vec![503], ..Retries::default() };
    let busy = || reply(503, [], "busy");
    let asks = |seconds: &str| reply(503, [("retry-after", seconds)], "busy");
    vec![
        scenario("a 503 is not tried again by itself", "S77").answers([busy(), ok()]).call(get(URL)),
        tried("a 503 is tried again", "S80", on_503(2), vec![busy(), ok()], get(URL)),
        tried("a 503 is tried as often as is allowed", "S79", on_503(2), vec![busy()], get(URL)),
        tried(
            "a 503 at the end is an error if it is to be one",
            "S83",
            Retries { raises: true, ..on_503(1) },
            vec![busy()],
            get(URL),
        ),
        tried("a 503 is not tried again for POST", "S80", on_503(2), vec![busy(), ok()], post(URL).text("x")),
        tried(
            "a 503 is tried again for POST if that is a method to try",
            "S80",
            Retries { methods: vec!["POST"], ..on_503(2) },
            vec![busy(), ok()],
            post(URL).text("x"),
        ),
        tried(
            "a 503 is tried again for PUT with its body",
            "S85",
            on_503(2),
            vec![busy(), ok()],
            call("PUT", URL).text("body"),
        ),
        tried("a 503 is tried again for DELETE", "S80", on_503(1), vec![busy(), ok()], call("DELETE", URL)),
        tried("a 500 is not tried again where 503 is", "S80", on_503(2), vec![reply(500, [], "no"), ok()], get(URL)),
        tried("a 503 asks for no wait", "S81", on_503(2), vec![asks("0"), ok()], get(URL)).waits(),
        tried("a 503 asks for a second", "S81", on_503(1), vec![asks("1"), ok()], get(URL)).waits(),
        tried("a 503 asks for what is no time", "S81", on_503(2), vec![asks("soon"), ok()], get(URL)),
        tried("a 503 that asks for a wait, and no status is named", "S81", total(2), vec![asks("0"), ok()], get(URL)),
        tried(
            "a 429 that asks for a wait, and no status is named",
            "S81",
            total(2),
            vec![reply(429, [("retry-after", "0")], ""), ok()],
            get(URL),
        ),
        tried(
            "a cookie of an answer that is tried again",
            "S62",
            on_503(2),
            vec![reply(503, [("set-cookie", "id=7")], ""), ok()],
            get(URL),
        ),
        tried(
            "a hook sees what is tried again, or not",
            "S52",
            on_503(2),
            vec![busy(), ok()],
            get(URL).hook(crate::scenario::Hook::Note("saw")),
        ),
        tried(
            "a stream is not tried again",
            "S85",
            Retries { methods: vec!["POST"], ..on_503(2) },
            vec![busy(), ok()],
            post(URL).stream(["one"]),
        ),
        tried("an end before the answer is tried again", "S77", total(2), vec![cut(), ok()], get(URL)),
        tried(
            "an end before the answer is tried as often as is allowed",
            "S79",
            total(1),
            vec![cut(), cut(), ok()],
            get(URL),
        ),
        tried(
            "an end before the answer is not tried again for POST",
            "S78",
            total(2),
            vec![cut(), ok()],
            post(URL).text("x"),
        ),
        tried("silence is tried again", "S76", total(1), vec![silence(), ok()], get(URL).timeout(5.0, 0.4)),
        tried("silence is tried as often as is allowed", "S76", total(1), vec![silence()], get(URL).timeout(5.0, 0.4)),
        tried(
            "a body that is cut short is not tried again",
            "S78",
            total(2),
            vec![raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").ends(), ok()],
            get(URL),
        ),
        tried(
            "retries and redirects count apart",
            "S77",
            on_503(1),
            vec![busy(), redirect(302, "/to"), busy(), ok()],
            get(URL),
        ),
        scenario("nothing listens, and it is tried again", "S78")
            .dead("http://a.test")
            .session(|s| s.retries = Some(Retries { total: 1, ..Retries::default() }))
            .call(get(URL)),
    ]
}

fn tls() -> Vec<Scenario> {
    const SECURE: &str = "https://a.test/";
    let server = |name, about| scenario(name, about).server("https://a.test", [page("*", ok())]);
    vec![
        server("https", "group K").call(get(SECURE)),
        server("a certificate that nobody knows", "group K").session(|s| s.system_roots = true).call(get(SECURE)),
        server("a certificate that is not looked at", "group K").session(|s| s.unverified = true).call(get(SECURE)),
        server("a request does not look at the certificate", "S10")
            .session(|s| s.system_roots = true)
            .call(get(SECURE).unverified()),
        server("the next request looks at it again", "CVE-2024-35195")
            .session(|s| s.system_roots = true)
            .call(get(SECURE).unverified())
            .call(get(SECURE)),
        scenario("a certificate for another name", "group K")
            .server("https://nowhere.test", [page("*", ok())])
            .call(get("https://nowhere.test/")),
        server("an environment that names the authority", "S10")
            .session(|s| {
                s.system_roots = true;
                s.env([("REQUESTS_CA_BUNDLE", "{ca}")]);
            })
            .call(get(SECURE)),
        server("an environment that names the authority, and certificates are not looked at", "S10")
            .session(|s| {
                s.unverified = true;
                s.env([("REQUESTS_CA_BUNDLE", "/nonexistent.pem")]);
            })
            .call(get(SECURE)),
        scenario("a redirect to https", "group K")
            .server("http://a.test", [page("*", redirect(301, SECURE))])
            .server("https://a.test", [page("*", ok())])
            .call(get(URL)),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    faults().into_iter().chain(time_limits()).chain(retries()).chain(tls()).collect()
}

pub(super) const INTENDED: &[Intended] = &[
    Intended {
        scenario: "a connection that was used before ends before the answer",
        statement: "S77",
        reason: "an idempotent request is sent again if a used connection ended before the answer",
        differences: &[("call 2", "error: protocol", "200"), ("request 3", "-", "GET / at http://a.test")],
    },
    Intended {
        scenario: "the connection ends within the head",
        statement: "S91",
        reason: "half a head is no answer",
        differences: &[("call 1", "200", "error: protocol")],
    },
    Intended {
        scenario: "an answer that stops within its body",
        statement: "S68",
        reason: "a read timeout is one wherever it happens",
        differences: &[("call 1", "error: connection: read timeout", "error: read timeout")],
    },
    Intended {
        scenario: "a server that does not shake hands",
        statement: "S74",
        reason: "a connection over TLS is made when the handshake is over",
        differences: &[("call 1", "error: read timeout", "error: connect timeout")],
    },
    Intended {
        scenario: "a 503 asks for what is no time",
        statement: "S81",
        reason: "a Retry-After that is none counts as not given",
        differences: &[("call 1", "error: invalid header", "200"), ("request 2", "-", "GET / at http://a.test")],
    },
    Intended {
        scenario: "a 503 that asks for a wait, and no status is named",
        statement: "S81",
        reason: "a status is tried again if it is named, and not otherwise",
        differences: &[
            ("call 1", "200", "503"),
            ("call 1 body", "ok", "busy"),
            ("request 2", "GET / at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "a 429 that asks for a wait, and no status is named",
        statement: "S81",
        reason: "a status is tried again if it is named, and not otherwise",
        differences: &[
            ("call 1", "200", "429"),
            ("call 1 body", "ok", ""),
            ("request 2", "GET / at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "a cookie of an answer that is tried again",
        statement: "S62",
        reason: "every answer's cookies are kept, those of a 503 that is tried again too",
        differences: &[("jar", "", "id=7; host a.test; /"), ("request 2 cookie", "-", "id=7")],
    },
    Intended {
        scenario: "a stream is not tried again",
        statement: "S85",
        reason: "a stream is gone once it is sent; requests sends nothing in its place",
        differences: &[
            ("call 1", "200", "503"),
            ("call 1 body", "ok", "busy"),
            ("request 2", "POST / at http://a.test", "-"),
        ],
    },
    Intended {
        scenario: "silence is tried as often as is allowed",
        statement: "S76",
        reason: "a read timeout stays one when retries are used up",
        differences: &[("call 1", "error: connection: read timeout", "error: read timeout")],
    },
    Intended {
        scenario: "an environment that names the authority",
        statement: "S10",
        reason: "whom a program trusts is its own to say; the environment has no part in it",
        differences: &[("call 1", "200", "error: tls"), ("request 1", "GET / at https://a.test", "-")],
    },
    Intended {
        scenario: "an environment that names the authority, and certificates are not looked at",
        statement: "S10",
        reason: "whom a program trusts is its own to say; the environment has no part in it",
        differences: &[("call 1", "error: builtins.OSError", "200"), ("request 1", "-", "GET / at https://a.test")],
    },
    Intended {
        scenario: "a 503 at the end is an error if it is to be one",
        statement: "S83",
        reason: "an answer is an answer; error_for_status makes an error of it",
        differences: &[("call 1", "error: retries", "503")],
    },
];
