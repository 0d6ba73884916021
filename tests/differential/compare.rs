//! What came of a scenario, as text by field, and where two clients differ.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

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

/// Which client it is that sends a header of its own accord, and so says nothing about what it does with requests.
///
/// Both are left out only with exactly these values: an own value, or the one that urllib3 puts in the place of a
/// header that was taken away, counts.
const IDENTITY: [(&str, &str); 4] = [
    ("user-agent", "python-requests/2.34.2"),
    ("user-agent", concat!("sortie/", env!("CARGO_PKG_VERSION"))),
    ("connection", "keep-alive"),
    ("accept-encoding", "gzip, deflate"),
];

/// What one client did with a scenario.
pub(crate) fn fields(outcome: &Value, seen: &[Seen], connections: bool) -> Fields {
    let mut fields = Fields::new();
    let calls = outcome["calls"].as_array().into_iter().flatten();
    for (number, call) in calls.enumerate() {
        flatten(&format!("call {}", number + 1), call, &mut fields);
    }
    flatten("hooks", &outcome["hooks"], &mut fields);
    flatten("jar", &outcome["jar"], &mut fields);
    for (number, request) in seen.iter().enumerate() {
        arrived(&format!("request {}", number + 1), request, connections, &mut fields);
    }
    fields
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

fn arrived(name: &str, request: &Seen, connections: bool, fields: &mut Fields) {
    fields.insert(name.to_owned(), format!("{} {} at {}", request.method, request.target, request.origin));
    for (header, value) in &request.headers {
        // Which of Python's versions it is decides whether a CONNECT has a Host.
        if IDENTITY.contains(&(&**header, &**value)) || (request.method == "CONNECT" && header == "host") {
            continue;
        }
        fields
            .entry(format!("{name} {header}"))
            .and_modify(|before| before.extend([" | ", value]))
            .or_insert_with(|| value.clone());
    }
    if !request.body.is_empty() {
        fields.insert(format!("{name} body"), latin1(&request.body));
    }
    if connections {
        fields.insert(format!("{name} connection"), request.connection.to_string());
    }
}

/// Where they differ. Of a request that only one of them sent, only its first line counts.
pub(crate) fn differences(requests: &Fields, sortie: &Fields) -> Vec<Difference> {
    let missing = |field: &str| {
        let mut words = field.splitn(3, ' ');
        let (Some("request"), Some(number), Some(_)) = (words.next(), words.next(), words.next()) else { return false };
        let line = format!("request {number}");
        requests.contains_key(&line) != sortie.contains_key(&line)
    };
    let mut names: Vec<_> = requests.keys().chain(sortie.keys()).collect();
    names.sort();
    names.dedup();
    let of = |fields: &Fields, name: &str| fields.get(name).map_or_else(|| "-".to_owned(), Clone::clone);
    names
        .into_iter()
        .filter(|name| requests.get(*name) != sortie.get(*name) && !missing(name))
        .map(|name| Difference { field: name.clone(), requests: of(requests, name), sortie: of(sortie, name) })
        .collect()
}
