//! What `requests` 2.34.2 still does wrong and a session does not: a test for each open defect in its list of behaviours,
//! under its number there. More of each subject is in the module of that subject.

use std::sync::{Arc, Mutex};

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use sortie::auth::{Basic, Digest};
use sortie::netrc::Netrc;
use sortie::redirect::RedirectOptions;
use sortie::transport::proxy::Proxies;
use sortie::{ErrorKind, Mount, RequestBuilder, Session, SessionBuilder};
use sortie_testkit::{Head, ProxyOptions, Scripted, TestServer, reply, told};
use url::Url;

use crate::support::{SECRET, always, builder, check, dialing, ok, redirect, sent_once, shows, values};

/// `http://a.test/start` leads to `http://b.test/`.
struct Foreign {
    a: TestServer,
    b: TestServer,
}

impl Foreign {
    fn new() -> Self {
        Self { a: always(|| redirect(307, "http://b.test/")), b: always(ok) }
    }

    fn session(&self) -> SessionBuilder {
        let servers = [("http://a.test", self.a.addr()), ("http://b.test", self.b.addr())];
        builder().transport_options(dialing(servers))
    }

    /// What each of the two received of this request.
    async fn received(
        &self,
        session: SessionBuilder,
        request: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> [Head; 2] {
        let session = session.build().unwrap();
        assert_eq!(request(session.get("http://a.test/start")).send().await.unwrap().status(), 200);
        [&self.a, &self.b].map(|server| server.requests()[0].clone())
    }
}

#[tokio::test]
async fn s10_what_the_session_says_beats_the_environment_which_cannot_weaken_tls_either() {
    let server = always(ok);
    let [theirs, ours] = [(); 2].map(|()| ProxyOptions::new().name("a.test", server.addr()).http());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (asks, by_env) = (asked.clone(), theirs.url("http"));
    let lookup = move |name: &str| {
        asks.lock().unwrap().push(name.to_ascii_uppercase());
        (name == "http_proxy").then(|| by_env.clone())
    };
    let session = Session::builder().env(lookup).proxy(ours.url("http").as_str()).build().unwrap();
    assert_eq!(session.get("http://a.test/").send().await.unwrap().status(), 200);
    assert_eq!((theirs.requests().len(), ours.requests().len()), (0, 1));
    // REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE beat `session.verify` there, and an empty one turned it off once (#6074).
    assert!(asked.lock().unwrap().iter().all(|name| name.ends_with("_PROXY")), "{asked:?}");
}

#[tokio::test]
async fn s15_a_length_by_hand_with_a_body_of_unknown_length_is_not_sent() {
    let server = always(ok);
    for (name, value) in [(CONTENT_LENGTH, "4"), (TRANSFER_ENCODING, "identity")] {
        let request = builder().build().unwrap().post(server.url("/")).header(name, value).body(sent_once());
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder, "{}", told(&error));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn s31_a_body_that_can_be_sent_once_is_not_sent_again_empty() {
    let sites = Foreign::new();
    let session = sites.session().build().unwrap();
    let error = session.post("http://a.test/start").body(sent_once()).send().await.unwrap_err();
    check(&error, ErrorKind::Redirect, "can be sent only once");
    assert!(sites.b.requests().is_empty());
}

#[tokio::test]
async fn s32_a_host_by_hand_is_for_the_first_host() {
    let sites = Foreign::new();
    let [a, b] = sites.received(sites.session(), |request| request.header(HOST, "front.test")).await;
    assert_eq!((values(&a, "host"), values(&b, "host")), (vec!["front.test"], vec!["b.test"]));
}

#[tokio::test]
async fn s36_a_netrc_beats_nothing_that_the_caller_says_on_any_hop() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(307, "/landed"),
        _ => ok(),
    });
    let netrc = Netrc::parse("machine a.test login netrc password s3cret").unwrap();
    let dialing = dialing([("http://a.test", server.addr())]);
    let session = builder().transport_options(dialing).netrc(netrc).build().unwrap();
    let with_auth = session.to_builder().auth(Basic::new("own", "pass")).build().unwrap();
    let url = "http://a.test/start";
    for (request, sent) in [
        (session.get(url).auth(Basic::new("own", "pass")), "Basic b3duOnBhc3M="),
        (with_auth.get(url), "Basic b3duOnBhc3M="),
        (session.get("http://own:pass@a.test/start"), "Basic b3duOnBhc3M="),
        (session.get(url).header(AUTHORIZATION, "by hand"), "by hand"),
        (session.get(url).no_auth(), ""),
        // What would take over, if it could.
        (session.get(url), "Basic bmV0cmM6czNjcmV0"),
    ] {
        request.send().await.unwrap();
        let requests = server.requests();
        let last: Vec<_> = requests[requests.len() - 2..].iter().collect();
        assert_eq!(last.iter().map(|head| head.uri.path()).collect::<Vec<_>>(), ["/start", "/landed"]);
        assert_eq!(last.iter().map(|head| values(head, "authorization").join("")).collect::<Vec<_>>(), [sent; 2]);
    }
}

#[tokio::test]
async fn s38_cookies_of_a_request_are_for_its_host() {
    let sites = Foreign::new();
    let [a, b] = sites.received(sites.session(), |request| request.cookie("id", SECRET)).await;
    assert_eq!((shows(&a, SECRET), shows(&b, SECRET)), (true, false));
}

#[tokio::test]
async fn s39_a_key_in_a_header_of_its_own_can_be_kept_from_foreign_origins() {
    let sites = Foreign::new();
    let options = RedirectOptions::default().sensitive(HeaderName::from_static("x-api-key"));
    let [a, b] = sites.received(sites.session().redirect(options), |request| request.header("x-api-key", SECRET)).await;
    assert_eq!((shows(&a, SECRET), shows(&b, SECRET)), (true, false));
}

#[tokio::test]
async fn s40_an_authorization_header_by_hand_beats_the_sessions_auth_and_the_urls() {
    let server = always(ok);
    let session = builder().auth(Basic::new("session", SECRET)).build().unwrap();
    let url = server.url("/").replace("//", "//url:s3cret@");
    session.get(url).header(AUTHORIZATION, "by hand").send().await.unwrap();
    assert_eq!(values(&server.requests()[0], "authorization"), ["by hand"]);
}

#[tokio::test]
async fn s50_a_foreign_servers_digest_challenge_is_not_answered() {
    let asks = || reply(401, [("www-authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"")], "");
    let sites = Foreign { a: always(|| redirect(307, "http://b.test/")), b: always(asks) };
    let session = sites.session().auth(Digest::new("user", SECRET)).build().unwrap();
    assert_eq!(session.get("http://a.test/start").send().await.unwrap().status(), 401);
    let [asked] = &sites.b.requests()[..] else { panic!("it was asked once") };
    assert!(values(asked, "authorization").is_empty());
}

#[tokio::test]
async fn s56_proxies_that_are_given_take_exceptions_and_each_hop_is_asked_for_anew() {
    let inside = always(ok);
    let location = inside.url("/inside");
    let first = TestServer::from_fn(move |_| std::future::ready(redirect(302, &location)));
    let proxy = ProxyOptions::new().name("a.test", first.addr()).http();
    let proxies = Proxies::all(proxy.url("http").as_str().try_into().unwrap()).no_proxy("127.0.0.1");
    let session = builder().proxies(proxies).build().unwrap();
    let response = session.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.url().unwrap().path(), "/inside");
    assert_eq!((proxy.requests().len(), inside.requests().len()), (1, 1));
}

#[tokio::test]
async fn s59_a_mount_is_for_its_host_and_not_for_names_that_begin_alike() {
    let (mounted, others) = (Scripted::from_fn(|_, _| Ok(ok())), Scripted::from_fn(|_, _| Ok(ok())));
    let mount = Mount::new().transport(mounted.clone()).header("x-key", SECRET);
    let session = builder().mount("http://github.test", mount).transport(others.clone()).build().unwrap();
    for (url, is_mounted) in [
        ("http://github.test/x", true),
        ("http://GITHUB.test:80/x", true),
        ("http://user@github.test/x", true),
        ("http://github.test.evil.test/x", false),
        ("http://github.test:81/x", false),
        ("http://github.test@evil.test/x", false),
    ] {
        let before = (mounted.requests().len(), others.requests().len());
        session.get(url).send().await.unwrap();
        let after = (mounted.requests().len(), others.requests().len());
        let expected = if is_mounted { (before.0 + 1, before.1) } else { (before.0, before.1 + 1) };
        assert_eq!(after, expected, "{url}");
    }
    assert!(others.requests().iter().all(|request| !request.headers.contains_key("x-key")));
}

#[tokio::test]
async fn s63_cookies_of_public_suffixes_and_of_false_names_are_not_kept() {
    let server = always(|| {
        let cookies = ["suffix=1; Domain=co.uk", "__Host-id=1", "__Secure-id=1", "plain=1; Secure", "good=1"];
        reply(200, cookies.map(|cookie| ("set-cookie", cookie)), "")
    });
    let session = builder().transport_options(dialing([("http://shop.co.uk", server.addr())])).build().unwrap();
    session.get("http://shop.co.uk/").send().await.unwrap();
    let jar = session.cookies().unwrap();
    let kept: Vec<_> = jar.iter().map(|stored| stored.cookie.name().to_owned()).collect();
    assert_eq!(kept, ["good"]);
    let elsewhere = Url::parse("https://other.co.uk/").unwrap();
    assert!(jar.header(&elsewhere).is_none());
}
