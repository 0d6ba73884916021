//! Following redirects: which, with what, and what is told of them.

use std::convert::Infallible;
use std::time::Duration;

use http::Method;
use http::header::REFERER;
use sortie::Body;
use sortie::redirect::{Hop, OnLimit, RedirectOptions, RefererPolicy};
use sortie::retry::{Attempts, RetryOptions};
use sortie::transport::{ConnectionInfo, Timings};
use sortie_testkit::{ServerOptions, TestServer, TlsSetup, reply};

use crate::support::{always, builder, dialing, in_turn, ok, paths, redirect, session, trusting, try_again, values};

mod advisories;
mod bodies;
mod by_hand;
mod policy;
mod table;

/// `/<status>` redirects with it to `/end`, which answers with the body that it got.
fn by_status() -> TestServer {
    TestServer::from_fn(async |request| match request.uri().path()[1..].parse() {
        Ok(status) => redirect(status, "/end"),
        Err(_) => reply(200, [], Body::new(request.into_body())),
    })
}

#[tokio::test]
async fn the_status_decides_about_the_method_and_the_body() {
    let server = by_status();
    let session = session();
    for (status, method, next, body) in [
        (301, "GET", "GET", ""),
        (301, "HEAD", "HEAD", ""),
        (301, "POST", "GET", ""),
        (301, "PUT", "PUT", "content"),
        (301, "DELETE", "DELETE", "content"),
        (302, "POST", "GET", ""),
        (302, "PUT", "PUT", "content"),
        (302, "PATCH", "PATCH", "content"),
        (302, "GET", "GET", "content"),
        (303, "HEAD", "HEAD", ""),
        (303, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (303, "DELETE", "GET", ""),
        (307, "POST", "POST", "content"),
        (307, "PUT", "PUT", "content"),
        (308, "POST", "POST", "content"),
        (308, "PATCH", "PATCH", "content"),
    ] {
        let url = server.url(format_args!("/{status}"));
        let mut request = session.request(method, url);
        if body == "content" || !["GET", "HEAD"].contains(&method) {
            request = request.body("content");
        }
        let response = request.send().await.unwrap();
        let requests = server.requests();
        let [.., first, second] = &requests[..] else { panic!("two requests") };
        assert_eq!((first.method.as_str(), second.method.as_str()), (method, next), "{status} {method}");
        assert_eq!(second.uri.path(), "/end");
        assert_eq!(response.text().await.unwrap(), body, "{status} {method}");
    }
}

// CVE-2023-45803.
#[tokio::test]
async fn what_a_303_leads_to_gets_no_content_whatever_the_method_was() {
    let server = by_status();
    let session = session();
    for method in ["GET", "HEAD", "POST", "PUT"] {
        for by_hand in [false, true] {
            let request = session.request(method, server.url("/303")).json(&[1]);
            if by_hand {
                let first = request.no_redirect().send().await.unwrap();
                session.send(first.next().unwrap().unwrap()).await.unwrap();
            } else {
                request.send().await.unwrap();
            }
            let second = server.requests().pop().unwrap();
            assert_eq!((second.uri.path(), second.method == "HEAD"), ("/end", method == "HEAD"));
            for name in ["content-type", "content-length", "transfer-encoding"] {
                assert!(!second.headers.contains_key(name), "{method} {by_hand}: {second:?}");
            }
        }
    }
}

#[tokio::test]
async fn other_statuses_with_a_location_are_answers() {
    let server = by_status();
    for status in [201, 300, 304, 305, 306, 400] {
        let response = session().get(server.url(format_args!("/{status}"))).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.history().len()), (status, 0));
    }
}

#[tokio::test]
async fn a_redirect_without_a_location_is_the_answer() {
    let server = TestServer::from_fn(async |_| reply(302, [], "where to?"));
    let response = session().get(server.url("/")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (302, "where to?"));
}

#[tokio::test]
async fn a_location_is_resolved_by_the_url_standard() {
    for (location, expected) in [
        ("next", "http://a.test/dir/next"),
        ("/next", "http://a.test/next"),
        ("../up/./x", "http://a.test/up/x"),
        ("?q=1", "http://a.test/dir/start?q=1"),
        ("//b.test/x", "http://b.test/x"),
        ("http://b.test", "http://b.test/"),
        ("HTTP://B.TEST:80/x", "http://b.test/x"),
        ("/a b", "http://a.test/a%20b"),
        ("\\x\\y", "http://a.test/x/y"),
        ("/%7e/%2F%zz", "http://a.test/%7e/%2F%zz"),
        ("/ä", "http://a.test/%C3%A4"),
        ("http://user:pass@b.test/", "http://b.test/"),
        ("  /padded  ", "http://a.test/padded"),
    ]
    .map(|(location, expected)| (location.as_bytes(), expected))
    .into_iter()
    .chain([(&b"/\xe4?\xff"[..], "http://a.test/%E4?%FF")])
    {
        let location = http::HeaderValue::from_bytes(location).unwrap();
        let shown = location.clone();
        let server = TestServer::from_fn(move |request| {
            let answer = match request.uri().path() {
                "/dir/start" if request.uri().query() == Some("s") => {
                    let mut response = reply(302, [], "");
                    response.headers_mut().insert("location", location.clone());
                    response
                }
                _ => ok(),
            };
            async move { answer }
        });
        let servers = [("http://a.test", server.addr()), ("http://b.test", server.addr())];
        let session = builder().transport_options(dialing(servers)).build().unwrap();
        let response = session.get("http://a.test/dir/start?s").send().await.unwrap();
        assert_eq!(response.url().unwrap().as_str(), expected, "{shown:?}");
    }
}

#[tokio::test]
async fn the_history_tells_the_way_oldest_first() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/1" => reply(301, [("location", "/2"), ("x-step", "one")], ""),
        "/2" => reply(303, [("location", "/3?q=1"), ("x-step", "two")], ""),
        "/3" => reply(307, [("location", "/4"), ("x-step", "three")], ""),
        _ => ok(),
    });
    let response = session().put(server.url("/1")).body("x").send().await.unwrap();
    let way: Vec<_> = response
        .history()
        .iter()
        .map(|hop| {
            let url = format!("{}?{}", hop.url().path(), hop.url().query().unwrap_or_default());
            (hop.status().as_u16(), hop.method().clone(), url, hop.headers()["x-step"].to_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(
        way,
        [
            (301, Method::PUT, "/1?".to_owned(), "one".to_owned()),
            (303, Method::PUT, "/2?".to_owned(), "two".to_owned()),
            (307, Method::GET, "/3?q=1".to_owned(), "three".to_owned()),
        ]
    );
    assert_eq!(response.url().unwrap().path(), "/4");
    let direct = session().get(server.url("/4")).send().await.unwrap();
    assert_eq!((direct.history().len(), direct.url().unwrap().as_str()), (0, &*server.url("/4")));
}

#[tokio::test]
async fn a_fragment_is_inherited_until_a_location_has_one_and_is_never_sent() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/keep" => redirect(302, "/end"),
        "/replace" => redirect(302, "/keep#theirs"),
        _ => ok(),
    });
    for (url, expected) in
        [("/keep#mine", "/end#mine"), ("/replace#mine", "/end#theirs"), ("/keep", "/end"), ("/end#x", "/end#x")]
    {
        let response = session().get(server.url(url)).send().await.unwrap();
        assert_eq!(response.url().unwrap().as_str(), server.url(expected), "{url}");
    }
    assert!(server.requests().iter().all(|head| !head.uri.to_string().contains('#')));
}

#[tokio::test]
async fn redirects_can_be_left_to_the_caller() {
    let server = by_status();
    let none = builder().no_redirect().build().unwrap();
    for request in [
        session().get(server.url("/302")).no_redirect(),
        none.get(server.url("/302")),
        session().get(server.url("/302")).redirect(RedirectOptions::default().limit(0).on_limit(OnLimit::ReturnLast)),
        session().get(server.url("/302")).redirect(RedirectOptions::none()),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["location"]), (302, &"/end".parse().unwrap()));
        assert_eq!(response.text().await.unwrap(), "moved");
    }
    // What a request asks for beats the session.
    let followed = none.get(server.url("/302")).redirect(RedirectOptions::default()).send().await.unwrap();
    assert_eq!((followed.status().as_u16(), followed.history().len()), (200, 1));
}

#[tokio::test]
async fn a_referer_is_sent_only_if_asked_for_and_shows_a_foreign_origin_no_path() {
    let a = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "/same"),
        _ => redirect(302, "http://b.test/"),
    });
    let b = TestServer::from_fn(async |_| ok());
    let servers = [("http://a.test", a.addr()), ("http://b.test", b.addr())];
    let session = builder().transport_options(dialing(servers)).build().unwrap();
    session.get("http://a.test/start?q#f").send().await.unwrap();
    assert!(a.requests().iter().chain(&b.requests()).all(|head| !head.headers.contains_key(REFERER)));
    let options = RedirectOptions::default().referer(RefererPolicy::StrictOriginWhenCrossOrigin);
    session.get("http://a.test/start?q#f").redirect(options).send().await.unwrap();
    assert_eq!(values(&a.requests()[3], "referer"), ["http://a.test/start?q"]);
    assert_eq!(values(&b.requests()[1], "referer"), ["http://a.test/"]);
}

#[tokio::test]
async fn one_connection_serves_all_hops_of_an_origin() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/1" => redirect(302, "/2"),
        "/2" => redirect(302, "/3"),
        _ => ok(),
    });
    let session = session();
    let response = session.get(server.url("/1")).send().await.unwrap();
    assert!(response.connection().unwrap().is_reused());
    let by: Vec<_> =
        response.history().iter().map(|hop| hop.extensions().get::<ConnectionInfo>().unwrap().id()).collect();
    assert_eq!(by, [response.connection().unwrap().id(); 2]);
    assert_eq!((paths(&server.requests()), server.connections()), (vec!["/1", "/2", "/3"], 1));
}

#[tokio::test]
async fn each_hop_tells_its_connection_its_timings_and_its_attempts() {
    let (a, b) =
        (always(|| redirect(302, "http://b.test/")), in_turn(&[try_again, || redirect(307, "http://c.test/")]));
    let c = always(ok);
    let servers = [("http://a.test", a.addr()), ("http://b.test", b.addr()), ("http://c.test", c.addr())];
    let session = builder().transport_options(dialing(servers)).retry(RetryOptions::standard()).build().unwrap();
    let response = session.get("http://a.test/").send().await.unwrap();
    let told: Vec<_> = response
        .history()
        .iter()
        .map(|hop| {
            let extensions = hop.extensions();
            let connection: &ConnectionInfo = extensions.get().unwrap();
            assert!(extensions.get::<Timings>().unwrap().first_byte().unwrap() <= hop.elapsed());
            (connection.origin().to_owned(), extensions.get::<Attempts>().map_or(1, Attempts::count))
        })
        .collect();
    assert_eq!(told, [("http://a.test".to_owned(), 1), ("http://b.test".to_owned(), 2)]);
    let elapsed: Duration = response.history().iter().map(Hop::elapsed).sum();
    assert!(elapsed <= response.elapsed().unwrap());
}

#[tokio::test]
async fn the_body_of_a_redirect_may_be_endless() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => {
            let mut response = reply(302, [("location", "/end")], "");
            *response.body_mut() =
                Body::stream(futures_util::stream::repeat_with(|| Ok::<_, Infallible>(vec![b'x'; 4096])));
            response
        }
        _ => ok(),
    });
    let session = session();
    let response = session.get(server.url("/start")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "ok"));
}

#[tokio::test]
async fn a_redirect_may_change_the_protocol() {
    let tls = TlsSetup::new().names(["b.test"]);
    let secure = ServerOptions::new().tls(tls).serve_fn(async |_| redirect(307, "http://a.test/end"));
    let plain = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(307, "https://b.test/"),
        _ => reply(200, [], Body::new(request.into_body())),
    });
    let servers = [("http://a.test", plain.addr()), ("https://b.test", secure.addr())];
    let tls = trusting(secure.certificate_authority()).build().unwrap();
    let session = builder().transport_options(dialing(servers).tls(tls)).build().unwrap();
    let response = session.post("http://a.test/start").body("upload").send().await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_11);
    assert_eq!(response.text().await.unwrap(), "upload");
    assert_eq!(secure.requests()[0].version, http::Version::HTTP_2);
}
