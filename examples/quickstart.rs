//! How do the snippets of a `requests.Session` tutorial look in Rust? One function for each, the Python above it.

use std::time::{Duration, Instant};

use axum::extract::{Form, Query};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sortie::auth::Bearer;
use sortie::{BoxError, Mount, Session};
use sortie_testkit::TestServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::https(site());
    first_request(&server).await?;
    defaults(&server).await?;
    log_in(&server).await?;
    basic_auth(&server).await?;
    mounts(&server).await?;
    with_and_without_a_session(&server).await
}

/// Every session here trusts the test server's certificate authority and nothing else, and takes no proxy from the
/// environment. For the web at large it is `Session::new()`.
fn builder(server: &TestServer) -> Result<sortie::SessionBuilder, BoxError> {
    use sortie::transport::{TransportOptions, tls::TlsOptions};

    let tls = TlsOptions::default().only_roots([server.certificate_authority().der().to_vec()]).build()?;
    Ok(Session::builder().transport_options(TransportOptions::default().tls(tls)).no_env())
}

/// ```python
/// s = requests.Session()
/// r = s.get("https://…/echo", params={"page": 2, "tag": ["a", "b"]})
/// r.raise_for_status()
/// print(r.status_code, r.url, r.json())
/// ```
async fn first_request(server: &TestServer) -> Result<(), BoxError> {
    let s = builder(server)?.build()?;
    let r = s.get(server.url("/echo")).query(&[("page", "2"), ("tag", "a"), ("tag", "b")]).send().await?;
    let r = r.error_for_status()?;
    println!("{} from {}", r.status(), r.url().ok_or("a received response has a URL")?);
    let body: Value = r.json().await?;
    assert_eq!(body["query"], json!([["page", "2"], ["tag", "a"], ["tag", "b"]]));
    Ok(())
}

/// ```python
/// s.headers.update({"User-Agent": "quickstart/1.0", "X-Team": "blue"})
/// s.params = {"lang": "en"}
/// s.get("https://…/echo")
/// s.get("https://…/echo", headers={"X-Team": "red"})   # for this request
/// s.get("https://…/echo", headers={"X-Team": None})    # not in this request
/// ```
async fn defaults(server: &TestServer) -> Result<(), BoxError> {
    let s = builder(server)?
        .base_url(server.url("/"))
        .user_agent("quickstart/1.0")
        .header("x-team", "blue")
        .query("lang", "en")
        .build()?;
    let body: Value = s.get("echo").send().await?.json().await?;
    assert_eq!(
        (&body["headers"]["user-agent"], &body["headers"]["x-team"]),
        (&json!("quickstart/1.0"), &json!("blue"))
    );
    assert_eq!(body["query"], json!([["lang", "en"]]));

    let body: Value = s.get("echo").header("x-team", "red").send().await?.json().await?;
    assert_eq!(body["headers"]["x-team"], "red");
    let body: Value = s.get("echo").without_header("x-team").send().await?.json().await?;
    assert_eq!(body["headers"].get("x-team"), None);
    println!("default headers and parameters: blue by default, red for one request, left out of another");
    Ok(())
}

/// ```python
/// s.post("https://…/login", data={"user": "ada", "password": "correct horse"})
/// print(s.cookies.get_dict())
/// print(s.get("https://…/account").text)
/// s.headers["X-Csrf"] = "7"          # from now on
/// ```
async fn log_in(server: &TestServer) -> Result<(), BoxError> {
    let s = builder(server)?.base_url(server.url("/")).build()?;
    let form = [("user", "ada"), ("password", "correct horse")];
    s.post("login").form(&form).send().await?.error_for_status()?;
    for stored in s.cookies().ok_or("a session has a jar unless told otherwise")?.iter() {
        println!("the jar has a cookie `{}` for {}", stored.cookie.name(), stored.domain);
    }
    assert_eq!(s.get("account").send().await?.text().await?, "ada's account");

    // A session does not change under its users. This is another one, with the same cookies and connections.
    let s = s.to_builder().header("x-csrf", "7").build()?;
    assert_eq!(s.get("account").send().await?.text().await?, "ada's account");
    let body: Value = s.get("echo").send().await?.json().await?;
    assert_eq!(body["headers"]["x-csrf"], "7");
    Ok(())
}

/// ```python
/// s.auth = ("ada", "s3cret")
/// print(s.get("https://…/private").status_code)
/// print(s.get("https://…/private", auth=("eve", "guess")).status_code)
/// ```
async fn basic_auth(server: &TestServer) -> Result<(), BoxError> {
    let s = builder(server)?.base_url(server.url("/")).auth(sortie::auth::Basic::new("ada", "s3cret")).build()?;
    let (ada, eve) = (s.get("private").send().await?, s.get("private").basic_auth("eve", "guess").send().await?);
    assert_eq!((ada.status(), eve.status()), (StatusCode::OK, StatusCode::UNAUTHORIZED));
    println!("basic auth: {} for ada, {} for eve", ada.status(), eve.status());
    Ok(())
}

/// ```python
/// class Api(HTTPAdapter):
///     def send(self, request, **kwargs):
///         request.headers["Authorization"] = "Bearer t0k3n"
///         kwargs["timeout"] = 5
///         return super().send(request, **kwargs)
/// s.mount("https://…/api/", Api())
/// ```
///
/// A mount says what is different below a prefix. Status retries on one are in the example `retries`.
async fn mounts(server: &TestServer) -> Result<(), BoxError> {
    let api = Mount::new().auth(Bearer::new("t0k3n")).timeout(Duration::from_secs(5));
    let s = builder(server)?.base_url(server.url("/")).mount(server.url("/api/"), api).build()?;
    let inside: Value = s.get("api/echo").send().await?.json().await?;
    let outside: Value = s.get("echo").send().await?.json().await?;
    assert_eq!(inside["headers"]["authorization"], "Bearer t0k3n");
    assert_eq!(outside["headers"].get("authorization"), None);
    println!("a mount: the token goes to /api/ and nowhere else");
    Ok(())
}

/// ```python
/// for _ in range(20): requests.get("https://…/echo")
/// for _ in range(20): s.get("https://…/echo")
/// ```
async fn with_and_without_a_session(server: &TestServer) -> Result<(), BoxError> {
    const CALLS: u32 = 20;
    let url = server.url("/echo");

    let (before, started) = (server.connections(), Instant::now());
    for _ in 0..CALLS {
        // What `sortie::get(&url)` does: a session for one call.
        builder(server)?.build()?.get(&url).send().await?.bytes().await?;
    }
    let (without, opened_without) = (started.elapsed() / CALLS, server.connections() - before);

    let (before, started) = (server.connections(), Instant::now());
    let s = builder(server)?.build()?;
    for _ in 0..CALLS {
        s.get(&url).send().await?.bytes().await?;
    }
    let (with, opened_with) = (started.elapsed() / CALLS, server.connections() - before);

    println!("without a session: {without:?} for a call, {opened_without} connections");
    println!("with a session:    {with:?} for a call, {opened_with} connection");
    assert_eq!((opened_without, opened_with), (CALLS as usize, 1));
    Ok(())
}

fn site() -> Router {
    Router::new()
        .route("/echo", get(echo))
        .route("/api/echo", get(echo))
        .route("/login", post(login))
        .route("/account", get(account))
        .route("/private", get(private))
}

#[derive(Serialize)]
struct Echo {
    query: Vec<(String, String)>,
    headers: std::collections::BTreeMap<String, String>,
}

/// Says what it was asked.
async fn echo(Query(query): Query<Vec<(String, String)>>, headers: HeaderMap) -> Json<Echo> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Json(Echo { query, headers })
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

async fn login(Form(login): Form<Login>) -> impl IntoResponse {
    if (&*login.user, &*login.password) != ("ada", "correct horse") {
        return StatusCode::FORBIDDEN.into_response();
    }
    ([(SET_COOKIE, "session=s3ss10n; Path=/; Secure; HttpOnly")], Redirect::to("/account")).into_response()
}

async fn account(headers: HeaderMap) -> (StatusCode, &'static str) {
    match headers.get(COOKIE) {
        Some(cookie) if cookie == "session=s3ss10n" => (StatusCode::OK, "ada's account"),
        _ => (StatusCode::UNAUTHORIZED, "log in first"),
    }
}

async fn private(headers: HeaderMap) -> StatusCode {
    match headers.get(AUTHORIZATION) {
        Some(credentials) if credentials == "Basic YWRhOnMzY3JldA==" => StatusCode::OK,
        _ => StatusCode::UNAUTHORIZED,
    }
}
