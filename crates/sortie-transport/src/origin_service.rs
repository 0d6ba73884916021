use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::uri::{PathAndQuery, Uri};
use http::{Extensions, HeaderMap, Request, Response};
use sortie_core::auth::SameConnection;
use sortie_core::{Body, BoxError};
use tokio::time::{Instant, Sleep};
use tower_service::Service;

use crate::Transport;
use crate::body::Pooled;
use crate::error::InvalidRequest;
use crate::future::ResponseFuture;
use crate::pool::origin::Origin;
use crate::road::At;
use crate::stats::Stats;
use crate::timeouts::clock;
use crate::upload::Upload;

/// A [`Transport`] for one origin: a service whose readiness and load mean something, for `tower::balance` and other
/// layers that choose between services. Made by [`Transport::origin`].
///
/// It takes requests in origin-form (`/path`), which tonic and hand-made stacks send, and absolute ones to its origin.
///
/// # Readiness
///
/// It is ready while a call would not have to wait in line: something is idle, a stream is free or a further connection
/// is allowed ([`max_connections_per_origin`](crate::TransportOptions::max_connections_per_origin)); and, where it has no
/// connection, if its last connect did not fail within the last second, so that a balancer turns to others. Readiness
/// reserves nothing: a service that was ready and is never called holds nobody back, and a call after another was faster
/// waits in line like any other.
///
/// # Load
///
/// With the feature `load` it implements `tower::load::Load`: the number of its origin's exchanges under way, from the
/// call to the end of the body, whichever handle they were made through. Those of a scheme that
/// [authenticates connections](sortie_core::auth::Auth::connection_owner) have connections of their own, and count neither
/// here nor for the readiness.
///
/// ```
/// use http::Request;
/// use sortie_core::Body;
/// use sortie_transport::Transport;
/// use tower_service::Service;
///
/// # async fn get() -> Result<(), sortie_core::BoxError> {
/// let mut api = Transport::default().origin(&"https://api.example.com".parse()?)?;
/// std::future::poll_fn(|cx| Service::<Request<Body>>::poll_ready(&mut api, cx)).await?;
/// let response = api.call(Request::get("/users?page=2").body(Body::empty())?).await?;
/// # let _ = response;
/// # Ok(())
/// # }
/// ```
pub struct OriginService {
    transport: Transport,
    origin: Arc<Origin>,
    watcher: u64,
    /// It may be known as a watcher.
    watches: bool,
    /// The rest of a failed connect's second.
    rest: Option<Pin<Box<Sleep>>>,
}

impl OriginService {
    pub(crate) fn new(transport: Transport, origin: Arc<Origin>) -> Self {
        let watcher = origin.shared().next_id();
        Self { transport, origin, watcher, watches: false, rest: None }
    }

    /// The same origin at one address: its name is not looked up, and its connections are its own. `Host`, TLS and
    /// cookies keep the name.
    ///
    /// So each address of a name can be an endpoint of its own, with its own load and readiness. A
    /// [`connector`](crate::TransportOptions::connector) of one's own is given the address in the host's place.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        let origin = self.transport.pool().origin_at(&self.origin.route, address);
        Self::new(self.transport.clone(), origin)
    }

    /// The one address that it is bound to, if [`at`](Self::at) made it.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self.origin.route.at {
            At::Address(address) => Some(address),
            At::Name | At::Unix(_) => None,
        }
    }

    /// What this origin has at this moment, and has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.origin.stats()
    }

    /// Puts the origin before the path of a request in origin-form, and refuses one to another origin.
    fn address_request<B>(&self, request: &mut Request<B>) -> Result<(), InvalidRequest> {
        let (route, uri) = (&self.origin.route, request.uri());
        if uri.scheme().is_none() && uri.authority().is_none() {
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.scheme = Some(route.scheme());
            parts.authority = route.authority();
            parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
            *request.uri_mut() = Uri::from_parts(parts).map_err(|_| InvalidRequest::NoHost)?;
            return Ok(());
        }
        if route.is_asked_by(uri)? { Ok(()) } else { Err(InvalidRequest::OtherOrigin { bound: route.to_string() }) }
    }

    fn send(&self, mut request: Request<Upload>) -> ResponseFuture {
        let origin =
            self.address_request(&mut request).and_then(|()| self.origin_for(request.headers(), request.extensions()));
        self.transport.send_to(origin, request)
    }

    /// The origin, or that of the connections that are somebody's alone, or nobody's.
    fn origin_for(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Arc<Origin>, InvalidRequest> {
        let pool = self.transport.pool();
        let has_own = headers.contains_key(PROXY_AUTHORIZATION);
        let other = if has_own { self.origin.route.by_own_credentials() } else { None };
        let route = other.as_ref().unwrap_or(&self.origin.route);
        match extensions.get::<SameConnection>() {
            Some(same) => Ok(pool.remember(&route.owned_by(same.owner())?)),
            None if other.is_some() => Ok(pool.remember(route)),
            None => Ok(self.origin.clone()),
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.origin.resting_until().filter(|until| *until > Instant::now()) else {
            self.rest = None;
            return Poll::Ready(());
        };
        match &mut self.rest {
            Some(rest) if rest.deadline() != until => rest.as_mut().reset(until),
            Some(_) => {}
            None => self.rest = clock(until),
        }
        self.rest.as_mut().map_or(Poll::Ready(()), |rest| rest.as_mut().poll(cx))
    }
}

impl<B> Service<Request<B>> for OriginService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Pooled>;
    type Error = BoxError;
    type Future = ResponseFuture;

    /// Ready as the type's documentation says. It never fails: what keeps a call from being answered is the call's error.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let ready = self.origin.with(|state, effects| state.watch(self.watcher, cx.waker(), effects));
        self.watches = !ready;
        if !ready || self.poll_rest(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        self.send(request.map(|body| Upload::new(Body::new(body))))
    }
}

#[cfg(feature = "load")]
impl tower::load::Load for OriginService {
    type Metric = usize;

    /// How many exchanges are under way.
    fn load(&self) -> usize {
        self.origin.counters.in_flight()
    }
}

/// A handle of its own on the same origin.
impl Clone for OriginService {
    fn clone(&self) -> Self {
        Self::new(self.transport.clone(), self.origin.clone())
    }
}

impl Drop for OriginService {
    fn drop(&mut self) {
        if self.watches {
            self.origin.with(|state, effects| state.unwatch(self.watcher, effects));
        }
    }
}

impl fmt::Debug for OriginService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginService")
            .field("origin", &self.origin.route.name)
            .field("address", &self.address())
            .field("stats", &self.stats())
            .finish()
    }
}
