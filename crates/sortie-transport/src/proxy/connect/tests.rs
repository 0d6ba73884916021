use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::PROXY_AUTHENTICATE;
use sortie_core::auth::{Signing, Unsigned};
use sortie_core::find;
use sortie_testkit::{Steps, TcpScript};
use tokio::net::TcpStream;

use super::*;

const OK: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
const CHALLENGE: &str =
    "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Legs\r\ncontent-length: 4\r\n\r\nbody";

fn proxy(server: &TcpScript) -> Proxy {
    Proxy::new(server.addr().to_string()).unwrap()
}

async fn open(proxy: &Proxy) -> Result<TcpStream, BoxError> {
    let address = format!("{}:{}", proxy.host(), proxy.port());
    tunnel(proxy, "a.test:443", || async { Ok(TcpStream::connect(&address).await?) }).await
}

async fn failure(proxy: &Proxy) -> ProxyError {
    find::<ProxyError>(&*open(proxy).await.unwrap_err()).unwrap().clone()
}

#[tokio::test]
async fn the_request_names_the_origin_and_has_the_proxys_own_headers() {
    let server = TcpScript::each(Steps::new().read_head().send(OK).close());
    let proxy = proxy(&server).basic("u", "p").header(http::header::USER_AGENT, HeaderValue::from_static("x"));
    open(&proxy).await.unwrap();
    assert_eq!(
        server.finish().await[0].text(),
        "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nuser-agent: x\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    );
}

// hyper-util #315: a status is read as a status, and what came with the head is not lost.
#[tokio::test]
async fn only_a_success_opens_and_what_follows_it_is_the_tunnels() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nearly",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly", // RFC 9110 §9.3.6: the length is to be ignored
        "HTTP/1.0 200 OK\r\n\r\nearly",
        "HTTP/1.1 299 Fine\r\nx: y\r\n\r\nearly",
        "HTTP/1.1 200 \n\nearly",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nearly",
    ] {
        let server = TcpScript::each(Steps::new().read_head().send_slowly(answer).close());
        let mut tunnel = open(&proxy(&server)).await.unwrap();
        let mut early = String::new();
        tunnel.read_to_string(&mut early).await.unwrap();
        assert_eq!(early, "early", "{answer}");
    }
}

#[tokio::test]
async fn what_opens_no_tunnel_says_why() {
    use ProxyErrorKind as Kind;
    let (large, many) = (format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(20_000)), "a: b\r\n".repeat(101));
    let many = format!("HTTP/1.1 200 OK\r\n{many}\r\n");
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    for (answer, kind) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", Kind::Refused),
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Kind::AuthenticationRequired),
        ("HTTP/1.1 302 Found\r\nlocation: http://portal.test/\r\n\r\n", Kind::Refused),
        ("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", Kind::Refused),
        ("HTTP/1.1 2000 OK\r\n\r\n", Kind::InvalidAnswer),
        ("HTTP/1.1 000 OK\r\n\r\n", Kind::InvalidAnswer),
        ("HTTP/2 200 OK\r\n\r\n", Kind::InvalidAnswer),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Kind::InvalidAnswer),
        ("SSH-2.0-OpenSSH_9.9\r\n", Kind::InvalidAnswer),
        ("\r\n\r\n", Kind::InvalidAnswer),
        ("\x05\x00", Kind::InvalidAnswer),
        ("", Kind::Closed),
        ("HTTP/1.1 200 OK\r\nx: y\r\n", Kind::Closed),
        (&large, Kind::HeadTooLarge),
        (&many, Kind::HeadTooLarge),
        (&endless, Kind::HeadTooLarge),
    ] {
        let server = TcpScript::each(Steps::new().read_head().send(answer.to_owned()).close());
        let proxy = proxy(&server);
        let error = failure(&proxy).await;
        assert_eq!(error.kind(), kind, "{answer:.40}");
        assert_eq!(error.proxy(), Some(&*proxy.to_string()));
        assert_eq!(server.connections(), 1, "{answer:.40}");
    }
}

#[tokio::test]
async fn an_answer_that_opens_no_tunnel_can_be_read_from_the_error() {
    let server = TcpScript::each(Steps::new().read_head().send(CHALLENGE).close());
    let error = failure(&proxy(&server).basic("u", "secret")).await;
    assert_eq!(error.status(), Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED));
    assert_eq!(error.headers().unwrap()[PROXY_AUTHENTICATE], "Legs");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn a_connection_that_breaks_tells_the_systems_error() {
    let server = TcpScript::each(Steps::new().read_head().close());
    let error = failure(&proxy(&server)).await;
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::UnexpectedEof);
}

/// Signs each leg with its number and the challenge that it answers.
struct Legs(usize, Arc<AtomicUsize>);

impl Auth for Legs {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        let challenge =
            request.challenge().map_or("-", |answer| answer.headers["proxy-authenticate"].to_str().unwrap());
        assert!(request.proxy().unwrap().starts_with("http://127.0.0.1:"));
        let value = format!("{} {} {} {challenge}", request.leg(), request.method(), request.uri());
        Signing::later(async move {
            let name = request.recipient().header();
            request.headers_mut().insert(name, value.parse()?);
            Ok(())
        })
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        assert!(answer.proxy().unwrap().starts_with("http://127.0.0.1:"));
        self.1.fetch_add(1, Ordering::Relaxed);
        if answer.response().status == 407 { Verdict::Resend } else { Verdict::Accept }
    }

    fn legs(&self) -> usize {
        self.0
    }
}

const LAST: &str = "\r\nProxy-Authorization: 2 CONNECT a.test:443 Legs\r\n\r\n";

#[tokio::test]
async fn a_scheme_answers_challenges_over_the_connection_that_is_kept_open() {
    let server = TcpScript::each(
        Steps::new().read_head().send(CHALLENGE).read_head().send(CHALLENGE).read_head().send(OK).close(),
    );
    open(&proxy(&server).auth(Legs(2, Arc::default()))).await.unwrap();
    let text = server.finish().await[0].text();
    assert!(text.contains("Proxy-Authorization: 0 CONNECT a.test:443 -\r\n") && text.ends_with(LAST), "{text}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn and_over_another_if_it_is_not() {
    let said = |head: &str| format!("HTTP/1.1 407 X\r\nproxy-authenticate: Legs\r\n{head}\r\n");
    for (answers, connections) in [
        // Said, or of unknown length, or too long to be read.
        ([said("content-length: 0\r\nconnection: x, Close\r\n"), said("")], 3),
        ([said("proxy-connection: close\r\ncontent-length: 0\r\n"), said("content-length: 99999999\r\n")], 3),
        ([said("transfer-encoding: chunked\r\n"), said("content-length: 0\r\ncontent-length: 0\r\n")], 3),
        ([said("content-length: 0\r\n").replace("1.1", "1.0"), said("content-length: +0\r\n")], 3),
        // Not said: it is seen when the next request finds nobody, or half-way through the content.
        ([said("content-length: 0\r\n"), said("content-length: 9\r\n")], 3),
    ] {
        let [first, second] = answers;
        let server = TcpScript::in_order([
            Steps::new().read_head().send(first).close(),
            Steps::new().read_head().send(second).close(),
            Steps::new().read_head().send(OK).close(),
        ]);
        open(&proxy(&server).auth(Legs(2, Arc::default()))).await.unwrap();
        assert!(server.finish().await[2].text().ends_with(LAST));
        assert_eq!(server.connections(), connections);
    }
}

#[tokio::test]
async fn a_challenge_beyond_the_schemes_legs_is_the_error_and_the_last_answer_is_examined() {
    let server = TcpScript::each(Steps::new().read_head().send(CHALLENGE).read_head().send(CHALLENGE).close());
    assert_eq!(
        failure(&proxy(&server).auth(Legs(1, Arc::default()))).await.kind(),
        ProxyErrorKind::AuthenticationRequired
    );
    let server = TcpScript::each(Steps::new().read_head().send(OK).close());
    let examined = Arc::<AtomicUsize>::default();
    open(&proxy(&server).auth(Legs(1, examined.clone()))).await.unwrap();
    assert_eq!(examined.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_scheme_that_cannot_sign_is_an_error_of_its_own_and_nothing_is_dialled() {
    let server = TcpScript::each(Steps::new().read_to_end());
    let proxy = proxy(&server).auth(|_: &mut Unsigned<'_>| Err("no token".into()));
    let error = failure(&proxy).await;
    assert_eq!((error.kind(), error.source().unwrap().to_string().as_str()), (ProxyErrorKind::Signing, "no token"));
    assert_eq!(server.connections(), 0);
}

/// Believes no answer to what it has signed.
struct Suspicious;

impl Auth for Suspicious {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        let name = request.recipient().header();
        request.headers_mut().insert(name, "mine".parse().unwrap());
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

#[tokio::test]
async fn a_tunnel_of_a_proxy_that_the_scheme_does_not_believe_is_not_used() {
    for answer in [OK.to_owned(), CHALLENGE.to_owned()] {
        let server = TcpScript::each(Steps::new().read_head().send(answer).read_to_end());
        let error = failure(&proxy(&server).auth(Suspicious)).await;
        assert_eq!(error.kind(), ProxyErrorKind::Rejected);
        assert_eq!(error.source().unwrap().to_string(), "another signature");
        assert_eq!(server.connections(), 1);
    }
}
