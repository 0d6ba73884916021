mod options;
mod serve;
#[cfg(feature = "tls")]
mod tls;

use std::fmt;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto;
use sortie_core::{Body, HttpService};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[cfg(feature = "tls")]
use crate::CertificateAuthority;
use crate::count::PATIENCE;
use crate::tcp_script::bind;

pub use options::{Protocol, ServerOptions};
pub use serve::Head;
pub(crate) use serve::{Log, Order, answering, serve};
#[cfg(feature = "tls")]
pub use tls::{ServedVersions, TlsPeer, TlsSetup};

/// A real HTTP server of a service or a closure, on a port of 127.0.0.1: HTTP/1.1 and HTTP/2, plain or over TLS.
///
/// It listens when its constructor returns. It counts connections and records the head of every request, which the
/// service finds as a [`Head`] in the request's extensions too. It stops when it is dropped.
///
/// ```
/// use axum::{Router, routing::get};
/// use http::{Request, Response};
/// use http_body_util::BodyExt;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use sortie_core::Body;
/// use sortie_testkit::TestServer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sortie_core::BoxError> {
/// let server = TestServer::new(Router::new().route("/hello", get(async || "hello")));
/// let echo = TestServer::from_fn(async |request| Response::new(Body::new(request.into_body())));
///
/// let client = Client::builder(TokioExecutor::new()).build_http();
/// client.request(Request::get(server.url("/hello")).body(Body::empty())?).await?;
/// let response = client.request(Request::post(echo.url("/")).body(Body::from("ping"))?).await?;
///
/// assert_eq!(response.into_body().collect().await?.to_bytes(), "ping");
/// assert_eq!(server.requests()[0].uri.path(), "/hello");
/// assert_eq!(server.connections(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    options: ServerOptions,
    log: Log,
    orders: watch::Sender<Order>,
    stopping: watch::Sender<bool>,
    // Dropped with it: the task that accepts, and with that the connections.
    _tasks: JoinSet<()>,
}

impl TestServer {
    /// An HTTP server of a service, for example an axum `Router`. [`ServerOptions::serve`] makes one with options.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new<S: HttpService<Incoming>>(service: S) -> Self {
        ServerOptions::new().serve(service)
    }

    /// An HTTP server of a closure. [`ServerOptions::serve_fn`] makes one with options.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn from_fn<F, A>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        ServerOptions::new().serve_fn(answer)
    }

    /// An HTTPS server of a service, with a certificate for `localhost` and 127.0.0.1 from its own
    /// [authority](Self::certificate_authority).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[cfg(feature = "tls")]
    pub fn https<S: HttpService<Incoming>>(service: S) -> Self {
        ServerOptions::new().tls(TlsSetup::new()).serve(service)
    }

    fn start<S: HttpService<Incoming>>(options: ServerOptions, service: S) -> Self {
        let (listener, address) = bind();
        let (orders, stopping) = (watch::Sender::default(), watch::Sender::default());
        let log = Log::default();
        let acceptor = Acceptor {
            service,
            builder: options.builder(),
            #[cfg(feature = "tls")]
            tls: options.tls.as_ref().map(TlsSetup::acceptor),
            log: log.clone(),
            orders: orders.clone(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(acceptor.run(listener, stopping.subscribe()));
        Self { address, options, log, orders, stopping, _tasks: tasks }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on it, which begins with a slash: `http://127.0.0.1:…`, or `https://` and the first of the
    /// certificate's [names](TlsSetup::names).
    #[must_use]
    pub fn url(&self, path: impl fmt::Display) -> String {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.options.tls {
            return format!("https://{}:{}{path}", tls.host(), self.address.port());
        }
        format!("http://{}{path}", self.address)
    }

    /// The options it was started with.
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// The authority whose certificate a client has to trust.
    ///
    /// # Panics
    ///
    /// If the server is one without TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn certificate_authority(&self) -> &CertificateAuthority {
        let tls = self.options.tls.as_ref();
        &tls.expect("a plain server has no certificate: start it with `TestServer::https` or `ServerOptions::tls`")
            .authority
    }

    /// How many connections it has accepted, those included whose TLS handshake failed.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.log.accepted.get()
    }

    /// Waits until there have been this many connections.
    ///
    /// # Panics
    ///
    /// If there have not after 10 seconds.
    pub async fn wait_for_connections(&self, connections: usize) {
        self.log.wait_for_accepted(connections).await;
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.log.open.get()
    }

    /// Waits until exactly this many connections are open: a connection that its client has closed is still counted
    /// until the server has seen that.
    ///
    /// # Panics
    ///
    /// If there is another number of them after 10 seconds.
    pub async fn wait_for_open_connections(&self, connections: usize) {
        self.log.wait_for_open(connections).await;
    }

    /// The heads of all requests so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Head> {
        self.log.requests()
    }

    /// What it came to know of its clients in TLS handshakes, in the order in which these ended.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_peers(&self) -> Vec<TlsPeer> {
        self.log.peers()
    }

    /// Waits until the heads of this many requests have come.
    ///
    /// # Panics
    ///
    /// If they have not after 10 seconds.
    pub async fn wait_for_requests(&self, requests: usize) {
        self.log.wait_for_requests(requests).await;
    }

    /// Tells the open connections to end after the exchanges under way: by `Connection: close` or, if idle, a FIN on
    /// HTTP/1.1, by GOAWAY on HTTP/2. New ones are accepted.
    pub fn drain(&self) {
        self.orders.send_replace(Order::Drain);
    }

    /// Closes the open connections, whatever is under way on them, and waits until they are closed. New ones are
    /// accepted.
    pub async fn disconnect(&self) {
        self.orders.send_replace(Order::Cut);
        self.wait_for_open_connections(0).await;
    }

    /// Stops listening, lets the exchanges under way end, and waits for that up to 10 seconds; then it cuts them.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        // The accepting task holds the receiver until everything is closed.
        self.stopping.closed().await;
    }
}

struct Acceptor<S> {
    service: S,
    builder: auto::Builder<TokioExecutor>,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
    log: Log,
    orders: watch::Sender<Order>,
}

impl<S: HttpService<Incoming>> Acceptor<S> {
    async fn run(self, listener: TcpListener, mut stopping: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(self.connection(stream));
                    }
                }
                Some(_) = connections.join_next() => {}
                _ = stopping.changed() => break,
            }
        }
        drop(listener);
        self.orders.send_replace(Order::Drain);
        let drained = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(PATIENCE, drained).await;
        connections.shutdown().await;
    }

    /// Counts the connection at once and serves it in the future that is returned.
    fn connection(&self, stream: TcpStream) -> impl Future<Output = ()> + Send + 'static + use<S> {
        let (number, open) = self.log.accept();
        let (service, builder, log) = (self.service.clone(), self.builder.clone(), self.log.clone());
        #[cfg_attr(not(feature = "tls"), expect(unused_mut))]
        let mut orders = self.orders.subscribe();
        #[cfg(feature = "tls")]
        let tls = self.tls.clone();
        async move {
            let _open = open;
            // Small answers are not to wait for acknowledgements.
            let _ = stream.set_nodelay(true);
            #[cfg(feature = "tls")]
            if let Some(tls) = tls {
                let stream = tokio::select! {
                    stream = tls.accept(stream) => stream,
                    // Before its handshake has ended nothing is under way on a connection.
                    _ = orders.changed() => return,
                };
                // A failed handshake is the client's to report.
                let Ok(stream) = stream else { return };
                log.record_peer(TlsPeer::of(number, stream.get_ref().1));
                return serve(stream, service, builder, (log, number), orders).await;
            }
            serve(stream, service, builder, (log, number), orders).await;
        }
    }
}

#[cfg(test)]
mod tests;
