use std::fmt;
use std::future::{Future, poll_fn};
#[cfg(unix)]
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Extensions, HeaderMap, Request, Response, Uri};
use sortie_core::{Body, BoxError, InFlight, Phase};
use tokio::time::Instant;
use tower_service::Service;

use crate::body::Pooled;
use crate::error::{ConnectError, InvalidRequest, NotSent};
use crate::future::ResponseFuture;
use crate::info::ConnectionInfo;
use crate::options::TransportOptions;
use crate::origin_service::OriginService;
use crate::pool::Pool;
use crate::pool::origin::{Origin, Refusal};
use crate::pool::shared::Shared;
use crate::proxy::{Proxies, Proxy};
use crate::road::{At, Road};
use crate::route::Parts;
use crate::stats::Stats;
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
    road: Arc<Road>,
}

impl Transport {
    /// A transport with these options. It connects when it is called.
    #[must_use]
    pub fn new(options: TransportOptions) -> Self {
        let road = Arc::new(Road::new(&options));
        Self { pool: Arc::new(Pool::new(Shared::new(options))), road }
    }

    /// A transport with default options that sends every request, whatever its origin, to the Unix socket at `path`:
    /// a mount for a daemon of this machine. `Host`, TLS and cookies are those of the request's URI.
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use sortie_transport::Transport;
    ///
    /// let docker = Transport::unix("/run/docker.sock");
    /// # let _ = docker;
    /// # }
    /// ```
    #[cfg(unix)]
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::default().with_unix(path)
    }

    /// A handle to the same pool that sends as [`unix`](Self::unix) does. Its connections are its own.
    #[cfg(unix)]
    #[must_use]
    pub fn with_unix(&self, path: impl Into<PathBuf>) -> Self {
        self.by(|road| road.at = At::Unix(path.into().into()))
    }

    /// A handle to the same pool with another TLS policy, for a mount say. Its connections are its own.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(&self, tls: crate::tls::Tls) -> Self {
        self.by(|road| road.tls = tls)
    }

    /// A handle to the same pool with other rules about [proxies](crate::proxy), for a mount say. What goes by another
    /// proxy, or by none, has its own connections.
    #[must_use]
    pub fn with_proxies(&self, proxies: Proxies) -> Self {
        self.by(|road| road.proxies = Some(proxies))
    }

    /// The rules about proxies that this handle has; `None` if it was given none, and so sends everything directly.
    #[must_use]
    pub fn proxies(&self) -> Option<&Proxies> {
        self.road.proxies.as_ref()
    }

    fn by(&self, change: impl FnOnce(&mut Road)) -> Self {
        let mut road = (*self.road).clone();
        change(&mut road);
        Self { pool: self.pool.clone(), road: Arc::new(road) }
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

    /// What there is at this moment, and what has been since the transport was made, over all origins that it
    /// remembers: those without a connection are forgotten when there are many.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.pool.all().iter().for_each(|origin| stats.add(&origin.stats()));
        stats
    }

    /// [`stats`](Self::stats) of each origin, written as in a URI: `https://example.com`.
    #[must_use]
    pub fn stats_by_origin(&self) -> Vec<(String, Stats)> {
        self.pool.all().iter().map(|origin| (origin.route.to_string(), origin.stats())).collect()
    }

    /// Makes connections to the origin of `uri` until there are `connections`, those in use included, so that the first
    /// requests find them. One is enough where HTTP/2 is spoken.
    ///
    /// There will be no more than may be kept idle, and no more than the caps allow. Dropping the future stops nothing:
    /// what was begun goes on.
    ///
    /// # Errors
    ///
    /// That of the first connect that failed, as for a request; or an [`InvalidRequest`] for a URI that leads nowhere.
    pub async fn prewarm(&self, uri: &Uri, connections: usize) -> Result<(), BoxError> {
        let origin = self.origin_of(uri)?;
        // The first round may be a single connect, which tells what the origin speaks.
        for _ in 0..2 {
            if self.is_closed() {
                return Err(NotSent::Closed.fault());
            }
            for connect in origin.warm(connections) {
                // One that was not begun is not waited for.
                connect.await.unwrap_or(Ok(())).map_err(Refusal::fault)?;
            }
        }
        Ok(())
    }

    /// A service for the origin of `uri` alone, whose readiness and load mean something: for `tower::balance`.
    ///
    /// # Errors
    ///
    /// An [`InvalidRequest`] if `uri` has no scheme or host, or a scheme that the transport does not speak; a
    /// [`ConnectError`] if its [proxy](crate::proxy) cannot be chosen, which is done here and not for each request.
    pub fn origin(&self, uri: &Uri) -> Result<OriginService, BoxError> {
        Ok(OriginService::new(self.clone(), self.origin_of(uri)?))
    }

    /// Takes no further request to the connections that `which` chooses, and returns how many they are: after a change
    /// of the name's addresses, say, or of a certificate. Idle ones are closed at once, others when what runs on them has
    /// ended.
    ///
    /// ```
    /// # fn example(transport: &sortie_transport::Transport) {
    /// let old = "192.0.2.7".parse::<std::net::IpAddr>().ok();
    /// transport.retire(|connection| connection.peer_addr().map(|peer| peer.ip()) == old);
    /// # }
    /// ```
    pub fn retire(&self, mut which: impl FnMut(&ConnectionInfo) -> bool) -> usize {
        self.pool.all().iter().map(|origin| origin.retire(&mut which)).sum()
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
            pool.shared().give_up_parked();
            until_idle(&pool.shared().tasks, after(Instant::now(), LAST_WORDS)).await;
        }
    }

    fn send(&self, request: Request<Upload>) -> ResponseFuture {
        let origin = self.origin_by(request.uri(), request.headers(), request.extensions());
        self.send_to(origin, request)
    }

    /// Sends a request to an origin, unless there is none for it or the transport is closed.
    pub(crate) fn send_to(
        &self,
        origin: Result<Arc<Origin>, impl Into<BoxError>>,
        request: Request<Upload>,
    ) -> ResponseFuture {
        let Some(ticket) = self.pool.shared().in_flight.enter() else {
            return ResponseFuture::failed(NotSent::Closed.fault());
        };
        match origin {
            Ok(origin) => ResponseFuture::start(&origin, request, ticket),
            Err(error) => ResponseFuture::failed(error),
        }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    fn origin_of(&self, uri: &Uri) -> Result<Arc<Origin>, BoxError> {
        self.origin_by(uri, &HeaderMap::new(), &Extensions::new())
    }

    /// The origin of `uri`, by the road that a request with these headers and extensions takes.
    #[inline]
    fn origin_by(&self, uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> Result<Arc<Origin>, BoxError> {
        let (mut parts, mut proxies) = (Parts::of(uri, &self.road, &self.road.tls)?, self.road.proxies());
        if !extensions.is_empty() {
            parts.tls = self.road.tls_for(extensions);
            (parts.versions, parts.owner) = self.road.versions_and_owner_for(extensions)?;
            proxies = self.road.proxies_for(extensions);
        }
        if parts.https && cfg!(not(feature = "tls")) {
            return Err(InvalidRequest::TlsNotCompiled.into());
        }
        // A Unix socket is on this machine.
        if proxies.is_none() || *parts.at != At::Name {
            return Ok(self.pool.origin(parts)?);
        }
        let chosen = proxies.choose(uri).map_err(|error| {
            let origin = sortie_core::Origin::of(uri).map_or_else(String::new, |origin| origin.to_string());
            ConnectError::new(origin, Phase::Proxy, error).fault()
        })?;
        let chosen = match chosen {
            // By the connections that its scheme has authenticated it would be taken for that scheme's user.
            Some(proxy) if has_own_credentials(&proxy, &parts, headers) => Some(proxy.without_auth()),
            chosen => chosen,
        };
        Ok(self.pool.origin(Parts { via: chosen.as_ref(), ..parts })?)
    }
}

/// Whether a request is forwarded by a proxy whose scheme authenticates connections, with credentials of its own.
fn has_own_credentials(proxy: &Proxy, parts: &Parts<'_>, headers: &HeaderMap) -> bool {
    !parts.https && proxy.owns_connections() && headers.contains_key(PROXY_AUTHORIZATION)
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
        self.send(request.map(|body| Upload::new(Body::new(body))))
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self::new(TransportOptions::default())
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("stats", &self.stats()).field("closed", &self.is_closed()).finish()
    }
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
