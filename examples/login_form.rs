//! How do I log in where a person would? A form with a hidden token, cookies, a wrong password, and logging out.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::HeaderMap;
use http::header::{COOKIE, SET_COOKIE};
use serde::Deserialize;
use sortie::{BoxError, Session};
use sortie_testkit::TestServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::new(site());
    let session = Session::builder().base_url(server.url("/")).no_env().build()?;
    let jar = session.cookies().ok_or("a session has a jar unless told otherwise")?;

    // Whoever is not logged in is sent to the form. The page has a token that belongs to a cookie.
    let page = session.get("account").send().await?.error_for_status()?;
    println!(
        "GET /account led to {} after {} redirect",
        page.url().map_or("?", |url| url.path()),
        page.history().len()
    );
    let token = hidden_token(&page.text().await?).ok_or("the page has no token")?;
    println!("the page has a hidden token, and the jar {} cookie", jar.len());

    // A wrong password is a page like any other: look at what it says, or at its status.
    let refused = session.post("login").form(&[("token", &*token), ("password", "guess")]).send().await?;
    println!("a wrong password: {}", refused.status());
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);

    let welcome = session.post("login").form(&[("token", &*token), ("password", "correct horse")]).send().await?;
    assert_eq!(welcome.url().map(|url| url.path().to_owned()).as_deref(), Some("/account"));
    println!("the right one: {} says `{}`", welcome.status(), welcome.text().await?);
    assert_eq!(names(&session), ["form", "session"]);

    // The cookie goes along from now on, also with what is built from this session, which shares its jar.
    let with_language = session.to_builder().header("accept-language", "de").build()?;
    assert_eq!(with_language.get("account").send().await?.text().await?, "Welcome, ada");

    // A request that is to be made as a stranger says so.
    let stranger = session.get("account").no_cookies().no_redirect().send().await?;
    assert_eq!(stranger.status(), StatusCode::SEE_OTHER);
    println!("the same request without cookies: {}", stranger.status());

    // The server deletes the cookie by letting it expire.
    session.post("logout").send().await?.error_for_status()?;
    assert_eq!(names(&session), ["form"]);
    println!("after the log-out the session's cookie is gone from the jar");
    Ok(())
}

fn names(session: &Session) -> Vec<String> {
    session.cookies().into_iter().flat_map(|jar| jar.iter()).map(|stored| stored.cookie.name().to_owned()).collect()
}

/// The value of `<input type="hidden" name="token" value="…">`; a real program would parse the HTML.
fn hidden_token(page: &str) -> Option<String> {
    let (_, rest) = page.split_once(r#"name="token" value=""#)?;
    rest.split_once('"').map(|(token, _)| token.to_owned())
}

/// Which form tokens were given out.
type Tokens = Arc<Mutex<Vec<String>>>;

fn site() -> Router {
    Router::new()
        .route("/", get(form))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .route("/account", get(account))
        .with_state(Tokens::default())
}

async fn form(State(tokens): State<Tokens>) -> impl IntoResponse {
    let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
    let token = format!("f0rm-{}", tokens.len());
    tokens.push(token.clone());
    let page = format!(r#"<form method="post" action="/login"><input type="hidden" name="token" value="{token}">…"#);
    ([(SET_COOKIE, format!("form={token}; Path=/; HttpOnly; SameSite=Strict"))], Html(page))
}

#[derive(Deserialize)]
struct Login {
    token: String,
    password: String,
}

async fn login(State(tokens): State<Tokens>, headers: HeaderMap, Form(login): Form<Login>) -> Response {
    let known = tokens.lock().unwrap_or_else(PoisonError::into_inner).contains(&login.token);
    let belongs = cookie(&headers, "form").is_some_and(|cookie| cookie == login.token);
    if !known || !belongs || login.password != "correct horse" {
        return (StatusCode::FORBIDDEN, "That is not right.").into_response();
    }
    ([(SET_COOKIE, "session=s3ss10n; Path=/; HttpOnly; SameSite=Lax")], Redirect::to("/account")).into_response()
}

async fn logout() -> impl IntoResponse {
    ([(SET_COOKIE, "session=; Path=/; Max-Age=0")], "Good-bye")
}

async fn account(headers: HeaderMap) -> Response {
    match cookie(&headers, "session") {
        Some("s3ss10n") => "Welcome, ada".into_response(),
        _ => Redirect::to("/").into_response(),
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    cookies.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
