use std::future::Future;
use std::sync::Arc;

use sortie_core::{BoxError, BoxFuture, Origin};
use tokio::io::{AsyncRead, AsyncWrite};

use super::stream::Duplex;

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

pub(crate) type DialFn = Arc<dyn Fn(Origin) -> BoxFuture<'static, Result<Box<dyn Duplex>, BoxError>> + Send + Sync>;

pub(crate) fn erase(connector: impl Connect) -> DialFn {
    Arc::new(move |origin| {
        let connecting = connector.connect(origin);
        Box::pin(async move { Ok(Box::new(connecting.await?) as Box<dyn Duplex>) })
    })
}
