//! How do I take passwords from a `.netrc`? By the host of each hop, after everything that was said by hand.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
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
    for (what, request, user) in [
        ("an entry", session.get("http://api.test/whoami"), "ada:correct horse"),
        ("no entry", session.get("http://other.test/whoami"), "nobody"),
        (
            "a header by hand comes first",
            session.get("http://api.test/whoami").header("authorization", "by hand"),
            "by hand",
        ),
        ("so does the URL's own", session.get("http://bob:builder@api.test/whoami"), "bob:builder"),
        ("a redirect: the entry of the host it leads to", session.get("http://api.test/away"), "mirror:m1rr0r"),
        ("not for this request", session.get("http://api.test/whoami").no_auth(), "nobody"),
    ] {
        let signed_in = request.send().await?.error_for_status()?.text().await?;
        println!("{what:46} {signed_in}");
        assert_eq!(signed_in, user);
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

/// User and password where they come by Basic, and else what comes.
async fn who(headers: HeaderMap) -> String {
    let Some(sent) = headers.get(AUTHORIZATION) else { return "nobody".to_owned() };
    let decoded = sent.as_bytes().strip_prefix(b"Basic ").and_then(|coded| BASE64_STANDARD.decode(coded).ok());
    String::from_utf8_lossy(decoded.as_deref().unwrap_or(sent.as_bytes())).into()
}

async fn away() -> Redirect {
    Redirect::temporary("http://mirror.test/whoami")
}
