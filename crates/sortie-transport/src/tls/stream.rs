use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client;

use super::error::TlsError;
use super::failure::{self, Ours};
use super::rotation::MadeWith;

/// A byte stream over TLS. Where the server says only after the handshake that it does not take the client's
/// certificate, as TLS 1.3 has it, the error of the next read or write is a [`TlsError`].
pub(crate) struct TlsStream<S> {
    stream: client::TlsStream<S>,
    name: Box<str>,
    ours: Ours,
    made_with: Option<MadeWith>,
}

impl<S> TlsStream<S> {
    pub(super) fn new(stream: client::TlsStream<S>, name: &str, ours: Ours, made_with: Option<MadeWith>) -> Self {
        Self { stream, name: name.into(), ours, made_with }
    }

    /// With which identity the client came, if that can change.
    pub(crate) fn made_with(&self) -> Option<&MadeWith> {
        self.made_with.as_ref()
    }

    /// What TLS is spoken over.
    pub(crate) fn below(&self) -> &S {
        self.stream.get_ref().0
    }

    #[cold]
    fn explain(&self, error: io::Error) -> io::Error {
        if failure::is_refusal(&error, self.ours) {
            return io::Error::new(error.kind(), TlsError::failed(&self.name, self.ours, error));
        }
        error
    }
}

// Never inlined: a plain stream would pay for the registers that they need.
impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    #[inline(never)]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.stream).poll_read(cx, buf).map_err(|error| this.explain(error))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    #[inline(never)]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        Pin::new(&mut this.stream).poll_write(cx, buf).map_err(|error| this.explain(error))
    }

    #[inline(never)]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs).map_err(|error| this.explain(error))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    #[inline(never)]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.stream).poll_flush(cx).map_err(|error| this.explain(error))
    }

    #[inline(never)]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.stream).poll_shutdown(cx).map_err(|error| this.explain(error))
    }
}
