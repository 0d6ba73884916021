//! From an origin to a byte stream: name, TCP, and TLS on top.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use sortie_core::{BoxError, BoxFuture, Origin, Phase};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::info::ConnectTimes;
use crate::options::{TransportOptions, Versions};
use crate::route::Route;

mod dns;
mod happy;
mod tcp;

pub use happy::DialError;

/// Makes byte streams to origins: what stands for name look-up and TCP in a [`Transport`](crate::Transport).
///
/// It is implemented for closures. The connect limit of [`PhaseTimeouts`](crate::PhaseTimeouts) covers it.
///
/// ```
/// use sortie_transport::{Transport, TransportOptions};
///
/// // Every origin is this test's other end.
/// let connector = |_origin| async {
///     let (client, _server) = tokio::io::duplex(1024);
///     Ok::<_, std::io::Error>(client)
/// };
/// let transport = Transport::new(TransportOptions::default().connector(connector));
/// # let _ = transport;
/// ```
pub trait Connect: Send + Sync + 'static {
    /// The byte stream.
    type Io: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// A new byte stream to `origin`.
    ///
    /// # Errors
    ///
    /// Whatever kept the stream from being made; it becomes the source of a [`ConnectError`](crate::ConnectError).
    fn connect(&self, origin: Origin) -> impl Future<Output = Result<Self::Io, BoxError>> + Send + 'static;
}

impl<F, Fut, Io, E> Connect for F
where
    F: Fn(Origin) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Io, E>> + Send + 'static,
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    E: Into<BoxError>,
{
    type Io = Io;

    fn connect(&self, origin: Origin) -> impl Future<Output = Result<Io, BoxError>> + Send + 'static {
        let connecting = self(origin);
        async move { connecting.await.map_err(Into::into) }
    }
}

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

pub(crate) type DialFn = Arc<dyn Fn(Origin) -> BoxFuture<'static, Result<Box<dyn Duplex>, BoxError>> + Send + Sync>;

pub(crate) fn erase(connector: impl Connect) -> DialFn {
    Arc::new(move |origin| {
        let connecting = connector.connect(origin);
        Box::pin(async move { Ok(Box::new(connecting.await?) as Box<dyn Duplex>) })
    })
}

/// How far a connect has come, to be read by whoever ends it.
#[derive(Debug)]
pub(crate) struct Progress(AtomicU8);

impl Progress {
    const PHASES: [Phase; 3] = [Phase::Dns, Phase::Connect, Phase::Tls];

    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    pub(crate) fn enter(&self, phase: Phase) {
        if let Some(at) = Self::PHASES.iter().position(|known| *known == phase) {
            self.0.store(at as u8, Ordering::Relaxed);
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        Self::PHASES[usize::from(self.0.load(Ordering::Relaxed))]
    }
}

/// What a connection is made with.
pub(crate) struct Connector {
    dial: Option<DialFn>,
    nodelay: bool,
    versions: Versions,
    #[cfg(feature = "tls")]
    tls: crate::tls::Tls,
}

/// A byte stream and what is known of it.
pub(crate) struct Connected {
    pub(crate) stream: Stream,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) http2: bool,
    pub(crate) times: ConnectTimes,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::TlsInfo>,
}

impl Connector {
    pub(crate) fn new(options: TransportOptions) -> Self {
        Self {
            dial: options.dial,
            nodelay: options.tcp_nodelay,
            versions: options.versions,
            #[cfg(feature = "tls")]
            tls: options.tls,
        }
    }

    pub(crate) async fn connect(&self, route: &Route, progress: &Progress) -> Result<Connected, BoxError> {
        let mut times = ConnectTimes::default();
        let raw = self.dial(route, progress, &mut times).await?;
        let (peer, local) = match &raw {
            Raw::Tcp(tcp) => (tcp.peer_addr().ok(), tcp.local_addr().ok()),
            Raw::Other(_) => (None, None),
        };
        #[cfg(feature = "tls")]
        if route.https {
            progress.enter(Phase::Tls);
            let began = Instant::now();
            let (stream, tls) = self.tls.connect(route.bare_host(), self.versions, raw).await?;
            times.tls = Some(began.elapsed());
            let http2 = tls.alpn() == Some(b"h2");
            return Ok(Connected { stream: Stream::Tls(Box::new(stream)), peer, local, http2, times, tls: Some(tls) });
        }
        Ok(Connected {
            stream: Stream::Plain(raw),
            peer,
            local,
            http2: self.versions == Versions::Http2Only,
            times,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    async fn dial(&self, route: &Route, progress: &Progress, times: &mut ConnectTimes) -> Result<Raw, BoxError> {
        let began = Instant::now();
        if let Some(dial) = &self.dial {
            progress.enter(Phase::Connect);
            let target = route.at.map_or_else(|| route.to_string(), |at| format!("{}://{at}", route.scheme()));
            let origin = http::Uri::try_from(target).ok().as_ref().and_then(Origin::of);
            let origin = origin.ok_or("the origin is no URI")?;
            let stream = dial(origin).await?;
            times.connect = Some(began.elapsed());
            return Ok(Raw::Other(stream));
        }
        let addresses = match route.at {
            Some(address) => vec![address],
            None => dns::resolve(route.bare_host(), route.port).await?,
        };
        let resolved = Instant::now();
        let is_name = route.at.is_none() && route.bare_host().parse::<IpAddr>().is_err();
        times.dns = is_name.then(|| resolved - began);
        progress.enter(Phase::Connect);
        let nodelay = self.nodelay;
        let tcp = happy::first(happy::interleave(addresses), move |address| tcp::connect(address, nodelay)).await?;
        times.connect = Some(resolved.elapsed());
        Ok(Raw::Tcp(tcp))
    }
}

/// What bytes travel over before TLS.
pub(crate) enum Raw {
    Tcp(TcpStream),
    Other(Box<dyn Duplex>),
}

/// What bytes travel over.
pub(crate) enum Stream {
    Plain(Raw),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<Raw>>),
}

/// Reads and writes by whatever the stream is.
macro_rules! delegate {
    ($stream:ident: $($(#[$cfg:meta])? $variant:ident),+) => {
        impl AsyncRead for $stream {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_read(cx, buf),)+
                }
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_write(cx, buf),)+
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_write_vectored(cx, bufs),)+
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $($(#[$cfg])? Self::$variant(io) => io.is_write_vectored(),)+
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_flush(cx),)+
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_shutdown(cx),)+
                }
            }
        }
    };
}

delegate!(Raw: Tcp, Other);
delegate!(Stream: Plain, #[cfg(feature = "tls")] Tls);
