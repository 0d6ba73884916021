//! What was meant for one server does not reach another: the redirect rows of the list of known vulnerabilities in HTTP
//! clients, each as a test against two servers that redirect to each other.

use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use sortie::auth::{Basic, Bearer};
use sortie::core::Origin;
use sortie::redirect::RedirectOptions;
use sortie::retry::RetryOptions;
use sortie::{ErrorKind, Mount, RequestBuilder, SessionBuilder};
use sortie_testkit::{ServerOptions, TestServer, TlsSetup, reply, told};
use url::Url;

use crate::support::{
    Challenged, SECRET, builder, challenge, check, dialing, ok, paths, redirect, shows, trusting, values,
};

const A: &str = "http://a.test/start";

/// A leads to B/1, B/1 to B/2, and B/2 back to A/back.
struct Sites {
    a: TestServer,
    b: TestServer,
}

impl Sites {
    fn new() -> Self {
        let a = TestServer::from_fn(async |request| match request.uri().path() {
            "/start" => redirect(307, "http://b.test/1"),
            _ => ok(),
        });
        let b = TestServer::from_fn(async |request| match request.uri().path() {
            "/1" => redirect(307, "/2"),
            _ => redirect(307, "http://a.test/back"),
        });
        Self { a, b }
    }

    fn session(&self) -> SessionBuilder {
        let servers = [("http://a.test", self.a.addr()), ("http://b.test", self.b.addr())];
        builder().transport_options(dialing(servers))
    }

    /// Takes a request through the chain and checks that `header` reached A at first, and after that nobody.
    async fn only_the_first_sees(
        self,
        header: &HeaderName,
        session: impl FnOnce(SessionBuilder) -> SessionBuilder,
        url: &str,
        request: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) {
        let session = session(self.session()).build().unwrap();
        let response = request(session.get(url)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.url().unwrap().as_str(), "http://a.test/back");

        let (a, b) = (self.a.requests(), self.b.requests());
        assert_eq!((paths(&a), paths(&b)), (vec!["/start", "/back"], vec!["/1", "/2"]));
        assert!(a[0].headers.contains_key(header), "the first server is to have it: {:?}", a[0]);
        for head in [&b[0], &b[1], &a[1]] {
            assert!(!head.headers.contains_key(header), "{header} went to {head:?}");
            assert!(!shows(head, SECRET), "it went to {head:?}");
        }
    }
}

fn unchanged(session: SessionBuilder) -> SessionBuilder {
    session
}

fn secret() -> HeaderValue {
    HeaderValue::from_static(SECRET)
}

// CVE-2014-1829, CVE-2018-20060, and CVE-2018-25091, where a name in lower case was overlooked.
#[tokio::test]
async fn an_authorization_header_of_the_request_does_not_leave_its_origin() {
    Sites::new().only_the_first_sees(&AUTHORIZATION, unchanged, A, |r| r.header("Authorization", SECRET)).await;
}

// aiohttp #13180: the first of two was dropped.
#[tokio::test]
async fn all_of_several_authorization_headers_stay_with_their_origin() {
    let mut headers = HeaderMap::new();
    headers.append(AUTHORIZATION, secret());
    headers.append(AUTHORIZATION, HeaderValue::from_static("other-s3cret"));
    let sites = Sites::new();
    sites.only_the_first_sees(&AUTHORIZATION, unchanged, A, |r| r.headers(headers)).await;
}

// reqwest adds a default header again on the second hop.
#[tokio::test]
async fn a_default_authorization_header_is_not_added_again_after_it_was_stripped() {
    Sites::new().only_the_first_sees(&AUTHORIZATION, |s| s.header("authorization", SECRET), A, |r| r).await;
}

// httpx PR 1267: `auth=` was applied again.
#[tokio::test]
async fn the_sessions_auth_does_not_sign_for_a_foreign_origin() {
    Sites::new().only_the_first_sees(&AUTHORIZATION, |s| s.auth(Bearer::new(SECRET)), A, |r| r).await;
}

#[tokio::test]
async fn the_requests_auth_does_not_sign_for_a_foreign_origin() {
    Sites::new().only_the_first_sees(&AUTHORIZATION, unchanged, A, |r| r.auth(Basic::new("user", SECRET))).await;
}

#[tokio::test]
async fn the_requests_auth_gives_no_way_to_the_sessions_on_a_foreign_origin() {
    let sites = Sites::new();
    sites.only_the_first_sees(&AUTHORIZATION, |s| s.auth(Bearer::new(SECRET)), A, |r| r.bearer_auth(SECRET)).await;
}

#[tokio::test]
async fn userinfo_of_the_url_does_not_sign_for_a_foreign_origin() {
    let url = "http://user:s3cret@a.test/start";
    Sites::new().only_the_first_sees(&AUTHORIZATION, unchanged, url, |r| r).await;
}

// CVE-2024-37891. It is for a proxy, and here is none; `proxies` has what a redirect through one does.
#[tokio::test]
async fn proxy_authorization_reaches_no_origin() {
    let sites = Sites::new();
    let session = sites.session().build().unwrap();
    let response = session.get(A).header(PROXY_AUTHORIZATION, SECRET).send().await.unwrap();
    assert_eq!(response.history().len(), 3);
    assert!(sites.a.requests().iter().chain(&sites.b.requests()).all(|head| !shows(head, SECRET)));
}

// CVE-2023-43804, CVE-2026-34518.
#[tokio::test]
async fn a_cookie_header_by_hand_does_not_leave_its_origin() {
    Sites::new().only_the_first_sees(&COOKIE, unchanged, A, |r| r.header(COOKIE, "id=s3cret")).await;
}

// CVE-2026-47265, requests S38.
#[tokio::test]
async fn cookies_of_the_request_do_not_leave_their_origin() {
    Sites::new().only_the_first_sees(&COOKIE, unchanged, A, |r| r.cookie("id", SECRET)).await;
}

// requests S39.
#[tokio::test]
async fn a_header_named_sensitive_does_not_leave_its_origin() {
    let name = HeaderName::from_static("x-api-key");
    let options = RedirectOptions::default().sensitive(name.clone());
    Sites::new().only_the_first_sees(&name, |s| s.redirect(options), A, |r| r.header("X-Api-Key", SECRET)).await;
}

// A request that says how far it goes has not said that the session's keys are no secrets.
#[tokio::test]
async fn a_header_that_the_session_names_sensitive_does_not_leave_for_options_of_the_requests_own() {
    let name = HeaderName::from_static("x-api-key");
    let session = |s: SessionBuilder| {
        s.redirect(RedirectOptions::default().sensitive(HeaderName::from_static("x-api-key")))
            .header("x-api-key", SECRET)
    };
    let own = RedirectOptions::default().limit(5);
    Sites::new().only_the_first_sees(&name, session, A, |r| r.redirect(own)).await;
}

// requests S39.
#[tokio::test]
async fn a_header_whose_value_is_marked_sensitive_does_not_leave_its_origin() {
    let name = HeaderName::from_static("x-token");
    let mut value = secret();
    value.set_sensitive(true);
    Sites::new().only_the_first_sees(&name, unchanged, A, |r| r.header("x-token", value)).await;
}

#[tokio::test]
async fn a_default_header_marked_sensitive_does_not_leave_its_origin() {
    let name = HeaderName::from_static("x-token");
    let mut value = secret();
    value.set_sensitive(true);
    Sites::new().only_the_first_sees(&name, |s| s.header("x-token", value), A, |r| r).await;
}

// requests S32.
#[tokio::test]
async fn a_host_by_hand_does_not_reach_a_foreign_origin() {
    let sites = Sites::new();
    let session = sites.session().build().unwrap();
    session.get(A).header(HOST, "virtual.test").send().await.unwrap();
    let (a, b) = (sites.a.requests(), sites.b.requests());
    assert_eq!(values(&a[0], "host"), ["virtual.test"]);
    assert_eq!((values(&b[0], "host"), values(&b[1], "host")), (vec!["b.test"], vec!["b.test"]));
    assert_eq!(values(&a[1], "host"), ["a.test"]);
}

#[tokio::test]
async fn what_is_no_credential_goes_all_the_way() {
    let sites = Sites::new();
    let session = sites.session().header("x-default", "d").build().unwrap();
    session.get(A).header("x-own", "o").send().await.unwrap();
    for head in sites.a.requests().iter().chain(&sites.b.requests()) {
        assert_eq!((values(head, "x-default"), values(head, "x-own")), (vec!["d"], vec!["o"]), "{head:?}");
    }
}

// CVE-2015-2296, requests S38.
#[tokio::test]
async fn a_cookie_that_a_redirect_sets_is_of_the_server_that_set_it() {
    let a = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => reply(302, [("location", "http://b.test/"), ("set-cookie", "id=s3cret; Path=/")], ""),
        _ => ok(),
    });
    let b = TestServer::from_fn(async |_| redirect(302, "http://a.test/back"));
    let servers = [("http://a.test", a.addr()), ("http://b.test", b.addr())];
    let session = builder().transport_options(dialing(servers)).build().unwrap();
    session.get(A).send().await.unwrap();

    assert!(b.requests().iter().all(|head| !head.headers.contains_key(COOKIE)));
    // It is the jar's, not the request's: A gets it back, from B too.
    assert_eq!(values(&a.requests()[1], "cookie"), ["id=s3cret"]);
    let jar = session.cookies().unwrap();
    assert!(jar.get(&Url::parse("http://a.test/").unwrap(), "id").is_some());
    assert!(jar.get(&Url::parse("http://b.test/").unwrap(), "id").is_none());
}

#[tokio::test]
async fn a_cookie_of_a_401_and_of_a_503_is_kept_and_sent_with_the_next_attempt() {
    let server = TestServer::from_fn(async |request| {
        let cookies = request.headers().get(COOKIE).map_or("", |cookies| cookies.to_str().unwrap());
        match cookies {
            "" => reply(503, [("retry-after", "0"), ("set-cookie", "busy=1; Path=/")], ""),
            "busy=1" => reply(401, [("set-cookie", "nonce=2; Path=/")], ""),
            _ => ok(),
        }
    });
    let servers = [("http://a.test", server.addr())];
    let session = builder()
        .transport_options(dialing(servers))
        .retry(RetryOptions::standard())
        .auth(Challenged::default())
        .build()
        .unwrap();
    assert_eq!(session.get(A).send().await.unwrap().status(), 200);
    assert_eq!(values(&server.requests()[2], "cookie"), ["busy=1; nonce=2"]);
    let jar = session.cookies().unwrap();
    let url = Url::parse("http://a.test/").unwrap();
    assert!(jar.get(&url, "busy").is_some() && jar.get(&url, "nonce").is_some());
}

// aiohttp #12825, requests S50.
#[tokio::test]
async fn a_foreign_challenge_is_not_answered() {
    for (who, of_session, of_request) in [("session", true, false), ("request", false, true), ("both", true, true)] {
        let a = TestServer::from_fn(async |request| match request.headers().get(AUTHORIZATION) {
            None => challenge(),
            Some(_) => redirect(302, "http://b.test/"),
        });
        let b = TestServer::from_fn(async |_| challenge());
        let servers = [("http://a.test", a.addr()), ("http://b.test", b.addr())];
        let mut session = builder().transport_options(dialing(servers));
        if of_session {
            session = session.auth(Challenged::default());
        }
        let session = session.build().unwrap();
        let mut request = session.get(A);
        if of_request {
            request = request.auth(Challenged::default());
        }
        let response = request.send().await.unwrap();

        assert_eq!(response.status(), 401, "{who}");
        let (a, b) = (a.requests(), b.requests());
        assert_eq!((a.len(), values(&a[1], "authorization")), (2, vec!["answer"]), "{who}");
        assert_eq!((b.len(), values(&b[0], "authorization")), (1, vec![]), "{who}");
    }
}

#[tokio::test]
async fn what_a_mount_adds_stays_below_its_prefix() {
    let a = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "http://b.test/api/1"),
        "/v1/3" => redirect(302, "http://b.test/api/../out"),
        _ => ok(),
    });
    let b = TestServer::from_fn(async |request| match request.uri().path() {
        "/api/1" => redirect(302, "/api/2?own=1"),
        "/api/2" => redirect(302, "/apix"),
        "/apix" => redirect(302, "http://a.test/v1/3"),
        _ => redirect(302, "http://a.test/end"),
    });
    let servers = [("http://a.test", a.addr()), ("http://b.test", b.addr())];
    let mount = Mount::new().header("x-mount", SECRET).auth(Bearer::new(SECRET)).query("key", SECRET);
    let session = builder().transport_options(dialing(servers)).mount("http://b.test/api/", mount).build().unwrap();
    let response = session.get(A).send().await.unwrap();

    let (a, b) = (a.requests(), b.requests());
    assert_eq!(paths(&a), ["/start", "/v1/3", "/end"]);
    assert_eq!(paths(&b), ["/api/1", "/api/2", "/apix", "/out"]);
    // The redirect came into the mount from elsewhere, which is no reason to do without.
    for (head, query) in [(&b[0], "key=s3cret"), (&b[1], "own=1&key=s3cret")] {
        assert_eq!(values(head, "x-mount"), [SECRET], "{head:?}");
        assert_eq!(values(head, "authorization"), ["Bearer s3cret"], "{head:?}");
        assert_eq!(head.uri.query(), Some(query), "{head:?}");
    }
    for head in a.iter().chain(&b[2..]) {
        assert!(!head.headers.contains_key(AUTHORIZATION) && !shows(head, SECRET), "{head:?}");
    }
    let hops: Vec<_> = response.history().iter().map(|hop| hop.url().as_str()).collect();
    assert_eq!(
        hops[1..3],
        ["http://b.test/api/1", "http://b.test/api/2?own=1"],
        "the mount's query is on the wire only"
    );
}

#[tokio::test]
async fn a_mount_acts_again_when_the_chain_comes_back_to_it() {
    let sites = Sites::new();
    let mount = Mount::new().auth(Bearer::new("mount"));
    let session = sites.session().mount("http://a.test/", mount).build().unwrap();
    session.get(A).send().await.unwrap();
    let (a, b) = (sites.a.requests(), sites.b.requests());
    assert_eq!(
        (values(&a[0], "authorization"), values(&a[1], "authorization")),
        (vec!["Bearer mount"], vec!["Bearer mount"])
    );
    assert!(b.iter().all(|head| !head.headers.contains_key(AUTHORIZATION)));
}

/// `http://a.test` leads to `https://a.test` and the other way round, both on their default ports.
struct Schemes {
    http: TestServer,
    https: TestServer,
}

impl Schemes {
    fn new() -> Self {
        let http = TestServer::from_fn(async |request| match request.uri().path() {
            "/up" => redirect(301, "https://a.test/end"),
            _ => ok(),
        });
        let https = ServerOptions::new().tls(TlsSetup::new().names(["a.test"])).serve_fn(async |request| match request
            .uri()
            .path()
        {
            "/down" => redirect(301, "http://a.test/end"),
            _ => ok(),
        });
        Self { http, https }
    }

    async fn get(&self, url: &str) {
        let servers = [("http://a.test", self.http.addr()), ("https://a.test", self.https.addr())];
        let tls = trusting(self.https.certificate_authority()).build().unwrap();
        let session = builder().transport_options(dialing(servers).tls(tls)).auth(Bearer::new(SECRET)).build().unwrap();
        let request = session.get(url).cookie("id", SECRET);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}

const KEPT_OR_NOT: [HeaderName; 2] = [AUTHORIZATION, COOKIE];

#[tokio::test]
async fn credentials_follow_the_upgrade_from_http_to_https_on_default_ports() {
    let schemes = Schemes::new();
    schemes.get("http://a.test/up").await;
    let head = &schemes.https.requests()[0];
    for name in KEPT_OR_NOT {
        assert!(head.headers.contains_key(&name), "{name} is missing: {head:?}");
    }
}

// CVE-2018-18074.
#[tokio::test]
async fn credentials_do_not_follow_a_downgrade_to_http() {
    let schemes = Schemes::new();
    schemes.get("https://a.test/down").await;
    assert!(KEPT_OR_NOT.iter().all(|name| schemes.https.requests()[0].headers.contains_key(name)));
    let head = &schemes.http.requests()[0];
    assert!(KEPT_OR_NOT.iter().all(|name| !head.headers.contains_key(name)) && !shows(head, SECRET), "{head:?}");
}

#[tokio::test]
async fn another_port_of_the_same_host_is_foreign() {
    let other = TestServer::from_fn(async |_| ok());
    let location = other.url("/");
    let first = TestServer::from_fn(move |_| {
        let answer = redirect(302, &location);
        async move { answer }
    });
    let session = builder().auth(Bearer::new(SECRET)).build().unwrap();
    session.get(first.url("/")).send().await.unwrap();
    assert_eq!(values(&first.requests()[0], "authorization"), ["Bearer s3cret"]);
    assert!(!shows(&other.requests()[0], SECRET));
}

#[tokio::test]
async fn the_host_is_compared_without_regard_to_case() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "HTTP://A.TEST:80/end"),
        _ => ok(),
    });
    let servers = [("http://a.test", server.addr())];
    let session = builder().transport_options(dialing(servers)).auth(Bearer::new("t")).build().unwrap();
    session.get(A).send().await.unwrap();
    assert_eq!(values(&server.requests()[1], "authorization"), ["Bearer t"]);
}

// CVE-2023-45803.
#[tokio::test]
async fn after_a_303_neither_the_body_nor_what_describes_it_is_sent() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(303, "/end"),
        _ => reply(200, [], sortie::Body::new(request.into_body())),
    });
    let servers = [("http://a.test", server.addr())];
    let session = builder().transport_options(dialing(servers)).build().unwrap();
    let request = session.post(A).form(&[("password", SECRET)]).header("content-language", "en").header("digest", "x");
    let response = request.send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), "");

    let requests = server.requests();
    assert_eq!((requests[0].method.as_str(), requests[1].method.as_str()), ("POST", "GET"));
    for name in ["content-type", "content-length", "content-language", "digest", "transfer-encoding"] {
        assert!(!requests[1].headers.contains_key(name), "{name}: {:?}", requests[1]);
    }
}

// requests S35.
#[tokio::test]
async fn credentials_in_a_location_are_neither_used_nor_shown() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "http://user:s3cret@a.test/middle"),
        "/middle" => redirect(302, "//user:s3cret@a.test/end"),
        _ => ok(),
    });
    let servers = [("http://a.test", server.addr())];
    let session = builder().transport_options(dialing(servers)).build().unwrap();
    let response = session.get(A).send().await.unwrap();
    assert_eq!(response.url().unwrap().as_str(), "http://a.test/end");
    assert!(response.history().iter().all(|hop| !hop.url().as_str().contains('@')));
    assert!(server.requests().iter().all(|head| !head.headers.contains_key(AUTHORIZATION) && !shows(head, SECRET)));
}

#[tokio::test]
async fn userinfo_of_the_url_signs_and_is_seen_nowhere_else() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "/end"),
        _ => ok(),
    });
    let servers = [("http://a.test", server.addr())];
    let session = builder().transport_options(dialing(servers)).build().unwrap();
    let response = session.get("http://user:p%40ss@a.test/start").send().await.unwrap();
    assert_eq!(response.url().unwrap().as_str(), "http://a.test/end");
    assert_eq!(response.history()[0].url().as_str(), "http://a.test/start");
    // "user:p@ss", on the second hop of the same origin as on the first.
    for head in server.requests() {
        assert_eq!(values(&head, "authorization"), ["Basic dXNlcjpwQHNz"]);
        assert_eq!(values(&head, "host"), ["a.test"]);
    }
}

#[tokio::test]
async fn userinfo_is_in_no_error() {
    let server = TestServer::from_fn(async |_| redirect(302, "http://user:s3cret@nowhere.test/?s3cret"));
    let servers = [("http://a.test", server.addr())];
    let session = builder().transport_options(dialing(servers)).build().unwrap();

    let error = session.get("http://user:s3cret@nowhere.test/p?s3cret#s3cret").send().await.unwrap_err();
    check(&error, ErrorKind::Connect, "nowhere.test");
    assert_eq!(error.url().unwrap().as_str(), "http://nowhere.test/p");

    let error = session.get("http://user:s3cret@a.test/p?s3cret").send().await.unwrap_err();
    check(&error, ErrorKind::Connect, "nowhere.test");

    let raw = http::Request::get("http://user:s3cret@nowhere.test/p?s3cret").body(()).unwrap();
    check(&session.send(raw).await.unwrap_err(), ErrorKind::Connect, "nowhere.test");

    let response = session.get("http://user:s3cret@a.test/").no_redirect().send().await.unwrap();
    assert!(!format!("{response:?}{:?}", session.get("http://user:s3cret@a.test/")).contains(SECRET));
    let builder = session.to_builder().auth(Bearer::new(SECRET)).header("authorization", SECRET);
    assert!(!format!("{builder:?}{:?}", builder.clone().build().unwrap()).contains(SECRET));
    assert!(!told(&error).contains("user"));
}

#[derive(Clone, Debug, PartialEq)]
struct OwnCredential(&'static str);

#[tokio::test]
async fn a_type_of_the_users_own_can_be_kept_from_foreign_origins() {
    for (options, kept) in [
        (RedirectOptions::default(), [true, true, true, true]),
        (RedirectOptions::default().drop_on_crossing::<OwnCredential>(), [true, false, false, false]),
    ] {
        let sites = Sites::new();
        let (seen, log) = std::sync::mpsc::channel();
        let session = sites
            .session()
            .redirect(options)
            .hop_layer(tower::util::MapRequestLayer::new(move |request: http::Request<sortie::Body>| {
                seen.send(request.extensions().get::<OwnCredential>().is_some()).unwrap();
                request
            }))
            .build()
            .unwrap();
        session.get(A).extension(OwnCredential(SECRET)).send().await.unwrap();
        assert_eq!(log.try_iter().collect::<Vec<_>>(), kept);
    }
}

#[tokio::test]
async fn an_origin_that_is_trusted_keeps_what_the_others_lose() {
    let sites = Sites::new();
    let b = Origin::of(&http::Uri::from_static("http://b.test/"));
    let options = RedirectOptions::default().danger().keep_credentials_across_origins(b);
    let session = sites.session().auth(Bearer::new("t")).redirect(options).build().unwrap();
    session.get(A).header(HOST, "virtual.test").send().await.unwrap();
    let (a, b) = (sites.a.requests(), sites.b.requests());
    for head in a.iter().chain(&b) {
        assert_eq!(values(head, "authorization"), ["Bearer t"], "{head:?}");
    }
    // A name by hand is not a credential: it is wrong for any other server.
    assert_eq!((values(&a[0], "host"), values(&b[0], "host")), (vec!["virtual.test"], vec!["b.test"]));
}
