//! Proxies that say nonsense, nothing or too much, and requests that are given up meanwhile.

use std::sync::Arc;
use std::time::Duration;

use sortie_core::Elapsed;
use sortie_testkit::{Gate, MemoryServer, ProxyOptions, Steps, TcpScript};
use sortie_transport::{DialError, PhaseTimeouts};

use super::*;
use crate::support::{fetch, fetching, get, until};

fn scripted(steps: Steps) -> (TcpScript, Proxy) {
    let script = TcpScript::each(steps);
    let proxy = Proxy::new(script.addr().to_string()).unwrap();
    (script, proxy)
}

// hyper-util #315
#[tokio::test]
async fn nonsense_is_an_error_of_its_own_kind() {
    for (answer, kind) in [
        ("220 mail.example.com ESMTP\r\n".to_owned(), ProxyErrorKind::InvalidAnswer),
        (format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(17_000)), ProxyErrorKind::HeadTooLarge),
        ("HTTP/1.1 200 O".to_owned(), ProxyErrorKind::Closed),
        ("HTTP/1.1 418 I'm a teapot\r\ncontent-length: 5\r\n\r\nshort".to_owned(), ProxyErrorKind::Refused),
    ] {
        let (script, proxy) = scripted(Steps::new().read_head().send(answer).close());
        let error = fetch(&over(proxy.clone()), get("https://a.test/")).await.unwrap_err();
        let (found, refusal) = refused(&error);
        assert_eq!((found, refusal.proxy()), (kind, Some(&*proxy.to_string())));
        assert_eq!(script.connections(), 1);
    }
}

#[tokio::test]
async fn a_success_with_a_body_is_no_tunnel_to_a_server_of_tls() {
    let (_script, proxy) =
        scripted(Steps::new().read_head().send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").close());
    let error = fetch(&over(proxy), get("https://a.test/")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }));
}

#[tokio::test]
async fn socks_nonsense_is_an_error_too() {
    for (scheme, answer) in
        [("socks5", "HTTP/1.1 400 Bad Request\r\n\r\n"), ("socks4", "HTTP/1.1 400 Bad Request\r\n\r\n")]
    {
        let script = TcpScript::each(Steps::new().read(3).send(answer).read_to_end());
        let proxy = Proxy::new(format!("{scheme}://{}", script.addr())).unwrap();
        let error = fetch(&over(proxy), get("http://127.0.0.1:9/")).await.unwrap_err();
        assert_eq!(refused(&error).0, ProxyErrorKind::InvalidAnswer, "{scheme}");
    }
}

#[tokio::test]
async fn a_proxy_that_nobody_runs_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::new(listener.local_addr().unwrap().to_string()).unwrap();
    drop(listener);
    for url in ["http://a.test/", "https://a.test/"] {
        let error = fetch(&over(proxy.clone()), get(url)).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Connect }));
        let unreachable = find::<ProxyError>(&*error).unwrap();
        assert_eq!((unreachable.kind(), unreachable.proxy()), (ProxyErrorKind::Unreachable, Some(&*proxy.to_string())));
        assert!(find::<DialError>(&*error).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_says_nothing_meets_the_connect_limit() {
    let limit = Duration::from_secs(7);
    for (url, script) in [
        ("http://proxy.test", Steps::new().read_head().hold()),
        ("http://proxy.test", Steps::new().read_head().send("HTTP/1.1 200 OK\r\n").hold()),
        ("https://proxy.test", Steps::new().hold()),
        ("socks5h://proxy.test", Steps::new().read(3).hold()),
    ] {
        let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "")));
        let options = by(Proxy::new(url).unwrap()).timeouts(PhaseTimeouts::default().connect(limit));
        let behind = server.clone();
        let transport = Transport::new(options.connector(move |_| {
            let stream = behind.connect_scripted(script.clone());
            async move { Ok::<_, std::convert::Infallible>(stream) }
        }));
        let error = fetch(&transport, get("https://a.test/")).await.unwrap_err();
        assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Proxy }), "{url}");
        assert_eq!(find::<Elapsed>(&*error), Some(&Elapsed::new(Phase::Proxy, limit)), "{url}");
        assert_eq!(transport.stats().connecting, 0);
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_its_handshake_to_the_next() {
    let server = https();
    let gate = Gate::new();
    let (script, proxy) =
        scripted(Steps::new().read_head().pause(&gate).send("HTTP/1.1 403 Forbidden\r\n\r\n").close());
    let options = by(proxy).tls(trust(&server)).max_connections(1).max_connections_per_origin(1);
    let transport = Transport::new(options);
    let first = fetching(&transport, get("https://a.test/"));
    gate.reached().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!((transport.in_flight(), transport.stats().connecting), (0, 1));
    gate.open();
    until("the place is free", || transport.stats().connecting == 0).await;
    // There is one place in all, and it is free.
    let direct = transport.with_proxies(Proxies::none());
    let url = format!("https://127.0.0.1:{}/", server.addr().port());
    assert_eq!(fetch(&direct, get(url)).await.unwrap(), "hello");
    drop(script);
}

#[tokio::test]
async fn a_signature_that_is_given_up_leaves_nothing() {
    struct Never;
    impl sortie_core::auth::Auth for Never {
        fn sign<'a>(&'a self, _: &'a mut sortie_core::auth::Unsigned<'_>) -> sortie_core::auth::Signing<'a> {
            sortie_core::auth::Signing::later(std::future::pending())
        }
    }
    let proxy = ProxyOptions::new().http();
    let transport = over(http_proxy(&proxy).auth(Never));
    let call = fetching(&transport, get("http://a.test/"));
    until("it is under way", || transport.in_flight() == 1).await;
    call.abort();
    assert!(call.await.is_err());
    assert_eq!(transport.in_flight(), 0);
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn closing_ends_a_handshake_under_way() {
    let (_script, proxy) = scripted(Steps::new().read_head().hold());
    let transport = over(proxy);
    let call = fetching(&transport, get("https://a.test/"));
    until("it connects", || transport.stats().connecting == 1).await;
    transport.close(Duration::from_millis(10)).await;
    assert_eq!(Outcome::of(&*call.await.unwrap().unwrap_err()), Some(Outcome::Closed));
    assert_eq!(transport.stats().connecting, 0);
}
