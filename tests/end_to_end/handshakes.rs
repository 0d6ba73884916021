//! Schemes that authenticate the connection and not the request, as NTLM and Negotiate do: their legs go over one
//! connection, and nobody else's requests ever do.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use http::header::{AUTHORIZATION, CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use sortie::core::auth::{Answer, Auth, ConnectionOwner, Recipient, SharedAuth, Signing, Unsigned, Verdict};
use sortie::core::{Outcome, find};
use sortie::transport::proxy::{Proxies, Proxy, ProxyError, ProxyErrorKind};
use sortie::transport::{InvalidRequest, TransportOptions, Versions};
use sortie::{Body, Session};
use sortie_testkit::{Head, Protocol, ProxyOptions, ServerOptions, TestServer, TlsSetup, reply};

use crate::support::{always, builder, eventually, ok, trusting};

/// The shape of NTLM: `Hand`, then `Hand hello <user>`, which is answered with a number, then `Hand proof <user> <number>`.
struct Handshake {
    user: &'static str,
    owner: ConnectionOwner,
}

impl Handshake {
    fn of(user: &'static str) -> Self {
        Self { user, owner: ConnectionOwner::new() }
    }
}

fn asks(recipient: Recipient) -> http::HeaderName {
    if recipient == Recipient::Proxy { PROXY_AUTHENTICATE } else { WWW_AUTHENTICATE }
}

impl Auth for Handshake {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        let (user, asks) = (self.user, asks(request.recipient()));
        let said = request.challenge().map(|challenge| challenge.headers[asks].to_str().unwrap().to_owned());
        let value = match said.as_deref().map(|said| said.strip_prefix("Hand ")) {
            // The connection may be known already.
            None => return Signing::Done(Ok(())),
            Some(None) => format!("Hand hello {user}"),
            Some(Some(number)) => format!("Hand proof {user} {number}"),
        };
        let name = request.recipient().header();
        Signing::Done(value.parse().map_err(Into::into).map(|value: HeaderValue| {
            request.headers_mut().insert(name, value);
        }))
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        let said = answer.response().headers.get(asks(answer.recipient())).and_then(|said| said.to_str().ok());
        match said {
            Some("Hand") => Verdict::Resend,
            Some(said) if said.starts_with("Hand ") => Verdict::Continue,
            _ => Verdict::Accept,
        }
    }

    fn legs(&self) -> usize {
        2
    }

    fn connection_owner(&self) -> Option<ConnectionOwner> {
        Some(self.owner)
    }

    fn waits(&self) -> bool {
        false
    }
}

/// What a server knows of each of its connections.
#[derive(Default)]
struct Hosts {
    known: Mutex<HashMap<usize, Known>>,
    handshakes: AtomicUsize,
    /// How often something else came over a connection than the proof that was asked for.
    broken_off: AtomicUsize,
}

enum Known {
    /// A number was given, and is to be proven.
    Asked(usize),
    User(String),
}

impl Hosts {
    /// The user of the connection; else what it is to be asked. `proof` says what the request brings.
    fn meet(&self, connection: usize, proof: Option<&str>) -> Result<String, String> {
        let mut known = self.known.lock().unwrap();
        let words: Vec<_> = proof.unwrap_or_default().split(' ').collect();
        if matches!(known.get(&connection), Some(Known::Asked(_))) && words.get(1) != Some(&"proof") {
            self.broken_off.fetch_add(1, Ordering::Relaxed);
        }
        let user = match (&words[..], known.get(&connection)) {
            (["Hand", "hello", _], _) => {
                let number = self.handshakes.fetch_add(1, Ordering::Relaxed);
                known.insert(connection, Known::Asked(number));
                return Err(format!("Hand {number}"));
            }
            (["Hand", "proof", user, number], Some(Known::Asked(asked))) if *number == asked.to_string() => *user,
            ([""], Some(Known::User(user))) => return Ok(user.clone()),
            _ => return Err("Hand".into()),
        };
        known.insert(connection, Known::User(user.into()));
        Ok(user.into())
    }

    /// `/open` is for everybody and says whose the connection is; the rest is for those who are known.
    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let connection = request.extensions().get::<Head>().unwrap().connection;
        let proof = request.headers().get(AUTHORIZATION).map(|proof| proof.to_str().unwrap());
        match self.meet(connection, proof) {
            Ok(user) => reply(200, [], user),
            Err(_) if request.uri().path() == "/open" => reply(200, [], "nobody"),
            Err(challenge) => reply(401, [("www-authenticate", &*challenge)], "who are you?"),
        }
    }
}

fn server_of(options: ServerOptions) -> (TestServer, Arc<Hosts>) {
    let hosts = Arc::new(Hosts::default());
    let knowing = hosts.clone();
    (options.serve_fn(move |request| std::future::ready(knowing.answer(&request))), hosts)
}

fn server() -> (TestServer, Arc<Hosts>) {
    server_of(ServerOptions::new())
}

async fn ask(session: &Session, auth: Option<&SharedAuth>, url: String) -> Result<String, sortie::Error> {
    let request = session.post(url).body("some content");
    let request = match auth {
        Some(auth) => request.auth(auth.clone()),
        None => request,
    };
    request.send().await?.error_for_status()?.text().await
}

/// On which connections each request came.
fn connections(server: &TestServer) -> Vec<usize> {
    server.requests().iter().map(|head| head.connection).collect()
}

async fn nothing_is_left(session: &Session) {
    let transport = session.transport().unwrap();
    eventually("what was under way has ended, and each connection is idle", || {
        let counts = transport.stats();
        (counts.in_flight, counts.waiting, counts.connecting) == (0, 0, 0) && counts.open == counts.idle
    })
    .await;
}

#[tokio::test]
async fn the_legs_go_over_one_connection_which_serves_its_user_from_then_on() {
    let (server, hosts) = server();
    let session = builder().build().unwrap();
    let ann = SharedAuth::new(Handshake::of("ann"));
    for _ in 0..3 {
        assert_eq!(ask(&session, Some(&ann), server.url("/")).await.unwrap(), "ann");
    }
    assert_eq!(connections(&server), [0; 5], "three legs, and then one for each request");
    assert_eq!(hosts.handshakes.load(Ordering::Relaxed), 1);
    assert_eq!(ask(&session, None, server.url("/open")).await.unwrap(), "nobody");
    assert_eq!(
        ask(&session, Some(&SharedAuth::new(Handshake::of("bob"))), server.url("/open")).await.unwrap(),
        "nobody"
    );
    assert_eq!(connections(&server)[5..], [1, 2], "not the one that is ann's");
}

#[tokio::test]
async fn nobody_is_taken_for_another_however_many_run_at_once() {
    let (server, hosts) = server();
    let session =
        builder().transport_options(TransportOptions::default().max_connections_per_origin(3)).build().unwrap();
    let users = ["ann", "bob"].map(|user| (Some(SharedAuth::new(Handshake::of(user))), "/", user));
    let mut tasks = tokio::task::JoinSet::new();
    for (auth, path, user) in users.into_iter().chain([(None, "/open", "nobody")]) {
        for _ in 0..8 {
            let (session, auth, url) = (session.clone(), auth.clone(), server.url(path));
            tasks.spawn(async move {
                for _ in 0..20 {
                    assert_eq!(ask(&session, auth.as_ref(), url.clone()).await.unwrap(), user);
                }
            });
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    nothing_is_left(&session).await;
    assert_eq!(hosts.broken_off.load(Ordering::Relaxed), 0);
    let handshakes = hosts.handshakes.load(Ordering::Relaxed);
    assert!((2..=6).contains(&handshakes), "one for each connection, of which each may have three: {handshakes}");
    assert!(server.connections() <= 9, "{}", server.connections());
}

#[tokio::test]
async fn dropped_at_any_poll_it_leaves_nothing_behind_and_no_half_handshake() {
    let (server, hosts) = server();
    let session =
        builder().transport_options(TransportOptions::default().max_connections_per_origin(1)).build().unwrap();
    for polls in 0.. {
        // New each time, so that each time there is a handshake to be dropped.
        let ann = SharedAuth::new(Handshake::of("ann"));
        let ended = {
            let mut call = pin!(ask(&session, Some(&ann), server.url("/")));
            let mut ended = false;
            for _ in 0..polls {
                ended = call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                if ended {
                    break;
                }
                // With a real socket it takes the server's time for a further poll to find more.
                tokio::time::sleep(std::time::Duration::from_micros(200)).await;
            }
            ended
        };
        nothing_is_left(&session).await;
        // With one connection allowed, one that is lost would be missed here.
        assert_eq!(ask(&session, Some(&ann), server.url("/")).await.unwrap(), "ann");
        if ended {
            break;
        }
        assert!(polls < 1000, "the call does not end");
    }
    assert_eq!(hosts.broken_off.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn one_that_is_still_refused_gives_its_connection_up() {
    let server = always(|| reply(401, [("www-authenticate", "Hand 7")], "never"));
    let session = builder().auth(Handshake::of("ann")).build().unwrap();
    let response = session.get(server.url("/")).send().await.unwrap();
    assert_eq!((response.status(), server.requests().len()), (StatusCode::UNAUTHORIZED, 3));
    drop(response);
    server.wait_for_open_connections(0).await;
    nothing_is_left(&session).await;
}

#[tokio::test]
async fn over_tls_it_speaks_http_1_where_others_speak_http_2() {
    let (server, _) = server_of(ServerOptions::new().tls(TlsSetup::new().alpn(["h2", "http/1.1"])));
    let session = builder().tls(trusting(server.certificate_authority()).build().unwrap()).build().unwrap();
    let ann = SharedAuth::new(Handshake::of("ann"));
    assert_eq!(ask(&session, Some(&ann), server.url("/")).await.unwrap(), "ann");
    assert_eq!(ask(&session, None, server.url("/open")).await.unwrap(), "nobody");
    let versions: Vec<_> = server.requests().iter().map(|head| head.version).collect();
    assert_eq!(versions, [Version::HTTP_11, Version::HTTP_11, Version::HTTP_11, Version::HTTP_2]);
}

#[tokio::test]
async fn where_http_2_alone_may_be_spoken_it_says_that_this_cannot_work() {
    let (server, _) = server_of(ServerOptions::new().protocol(Protocol::Http2));
    let options = TransportOptions::default().versions(Versions::Http2Only);
    let session = builder().transport_options(options).auth(Handshake::of("ann")).build().unwrap();
    let error = session.get(server.url("/")).send().await.unwrap_err();
    assert_eq!(find::<InvalidRequest>(&error), Some(&InvalidRequest::OwnConnectionOverHttp2));
    assert_eq!(server.connections(), 0);
}

/// Closes the connection after an answer to one of the first `closes` requests that `which` chooses.
fn closing(closes: usize, which: fn(&str) -> bool) -> (TestServer, Arc<Hosts>) {
    let hosts = Arc::new(Hosts::default());
    let (knowing, left) = (hosts.clone(), AtomicUsize::new(closes));
    let server = TestServer::from_fn(move |request| {
        let mut response = knowing.answer(&request);
        let proof = request.headers().get(AUTHORIZATION).map_or("", |proof| proof.to_str().unwrap());
        let one_less = |left: usize| left.checked_sub(1);
        if which(proof) && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        std::future::ready(response)
    });
    (server, hosts)
}

#[tokio::test]
async fn before_the_handshake_has_begun_another_connection_will_do() {
    let (server, _) = closing(1, str::is_empty);
    let session = builder().build().unwrap();
    let ann = SharedAuth::new(Handshake::of("ann"));
    assert_eq!(ask(&session, Some(&ann), server.url("/")).await.unwrap(), "ann");
    assert_eq!(connections(&server), [0, 1, 1]);
}

#[tokio::test]
async fn a_connection_that_ends_within_the_handshake_is_an_error_and_a_retry_begins_anew() {
    let half_way: fn(&str) -> bool = |proof| proof.starts_with("Hand hello");
    let (server, _) = closing(1, half_way);
    let ann = SharedAuth::new(Handshake::of("ann"));
    let error = ask(&builder().no_retry().build().unwrap(), Some(&ann), server.url("/")).await.unwrap_err();
    assert!(matches!(Outcome::of(&error), Some(Outcome::Connect { .. })), "{error:?}");
    let told = sortie_testkit::told(&error);
    assert!(told.contains("the connection on which the auth scheme had begun its handshake ended"), "{told}");
    assert_eq!(connections(&server), [0, 0]);

    let (server, hosts) = closing(1, half_way);
    let retrying = builder().build().unwrap();
    assert_eq!(ask(&retrying, Some(&ann), server.url("/")).await.unwrap(), "ann");
    assert_eq!(connections(&server), [0, 0, 1, 1, 1]);
    assert_eq!(hosts.handshakes.load(Ordering::Relaxed), 2);
}

/// A proxy that knows its connections as [`Hosts`] does. What it is asked does not depend on the connection: that is to
/// be read off its requests.
fn proxy(options: ProxyOptions) -> sortie_testkit::TestProxy {
    let challenge = |headers: &http::HeaderMap| {
        let proof = headers.get(PROXY_AUTHORIZATION).map_or("", |proof| proof.to_str().unwrap());
        match proof.split(' ').nth(1) {
            None => Some("Hand".to_owned()),
            Some("hello") => Some("Hand 7".to_owned()),
            Some(_) => None,
        }
    };
    options.challenge(challenge).http()
}

fn by(proxy: &sortie_testkit::TestProxy) -> Proxies {
    Proxies::all(Proxy::new(proxy.url("http")).unwrap().auth(Handshake::of("ann")))
}

#[tokio::test]
async fn the_legs_to_a_proxy_go_over_one_connection_whether_it_forwards_or_opens_a_tunnel() {
    let plain = always(ok);
    let secure = ServerOptions::new().tls(TlsSetup::new().names(["secure.test", "localhost"])).serve_fn(async |_| ok());
    let proxy = proxy(ProxyOptions::new().name("a.test", plain.addr()).name("secure.test", secure.addr()));
    let session =
        builder().proxies(by(&proxy)).tls(trusting(secure.certificate_authority()).build().unwrap()).build().unwrap();
    let tasks = (0..8).map(|_| {
        let session = session.clone();
        tokio::spawn(async move { session.get("http://a.test/").send().await.unwrap().text().await.unwrap() })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), "ok");
    }
    assert_eq!(session.get("https://secure.test/").send().await.unwrap().status(), 200);
    let mut by_connection: HashMap<usize, Vec<String>> = HashMap::new();
    for head in proxy.requests() {
        let proof = head.headers.get(PROXY_AUTHORIZATION).map_or("none", |proof| proof.to_str().unwrap());
        by_connection.entry(head.connection).or_default().push(proof.to_owned());
    }
    for (connection, legs) in by_connection {
        for attempt in legs.chunks(3) {
            assert_eq!(attempt, ["none", "Hand hello ann", "Hand proof ann 7"], "connection {connection}");
        }
    }
    nothing_is_left(&session).await;
}

#[tokio::test]
async fn a_proxy_that_ends_the_connection_within_the_handshake_is_an_error() {
    let server = always(ok);
    for url in ["http://a.test/", "https://a.test/"] {
        let proxy = proxy(ProxyOptions::new().close_after_challenge().name("a.test", server.addr()));
        let session = builder().proxies(by(&proxy)).no_retry().build().unwrap();
        let error = session.get(url).send().await.unwrap_err();
        assert!(matches!(Outcome::of(&error), Some(Outcome::Connect { .. })), "{error:?}");
        let told = sortie_testkit::told(&error);
        assert!(told.contains("had begun"), "{told}");
        assert_eq!(find::<ProxyError>(&error).map_or(ProxyErrorKind::Closed, ProxyError::kind), ProxyErrorKind::Closed);
        assert_eq!((proxy.requests().len(), server.requests().len()), (2, 0));
        nothing_is_left(&session).await;
    }
}

#[tokio::test]
async fn who_brings_credentials_for_the_proxy_does_not_go_by_a_connection_of_its_schemes_user() {
    let server = always(ok);
    let proxy = proxy(ProxyOptions::new().name("a.test", server.addr()));
    let session = builder().proxies(by(&proxy)).build().unwrap();
    session.get("http://a.test/ann").send().await.unwrap().text().await.unwrap();
    session.get("http://a.test/bob").header(PROXY_AUTHORIZATION, "Hand proof bob 7").send().await.unwrap();
    session.get("http://a.test/ann").send().await.unwrap();
    let of = |user: &str| -> Vec<usize> {
        proxy.requests().iter().filter(|head| head.uri.path() == user).map(|head| head.connection).collect()
    };
    assert_eq!((of("/ann"), of("/bob")), (vec![0; 6], vec![1]));
}
