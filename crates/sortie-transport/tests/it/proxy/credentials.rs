//! What was meant for a proxy goes no further, and each proxy gets its own.

use http::HeaderValue;
use http::header::PROXY_AUTHORIZATION;
use sortie_core::PerRequest;
use sortie_testkit::{Protocol, ProxyOptions};

use super::*;
use crate::support::{fetch, get};

fn with_own(url: &str) -> http::Request<Body> {
    let mut request = get(url);
    request.headers_mut().append(PROXY_AUTHORIZATION, HeaderValue::from_static("Basic c2VjcmV0"));
    // Every one of them (aiohttp #13180).
    request.headers_mut().append(PROXY_AUTHORIZATION, HeaderValue::from_static("Basic c2VjcmV0"));
    request
}

// CVE-2023-32681 (requests), CVE-2024-37891 (urllib3), CVE-2026-34518 (aiohttp): through a tunnel, ...
#[tokio::test]
async fn no_origin_sees_credentials_for_a_proxy_through_a_tunnel() {
    for protocol in ["h2", "http/1.1"] {
        let setup = TlsSetup::new().names(["a.test"]).alpn([protocol]);
        let server = ServerOptions::new().tls(setup).serve_fn(async |_| reply(200, [], "hello"));
        let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
        let transport = over_https(http_proxy(&proxy).basic("u", "p"), &server);
        fetch(&transport, with_own("https://a.test/")).await.unwrap();
        assert!(!server.requests()[0].headers.contains_key(PROXY_AUTHORIZATION), "{protocol}");
        assert_eq!(proxy.requests()[0].headers[PROXY_AUTHORIZATION], "Basic dTpw", "the proxy's own alone");
    }
}

// ... by SOCKS, ...
#[tokio::test]
async fn nor_by_socks() {
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).socks();
    let transport = over(Proxy::new(proxy.url("socks5h")).unwrap());
    fetch(&transport, with_own("http://a.test/")).await.unwrap();
    assert!(!server.requests()[0].headers.contains_key(PROXY_AUTHORIZATION));
}

// ... and directly, over both versions.
#[tokio::test]
async fn nor_directly() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let server = ServerOptions::new().protocol(protocol).serve_fn(async |_| reply(200, [], "hello"));
        let versions = match protocol {
            Protocol::Http2 => sortie_transport::Versions::Http2Only,
            _ => sortie_transport::Versions::Http1Only,
        };
        let transport = Transport::new(TransportOptions::default().versions(versions));
        fetch(&transport, with_own(&server.url("/"))).await.unwrap();
        assert!(!server.requests()[0].headers.contains_key(PROXY_AUTHORIZATION), "{protocol:?}");
    }
}

// aiohttp #12829; CVE-2014-1829, CVE-2014-1830 (requests)
#[tokio::test]
async fn each_proxy_gets_its_own_credentials() {
    let server = hello();
    let proxies =
        [(); 3].map(|()| ProxyOptions::new().name("a.test", server.addr()).name("b.test", server.addr()).http());
    let [one, two, three] = &proxies;
    let rules =
        Proxies::all(http_proxy(one).basic("one", "")).host("http://b.test", http_proxy(two).basic("two", "")).unwrap();
    let transport = Transport::new(TransportOptions::default().proxies(rules));
    fetch(&transport, get("http://a.test/")).await.unwrap();
    fetch(&transport, get("http://b.test/")).await.unwrap();
    let mut request = get("http://b.test/");
    request.extensions_mut().insert(PerRequest::Use(Proxies::all(http_proxy(three))));
    fetch(&transport, request).await.unwrap();
    let said = |proxy: &TestProxy| {
        let heads = proxy.requests();
        assert_eq!(heads.len(), 1);
        heads[0].headers.get(PROXY_AUTHORIZATION).cloned()
    };
    assert_eq!(said(one).unwrap(), "Basic b25lOg==");
    assert_eq!(said(two).unwrap(), "Basic dHdvOg==");
    assert_eq!(said(three), None);
}

// OkHttp CVE-2023-0833: nor does an error or a log line show them.
#[tokio::test]
async fn nothing_shows_the_credentials() {
    let proxy = ProxyOptions::new().basic("u", "p").http();
    let own = http_proxy(&proxy).basic("user-secret", "password-secret");
    let own = own.header(http::header::USER_AGENT, HeaderValue::from_static("header-secret"));
    let options = by(own);
    let mut all = format!("{options:?}");
    let transport = Transport::new(options);
    for url in ["http://a.test/?secret", "https://a.test/?secret"] {
        all = format!("{all} {}", shown(&fetch(&transport, get(url)).await.unwrap_err()));
    }
    all = format!("{all} {transport:?} {:?}", transport.stats_by_origin());
    assert!(!all.contains("secret"), "{all}");
}
