//! SOCKS in all versions, plain and with TLS within.

use sortie_testkit::{ProxyOptions, SocksRequest};

use super::*;
use crate::support::{fetch, get};

#[tokio::test]
async fn each_version_leads_to_plain_and_to_https_origins() {
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        for (server, origin) in [(hello(), "http"), (https(), "https")] {
            let proxy = ProxyOptions::new().name("a.test", server.addr()).socks();
            let own = Proxy::new(proxy.url(scheme)).unwrap();
            let tls = if origin == "https" { trust(&server) } else { Tls::default() };
            let transport = over_tls(own, tls);
            // Where the client looks the name up, an address.
            let is_remote = matches!(scheme, "socks4a" | "socks5h");
            let port = server.addr().port();
            let url = if is_remote { format!("{origin}://a.test/") } else { format!("{origin}://127.0.0.1:{port}/") };
            assert_eq!(fetch(&transport, get(&url)).await.unwrap(), "hello", "{scheme} {url}");
            let SocksRequest { version, host, .. } = proxy.socks_requests().remove(0);
            assert_eq!(version, if scheme.starts_with("socks4") { 4 } else { 5 });
            assert_eq!(host, if is_remote { "a.test" } else { "127.0.0.1" });
            // In origin-form: nobody but the origin reads it.
            assert_eq!(server.requests()[0].uri.path(), "/");
        }
    }
}

#[tokio::test]
async fn names_are_looked_up_by_the_client_or_by_the_proxy() {
    let server = hello();
    let url = format!("http://localhost:{}/", server.addr().port());
    for (scheme, says_name) in [("socks4", false), ("socks5", false), ("socks4a", true), ("socks5h", true)] {
        let proxy = ProxyOptions::new().socks();
        let transport = over(Proxy::new(proxy.url(scheme)).unwrap());
        assert_eq!(fetch(&transport, get(&url)).await.unwrap(), "hello", "{scheme}");
        let asked = proxy.socks_requests().pop().unwrap();
        assert_eq!(asked.host == "localhost", says_name, "{scheme}: {}", asked.host);
    }
}

#[tokio::test]
async fn user_and_password_are_told_and_checked() {
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).basic("alice", "s:cret").socks();
    for (url, kind) in [
        (format!("socks5h://alice:s%3Acret@{}", proxy.addr()), None),
        (format!("socks4a://alice@{}", proxy.addr()), None),
        (format!("socks5h://alice:wrong@{}", proxy.addr()), Some(ProxyErrorKind::AuthenticationFailed)),
        (format!("socks5h://{}", proxy.addr()), Some(ProxyErrorKind::NoAcceptableMethod)),
        (format!("socks4a://mallory@{}", proxy.addr()), Some(ProxyErrorKind::AuthenticationFailed)),
        (format!("socks4a://alice:s%3Acret@{}", proxy.addr()), Some(ProxyErrorKind::InvalidSetting)),
    ] {
        let sent = fetch(&over(Proxy::new(&url).unwrap()), get("http://a.test/")).await;
        match (&sent, kind) {
            (Ok(text), None) => assert_eq!(text, "hello"),
            (Err(error), Some(kind)) => {
                assert_eq!(refused(error).0, kind);
                assert!(
                    !["wrong", "alice", "mallory", "s:cret"].iter().any(|word| shown(error).contains(word)),
                    "{}",
                    shown(error)
                );
            }
            _ => panic!("{url}: {sent:?}"),
        }
    }
}

#[tokio::test]
async fn a_reply_that_refuses_has_its_kind() {
    let proxy = ProxyOptions::new().socks();
    let closed = format!("http://127.0.0.1:{}/", closed_port().await);
    for (scheme, url, kind) in [
        ("socks5h", "http://unknown.test/", ProxyErrorKind::HostUnreachable),
        ("socks4a", "http://unknown.test/", ProxyErrorKind::GeneralFailure),
        ("socks5", &closed, ProxyErrorKind::ConnectionRefused),
        ("socks4", "http://[::1]/", ProxyErrorKind::AddressTypeNotSupported),
    ] {
        let error = fetch(&over(Proxy::new(proxy.url(scheme)).unwrap()), get(url)).await.unwrap_err();
        assert_eq!(refused(&error).0, kind, "{scheme} {url}");
    }
}

/// One that nobody listens on any more.
async fn closed_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
