//! How do I talk to a daemon over its Unix socket? By a URL, as with requests-unixsocket, or by a mount.

#[cfg(unix)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sortie::BoxError> {
    use sortie::transport::Transport;
    use sortie::{Mount, Session};

    let socket = std::env::temp_dir().join(format!("sortie-example-{}.sock", std::process::id()));
    let _daemon = daemon::start(&socket)?;
    let path = socket.to_str().ok_or("the path is not UTF-8")?;

    // A mount: every request to this prefix goes to the socket, and the code that sends it need not know.
    let session = Session::builder()
        .mount("http://daemon/", Mount::new().transport(Transport::unix(&socket)).header("x-client", "example"))
        // URLs of sockets are no way in unless they are mounted: here all of them are.
        .mount("http+unix://", Mount::new())
        .no_env()
        .build()?;
    let version = session.get("http://daemon/version").send().await?.error_for_status()?.text().await?;
    println!("http://daemon/version, over {path}: {version}");

    // A URL, with the path of the socket percent-encoded in the place of the host.
    let url = format!("http+unix://{}/containers?all=1", path.replace('/', "%2F"));
    let response = session.get(&url).send().await?.error_for_status()?;
    let asked = response.url().map_or_else(String::new, ToString::to_string);
    println!("{asked}: {}", response.text().await?);

    // Connections are kept as over TCP.
    session.get(&url).send().await?.bytes().await?;
    let opened = session.transport().map_or(0, |transport| transport.stats().opened);
    assert_eq!(opened, 1);
    println!("connections made for the URL: {opened}");
    Ok(())
}

#[cfg(unix)]
mod daemon {
    use std::io;
    use std::path::{Path, PathBuf};

    use axum::Router;
    use axum::routing::get;
    use tokio::net::UnixListener;

    /// Removes the socket's file in the end.
    pub(crate) struct Daemon(PathBuf);

    pub(crate) fn start(socket: &Path) -> io::Result<Daemon> {
        let listener = UnixListener::bind(socket)?;
        let app =
            Router::new().route("/version", get(async || "1.4")).route("/containers", get(async || "web, database"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Daemon(socket.to_owned()))
    }

    impl Drop for Daemon {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

#[cfg(not(unix))]
fn main() {
    println!("There are no Unix sockets on this system.");
}
