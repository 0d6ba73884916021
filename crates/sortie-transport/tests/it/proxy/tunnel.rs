//! Requests to `https` origins, through a tunnel.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, StatusCode, Version};
use sortie_core::auth::Unsigned;
use sortie_testkit::{CertificateAuthority, CertificateOptions, ProxyOptions, Purpose};
use sortie_transport::tls::{CertSource, Identity, TlsError, TlsErrorKind};
use sortie_transport::{ConnectError, Timings};

use super::*;
use crate::support::{connection, fetch, get, read, send};

#[tokio::test]
async fn http2_and_tls_are_spoken_with_the_origin_within_it() {
    let server = https();
    let proxy = ProxyOptions::new().basic("u", "p").name("a.test", server.addr()).http();
    let own = http_proxy(&proxy).basic("u", "p").header(USER_AGENT, HeaderValue::from_static("x"));
    let transport = over_https(own, &server);
    for reused in [false, true] {
        let response = send(&transport, get("https://a.test/")).await.unwrap();
        let timings = response.extensions().get::<Timings>().unwrap();
        assert_eq!((timings.proxy().is_some(), timings.tls().is_some()), (!reused, !reused));
        let connection = connection(&response);
        assert_eq!((connection.version(), connection.is_reused()), (Version::HTTP_2, reused));
        assert_eq!(connection.proxy().map(ToString::to_string), Some(proxy.url("http")));
        assert_eq!(connection.tls().unwrap().alpn(), Some(&b"h2"[..]));
        assert_eq!(read(response).await.unwrap().0, "hello");
    }
    let requests = proxy.requests();
    let [head] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((head.method.as_str(), head.uri.to_string().as_str()), ("CONNECT", "a.test:443"));
    assert_eq!(
        (&head.headers[HOST], &head.headers[USER_AGENT]),
        (&"a.test:443".parse().unwrap(), &"x".parse().unwrap())
    );
    assert_eq!(head.headers[PROXY_AUTHORIZATION], "Basic dTpw");
}

#[tokio::test]
async fn tls_goes_within_tls_to_a_proxy_of_https() {
    let server = https();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).tls(TlsSetup::new()).http();
    let own = Proxy::new(proxy.url("https")).unwrap().tls(tls_of(&proxy));
    let transport = over_https(own, &server);
    let response = send(&transport, get("https://a.test/")).await.unwrap();
    assert_eq!(connection(&response).peer_addr(), Some(proxy.addr()));
    assert_eq!(connection(&response).version(), Version::HTTP_2);
    assert_eq!(connection(&response).tls().unwrap().server_name(), "a.test");
    assert_eq!(connection(&response).proxy_tls().unwrap().server_name(), "localhost");
    assert_eq!(read(response).await.unwrap().0, "hello");
}

// CVE-2021-28363
#[tokio::test]
async fn the_certificate_and_the_name_of_a_proxy_of_https_are_checked() {
    let server = https();
    for (names, trusted, kind) in
        [(["localhost"], false, TlsErrorKind::UnknownIssuer), (["other.test"], true, TlsErrorKind::WrongName)]
    {
        let proxy = ProxyOptions::new().tls(TlsSetup::new().names(names)).http();
        let own = Proxy::new(format!("https://localhost:{}", proxy.addr().port())).unwrap();
        // What is trusted for the origin is not for the proxy.
        let own = own.tls(if trusted { tls_of(&proxy) } else { trust(&server) });
        let error = fetch(&over_tls(own, tls_of(&proxy)), get("https://a.test/")).await.unwrap_err();
        assert_eq!(refused(&error).0, ProxyErrorKind::Tls);
        assert_eq!(find::<TlsError>(&*error).map(TlsError::kind), Some(kind));
        assert!(proxy.requests().is_empty());
    }
}

#[tokio::test]
async fn a_proxy_of_https_may_want_a_client_identity_whose_change_retires_its_connections() {
    let (server, clients) = (https(), CertificateAuthority::new());
    let tls = TlsSetup::new().client_authority(clients.clone());
    let proxy = ProxyOptions::new().name("a.test", server.addr()).tls(tls).http();
    let own = Proxy::new(proxy.url("https")).unwrap();

    let unknown = over_https(own.clone().tls(tls_of(&proxy)), &server);
    let error = fetch(&unknown, get("https://a.test/")).await.unwrap_err();
    assert_eq!(refused(&error).0, ProxyErrorKind::Tls, "{error:?}");

    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let source = CertSource::from_fn(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let certificate = clients.issue_with(CertificateOptions::new(["client"]).purpose(Purpose::Client));
        let (chain, key) = (certificate.chain_pem(), certificate.key_pem());
        Identity::pem_parts(chain.as_bytes(), key.as_bytes()).map_err(std::io::Error::other)
    });
    let pem = proxy.certificate_authority().pem();
    let known = TlsOptions::default().only_roots_pem(pem.as_bytes()).unwrap().cert_source(source).build().unwrap();
    let transport = over_https(own.tls(known.clone()), &server);
    fetch(&transport, get("https://a.test/")).await.unwrap();
    assert_eq!(transport.stats().idle, 1);
    assert!(known.reload().await.unwrap());
    assert_eq!(transport.stats().idle, 0);
    fetch(&transport, get("https://a.test/")).await.unwrap();
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_certificate_of_the_origin_is_checked_within_the_tunnel() {
    let server = https();
    let proxy = ProxyOptions::new().name("c.test", server.addr()).http();
    let error = fetch(&over_https(http_proxy(&proxy), &server), get("https://c.test/")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }));
    assert_eq!(find::<TlsError>(&*error).map(TlsError::kind), Some(TlsErrorKind::WrongName));
}

#[tokio::test]
async fn a_407_and_any_other_refusal_are_errors_with_the_proxys_answer() {
    let server = https();
    let proxy = ProxyOptions::new().basic("u", "p").http();
    let transport = over_https(http_proxy(&proxy).basic("u", "secret"), &server);
    let error = fetch(&transport, get("https://a.test/x?secret")).await.unwrap_err();
    let (kind, refusal) = refused(&error);
    assert_eq!(
        (kind, refusal.status()),
        (ProxyErrorKind::AuthenticationRequired, Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED))
    );
    assert!(!shown(&error).contains("secret"), "{}", shown(&error));
    assert_eq!(find::<ConnectError>(&*error).unwrap().to_string(), "connecting to https://a.test failed (proxy)");

    let transport = over_https(http_proxy(&proxy).basic("u", "p"), &server);
    let error = fetch(&transport, get("https://unknown.test/")).await.unwrap_err();
    let (kind, refusal) = refused(&error);
    assert_eq!((kind, refusal.status()), (ProxyErrorKind::Refused, Some(StatusCode::BAD_GATEWAY)));
    assert_eq!(refusal.proxy(), Some(&*proxy.url("http")));
}

#[tokio::test]
async fn a_challenge_is_answered_before_the_tunnel_is_opened() {
    let server = https();
    for options in [ProxyOptions::new(), ProxyOptions::new().close_after_challenge()] {
        let proxy = options.name("a.test", server.addr()).challenge(|headers| {
            let said = headers.get(PROXY_AUTHORIZATION).map(HeaderValue::as_bytes);
            (said != Some(b"answered")).then(|| "nonce".into())
        });
        let proxy = proxy.http();
        let transport = over_https(http_proxy(&proxy).auth(Answering), &server);
        assert_eq!(fetch(&transport, get("https://a.test/")).await.unwrap(), "hello");
        assert_eq!(proxy.requests().len(), 2);
    }
}

struct Answering;

impl sortie_core::auth::Auth for Answering {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> sortie_core::auth::Signing<'a> {
        if request.challenge().is_some() {
            request.headers_mut().insert(PROXY_AUTHORIZATION, HeaderValue::from_static("answered"));
        }
        sortie_core::auth::Signing::Done(Ok(()))
    }

    fn examine(&self, _: &sortie_core::auth::Answer<'_>) -> sortie_core::auth::Verdict {
        sortie_core::auth::Verdict::Resend
    }

    fn legs(&self) -> usize {
        1
    }
}
