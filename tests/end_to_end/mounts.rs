//! Mounts: which one a URL meets, and what it does differently.

use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::routing::{get, post};
use sortie::auth::Bearer;
use sortie::retry::RetryOptions;
use sortie::transport::Transport;
use sortie::{Body, ErrorKind, Mount};
use sortie_testkit::{Scripted, Strict, TestServer, reply};

use crate::support::{SECRET, builder, check, dialing, ok, redirect, values};

/// A service that answers with its name.
fn named(name: &'static str) -> Scripted {
    Scripted::from_fn(move |_, _| Ok(reply(200, [], name)))
}

#[tokio::test]
async fn the_most_specific_prefix_wins_by_host_then_by_path() {
    let session = builder()
        .mount("https://", named("any"))
        .mount("https://*.example.com/", named("wildcard"))
        .mount("https://*.eu.example.com/", named("deep wildcard"))
        .mount("https://api.example.com", named("host"))
        .mount("https://api.example.com/v1", named("v1"))
        .mount("https://api.example.com/v1/admin/", named("admin"))
        .mount("https://api.example.com:8443/", named("port"))
        .mount("app://", named("app"))
        .build()
        .unwrap();
    for (url, expected) in [
        ("https://example.com/", "any"),
        ("https://www.example.com/", "wildcard"),
        ("https://a.b.example.com/", "wildcard"),
        ("https://a.eu.example.com/", "deep wildcard"),
        ("https://api.example.com/", "host"),
        ("https://API.Example.COM:443/", "host"),
        ("https://user:pass@api.example.com/", "host"),
        ("https://api.example.com/v1", "v1"),
        ("https://api.example.com/v1/", "v1"),
        ("https://api.example.com/v1?q", "v1"),
        ("https://api.example.com/v1/users", "v1"),
        ("https://api.example.com/v10", "host"),
        ("https://api.example.com/V1/", "host"),
        ("https://api.example.com/v1/admin/x", "admin"),
        ("https://api.example.com/v1/../v2", "host"),
        ("https://api.example.com/x/%2e%2e/v1/admin", "admin"),
        ("https://api.example.com:8443/v1/", "port"),
        ("https://api.example.com:9443/", "any"),
        ("https://api.example.com.evil.org/", "any"),
        ("https://evil.org/https://api.example.com/", "any"),
        ("https://example.com.evil.org/", "any"),
        ("https://api.example.com:@evil.org/", "any"),
        ("app://api.example.com/v1/", "app"),
    ] {
        assert_eq!(session.get(url).send().await.unwrap().text().await.unwrap(), expected, "{url}");
    }
}

#[tokio::test]
async fn the_path_that_was_compared_is_the_path_that_is_sent() {
    let service = named("x");
    let session = builder().mount("http://a.test/", service.clone()).build().unwrap();
    for (path, sent) in [("/a/../b", "/b"), ("/a/%2e%2E/b", "/b"), ("/a/./b/.", "/a/b/"), ("/a//b", "/a//b")] {
        session.get(format!("http://a.test{path}")).send().await.unwrap();
        let raw = http::Request::get(format!("http://a.test{path}")).body(()).unwrap();
        session.send(raw).await.unwrap();
        for request in service.requests().iter().rev().take(2) {
            assert_eq!(request.uri.path(), sent, "{path}");
        }
    }
}

#[tokio::test]
async fn a_mount_at_the_same_prefix_replaces_the_one_before() {
    let session = builder()
        .mount("http://a.test/x", named("first"))
        .mount("HTTP://A.test:80/x/", named("second"))
        .build()
        .unwrap();
    assert_eq!(session.get("http://a.test/x").send().await.unwrap().text().await.unwrap(), "second");
    let session = session.to_builder().mount("http://a.test/x", named("third")).build().unwrap();
    assert_eq!(session.get("http://a.test/x").send().await.unwrap().text().await.unwrap(), "third");
}

#[tokio::test]
async fn an_axum_router_is_a_mount_with_the_whole_session_around_it() {
    let router = Router::new()
        .route("/hello", get(async |Query(query): Query<Vec<(String, String)>>| format!("{query:?}")))
        .route("/echo", post(async |body: String| body))
        .route("/moved", get(async || axum::response::Redirect::to("/hello?moved=1")));
    let session = builder().query("by", "session").mount("http://app.test/", router).build().unwrap();
    let response = session.get("http://app.test/moved").send().await.unwrap();
    assert_eq!(response.history().len(), 1);
    assert!(response.connection().is_none());
    assert_eq!(response.text().await.unwrap(), r#"[("moved", "1")]"#);
    let response = session.get("http://app.test/hello").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), r#"[("by", "session")]"#);
    let response =
        session.post("http://app.test/echo").body(Body::segments(["a".into(), "b".into()])).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ab");
    assert_eq!(session.get("http://app.test/none").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_mounted_service_is_called_only_when_it_is_ready() {
    let strict = Strict::new(Scripted::<Body>::from_fn(|request, n| match (request.uri.path(), n) {
        ("/start", 0) => Ok(reply(503, [("retry-after", "0")], "")),
        ("/start", _) => Ok(redirect(302, "/end")),
        _ => Ok(ok()),
    }))
    .polls(3);
    let session = builder().retry(RetryOptions::standard()).mount("http://a.test/", strict).build().unwrap();
    assert_eq!(session.get("http://a.test/start").send().await.unwrap().text().await.unwrap(), "ok");
}

#[tokio::test]
async fn a_mount_has_settings_of_its_own_and_takes_the_rest_from_the_session() {
    let server = TestServer::from_fn(async |_| ok());
    let servers = [("http://a.test", server.addr()), ("http://b.test", server.addr())];
    let session = builder()
        .transport_options(dialing(servers))
        .header("x-both", "session")
        .header("x-session", "1")
        .auth(Bearer::new("session"))
        .mount(
            "http://a.test/",
            Mount::new().header("x-both", "mount").header("x-mount", "1").query("m", "1").auth(Bearer::new("mount")),
        )
        .mount("http://a.test/public/", Mount::new().no_auth())
        .build()
        .unwrap();
    for (url, query, both, mount, auth) in [
        ("http://a.test/", Some("m=1"), "mount", vec!["1"], vec!["Bearer mount"]),
        ("http://a.test/public/x", None, "session", vec![], vec![]),
        ("http://b.test/", None, "session", vec![], vec!["Bearer session"]),
    ] {
        let response = session.get(url).send().await.unwrap();
        assert_eq!(response.url().unwrap().query(), None, "a mount's query is on the wire only");
        let requests = server.requests();
        let head = requests.last().unwrap();
        assert_eq!((head.uri.query(), values(head, "x-both")), (query, vec![both]), "{url}");
        assert_eq!((values(head, "x-mount"), values(head, "authorization")), (mount, auth), "{url}");
        assert_eq!(values(head, "x-session"), ["1"]);
    }
}

#[tokio::test]
async fn mounts_with_transports_of_their_own_share_the_cookies_and_nothing_else() {
    let server = TestServer::from_fn(async |_| reply(200, [("set-cookie", "a=1; Path=/")], "ok"));
    let own = Transport::default();
    let session = builder().mount(server.url("/own/"), Mount::new().transport(own.clone())).build().unwrap();
    session.get(server.url("/own/x")).send().await.unwrap().bytes().await.unwrap();
    session.get(server.url("/x")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!((server.connections(), own.stats().opened), (2, 1));
    assert_eq!(values(&server.requests()[1], "cookie"), ["a=1"]);
    // It was given, so it stays open.
    session.close().await;
    assert!(!own.is_closed());
    own.close(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_redirect_goes_from_mount_to_mount() {
    let one = Scripted::<Body>::from_fn(|_, _| Ok(redirect(307, "http://two.test/x")));
    let two = Scripted::<Body>::from_fn(|_, _| Ok(redirect(307, "app://three/x")));
    let three = Scripted::<Body>::from_fn(|request, _| Ok(reply(200, [], request.body.clone())));
    let session = builder()
        .mount("http://one.test/", Mount::new().transport(one.clone()).header("x-one", SECRET))
        .mount("http://two.test/", Mount::new().transport(two.clone()).header("x-two", SECRET))
        .mount("app://", three.clone())
        .redirect(sortie::redirect::RedirectOptions::default().allow_scheme("app"))
        .build()
        .unwrap();
    let response = session.post("http://one.test/").body("carried").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "carried");
    for (service, own) in [(&one, Some("x-one")), (&two, Some("x-two")), (&three, None)] {
        let request = &service.requests()[0];
        let seen: Vec<_> = ["x-one", "x-two"].into_iter().filter(|name| request.headers.contains_key(*name)).collect();
        assert_eq!(seen, own.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn the_schemes_of_the_web_are_mounted_unless_they_are_mounted_otherwise() {
    let session = builder()
        .mount("http://", Mount::new().transport(named("plain")))
        .mount("https://", Mount::new().transport(named("secure")))
        .build()
        .unwrap();
    assert_eq!(session.get("http://anywhere.test/").send().await.unwrap().text().await.unwrap(), "plain");
    assert_eq!(session.get("https://anywhere.test/").send().await.unwrap().text().await.unwrap(), "secure");
    check(&session.get("ws://anywhere.test/").send().await.unwrap_err(), ErrorKind::Unsupported, "ws://");
}
