//! How do I log in by Digest? Two requests at first, one from then on; and what never happens.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use sortie::auth::Digest;
use sortie::{BoxError, Session};
use sortie_testkit::{TestServer, reply};

const CHALLENGE: &str = r#"Digest realm="office", qop="auth", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPE""#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let foreign = TestServer::from_fn(async |_| reply(401, [("www-authenticate", CHALLENGE)], "who are you?"));
    let server = server(foreign.url("/"));
    let session =
        Session::builder().base_url(server.url("/")).auth(Digest::new("Mufasa", "Circle of Life")).no_env().build()?;

    let first = session.get("dir/index.html").send().await?;
    println!("the first call: {} after {} requests", first.status(), server.requests().len());
    assert_eq!((first.status().as_u16(), server.requests().len()), (200, 2));

    let second = session.post("dir/notes").text("a note").send().await?;
    println!("the second one: {}, signed before it was asked for", second.status());
    assert_eq!((second.status().as_u16(), server.requests().len()), (200, 3));

    // The password goes to nobody, and what is signed goes to nobody else.
    let elsewhere = session.get("dir/elsewhere").send().await?;
    println!("a redirect to another server: {}, which was not answered", elsewhere.status());
    assert!(foreign.requests().iter().all(|head| !head.headers.contains_key("authorization")));

    let before = server.requests().len();
    let wrong = session.get("dir/index.html").auth(Digest::new("Mufasa", "a guess")).send().await?;
    println!("a wrong password: {} after {} requests", wrong.status(), server.requests().len() - before);
    assert_eq!((wrong.status().as_u16(), server.requests().len() - before), (401, 2));
    Ok(())
}

/// Lets in who knows the password, and who counts on: a count that was used before is somebody else's.
fn server(foreign: String) -> TestServer {
    let counted = Mutex::new(0);
    TestServer::from_fn(move |request| {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let signed = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let nc = parameter(signed, "nc=");
        let count = u32::from_str_radix(nc, 16).unwrap_or_default();
        let [account, asked] = ["Mufasa:office:Circle of Life".to_owned(), format!("{method}:{path}")].map(sha_256);
        let cnonce = parameter(signed, "cnonce=");
        let right = sha_256(format!("{account}:7ypf/xlj9XXwfDPE:{nc}:{cnonce}:auth:{asked}"));
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if count <= *counted || parameter(signed, "response=") != right {
            reply(401, [("www-authenticate", CHALLENGE)], "who are you?")
        } else {
            *counted = count;
            match path {
                "/dir/elsewhere" => reply(302, [("location", &*foreign)], ""),
                _ => reply(200, [], "come in"),
            }
        };
        std::future::ready(answer)
    })
}

/// A parameter of credentials, without its quotes.
fn parameter<'a>(credentials: &'a str, name: &str) -> &'a str {
    let mut parameters = credentials.trim_start_matches("Digest ").split(", ");
    parameters.find_map(|parameter| parameter.strip_prefix(name)).unwrap_or_default().trim_matches('"')
}

fn sha_256(text: String) -> String {
    Sha256::digest(text).iter().map(|octet| format!("{octet:02x}")).collect()
}
