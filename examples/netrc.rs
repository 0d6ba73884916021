//! How do I take passwords from a `.netrc`? By the host of each hop, after everything that was said by hand.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sortie::netrc::Netrc;
use sortie::{BoxError, Session};

const FILE: &str = "\
# curl's and Python's quotes are both understood
machine api.test
    login ada
    password \"correct horse\"
machine mirror.test login mirror password m1rr0r
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // The user's own would be Netrc::from_env(|name| std::env::var(name).ok()): $NETRC, or ~/.netrc.
    let path = std::env::temp_dir().join(format!("sortie-netrc-{}", std::process::id()));
    write(&path)?;
    let netrc = Netrc::open(&path);
    std::fs::remove_file(&path)?;

    let session = Session::builder()
        .netrc(netrc?)
        .mount("http://", Router::new().route("/whoami", get(who)).route("/away", get(away)))
        .no_env()
        .build()?;
    for (what, request) in [
        ("an entry", session.get("http://api.test/whoami")),
        ("no entry", session.get("http://other.test/whoami")),
        ("a header by hand comes first", session.get("http://api.test/whoami").header("authorization", "by hand")),
        ("so does the URL's own", session.get("http://bob:builder@api.test/whoami")),
        ("a redirect: the entry of the host it leads to", session.get("http://api.test/away")),
        ("not for this request", session.get("http://api.test/whoami").no_auth()),
    ] {
        println!("{what:46} {}", request.send().await?.error_for_status()?.text().await?);
    }

    // What cannot be read says in which line, and shows nothing of it.
    let broken = Netrc::parse("machine api.test\nlogin ada password \"unclosed").err().ok_or("it is broken")?;
    println!("{broken}");
    assert!(!broken.to_string().contains("unclosed"));
    Ok(())
}

/// A file that others may not read.
fn write(path: &std::path::Path) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(FILE.as_bytes())
}

async fn who(headers: HeaderMap) -> String {
    headers.get(AUTHORIZATION).map_or("nobody".to_owned(), |value| String::from_utf8_lossy(value.as_bytes()).into())
}

async fn away() -> Redirect {
    Redirect::temporary("http://mirror.test/whoami")
}
