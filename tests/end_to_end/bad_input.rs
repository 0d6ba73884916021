//! What users and servers get wrong: an error of the right kind that names what prevents it, or a rule; never a panic and
//! never a secret in the text.

use std::convert::Infallible;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue, LOCATION, TRANSFER_ENCODING};
use http::{Method, Request, Response};
use sortie::core::{Outcome, find};
use sortie::redirect::{Failed, OnLimit, RedirectOptions, TooManyRedirects};
use sortie::retry::{Backoff, RetryOptions};
use sortie::{Body, Error, ErrorKind, Mount, RequestBuilder, Session, SessionBuilder};
use sortie_testkit::{Scripted, Steps, TcpScript, TestServer, reply};

use crate::support::{Challenged, SECRET, always, builder, challenge, check, ok, redirect, session, told, try_again};

/// A URL whose every part but the host and the path is a secret.
fn secretive(server: &TestServer, path: &str) -> String {
    format!("http://user:{SECRET}@{}{path}?token={SECRET}#{SECRET}", server.addr())
}

async fn error_of(request: RequestBuilder) -> Error {
    request.send().await.expect_err("it must not be answered")
}

#[track_caller]
fn invalid(builder: SessionBuilder) -> Error {
    builder.build().expect_err("it must not be built")
}

fn once() -> Body {
    Body::stream(futures(["part", "of", "it"]))
}

/// Chunks that come once.
fn futures(chunks: [&'static str; 3]) -> impl futures_core::Stream<Item = Result<&'static str, Infallible>> + Send {
    Chunks(chunks.into_iter())
}

struct Chunks(std::array::IntoIter<&'static str, 3>);

impl futures_core::Stream for Chunks {
    type Item = Result<&'static str, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next().map(Ok))
    }
}

// What the caller gets wrong.

#[tokio::test]
async fn a_relative_url_needs_a_base() {
    let session = session();
    for url in ["/path?s3cret", "path", "", "?s3cret", "#s3cret", "//host/s3cret"] {
        let error = error_of(session.get(url)).await;
        check(&error, ErrorKind::Builder, "SessionBuilder::base_url");
    }
    let raw = Request::get("/path?s3cret").body(()).unwrap();
    check(&session.send(raw).await.unwrap_err(), ErrorKind::Builder, "base URL");
}

#[tokio::test]
async fn a_url_that_is_none_is_an_error() {
    let session = session();
    for (url, says) in [
        ("http://", "cannot be parsed"),
        ("http://s3cret:x/", "cannot be parsed"),
        ("http://host:99999/s3cret", "cannot be parsed"),
        ("http://[::s3cret]/", "cannot be parsed"),
        ("http://a b/s3cret", "cannot be parsed"),
        ("mailto:s3cret@example.com", "no host"),
        ("data:text/plain,s3cret", "no host"),
    ] {
        check(&error_of(session.get(url)).await, ErrorKind::Builder, says);
        check(&session.get(url).build().unwrap_err(), ErrorKind::Builder, says);
    }
}

#[tokio::test]
async fn a_scheme_that_is_not_mounted_is_named_with_those_that_are() {
    let session = builder().mount("app://", Scripted::from_fn(|_, _| Ok(ok()))).build().unwrap();
    assert_eq!(session.get("app://anything/").send().await.unwrap().status(), 200);
    for (url, scheme) in [("ftp://host/?s3cret", "ftp://"), ("app2://user:s3cret@host/", "app2://")] {
        let error = error_of(session.get(url)).await;
        check(&error, ErrorKind::Unsupported, scheme);
        for mounted in ["app://", "http://", "https://"] {
            check(&error, ErrorKind::Unsupported, mounted);
        }
    }
}

const BROKEN: [&str; 4] = ["s3cret\r\nx: y", "s3cret\n", "s3cret\r", "s3cret\0"];

#[tokio::test]
async fn a_line_break_in_a_header_is_an_error_of_its_setter() {
    let session = session();
    let url = "http://127.0.0.1:9/";
    for broken in BROKEN {
        let mount = || SessionBuilder::mount;
        for (error, setter) in [
            (
                error_of(session.get(url).header("x-key", broken)).await,
                "RequestBuilder::header: the value given for x-key",
            ),
            (error_of(session.get(url).header(broken, "v")).await, "RequestBuilder::header: the name"),
            (error_of(session.get(url).without_header(broken)).await, "RequestBuilder::without_header"),
            (error_of(session.get(url).cookie("id", broken)).await, "RequestBuilder::cookie"),
            (error_of(session.get(url).cookie(broken, "v")).await, "RequestBuilder::cookie"),
            (session.get(url).header("x-key", broken).build().unwrap_err(), "RequestBuilder::header"),
            (invalid(builder().header("x-key", broken)), "SessionBuilder::header: the value given for x-key"),
            (invalid(builder().header(broken, "v")), "SessionBuilder::header: the name"),
            (invalid(builder().without_header(broken)), "SessionBuilder::without_header"),
            (invalid(builder().user_agent(broken)), "SessionBuilder::user_agent"),
            (
                invalid(mount()(builder(), "http://a/", Mount::new().header("x-key", broken))),
                "Mount::header: the value",
            ),
            (invalid(mount()(builder(), "http://a/", Mount::new().header(broken, "v"))), "Mount::header: the name"),
        ] {
            check(&error, ErrorKind::Builder, setter);
        }
    }
}

#[tokio::test]
async fn of_several_invalid_values_the_first_is_reported() {
    let session = session();
    let request = session.get("http://a/").header("a\n", "v").header("b", "v\n").cookie("c;", "");
    check(&error_of(request).await, ErrorKind::Builder, "RequestBuilder::header: the name");
    check(&invalid(builder().user_agent("x\n").header("b\n", "v").base_url("/")), ErrorKind::Builder, "user_agent");
    let request = session.get("/relative").header("a\n", "v");
    check(&error_of(request).await, ErrorKind::Builder, "SessionBuilder::base_url");
}

#[tokio::test]
async fn a_method_that_is_none_is_an_error() {
    for method in ["GET /s3cret\r\nA: b", "", "GE T", "GÉT"] {
        check(
            &error_of(session().request(method, "http://127.0.0.1:9/")).await,
            ErrorKind::Builder,
            "Session::request",
        );
    }
}

#[tokio::test]
async fn a_method_of_the_users_own_is_sent_as_it_is() {
    let server = TestServer::from_fn(async |_| ok());
    let url = server.url("/");
    for method in ["PROPFIND", "get", "X-!#$"] {
        session().request(method, &url).send().await.unwrap();
        assert_eq!(server.requests().last().unwrap().method, method);
    }
}

#[test]
fn a_base_url_that_cannot_be_one_is_an_error_of_its_setter() {
    for url in ["", "v1/s3cret", "/v1", "mailto:s3cret@h", "http://", "http://user:s3cret@h/", "http://h:s3cret/"] {
        check(&invalid(builder().base_url(url)), ErrorKind::Builder, "SessionBuilder::base_url");
    }
}

#[tokio::test]
async fn a_reference_cannot_leave_the_base_url() {
    let session = builder().base_url("http://127.0.0.1:9/v1/").build().unwrap();
    for reference in ["../admin?s3cret", "//other.test/s3cret", "http:s3cret", "a/%2e%2e/../../s3cret"] {
        assert_eq!(error_of(session.get(reference)).await.kind(), ErrorKind::Builder, "{reference}");
        check(&error_of(session.get(reference)).await, ErrorKind::Builder, "");
    }
    let raw = Request::get("/../admin?s3cret").body(()).unwrap();
    check(&session.send(raw).await.unwrap_err(), ErrorKind::Builder, "");
}

#[test]
fn a_mount_prefix_that_cannot_be_one_is_an_error_of_its_setter() {
    for prefix in [
        "",
        "api.example.com",
        "://h/",
        "1http://h/",
        "http:///s3cret",
        "http://*/",
        "http://a.*.b/",
        "http://user:s3cret@h/",
        "http://h/?s3cret",
        "http://h:s3cret/",
    ] {
        check(&invalid(builder().mount(prefix, Mount::new())), ErrorKind::Builder, "SessionBuilder::mount");
    }
}

#[tokio::test]
async fn framing_that_contradicts_the_body_is_not_sent() {
    let server = TestServer::from_fn(async |_| ok());
    let session = session();
    let post = || session.post(secretive(&server, "/"));
    for (request, says) in [
        (post().header(CONTENT_LENGTH, "5").body("abc"), "Content-Length is 5 and its body has 3 octets"),
        (post().header(CONTENT_LENGTH, "2").body("abc"), "Content-Length is 2 and its body has 3 octets"),
        (post().header(CONTENT_LENGTH, "5").body(once()), "Body::factory"),
        (post().header(CONTENT_LENGTH, "s3cret").body("abc"), "Content-Length is not one number"),
        (post().header(CONTENT_LENGTH, "-3").body("abc"), "Content-Length is not one number"),
        (
            post().header(CONTENT_LENGTH, "3").header(TRANSFER_ENCODING, "chunked").body("abc"),
            "both Content-Length and",
        ),
        (post().header(TRANSFER_ENCODING, "gzip").body(once()), "does not end in chunked"),
    ] {
        check(&error_of(request).await, ErrorKind::Builder, says);
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_its_promised_length_fails_the_call() {
    let server = TestServer::from_fn(async |request| reply(200, [], Body::new(request.into_body())));
    for (body, says) in [("abc", "to have 5 octets and yielded 3"), ("abcdefg", "to have 5 octets and yielded 7")] {
        let body = Body::factory(Some(5), move || Body::from(body));
        check(&error_of(session().put(secretive(&server, "/")).body(body)).await, ErrorKind::Body, says);
    }
}

#[tokio::test]
async fn a_body_that_fails_fails_the_call_with_its_cause() {
    #[derive(Debug)]
    struct DiskOnFire;
    impl std::fmt::Display for DiskOnFire {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the disk is on fire")
        }
    }
    impl std::error::Error for DiskOnFire {}

    let server = TestServer::from_fn(async |request| reply(200, [], Body::new(request.into_body())));
    struct Burning;
    impl futures_core::Stream for Burning {
        type Item = Result<&'static str, DiskOnFire>;
        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            std::task::Poll::Ready(Some(Err(DiskOnFire)))
        }
    }
    let error = error_of(session().post(secretive(&server, "/")).body(Body::stream(Burning))).await;
    assert!(find::<DiskOnFire>(&error).is_some(), "{}", told(&error));
    check(&error, ErrorKind::Body, "the disk is on fire");
}

#[tokio::test]
async fn a_value_that_cannot_be_serialized_is_an_error_of_its_setter() {
    let session = session();
    let url = "http://127.0.0.1:9/";
    let nested = [("a", vec![vec![SECRET]])];
    let keys_are_lists = std::collections::BTreeMap::from([(vec![1], SECRET)]);
    for (request, setter) in [
        (session.get(url).query(&nested), "RequestBuilder::query"),
        (session.post(url).form(&nested), "RequestBuilder::form"),
        (session.post(url).json(&keys_are_lists), "RequestBuilder::json"),
    ] {
        check(&error_of(request).await, ErrorKind::Builder, setter);
    }
}

// Bodies that can be sent once.

#[tokio::test]
async fn a_redirect_that_needs_the_body_again_is_an_error_if_it_can_be_sent_once() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/303" => redirect(303, "/end"),
        "/307" => redirect(307, "/end"),
        _ => ok(),
    });
    let session = session();
    let error = error_of(session.post(secretive(&server, "/307")).body(once())).await;
    check(&error, ErrorKind::Redirect, "it can be sent only once");
    // A 303 does not need it.
    let response = session.post(secretive(&server, "/303")).body(once()).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_retry_that_needs_the_body_again_ends_with_the_answer_if_it_can_be_sent_once() {
    let server = TestServer::from_fn(async |_| try_again());
    let session = builder().retry(RetryOptions::standard().backoff(Backoff::none())).build().unwrap();
    let response = session.put(server.url("/")).body(once()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.attempts(), server.requests().len()), (503, 1, 1));
}

#[tokio::test]
async fn a_retry_after_an_error_says_that_the_body_can_be_sent_once() {
    let server = TcpScript::each(Steps::new().read_head().reset());
    let session = builder().retry(RetryOptions::standard().backoff(Backoff::none())).build().unwrap();
    let error = error_of(session.put(server.url("/?s3cret")).body(once())).await;
    check(&error, ErrorKind::Protocol, "Body::factory");
    assert_eq!((error.outcome(), server.connections()), (Some(Outcome::MaybeProcessed), 1));
}

#[tokio::test]
async fn a_challenge_to_a_body_that_can_be_sent_once_is_an_error() {
    let server = TestServer::from_fn(async |_| challenge());
    let session = builder().auth(Challenged::default()).build().unwrap();
    let error = error_of(session.put(secretive(&server, "/")).body(once())).await;
    check(&error, ErrorKind::Auth, "sent only once");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_factory_body_is_sent_again_for_a_redirect_a_retry_and_a_challenge() {
    let answered = std::sync::atomic::AtomicUsize::new(0);
    let server = TestServer::from_fn(move |request| {
        let n = answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
            assert_eq!(body, "upload", "request {n}");
            match n {
                0 => redirect(307, "/end"),
                1 => try_again(),
                2 => challenge(),
                _ => ok(),
            }
        }
    });
    let session =
        builder().retry(RetryOptions::standard().backoff(Backoff::none())).auth(Challenged::default()).build().unwrap();
    let body = || Body::factory(None, || Body::stream(futures(["up", "lo", "ad"])));
    let response = session.put(server.url("/")).body(body()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), server.requests().len()), (200, 4));
}

// What servers get wrong.

/// A server that leads on to `location`, whatever octets that is.
fn leading_to(location: &'static [u8]) -> TestServer {
    always(move || {
        let mut response = reply(302, [], "moved");
        response.headers_mut().insert(LOCATION, HeaderValue::from_bytes(location).unwrap());
        response
    })
}

#[tokio::test]
async fn a_location_that_leads_nowhere_is_an_error_that_does_not_repeat_it() {
    for (location, says) in [
        (&b"/\xff/s3cret"[..], "not UTF-8"),
        (b"http://host:99999/s3cret", "not a valid URL"),
        (b"http://host:s3cret/", "not a valid URL"),
        (b"http://[::s3cret/", "not a valid URL"),
        (b"http://", "not a valid URL"),
    ] {
        let server = leading_to(location);
        let error = error_of(session().get(secretive(&server, "/start"))).await;
        check(&error, ErrorKind::Redirect, says);
        check(&error, ErrorKind::Redirect, "a 302 redirect could not be followed");
        let failed = find::<Failed>(&error).unwrap();
        assert_eq!(failed.unfollowed().unwrap().url().path(), "/start");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_empty_location_is_no_redirect() {
    for location in ["", " ", "\t "] {
        let location: &'static [u8] = location.as_bytes();
        let server = leading_to(location);
        let response = session().get(server.url("/")).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.history().len()), (302, 0));
        assert_eq!(response.text().await.unwrap(), "moved");
    }
}

#[tokio::test]
async fn of_two_locations_the_first_counts() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/" => reply(302, [("location", "/first"), ("location", "/second")], ""),
        _ => ok(),
    });
    let response = session().get(server.url("/")).send().await.unwrap();
    assert_eq!(response.url().unwrap().path(), "/first");
}

#[tokio::test]
async fn a_redirect_to_another_scheme_has_to_be_allowed_and_mounted() {
    let server = leading_to(b"app://user:s3cret@inner/path?s3cret");
    let mounted = || builder().mount("app://", Scripted::from_fn(|_, _| Ok(ok())));
    let allow = || RedirectOptions::default().allow_scheme("APP");

    let error = error_of(mounted().build().unwrap().get(secretive(&server, "/"))).await;
    check(&error, ErrorKind::Redirect, "RedirectOptions::allow_scheme");
    let error = error_of(builder().redirect(allow()).build().unwrap().get(secretive(&server, "/"))).await;
    check(&error, ErrorKind::Unsupported, "app://");
    let session = mounted().redirect(allow()).build().unwrap();
    assert_eq!(session.get(server.url("/")).send().await.unwrap().status(), 200);

    let server = leading_to(b"file:///etc/passwd");
    let error = error_of(builder().build().unwrap().get(secretive(&server, "/"))).await;
    check(&error, ErrorKind::Redirect, "`file`");
}

#[tokio::test]
async fn a_redirect_loop_ends_at_the_limit_with_its_history() {
    let server = leading_to(b"/start?s3cret");
    let error = error_of(session().get(secretive(&server, "/start"))).await;
    check(&error, ErrorKind::Redirect, "more than 20 redirects (set by RedirectOptions::limit)");
    assert_eq!(find::<TooManyRedirects>(&error).unwrap().limit(), 20);
    assert_eq!(find::<Failed>(&error).unwrap().history().len(), 20);
    assert_eq!(server.requests().len(), 21);

    for (limit, requests) in [(0, 1), (1, 2), (5, 6)] {
        let server = leading_to(b"/");
        let options = RedirectOptions::default().limit(limit);
        let error = error_of(session().get(server.url("/")).redirect(options.clone())).await;
        assert_eq!(find::<Failed>(&error).unwrap().history().len(), limit);
        assert_eq!(server.requests().len(), requests);
        let last = session().get(server.url("/")).redirect(options.on_limit(OnLimit::ReturnLast));
        let last = last.send().await.unwrap();
        assert_eq!((last.status().as_u16(), last.history().len()), (302, limit));
    }
}

#[tokio::test]
async fn a_retry_after_that_is_no_number_and_no_date_is_ignored() {
    for retry_after in ["-1", "-99999999999999", "+1", "1.5", "soon", "", "1e9", "0x10", "Thu, 99 Foo 2026"] {
        let answered = std::sync::atomic::AtomicBool::new(false);
        let server = TestServer::from_fn(move |_| {
            let first = !answered.swap(true, std::sync::atomic::Ordering::Relaxed);
            async move { if first { reply(503, [("retry-after", retry_after)], "") } else { ok() } }
        });
        let options = RetryOptions::standard().backoff(Backoff::none());
        let response = session().get(server.url("/")).retry(options).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.attempts()), (200, 2), "{retry_after:?}");
    }
}

#[tokio::test]
async fn a_retry_after_beyond_what_is_waited_for_makes_the_response_the_answer() {
    for retry_after in ["61", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let server = always(move || reply(503, [("retry-after", retry_after)], "busy"));
        let response = session().get(server.url("/")).retry(RetryOptions::standard()).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.attempts()), (503, 1), "{retry_after:?}");
        assert_eq!(response.text().await.unwrap(), "busy");
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_error_of_the_exchange() {
    for answer in [
        "220 mail.example.com ESMTP s3cret\r\n",
        "HTTP/1.1 200 OK\r\nno colon s3cret\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: s3cret\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\ns3cret",
        "HTTP/1.1 9 s3cret\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "",
    ] {
        let server = TcpScript::each(Steps::new().read_head().send(answer).close());
        let error = error_of(session().get(server.url("/?s3cret"))).await;
        check(&error, ErrorKind::Protocol, "the exchange failed");
        assert_eq!(error.outcome(), Some(Outcome::MaybeProcessed), "{answer:?}");
        assert_eq!(server.connections(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_an_error_of_reading_it() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\ns3cret",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\ns3cret\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\ns3cret\r\n",
    ] {
        let server = TcpScript::each(Steps::new().read_head().send(answer).close());
        let session = session();
        let response = session.get(server.url("/path?s3cret")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let error = response.bytes().await.unwrap_err();
        check(&error, ErrorKind::Protocol, "/path");
        let mut response = session.get(server.url("/")).send().await.unwrap();
        let failed = loop {
            match response.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(failed, "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_was_asked_to_be_is_an_error_of_decoding() {
    let server = TestServer::from_fn(async |_| reply(200, [], "\"s3cret"));
    let response = session().get(secretive(&server, "/")).send().await.unwrap();
    check(&response.json::<String>().await.unwrap_err(), ErrorKind::Decode, "");
    let response = session().get(secretive(&server, "/")).send().await.unwrap();
    check(&response.json::<u32>().await.unwrap_err(), ErrorKind::Decode, "");
}

#[tokio::test]
async fn a_charset_that_nobody_knows_is_read_as_utf_8() {
    let server = TestServer::from_fn(async |_| reply(200, [("content-type", "text/plain; charset=no-such")], "text"));
    assert_eq!(session().get(server.url("/")).send().await.unwrap().text().await.unwrap(), "text");
}

#[tokio::test]
async fn an_error_status_is_an_error_only_if_asked_for_and_gives_its_response_back() {
    let server = TestServer::from_fn(async |_| reply(404, [("x-token", SECRET)], SECRET));
    let response = session().get(secretive(&server, "/path")).send().await.unwrap();
    let error = response.error_for_status().unwrap_err();
    check(&error, ErrorKind::Status, "404");
    assert_eq!((error.status().unwrap().as_u16(), error.url().unwrap().path()), (404, "/path"));
    let response = error.into_response().unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (404, SECRET));
}

#[tokio::test]
async fn what_a_service_of_the_users_own_says_is_kept_as_the_cause() {
    let session = builder()
        .mount("http://a.test/", Scripted::<Body>::new([sortie_testkit::Answer::error("out of paper")]))
        .build()
        .unwrap();
    let error = error_of(session.get("http://user:s3cret@a.test/p?s3cret")).await;
    check(&error, ErrorKind::Request, "out of paper");
    check(&error, ErrorKind::Request, "http://a.test/p");
}

#[tokio::test]
async fn an_auth_that_cannot_sign_is_an_error_before_anything_is_sent() {
    let server = TestServer::from_fn(async |_| ok());
    let no_token = |_: &mut sortie::core::auth::Unsigned<'_>| Err("there is no token".into());
    let error = error_of(session().get(secretive(&server, "/")).auth(no_token)).await;
    check(&error, ErrorKind::Auth, "there is no token");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_an_error_that_does_not_show_it() {
    let server = TestServer::from_fn(async |_| ok());
    let error = error_of(session().get(secretive(&server, "/")).bearer_auth("s3cret\r\nx: y")).await;
    check(&error, ErrorKind::Auth, "");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn more_headers_than_a_map_can_hold_do_not_panic() {
    let server = Scripted::from_fn(|_, _| Ok::<Response<Body>, _>(ok()));
    let session =
        builder().header("x-default", "1").auth(sortie::auth::Bearer::new("t")).transport(server).build().unwrap();
    let mut headers = http::HeaderMap::new();
    let mut n = 0;
    while headers.try_reserve(1).is_ok() && n < 24_000 {
        let name: http::HeaderName = format!("x-{n}").parse().unwrap();
        if headers.try_insert(name, HeaderValue::from_static("v")).is_err() {
            break;
        }
        n += 1;
    }
    // Sent or refused: either is an answer.
    let _ = session.get("http://a.test/").headers(headers).header(AUTHORIZATION, "v").send().await;
}

#[tokio::test]
async fn a_session_made_of_invalid_settings_sends_nothing() {
    let server = TestServer::from_fn(async |_| ok());
    let built: Result<Session, Error> = builder().header("x\n", "v").timeout(Duration::from_secs(1)).build();
    assert!(built.is_err());
    let request = session().request(Method::GET, server.url("/")).header("x\n", "v");
    assert!(request.send().await.is_err());
    assert_eq!(server.connections(), 0);
}
