//! Digest against a server that computes each response itself and takes no nonce count twice, and what distinguishes the
//! good clients of that scheme from the others.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use http::{Request, Response};
use http_body_util::BodyExt;
use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512_256};
use sortie::auth::{Digest, Qop, WrongProof};
use sortie::core::find;
use sortie::retry::RetryOptions;
use sortie::transport::proxy::{Proxies, Proxy, ProxyError, ProxyErrorKind};
use sortie::transport::tls::TlsOptions;
use sortie::{Body, ErrorKind, Mount, Session};
use sortie_testkit::{ProxyOptions, ServerOptions, TestProxy, TestServer, TlsSetup, reply};

use crate::support::{builder, check, ok, redirect, sent_once, trusting};

const USER: &str = "ada";
const PASSWORD: &str = "s3cret";

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

fn hash(algorithm: &str, text: &[u8]) -> String {
    match algorithm.trim_end_matches("-sess") {
        "SHA-256" => hex(&Sha256::digest(text)),
        "SHA-512-256" => hex(&Sha512_256::digest(text)),
        _ => hex(&Md5::digest(text)),
    }
}

/// What is asked of a client: the parameters of a challenge, and how often a nonce may be used.
#[derive(Clone)]
struct Strict {
    algorithm: &'static str,
    realm: &'static str,
    user: &'static str,
    /// Parameters beside realm, nonce and algorithm.
    more: &'static str,
    /// Uses of a nonce before it is stale.
    uses: u32,
    /// What stands before and after the challenge.
    around: (&'static str, &'static str),
    /// A field before that of the challenge.
    field_before: Option<&'static str>,
    next_nonce: bool,
    false_proof: bool,
}

impl Default for Strict {
    fn default() -> Self {
        Self {
            algorithm: "MD5",
            realm: "office",
            user: USER,
            more: ", qop=\"auth\"",
            uses: u32::MAX,
            around: ("", ""),
            field_before: None,
            next_nonce: false,
            false_proof: false,
        }
    }
}

/// The nonces that were given, with the highest count of each.
#[derive(Default)]
struct Nonces {
    given: u32,
    counts: HashMap<String, u32>,
}

/// Parameters of credentials, by name, without quotes and escapes.
fn parameters(credentials: &str) -> HashMap<String, String> {
    let mut rest = credentials.strip_prefix("Digest ").unwrap_or_default();
    let mut found = HashMap::new();
    while let Some((name, after)) = rest.split_once('=') {
        let (mut value, mut end, mut quoted, mut escaped) = (String::new(), after.len(), false, false);
        for (at, c) in after.char_indices() {
            match c {
                _ if escaped => (value.push(c), escaped = false).1,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ',' if !quoted => {
                    end = at + 1;
                    break;
                }
                c => value.push(c),
            }
        }
        found.insert(name.trim().to_owned(), value);
        rest = &after[end..];
    }
    found
}

impl Strict {
    fn serve(self) -> TestServer {
        let nonces: Arc<Mutex<Nonces>> = Arc::default();
        TestServer::from_fn(move |request| {
            let (strict, nonces) = (self.clone(), nonces.clone());
            async move { strict.answer(request, &nonces).await }
        })
    }

    fn challenge(&self, nonces: &mut Nonces, stale: bool) -> Response<Body> {
        nonces.given += 1;
        let nonce = format!("nonce{}", nonces.given);
        nonces.counts.insert(nonce.clone(), 0);
        let Self { algorithm, realm, more, around: (before, after), .. } = self;
        let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
        let stale = if stale { ", stale=true" } else { "" };
        let challenge =
            format!("{before}Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}{more}{stale}{after}");
        let fields = self.field_before.into_iter().chain([&*challenge]).map(|field| ("www-authenticate", field));
        reply(401, fields, "who are you?")
    }

    async fn answer(&self, request: Request<hyper::body::Incoming>, nonces: &Mutex<Nonces>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let credentials = head.headers.get(AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
        let given = parameters(credentials);
        let mut nonces = nonces.lock().unwrap();
        let Some(nonce) = given.get("nonce") else { return self.challenge(&mut nonces, false) };
        let Some(known) = nonces.counts.get(nonce).copied() else { return self.challenge(&mut nonces, true) };
        if given.get("response").map(String::as_str) != Some(&*self.response(&head, &body, &given)) {
            return self.challenge(&mut nonces, false);
        }
        if let Some(nc) = given.get("nc") {
            let count = u32::from_str_radix(nc, 16).unwrap();
            assert!(nc.len() == 8 && count > 0, "{nc}");
            // Requests overtake each other on the way; a count that was used is another matter.
            assert!(nonces.counts.insert(format!("{nonce}/{nc}"), count).is_none(), "{nc} was used twice");
            nonces.counts.insert(nonce.clone(), known.max(count));
            if count > self.uses {
                nonces.counts.remove(nonce);
                return self.challenge(&mut nonces, true);
            }
        }
        let mut answer = match head.uri.path() {
            "/inside" => redirect(307, "/landed?by=redirect"),
            _ => reply(200, [], body),
        };
        if self.next_nonce {
            nonces.given += 1;
            let next = format!("nonce{}", nonces.given);
            nonces.counts.insert(next.clone(), 0);
            let info = format!("nextnonce=\"{next}\"");
            answer.headers_mut().insert("authentication-info", info.parse().unwrap());
        }
        if self.false_proof {
            let info =
                format!("rspauth=\"{}\", qop=auth, nc={}, cnonce=\"{}\"", "0".repeat(32), given["nc"], given["cnonce"]);
            answer.headers_mut().insert("authentication-info", info.parse().unwrap());
        }
        answer
    }

    /// RFC 7616 §3.4.1, from what the client says and the server knows.
    fn response(&self, head: &http::request::Parts, body: &Bytes, given: &HashMap<String, String>) -> String {
        let hash = |text: String| hash(self.algorithm, text.as_bytes());
        let target = head.uri.path_and_query().unwrap().as_str();
        assert_eq!(given["uri"], target);
        let name = match given.get("userhash").map(String::as_str) {
            Some("true") => hash(format!("{}:{}", self.user, self.realm)),
            _ => self.user.to_owned(),
        };
        let told = given.get("username").cloned().or_else(|| {
            let extended = given.get("username*")?.strip_prefix("UTF-8''")?;
            Some(percent_encoding::percent_decode_str(extended).decode_utf8().unwrap().into_owned())
        });
        assert!(told.as_ref() == Some(&name), "{told:?} is not {name}");
        assert_eq!(given["realm"], self.realm);
        let get = |name: &str| given.get(name).map_or("", String::as_str);
        let mut account = hash(format!("{}:{}:{PASSWORD}", self.user, self.realm));
        if self.algorithm.ends_with("-sess") {
            account = hash(format!("{account}:{}:{}", get("nonce"), get("cnonce")));
        }
        let mut asked = format!("{}:{target}", head.method);
        if get("qop") == "auth-int" {
            write!(asked, ":{}", self::hash(self.algorithm, body)).unwrap();
        }
        let asked = hash(asked);
        if get("qop").is_empty() {
            return hash(format!("{account}:{}:{asked}", get("nonce")));
        }
        let [nonce, nc, cnonce, qop] = ["nonce", "nc", "cnonce", "qop"].map(get);
        hash(format!("{account}:{nonce}:{nc}:{cnonce}:{qop}:{asked}"))
    }
}

fn digest() -> Digest {
    Digest::new(USER, PASSWORD)
}

fn session(auth: Digest) -> Session {
    builder().auth(auth).build().unwrap()
}

#[tokio::test]
async fn what_good_clients_do_is_done() {
    for (name, strict, requests) in [
        ("the simplest", Strict::default(), 1),
        ("as RFC 2069 has it", Strict { more: "", ..Strict::default() }, 1),
        ("SHA-256", Strict { algorithm: "SHA-256", ..Strict::default() }, 1),
        ("SHA-512-256", Strict { algorithm: "SHA-512-256", ..Strict::default() }, 1),
        ("MD5-sess", Strict { algorithm: "MD5-sess", ..Strict::default() }, 1),
        ("SHA-256-sess", Strict { algorithm: "SHA-256-sess", ..Strict::default() }, 1),
        ("auth-int alone", Strict { more: ", qop=\"auth-int\"", ..Strict::default() }, 1),
        ("a list with blanks", Strict { more: ", qop=\" auth-int ,\tauth \"", ..Strict::default() }, 1),
        ("a nonce for one use", Strict { uses: 1, ..Strict::default() }, 2),
        ("userhash", Strict { more: ", qop=\"auth\", userhash=true", algorithm: "SHA-256", ..Strict::default() }, 1),
        (
            "an unknown one first",
            Strict { around: ("Digest realm=\"x\", nonce=\"x\", algorithm=SHA3, ", ""), ..Strict::default() },
            1,
        ),
        ("Basic first", Strict { around: ("Basic realm=\"x\", ", ""), ..Strict::default() }, 1),
        ("Basic first by itself", Strict { field_before: Some("Basic realm=\"x\""), ..Strict::default() }, 1),
        ("odd white space and case", Strict { more: " ,  QOP = auth,, Domain =\"/\"", ..Strict::default() }, 1),
        ("quotes in the realm", Strict { realm: "the \"back\\office\"", ..Strict::default() }, 1),
        ("a name beyond ASCII", Strict { user: "Jäsøn", more: ", qop=auth, charset=UTF-8", ..Strict::default() }, 1),
        ("quotes in the name", Strict { user: "a\"b\\c", ..Strict::default() }, 1),
    ] {
        let session = session(Digest::new(strict.user, PASSWORD));
        let server = strict.serve();
        let response = session.post(server.url("/x?y=%20z")).body("content").send().await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(response.text().await.unwrap(), "content", "{name}");
        assert_eq!(server.requests().len(), 2, "{name}");
        // Before it is asked for, with a count that rises; or once more where the nonce is too old by now.
        assert_eq!(session.get(server.url("/")).send().await.unwrap().status(), 200, "{name}");
        assert_eq!(server.requests().len(), 2 + requests, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_exactly_two_requests_each_time() {
    let server = Strict::default().serve();
    let session = session(Digest::new(USER, "a guess"));
    for calls in 1..=3 {
        assert_eq!(session.get(server.url("/")).send().await.unwrap().status(), 401);
        assert_eq!(server.requests().len(), 2 * calls);
    }
}

#[tokio::test]
async fn a_next_nonce_is_used_and_a_false_proof_is_an_error() {
    let server = Strict { next_nonce: true, uses: 1, ..Strict::default() }.serve();
    let first = session(digest());
    for requests in [2, 3, 4] {
        assert_eq!(first.get(server.url("/")).send().await.unwrap().status(), 200);
        assert_eq!(server.requests().len(), requests, "no nonce was too old");
    }
    let server = Strict { false_proof: true, ..Strict::default() }.serve();
    let error = session(digest()).get(server.url("/")).send().await.unwrap_err();
    check(&error, ErrorKind::Auth, "");
    assert!(find::<WrongProof>(&error).is_some(), "{error:?}");
    assert_eq!(server.requests().len(), 2, "it is not tried again");
}

#[tokio::test]
async fn no_count_is_used_twice_by_many_at_once() {
    let server = Strict { algorithm: "SHA-256", ..Strict::default() }.serve();
    let session = session(digest());
    session.get(server.url("/")).send().await.unwrap();
    let calls = (0..50).map(|n| session.get(server.url(format!("/{n}"))).send());
    for response in futures_util::future::join_all(calls).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    assert_eq!(server.requests().len(), 52);
}

#[tokio::test]
async fn a_redirect_within_the_space_is_signed_for_where_it_leads() {
    let server = Strict::default().serve();
    let response = session(digest()).put(server.url("/inside")).body("content").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (200, "content".to_owned()));
    let targets: Vec<_> = server.requests().iter().map(|head| head.uri.to_string()).collect();
    assert_eq!(targets, ["/inside", "/inside", "/landed?by=redirect"]);
}

// aiohttp #12825, requests S50.
#[tokio::test]
async fn a_foreign_challenge_is_not_answered_unless_a_mount_knows_the_server() {
    let foreign = Strict::default().serve();
    let location = foreign.url("/");
    let first = TestServer::from_fn(move |_| std::future::ready(redirect(302, &location)));
    let response = session(digest()).get(first.url("/")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), foreign.requests().len()), (401, 1));
    let mounted = builder().auth(digest()).mount(&*foreign.url("/"), Mount::new().auth(digest())).build().unwrap();
    assert_eq!(mounted.get(first.url("/")).send().await.unwrap().status(), 200);
    assert_eq!(foreign.requests().len(), 3);
}

#[tokio::test]
async fn each_attempt_has_a_count_of_its_own_and_the_cookie_of_the_401() {
    let busy = AtomicBool::new(true);
    let counts: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = counts.clone();
    let server = TestServer::from_fn(move |request| {
        let signed =
            request.headers().get(AUTHORIZATION).map(|value| parameters(value.to_str().unwrap())["nc"].clone());
        let has_cookie = request.headers().contains_key("cookie");
        note.lock().unwrap().push(format!("{} {has_cookie}", signed.as_deref().unwrap_or("none")));
        std::future::ready(match signed {
            None => reply(401, [("www-authenticate", "Digest realm=r, nonce=n, qop=auth"), ("set-cookie", "a=1")], ""),
            Some(_) if busy.swap(false, Ordering::Relaxed) => reply(503, [("retry-after", "0")], ""),
            Some(_) => ok(),
        })
    });
    let session = builder().auth(digest()).retry(RetryOptions::standard()).build().unwrap();
    let response = session.get(server.url("/")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.attempts()), (200, 2));
    assert_eq!(*counts.lock().unwrap(), ["none false", "00000001 true", "00000002 true"]);
}

/// What a proxy asks of a client: each request by one method, signed by SHA-256.
#[derive(Clone)]
struct Guard {
    method: &'static str,
    realm: &'static str,
    /// Uses of a nonce before it is stale.
    uses: u32,
    next_nonce: bool,
    false_proof: bool,
}

impl Guard {
    /// Requests that are forwarded without and with a body, and ones that a tunnel is opened for.
    fn of_each_method() -> [Self; 3] {
        ["GET", "POST", "CONNECT"].map(|method| Self {
            method,
            realm: "proxy",
            uses: u32::MAX,
            next_nonce: false,
            false_proof: false,
        })
    }

    fn serve(self) -> Guarded {
        let echo = async |request: Request<hyper::body::Incoming>| reply(200, [], Body::new(request.into_body()));
        let server = match self.method {
            "CONNECT" => ServerOptions::new().tls(TlsSetup::new().names(["a.test", "b.test"])).serve_fn(echo),
            _ => TestServer::from_fn(echo),
        };
        let (signed, nonces) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicU32::new(1)));
        let (note, asks, tells) = (signed.clone(), (self.clone(), nonces.clone()), (self.clone(), nonces));
        let options = ProxyOptions::new().name("a.test", server.addr()).name("b.test", server.addr());
        let options = options.challenge(move |headers| {
            let given = parameters(headers.get(PROXY_AUTHORIZATION).map_or("", |value| value.to_str().unwrap()));
            let words = ["uri", "nonce", "nc"].map(|name| given.get(name).map_or("", String::as_str));
            note.lock().unwrap().push(words.join(" "));
            asks.0.challenge(&given, &asks.1)
        });
        let proxy = options
            .authentication_info(move |headers| {
                let given = parameters(headers[PROXY_AUTHORIZATION].to_str().unwrap());
                Some(tells.0.info(&given, &tells.1))
            })
            .http();
        Guarded { method: self.method, proxy, server, signed }
    }

    fn challenge(&self, given: &HashMap<String, String>, nonces: &AtomicU32) -> Option<String> {
        let stale = match given.get("response") {
            Some(response) if *response == self.response(given, self.method) => {
                let count = u32::from_str_radix(&given["nc"], 16).unwrap();
                let is_newest = given["nonce"] == format!("n{}", nonces.load(Ordering::Relaxed));
                if is_newest && count <= self.uses {
                    return None;
                }
                nonces.fetch_add(1, Ordering::Relaxed);
                ", stale=true"
            }
            _ => "",
        };
        let (realm, nonce) = (self.realm, nonces.load(Ordering::Relaxed));
        Some(format!("Digest realm=\"{realm}\", nonce=\"n{nonce}\", qop=\"auth\", algorithm=SHA-256{stale}"))
    }

    fn info(&self, given: &HashMap<String, String>, nonces: &AtomicU32) -> String {
        let proof = if self.false_proof { "0".repeat(64) } else { self.response(given, "") };
        let next = match self.next_nonce {
            true => format!(", nextnonce=\"n{}\"", nonces.fetch_add(1, Ordering::Relaxed) + 1),
            false => String::new(),
        };
        format!("rspauth=\"{proof}\", qop=auth, nc={}, cnonce=\"{}\"{next}", given["nc"], given["cnonce"])
    }

    /// RFC 7616 §3.4.1, and §3.5 without a method.
    fn response(&self, given: &HashMap<String, String>, method: &str) -> String {
        let hash = |text: String| hash("SHA-256", text.as_bytes());
        let [nonce, nc, cnonce, uri] = ["nonce", "nc", "cnonce", "uri"].map(|name| &given[name]);
        let [account, asked] = [format!("{USER}:{}:{PASSWORD}", self.realm), format!("{method}:{uri}")].map(hash);
        hash(format!("{account}:{nonce}:{nc}:{cnonce}:auth:{asked}"))
    }
}

/// A proxy that asks, and the server behind it.
struct Guarded {
    method: &'static str,
    proxy: TestProxy,
    server: TestServer,
    /// Target, nonce and count of each request to the proxy.
    signed: Arc<Mutex<Vec<String>>>,
}

impl Guarded {
    fn proxy(&self, auth: Digest) -> Proxy {
        Proxy::new(self.proxy.url("http")).unwrap().auth(auth)
    }

    fn session(&self, auth: Digest) -> Session {
        let builder = builder().proxies(Proxies::all(self.proxy(auth)));
        match self.method {
            "CONNECT" => builder.tls(trusting(self.server.certificate_authority()).build().unwrap()),
            _ => builder,
        }
        .build()
        .unwrap()
    }

    /// Sends a request to this host; what comes is what was sent.
    async fn call(&self, session: &Session, host: &str) -> Result<(), sortie::Error> {
        let (scheme, content) = match self.method {
            "GET" => ("http", ""),
            "POST" => ("http", "content"),
            _ => ("https", "content"),
        };
        let url = format!("{scheme}://{host}/x?y");
        let request = if content.is_empty() { session.get(url) } else { session.post(url).body(content) };
        let response = request.send().await?;
        assert_eq!((response.status().as_u16(), &*response.text().await?), (200, content), "{}", self.method);
        Ok(())
    }

    /// What a request to this host is signed for.
    fn target(&self, host: &str) -> String {
        if self.method == "CONNECT" { format!("{host}:443") } else { format!("http://{host}/x?y") }
    }

    fn signed(&self) -> Vec<String> {
        self.signed.lock().unwrap().clone()
    }
}

// A proxy's space is all that goes by it, and its uri is what it is given: all of the URL, or the host of a tunnel.
#[tokio::test]
async fn a_proxy_that_asks_is_answered_and_signed_for_unasked_from_then_on() {
    for guard in Guard::of_each_method() {
        let guarded = guard.serve();
        let session = guarded.session(digest());
        for host in ["a.test", "b.test"] {
            guarded.call(&session, host).await.unwrap();
        }
        let [a, b] = ["a.test", "b.test"].map(|host| guarded.target(host));
        assert_eq!(guarded.signed(), ["  ".to_owned(), format!("{a} n1 00000001"), format!("{b} n1 00000002")]);
        for head in guarded.server.requests() {
            assert!(!head.headers.contains_key(PROXY_AUTHORIZATION) && !head.headers.contains_key(AUTHORIZATION));
        }
    }
}

// One scheme, or clones of it, may be that of several proxies: they have the user in common, and nothing else.
#[tokio::test]
async fn each_proxy_gets_what_it_asked_for_itself_and_nothing_of_anothers() {
    for guard in Guard::of_each_method() {
        let [one, two] = ["one", "two"].map(|realm| Guard { realm, ..guard.clone() }.serve());
        let auth = digest();
        let rules = Proxies::all(one.proxy(auth.clone())).host("all://b.test", two.proxy(auth)).unwrap();
        let is_tunnel = guard.method == "CONNECT";
        let session = match is_tunnel {
            true => {
                let roots = [&one, &two].map(|guarded| guarded.server.certificate_authority().pem()).concat();
                builder().tls(TlsOptions::default().only_roots_pem(roots.as_bytes()).unwrap().build().unwrap())
            }
            false => builder(),
        };
        let session = session.proxies(rules).build().unwrap();
        for _ in 0..2 {
            for (guarded, host) in [(&one, "a.test"), (&two, "b.test")] {
                guarded.call(&session, host).await.unwrap();
            }
        }
        for (guarded, host) in [(&one, "a.test"), (&two, "b.test")] {
            let target = guarded.target(host);
            let counts = ["  ".to_owned(), format!("{target} n1 00000001"), format!("{target} n1 00000002")];
            // A tunnel that is open asks for no other.
            assert_eq!(guarded.signed(), counts[..if is_tunnel { 2 } else { 3 }], "{host}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_for_a_proxy_is_exactly_two_requests_each_time() {
    for guard in Guard::of_each_method() {
        let guarded = guard.serve();
        let session = guarded.session(Digest::new(USER, "a guess"));
        for calls in 1..=3 {
            let error = guarded.call(&session, "a.test").await.unwrap_err();
            check(&error, ErrorKind::Proxy, "407");
            assert_eq!(find::<ProxyError>(&error).unwrap().kind(), ProxyErrorKind::AuthenticationRequired);
            assert_eq!(guarded.proxy.requests().len(), 2 * calls, "{}", guarded.method);
        }
        let a = guarded.target("a.test");
        let counts = ["  ".to_owned(), format!("{a} n1 00000001"), "  ".to_owned(), format!("{a} n1 00000002")];
        assert_eq!(guarded.signed()[..4], counts, "nothing is signed unasked with what was refused");
        assert_eq!(guarded.server.connections(), 0);
    }
}

#[tokio::test]
async fn a_proxys_nonce_that_has_become_too_old_is_one_more_request() {
    for guard in Guard::of_each_method() {
        let guarded = Guard { uses: 1, ..guard.clone() }.serve();
        let session = guarded.session(digest());
        for host in ["a.test", "b.test"] {
            guarded.call(&session, host).await.unwrap();
        }
        let [a, b] = ["a.test", "b.test"].map(|host| guarded.target(host));
        let signed = [format!("{a} n1 00000001"), format!("{b} n1 00000002"), format!("{b} n2 00000001")];
        assert_eq!(guarded.signed()[1..], signed);
        // And only one, where all that it gives are too old.
        let guarded = Guard { uses: 0, ..guard }.serve();
        let error = guarded.call(&guarded.session(digest()), "a.test").await.unwrap_err();
        check(&error, ErrorKind::Proxy, "407");
        assert_eq!(guarded.proxy.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_proxys_next_nonce_is_used_and_its_false_proof_ends_the_call() {
    for guard in Guard::of_each_method() {
        let guarded = Guard { next_nonce: true, uses: 1, ..guard.clone() }.serve();
        let session = guarded.session(digest());
        // Over connections of their own, for a tunnel that is open asks the proxy nothing.
        for (host, requests) in [("a.test", 2), ("b.test", 3)] {
            guarded.call(&session, host).await.unwrap();
            assert_eq!(guarded.proxy.requests().len(), requests, "no nonce was too old");
        }
        assert_eq!(guarded.signed()[2], format!("{} n2 00000001", guarded.target("b.test")));

        let guarded = Guard { false_proof: true, ..guard }.serve();
        let error = guarded.call(&guarded.session(digest()), "a.test").await.unwrap_err();
        check(&error, ErrorKind::Proxy, "the proxy's rspauth");
        assert_eq!(find::<ProxyError>(&error).unwrap().kind(), ProxyErrorKind::Rejected);
        assert!(find::<WrongProof>(&error).is_some(), "{error:?}");
        // What was forwarded has been passed on; through the tunnel nothing goes, and nothing is tried again.
        let passed_on = usize::from(guarded.method != "CONNECT");
        assert_eq!((guarded.proxy.requests().len(), guarded.server.requests().len()), (2, passed_on));
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_signed_or_sent_again_is_a_clear_error() {
    let server = Strict { more: ", qop=\"auth-int\"", ..Strict::default() }.serve();
    let streamed = || Body::factory(None, || Body::from("content"));
    // Nothing else is offered, and the content is not in memory.
    let error = session(digest()).put(server.url("/")).body(streamed()).send().await.unwrap_err();
    check(&error, ErrorKind::Auth, "this body is not in memory");
    let error = session(digest()).put(server.url("/")).body(sent_once()).send().await.unwrap_err();
    check(&error, ErrorKind::Auth, "can be sent only once");
    let both = Strict { more: ", qop=\"auth,auth-int\"", ..Strict::default() }.serve();
    let wants_int = digest().qop(Qop::AuthInt);
    let response = session(wants_int).put(both.url("/")).body(streamed()).send().await.unwrap();
    assert_eq!(response.status(), 200, "auth, where the body is not at hand");
}
