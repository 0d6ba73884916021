//! Who signs: every combination of a request's auth, an `Authorization` header of the request, a mount's auth, the
//! session's auth and a default `Authorization` header, along a chain that stays, leaves and comes back.

use http::header::AUTHORIZATION;
use sortie::Mount;
use sortie::auth::Bearer;
use sortie_testkit::TestServer;

use crate::support::{builder, dialing, ok, paths, redirect, values};

#[derive(Clone, Copy, Debug, PartialEq)]
enum OfRequest {
    Unset,
    Auth,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mounted {
    Nowhere,
    AtA,
    AtB,
}

/// What is given, and where the mount is.
#[derive(Clone, Copy, Debug)]
struct Given {
    request: OfRequest,
    header: bool,
    mount: Mounted,
    session: bool,
    default: bool,
}

/// Where the chain is.
#[derive(Clone, Copy, Debug)]
struct Hop {
    path: &'static str,
    at: Mounted,
    crossed: bool,
}

const CHAIN: [Hop; 5] = [
    Hop { path: "/start", at: Mounted::AtA, crossed: false },
    Hop { path: "/same", at: Mounted::AtA, crossed: false },
    Hop { path: "/foreign", at: Mounted::AtB, crossed: true },
    Hop { path: "/again", at: Mounted::AtB, crossed: true },
    Hop { path: "/back", at: Mounted::AtA, crossed: true },
];

/// The decision table: request auth > header of the request > mount > session > default header; a mount's counts within
/// the mount, whatever else counts only as long as the chain has not left the origin that the caller asked. A request
/// that wants no auth gets none that others set up, and keeps a header of its own.
fn expected(given: Given, hop: Hop) -> Option<&'static str> {
    let in_mount = given.mount == hop.at;
    let by_the_request = match (given.request, given.header) {
        (OfRequest::Auth, _) => Some("Bearer request"),
        (_, true) => Some("Bearer header"),
        _ => None,
    };
    let by_a_setting = match given.request {
        OfRequest::Off => None,
        _ if in_mount => Some("Bearer mount"),
        _ if given.session && !hop.crossed => Some("Bearer session"),
        _ => None,
    };
    let by_default = (given.default && given.request != OfRequest::Off).then_some("Bearer default");
    if hop.crossed { by_a_setting } else { by_the_request.or(by_a_setting).or(by_default) }
}

fn all() -> Vec<Given> {
    let mut all = Vec::new();
    for request in [OfRequest::Unset, OfRequest::Auth, OfRequest::Off] {
        for mount in [Mounted::Nowhere, Mounted::AtA, Mounted::AtB] {
            for bits in 0..8 {
                let [header, session, default] = [1, 2, 4].map(|bit| bits & bit != 0);
                all.push(Given { request, header, mount, session, default });
            }
        }
    }
    all
}

/// What each server of the chain saw, by path.
async fn seen(given: Given) -> Vec<(String, Vec<String>)> {
    let a = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(307, "/same"),
        "/same" => redirect(307, "http://b.test/foreign"),
        _ => ok(),
    });
    let b = TestServer::from_fn(async |request| match request.uri().path() {
        "/foreign" => redirect(307, "/again"),
        _ => redirect(307, "http://a.test/back"),
    });
    let servers = [("http://a.test", a.addr()), ("http://b.test", b.addr())];
    let mut session = builder().transport_options(dialing(servers));
    if given.session {
        session = session.auth(Bearer::new("session"));
    }
    if given.default {
        session = session.header(AUTHORIZATION, "Bearer default");
    }
    let mount = || Mount::new().auth(Bearer::new("mount"));
    session = match given.mount {
        Mounted::Nowhere => session,
        Mounted::AtA => session.mount("http://a.test/", mount()),
        Mounted::AtB => session.mount("http://b.test/", mount()),
    };
    let session = session.build().unwrap();
    let mut request = session.get("http://a.test/start");
    if given.header {
        request = request.header(AUTHORIZATION, "Bearer header");
    }
    request = match given.request {
        OfRequest::Unset => request,
        OfRequest::Auth => request.bearer_auth("request"),
        OfRequest::Off => request.no_auth(),
    };
    assert_eq!(request.send().await.unwrap().status(), 200, "{given:?}");

    let (a, b) = (a.requests(), b.requests());
    assert_eq!((paths(&a), paths(&b)), (vec!["/start", "/same", "/back"], vec!["/foreign", "/again"]), "{given:?}");
    let heads = [&a[0], &a[1], &b[0], &b[1], &a[2]];
    heads
        .map(|head| {
            let values = values(head, "authorization").into_iter().map(str::to_owned).collect();
            (head.uri.path().to_owned(), values)
        })
        .into()
}

#[tokio::test]
async fn who_signs_on_each_hop_is_what_the_decision_table_says() {
    let all = all();
    assert_eq!(all.len(), 72);
    for given in all {
        let seen = seen(given).await;
        let expected: Vec<(String, Vec<String>)> = CHAIN
            .iter()
            .map(|hop| (hop.path.to_owned(), expected(given, *hop).into_iter().map(str::to_owned).collect()))
            .collect();
        assert_eq!(seen, expected, "{given:?}");
    }
}

#[test]
fn the_decision_table_itself_says_what_the_documentation_does() {
    let nothing =
        Given { request: OfRequest::Unset, header: false, mount: Mounted::Nowhere, session: false, default: false };
    let everything =
        Given { request: OfRequest::Auth, header: true, mount: Mounted::AtA, session: true, default: true };
    for (given, on_the_chain) in [
        (nothing, [None; 5]),
        (everything, [Some("request"), Some("request"), None, None, Some("mount")]),
        (Given { default: true, ..nothing }, [Some("default"), Some("default"), None, None, None]),
        (Given { default: true, session: true, ..nothing }, [Some("session"), Some("session"), None, None, None]),
        (Given { header: true, session: true, ..nothing }, [Some("header"), Some("header"), None, None, None]),
        (
            Given { mount: Mounted::AtB, session: true, ..nothing },
            [Some("session"), Some("session"), Some("mount"), Some("mount"), None],
        ),
        (Given { request: OfRequest::Off, header: false, ..everything }, [None; 5]),
        (Given { request: OfRequest::Off, ..everything }, [Some("header"), Some("header"), None, None, None]),
    ] {
        let found = CHAIN.map(|hop| expected(given, hop).map(|value| value.trim_start_matches("Bearer ")));
        assert_eq!(found, on_the_chain, "{given:?}");
    }
}

#[tokio::test]
async fn userinfo_of_the_url_comes_after_every_other_auth() {
    // "user:pass"
    const USERINFO: &str = "Basic dXNlcjpwYXNz";
    let server = TestServer::from_fn(async |_| ok());
    let servers = [("http://a.test", server.addr())];
    let session = || builder().transport_options(dialing(servers));
    let mounted = || session().mount("http://a.test/", Mount::new().auth(Bearer::new("mount")));
    let no_auth = || session().auth(Bearer::new("session")).mount("http://a.test/", Mount::new().no_auth());
    for (session, header, expected) in [
        (session(), None, USERINFO),
        (session().auth(Bearer::new("session")), None, "Bearer session"),
        (mounted(), None, "Bearer mount"),
        (session(), Some("Bearer header"), "Bearer header"),
        (no_auth(), None, USERINFO),
    ] {
        let session = session.build().unwrap();
        let mut request = session.get("http://user:pass@a.test/");
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        request.send().await.unwrap();
        assert_eq!(values(server.requests().last().unwrap(), "authorization"), [expected]);
    }
    session().build().unwrap().get("http://user:pass@a.test/").no_auth().send().await.unwrap();
    assert!(values(server.requests().last().unwrap(), "authorization").is_empty());
}

#[tokio::test]
async fn headers_and_query_of_the_request_beat_the_mounts_and_those_the_sessions() {
    let server = TestServer::from_fn(async |_| ok());
    let servers = [("http://a.test", server.addr()), ("http://b.test", server.addr())];
    let session = builder()
        .transport_options(dialing(servers))
        .header("x-who", "session")
        .query("q", "session")
        .mount("http://a.test/", Mount::new().header("x-who", "mount").query("q", "mount"))
        .build()
        .unwrap();
    for (request, who, query) in [
        (session.get("http://b.test/"), vec!["session"], Some("q=session")),
        (session.get("http://a.test/"), vec!["mount"], Some("q=session&q=mount")),
        (
            session.get("http://a.test/?q=url").header("x-who", "request"),
            vec!["request"],
            Some("q=url&q=session&q=mount"),
        ),
        (session.get("http://a.test/").query(&[("q", "own")]), vec!["mount"], Some("q=own&q=session&q=mount")),
        (session.get("http://a.test/").without_header("x-who"), vec![], Some("q=session&q=mount")),
        (session.get("http://a.test/?q=url").no_default_query(), vec!["mount"], Some("q=url")),
    ] {
        request.send().await.unwrap();
        let requests = server.requests();
        let head = requests.last().unwrap();
        assert_eq!((values(head, "x-who"), head.uri.query()), (who, query));
    }
}
