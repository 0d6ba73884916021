use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sortie::BoxError;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Seen;

/// As many as are in flight at most, so that all clients may use one connection.
const STREAMS: u32 = 1024;

/// Greets whoever asks.
pub(super) async fn serve<S>(stream: S, seen: Arc<Seen>) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let first = AtomicBool::new(true);
    let service = service_fn(|request: Request<Incoming>| {
        if first.swap(false, Ordering::Relaxed) {
            seen.first_head(head(&request));
        }
        let response = Response::builder()
            .header(header::CONTENT_TYPE, "text/plain")
            .body(Full::new(Bytes::from_static(b"hello world")));
        std::future::ready(Ok::<_, Infallible>(response.unwrap_or_default()))
    });
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    Ok(builder.max_concurrent_streams(STREAMS).serve_connection(TokioIo::new(stream), service).await?)
}

/// A line for each field, in the order in which they came.
fn head(request: &Request<Incoming>) -> String {
    let mut head = format!("{} {}\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        // Writing to a string cannot fail.
        let _ = write!(head, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    head
}
