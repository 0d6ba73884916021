use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use sortie_core::{Body, HttpService, call_when_ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::count::{Count, Entered};

/// The head of a request as a server received it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Head {
    /// On which connection it came; they are counted from 0, in the order in which they were accepted.
    pub connection: usize,
    /// The method.
    pub method: Method,
    /// The request target: a path on HTTP/1.1, a whole URI on HTTP/2.
    pub uri: Uri,
    /// The protocol version.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
}

/// What a server writes down about its connections and requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) accepted: Count,
    pub(crate) open: Count,
    received: Count,
    heads: Arc<Mutex<Vec<Head>>>,
    #[cfg(feature = "tls")]
    peers: Arc<Mutex<Vec<super::TlsPeer>>>,
}

impl Log {
    /// The number of a new connection, and what is to be dropped at its end.
    pub(crate) fn accept(&self) -> (usize, Entered) {
        (self.accepted.next(), self.open.enter())
    }

    pub(crate) async fn wait_for_accepted(&self, connections: usize) {
        self.accepted.wait_for(&format!("{connections} connections"), |n| *n >= connections).await;
    }

    pub(crate) async fn wait_for_requests(&self, requests: usize) {
        self.received.wait_for(&format!("{requests} requests"), |n| *n >= requests).await;
    }

    pub(crate) async fn wait_for_open(&self, connections: usize) {
        self.open.wait_for(&format!("{connections} open connections"), |n| *n == connections).await;
    }

    pub(crate) fn requests(&self) -> Vec<Head> {
        self.heads().clone()
    }

    #[cfg(feature = "tls")]
    pub(crate) fn record_peer(&self, peer: super::TlsPeer) {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).push(peer);
    }

    #[cfg(feature = "tls")]
    pub(crate) fn peers(&self) -> Vec<super::TlsPeer> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a request down, and leaves its head in its extensions.
    pub(crate) fn record<B>(&self, connection: usize, request: &mut Request<B>) {
        let head = Head {
            connection,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
        };
        request.extensions_mut().insert(head.clone());
        self.heads().push(head);
        self.received.next();
    }

    fn heads(&self) -> MutexGuard<'_, Vec<Head>> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service of a closure.
pub(crate) fn answering<F, A>(answer: F) -> impl HttpService<Incoming>
where
    F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let answer = Arc::new(answer);
    tower::service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    })
}

/// What a server tells its open connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Order {
    #[default]
    Serve,
    /// End after the exchanges under way.
    Drain,
    /// End now.
    Cut,
}

/// Serves one connection to its end, or until it is cut.
pub(crate) fn serve<IO, S>(
    io: IO,
    service: S,
    protocol: auto::Builder<TokioExecutor>,
    (log, number): (Log, usize),
    orders: watch::Receiver<Order>,
) -> impl Future<Output = ()> + Send + 'static
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: HttpService<Incoming>,
{
    let service = service_fn(move |mut request| {
        log.record(number, &mut request);
        call_when_ready(service.clone(), request)
    });
    async move {
        // hyper-util forgets which version it is to serve alone where upgrades are served.
        if protocol.is_http1_available() && protocol.is_http2_available() {
            obey(protocol.serve_connection_with_upgrades(TokioIo::new(io), service), orders).await;
        } else {
            obey(protocol.serve_connection(TokioIo::new(io), service), orders).await;
        }
    }
}

async fn obey(connection: impl GracefulConnection, mut orders: watch::Receiver<Order>) {
    let mut connection = pin!(connection);
    loop {
        let order = tokio::select! {
            // An error is the client's to see; nothing is left to do here.
            _ = connection.as_mut() => return,
            changed = orders.changed() => changed.map_or(Order::Cut, |()| *orders.borrow_and_update()),
        };
        match order {
            Order::Serve => {}
            Order::Drain => connection.as_mut().graceful_shutdown(),
            Order::Cut => return,
        }
    }
}
