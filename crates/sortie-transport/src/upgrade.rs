//! Connections that become something else.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Response, StatusCode};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::info::ConnectionInfo;

/// Takes the byte stream of a connection that is none of HTTP's any more: after a `101 Switching Protocols`, or a 2xx to
/// CONNECT ([RFC 9110 §7.8 and §9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-7.8)).
///
/// Only HTTP/1.1 knows `Upgrade`: with `Versions::Auto` over `https`, HTTP/2 may be spoken, which drops that header.
/// `PerRequest<Versions>` in the request's extensions says otherwise.
///
/// ```
/// use http::Request;
/// use sortie_core::{Body, PerRequest};
/// use sortie_transport::{Transport, Versions, upgrade};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tower_service::Service;
///
/// # async fn example() -> Result<(), sortie_core::BoxError> {
/// let request = Request::get("https://example.com/echo")
///     .header("connection", "upgrade")
///     .header("upgrade", "echo")
///     .extension(PerRequest::Use(Versions::Http1Only))
///     .body(Body::empty())?;
/// let mut stream = upgrade(Transport::default().call(request).await?).await?;
/// stream.write_all(b"ping").await?;
/// let mut pong = [0; 4];
/// stream.read_exact(&mut pong).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`UpgradeError::Refused`] for any other answer, [`UpgradeError::Failed`] if the connection ended before it was
/// handed over.
pub async fn upgrade<B>(mut response: Response<B>) -> Result<Upgraded, UpgradeError> {
    let status = response.status();
    let connection = response.extensions_mut().remove();
    let Some(pending) = response.extensions_mut().remove::<hyper::upgrade::OnUpgrade>() else {
        return Err(UpgradeError::Refused { status });
    };
    drop(response);
    let stream = pending.await.map_err(UpgradeError::Failed)?;
    Ok(Upgraded { stream: TokioIo::new(stream), connection })
}

/// A byte stream to the server, which begins behind the head of the answer.
///
/// Its connection keeps its place among those of its origin until this is dropped. No limit of time and no
/// `Transport::close` ends it, but for a tunnel through HTTP/2, which is a part of its connection.
pub struct Upgraded {
    stream: TokioIo<hyper::upgrade::Upgraded>,
    connection: Option<ConnectionInfo>,
}

impl Upgraded {
    /// The connection that it was. `None` unless sortie's transport made it.
    #[must_use]
    pub fn connection(&self) -> Option<&ConnectionInfo> {
        self.connection.as_ref()
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        AsyncWrite::is_write_vectored(&self.stream)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.stream), cx)
    }
}

/// For those who speak another protocol of hyper's over it.
impl Read for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.inner_mut()).poll_read(cx, buf)
    }
}

impl Write for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.inner_mut()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.inner_mut()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        Write::is_write_vectored(self.stream.inner())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.inner_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(Pin::new(self.stream.inner_mut()), cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Why there is no byte stream for an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The server did not switch: its answer is an ordinary one, or its stream has been taken already.
    #[non_exhaustive]
    Refused {
        /// What it answered.
        status: StatusCode,
    },
    /// The connection ended before it was handed over.
    Failed(hyper::Error),
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status } => {
                write!(f, "the server did not switch protocols: it answered {status}, or its stream was taken before")
            }
            Self::Failed(_) => f.write_str("the connection ended before it was handed over"),
        }
    }
}

impl Error for UpgradeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused { .. } => None,
            Self::Failed(error) => Some(error),
        }
    }
}
