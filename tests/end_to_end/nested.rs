//! A session that is the transport of another: what a request overrides acts once, and nothing is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sortie::core::Outcome;
use sortie::retry::RetryOptions;
use sortie::{ErrorKind, Mount, Session};
use sortie_testkit::{TestServer, reply};

use crate::support::{always, builder, dialing, ok, paths, redirect, values};

fn over(inner: Session) -> Session {
    builder().transport(inner).build().unwrap()
}

#[tokio::test]
async fn a_request_that_was_answered_by_a_redirect_is_not_sent_again_for_what_failed_after_it() {
    let a = always(|| redirect(303, "http://b.test/"));
    for mounted in [false, true] {
        let inner = builder().transport_options(dialing([("http://a.test", a.addr())])).build().unwrap();
        let outer = match mounted {
            true => builder().mount("http://a.test/", Mount::new().transport(inner)).build().unwrap(),
            false => over(inner),
        };
        let before = a.requests().len();
        let error = outer.post("http://a.test/pay").body("x").send().await.unwrap_err();
        assert_eq!(a.requests().len(), before + 1, "paid once");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Some(Outcome::MaybeProcessed)), "{error:?}");
    }
}

#[tokio::test]
async fn a_retry_that_a_request_asks_for_is_made_by_one_of_them() {
    let server = always(|| reply(503, [], "busy"));
    let response =
        over(builder().build().unwrap()).get(server.url("/")).retry(RetryOptions::standard()).send().await.unwrap();
    assert_eq!((server.requests().len(), response.attempts()), (3, 3));
}

#[tokio::test]
async fn the_query_and_the_hooks_of_a_request_are_for_one_of_them() {
    let server = always(ok);
    let ran = Arc::<AtomicUsize>::default();
    let counted = ran.clone();
    let count = move |_: &mut http::request::Parts| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let request = over(builder().build().unwrap()).get(server.url("/")).default_query([("x", "y")].into());
    request.on_request(count).send().await.unwrap();
    assert_eq!((server.requests()[0].uri.to_string(), ran.load(Ordering::Relaxed)), ("/?x=y".into(), 1));
}

#[tokio::test]
async fn a_redirect_followed_by_hand_has_the_defaults_of_both() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/old" => redirect(307, "/new"),
        _ => ok(),
    });
    let inner = builder().header("x-inner", "i").build().unwrap();
    let outer = builder().header("x-outer", "o").transport(inner).build().unwrap();
    let first = outer.get(server.url("/old")).no_redirect().send().await.unwrap();
    outer.send(first.next().unwrap().unwrap()).await.unwrap();
    assert_eq!(paths(&server.requests()), ["/old", "/new"]);
    for head in server.requests() {
        assert_eq!((values(&head, "x-inner"), values(&head, "x-outer")), (vec!["i"], vec!["o"]), "{head:?}");
    }
}
