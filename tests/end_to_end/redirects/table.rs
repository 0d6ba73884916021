//! Where a session ends up, and what was sent on the way, against what others do: the `location_and_misc` of
//! `redirect-table.json`, in the folder `SORTIE_CONFORMANCE`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use http::Response;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use sortie::core::find;
use sortie::redirect::Failed;
use sortie::{Body, BoxError};
use sortie_testkit::{Recorded, Scripted, reply, status};
use url::Url;

use crate::support::builder;

fn rows() -> Vec<Value> {
    let folder = std::env::var_os("SORTIE_CONFORMANCE").expect("SORTIE_CONFORMANCE names the folder of the data");
    let file = PathBuf::from(folder).join("redirect-table.json");
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let table: Value = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    table["location_and_misc"].as_array().unwrap().clone()
}

/// The server of the table: `/r` redirects and sets cookies as its query says, `/n` does so `n` times, and all else answers.
fn serve(request: &Recorded) -> Response<Body> {
    let url = Url::parse(&request.uri.to_string()).unwrap();
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    match (url.path(), query.get("n").map(|n| n.parse::<u32>().unwrap())) {
        ("/n", Some(1)) => reply(302, [("location", &*format!("/t?id={}", query["id"]))], ""),
        ("/n", Some(n)) => reply(302, [("location", &*format!("/n?id={}&n={}", query["id"], n - 1))], ""),
        ("/r", _) => {
            let mut response = status(query["status"].parse().unwrap());
            for (name, value) in url.query_pairs() {
                let header = match &*name {
                    "to" => LOCATION,
                    "sc" => SET_COOKIE,
                    _ => continue,
                };
                response.headers_mut().append(header, HeaderValue::from_bytes(value.as_bytes()).unwrap());
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

/// Whose wire it is that sortie's is to be like.
fn like(id: &str) -> &'static str {
    match id {
        "loc-empty" => "requests",
        // It follows as many as browsers do.
        _ if id.starts_with("chain-") => "node-fetch",
        _ => "reqwest",
    }
}

/// How many requests there were, and of the last one the target, the host, the credentials and the cookies.
fn on_the_wire(requests: &[Recorded]) -> Value {
    let last = requests.last().unwrap();
    let values = |name: HeaderName| -> Vec<&str> {
        last.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    };
    json!({
        "requests": requests.len(),
        "last": last.uri.path_and_query().unwrap().as_str(),
        "last_host": last.uri.authority().unwrap().as_str(),
        "auth": values(AUTHORIZATION),
        "cookie": values(COOKIE),
    })
}

#[tokio::test]
#[ignore = "needs the conformance data"]
async fn odd_locations_long_chains_cookies_and_userinfo_end_where_they_should() {
    let rows = rows();
    assert!(rows.len() >= 34, "{} rows", rows.len());
    for row in rows {
        let (id, url) = (row["id"].as_str().unwrap(), row["url"].as_str().unwrap());
        let server = Scripted::<Body>::from_fn(|request, _| Ok::<_, BoxError>(serve(request)));
        let session = builder().transport(server.clone()).build().unwrap();
        let found = match session.get(url).send().await {
            Ok(response) => format!("{} {}", response.status().as_u16(), response.url().unwrap()),
            Err(error) => find::<Failed>(&error).unwrap().source().unwrap().to_string(),
        };
        let client = &row["reqwest"]["client"];
        let theirs = || format!("{} {}", client["status"], client["url"].as_str().unwrap_or_default());
        assert_eq!(found, differs(id).map_or_else(theirs, Into::into), "{id}");

        let mut theirs = row[like(id)].clone();
        theirs.as_object_mut().unwrap().remove("client");
        if id == "loc-backslash" {
            // There was no host `t`.
            theirs = json!({ "requests": 2, "last": "/?id=loc-backslash", "last_host": "t", "auth": [], "cookie": [] });
        }
        assert_eq!(on_the_wire(&server.requests()), theirs, "{id}");
    }
}
