//! What the tests have in common.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use sortie_core::{Body, BoxError};
use sortie_testkit::{MemoryServer, TestServer};
use sortie_transport::tls::{Tls, TlsOptions};
use sortie_transport::{ConnectionInfo, Pooled, Transport, TransportOptions};
use tokio::task::JoinHandle;
use tower::ServiceExt;

pub(crate) fn get(url: impl AsRef<str>) -> Request<Body> {
    Request::get(url.as_ref()).body(Body::empty()).unwrap()
}

pub(crate) fn post(url: impl AsRef<str>, body: impl Into<Body>) -> Request<Body> {
    Request::post(url.as_ref()).body(body.into()).unwrap()
}

pub(crate) async fn send(transport: &Transport, request: Request<Body>) -> Result<Response<Pooled>, BoxError> {
    transport.clone().oneshot(request).await
}

/// The answer's body, read to its end.
pub(crate) async fn read(response: Response<Pooled>) -> Result<(Bytes, Option<HeaderMap>), BoxError> {
    let collected = response.into_body().collect().await?;
    let trailers = collected.trailers().cloned();
    Ok((collected.to_bytes(), trailers))
}

pub(crate) async fn fetch(transport: &Transport, request: Request<Body>) -> Result<Bytes, BoxError> {
    Ok(read(send(transport, request).await?).await?.0)
}

/// [`fetch`] in a task of its own.
pub(crate) fn fetching(transport: &Transport, request: Request<Body>) -> JoinHandle<Result<Bytes, BoxError>> {
    let transport = transport.clone();
    tokio::spawn(async move { fetch(&transport, request).await })
}

pub(crate) fn connection(response: &Response<Pooled>) -> &ConnectionInfo {
    response.extensions().get().expect("every response has it")
}

/// Trusts the server's own authority and no other.
pub(crate) fn trusting(server: &TestServer) -> TransportOptions {
    TransportOptions::default().tls(trust(server))
}

pub(crate) fn trust(server: &TestServer) -> Tls {
    TlsOptions::default().only_roots_pem(server.certificate_authority().pem().as_bytes()).unwrap().build().unwrap()
}

/// A transport whose connections go to `server`, whatever the origin.
pub(crate) fn in_memory(server: &Arc<MemoryServer>, options: TransportOptions) -> Transport {
    let server = server.clone();
    Transport::new(options.connector(move |_| {
        let stream = server.connect();
        async move { Ok::<_, Infallible>(stream) }
    }))
}

/// Lets every task that is ready run, until what is waited for is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain: {what}");
}
