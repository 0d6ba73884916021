//! What servers answer: where they lead, when they want to be asked again, and what is no HTTP.

use http::header::{HeaderValue, LOCATION};
use sortie::ErrorKind;
use sortie::core::{Outcome, find};
use sortie::redirect::{Failed, OnLimit, RedirectOptions, TooManyRedirects};
use sortie::retry::{Backoff, RetryOptions};
use sortie_testkit::{Scripted, Steps, TcpScript, TestServer, reply};

use super::{error_of, secretive};
use crate::support::{SECRET, always, builder, check, ok, session};

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
        (&b"http://host:99999/s3cret"[..], "not a valid URL"),
        (b"http://\xff/s3cret", "not a valid URL"),
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

// CVE-2025-50181 (urllib3): the limit of the client was not heeded.
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
        let limited = builder().redirect(options.clone()).build().unwrap();
        let error = error_of(limited.get(server.url("/"))).await;
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
