//! Daemons of this machine: URLs of Unix sockets, and mounts that lead to one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use http::HeaderMap;
use sortie::transport::{Transport, UnixSocketError};
use sortie::{ErrorKind, Mount, Session, SessionBuilder};

use crate::support::{SECRET, builder, check};

/// A folder of its own for sockets, gone with this value. Its name has what must be encoded in a URL.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("sortie {}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Serves at the socket of this name, from now on.
    fn serve(&self, name: &str) -> PathBuf {
        let path = self.socket(name);
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let who = name.to_owned();
        let app = Router::new()
            .route("/who", get(async move || who))
            .route("/host", get(async |headers: HeaderMap| headers["host"].to_str().unwrap().to_owned()))
            .route("/old", get(async || Redirect::to("/who")))
            .route("/away", get(async || Redirect::to("http+unix://%2Frun%2Fother.sock/")));
        tokio::spawn(async move { axum::serve(listener, app).await });
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn encoded(path: &Path) -> String {
    path.to_str().unwrap().replace('/', "%2F").replace(' ', "%20")
}

/// With Unix sockets allowed in URLs.
fn with_sockets() -> SessionBuilder {
    builder().mount("http+unix://", Mount::new())
}

async fn text(session: &Session, url: &str) -> String {
    session.get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_url_names_a_socket_and_is_shown_as_it_was_written() {
    let folder = Folder::new();
    let url = format!("http+unix://{}/who?a=1#part", encoded(&folder.serve("a.sock")));
    let response = with_sockets().build().unwrap().get(&url).send().await.unwrap();
    assert_eq!(response.url().unwrap().as_str(), url);
    assert!(response.connection().unwrap().origin().ends_with("/a.sock"));
    assert_eq!(response.text().await.unwrap(), "a.sock");
}

#[tokio::test]
async fn the_host_is_localhost_and_connections_are_kept_for_each_socket() {
    let folder = Folder::new();
    let [a, b] = ["a", "b"].map(|name| format!("http+unix://{}", encoded(&folder.serve(name))));
    let session = with_sockets().build().unwrap();
    for (url, answer) in [(&a, "a"), (&b, "b"), (&a, "a")] {
        assert_eq!(text(&session, &format!("{url}/who")).await, answer);
    }
    assert_eq!(text(&session, &format!("{b}/host")).await, "localhost");
    assert_eq!(session.transport().unwrap().stats().opened, 2);
}

#[tokio::test]
async fn a_redirect_stays_at_its_socket_and_does_not_lead_to_another() {
    let folder = Folder::new();
    let base = format!("http+unix://{}/", encoded(&folder.serve("a")));
    let session = with_sockets().base_url(&base).build().unwrap();
    assert_eq!(text(&session, "old").await, "a");
    let error = session.get("away").send().await.unwrap_err();
    check(&error, ErrorKind::Redirect, "http+unix");
}

#[tokio::test]
async fn a_socket_is_not_reached_by_its_url_unless_that_is_mounted() {
    let folder = Folder::new();
    let (open, other) = (encoded(&folder.serve("open")), encoded(&folder.serve("other")));
    let url = |path: &str| format!("http+unix://{path}/who");
    let error = builder().build().unwrap().get(url(&open)).send().await.unwrap_err();
    check(&error, ErrorKind::Unsupported, "http+unix://");

    let session = builder().mount(format!("http+unix://{open}/").as_str(), Mount::new()).build().unwrap();
    assert_eq!(text(&session, &url(&open)).await, "open");
    let error = session.get(url(&other)).send().await.unwrap_err();
    check(&error, ErrorKind::Unsupported, &format!("http+unix://{open}/"));
}

#[tokio::test]
async fn a_mount_leads_to_a_socket_whatever_the_host() {
    let folder = Folder::new();
    let [docker, other] = ["docker", "other"].map(|name| folder.serve(name));
    let session = builder()
        .mount("http://docker/", Mount::new().transport(Transport::unix(docker)))
        .mount("http://other.test/", Transport::unix(other))
        .build()
        .unwrap();
    assert_eq!(text(&session, "http://docker/who").await, "docker");
    assert_eq!(text(&session, "http://docker/host").await, "docker");
    assert_eq!(text(&session, "http://other.test/who").await, "other");
}

#[tokio::test]
async fn what_is_wrong_with_a_socket_is_said() {
    let folder = Folder::new();
    let missing = folder.socket("missing");
    let error = with_sockets()
        .build()
        .unwrap()
        .get(format!("http+unix://{}/?key={SECRET}", encoded(&missing)))
        .send()
        .await
        .unwrap_err();
    check(&error, ErrorKind::Connect, missing.to_str().unwrap());
    assert_eq!(sortie::core::find::<UnixSocketError>(&error).unwrap().path(), missing);
    assert_eq!(error.url().unwrap().as_str(), format!("http+unix://{}/", encoded(&missing)));

    for url in ["http+unix://localhost/", "http+unix://%2Fa%00/", "http+unix://%2Fa%zz/"] {
        let error = with_sockets().build().unwrap().get(url).send().await.unwrap_err();
        check(&error, ErrorKind::Builder, "");
    }
}
