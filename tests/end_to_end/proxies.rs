//! By which proxy each request of a session goes: what is set, what the environment says, and what a redirect changes.

use std::collections::HashMap;

use http::HeaderMap;
use sortie::transport::TransportOptions;
use sortie::transport::proxy::{Proxies, Proxy, ProxyError, ProxyErrorKind};
use sortie::{ErrorKind, Mount, Session, SessionBuilder};
use sortie_testkit::{ProxyOptions, ServerOptions, TestProxy, TestServer, TlsSetup, reply};

use crate::support::{SECRET, always, builder, check, ok, redirect, shows, trusting, values};

/// A session that looks up nothing but these variables.
fn with_env(variables: &[(&str, &str)]) -> SessionBuilder {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let variables: HashMap<String, String> = variables.iter().map(owned).collect();
    Session::builder().env(move |name| variables.get(name).cloned())
}

/// A proxy to which all of these names are this server.
fn proxy_to<'a>(server: &TestServer, names: impl IntoIterator<Item = &'a str>) -> TestProxy {
    names.into_iter().fold(ProxyOptions::new(), |options, name| options.name(name, server.addr())).http()
}

async fn get(session: &Session, url: &str) -> u16 {
    session.get(url).send().await.unwrap().status().as_u16()
}

fn https() -> TestServer {
    let tls = TlsSetup::new().names(["secure.test", "localhost"]);
    ServerOptions::new().tls(tls).serve_fn(async |_| ok())
}

#[tokio::test]
async fn the_environment_names_the_proxy_of_each_scheme_and_who_needs_none() {
    let (server, secure) = (always(ok), https());
    let [plain_proxy, tunnel] = [proxy_to(&server, ["a.test"]), proxy_to(&secure, ["secure.test"])];
    let session = with_env(&[
        ("http_proxy", &plain_proxy.url("http")),
        ("HTTPS_PROXY", &tunnel.url("http")),
        ("NO_PROXY", "127.0.0.1"),
    ])
    .tls(trusting(secure.certificate_authority()).build().unwrap())
    .build()
    .unwrap();
    assert_eq!(get(&session, "http://a.test/x").await, 200);
    assert_eq!(get(&session, "https://secure.test/").await, 200);
    assert_eq!(get(&session, &server.url("/direct")).await, 200);
    assert_eq!(plain_proxy.requests()[0].uri, "http://a.test/x");
    assert_eq!(tunnel.requests()[0].uri, "secure.test:443");
    assert_eq!((plain_proxy.requests().len(), tunnel.requests().len()), (1, 1));
}

// requests lets the environment beat `session.proxies` (S10) and has no word for none.
#[tokio::test]
async fn the_request_beats_the_mount_the_session_and_the_environment() {
    let server = always(ok);
    let [by_env, by_session, by_mount, by_request] =
        [(); 4].map(|()| proxy_to(&server, ["a.test", "m.test", "d.test"]));
    let env = [("http_proxy", by_env.url("http"))];
    let env = || with_env(&[(env[0].0, &env[0].1)]);
    let session = env()
        .proxy(by_session.url("http").as_str())
        .mount("http://m.test/", Mount::new().proxy(by_mount.url("http").as_str()))
        .mount("http://127.0.0.1/", Mount::new().no_proxy())
        .build()
        .unwrap();
    let count = || [&by_env, &by_session, &by_mount, &by_request].map(|proxy| proxy.requests().len());
    for (request, counts) in [
        (env().build().unwrap().get("http://a.test/"), [1, 0, 0, 0]),
        (session.get("http://a.test/"), [1, 1, 0, 0]),
        (session.get("http://m.test/"), [1, 1, 1, 0]),
        (session.get("http://m.test/").proxy(by_request.url("http").as_str()), [1, 1, 1, 1]),
        (session.get(server.url("/")).no_proxy(), [1, 1, 1, 1]),
        (env().no_proxy().build().unwrap().get(server.url("/")), [1, 1, 1, 1]),
        (env().no_env().build().unwrap().get(server.url("/")), [1, 1, 1, 1]),
        // What the transport was told beats the environment too.
        (
            env()
                .transport_options(TransportOptions::default().proxies(Proxies::none()))
                .build()
                .unwrap()
                .get(server.url("/")),
            [1, 1, 1, 1],
        ),
        (session.to_builder().proxy(by_env.url("http").as_str()).build().unwrap().get("http://a.test/"), [2, 1, 1, 1]),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 200);
        assert_eq!(count(), counts);
    }
}

// requests keeps the proxy of the first hop (S56).
#[tokio::test]
async fn each_hop_of_a_redirect_is_asked_for_anew() {
    let direct = always(ok);
    let location = direct.url("/landed");
    let first = TestServer::from_fn(move |_| std::future::ready(redirect(302, &location)));
    let proxy = proxy_to(&first, ["a.test"]);
    let session = with_env(&[("http_proxy", &proxy.url("http")), ("no_proxy", "127.0.0.1")]).build().unwrap();
    let response = session.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.url().unwrap().path(), "/landed");
    assert!(response.connection().unwrap().proxy().is_none());
    assert_eq!(proxy.requests().len(), 1);
}

// aiohttp #12829: the credentials of one proxy were sent to the next.
#[tokio::test]
async fn each_proxy_gets_its_own_credentials() {
    let secure = https();
    let first = always(|| redirect(302, "https://secure.test/"));
    let one = ProxyOptions::new().name("a.test", first.addr()).basic("one", SECRET).http();
    let two = ProxyOptions::new().name("secure.test", secure.addr()).basic("two", "other").http();
    let with = |proxy: &TestProxy, userinfo: &str| proxy.url("http").replace("//", &format!("//{userinfo}@"));
    let session =
        with_env(&[("http_proxy", &with(&one, &format!("one:{SECRET}"))), ("https_proxy", &with(&two, "two:other"))])
            .tls(trusting(secure.certificate_authority()).build().unwrap())
            .build()
            .unwrap();
    assert_eq!(get(&session, "http://a.test/").await, 200);
    let sent = |proxy: &TestProxy| values(&proxy.requests()[0], "proxy-authorization").join("");
    assert!(!sent(&one).is_empty() && !sent(&two).is_empty() && sent(&one) != sent(&two));
    // CVE-2023-32681: and the origins get neither.
    for head in [&first.requests()[0], &secure.requests()[0]] {
        assert!(values(head, "proxy-authorization").is_empty());
    }
}

// CVE-2023-32681, CVE-2014-1829: a `Proxy-Authorization` set by hand is for proxies, not for origins.
#[tokio::test]
async fn a_proxy_authorization_by_hand_reaches_no_origin() {
    let (server, secure) = (always(ok), https());
    let proxy = proxy_to(&secure, ["secure.test"]);
    let tls = trusting(secure.certificate_authority()).build().unwrap();
    let session = builder().tls(tls).build().unwrap();
    let request = |url: &str| session.get(url).header("proxy-authorization", SECRET);
    request(&server.url("/")).send().await.unwrap();
    request("https://secure.test/").proxy(proxy.url("http").as_str()).send().await.unwrap();
    assert!(!shows(&server.requests()[0], SECRET) && !shows(&secure.requests()[0], SECRET));
}

// CVE-2024-37891: to the same proxy it goes again only with a request to the same origin, for which it was set.
#[tokio::test]
async fn a_proxy_authorization_by_hand_does_not_go_along_to_a_foreign_origin() {
    let other = always(ok);
    let first = always(|| redirect(302, "http://b.test/"));
    let proxy = ProxyOptions::new().name("a.test", first.addr()).name("b.test", other.addr()).http();
    let session = builder().proxy(proxy.url("http").as_str()).build().unwrap();
    session.get("http://a.test/").header("proxy-authorization", SECRET).send().await.unwrap();
    let shown: Vec<_> = proxy.requests().iter().map(|head| shows(head, SECRET)).collect();
    assert_eq!(shown, [true, false]);
}

// CVE-2026-44431: what a redirect strips is stripped by way of a proxy as well.
#[tokio::test]
async fn credentials_are_stripped_on_a_foreign_hop_through_a_proxy() {
    let other = always(ok);
    let first = always(|| redirect(302, "http://b.test/"));
    let proxy = ProxyOptions::new().name("a.test", first.addr()).name("b.test", other.addr()).http();
    let session = builder().proxy(proxy.url("http").as_str()).build().unwrap();
    let request = session.get("http://a.test/").bearer_auth(SECRET).header("cookie", format!("key={SECRET}"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(shows(&first.requests()[0], SECRET));
    assert!(!shows(&other.requests()[0], SECRET));
}

#[tokio::test]
async fn the_proxy_of_a_request_does_not_go_along_to_a_foreign_origin() {
    let other = always(ok);
    let location = other.url("/");
    let first = TestServer::from_fn(move |_| std::future::ready(redirect(302, &location)));
    let proxy = proxy_to(&first, ["a.test"]);
    let session = builder().build().unwrap();
    let response = session.get("http://a.test/").proxy(proxy.url("http").as_str()).send().await.unwrap();
    assert!(response.connection().unwrap().proxy().is_none());
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_is_none_is_said_by_who_set_it_without_its_value() {
    let url = format!("ftp://user:{SECRET}@h/");
    let bad = url.as_str();
    for (builder, setter) in [
        (builder().proxy(bad), "SessionBuilder::proxy"),
        (builder().mount("http://a.test/", Mount::new().proxy(bad)), "Mount::proxy"),
        (builder().transport(ok_service()).proxies(Proxies::none()), "SessionBuilder::proxies"),
        (
            builder().mount("http://a.test/", Mount::new().transport(ok_service()).no_proxy()),
            "Mount::proxies: the transport below is one of your own",
        ),
    ] {
        check(&builder.build().unwrap_err(), ErrorKind::Builder, setter);
    }
    let error = builder().build().unwrap().get("http://a.test/").proxy(bad).send().await.unwrap_err();
    check(&error, ErrorKind::Builder, "RequestBuilder::proxy");

    // The session stands all the same: only who would use the variable is told.
    let server = always(ok);
    let session = with_env(&[("https_proxy", bad)]).build().unwrap();
    assert_eq!(get(&session, &server.url("/")).await, 200);
    let error = session.get("https://secure.test/").send().await.unwrap_err();
    check(&error, ErrorKind::Proxy, "https_proxy");
}

fn ok_service() -> Session {
    builder().build().unwrap()
}

#[tokio::test]
async fn a_407_is_an_error_with_the_answer_of_the_proxy_and_is_not_tried_again() {
    let server = always(ok);
    let proxy = ProxyOptions::new().name("a.test", server.addr()).basic("user", "password").http();
    let session =
        builder().proxy(proxy.url("http").replace("//", &format!("//user:{SECRET}@")).as_str()).build().unwrap();
    for url in ["http://a.test/", "https://a.test/"] {
        let error = session.get(url).send().await.unwrap_err();
        check(&error, ErrorKind::Proxy, "407");
        let refused: &ProxyError = sortie::core::find(&error).unwrap();
        assert_eq!(refused.kind(), ProxyErrorKind::AuthenticationRequired);
        let headers: &HeaderMap = refused.headers().unwrap();
        assert!(headers["proxy-authenticate"].to_str().unwrap().starts_with("Basic"));
    }
    assert_eq!(proxy.requests().len(), 2);
    // One that cannot be reached is tried once more, like any server.
    let nobody = builder().proxy("http://127.0.0.1:9").build().unwrap();
    check(&nobody.get("http://a.test/").send().await.unwrap_err(), ErrorKind::Proxy, "http://127.0.0.1:9");
}

#[tokio::test]
async fn rules_choose_by_host_and_a_closure_by_whatever_it_likes() {
    let server = always(|| reply(200, [], "ok"));
    let [one, two] = [(); 2].map(|()| proxy_to(&server, ["one.test", "two.test", "three.test"]));
    let [by_one, by_two] = [&one, &two].map(|proxy| Proxy::new(proxy.url("http")).unwrap());
    let rules = Proxies::all(by_one.clone()).host("http://two.test", by_two.clone()).unwrap();
    let session = builder().proxies(rules).build().unwrap();
    for url in ["http://one.test/", "http://two.test/", "http://three.test/"] {
        assert_eq!(get(&session, url).await, 200);
    }
    assert_eq!((one.requests().len(), two.requests().len()), (2, 1));

    let closure = Proxies::choose_with(move |uri| {
        Ok(Some(if uri.host() == Some("one.test") { by_one.clone() } else { by_two.clone() }))
    });
    let session = builder().proxies(closure).build().unwrap();
    assert_eq!(get(&session, "http://three.test/").await, 200);
    assert_eq!((one.requests().len(), two.requests().len()), (2, 2));
}
