use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use sortie_core::{Body, BoxError, HttpService};
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::server::{Log, Order, answering, serve};
use crate::tcp_script::{Transcripts, run};
use crate::{Head, Protocol, ServerOptions, Steps, Transcript};

/// An HTTP server at the other end of in-memory byte streams, for tests with a paused clock: a socket would let tokio's
/// clock run ahead of what is under way in the kernel.
///
/// Each connection is served by a task of its own: by hyper, from a service or a closure, or by a script. All end when
/// the server is dropped; if a script has failed by then, dropping it panics, as with [`TcpScript`](crate::TcpScript).
///
/// ```
/// use std::time::Duration;
///
/// use http::{Request, Response};
/// use hyper::client::conn::http1;
/// use hyper_util::rt::TokioIo;
/// use sortie_core::Body;
/// use sortie_testkit::MemoryServer;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sortie_core::BoxError> {
/// let server = MemoryServer::from_fn(async |_| {
///     tokio::time::sleep(Duration::from_secs(3600)).await;
///     Response::new(Body::from("at last"))
/// });
///
/// let (mut client, connection) = http1::handshake(TokioIo::new(server.connect())).await?;
/// tokio::spawn(connection);
/// let response = client.send_request(Request::new(Body::empty())).await?; // takes an hour, and no time
///
/// assert_eq!(response.status(), 200);
/// assert_eq!(server.requests().len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct MemoryServer {
    service: BoxCloneSyncService<Request<Incoming>, Response<Body>, BoxError>,
    buffer: usize,
    log: Log,
    orders: watch::Sender<Order>,
    transcripts: Transcripts,
    // Dropped with it, and the connections with them.
    tasks: Mutex<JoinSet<()>>,
}

impl MemoryServer {
    /// A server of a service, for example an axum `Router`.
    pub fn new<S: HttpService<Incoming>>(service: S) -> Self {
        let service = service.map_response(|response| response.map(Body::new)).map_err(Into::into);
        Self {
            service: BoxCloneSyncService::new(service),
            buffer: 64 * 1024,
            log: Log::default(),
            orders: watch::Sender::default(),
            transcripts: Transcripts::default(),
            tasks: Mutex::default(),
        }
    }

    /// A server of a closure.
    pub fn from_fn<F, A>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::new(answering(answer))
    }

    /// How many octets a connection holds in each direction before a writer has to wait; the default is 64 KiB.
    #[must_use]
    pub fn buffer(mut self, octets: usize) -> Self {
        self.buffer = octets;
        self
    }

    /// The client's end of a new HTTP/1.1 connection.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect(&self) -> DuplexStream {
        self.connect_by(Protocol::Http1)
    }

    /// The client's end of a new HTTP/2 connection, by prior knowledge.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect_h2(&self) -> DuplexStream {
        self.connect_by(Protocol::Http2)
    }

    /// The client's end of a new connection on which the server follows a script. Its answers do not come from the
    /// service, and its requests are in its transcript only.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect_scripted(&self, steps: Steps) -> DuplexStream {
        let transcript = self.transcripts.begin();
        self.spawn(move |stream, _| run(stream, steps, transcript))
    }

    fn connect_by(&self, protocol: Protocol) -> DuplexStream {
        let (service, log, orders) = (self.service.clone(), self.log.clone(), self.orders.subscribe());
        let builder = ServerOptions::new().protocol(protocol).builder();
        self.spawn(move |stream, number| serve(stream, service, builder, (log, number), orders))
    }

    /// Spawns the server's end of a new connection, which it gets with its number, and returns the client's.
    fn spawn<F>(&self, connection: impl FnOnce(DuplexStream, usize) -> F) -> DuplexStream
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (client, server) = tokio::io::duplex(self.buffer);
        let (number, open) = self.log.accept();
        let connection = connection(server, number);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(async move {
            let _open = open;
            connection.await;
        });
        client
    }

    /// How many connections were made, scripted ones included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.log.accepted.get()
    }

    /// Waits until there have been this many connections.
    ///
    /// # Panics
    ///
    /// If there have not after 10 seconds of tokio's clock.
    pub async fn wait_for_connections(&self, connections: usize) {
        self.log.wait_for_accepted(connections).await;
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.log.open.get()
    }

    /// Waits until exactly this many connections are open: one that its client has dropped is still counted until its
    /// task has seen that.
    ///
    /// # Panics
    ///
    /// If there is another number of them after 10 seconds of tokio's clock.
    pub async fn wait_for_open_connections(&self, connections: usize) {
        self.log.wait_for_open(connections).await;
    }

    /// The heads of all requests that were not answered by a script, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Head> {
        self.log.requests()
    }

    /// Waits until the heads of this many requests have come.
    ///
    /// # Panics
    ///
    /// If they have not after 10 seconds of tokio's clock.
    pub async fn wait_for_requests(&self, requests: usize) {
        self.log.wait_for_requests(requests).await;
    }

    /// What happened so far on the scripted connections, one transcript for each.
    #[must_use]
    pub fn transcripts(&self) -> Vec<Transcript> {
        self.transcripts.all()
    }

    /// Waits until all scripts have come to their end, and gives their transcripts.
    ///
    /// # Panics
    ///
    /// If one has failed, with its connection, its step and the reason.
    pub async fn finish(&self) -> Vec<Transcript> {
        self.transcripts.finish().await
    }

    /// Tells the open connections that have no script to end after the exchanges under way, as
    /// [`TestServer::drain`](crate::TestServer::drain) does.
    pub fn drain(&self) {
        self.orders.send_replace(Order::Drain);
    }

    /// Closes the open connections that have no script, whatever is under way on them.
    pub fn disconnect(&self) {
        self.orders.send_replace(Order::Cut);
    }
}

/// A server without a service, for scripts: whatever it is asked, it answers 404.
impl Default for MemoryServer {
    fn default() -> Self {
        Self::from_fn(async |_| crate::status(404))
    }
}

impl Drop for MemoryServer {
    fn drop(&mut self) {
        self.transcripts.report();
    }
}

impl fmt::Debug for MemoryServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryServer")
            .field("connections", &self.connections())
            .field("open_connections", &self.open_connections())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
