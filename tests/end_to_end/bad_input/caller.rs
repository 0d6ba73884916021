//! What the caller gives: URLs, methods, headers, prefixes, bodies, tokens.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Request, Response};
use sortie::core::find;
use sortie::transport::{TransportOptions, Versions};
use sortie::{Body, Error, ErrorKind, Mount, Session, SessionBuilder};
use sortie_testkit::{Scripted, TestServer, reply, told};

use super::{error_of, secretive};
use crate::support::{SECRET, builder, check, ok, sent_once, session};

#[track_caller]
fn invalid(builder: SessionBuilder) -> Error {
    builder.build().expect_err("it must not be built")
}

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

// CVE-2019-11236 (urllib3): a line break in a URL was sent as it was. The URL standard drops it.
#[tokio::test]
async fn nothing_in_a_url_ends_the_request_line() {
    let server = TestServer::from_fn(async |_| ok());
    for (path, arrives) in [("/a\r\nX: y", "/aX:%20y"), ("/?q=\r\n\r\nGET", "/?q=GET"), ("/%0d%0aX", "/%0d%0aX")] {
        session().get(format!("{}{path}", server.url(""))).send().await.unwrap();
        assert_eq!(server.requests().last().unwrap().uri, arrives);
    }
}

// CVE-2021-41945 (httpx): what was validated was another URL than what was asked.
#[tokio::test]
async fn the_host_that_is_read_from_an_odd_url_is_the_host_that_is_asked() {
    let echo = Scripted::from_fn(|request, _| Ok(reply(200, [], request.uri.to_string())));
    let session = builder().mount("http://a.test", echo).build().unwrap();
    for odd in
        ["http:////a.test/x", "http:/a.test/x", "http:\\\\a.test\\x", "http://b.test@a.test/x", "HTTP://A.TEST:80/x"]
    {
        let response = session.get(odd).send().await.unwrap();
        assert_eq!(response.url().unwrap().as_str(), "http://a.test/x", "{odd}");
        assert_eq!(response.text().await.unwrap(), "http://a.test/x", "{odd}");
    }
}

// CVE-2021-33503 (urllib3): the time grew with the square of the length, days for a megabyte.
#[tokio::test]
async fn an_authority_of_a_megabyte_is_read_in_linear_time() {
    let url = format!("http://{}/", "@".repeat(1_000_000));
    check(&error_of(session().get(url)).await, ErrorKind::Builder, "");
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

// CVE-2019-9740 (urllib3), CVE-2023-37276 (aiohttp).
#[tokio::test]
async fn a_line_break_in_a_header_is_an_error_of_its_setter() {
    let session = session();
    let url = "http://127.0.0.1:9/";
    for broken in BROKEN {
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
            (invalid(builder().mount("http://a/", Mount::new().header("x-key", broken))), "Mount::header: the value"),
            (invalid(builder().mount("http://a/", Mount::new().header(broken, "v"))), "Mount::header: the name"),
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

// CVE-2020-26137 (urllib3), CVE-2023-49082 (aiohttp): a method with a line break in it began another request.
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
        (post().header(CONTENT_LENGTH, "5").body(sent_once()), "Body::factory"),
        (post().header(CONTENT_LENGTH, "s3cret").body("abc"), "Content-Length is not one number"),
        (post().header(CONTENT_LENGTH, "-3").body("abc"), "Content-Length is not one number"),
        (
            post().header(CONTENT_LENGTH, "3").header(TRANSFER_ENCODING, "chunked").body("abc"),
            "both Content-Length and",
        ),
        (post().header(TRANSFER_ENCODING, "gzip").body(sent_once()), "does not end in chunked"),
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
    for versions in [Versions::Http1Only, Versions::Http2Only] {
        let options = TransportOptions::default().versions(versions);
        let session = builder().transport_options(options).build().unwrap();
        let burning = futures_util::stream::iter([Err::<&str, _>(DiskOnFire)]);
        let error = error_of(session.post(secretive(&server, "/")).body(Body::stream(burning))).await;
        assert!(find::<DiskOnFire>(&error).is_some(), "{versions:?} {}", told(&error));
        check(&error, ErrorKind::Body, "the disk is on fire");
    }
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
