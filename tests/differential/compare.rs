//! What came of a scenario, as text by field, and where two clients differ.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::drawn;
use crate::scenario::{Head, Shown};
use crate::wire::{Seen, latin1};

/// Fields by name. What is not there is different from what is empty.
pub(crate) type Fields = BTreeMap<String, String>;

/// A field in which the clients differ; a side that does not have it has `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) field: String,
    pub(crate) requests: String,
    pub(crate) sortie: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:?}, {:?}, {:?}),", self.field, self.requests, self.sortie)
    }
}

const FAILED: &str = "error: ";

/// What one client did with a scenario.
pub(crate) fn fields(outcome: &Value, seen: &[Seen], shown: Shown) -> Fields {
    let mut fields = Fields::new();
    let calls = outcome["calls"].as_array().into_iter().flatten();
    for (number, call) in calls.enumerate() {
        ended(&format!("call {}", number + 1), call, &mut fields);
    }
    flatten("hooks", &outcome["hooks"], &mut fields);
    flatten("jar", &outcome["jar"], &mut fields);
    flatten("found", &outcome["found"], &mut fields);
    for (number, request) in seen.iter().enumerate() {
        let request = without_identity(drawn::without(request), &outcome["identity"]);
        arrived(&format!("request {}", number + 1), &request, shown, &mut fields);
    }
    if shown.waits {
        let waits: Vec<_> = seen.windows(2).map(|two| two[1].at.saturating_duration_since(two[0].at)).collect();
        for (number, wait) in waits.iter().enumerate() {
            let before = number.checked_sub(1).map_or(Duration::ZERO, |before| waits[before]);
            fields.insert(format!("request {} wait", number + 2), word_of_wait(*wait, before).to_owned());
        }
    }
    fields
}

/// A wait beside the one before it, as far as no machine is so slow that another would come of it.
fn word_of_wait(wait: Duration, before: Duration) -> &'static str {
    const LEAST: Duration = Duration::from_millis(100);
    if wait < LEAST {
        "none"
    } else if before < LEAST {
        "some"
    } else if wait > before.mul_f64(1.3) {
        "longer"
    } else {
        "not longer"
    }
}

/// How a call ended, and below that what came of it.
fn ended(name: &str, call: &Value, fields: &mut Fields) {
    let mut rest = call.clone();
    let [status, error] = ["status", "error"].map(|key| rest.as_object_mut().and_then(|call| call.remove(key)));
    let end = match (&status, &error) {
        (Some(status), Some(error)) => format!("{} and then {FAILED}{}", text(status), text(error)),
        (Some(status), None) => text(status),
        (None, Some(error)) => format!("{FAILED}{}", text(error)),
        (None, None) => "nothing".to_owned(),
    };
    fields.insert(name.to_owned(), end);
    flatten(name, &rest, fields);
}

fn flatten(name: &str, value: &Value, fields: &mut Fields) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (key, value) in object {
                flatten(&format!("{name} {key}"), value, fields);
            }
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            fields.insert(name.to_owned(), items.join(" | "));
        }
        scalar => drop(fields.insert(name.to_owned(), text(scalar))),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Without the headers that a client sends of its own accord, which say only which client it is and what it can read.
///
/// They are left out only with exactly the values that it has by default: a value of one's own, or the one that urllib3
/// puts in the place of a header that was taken away, counts.
fn without_identity(mut request: Seen, identity: &Value) -> Seen {
    let is_default = |name: &str, value: &str| identity.get(name).and_then(Value::as_str) == Some(value);
    request.headers.retain(|(name, value)| !is_default(name, value));
    for line in &mut request.head {
        // Its name alone, for its place among the others.
        if let Some((name, value)) = line.split_once(':')
            && is_default(&name.to_ascii_lowercase(), value.trim())
        {
            *line = name.to_owned();
        }
    }
    request
}

/// The head, as far as a scenario asks for it as it came.
fn as_it_came(name: &str, head: &[String], shown: Head, fields: &mut Fields) {
    let (start, lines) = head.split_first().map_or(("", head), |(start, lines)| (&**start, lines));
    match shown {
        Head::Nothing => {}
        Head::Names => {
            let names = lines.iter().map(|line| line.split_once(':').map_or(&**line, |(name, _)| name));
            let all: Vec<_> = [start].into_iter().chain(names).collect();
            fields.insert(format!("{name} names"), all.join(" | "));
        }
        Head::Values => {
            for (header, value) in lines.iter().filter_map(|line| line.split_once(':')) {
                let value = value.strip_prefix(' ').unwrap_or(value);
                fields.insert(format!("{name} {}, raw", header.to_ascii_lowercase()), value.to_owned());
            }
        }
    }
}

fn arrived(name: &str, request: &Seen, shown: Shown, fields: &mut Fields) {
    fields.insert(name.to_owned(), format!("{} {} at {}", request.method, request.target, request.origin));
    for (header, value) in &request.headers {
        // Which of Python's versions it is decides whether a CONNECT has a Host.
        if request.method == "CONNECT" && header == "host" {
            continue;
        }
        fields
            .entry(format!("{name} {header}"))
            .and_modify(|before| before.extend([" | ", value]))
            .or_insert_with(|| value.clone());
    }
    as_it_came(name, &request.head, shown.head, fields);
    if !request.body.is_empty() {
        fields.insert(format!("{name} body"), latin1(&request.body));
    }
    if shown.connections {
        fields.insert(format!("{name} connection"), request.connection.to_string());
    }
}

/// Where they differ. Of a request that only one of them sent, and of a call that only one of them had answered, only
/// that counts.
pub(crate) fn differences(requests: &Fields, sortie: &Fields) -> Vec<Difference> {
    let mut names: Vec<_> = requests.keys().chain(sortie.keys()).collect();
    names.sort();
    names.dedup();
    let is_there = |fields: &Fields, whole: &str| fields.get(whole).is_some_and(|value| !value.starts_with(FAILED));
    let counts = |name: &str| part_of(name).is_none_or(|whole| is_there(requests, whole) == is_there(sortie, whole));
    let of = |fields: &Fields, name: &str| fields.get(name).map_or_else(|| "-".to_owned(), Clone::clone);
    names
        .into_iter()
        .filter(|name| requests.get(*name) != sortie.get(*name) && counts(name))
        .map(|name| Difference { field: name.clone(), requests: of(requests, name), sortie: of(sortie, name) })
        .collect()
}

/// The request or call that a field is a part of: `request 2` of `request 2 body`.
fn part_of(field: &str) -> Option<&str> {
    let (end, _) = field.match_indices(' ').nth(1)?;
    Some(&field[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(requests: &[(&str, &str)], sortie: &[(&str, &str)]) -> Vec<String> {
        let of =
            |fields: &[(&str, &str)]| fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        differences(&of(requests), &of(sortie)).into_iter().map(|difference| difference.field).collect()
    }

    #[test]
    fn every_field_that_differs_is_found_and_nothing_of_what_is_not_there() {
        let request = ("request 1", "GET / at http://a.test");
        assert!(found(&[request, ("request 1 host", "a.test")], &[request, ("request 1 host", "a.test")]).is_empty());
        assert_eq!(found(&[request, ("request 1 host", "a.test")], &[request]), ["request 1 host"]);
        assert_eq!(found(&[request, ("request 1 body", "a")], &[request, ("request 1 body", "b")]), ["request 1 body"]);
        assert_eq!(found(&[request, ("request 1 body", "a")], &[]), ["request 1"]);
        assert_eq!(found(&[("call 1", "200"), ("call 1 body", "a")], &[("call 1", "error: tls")]), ["call 1"]);
        assert_eq!(
            found(&[("call 1", "200"), ("call 1 body", "a")], &[("call 1", "404"), ("call 1 body", "b")]).len(),
            2
        );
    }

    #[test]
    fn a_wait_is_told_by_the_one_before_it() {
        let of = |wait, before| word_of_wait(Duration::from_millis(wait), Duration::from_millis(before));
        assert_eq!(of(20, 0), "none");
        assert_eq!(of(200, 20), "some");
        assert_eq!(of(400, 200), "longer");
        assert_eq!(of(220, 200), "not longer");
        assert_eq!(of(20, 200), "none");
    }

    #[test]
    fn what_came_back_is_told_field_by_field() {
        let outcome = json!({
            "calls": [
                {"status": 404, "error": "status", "history": ["302 http://a.test/"], "headers": {"x-a": "1", "x-b": null}},
                {"error": "tls"},
            ],
            "hooks": [],
            "jar": ["a=1", "b=2"],
            "identity": {"user-agent": "default/1.0", "connection": "keep-alive"},
        });
        let headers = [("connection", "close"), ("user-agent", "default/1.0"), ("x-a", "1"), ("x-a", "2")];
        let request = Seen {
            origin: "http://a.test",
            connection: 1,
            at: std::time::Instant::now(),
            method: "GET".into(),
            target: "/p".into(),
            head: ["GET /p HTTP/1.1", "X-A: 1 ", "User-Agent: default/1.0"].map(ToOwned::to_owned).into(),
            headers: headers.map(|(name, value)| (name.into(), value.into())).into(),
            body: Vec::new(),
        };
        let of = |head| fields(&outcome, std::slice::from_ref(&request), Shown { head, ..Shown::default() });
        assert_eq!(of(Head::Names)["request 1 names"], "GET /p HTTP/1.1 | X-A | User-Agent");
        assert_eq!(of(Head::Values)["request 1 x-a, raw"], "1 ");
        let fields: Vec<_> = of(Head::Nothing).into_iter().collect();
        let expected = [
            ("call 1", "404 and then error: status"),
            ("call 1 headers x-a", "1"),
            ("call 1 history", "302 http://a.test/"),
            ("call 2", "error: tls"),
            ("hooks", ""),
            ("jar", "a=1 | b=2"),
            ("request 1", "GET /p at http://a.test"),
            ("request 1 connection", "close"),
            ("request 1 x-a", "1 | 2"),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
