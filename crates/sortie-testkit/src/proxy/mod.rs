mod http;
mod options;
mod socks;
mod targets;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::server::{Head, Log};
use crate::tcp_script::bind;
#[cfg(feature = "tls")]
use crate::{CertificateAuthority, TlsSetup};

pub use options::ProxyOptions;
pub use socks::SocksRequest;

/// A proxy in this process, on a port of 127.0.0.1: one of HTTP, which forwards requests and opens tunnels, plain or
/// over TLS, or one of SOCKS4, SOCKS4a and SOCKS5.
///
/// It counts connections and records what it was asked for. [`ProxyOptions`] say which names it knows and whom it serves.
/// It listens when its constructor returns, and stops when it is dropped; so do its tunnels.
///
/// ```
/// use sortie_testkit::{ProxyOptions, TestProxy, TestServer, reply};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
/// let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
///
/// let mut stream = tokio::net::TcpStream::connect(proxy.addr()).await?;
/// stream.write_all(b"GET http://a.test/ HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await?;
/// let mut answer = String::new();
/// stream.read_to_string(&mut answer).await?;
///
/// assert!(answer.ends_with("hello"));
/// assert_eq!(proxy.requests()[0].uri, "http://a.test/");
/// assert_eq!(server.requests()[0].uri, "/");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    // Dropped with it: the task that accepts, and with that the connections.
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    options: ProxyOptions,
    log: Log,
    socks: Mutex<Vec<SocksRequest>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Socks,
}

impl TestProxy {
    /// A proxy of HTTP that serves everyone and knows addresses alone. [`ProxyOptions::http`] makes one with options.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn http() -> Self {
        ProxyOptions::new().http()
    }

    /// A proxy of SOCKS, of the version that a connection begins with, that serves everyone and knows addresses alone.
    /// [`ProxyOptions::socks`] makes one with options.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn socks() -> Self {
        ProxyOptions::new().socks()
    }

    fn start(options: ProxyOptions, kind: Kind) -> Self {
        let (listener, address) = bind();
        let shared = Arc::new(Shared { options, log: Log::default(), socks: Mutex::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared.clone(), kind));
        Self { address, shared, _tasks: tasks }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, `scheme://host:port`. Over TLS the host is the first of the certificate's names.
    #[must_use]
    pub fn url(&self, scheme: &str) -> String {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.shared.options.tls {
            return format!("{scheme}://{}:{}", tls.host(), self.address.port());
        }
        format!("{scheme}://{}", self.address)
    }

    /// The authority whose certificate a client has to trust.
    ///
    /// # Panics
    ///
    /// If the proxy is one without TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn certificate_authority(&self) -> &CertificateAuthority {
        let tls: Option<&TlsSetup> = self.shared.options.tls.as_ref();
        &tls.expect("a plain proxy has no certificate: start it with `ProxyOptions::tls`").authority
    }

    /// The heads of all requests of HTTP so far, refused ones included, in the order in which they came. The target of a
    /// CONNECT is a host and a port.
    #[must_use]
    pub fn requests(&self) -> Vec<Head> {
        self.shared.log.requests()
    }

    /// All requests of SOCKS so far, refused ones included, in the order in which they came.
    #[must_use]
    pub fn socks_requests(&self) -> Vec<SocksRequest> {
        self.shared.socks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.log.accepted.get()
    }

    /// How many connections are open, tunnels included.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.log.open.get()
    }

    /// Waits until exactly this many connections are open.
    ///
    /// # Panics
    ///
    /// If there is another number of them after 10 seconds.
    pub async fn wait_for_open_connections(&self, connections: usize) {
        self.shared.log.wait_for_open(connections).await;
    }

    /// Waits until the heads of this many requests of HTTP have come.
    ///
    /// # Panics
    ///
    /// If they have not after 10 seconds.
    pub async fn wait_for_requests(&self, requests: usize) {
        self.shared.log.wait_for_requests(requests).await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, kind: Kind) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let (number, open) = shared.log.accept();
                    let shared = shared.clone();
                    connections.spawn(async move {
                        let _open = open;
                        connection(stream, shared, kind, number).await;
                    });
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, kind: Kind, number: usize) {
    // Small answers are not to wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    #[cfg(feature = "tls")]
    if let Some(tls) = &shared.options.tls {
        let acceptor = tls.acceptor();
        // A failed handshake is the client's to report.
        let Ok(stream) = acceptor.accept(stream).await else { return };
        return speak(stream, shared, kind, number).await;
    }
    speak(stream, shared, kind, number).await;
}

async fn speak<S>(stream: S, shared: Arc<Shared>, kind: Kind, number: usize)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match kind {
        Kind::Http => http::serve(stream, shared, number).await,
        // What breaks is the client's to report.
        Kind::Socks => drop(socks::serve(stream, shared).await),
    }
}

#[cfg(test)]
mod tests;
