//! Digest against servers that nobody here wrote: user `user`, password `pass`, realm `Digest Area`.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sortie::auth::Digest;
use sortie::hooks::Hooks;
use sortie::{RequestBuilder, Session};
use sortie_testkit::{TestServer, reply};

use crate::program::{Program, fill, folder, free_ports};

/// `user:Digest Area:pass` by MD5; by SHA-256, and `user:Digest Area` by SHA-256.
const MD5: &str = "user:Digest Area:9b75b67560895a0984b022cd37654a81";
const SHA_256: &str = "user:Digest Area:90cbf16350358fd0aba097558561b8698af3db78096a5298daffebc58665cd86";
const USERHASH: &str = "0009b81bed692636e8c415518098a5fedab05c48f069f958df49bc741fc50dad";

/// A session that notes each request that it sends, its path and the credentials, and each challenge that comes.
pub(crate) struct Watched {
    pub(crate) session: Session,
    sent: Arc<Mutex<Vec<(String, String)>>>,
    challenges: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    pub(crate) fn new(password: &str) -> Self {
        let (sent, challenges): (Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>) = Default::default();
        let (note, note_challenge) = (sent.clone(), challenges.clone());
        let hooks = Hooks::new().on_request(move |request| {
            let credentials = request.headers.get("authorization").map_or("", |value| value.to_str().unwrap_or("?"));
            note.lock().unwrap().push((request.uri.path().to_owned(), credentials.to_owned()));
        });
        let hooks = hooks.on_response(move |response, _| {
            let fields = response.headers.get_all("www-authenticate").iter();
            note_challenge.lock().unwrap().extend(fields.map(|field| field.to_str().unwrap_or("?").to_owned()));
        });
        let auth = Digest::new("user", password);
        Self { session: Session::builder().no_env().auth(auth).wire_hooks(hooks).build().unwrap(), sent, challenges }
    }

    /// The challenges so far.
    pub(crate) fn challenges(&self) -> Vec<String> {
        self.challenges.lock().unwrap().clone()
    }

    /// The status of the answer, and what was sent for it.
    async fn call(&self, request: impl FnOnce(&Session) -> RequestBuilder) -> (u16, Vec<(String, String)>) {
        let response = request(&self.session).send().await.unwrap();
        let status = response.status().as_u16();
        response.bytes().await.unwrap();
        (status, std::mem::take(&mut self.sent.lock().unwrap()))
    }

    /// Checks status and number of requests.
    pub(crate) async fn check(
        &self,
        name: &str,
        expected: (u16, usize),
        request: impl FnOnce(&Session) -> RequestBuilder,
    ) {
        let (status, sent) = self.call(request).await;
        assert_eq!((status, sent.len()), expected, "{name}: {sent:?}");
    }
}

/// A server that asks for Digest as well, and counts who answers.
pub(crate) fn foreign() -> TestServer {
    TestServer::from_fn(async |_| {
        reply(401, [("www-authenticate", "Digest realm=\"Digest Area\", nonce=\"n\", qop=\"auth\"")], "")
    })
}

/// What stands in quotes after a name.
fn quoted<'a>(field: &'a str, name: &str) -> &'a str {
    let (before, rest) = field.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name} in {field}"));
    assert!(before.is_empty() || before.ends_with(' '), "{field}");
    rest.split('"').next().unwrap_or_default()
}

pub(crate) fn was_signed_for(server: &TestServer) -> bool {
    server.requests().iter().any(|head| head.headers.contains_key("authorization"))
}

#[tokio::test]
#[ignore = "needs apache2"]
async fn apache_with_nonces_of_two_seconds() {
    let outside = foreign();
    let location = outside.url("/digest/");
    let backend = TestServer::from_fn(move |request| {
        let location = match request.uri().path() {
            "/digest/inside" => Some("/digest/landed".to_owned()),
            "/digest/outside" => Some(location.clone()),
            _ => None,
        };
        async move {
            match location {
                Some(location) => reply(302, [("location", &*location)], ""),
                None => {
                    let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
                    reply(200, [], body)
                }
            }
        }
    });
    let folder = folder("apache-digest");
    let [port] = free_ports();
    fs::write(folder.join("htdigest"), format!("{MD5}\n")).unwrap();
    fs::create_dir(folder.join("www")).unwrap();
    fs::write(folder.join("www/page.txt"), "a page\n").unwrap();
    let values: [(&str, &dyn std::fmt::Display); 3] =
        [("DIR", &folder.display()), ("PORT", &port), ("BACKEND", &backend.addr().port())];
    fs::write(folder.join("apache.conf"), fill(include_str!("../servers/digest.conf"), &values)).unwrap();
    let mut command = Command::new("apache2");
    command.arg("-X").arg("-f").arg(folder.join("apache.conf"));
    let _program = Program::start(command, &[port], &folder, "apt-get install apache2-bin");
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");

    let client = Watched::new("pass");
    client.check("the first", (200, 2), |session| session.get(url("/digest/a"))).await;
    client.check("signed before it is asked for", (200, 1), |session| session.get(url("/digest/b"))).await;
    let long = "content ".repeat(10_000);
    let (status, sent) = client.call(|session| session.post(url("/digest/c")).body(long.clone())).await;
    assert_eq!((status, sent.len()), (200, 1));
    assert!(sent[0].1.contains("qop=auth, ") && sent[0].1.contains("nc=0000000"), "{sent:?}");
    let (status, sent) = client.call(|session| session.get(url("/digest/inside"))).await;
    let paths: Vec<_> = sent.iter().map(|(path, _)| &**path).collect();
    assert_eq!((status, paths), (200, vec!["/digest/inside", "/digest/landed"]));
    assert!(sent[1].1.contains("uri=\"/digest/landed\""), "{sent:?}");
    client.check("outside", (401, 2), |session| session.get(url("/digest/outside"))).await;
    assert!(!was_signed_for(&outside));
    // Its nonces are too old after two seconds, and it says so.
    tokio::time::sleep(Duration::from_secs(4)).await;
    client.check("stale", (200, 2), |session| session.get(url("/digest/d"))).await;
    client.check("not stale", (200, 1), |session| session.get(url("/digest/e"))).await;

    Watched::new("pass").check("a body, twice", (200, 2), |session| session.post(url("/lasting/a")).body(long)).await;
    let wrong = Watched::new("wrong");
    wrong.check("a wrong password", (401, 2), |session| session.get(url("/lasting/a"))).await;
    wrong.check("and again", (401, 2), |session| session.get(url("/lasting/a"))).await;

    let many = Watched::new("pass");
    many.check("the first of many", (200, 2), |session| session.get(url("/lasting/0"))).await;
    let calls = (1..=20).map(|n| many.session.get(url(&format!("/lasting/{n}"))).send());
    for response in futures_util::future::join_all(calls).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    let counts: std::collections::BTreeSet<_> =
        many.sent.lock().unwrap().iter().map(|(_, sent)| sent.split("nc=").nth(1).unwrap()[..8].to_owned()).collect();
    assert_eq!(counts.len(), 20, "no nonce count is used twice");

    // Half a minute before a nonce ends it sends the next with each answer that is its own, and its proof, which is
    // checked.
    let renewed = Watched::new("pass");
    let (_, first) = renewed.call(|session| session.get(url("/renewing/page.txt"))).await;
    let response = renewed.session.get(url("/renewing/page.txt")).send().await.unwrap();
    let info = response.headers()["authentication-info"].to_str().unwrap().to_owned();
    response.bytes().await.unwrap();
    let (_, after) = renewed.call(|session| session.get(url("/renewing/page.txt"))).await;
    let next = quoted(&info, "nextnonce");
    assert!(!quoted(&info, "rspauth").is_empty(), "{info}");
    assert_ne!(quoted(&first[1].1, "nonce"), next);
    // What `call` takes is all since the last: the one in between, and its own.
    assert_eq!((after.len(), quoted(&after[1].1, "nonce")), (2, next), "{after:?}");
    assert!(after[1].1.contains("nc=00000001"), "{after:?}");
    println!(
        "apache2 mod_auth_digest: GET, POST, 20 at once, stale, redirects inside and outside, a wrong password, \
         nextnonce and rspauth"
    );
}

#[tokio::test]
#[ignore = "needs lighttpd"]
async fn lighttpd_by_sha_256_and_with_hashed_user_names() {
    let outside = foreign();
    let backend = TestServer::from_fn(async |request| {
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        reply(200, [], body)
    });
    let folder = folder("lighttpd");
    let [port] = free_ports();
    fs::create_dir(folder.join("www")).unwrap();
    fs::write(folder.join("www/index.txt"), "content").unwrap();
    fs::write(folder.join("htdigest"), format!("{MD5}\n{SHA_256}:{USERHASH}\n")).unwrap();
    let values: [(&str, &dyn std::fmt::Display); 4] = [
        ("DIR", &folder.display()),
        ("PORT", &port),
        ("OUTSIDE", &outside.addr().port()),
        ("BACKEND", &backend.addr().port()),
    ];
    fs::write(folder.join("lighttpd.conf"), fill(include_str!("../servers/lighttpd.conf"), &values)).unwrap();
    let mut command = Command::new("/usr/sbin/lighttpd");
    command.arg("-D").arg("-f").arg(folder.join("lighttpd.conf"));
    let _program = Program::start(command, &[port], &folder, "apt-get install lighttpd");
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");

    for (path, algorithm, name) in [
        ("/sha256/index.txt", "algorithm=SHA-256", "username=\"user\""),
        ("/either/index.txt", "algorithm=SHA-256", "username=\"user\""),
        ("/userhash/index.txt", "userhash=true", USERHASH),
    ] {
        let client = Watched::new("pass");
        let (status, sent) = client.call(|session| session.get(url(path))).await;
        assert_eq!((status, sent.len()), (200, 2), "{path}: {sent:?}");
        assert!(sent[1].1.contains(algorithm) && sent[1].1.contains(name), "{path}: {sent:?}");
        client.check(path, (200, 1), |session| session.get(url(path))).await;
        Watched::new("wrong").check(path, (401, 2), |session| session.get(url(path))).await;
    }
    let body = "content ".repeat(10_000);
    for (space, name) in [("sha256", "username=\"user\""), ("userhash", USERHASH)] {
        let client = Watched::new("pass");
        let echo = url(&format!("/{space}/echo"));
        for count in ["nc=00000001", "nc=00000002"] {
            let response = client.session.post(&echo).body(body.clone()).send().await.unwrap();
            assert_eq!((response.status().as_u16(), response.text().await.unwrap() == body), (200, true), "{space}");
            let sent = std::mem::take(&mut *client.sent.lock().unwrap());
            let (_, last) = sent.last().unwrap();
            assert!(last.contains("algorithm=SHA-256") && last.contains(name) && last.contains(count), "{sent:?}");
            assert_eq!(sent.len(), if count == "nc=00000001" { 2 } else { 1 }, "{sent:?}");
        }
        let client = Watched::new("pass");
        let (status, sent) = client.call(|session| session.get(url(&format!("/{space}/inside")))).await;
        let paths: Vec<_> = sent.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
        assert_eq!((status, paths), (200, vec!["inside", "inside", "index.txt"]), "{space}");
        assert!(sent[2].1.contains(&format!("uri=\"/{space}/index.txt\"")), "{sent:?}");
        client.check("outside", (401, 2), |session| session.get(url(&format!("/{space}/outside")))).await;
        assert!(!was_signed_for(&outside));
        Watched::new("wrong").check("POST", (401, 2), |session| session.post(&echo).body(body.clone())).await;
    }
    println!("lighttpd: SHA-256, the stronger of two, userhash, POST, redirects inside and outside, a wrong password");
}
