use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use sortie_core::{Body, BoxError, InFlight};
use tokio::time::Instant;
use tower_service::Service;

use crate::body::Pooled;
use crate::connect::Connector;
use crate::error::{InvalidRequest, NotSent};
use crate::future::ResponseFuture;
use crate::options::TransportOptions;
use crate::pool::Pool;
use crate::pool::origin::Shared;
use crate::pool::state::Caps;
use crate::request;
use crate::route::Parts;
use crate::timeouts::after;
use crate::upload::Upload;

/// For how long `close` waits for sockets to close once nothing runs on them any more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The pooled connector: a service from requests with absolute `http` and `https` URIs to responses.
///
/// Clones share connections and limits. It is made without a runtime, is always ready, and connects within the tokio
/// runtime that polls the call; a runtime that is shut down takes its own connections with it and no others.
///
/// When the last clone is dropped, idle connections are closed at once and what runs goes on to its end.
#[derive(Clone)]
pub struct Transport {
    pool: Arc<Pool>,
    versions: crate::options::Versions,
    tls: crate::route::TlsId,
}

impl Transport {
    /// A transport with these options. It connects when it is called.
    #[must_use]
    pub fn new(options: TransportOptions) -> Self {
        #[cfg(feature = "tls")]
        let tls = options.tls.id();
        #[cfg(not(feature = "tls"))]
        let tls = 0;
        let connector = Connector {
            dial: options.dial,
            nodelay: options.tcp_nodelay,
            versions: options.versions,
            #[cfg(feature = "tls")]
            tls: options.tls,
        };
        let caps = Caps {
            connections: options.max_connections.map_or(usize::MAX, |cap| cap.max(1)),
            idle: options.max_idle,
            http2: options.max_http2.max(1),
        };
        let limits = options.timeouts.limits();
        let shared = Shared::new(connector, limits, caps, options.idle_timeout, options.max_lifetime);
        Self { pool: Arc::new(Pool::new(shared)), versions: options.versions, tls }
    }

    /// How many exchanges are under way, from the call to the end of the body.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.pool.shared().in_flight.count()
    }

    /// Whether [`close`](Self::close) was called on this transport or a clone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.pool.shared().in_flight.is_closed()
    }

    /// What there is at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { in_flight: self.in_flight(), ..Counts::default() };
        for origin in self.pool.all() {
            let state = origin.lock();
            counts.open += state.open();
            counts.connecting += state.connecting();
            counts.idle += state.idle();
            counts.waiting += state.waiting();
            counts.opened += state.opened();
        }
        counts
    }

    /// Closes the transport and all its clones.
    ///
    /// At once, before the future is polled, new calls are refused with
    /// [`Outcome::Closed`](sortie_core::Outcome::Closed) and idle connections are closed. The future waits until what
    /// is under way has ended, bodies included, and for no longer than `deadline`; then it drops every connection. A
    /// byte stream that an upgrade handed over is its taker's, but for a tunnel through HTTP/2, which is a part of its
    /// connection.
    pub fn close(&self, deadline: Duration) -> impl Future<Output = ()> + Send + 'static {
        let pool = self.pool.clone();
        pool.shared().in_flight.close();
        pool.all().iter().for_each(|origin| origin.stop_pooling());
        async move {
            let end = after(Instant::now(), deadline);
            until_idle(&pool.shared().in_flight, end).await;
            // Nothing is idle for long any more: what was given back since has said its farewell by itself.
            if pool.shared().in_flight.count() == 0 {
                until_idle(&pool.shared().tasks, end.min(after(Instant::now(), LAST_WORDS))).await;
            }
            pool.shared().end();
            pool.all().iter().for_each(|origin| origin.end());
            until_idle(&pool.shared().tasks, after(Instant::now(), LAST_WORDS)).await;
        }
    }

    fn send(&self, mut request: Request<Upload>) -> Result<ResponseFuture, BoxError> {
        let shared = self.pool.shared();
        let ticket = shared.in_flight.enter().ok_or_else(|| NotSent::Closed.fault())?;
        let parts = Parts::of(request.uri(), self.tls, self.versions)?;
        if parts.https && cfg!(not(feature = "tls")) {
            return Err(InvalidRequest::TlsNotCompiled.into());
        }
        let origin = self.pool.origin(parts)?;
        let length = request.body().length();
        request::frame(&mut request, length)?;
        Ok(ResponseFuture::start(&origin, request, ticket))
    }
}

async fn until_idle(what: &InFlight, end: Instant) {
    let mut idle = pin!(what.idle());
    let mut over = pin!(tokio::time::sleep_until(end));
    poll_fn(|cx| match idle.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => over.as_mut().poll(cx),
    })
    .await;
}

impl<B> Service<Request<B>> for Transport
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Pooled>;
    type Error = BoxError;
    type Future = ResponseFuture;

    /// Always ready: which origin is meant is known only by the call, which waits as long as it must.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        self.send(request.map(|body| Upload::new(Body::new(body)))).unwrap_or_else(ResponseFuture::failed)
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self::new(TransportOptions::default())
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("counts", &self.counts()).field("closed", &self.is_closed()).finish()
    }
}

/// What a transport has at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections, idle ones and those handed over by an upgrade included.
    pub open: usize,
    /// Connections being made.
    pub connecting: usize,
    /// Connections that serve nobody.
    pub idle: usize,
    /// Exchanges under way, from the call to the end of the body.
    pub in_flight: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
    /// Connections made since the transport was.
    pub opened: u64,
}

#[cfg(all(test, not(feature = "tls")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_the_feature_https_says_which_it_needs() {
        let request = Request::get("https://a.test/").body(Body::empty()).unwrap();
        let error = Transport::default().call(request).await.unwrap_err();
        assert_eq!(sortie_core::find::<InvalidRequest>(&*error), Some(&InvalidRequest::TlsNotCompiled));
    }
}
