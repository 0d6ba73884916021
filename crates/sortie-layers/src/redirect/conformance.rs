//! The redirect rules against what others wrote down: `redirect-table.json` in the folder `SORTIE_CONFORMANCE`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;

use super::next_hop::{Route, ask_anew, location, send_to};
use super::{Content, RedirectOptions};

fn table() -> Value {
    let folder = std::env::var_os("SORTIE_CONFORMANCE").expect("SORTIE_CONFORMANCE names the folder of the data");
    let file = PathBuf::from(folder).join("redirect-table.json");
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The URLs that a row's `origin` stands for, and whether sortie keeps credentials between them.
fn hop(origin: &str) -> (&'static str, &'static str, bool) {
    match origin {
        "same-origin" => ("http://a/", "/t", true),
        "cross-port" => ("http://a:81/", "http://a:82/t", false),
        "cross-host" => ("http://a/", "http://b/t", false),
        "http-to-https-other-port" => ("http://a:81/", "https://a:444/t", false),
        "https-to-http" => ("https://a:444/", "http://a:81/t", false),
        // Fetch drops here; sortie keeps (Origin::may_receive).
        "upgrade-80-443" => ("http://a/", "https://a/t", true),
        "downgrade-443-80" => ("https://a/", "http://a/t", false),
        other => panic!("an origin that this test does not know: {other}"),
    }
}

const CONTENT: [&str; 5] =
    ["content-encoding", "content-language", "content-length", "content-location", "content-type"];
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

#[test]
#[ignore = "needs the conformance data"]
fn what_is_followed_how_is_as_in_fetch() {
    let table = table();
    let rows = table["rows"].as_array().unwrap();
    assert!(rows.len() >= 616, "{} rows", rows.len());
    for row in rows {
        let expected = &row["fetch_spec"];
        let (from, to, keeps) = hop(row["origin"].as_str().unwrap());
        let body = row["body"].as_bool().unwrap();
        let mut sent: BTreeSet<&str> = CREDENTIALS.into();
        sent.extend(CONTENT.iter().filter(|_| body));
        let mut request = Request::builder().method(row["method"].as_str().unwrap()).uri(from);
        for name in &sent {
            request = request.header(*name, "1");
        }
        let head = request.body(()).unwrap().into_parts().0;
        let headers = HeaderMap::from_iter([(http::header::LOCATION, to.parse().unwrap())]);
        let status = StatusCode::from_u16(row["status"].as_u64().unwrap().try_into().unwrap()).unwrap();
        let location = location(status, &headers);
        assert_eq!(expected["followed"], location.is_some(), "{row}");
        let Some(location) = location else { continue };
        let (mut head, options) = (head, RedirectOptions::default());
        let route = Route::of(&head, location).unwrap();
        let uri = route.check(&head, &options).unwrap();
        let content = ask_anew(&mut head, status, true);
        send_to(&mut head, uri, &route, content, &options);
        assert_eq!(head.method.as_str(), expected["method"], "{row}");
        assert_eq!(body && content == Content::Keep, expected["body"], "{row}");
        let left = head.headers.keys().map(http::HeaderName::as_str).collect();
        let dropped: BTreeSet<&str> = sent.difference(&left).copied().collect();
        let mut must: BTreeSet<&str> =
            expected["dropped"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        // Fetch sets these itself.
        if must.contains("content-type") {
            must.extend(CONTENT);
        }
        must.extend(CREDENTIALS);
        must.retain(|name| !keeps || !CREDENTIALS.contains(name));
        assert_eq!(dropped, must, "{row}");
    }
}
