//! From page to page by links, and what goes along.

use std::sync::Mutex;

use http::{HeaderValue, Response};
use sortie::core::find;
use sortie::links::PagesError;
use sortie::{Body, ErrorKind, Mount, Session};
use sortie_testkit::{TestServer, reply, status};

use crate::support::{SECRET, always, builder, check, dialing, shows, values};

/// A server whose pages have these links, in turn.
fn pages<const N: usize>(links: [&'static str; N]) -> TestServer {
    let links = Mutex::new(links.into_iter());
    always(move || match links.lock().unwrap().next() {
        Some("") | None => status(200),
        Some(link) => linked(link),
    })
}

fn linked(link: &str) -> Response<Body> {
    reply(200, [("link", format!("<{link}>; rel=\"next\"").as_str())], "page")
}

async fn count(pages: &mut sortie::links::Pages) -> usize {
    let mut count = 0;
    while let Some(page) = pages.next_page().await.unwrap() {
        page.bytes().await.unwrap();
        count += 1;
    }
    count
}

#[tokio::test]
async fn every_page_is_asked_for_as_the_first_one_was() {
    let server = pages(["?page=2&size=9", "/other?page=3#part", ""]);
    let session = builder().query("lang", "en").header("x-default", "1").build().unwrap();
    let request = session.post(server.url("/items?size=9")).query(&[("page", "1")]).bearer_auth(SECRET);
    let mut pages = request.header("x-own", "2").body("which").pages();
    assert_eq!(count(&mut pages).await, 3);
    assert!(pages.next_page().await.unwrap().is_none());
    let seen = server.requests();
    let uris: Vec<_> = seen.iter().map(|head| head.uri.to_string()).collect();
    // The default query is in the links already, if the server heeds it.
    assert_eq!(uris, ["/items?size=9&page=1&lang=en", "/items?page=2&size=9", "/other?page=3"]);
    for head in &seen {
        assert_eq!((head.method.as_str(), values(head, "content-length")), ("POST", vec!["5"]));
        assert_eq!((values(head, "x-own"), values(head, "x-default")), (vec!["2"], vec!["1"]));
        assert!(shows(head, SECRET));
    }
    assert_eq!(server.connections(), 1);
}

fn secret() -> HeaderValue {
    let mut value = HeaderValue::from_static(SECRET);
    value.set_sensitive(true);
    value
}

/// A session with secrets of every sort, all for `a.test`, at which pages lead to `b.test` and back.
fn secretive(a: &TestServer, b: &TestServer) -> Session {
    let session = builder()
        .header("authorization", format!("Basic {SECRET}"))
        .header("x-key", secret())
        .query("key", SECRET)
        .mount("http://a.test/", Mount::new().header("x-mount", SECRET))
        .mount("http://b.test/", Mount::new().header("authorization", "Basic Yg=="));
    session.transport_options(dialing([("http://a.test", a.addr()), ("http://b.test", b.addr())])).build().unwrap()
}

#[tokio::test]
async fn a_page_at_a_foreign_origin_gets_no_credentials_nor_does_what_comes_after_it() {
    let a = pages(["http://user:password@b.test/2", ""]);
    let b = pages(["http://b.test/3", "http://a.test/4"]);
    let session = secretive(&a, &b);
    let request = session.get("http://a.test/1").cookie("id", SECRET).header("proxy-authorization", SECRET);
    let mut pages = request.header("x-own", secret()).header("x-harmless", "1").pages();
    assert_eq!(count(&mut pages).await, 4);
    for head in b.requests() {
        assert!(!shows(&head, SECRET), "{head:?}");
        assert_eq!(values(&head, "x-harmless"), ["1"]);
        // Nor what the link had for the server itself: only what is meant for it.
        assert_eq!(values(&head, "authorization"), ["Basic Yg=="]);
    }
    let back = a.requests().pop().unwrap();
    assert_eq!(back.uri.path(), "/4");
    for name in ["authorization", "cookie", "x-key", "x-own", "proxy-authorization"] {
        assert!(!back.headers.contains_key(name), "{name}");
    }
    // A mount's header goes where the mount is.
    assert_eq!(values(&back, "x-mount"), [SECRET]);
}

#[tokio::test]
async fn a_redirect_between_pages_counts_as_well() {
    // The first page stands elsewhere, and its link leads to its own origin.
    let a = always(|| reply(302, [("location", "http://b.test/1")], ""));
    let b = pages(["http://b.test/2", ""]);
    let session = secretive(&a, &b);
    let mut pages = session.get("http://a.test/1").bearer_auth(SECRET).pages();
    assert_eq!(count(&mut pages).await, 2);
    assert!(b.requests().iter().skip(1).all(|head| !shows(head, SECRET)), "{:?}", b.requests());
}

#[tokio::test]
async fn pages_that_lead_nowhere_are_errors_after_the_page() {
    let asked = |server: TestServer, max: usize| async move {
        let mut pages = builder().build().unwrap().get(server.url("/1")).pages().max_pages(max);
        let error = loop {
            match pages.next_page().await {
                Ok(page) => assert!(page.is_some(), "it ended"),
                Err(error) => break error,
            }
        };
        assert!(pages.next_page().await.unwrap().is_none());
        (server.requests().len(), error)
    };
    let (count, error) = asked(pages(["/2", "/1"]), 9).await;
    check(&error, ErrorKind::Redirect, "leads to one that has been there already");
    assert_eq!((count, find::<PagesError>(&error)), (2, Some(&PagesError::Loop)));
    let (count, error) = asked(pages(["/2", "/3", "/4"]), 2).await;
    check(&error, ErrorKind::Redirect, "more than 2 pages (Pages::max_pages)");
    assert_eq!(count, 2);
    let (count, error) = asked(pages(["file:///etc/passwd"]), 9).await;
    check(&error, ErrorKind::Redirect, "leads to a file URL");
    assert_eq!(count, 1);
}

#[tokio::test]
async fn a_body_that_can_be_sent_once_is_an_error_before_the_first_page() {
    let server = pages([]);
    let once = Body::stream(futures_util::stream::iter([Ok::<_, std::io::Error>("x")]));
    let mut pages = builder().build().unwrap().post(server.url("/")).body(once).pages();
    check(&pages.next_page().await.unwrap_err(), ErrorKind::Body, "Body::factory");
    assert_eq!(server.requests().len(), 0);
}
