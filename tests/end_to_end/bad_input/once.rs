//! Bodies that can be sent once, where they are needed again.

use sortie::core::Outcome;
use sortie::retry::{Backoff, RetryOptions};
use sortie::{Body, ErrorKind};
use sortie_testkit::{Steps, TcpScript, TestServer};

use super::{error_of, secretive};
use crate::support::{Challenged, builder, challenge, check, ok, redirect, sent_once, session, try_again};

#[tokio::test]
async fn a_redirect_that_needs_the_body_again_is_an_error_if_it_can_be_sent_only_once() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/303" => redirect(303, "/end"),
        "/307" => redirect(307, "/end"),
        _ => ok(),
    });
    let session = session();
    let error = error_of(session.post(secretive(&server, "/307")).body(sent_once())).await;
    check(&error, ErrorKind::Redirect, "it can be sent only once");
    // A 303 does not need it.
    let response = session.post(secretive(&server, "/303")).body(sent_once()).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_retry_that_needs_the_body_again_ends_with_the_answer_if_it_can_be_sent_only_once() {
    let server = TestServer::from_fn(async |_| try_again());
    let session = builder().retry(RetryOptions::standard().backoff(Backoff::none())).build().unwrap();
    let response = session.put(server.url("/")).body(sent_once()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.attempts(), server.requests().len()), (503, 1, 1));
}

#[tokio::test]
async fn a_retry_after_an_error_says_that_the_body_can_be_sent_only_once() {
    let server = TcpScript::each(Steps::new().read_head().reset());
    let session = builder().retry(RetryOptions::standard().backoff(Backoff::none())).build().unwrap();
    let error = error_of(session.put(server.url("/?s3cret")).body(sent_once())).await;
    check(&error, ErrorKind::Protocol, "Body::factory");
    assert_eq!((error.outcome(), server.connections()), (Some(Outcome::MaybeProcessed), 1));
}

#[tokio::test]
async fn a_challenge_to_a_body_that_can_be_sent_only_once_is_an_error() {
    let server = TestServer::from_fn(async |_| challenge());
    let session = builder().auth(Challenged::default()).build().unwrap();
    let error = error_of(session.put(secretive(&server, "/")).body(sent_once())).await;
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
    let response = session.put(server.url("/")).body(Body::factory(None, sent_once)).send().await.unwrap();
    assert_eq!((response.status().as_u16(), server.requests().len()), (200, 4));
}
