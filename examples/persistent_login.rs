//! How do I stay logged in when my program is started again?

use std::path::{Path, PathBuf};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use http::HeaderMap;
use http::header::{COOKIE, SET_COOKIE};
use sortie::cookies::Jar;
use sortie::cookies::persist::{Autosave, AutosaveOptions, Format};
use sortie::{BoxError, Session};
use sortie_testkit::TestServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::new(site());
    let folder = Folder::new()?;
    let file = folder.0.join("cookies.json");

    println!("first run:  {}", run(&server, &file).await?);
    println!("kept:       {}", std::fs::read_to_string(&file)?.replace('\n', " "));
    // The program has ended, and with it the session and its jar.
    println!("second run: {}", run(&server, &file).await?);

    let logins = server.requests().iter().filter(|head| head.uri.path() == "/login").count();
    assert_eq!(logins, 1);
    println!("logged in {logins} time");
    Ok(())
}

/// One run of the program.
async fn run(server: &TestServer, file: &Path) -> Result<String, BoxError> {
    // A file that is not there yet is an empty jar; one that is damaged is an error, and stays as it is.
    let jar = Jar::open(file, Format::Json)?;
    // Saves a little after each change, from a thread of its own, and when it is dropped.
    let saving = Autosave::start(&jar, file, Format::Json, AutosaveOptions::default())?;
    let session = Session::builder().base_url(server.url("/")).jar(jar).no_env().build()?;

    let mut account = session.get("account").send().await?;
    let known = account.status() == StatusCode::OK;
    if !known {
        session.post("login").form(&[("password", "correct horse")]).send().await?.error_for_status()?;
        account = session.get("account").send().await?.error_for_status()?;
    }
    let how = if known { "known by the cookie on disk" } else { "logged in by password" };
    let text = account.text().await?;
    // Dropping it would do; this says whether it went well.
    saving.flush()?;
    Ok(format!("{text} ({how})"))
}

fn site() -> Router {
    async fn account(headers: HeaderMap) -> Result<&'static str, StatusCode> {
        let known = headers.get(COOKIE).is_some_and(|cookies| cookies == "session=5eba");
        if known { Ok("Welcome, ada") } else { Err(StatusCode::UNAUTHORIZED) }
    }
    // A cookie with an age outlives the program; one without ends with it, as in a browser that is closed.
    let login = async || ([(SET_COOKIE, "session=5eba; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax")], "in");
    Router::new().route("/account", get(account)).route("/login", post(login))
}

/// A folder that is gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("sortie-login-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
