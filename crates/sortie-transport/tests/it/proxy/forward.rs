//! Requests to `http` origins, which a proxy of HTTP forwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::{HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use sortie_core::Body;
use sortie_core::auth::{Answer, Auth, Recipient, Signing, Unsigned, Verdict};
use sortie_testkit::{Protocol, ProxyOptions, ServerOptions, Steps, TcpScript, reply};
use sortie_transport::Versions;
use sortie_transport::proxy::{Proxies, Proxy, ProxyError, ProxyErrorKind};
use sortie_transport::{Transport, TransportOptions};

use super::*;
use crate::support::{connection, fetch, get, post, read, send};

// S57
#[tokio::test]
async fn the_target_is_absolute_and_the_proxys_headers_are_on_the_request() {
    let server = hello();
    let proxy = ProxyOptions::new().basic("ü", "pé").name("a.test", server.addr()).http();
    let own = Proxy::new(format!("http://%C3%BC:p%C3%A9@{}", proxy.addr())).unwrap();
    let transport = over(own.clone().header(USER_AGENT, HeaderValue::from_static("proxys")));
    for _ in 0..2 {
        let response = send(&transport, get("http://u:secret@A.test/p?q=1#f")).await.unwrap();
        assert_eq!(info(&response).as_deref(), Some(&*own.to_string()));
        assert_eq!(connection(&response).peer_addr(), Some(proxy.addr()));
        assert_eq!(read(response).await.unwrap().0, "hello");
    }
    assert_eq!(proxy.connections(), 1, "it is kept");
    let head = &proxy.requests()[1];
    assert_eq!(head.uri, "http://a.test/p?q=1");
    assert_eq!(head.headers[HOST], "a.test");
    assert_eq!(head.headers[PROXY_AUTHORIZATION], "Basic w7w6cMOp");
    assert_eq!(head.headers[USER_AGENT], "proxys");
    let head = &server.requests()[0];
    assert!(!head.headers.contains_key(PROXY_AUTHORIZATION));
    assert_eq!(head.uri, "/p?q=1");
}

#[tokio::test]
async fn a_port_that_counts_is_kept_and_an_address_of_ipv6_is_in_brackets() {
    let script = || Steps::new().read_head().send("HTTP/1.1 204 No Content\r\n\r\n").close();
    for (url, line, host) in [
        ("http://a.test:8080", "GET http://a.test:8080/ HTTP/1.1", "host: a.test:8080"),
        ("http://a.test:80/x", "GET http://a.test/x HTTP/1.1", "host: a.test"),
        ("http://[2001:db8::1]:81/", "GET http://[2001:db8::1]:81/ HTTP/1.1", "host: [2001:db8::1]:81"),
    ] {
        let proxy = TcpScript::each(script());
        let transport = over(Proxy::new(proxy.addr().to_string()).unwrap());
        send(&transport, get(url)).await.unwrap();
        let said = proxy.finish().await[0].text();
        assert!(said.starts_with(line) && said.contains(&format!("\r\n{host}\r\n")), "{said}");
    }
}

#[tokio::test]
async fn what_the_request_says_to_the_proxy_beats_the_proxys_own() {
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let transport = over(http_proxy(&proxy).basic("u", "p"));
    let mut request = get("http://a.test/");
    request.headers_mut().insert(PROXY_AUTHORIZATION, HeaderValue::from_static("Bearer own"));
    fetch(&transport, request).await.unwrap();
    assert_eq!(proxy.requests()[0].headers[PROXY_AUTHORIZATION], "Bearer own");
}

#[tokio::test]
async fn a_407_is_an_error_with_the_proxys_answer_and_the_connection_serves_again() {
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).basic("u", "p").http();
    let transport = over(http_proxy(&proxy).basic("u", "wrong-secret"));
    for _ in 0..2 {
        let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
        let (kind, refusal) = refused(&error);
        assert_eq!(kind, ProxyErrorKind::AuthenticationRequired);
        assert_eq!(refusal.status(), Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED));
        assert_eq!(refusal.headers().unwrap()[PROXY_AUTHENTICATE], "Basic realm=\"proxy\"");
        assert!(!shown(&error).contains("wrong-secret"));
    }
    assert_eq!((proxy.connections(), server.connections()), (1, 0));
    assert_eq!(transport.in_flight(), 0);
}

#[tokio::test]
async fn another_refusal_is_a_response_for_it_may_be_the_origins() {
    let proxy = ProxyOptions::new().http();
    let response = send(&over(http_proxy(&proxy)), get("http://unknown.test/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
}

/// A scheme that signs each leg with what the challenge before it said, in two legs.
#[derive(Default)]
struct Legs {
    examined: Arc<AtomicUsize>,
}

impl Auth for Legs {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        assert_eq!(request.recipient(), Recipient::Proxy);
        assert!(request.proxy().unwrap().starts_with("http://127.0.0.1:"));
        let nonce = request.challenge().map(|answer| answer.headers[PROXY_AUTHENTICATE].to_str().unwrap().to_owned());
        let content = request.content().map(|content| content.len());
        let value = format!("Legs {} {} {content:?} {nonce:?}", request.leg(), request.uri());
        Signing::later(async move {
            request.headers_mut().insert(PROXY_AUTHORIZATION, value.parse()?);
            Ok(())
        })
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        assert!(answer.proxy().unwrap().starts_with("http://127.0.0.1:"));
        self.examined.fetch_add(1, Ordering::Relaxed);
        if answer.response().status == 407 { Verdict::Resend } else { Verdict::Accept }
    }

    fn legs(&self) -> usize {
        2
    }
}

/// Asks for two legs, with a nonce each.
fn two_legs(headers: &http::HeaderMap) -> Option<String> {
    let said = headers.get(PROXY_AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
    match said {
        _ if said.starts_with("Legs 2 ") && said.ends_with("Some(\"two\")") => None,
        _ if said.starts_with("Legs 1 ") && said.ends_with("Some(\"one\")") => Some("two".into()),
        _ => Some("one".into()),
    }
}

#[tokio::test]
async fn a_challenge_is_answered_with_the_body_sent_again() {
    let server = TestServer::from_fn(async |request: Request<_>| reply(200, [], Body::new(request.into_body())));
    for options in [ProxyOptions::new(), ProxyOptions::new().close_after_challenge()] {
        let proxy = options.name("a.test", server.addr()).challenge(two_legs).http();
        let examined = Arc::<AtomicUsize>::default();
        let transport = over(http_proxy(&proxy).auth(Legs { examined: examined.clone() }));
        assert_eq!(fetch(&transport, post("http://u:p@a.test/x", "body")).await.unwrap(), "body");
        let said: Vec<_> = proxy.requests().iter().map(|head| head.headers[PROXY_AUTHORIZATION].clone()).collect();
        assert_eq!(
            said,
            [
                "Legs 0 http://a.test/x Some(4) None",
                "Legs 1 http://a.test/x Some(4) Some(\"one\")",
                "Legs 2 http://a.test/x Some(4) Some(\"two\")"
            ]
        );
        assert_eq!(examined.load(Ordering::Relaxed), 3, "the last answer too");
        assert_eq!(transport.in_flight(), 0);
    }
}

#[tokio::test]
async fn a_challenge_without_an_answer_is_the_error_and_so_is_one_to_a_body_that_is_gone() {
    let proxy = ProxyOptions::new().challenge(|_| Some("never".into())).http();
    let transport = over(http_proxy(&proxy).auth(Legs::default()));
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(refused(&error).0, ProxyErrorKind::AuthenticationRequired);
    assert_eq!(proxy.requests().len(), 3);

    let once = Body::new(http_body_util::StreamBody::new(futures_util::stream::iter([Ok::<_, std::io::Error>(
        http_body::Frame::data("once".into()),
    )])));
    let error = fetch(&transport, post("http://a.test/", once)).await.unwrap_err();
    assert_eq!(refused(&error).0, ProxyErrorKind::AuthenticationRequired);
    assert_eq!(proxy.requests().len(), 4);
}

#[tokio::test]
async fn an_answer_that_the_scheme_does_not_believe_is_an_error_that_is_not_to_be_repeated() {
    struct Suspicious;
    impl Auth for Suspicious {
        fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
            request.headers_mut().insert(PROXY_AUTHORIZATION, "mine".parse().unwrap());
            Signing::Done(Ok(()))
        }
        fn examine(&self, answer: &Answer<'_>) -> Verdict {
            assert_eq!(answer.credentials().unwrap(), "mine");
            Verdict::Fail("another signature".into())
        }
        fn legs(&self) -> usize {
            1
        }
    }
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let transport = over(http_proxy(&proxy).auth(Suspicious));
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    let rejected: &ProxyError = sortie_core::find(&*error).unwrap();
    assert_eq!(rejected.kind(), ProxyErrorKind::Rejected);
    // It was passed on, and may have had its effect: whoever retries is not to take it for one that was not sent.
    assert_eq!((sortie_core::Outcome::of(&*error), server.requests().len()), (None, 1));
    assert_eq!(transport.in_flight(), 0);
}

#[tokio::test]
async fn a_scheme_that_only_signs_signs_each_request() {
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let count = AtomicUsize::new(0);
    let transport = over(http_proxy(&proxy).auth(move |request: &mut Unsigned<'_>| {
        let value = format!("Counted {}", count.fetch_add(1, Ordering::Relaxed));
        request.headers_mut().insert(PROXY_AUTHORIZATION, value.parse()?);
        Ok(())
    }));
    for count in 0..2 {
        fetch(&transport, get("http://a.test/")).await.unwrap();
        assert_eq!(proxy.requests()[count].headers[PROXY_AUTHORIZATION], format!("Counted {count}"));
    }
    let failing =
        transport.with_proxies(Proxies::all(http_proxy(&proxy).auth(|_: &mut Unsigned<'_>| Err("no".into()))));
    let error = fetch(&failing, get("http://a.test/")).await.unwrap_err();
    assert_eq!(refused(&error).0, ProxyErrorKind::Signing);
    assert_eq!(proxy.requests().len(), 2);
}

#[tokio::test]
async fn over_http2_alone_a_plain_origin_is_reached_through_a_tunnel() {
    let server = ServerOptions::new().protocol(Protocol::Http2).serve_fn(async |_| reply(200, [], "hello"));
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let options = TransportOptions::default().versions(Versions::Http2Only);
    let transport = Transport::new(options.proxies(Proxies::all(http_proxy(&proxy))));
    assert_eq!(fetch(&transport, get("http://a.test/")).await.unwrap(), "hello");
    assert_eq!(
        (proxy.requests()[0].method.as_str(), proxy.requests()[0].uri.to_string().as_str()),
        ("CONNECT", "a.test:80")
    );
}

#[tokio::test]
async fn a_proxy_of_https_forwards_too() {
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).tls(TlsSetup::new()).http();
    let tls = tls_of(&proxy);
    let transport = over(Proxy::new(proxy.url("https")).unwrap().tls(tls));
    let response = send(&transport, get("http://a.test/")).await.unwrap();
    assert_eq!(connection(&response).peer_addr(), Some(proxy.addr()));
    assert!(connection(&response).tls().is_none(), "it is not the origin's");
    assert_eq!(read(response).await.unwrap().0, "hello");
    assert_eq!(proxy.requests()[0].uri, "http://a.test/");
}
