//! What does a session do for me? One session goes through everything, against real servers on this machine.
//!
//! `cargo run --example tour`. Each step says what happened and checks it; the program fails if any differs.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_LENGTH, COOKIE, LOCATION, RETRY_AFTER, SET_COOKIE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use sortie::auth::Bearer;
use sortie::core::Phase;
use sortie::retry::RetryOptions;
use sortie::transport::TransportOptions;
use sortie::transport::tls::TlsOptions;
use sortie::{Body, BoxError, ErrorKind, Mount, RequestBuilder, Session};
use sortie_testkit::TestServer;
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let tour = tokio::time::timeout(Duration::from_secs(50), tour()).await;
    match tour.unwrap_or_else(|_| Err("it took more than 50 s".into())) {
        Ok(()) => {
            println!("\nThat was the tour. Every step went as it says.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nThis step did not go as it says: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn tour() -> Result<(), BoxError> {
    let servers = Servers::start();
    let session = session(&servers)?;

    log_in(&session).await?;
    default_headers(&session, &servers).await?;
    token_of_a_mount(&session, &servers).await?;
    redirect_to_other_origins(&session, &servers).await?;
    busy_server(&session).await?;
    upload_that_is_sent_on(&session).await?;
    one_connection_for_all(&session, &servers).await?;
    hooks(&session).await?;
    download_with_a_progress_bar(&session, &servers).await?;
    clear_errors(&session).await?;
    goodbye(&session, &servers).await
}

/// The one session of this tour.
fn session(servers: &Servers) -> Result<Session, BoxError> {
    // The API's certificate comes from an authority of its own. Without this line the platform's are trusted.
    let tls = TlsOptions::default().only_roots([servers.api.certificate_authority().der().to_vec()]).build()?;
    let api = Mount::new().auth(Bearer::new(API_TOKEN));
    let session = Session::builder()
        .user_agent("sortie-tour/1.0")
        .header(ACCEPT_LANGUAGE, "en")
        .base_url(servers.shop.url("/"))
        .timeout(Duration::from_secs(20))
        .retry(RetryOptions::standard())
        .transport_options(TransportOptions::default().tls(tls))
        .mount(servers.api.url("/v1/"), api)
        .no_env()
        .build()?;
    println!("Three servers are up on this machine:");
    println!("   the shop     {}   (HTTP/1.1)", servers.shop.url("/"));
    println!("   a partner    {}   (HTTP/1.1, another origin)", servers.partner_url("/"));
    println!("   an API       {}   (HTTPS, HTTP/2)", servers.api.url("/"));
    Ok(session)
}

async fn log_in(session: &Session) -> Result<(), BoxError> {
    step("Log in with a form");
    let form = [("user", "ada"), ("password", "correct horse")];
    let response = session.post("login").form(&form).send().await?.error_for_status()?;
    ensure("redirects followed", response.history().len(), 1)?;
    ensure("the landing page", response.url().map(|url| url.path().to_owned()), Some("/account".to_owned()))?;
    ensure("the page", response.text().await?, "Hello, ada!")?;
    say("POST /login answered 303 with a cookie; the session kept it and followed to /account with a GET.");

    let page = session.get("account").send().await?.error_for_status()?.text().await?;
    ensure("the page", page, "Hello, ada!")?;
    let jar = session.cookies().ok_or("the session has no jar")?;
    let names: Vec<_> = jar.iter().map(|stored| stored.cookie.name().to_owned()).collect();
    ensure("the cookies in the jar", &names, &["session"])?;
    say("A second GET /account needed no log-in: the cookie `session` went along by itself.");
    Ok(())
}

async fn default_headers(session: &Session, servers: &Servers) -> Result<(), BoxError> {
    step("Default headers");
    session.get("echo").send().await?.bytes().await?;
    let seen = headers_of(&servers.shop, "/echo")?;
    ensure("User-Agent", value(&seen, &USER_AGENT), "sortie-tour/1.0")?;
    ensure("Accept-Language", value(&seen, &ACCEPT_LANGUAGE), "en")?;
    say("The shop saw `User-Agent: sortie-tour/1.0` and `Accept-Language: en`, which no request had to repeat.");

    session.get("echo").header(ACCEPT_LANGUAGE, "de").without_header(USER_AGENT).send().await?.bytes().await?;
    let seen = headers_of(&servers.shop, "/echo")?;
    ensure("Accept-Language", value(&seen, &ACCEPT_LANGUAGE), "de")?;
    ensure("User-Agent", value(&seen, &USER_AGENT), "-")?;
    say("For one request `de` took the place of `en`, and the User-Agent was left out.");
    Ok(())
}

async fn token_of_a_mount(session: &Session, servers: &Servers) -> Result<(), BoxError> {
    step("A token that belongs to one URL prefix");
    let stock: Stock = session.get(servers.api.url("/v1/stock")).send().await?.error_for_status()?.json().await?;
    ensure("the stock", stock, Stock { item: "lamp".into(), count: 3 })?;
    session.get(servers.api.url("/status")).send().await?.error_for_status()?.bytes().await?;
    ensure("below /v1/", value(&headers_of(&servers.api, "/v1/stock")?, &AUTHORIZATION), "Bearer api-t0k3n")?;
    ensure("beside /v1/", value(&headers_of(&servers.api, "/status")?, &AUTHORIZATION), "-")?;
    say("GET /v1/stock carried the token that is mounted at /v1/, and GET /status on the same server did not.");
    Ok(())
}

async fn redirect_to_other_origins(session: &Session, servers: &Servers) -> Result<(), BoxError> {
    step("A redirect to other origins: which credentials arrive?");
    let mut key = HeaderValue::from_static("k3y");
    key.set_sensitive(true);
    let request = session.get("leave").bearer_auth("for-the-shop").header(API_KEY, key).cookie("basket", "42");
    let response = request.send().await?.error_for_status()?;
    ensure("redirects followed", response.history().len(), 2)?;
    ensure("the answer", response.text().await?, "welcome")?;

    say("One call, redirected twice. This is what each server received:");
    println!("             {:22}{:30}{:10}Accept-Language", "Authorization", "Cookie", "X-Api-Key");
    for (name, seen, expected) in [
        (
            "shop",
            headers_of(&servers.shop, "/leave")?,
            ["Bearer for-the-shop", "basket=42; session=s3ss10n", "k3y", "en"],
        ),
        ("partner", headers_of(&servers.partner, "/pass-on")?, ["-", "-", "-", "en"]),
        ("API", headers_of(&servers.api, "/v1/arrive")?, ["Bearer api-t0k3n", "-", "-", "en"]),
    ] {
        let [auth, cookie, key, language] = [AUTHORIZATION, COOKIE, API_KEY, ACCEPT_LANGUAGE].map(|h| value(&seen, &h));
        println!("   {name:10}{auth:22}{cookie:30}{key:10}{language}");
        ensure("that row", [&*auth, &*cookie, &*key, &*language], expected)?;
    }
    say("The shop's credentials stayed at the shop. The API got the token that is mounted for it, and no other.");
    Ok(())
}

async fn busy_server(session: &Session) -> Result<(), BoxError> {
    step("A server that is busy");
    say("GET /busy, which answers 503 with `Retry-After: 1` twice ...");
    let response = session.get("busy").send().await?;
    ensure("the status", response.status(), StatusCode::OK)?;
    ensure("attempts", response.attempts(), 3)?;
    let elapsed = response.elapsed().ok_or("the response does not say how long it took")?;
    ensure("it waited as asked", elapsed >= Duration::from_secs(2), true)?;
    ensure("the answer", response.text().await?, "at last")?;
    say(format!(
        "... succeeded at attempt 3, after {:.1} s: it waited as long as it was asked to.",
        elapsed.as_secs_f32()
    ));
    Ok(())
}

async fn upload_that_is_sent_on(session: &Session) -> Result<(), BoxError> {
    step("An upload that is sent on by a 307");
    let made = Arc::new(AtomicUsize::new(0));
    let body = Body::factory(Some(UPLOAD.len() as u64), {
        let made = made.clone();
        move || {
            made.fetch_add(1, Ordering::Relaxed);
            Body::from(UPLOAD)
        }
    });
    let response = session.post("upload/old").body(body).send().await?.error_for_status()?;
    ensure("redirects followed", response.history().len(), 1)?;
    ensure("what arrived", response.text().await?, format!("POST, {} bytes, unharmed", UPLOAD.len()))?;
    ensure("times the body was made", made.load(Ordering::Relaxed), 2)?;
    say("POST /upload/old answered 307; the same 256 KiB went to /upload/new, again as a POST.");
    say("The body is made by a closure, here called twice: a file would have been opened anew.");
    Ok(())
}

async fn one_connection_for_all(session: &Session, servers: &Servers) -> Result<(), BoxError> {
    step("Connections are reused");
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        calls.spawn(session.get(servers.api.url("/v1/stock")).send());
    }
    while let Some(response) = calls.join_next().await {
        let response = response??;
        let connection = response.connection().ok_or("the response does not say how it came")?;
        ensure("the protocol", connection.version(), Version::HTTP_2)?;
        ensure("over TLS", connection.tls().is_some(), true)?;
        ensure("reused", connection.is_reused(), true)?;
        response.bytes().await?;
    }
    let (requests, connections) = (servers.api.requests().len(), servers.api.connections());
    ensure("connections of the API", connections, 1)?;
    say(format!("The API has counted {requests} requests, 20 of them at once, and 1 connection: TLS, HTTP/2."));
    let (requests, connections) = (servers.shop.requests().len(), servers.shop.connections());
    ensure("connections of the shop", connections, 1)?;
    say(format!("The shop has counted {requests} requests, one after the other, and 1 connection: HTTP/1.1."));
    Ok(())
}

async fn hooks(session: &Session) -> Result<(), BoxError> {
    step("Hooks");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = {
        let seen = seen.clone();
        move |line: String| seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(line)
    };
    session
        .get("moved")
        .on_response(move |response, asked| {
            log(format!("{} {} -> {}", asked.method(), asked.uri().path(), response.status))
        })
        .send()
        .await?
        .error_for_status()?
        .bytes()
        .await?;
    let seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    ensure("what the hook saw", &seen, &["GET /moved -> 308 Permanent Redirect", "GET /account -> 200 OK"])?;
    say("A response hook ran for each hop:");
    seen.iter().for_each(|line| say(format!("   {line}")));
    Ok(())
}

async fn download_with_a_progress_bar(session: &Session, servers: &Servers) -> Result<(), BoxError> {
    step("A download, piece by piece");
    let mut response = session.get(servers.api.url("/v1/picture")).send().await?.error_for_status()?;
    let length = response.content_length().ok_or("the server did not say how long it is")?;
    // On a terminal it shows; elsewhere, in a log for example, it draws nothing.
    let bar =
        ProgressBar::new(length).with_style(ProgressStyle::with_template("   {bar:40} {bytes}/{total_bytes} {eta}")?);
    let (mut chunks, mut sum) = (0, 0);
    while let Some(chunk) = response.chunk().await? {
        chunks += 1;
        sum += chunk.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        bar.inc(chunk.len() as u64);
    }
    bar.finish();
    ensure("bytes received", bar.position(), length)?;
    ensure("their sum", sum, (0..PICTURE_CHUNKS).map(|n| u64::from(n) * PICTURE_CHUNK as u64).sum::<u64>())?;
    ensure("it came in pieces", chunks > 1, true)?;
    say(format!("{} KiB came in pieces, none of them kept; their sum is right.", length / 1024));
    Ok(())
}

async fn clear_errors(session: &Session) -> Result<(), BoxError> {
    step("Errors that say what happened");
    let error = failure(session.get("slow").timeout(Duration::from_millis(300))).await?;
    ensure("the kind", error.kind(), ErrorKind::Timeout)?;
    ensure("the time limit", error.phase(), Some(Phase::Total))?;
    say(format!("Too slow: {}", with_causes(&error)));

    // A port that nobody listens on: it was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let error = failure(session.get(format!("http://{nobody}/"))).await?;
    ensure("the kind", error.kind(), ErrorKind::Connect)?;
    ensure("no connection was made", error.is_connect(), true)?;
    say(format!("Nobody there: {}", with_causes(&error)));

    let stranger = TestServer::https(Router::new());
    let error = failure(session.get(stranger.url("/"))).await?;
    ensure("the kind", error.kind(), ErrorKind::Tls)?;
    ensure("requests that got through", stranger.requests().len(), 0)?;
    say(format!("Bad certificate: {}", with_causes(&error)));
    Ok(())
}

async fn goodbye(session: &Session, servers: &Servers) -> Result<(), BoxError> {
    step("The end");
    let clone = session.clone();
    session.close().await;
    let error = failure(clone.get("account")).await?;
    ensure("the kind", error.kind(), ErrorKind::Closed)?;
    servers.shop.wait_for_open_connections(0).await;
    servers.api.wait_for_open_connections(0).await;
    say(format!("The session is closed, and so are its connections. Another call: {}", with_causes(&error)));
    Ok(())
}

fn step(title: &str) {
    static STEPS: AtomicUsize = AtomicUsize::new(1);
    println!("\n{}. {title}", STEPS.fetch_add(1, Ordering::Relaxed));
}

fn say(what: impl Display) {
    println!("   {what}");
}

/// Ends the tour unless it found what it expected.
fn ensure<F: PartialEq<E> + Debug, E: Debug>(what: &str, found: F, expected: E) -> Result<(), BoxError> {
    match (found, expected) {
        (found, expected) if found == expected => Ok(()),
        (found, expected) => Err(format!("{what}: expected {expected:?}, found {found:?}").into()),
    }
}

/// The error that a request is expected to end with.
async fn failure(request: RequestBuilder) -> Result<sortie::Error, BoxError> {
    match request.send().await {
        Ok(response) => Err(format!("an error was expected, and {} came", response.status()).into()),
        Err(error) => Ok(error),
    }
}

/// An error prints its own level only; the causes are behind it.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The headers of the last request that a server received for a path.
fn headers_of(server: &TestServer, path: &str) -> Result<HeaderMap, BoxError> {
    let requests = server.requests();
    let last = requests.iter().rfind(|request| request.uri.path() == path);
    last.map(|request| request.headers.clone()).ok_or_else(|| format!("no request for {path} came").into())
}

fn value(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map_or_else(|| "-".to_owned(), |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

const API_TOKEN: &str = "api-t0k3n";
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const UPLOAD: &[u8] = &[7; 256 * 1024];
const PICTURE_CHUNK: usize = 64 * 1024;
const PICTURE_CHUNKS: u8 = 48;

struct Servers {
    shop: TestServer,
    partner: TestServer,
    api: TestServer,
}

impl Servers {
    fn start() -> Self {
        let api = TestServer::https(api());
        let partner = TestServer::new(redirecting("/pass-on", api.url("/v1/arrive")));
        let leave = redirecting("/leave", at_localhost(&partner, "/pass-on"));
        Self { shop: TestServer::new(shop().merge(leave)), partner, api }
    }

    fn partner_url(&self, path: &str) -> String {
        at_localhost(&self.partner, path)
    }
}

/// The server by its name: another host than 127.0.0.1, for cookies too, which do not look at ports.
fn at_localhost(server: &TestServer, path: &str) -> String {
    format!("http://localhost:{}{path}", server.addr().port())
}

fn redirecting(path: &str, to: String) -> Router {
    Router::new().route(path, get(move || async move { Redirect::temporary(&to) }))
}

fn shop() -> Router {
    Router::new()
        .route("/login", post(login))
        .route("/account", get(account))
        .route("/echo", get(async || "noted"))
        .route("/busy", get(busy))
        .route("/upload/old", post(async |_: Bytes| Redirect::temporary("/upload/new")))
        .route("/upload/new", post(upload))
        .route("/moved", get(async || Redirect::permanent("/account")))
        .route("/slow", get(async || std::future::pending::<()>().await))
        .with_state(Arc::default())
}

fn api() -> Router {
    Router::new()
        .route("/v1/stock", get(async || Json(Stock { item: "lamp".into(), count: 3 })))
        .route("/v1/arrive", get(async || "welcome"))
        .route("/v1/picture", get(picture))
        .route("/status", get(async || "all is well"))
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Stock {
    item: String,
    count: u32,
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

async fn login(Form(login): Form<Login>) -> impl IntoResponse {
    if (&*login.user, &*login.password) != ("ada", "correct horse") {
        return (StatusCode::FORBIDDEN, "no").into_response();
    }
    (StatusCode::SEE_OTHER, [(LOCATION, "/account"), (SET_COOKIE, "session=s3ss10n; Path=/; HttpOnly")]).into_response()
}

async fn account(headers: HeaderMap) -> (StatusCode, &'static str) {
    match headers.get(COOKIE) {
        Some(cookie) if cookie == "session=s3ss10n" => (StatusCode::OK, "Hello, ada!"),
        _ => (StatusCode::UNAUTHORIZED, "log in first"),
    }
}

async fn busy(State(calls): State<Arc<AtomicUsize>>) -> impl IntoResponse {
    match calls.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response(),
        _ => "at last".into_response(),
    }
}

async fn upload(content: Bytes) -> String {
    format!("POST, {} bytes, {}", content.len(), if content == UPLOAD { "unharmed" } else { "changed" })
}

/// Chunk `n` is `n` over and over.
async fn picture() -> impl IntoResponse {
    let chunks = stream::unfold(0, |n| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let chunk = Ok::<_, BoxError>(Bytes::from(vec![n; PICTURE_CHUNK]));
        (n < PICTURE_CHUNKS).then_some((chunk, n + 1))
    });
    let length = PICTURE_CHUNK * usize::from(PICTURE_CHUNKS);
    ([(CONTENT_LENGTH, length.to_string())], axum::body::Body::from_stream(chunks))
}
