//! Connections that become something else, as websockets do.

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, Request, StatusCode};
use sortie::ErrorKind;
use sortie::transport::{ConnectionInfo, UpgradeError};
use sortie_testkit::{ServerOptions, TestServer, TlsSetup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{builder, check, eventually, session, trusting};

/// Speaks frames that websockets know from each other by a length before them, once the handshake is right.
async fn switch(request: Request<axum::body::Body>) -> (StatusCode, HeaderMap) {
    let asked = |name, value: &str| request.headers().get(name).is_some_and(|found| found == value);
    let mut headers = HeaderMap::new();
    if !asked(CONNECTION, "upgrade") || !asked(UPGRADE, "shout") {
        return (StatusCode::UPGRADE_REQUIRED, headers);
    }
    tokio::spawn(async {
        let mut stream = hyper_util::rt::TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        // Unasked, so that it may come with the head.
        stream.write_all(b"\x05hello").await.unwrap();
        while let Ok(length) = stream.read_u8().await {
            let mut word = vec![0; usize::from(length)];
            stream.read_exact(&mut word).await.unwrap();
            word.make_ascii_uppercase();
            stream.write_all(&[&[length][..], &word].concat()).await.unwrap();
        }
    });
    headers.insert(CONNECTION, "upgrade".parse().unwrap());
    headers.insert(UPGRADE, "shout".parse().unwrap());
    (StatusCode::SWITCHING_PROTOCOLS, headers)
}

fn router() -> Router {
    Router::new().route("/", get(switch))
}

async fn next(stream: &mut sortie::transport::Upgraded) -> Bytes {
    let mut word = vec![0; usize::from(stream.read_u8().await.unwrap())];
    stream.read_exact(&mut word).await.unwrap();
    word.into()
}

#[tokio::test]
async fn the_stream_is_the_callers_over_plaintext_and_tls() {
    let plain = TestServer::new(router());
    let secure = ServerOptions::new().tls(TlsSetup::new()).serve(router());
    let tls = trusting(secure.certificate_authority()).build().unwrap();
    for (session, server) in [(session(), &plain), (builder().tls(tls).build().unwrap(), &secure)] {
        // Over TLS HTTP/2 is what it speaks otherwise.
        assert_eq!(session.get(server.url("/")).send().await.unwrap().status(), StatusCode::UPGRADE_REQUIRED);
        let response = session.get(server.url("/")).upgrade("shout").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut stream = response.upgrade().await.unwrap();
        assert_eq!(stream.connection().and_then(ConnectionInfo::peer_addr), Some(server.addr()));
        assert_eq!(next(&mut stream).await, "hello");
        for word in [&b"\x04ping"[..], b"\x03who"] {
            stream.write_all(word).await.unwrap();
            assert_eq!(next(&mut stream).await, word[1..].to_ascii_uppercase());
        }
        drop(stream);
        eventually("the connection ends", || server.open_connections() <= 1).await;
    }
}

#[tokio::test]
async fn an_answer_that_does_not_switch_is_an_error_that_says_what_it_was() {
    let server = TestServer::new(router());
    let response = session().get(server.url("/")).upgrade("whisper").send().await.unwrap();
    let error = response.upgrade().await.unwrap_err();
    check(&error, ErrorKind::Protocol, "426 Upgrade Required");
    assert!(
        matches!(sortie::core::find(&error), Some(UpgradeError::Refused { status, .. }) if *status == StatusCode::UPGRADE_REQUIRED)
    );
}
