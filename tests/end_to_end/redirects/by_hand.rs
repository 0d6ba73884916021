//! Redirects followed one by one, by the caller: with what is sent when the session follows them.

use http::HeaderValue;
use sortie::auth::{Basic, Bearer};
use sortie::redirect::{Action, OnScope, RedirectOptions, Scope};
use sortie::{ErrorKind, Mount, RequestBuilder, Response, Session, SessionBuilder};
use sortie_testkit::{Head, TestServer, reply};

use crate::support::{SECRET, always, builder, check, dialing, ok, redirect, shows};

/// A leads to B, B to itself, and then back to A.
struct Sites {
    a: TestServer,
    b: TestServer,
}

impl Sites {
    fn new() -> Self {
        let a = TestServer::from_fn(async |request| match request.uri().path() {
            "/start" => reply(307, [("location", "/near"), ("set-cookie", "jar=a")], ""),
            "/near" => redirect(308, "http://b.test/1?own#new"),
            _ => ok(),
        });
        let b = TestServer::from_fn(async |request| match request.uri().path() {
            "/1" => reply(302, [("location", "/2"), ("set-cookie", "jar=b")], ""),
            _ => redirect(303, "http://a.test/back"),
        });
        Self { a, b }
    }

    fn builder(&self) -> SessionBuilder {
        builder().transport_options(dialing([("http://a.test", self.a.addr()), ("http://b.test", self.b.addr())]))
    }

    /// What the servers were asked, without what differs from call to call.
    fn asked(&self) -> Vec<(String, Vec<(String, String)>)> {
        let asked = |head: &Head| {
            let header = |(name, value): (&http::HeaderName, &HeaderValue)| {
                (name.to_string(), value.to_str().unwrap().to_owned())
            };
            let mut headers: Vec<_> = head.headers.iter().map(header).collect();
            headers.sort();
            (format!("{} {}", head.method, head.uri), headers)
        };
        self.a.requests().iter().chain(&self.b.requests()).map(asked).collect()
    }
}

async fn step_by_step(session: &Session, first: RequestBuilder) -> Response {
    let mut response = first.no_redirect().send().await.unwrap();
    while let Some(next) = response.next().unwrap() {
        assert!(response.history().is_empty());
        response = session.send(next).await.unwrap();
    }
    response
}

#[tokio::test]
async fn each_step_sends_what_is_sent_when_the_session_follows() {
    let mut sensitive = HeaderValue::from_static(SECRET);
    sensitive.set_sensitive(true);
    let settings: [fn(SessionBuilder) -> SessionBuilder; 5] = [
        |session| session.header("authorization", SECRET).header("x-default", "d").query("v", "2"),
        |session| session.auth(Bearer::new(SECRET)).redirect(RedirectOptions::default().sensitive(X_API_KEY)),
        |session| session.mount("http://b.test/", Mount::new().header("x-mount", "b").query("m", "1")),
        |session| session.mount("http://b.test/", Mount::new().auth(Basic::new("b", "pass"))).query("v", "2"),
        |session| session.no_redirect(),
    ];
    for change in settings {
        let request = |session: &Session, url: &str| {
            let form = session.post(url).form(&[("a", "1")]).cookie("own", SECRET).header("x-token", sensitive.clone());
            form.header("x-api-key", "k").header("x-own", "o").without_header("accept")
        };
        let url = "http://user:s3cret@a.test/start?q#mine";
        let (whole, stepped) = (Sites::new(), Sites::new());
        let session = change(whole.builder()).build().unwrap();
        let followed = request(&session, url).redirect(RedirectOptions::default().sensitive(X_API_KEY));
        let followed = followed.send().await.unwrap();
        let session =
            change(stepped.builder().redirect(RedirectOptions::default().sensitive(X_API_KEY))).build().unwrap();
        let response = step_by_step(&session, request(&session, url)).await;
        assert_eq!(response.status(), followed.status());
        assert_eq!(response.url(), followed.url());
        assert_eq!(stepped.asked(), whole.asked());
        for head in stepped.b.requests().iter().chain(&stepped.a.requests()[2..]) {
            assert!(!shows(head, SECRET) && !head.headers.contains_key("x-api-key"), "{head:?}");
        }
    }
}

const X_API_KEY: http::HeaderName = http::HeaderName::from_static("x-api-key");

#[tokio::test]
async fn a_redirect_that_cannot_be_followed_is_an_error_of_the_step() {
    for (location, says) in
        [("http://a.test:99999/s3cret", "not a valid URL"), ("file:///etc/s3cret", "RedirectOptions::allow_scheme")]
    {
        let server = always(move || redirect(302, location));
        let session = builder().no_redirect().build().unwrap();
        let response = session.get(server.url("/start?s3cret")).send().await.unwrap();
        assert_eq!(response.status(), 302);
        let error = response.next().unwrap_err();
        check(&error, ErrorKind::Redirect, says);
        assert_eq!(error.url().unwrap().path(), "/start");
    }
}

#[tokio::test]
async fn what_a_limit_a_scope_or_a_policy_stopped_can_be_followed_by_hand() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "/end"),
        _ => ok(),
    });
    for options in [
        RedirectOptions::none(),
        RedirectOptions::default().policy(|_| Action::Stop),
        RedirectOptions::default().scope(Scope::SameOrigin).policy(|_| Action::Stop),
    ] {
        let session = builder().redirect(options).build().unwrap();
        let response = session.get(server.url("/start")).send().await.unwrap();
        assert_eq!(response.status(), 302);
        let response = session.send(response.next().unwrap().unwrap()).await.unwrap();
        assert_eq!((response.status().as_u16(), response.next().unwrap().is_none()), (200, true));
    }
    // What is out of scope stays so.
    let out = RedirectOptions::default().scope(Scope::HttpsOnly).on_scope(OnScope::ReturnLast);
    let response = builder().redirect(out).build().unwrap().get(server.url("/start")).send().await.unwrap();
    check(&response.next().unwrap_err(), ErrorKind::Redirect, "RedirectOptions::scope");
}

// What was offered at the first step stands in the request of the next one, where it is not by hand.
#[tokio::test]
async fn what_a_step_by_hand_leads_to_is_decoded() {
    const ZIPPED: &[u8] =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\xca\x2c\x28\x48\x4d\x01\x00\x57\x68\xc2\xe2\x06\x00\x00\x00";
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "/zipped"),
        _ => reply(200, [("content-encoding", "gzip")], ZIPPED),
    });
    let session = builder().build().unwrap();
    let end = step_by_step(&session, session.get(server.url("/start"))).await;
    assert_eq!(end.text().await.unwrap(), "zipped");
    let offered = |head: &Head| head.headers["accept-encoding"].clone();
    assert_eq!(offered(&server.requests()[0]), offered(&server.requests()[1]));
}

#[tokio::test]
async fn what_a_policy_changed_before_it_stopped_is_not_in_the_next_request() {
    let server = always(|| redirect(307, "/next"));
    let policy = RedirectOptions::default().policy(|attempt| {
        attempt.headers_mut().insert("x-changed", HeaderValue::from_static("1"));
        attempt.set_method(http::Method::PUT);
        Action::Stop
    });
    let session = builder().redirect(policy).build().unwrap();
    let stopped = session.post(server.url("/")).body("x").send().await.unwrap();
    let next = stopped.next().unwrap().unwrap();
    assert_eq!((next.method().as_str(), next.uri().path()), ("POST", "/next"));
    assert!(!next.headers().contains_key("x-changed"));
}
