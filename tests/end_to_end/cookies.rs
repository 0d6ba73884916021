//! Cookies of a session: kept from every answer, sent where they belong, and given or refused per request.

use http::header::COOKIE;
use sortie::cookies::{CookieOptions, HandSet, Jar, JarOptions};
use sortie::{Mount, SessionBuilder};
use sortie_testkit::{ServerOptions, TestServer, TlsSetup, reply};
use url::Url;

use crate::support::{builder, dialing, ok, redirect, trusting, values};

/// A site with a log-in form: the right password gets a session cookie and leads to the page that needs it.
fn site() -> TestServer {
    TestServer::from_fn(async |request| {
        let cookies = request.headers().get(COOKIE).map_or("", |value| value.to_str().unwrap()).to_owned();
        match (request.method().as_str(), request.uri().path()) {
            ("GET", "/login") => reply(200, [("set-cookie", "csrf=t0k3n; Path=/login")], "<form>"),
            ("POST", "/login") => {
                let form = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
                if form == "user=me&password=a+b%26c" && cookies == "csrf=t0k3n" {
                    let set =
                        [("set-cookie", "sid=42; Path=/; HttpOnly"), ("set-cookie", "lang=en"), ("location", "/me")];
                    reply(303, set, "")
                } else {
                    reply(403, [], "wrong")
                }
            }
            ("GET", "/logout") => reply(200, [("set-cookie", "sid=; Path=/; Max-Age=0")], "bye"),
            _ if cookies.contains("sid=42") => ok(),
            _ => reply(401, [], "log in"),
        }
    })
}

fn on(server: &TestServer) -> SessionBuilder {
    builder().transport_options(dialing([("http://a.test", server.addr()), ("http://b.test", server.addr())]))
}

fn url(path: &str) -> Url {
    Url::parse("http://a.test").unwrap().join(path).unwrap()
}

#[tokio::test]
async fn a_log_in_by_form_opens_what_needs_it_until_the_log_out() {
    let server = site();
    let session = on(&server).base_url("http://a.test/").build().unwrap();
    assert_eq!(session.get("me").send().await.unwrap().status(), 401);
    session.get("login").send().await.unwrap();
    let response = session.post("login").form(&[("user", "me"), ("password", "a b&c")]).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.history().len(), response.url().unwrap().path()), (200, 1, "/me"));

    let jar = session.cookies().unwrap();
    let names: Vec<_> = jar.iter().map(|stored| stored.cookie.name().to_owned()).collect();
    assert_eq!(names, ["csrf", "sid", "lang"]);
    assert_eq!(jar.get(&url("/x"), "sid").unwrap().value(), "42");
    // The path of the log-in form's cookie is not that of the page.
    assert_eq!(values(server.requests().last().unwrap(), "cookie"), ["sid=42; lang=en"]);
    assert_eq!(session.get("/me/too").send().await.unwrap().status(), 200);
    session.get("logout").send().await.unwrap();
    assert_eq!(session.get("me").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_response_tells_the_cookies_it_sets_and_only_those() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => reply(302, [("location", "/end"), ("set-cookie", "first=1")], ""),
        _ => reply(200, [("set-cookie", "second=2; Path=/; Secure"), ("set-cookie", "third=3")], ""),
    });
    let session = on(&server).build().unwrap();
    let response = session.get("http://a.test/start").send().await.unwrap();
    let told: Vec<_> = response.cookies().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
    assert_eq!(told, ["second=2", "third=3"]);
    // A Secure cookie that came over http is told, and not kept.
    let kept: Vec<_> = session.cookies().unwrap().iter().map(|stored| stored.cookie.name().to_owned()).collect();
    assert_eq!(kept, ["first", "third"]);
}

#[tokio::test]
async fn cookies_go_to_the_host_that_set_them_and_to_those_it_names() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/set" => {
            let set = [
                ("set-cookie", "host=1"),
                ("set-cookie", "all=2; Domain=a.test; Path=/"),
                ("set-cookie", "foreign=3; Domain=b.test"),
                ("set-cookie", "suffix=4; Domain=test"),
                ("set-cookie", "deep=5; Path=/deep"),
            ];
            reply(200, set, "")
        }
        _ => ok(),
    });
    let names = ["http://a.test", "http://sub.a.test", "http://b.test", "http://a.test:81"];
    let session = builder().transport_options(dialing(names.map(|name| (name, server.addr())))).build().unwrap();
    session.get("http://a.test/set").send().await.unwrap();
    for (url, expected) in [
        ("http://a.test/", vec!["host=1; all=2"]),
        ("http://a.test/deep/er", vec!["deep=5; host=1; all=2"]),
        ("http://a.test/deeper", vec!["host=1; all=2"]),
        ("http://sub.a.test/", vec!["all=2"]),
        ("http://b.test/", vec![]),
        // Cookies are not of one port.
        ("http://a.test:81/", vec!["host=1; all=2"]),
    ] {
        session.get(url).send().await.unwrap();
        assert_eq!(values(server.requests().last().unwrap(), "cookie"), expected, "{url}");
    }
}

#[tokio::test]
async fn a_secure_cookie_is_set_and_sent_over_https_only() {
    let answer = async |request: http::Request<hyper::body::Incoming>| match request.uri().path() {
        "/set" => reply(200, [("set-cookie", "safe=1; Secure; Path=/"), ("set-cookie", "plain=2; Path=/")], ""),
        _ => ok(),
    };
    let plain = TestServer::from_fn(answer);
    let secure = ServerOptions::new().tls(TlsSetup::new().names(["a.test"])).serve_fn(answer);
    let servers = [("http://a.test", plain.addr()), ("https://a.test", secure.addr())];
    let tls = trusting(secure.certificate_authority()).build().unwrap();
    let session = builder().transport_options(dialing(servers).tls(tls)).build().unwrap();

    session.get("http://a.test/set").send().await.unwrap();
    session.get("https://a.test/").send().await.unwrap();
    assert_eq!(values(secure.requests().last().unwrap(), "cookie"), ["plain=2"]);
    session.get("https://a.test/set").send().await.unwrap();
    session.get("https://a.test/").send().await.unwrap();
    let sent = values(secure.requests().last().unwrap(), "cookie").join("");
    assert!(sent.contains("safe=1") && sent.contains("plain=2"), "{sent}");
    session.get("http://a.test/").send().await.unwrap();
    assert_eq!(values(plain.requests().last().unwrap(), "cookie"), ["plain=2"]);
}

#[tokio::test]
async fn a_developers_own_machine_can_be_trusted_with_secure_cookies() {
    let server = TestServer::from_fn(async |_| reply(200, [("set-cookie", "safe=1; Secure")], ""));
    for (options, sent) in
        [(JarOptions::default(), vec![]), (JarOptions::default().trust_loopback(true), vec!["safe=1"])]
    {
        let session = builder().jar(Jar::with_options(options)).build().unwrap();
        session.get(server.url("/")).send().await.unwrap();
        session.get(server.url("/")).send().await.unwrap();
        assert_eq!(values(server.requests().last().unwrap(), "cookie"), sent);
    }
}

#[tokio::test]
async fn cookies_of_a_request_are_sent_once_and_beat_those_of_the_jar() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/set" => reply(200, [("set-cookie", "a=jar; Path=/"), ("set-cookie", "b=jar; Path=/")], ""),
        "/start" => redirect(302, "/end"),
        _ => ok(),
    });
    let session = on(&server).build().unwrap();
    session.get("http://a.test/set").send().await.unwrap();
    let url = "http://a.test/";
    for (request, expected) in [
        (session.get(url).cookie("a", "own"), "a=own; b=jar"),
        (session.get(url).cookies([("c", "1"), ("d", "2")]), "c=1; d=2; a=jar; b=jar"),
        (session.get(url).cookie("c", "1").cookie("c", "2"), "c=2; a=jar; b=jar"),
        (session.get(url).header(COOKIE, "b=hand; x=y"), "b=hand; x=y; a=jar"),
        (session.get(url).header(COOKIE, "b=hand").cookie("b", "own"), "b=own; a=jar"),
        (
            session
                .get(url)
                .header(COOKIE, "x=y")
                .cookie_options(CookieOptions::jar(session.cookies().unwrap().clone()).hand_set(HandSet::Replace)),
            "x=y",
        ),
        (session.get(url), "a=jar; b=jar"),
    ] {
        request.send().await.unwrap();
        assert_eq!(values(server.requests().last().unwrap(), "cookie"), [expected]);
    }
    assert_eq!(session.cookies().unwrap().len(), 2);
    // On each hop of the origin that was asked.
    session.get("http://a.test/start").cookie("a", "own").send().await.unwrap();
    assert_eq!(values(server.requests().last().unwrap(), "cookie"), ["a=own; b=jar"]);
}

#[tokio::test]
async fn cookies_are_off_for_a_request_a_mount_or_a_session() {
    let server = TestServer::from_fn(async |_| reply(200, [("set-cookie", "a=1; Path=/")], ""));
    let with = on(&server).mount("http://a.test/quiet/", Mount::new().no_cookies()).build().unwrap();
    let without = on(&server).no_cookies().build().unwrap();
    for (request, jar) in [
        (with.get("http://a.test/").no_cookies(), with.cookies()),
        (with.get("http://a.test/quiet/x"), with.cookies()),
        (without.get("http://a.test/"), without.cookies()),
    ] {
        request.send().await.unwrap();
        assert!(jar.is_none_or(Jar::is_empty));
    }
    assert!(without.cookies().is_none());
    // Nothing is sent either.
    with.get("http://a.test/").send().await.unwrap();
    for request in
        [with.get("http://a.test/").no_cookies(), with.get("http://a.test/quiet/x"), without.get("http://a.test/")]
    {
        request.send().await.unwrap();
        assert!(values(server.requests().last().unwrap(), "cookie").is_empty());
    }
    // What a request gives itself goes also where none are kept.
    without.get("http://a.test/").cookie("own", "1").send().await.unwrap();
    assert_eq!(values(server.requests().last().unwrap(), "cookie"), ["own=1"]);
    let borrowed = Jar::new();
    without.get("http://a.test/").cookie_options(CookieOptions::jar(borrowed.clone())).send().await.unwrap();
    assert_eq!(borrowed.len(), 1);
}

#[tokio::test]
async fn a_jar_is_shared_filled_by_hand_and_given_to_a_mount() {
    let server = TestServer::from_fn(async |_| ok());
    let (shared, of_mount) = (Jar::new(), Jar::new());
    shared.set(&url("/"), cookie::Cookie::new("a", "1")).unwrap();
    of_mount.set(&url("/"), cookie::Cookie::build(("m", "2")).path("/")).unwrap();
    let mount = Mount::new().cookies(CookieOptions::jar(of_mount));
    let one = on(&server).jar(shared.clone()).mount("http://a.test/m/", mount).build().unwrap();
    let other = on(&server).cookies(CookieOptions::jar(shared.clone())).build().unwrap();
    for (request, expected) in [
        (one.get("http://a.test/"), "a=1"),
        (other.get("http://a.test/"), "a=1"),
        (one.get("http://a.test/m/x"), "m=2"),
    ] {
        request.send().await.unwrap();
        assert_eq!(values(server.requests().last().unwrap(), "cookie"), [expected]);
    }
    one.cookies().unwrap().clear();
    assert!(shared.is_empty());
}
