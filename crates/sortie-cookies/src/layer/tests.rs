use std::rc::Rc;
use std::sync::Mutex;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use http::HeaderValue;
use sortie_testkit::{Answer, Scripted, Strict, prove_layer, reply};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::{JarOptions, Refused};

prove_layer!(with_a_jar, CookiesLayer::default);
prove_layer!(without_a_jar, || CookiesLayer::new(None));

/// A site: what it sets, and at `/echo` and below what it was sent.
fn site() -> Router {
    let echo = get(|headers: HeaderMap| async move {
        assert!(headers.get_all(COOKIE).iter().count() <= 1, "more than one Cookie field");
        headers.get(COOKIE).map_or_else(String::new, |field| field.to_str().unwrap().to_owned())
    });
    let set = get(|uri: Uri| async move {
        let fields = uri.query().unwrap_or_default().split('&').map(|field| (SET_COOKIE, field.replace('+', " ")));
        (axum::response::AppendHeaders(fields.collect::<Vec<_>>()), "set")
    });
    let with = |status: StatusCode| get(move || async move { (status, [(SET_COOKIE, "kept=1; Path=/")], "") });
    Router::new()
        .route("/echo", echo.clone())
        .route("/echo/{*rest}", echo)
        .route("/set", set.clone())
        .route("/set/{*rest}", set)
        .route("/401", with(StatusCode::UNAUTHORIZED))
        .route("/503", with(StatusCode::SERVICE_UNAVAILABLE))
        .route("/302", get(|| async { ([(SET_COOKIE, "kept=1; Path=/")], Redirect::to("/echo")) }))
}

#[derive(Clone)]
struct Client {
    jar: Jar,
    service: Cookies<Router>,
}

impl Client {
    fn new() -> Self {
        Self::with(Jar::new(), |options| options)
    }

    fn with(jar: Jar, set: impl FnOnce(CookieOptions) -> CookieOptions) -> Self {
        let layer = CookiesLayer::new(set(CookieOptions::jar(jar.clone())));
        Self { jar, service: layer.layer(site()) }
    }

    async fn send(&self, request: Request<Body>) -> String {
        let response = self.service.clone().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn get(&self, uri: &str) -> String {
        self.send(request(uri)).await
    }
}

fn request(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_login_is_remembered_by_the_next_request_and_forgotten_at_logout() {
    let client = Client::new();
    assert_eq!(client.get("https://a.com/echo").await, "");
    client.get("https://a.com/set?id=7;+Path=/;+Secure;+HttpOnly&lang=en;+Path=/").await;
    assert_eq!(client.get("https://a.com/echo").await, "id=7; lang=en");
    client.get("https://a.com/set?id=;+Path=/;+Max-Age=0").await;
    assert_eq!(client.get("https://a.com/echo").await, "lang=en");
    client.get("https://a.com/set?lang=;+Path=/;+Expires=Thu,+01+Jan+1970+00:00:00+GMT").await;
    assert_eq!(client.get("https://a.com/echo").await, "");
    assert!(client.jar.is_empty());
}

#[tokio::test]
async fn cookies_go_where_their_attributes_say() {
    for (set_at, field, sent_to, not_sent_to) in [
        ("https://www.a.com/set", "n=1;+Path=/;+Secure", "https://www.a.com/echo", "http://www.a.com/echo"),
        ("http://www.a.com/set", "n=1;+Path=/", "https://www.a.com:8443/echo", "http://x.www.a.com/echo"),
        ("http://www.a.com/set", "n=1;+Path=/;+Domain=a.com", "http://other.a.com/echo", "http://ba.com/echo"),
        ("http://www.a.com/set", "n=1;+Path=/echo/x", "http://www.a.com/echo/x/y", "http://www.a.com/echo/xy"),
        ("http://www.a.com/set/x", "n=1;+Path=/echo/", "http://www.a.com/echo/y", "http://www.a.com/echo"),
        ("http://10.0.0.1/set", "n=1;+Path=/", "http://10.0.0.1:81/echo", "http://10.0.0.2/echo"),
    ] {
        let client = Client::new();
        client.get(&format!("{set_at}?{field}")).await;
        assert_eq!(client.get(sent_to).await, "n=1", "{field}: {sent_to}");
        assert_eq!(client.get(not_sent_to).await, "", "{field}: {not_sent_to}");
    }
}

#[tokio::test]
async fn the_longest_path_comes_first() {
    let client = Client::new();
    client.get("http://a.com/set?n=root;+Path=/&n=deep;+Path=/echo/x&n=mid;+Path=/echo").await;
    assert_eq!(client.get("http://a.com/echo/x").await, "n=deep; n=mid; n=root");
}

#[tokio::test]
async fn what_no_server_may_set_is_not_kept() {
    for field in ["n=1;+Domain=com", "n=1;+Domain=b.com", "n=1;+Secure", "__Host-n=1;+Path=/", "__Secure-n=1"] {
        let client = Client::new();
        client.get(&format!("http://a.com/set?{field}")).await;
        assert!(client.jar.is_empty(), "{field}");
    }
}

#[tokio::test]
async fn the_cookies_of_every_answer_are_kept() {
    for path in ["401", "503", "302"] {
        let client = Client::new();
        client.get(&format!("http://a.com/{path}")).await;
        assert_eq!(client.get("http://a.com/echo").await, "kept=1", "{path}");
    }
}

#[tokio::test]
async fn a_cookie_ends_at_its_time() {
    let now = Arc::new(Mutex::new(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)));
    let clock = now.clone();
    let jar = Jar::with_options(JarOptions::default().clock(move || *clock.lock().unwrap()));
    let client = Client::with(jar, |options| options);
    client.get("http://a.com/set?n=1;+Path=/;+Max-Age=60").await;
    *now.lock().unwrap() += std::time::Duration::from_secs(59);
    assert_eq!(client.get("http://a.com/echo").await, "n=1");
    *now.lock().unwrap() += std::time::Duration::from_secs(1);
    assert_eq!(client.get("http://a.com/echo").await, "");
}

#[tokio::test]
async fn a_request_can_use_another_jar_or_none() {
    let client = Client::new();
    client.get("http://a.com/set?n=session;+Path=/").await;
    let other = Jar::new();
    for (each, expected) in
        [(PerRequest::Use(CookieOptions::jar(other.clone())), ["set", "n=other"]), (PerRequest::Off, ["set", ""])]
    {
        for (uri, expected) in ["http://a.com/set?n=other;+Path=/", "http://a.com/echo"].iter().zip(expected) {
            let mut request = request(uri);
            request.extensions_mut().insert(each.clone());
            assert_eq!(client.send(request).await, expected);
        }
    }
    assert_eq!(client.get("http://a.com/echo").await, "n=session");
    assert_eq!((client.jar.len(), other.len()), (1, 1));
}

#[tokio::test]
async fn a_layer_without_a_jar_takes_that_of_the_request() {
    let jar = Jar::new();
    let service = CookiesLayer::new(None).layer(site());
    let mut with_a_jar = request("http://a.com/set?n=1");
    with_a_jar.extensions_mut().insert(PerRequest::Use(CookieOptions::jar(jar.clone())));
    service.clone().oneshot(with_a_jar).await.unwrap();
    service.oneshot(request("http://a.com/set?m=1")).await.unwrap();
    assert_eq!(jar.iter().map(|stored| stored.cookie.name().to_owned()).collect::<Vec<_>>(), ["n"]);
}

fn chain(from: &'static str, to: &'static str) -> Chain {
    Chain::extend(None, &Uri::from_static(from), &Uri::from_static(to)).unwrap()
}

#[tokio::test]
async fn cookies_of_the_request_go_to_its_origin_only_and_are_not_kept() {
    let client = Client::new();
    client.get("http://a.com/set?n=jar;+Path=/&m=jar;+Path=/").await;
    for (crossed, expected) in [
        (None, "n=own; m=jar"),
        (Some(chain("http://a.com/x", "http://a.com/echo")), "n=own; m=jar"),
        (Some(chain("http://b.com/", "http://a.com/echo")), "n=jar; m=jar"),
    ] {
        let mut request = request("http://a.com/echo");
        RequestCookies::add(request.extensions_mut(), "n", "own").unwrap();
        if let Some(chain) = crossed {
            request.extensions_mut().insert(chain);
        }
        assert_eq!(client.send(request).await, expected);
    }
    assert_eq!(client.get("http://a.com/echo").await, "n=jar; m=jar");
}

// Cookies that a foreign hop sets for one user must not end in the session's jar, where another user's chain would find
// them; and none of the other jar's go where they do not belong.
#[tokio::test]
async fn another_jar_or_none_holds_for_the_whole_chain() {
    let client = Client::new();
    client.get("http://b.com/set?n=session;+Path=/").await;
    let other = Jar::new();
    for (each, expected) in [(PerRequest::Use(CookieOptions::jar(other.clone())), "n=other"), (PerRequest::Off, "")] {
        for (uri, expected) in [("http://b.com/set?n=other;+Path=/", "set"), ("http://b.com/echo", expected)] {
            let mut request = request(uri);
            request.extensions_mut().insert(each.clone());
            request.extensions_mut().insert(chain("http://a.com/", "http://b.com/"));
            assert_eq!(client.send(request).await, expected);
        }
    }
    assert_eq!(client.get("http://b.com/echo").await, "n=session");
    assert_eq!((client.jar.len(), other.len()), (1, 1));
}

#[tokio::test]
async fn cookies_of_the_request_are_sent_without_a_jar_too() {
    for (layer, off) in
        [(CookiesLayer::new(None), false), (CookiesLayer::new(None), true), (CookiesLayer::default(), true)]
    {
        let service = layer.layer(site());
        let mut request = request("http://a.com/echo");
        RequestCookies::add(request.extensions_mut(), "n", "own").unwrap();
        if off {
            request.extensions_mut().insert(PerRequest::<CookieOptions>::Off);
        }
        let client = Client { jar: Jar::new(), service };
        assert_eq!(client.send(request).await, "n=own", "{layer:?}");
    }
}

#[tokio::test]
async fn a_header_set_by_hand_is_merged_or_stands_alone() {
    let with_own = |mut request: Request<Body>| {
        RequestCookies::add(request.extensions_mut(), "o", "own").unwrap();
        request
    };
    for (hand_set, alone, with_request_cookie) in [
        (HandSet::Merge, "n=hand; x=1; m=jar", "o=own; n=hand; x=1; m=jar"),
        (HandSet::Replace, "n=hand; x=1", "o=own; n=hand; x=1"),
    ] {
        let client = Client::with(Jar::new(), |options| options.hand_set(hand_set));
        client.get("http://a.com/set?n=jar;+Path=/&m=jar;+Path=/").await;
        let hand = || Request::get("http://a.com/echo").header(COOKIE, "n=hand; x=1").body(Body::empty()).unwrap();
        // Twice, as a retry sends it: nothing accumulates.
        for _ in 0..2 {
            assert_eq!(client.send(hand()).await, alone);
            assert_eq!(client.send(with_own(hand())).await, with_request_cookie);
        }
        assert_eq!(client.get("http://a.com/echo").await, "n=jar; m=jar");
    }
}

#[tokio::test]
async fn a_cross_site_request_gets_what_is_for_all_sites() {
    let client = Client::new();
    client
        .get("https://a.com/set?strict=1;+Path=/;+SameSite=Strict&lax=1;+Path=/&none=1;+Path=/;+SameSite=None;+Secure")
        .await;
    for (method, site, expected) in [
        ("GET", SiteContext::SameSite, "strict=1; lax=1; none=1"),
        ("GET", SiteContext::CrossSiteNavigation, "lax=1; none=1"),
        ("GET", SiteContext::CrossSite, "none=1"),
        ("HEAD", SiteContext::CrossSiteNavigation, "lax=1; none=1"),
        ("POST", SiteContext::CrossSiteNavigation, "none=1"),
    ] {
        let server = Scripted::new([reply(200, [], "")]);
        let service = CookiesLayer::new(CookieOptions::jar(client.jar.clone())).layer(server.clone());
        let mut request =
            Request::builder().method(method).uri("https://a.com/").body(sortie_core::Body::empty()).unwrap();
        request.extensions_mut().insert(site);
        service.oneshot(request).await.unwrap();
        assert_eq!(server.requests()[0].headers[COOKIE], expected, "{method} {site:?}");
    }
}

#[tokio::test]
async fn a_request_says_its_partition() {
    let jar = Jar::new();
    let set = reply(200, [("set-cookie", "id=7; Path=/; Secure; Partitioned")], "");
    let page = |text| Partition::of(&url::Url::parse(text).unwrap()).unwrap();
    let server = Scripted::new([set, reply(200, [], ""), reply(200, [], ""), reply(200, [], "")]);
    let service = CookiesLayer::new(CookieOptions::jar(jar)).layer(server.clone());
    let pages = [Some("https://shop.com/cart"), Some("https://www.shop.com/"), Some("https://bank.com/"), None];
    for page in pages.map(|text| text.map(page)) {
        let mut request = Request::get("https://chat.example/").body(sortie_core::Body::empty()).unwrap();
        if let Some(page) = page {
            request.extensions_mut().insert(page);
        }
        service.clone().oneshot(request).await.unwrap();
    }
    let sent: Vec<_> = server.requests().iter().map(|request| request.headers.get(COOKIE).cloned()).collect();
    assert_eq!(sent, [None, Some("id=7".parse().unwrap()), None, None]);
}

#[tokio::test]
async fn without_a_host_nothing_is_sent_or_kept() {
    let client = Client::new();
    client.get("http://a.com/set?n=1;+Path=/").await;
    assert_eq!(client.get("/echo").await, "");
    client.get("/set?other=1").await;
    assert_eq!(client.jar.len(), 1);
}

#[tokio::test]
async fn an_error_passes_as_it_is_and_a_request_header_is_left_alone() {
    let server = Scripted::new([Answer::error("no route"), reply(200, [("set-cookie", "n=1")], "").into()]);
    let jar = Jar::new();
    let service = CookiesLayer::new(CookieOptions::jar(jar.clone())).layer(Strict::new(server.clone()));
    let get = || Request::get("http://a.com/").header(COOKIE, "a = 1;; b=2").body(sortie_core::Body::empty()).unwrap();
    assert!(service.clone().oneshot(get()).await.is_err());
    service.oneshot(get()).await.unwrap();
    assert_eq!(server.requests()[0].headers[COOKIE], "a = 1;; b=2");
    assert_eq!(jar.len(), 1);
}

#[tokio::test]
async fn a_store_of_another_kind_is_asked_and_told_with_the_uri_of_the_request() {
    #[derive(Default)]
    struct Remote(Mutex<Vec<String>>);
    impl CookieStore for Remote {
        fn cookies(&self, request: CookieRequest<'_>) -> Option<HeaderValue> {
            self.0.lock().unwrap().push(format!("ask {}", request.uri));
            Some(HeaderValue::from_static("n=remote"))
        }
        fn store(&self, request: CookieRequest<'_>, set_cookie: &mut dyn Iterator<Item = &HeaderValue>) {
            let fields: Vec<_> = set_cookie.map(|field| field.to_str().unwrap()).collect();
            self.0.lock().unwrap().push(format!("tell {} {fields:?}", request.uri));
        }
    }
    let remote = Arc::new(Remote::default());
    let service = CookiesLayer::new(CookieOptions::store(remote.clone())).layer(site());
    let client = Client { jar: Jar::new(), service };
    assert_eq!(client.get("http://a.com/echo").await, "n=remote");
    client.get("http://a.com/set?a=1&b=2").await;
    let uri = "http://a.com/set?a=1&b=2";
    let expected = ["ask http://a.com/echo".to_owned(), format!("ask {uri}"), format!("tell {uri} [\"a=1\", \"b=2\"]")];
    assert_eq!(*remote.0.lock().unwrap(), expected);
}

#[tokio::test]
async fn bodies_and_futures_need_not_be_send() {
    let server = service_fn(|request: Request<Rc<str>>| async move {
        let body = Rc::new(request.into_body());
        Ok::<_, Refused>(Response::new(body))
    });
    let service = CookiesLayer::default().layer(server);
    assert_eq!(&***service.oneshot(Request::new(Rc::from("body"))).await.unwrap().body(), "body");
}

#[test]
fn what_an_answer_sets_is_read_as_the_jar_reads_it() {
    let mut headers = HeaderMap::new();
    for field in
        [&b"a=1; Max-Age=60; Path=/; Domain=a.com; Secure; SameSite=Lax"[..], b"", b"=", b"b", b"c=\xFF; HttpOnly"]
    {
        headers.append(SET_COOKIE, HeaderValue::from_bytes(field).unwrap());
    }
    let cookies: Vec<_> = set_by(&headers).map(|cookie| cookie.to_string()).collect();
    let expected = ["a=1; SameSite=Lax; Secure; Path=/; Domain=a.com; Max-Age=60", "=b", "c=\u{FFFD}; HttpOnly"];
    assert_eq!(cookies, expected);
}
