use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::Stream;
use crate::pool::conn::Conn;
use crate::pool::origin::Permit;

/// A connection's byte stream: it counts what passes, and holds the permit to its end, which after an upgrade is not
/// the driver's.
pub(crate) struct ConnIo {
    stream: Stream,
    conn: Arc<Conn>,
    /// Whether the driver limits how often it is read in one turn.
    limited: bool,
    // Dropped after the stream: a permit is free when its socket is closed.
    _permit: Arc<Permit>,
}

impl ConnIo {
    pub(crate) fn new(stream: Stream, conn: Arc<Conn>, limited: bool, permit: Arc<Permit>) -> Self {
        Self { stream, conn, limited, _permit: permit }
    }
}

impl AsyncRead for ConnIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.limited && !self.conn.may_read() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
            #[cfg(feature = "tls")]
            self.conn.note_refusal(&error);
            return Poll::Ready(Err(error));
        }
        self.conn.count_in(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ConnIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.conn.count_out(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.conn.count_out(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
