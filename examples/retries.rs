//! How do I retry? The retry snippets of a `requests.Session` tutorial, and what came back where.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::StatusCode;
use http::header::RETRY_AFTER;
use sortie::core::find;
use sortie::retry::{Backoff, Failed, RetryOptions};
use sortie::{BoxError, Mount, Session};
use sortie_testkit::TestServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::new(site());
    adapter_with_statuses(&server).await?;
    everything_standard(&server).await?;
    what_is_not_repeated(&server).await?;
    when_it_stays_down(&server).await?;
    for_one_request(&server).await?;
    nobody_there().await
}

/// ```python
/// retry = Retry(total=3, backoff_factor=0.1, status_forcelist=[500, 502, 503, 504])
/// s.mount("http://…/flaky/", HTTPAdapter(max_retries=retry))
/// ```
///
/// `total` counts the retries, `attempts` the first send too.
async fn adapter_with_statuses(server: &TestServer) -> Result<(), BoxError> {
    let retry = RetryOptions::standard()
        .attempts(4)
        .backoff(Backoff::full_jitter(Duration::from_millis(10), Duration::from_secs(1)))
        .statuses([500, 502, 503, 504].map(|code| StatusCode::from_u16(code).expect("a status code")));
    let s = Session::builder().mount(server.url("/flaky/"), Mount::new().retry(retry)).no_env().build()?;

    let r = s.get(server.url("/flaky/500/3")).send().await?;
    assert_eq!((r.status(), r.attempts()), (StatusCode::OK, 4));
    println!("a mount with statuses of its own: {} at attempt {}", r.status(), r.attempts());

    let r = s.get(server.url("/steady/500/9")).send().await?;
    assert_eq!((r.status(), r.attempts()), (StatusCode::INTERNAL_SERVER_ERROR, 1));
    println!("beside the mount nothing is retried for its status: {}", r.status());
    Ok(())
}

/// ```python
/// retry = Retry(total=2, backoff_factor=0.1, status_forcelist=[429, 502, 503, 504], respect_retry_after_header=True)
/// s.mount("https://", HTTPAdapter(max_retries=retry)); s.mount("http://", HTTPAdapter(max_retries=retry))
/// ```
async fn everything_standard(server: &TestServer) -> Result<(), BoxError> {
    let s = Session::builder().retry(RetryOptions::standard()).no_env().build()?;
    let started = Instant::now();
    let r = s.get(server.url("/flaky/429/1")).send().await?;
    assert_eq!((r.status(), r.attempts()), (StatusCode::OK, 2));
    assert!(started.elapsed() >= Duration::from_secs(1));
    println!("the standard policy: 429 with `Retry-After: 1`, then {} after {:.1?}", r.status(), started.elapsed());
    Ok(())
}

/// A `POST` may have been acted on, so it is not sent again because of a status, unless it says that this is safe.
async fn what_is_not_repeated(server: &TestServer) -> Result<(), BoxError> {
    let s = Session::builder().base_url(server.url("/")).retry(RetryOptions::standard()).no_env().build()?;
    let r = s.post("orders/1").json(&["lamp"]).send().await?;
    assert_eq!((r.status(), r.attempts()), (StatusCode::SERVICE_UNAVAILABLE, 1));
    let r = s.post("orders/2").header("idempotency-key", "8e03978e").json(&["lamp"]).send().await?;
    assert_eq!((r.status(), r.attempts()), (StatusCode::OK, 2));
    println!("a POST: sent once; with an Idempotency-Key: sent until it succeeds");
    Ok(())
}

/// When the attempts are used up, the last response is the answer, as with `raise_on_status=False`.
async fn when_it_stays_down(server: &TestServer) -> Result<(), BoxError> {
    let s = Session::builder().retry(RetryOptions::standard()).no_env().build()?;
    let r = s.get(server.url("/flaky/502/99")).send().await?;
    assert_eq!((r.status(), r.attempts()), (StatusCode::BAD_GATEWAY, 3));
    let error = r.error_for_status().err().ok_or("502 is an error status")?;
    println!("it stays down: {} after 3 attempts; asked for, that is an error: {error}", StatusCode::BAD_GATEWAY);
    Ok(())
}

/// What configures the session is what changes it for one request.
async fn for_one_request(server: &TestServer) -> Result<(), BoxError> {
    let s = Session::builder().base_url(server.url("/")).retry(RetryOptions::standard()).no_env().build()?;
    let r = s.get("flaky/503/4").no_retry().send().await?;
    assert_eq!((r.status(), r.attempts()), (StatusCode::SERVICE_UNAVAILABLE, 1));
    let patient = RetryOptions::standard().attempts(5).backoff(Backoff::none());
    let r = s.get("flaky/503/3").retry(patient).send().await?;
    assert_eq!((r.status(), r.attempts()), (StatusCode::OK, 4));
    println!("for one request: no retry, or more of them");
    Ok(())
}

/// A connection that could not be made has sent nothing, so it is tried once more whatever the policy and the method.
async fn nobody_there() -> Result<(), BoxError> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let s = Session::builder().no_env().build()?;
    let error = s.post(format!("http://{nobody}/")).send().await.err().ok_or("nobody listens there")?;
    assert!(error.is_connect());
    let attempts = find::<Failed>(&error).map(|failed| failed.attempts().count());
    assert_eq!(attempts, Some(2));
    println!("nobody there: {error}, tried twice");
    Ok(())
}

type Counts = Arc<std::sync::Mutex<std::collections::HashMap<String, usize>>>;

fn site() -> Router {
    Router::new()
        .route("/flaky/{status}/{times}", get(fails))
        .route("/steady/{status}/{times}", get(fails))
        .route("/orders/{order}", post(fails_once))
        .with_state(Counts::default())
}

/// How often this path was asked for before.
fn before(counts: &Counts, path: String) -> usize {
    let mut counts = counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let count = counts.entry(path).or_default();
    *count += 1;
    *count - 1
}

/// Answers with `status` so many times, then with 200.
async fn fails(State(counts): State<Counts>, Path((status, times)): Path<(u16, usize)>) -> impl IntoResponse {
    if before(&counts, format!("{status}/{times}")) >= times {
        return "done".into_response();
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    match status {
        StatusCode::TOO_MANY_REQUESTS => (status, [(RETRY_AFTER, "1")]).into_response(),
        _ => status.into_response(),
    }
}

async fn fails_once(State(counts): State<Counts>, Path(order): Path<String>) -> StatusCode {
    if before(&counts, order) == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}
