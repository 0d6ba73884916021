//! How do I serve one origin in the process itself? An axum `Router` as a mount, beside the real network.
//!
//! Good for tests, and for parts of a system that may live in one process today and in two tomorrow: the caller's code
//! and the session's behaviour (headers, cookies, redirects, retries) are the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use http::StatusCode;
use http::header::SET_COOKIE;
use sortie::retry::{Backoff, RetryOptions};
use sortie::{BoxError, ErrorKind, Mount, Session};
use sortie_testkit::TestServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let network = TestServer::new(Router::new().route("/search", get(async || Redirect::to("http://books.test/7"))));

    let session = Session::builder()
        // The router itself is a mount. Nothing listens for it, and no name is looked up.
        .mount("http://books.test/", books())
        // With settings of its own it is a mount's transport.
        .mount(
            "http://stock.test/",
            Mount::new()
                .transport(stock())
                .retry(RetryOptions::standard().backoff(Backoff::constant(Duration::from_millis(1)))),
        )
        .no_env()
        .build()?;

    let book = session.get("http://books.test/7").send().await?.error_for_status()?;
    assert!(book.connection().is_none());
    println!("http://books.test/7, from the router: {}", book.text().await?);

    // A cookie that the router sets is kept like any other's.
    let again = session.get("http://books.test/7").send().await?.text().await?;
    assert_eq!(again, "book 7, seen before");
    println!("http://books.test/7, once more: {again}");

    // From the network into the router: every hop is sent to where its URL is mounted.
    let found = session.get(network.url("/search")).send().await?;
    assert_eq!(found.history().len(), 1);
    println!("{}, over TCP, redirected to {}", network.url("/search"), found.url().map_or("?", |url| url.as_str()));

    let count = session.get("http://stock.test/lamp").send().await?;
    assert_eq!((count.status(), count.attempts()), (StatusCode::OK, 2));
    println!("http://stock.test/lamp: {} at attempt {}", count.status(), count.attempts());

    // Other http and https URLs go to the network. Other schemes go nowhere unless they are mounted.
    let error = session.get("ftp://books.test/7").send().await.err().ok_or("there is no transport for ftp")?;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    println!("ftp://books.test/7: {error}");
    Ok(())
}

fn books() -> Router {
    async fn book(Path(number): Path<u32>, headers: http::HeaderMap) -> impl IntoResponse {
        let seen = headers.get("cookie").is_some_and(|cookie| cookie == "seen=yes");
        ([(SET_COOKIE, "seen=yes; Path=/")], format!("book {number}{}", if seen { ", seen before" } else { "" }))
    }
    Router::new().route("/{number}", get(book))
}

/// Fails the first time.
fn stock() -> Router {
    async fn count(State(calls): State<Arc<AtomicUsize>>) -> StatusCode {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    }
    Router::new().route("/{item}", get(count)).with_state(Arc::default())
}
