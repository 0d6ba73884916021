//! Known vulnerabilities of HTTP clients that redirects open, other than credentials that go astray (`credentials`,
//! `proxies`).

use futures_util::stream;
use http::{Method, Request};
use sortie::core::find;
use sortie::redirect::{Failed, NotReplayable, RedirectOptions, TooManyRedirects};
use sortie::{Body, ErrorKind, Session};
use sortie_testkit::TestServer;

use crate::support::{always, builder, check, dialing, ok, paths, redirect, session};

// requests S31: what can be read only once was sent again as an empty body.
#[tokio::test]
async fn a_body_that_can_be_sent_only_once_is_not_sent_empty_after_a_redirect() {
    for status in [301, 302, 307, 308] {
        let server = always(move || redirect(status, "/end"));
        let once = Body::stream(stream::iter(["con", "tent"].map(Ok::<_, std::convert::Infallible>)));
        let error = session().put(server.url("/start")).body(once).send().await.unwrap_err();
        check(&error, ErrorKind::Redirect, "can be sent only once");
        assert!(find::<NotReplayable>(&error).is_some());
        assert_eq!(find::<Failed>(&error).unwrap().unfollowed().unwrap().status().as_u16(), status);
        assert_eq!(paths(&server.requests()), ["/start"]);
    }
}

// CVE-2025-50181: a limit that was set for the whole client did not count for its redirects.
#[tokio::test]
async fn the_sessions_limit_counts_for_every_way_to_send_a_request() {
    let server = always(|| redirect(302, "/again"));
    let session = builder().redirect(RedirectOptions::default().limit(2)).build().unwrap();
    let request = || Request::get(server.url("/")).body(Body::empty()).unwrap();
    let as_a_service = async |session: &Session| tower::ServiceExt::oneshot(session.clone(), request()).await.map(drop);
    for (sent, result) in [
        (3, session.get(server.url("/")).send().await.map(drop)),
        (6, session.request(Method::HEAD, server.url("/")).send().await.map(drop)),
        (9, session.send(request()).await.map(drop)),
        (12, as_a_service(&session).await),
        (15, session.to_builder().build().unwrap().get(server.url("/")).send().await.map(drop)),
    ] {
        assert_eq!(find::<TooManyRedirects>(&result.unwrap_err()).unwrap().limit(), 2, "{sent}");
    }
    assert_eq!(server.requests().len(), 15);
}

// CVE-2021-41945: a URL that was put together and read again led to another host.
#[tokio::test]
async fn the_host_that_is_asked_is_the_one_that_the_location_names() {
    for (location, host, path) in [
        ("http:////b.test//c.test/x", "b.test", "//c.test/x"),
        ("/.//c.test/x", "a.test", "//c.test/x"),
        ("http://b.test/\\c.test/x", "b.test", "//c.test/x"),
        ("http://b.test:80\\@c.test/x", "b.test", "/@c.test/x"),
        ("http://b.test@c.test/x", "c.test", "/x"),
        ("http://c.test\t/x", "c.test", "/x"),
        ("http://b.test?@c.test/x", "b.test", "/"),
        ("http://b.test#@c.test/x", "b.test", "/"),
    ] {
        let servers: [_; 3] = std::array::from_fn(|_| {
            TestServer::from_fn(move |request| {
                let start = request.uri().path() == "/start";
                std::future::ready(if start { redirect(302, location) } else { ok() })
            })
        });
        let names = ["a.test", "b.test", "c.test"];
        let origins = names.map(|name| format!("http://{name}"));
        let addresses = origins.iter().map(String::as_str).zip(servers.iter().map(TestServer::addr));
        let session = builder().transport_options(dialing(addresses)).build().unwrap();
        let response = session.get("http://a.test/start").send().await.unwrap();
        assert_eq!(
            (response.url().unwrap().host_str(), response.url().unwrap().path()),
            (Some(host), path),
            "{location}"
        );
        for (name, server) in names.iter().zip(&servers) {
            let asked: Vec<_> = server.requests().iter().map(|head| head.uri.path().to_owned()).collect();
            let mut expected = vec![];
            expected.extend((*name == "a.test").then(|| "/start".to_owned()));
            expected.extend((*name == host).then(|| path.to_owned()));
            assert_eq!(asked, expected, "{location}: {name}");
        }
    }
}

// requests 2.34.2 lets UnicodeDecodeError and ValueError escape (S22, S92), others answer with the 302.
#[tokio::test]
async fn whatever_a_location_is_the_call_ends_with_an_answer_or_an_error_of_redirects() {
    for location in [
        "http://a:99999/",
        "http://[::1/",
        "http://",
        "http:",
        "://",
        "javascript:alert(1)",
        "data:,x",
        "file:///etc/passwd",
        "gopher://a/",
        "mailto:a@b",
        "urn:x",
        "http://a b/",
        "http://a%00/",
        "http://256.256.256.256/",
        "http://1.2.3.4.5/",
    ] {
        let server = TestServer::from_fn(move |request| {
            std::future::ready(if request.uri().path() == "/start" { redirect(302, location) } else { ok() })
        });
        match session().get(server.url("/start")).send().await {
            Ok(response) => assert_eq!((response.status().as_u16(), response.history().len()), (200, 1), "{location}"),
            Err(error) => check(&error, ErrorKind::Redirect, "redirect"),
        }
    }
}
