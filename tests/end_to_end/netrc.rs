//! A netrc: whom it signs for, after what else, and that no host gets what is another's.

use sortie::auth::{Basic, Bearer};
use sortie::netrc::Netrc;
use sortie::{ErrorKind, Mount, RequestBuilder, Session, SessionBuilder};
use sortie_testkit::{Scripted, ServerOptions, TestServer, TlsSetup, reply, status, told};

use crate::support::{SECRET, builder, check, dialing, ok, redirect, shows, trusting, values};

const A: &str = "Basic YTphcA=="; // a:ap
const B: &str = "Basic YjpicA=="; // b:bp
const DEFAULT: &str = "Basic ZDpkcA=="; // d:dp

fn netrc() -> Netrc {
    Netrc::parse(
        "machine a.test login a password ap\nmachine b.test login b password bp\n\
         machine empty.test\ndefault login d password dp",
    )
    .unwrap()
}

async fn authorization(server: &Scripted, request: RequestBuilder) -> Option<String> {
    request.send().await.unwrap();
    server.requests().last().unwrap().header("authorization").map(ToOwned::to_owned)
}

// requests S40 and S107, the other way round: requests #3929.
#[tokio::test]
async fn everything_else_comes_before_a_netrc() {
    let server = Scripted::from_fn(|_, _| Ok(status(200)));
    let plain = || builder().transport(server.clone()).netrc(netrc());
    let of = |change: fn(SessionBuilder) -> SessionBuilder| change(plain()).build().unwrap();
    let session = of(|session| session);
    let with_header = of(|session| session.header("authorization", "default"));
    let with_auth = of(|session| session.auth(Bearer::new("session")));
    let with_mount = of(|session| {
        session
            .mount("http://a.test/", Mount::new().auth(Bearer::new("mount")))
            .mount("http://b.test/", Mount::new().no_auth())
    });
    let without = session.to_builder().no_netrc().build().unwrap();
    let reread = without.to_builder().netrc(netrc()).build().unwrap();
    for (request, expected) in [
        (session.get("http://a.test/"), Some(A)),
        (session.get("https://A.test:8443/"), Some(A)),
        (session.get("http://b.test/"), Some(B)),
        (session.get("http://c.test/"), Some(DEFAULT)),
        (session.get("http://empty.test/"), None),
        (session.get("http://a.test/").header("authorization", "own"), Some("own")),
        (session.get("http://a.test/").auth(Bearer::new("own")), Some("Bearer own")),
        (session.get("http://a.test/").basic_auth("", ""), Some("Basic Og==")),
        (session.get("http://a.test/").no_auth(), None),
        (session.get("http://u:p@a.test/"), Some("Basic dTpw")),
        (session.get("http://a@a.test/"), Some(A)),
        (session.get("http://u@a.test/"), None),
        (with_header.get("http://a.test/"), Some("default")),
        (with_auth.get("http://a.test/"), Some("Bearer session")),
        (with_mount.get("http://a.test/"), Some("Bearer mount")),
        (with_mount.get("http://b.test/"), None),
        (with_mount.get("http://c.test/"), Some(DEFAULT)),
        (without.get("http://a.test/"), None),
        (reread.get("http://a.test/"), Some(A)),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(authorization(&server, request).await.as_deref(), expected, "{shown}");
    }
}

#[tokio::test]
async fn none_is_read_unless_asked_for_and_the_environment_is_another_matter() {
    let server = Scripted::from_fn(|_, _| Ok(status(200)));
    let asked = |name: &str| match name {
        "NETRC" | "HOME" => panic!("{name} was looked up"),
        _ => None,
    };
    let session = Session::builder().env(asked).transport(server.clone()).build().unwrap();
    assert_eq!(authorization(&server, session.get("http://a.test/")).await, None);
    let session = session.to_builder().netrc(netrc()).no_env().build().unwrap();
    assert_eq!(authorization(&server, session.get("http://a.test/")).await.as_deref(), Some(A));
}

#[tokio::test]
async fn what_is_replaced_counts_for_the_next_request() {
    let server = Scripted::from_fn(|_, _| Ok(status(200)));
    let netrc = netrc();
    let session = builder().transport(server.clone()).netrc(netrc.clone()).build().unwrap();
    netrc.replace(&Netrc::parse("machine a.test login b password bp").unwrap());
    assert_eq!(authorization(&server, session.get("http://a.test/")).await.as_deref(), Some(B));
}

#[tokio::test]
async fn a_login_that_cannot_be_sent_is_an_error_without_it() {
    let netrc = Netrc::parse("machine a.test login s3cret:x password s3cret").unwrap();
    let server = Scripted::from_fn(|_, _| Ok(status(200)));
    let session = builder().transport(server.clone()).netrc(netrc).build().unwrap();
    let error = session.get("http://a.test/").send().await.unwrap_err();
    check(&error, ErrorKind::Auth, "Netrc: the login for this host has a colon");
    assert!(!told(&error).contains(SECRET) && !format!("{session:?}{:?}", session.to_builder()).contains(SECRET));
    assert_eq!(server.count(), 0);
}

/// A leads to B, B to C, and C back to A.
struct Sites([TestServer; 3]);

impl Sites {
    fn new() -> Self {
        Self(["http://b.test/1", "http://c.test/2", "http://a.test/back"].map(|location| {
            TestServer::from_fn(async move |request| match request.uri().path() {
                "/back" => ok(),
                _ => redirect(307, location),
            })
        }))
    }

    fn session(&self) -> SessionBuilder {
        let Self([a, b, c]) = self;
        let servers = [("http://a.test", a.addr()), ("http://b.test", b.addr()), ("http://c.test", c.addr())];
        builder().transport_options(dialing(servers)).netrc(netrc())
    }

    /// The `Authorization` that A, B, C and A again received.
    fn seen(&self) -> [Vec<String>; 4] {
        let [a, b, c] = self.0.each_ref().map(TestServer::requests);
        [&a[0], &b[0], &c[0], &a[1]].map(|head| values(head, "authorization").into_iter().map(Into::into).collect())
    }
}

// requests S36: an entry beats there what the caller gave.
#[tokio::test]
async fn each_hop_has_the_entry_of_its_own_host_and_no_other() {
    fn own(session: &Session) -> RequestBuilder {
        session.get("http://a.test/start")
    }
    type Ask = fn(&Session) -> RequestBuilder;
    let requests = [
        // C has none, and `default` is not for whom a stranger names.
        (own as Ask, [&[A][..], &[B], &[], &[A]]),
        (|session| session.get("http://u:p@a.test/start"), [&["Basic dTpw"], &[B], &[], &[A]]),
        (|session| session.get("http://a.test/start").bearer_auth("t"), [&["Bearer t"], &[B], &[], &[A]]),
        (|session| session.get("http://a.test/start").header("authorization", "t"), [&["t"], &[B], &[], &[A]]),
        (|session| session.get("http://a.test/start").no_auth(), [&[], &[], &[], &[]]),
    ];
    for (request, expected) in requests {
        let sites = Sites::new();
        request(&sites.session().build().unwrap()).send().await.unwrap();
        assert_eq!(sites.seen(), expected.map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }
    let sites = Sites::new();
    let session = sites.session().auth(Basic::new("u", "p")).mount("http://b.test/", Mount::new().no_auth());
    own(&session.build().unwrap()).send().await.unwrap();
    assert_eq!(sites.seen().concat(), ["Basic dTpw", A]);
}

#[tokio::test]
async fn on_one_host_a_redirect_does_not_change_who_signs() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "/end"),
        _ => ok(),
    });
    for (url, request_auth, expected) in [
        ("http://a.test/start", None, A),
        ("http://a.test/start", Some("own"), "Bearer own"),
        ("http://c.test/start", None, DEFAULT),
        ("http://u:p@a.test/start", None, "Basic dTpw"),
    ] {
        let before = server.requests().len();
        let servers = [("http://a.test", server.addr()), ("http://c.test", server.addr())];
        let session = builder().transport_options(dialing(servers)).netrc(netrc()).build().unwrap();
        let request = session.get(url);
        request_auth.map_or(session.get(url), |token| request.bearer_auth(token)).send().await.unwrap();
        let heads = server.requests().split_off(before);
        assert_eq!(heads.len(), 2);
        assert!(heads.iter().all(|head| values(head, "authorization") == [expected]), "{url}: {heads:?}");
    }
}

#[tokio::test]
async fn what_was_asked_over_https_is_not_signed_without_it() {
    let https = ServerOptions::new()
        .tls(TlsSetup::new().names(["a.test"]))
        .serve_fn(async |_| reply(302, [("location", "http://a.test/end")], ""));
    let http = TestServer::from_fn(async |_| ok());
    let servers = [("https://a.test", https.addr()), ("http://a.test", http.addr())];
    let tls = trusting(https.certificate_authority()).build().unwrap();
    let session = builder().transport_options(dialing(servers).tls(tls)).netrc(netrc()).build().unwrap();
    session.get("https://a.test/start").send().await.unwrap();
    assert_eq!(values(&https.requests()[0], "authorization"), [A]);
    assert!(!shows(&http.requests()[0], "Basic"));
}
