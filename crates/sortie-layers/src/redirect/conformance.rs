//! The redirect rules against what others wrote down: `redirect-table.json` in the folder `SORTIE_CONFORMANCE`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;
use sortie_core::{Body, find};
use sortie_testkit::{Recorded, Scripted, reply, status};
use tower::ServiceExt;
use tower_layer::Layer;
use url::Url;

use super::next_hop::{Route, ask_anew, location, send_to};
use super::{Content, Failed, FinalUrl, RedirectLayer, RedirectOptions};

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

/// The server of the table: `/r` redirects as its query says, `/n` does so `n` times, and all else answers.
fn serve(request: &Recorded) -> Response<Body> {
    let url = Url::parse(&request.uri.to_string()).unwrap();
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    match (url.path(), query.get("n").map(|n| n.parse::<u32>().unwrap())) {
        ("/n", Some(1)) => reply(302, [("location", &*format!("/t?id={}", query["id"]))], ""),
        ("/n", Some(n)) => reply(302, [("location", &*format!("/n?id={}&n={}", query["id"], n - 1))], ""),
        ("/r", _) => {
            let mut response = status(query["status"].parse().unwrap());
            for (_, to) in url.query_pairs().filter(|(name, _)| name == "to") {
                response.headers_mut().append("location", http::HeaderValue::from_bytes(to.as_bytes()).unwrap());
            }
            response
        }
        _ => status(200),
    }
}

/// What sortie makes of a row where it is not what reqwest, which resolves by the same standard, makes of it.
fn differs(id: &str) -> Option<&'static str> {
    Some(match id {
        "loc-empty" => "302 http://127.0.0.1:18081/r?id=loc-empty&status=302&to=",
        "loc-data" => "the redirect leads to the scheme `data` (see RedirectOptions::allow_scheme)",
        "loc-file" => "the redirect leads to the scheme `file` (see RedirectOptions::allow_scheme)",
        "loc-ftp" => "the redirect leads to the scheme `ftp` (see RedirectOptions::allow_scheme)",
        "loc-invalid-port" => "the redirect's Location is not a valid URL",
        // reqwest asks the resolver for the host `t`, in vain.
        "loc-backslash" => "200 http://t/?id=loc-backslash",
        "loc-fragment-new" => "200 http://127.0.0.1:18081/t?id=loc-fragment-new#new",
        "fragment-inherit" => "200 http://127.0.0.1:18081/t?id=fragment-inherit#orig",
        "loc-userinfo" => "200 http://127.0.0.1:18081/t?id=loc-userinfo",
        "chain-11" => "200 http://127.0.0.1:18081/t?id=chain-11",
        "chain-20" => "200 http://127.0.0.1:18081/t?id=chain-20",
        _ if id.starts_with("chain-") && id != "chain-10" => "more than 20 redirects (set by RedirectOptions::limit)",
        _ => return None,
    })
}

#[tokio::test]
#[ignore = "needs the conformance data"]
async fn odd_locations_and_long_chains_end_where_they_should() {
    let table = table();
    let rows = table["location_and_misc"].as_array().unwrap();
    assert!(rows.len() >= 34, "{} rows", rows.len());
    for row in rows {
        let (id, url) = (row["id"].as_str().unwrap(), row["url"].as_str().unwrap());
        let (uri, fragment) = url.split_once('#').map_or((url, None), |(uri, fragment)| (uri, Some(fragment)));
        let mut request = Request::get(uri).body(Body::empty()).unwrap();
        if let Some(fragment) = fragment {
            request.extensions_mut().insert(super::Fragment::new(fragment));
        }
        let server = Scripted::answering(|request, _| serve(request));
        let found = match RedirectLayer::default().layer(server).oneshot(request).await {
            Ok(response) => {
                let url = response.extensions().get().map_or(uri, |url: &FinalUrl| url.url().as_str());
                format!("{} {url}", response.status().as_u16())
            }
            Err(error) => std::error::Error::source(find::<Failed>(&*error).unwrap()).unwrap().to_string(),
        };
        let client = &row["reqwest"]["client"];
        let theirs = || format!("{} {}", client["status"], client["url"].as_str().unwrap_or_default());
        assert_eq!(found, differs(id).map_or_else(theirs, Into::into), "{id}");
    }
}
