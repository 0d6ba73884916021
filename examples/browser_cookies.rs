//! How do I use the cookies that I have in a browser, or from curl? By a `cookies.txt`, which extensions, curl, wget and
//! yt-dlp read and write.

use sortie::cookies::Jar;
use sortie::cookies::persist::Sessions;
use sortie::{BoxError, Session};
use sortie_testkit::{TestServer, reply};

/// As `curl --cookie-jar` writes it: domain, subdomains too, path, secure, expiry, name, value. From a file it would be
/// `Jar::open("cookies.txt", Format::Netscape)`.
const COOKIES: &str = "# Netscape HTTP Cookie File\n\
    127.0.0.1\tFALSE\t/\tFALSE\t0\ttheme\tdark\n\
    #HttpOnly_127.0.0.1\tFALSE\t/account\tFALSE\t4102444800\tsession\t5eba\n\
    .example.com\tTRUE\t/\tTRUE\t4102444800\tid\t7\n\
    .co.uk\tTRUE\t/\tFALSE\t4102444800\teverybody\tmine\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::from_fn(async |request| {
        let cookies = request.headers().get("cookie").and_then(|cookies| cookies.to_str().ok()).unwrap_or("none");
        reply(200, [("set-cookie", "seen=1; Max-Age=60; Path=/")], cookies.to_owned())
    });

    let jar = Jar::from_netscape(COOKIES)?;
    // What no server may set is not taken from a file either: `co.uk` belongs to everybody.
    assert_eq!(jar.len(), 3);
    for stored in &jar.all() {
        let host_only = if stored.host_only { "that host alone" } else { "and all below" };
        println!("{} for {} ({host_only})", stored.cookie.name(), stored.domain);
    }

    let session = Session::builder().jar(jar.clone()).no_env().build()?;
    for (path, expected) in [("/account", "session=5eba; theme=dark"), ("/", "theme=dark; seen=1")] {
        let sent = session.get(server.url(path)).send().await?.text().await?;
        assert_eq!(sent, expected);
        println!("sent to {path}: {sent}");
    }

    // Back to where others read it, session cookies included.
    let text = String::from_utf8(jar.to_netscape(Sessions::Keep))?;
    assert!(text.contains("\tseen\t1") && text.contains("#HttpOnly_127.0.0.1"));
    println!("written again: {} lines", text.lines().count());

    // A damaged file is an error that names the line, and nothing of it is taken.
    let error = Jar::from_netscape("127.0.0.1\tFALSE\t/\n").err().ok_or("three fields are no cookie")?;
    println!("a damaged one: {error}");
    Ok(())
}
