use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::Body as _;
use sortie_core::Body;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use url::Url;

use crate::Error;

/// A body as tokio's [`AsyncRead`] and [`AsyncBufRead`], by [`Response::into_reader`](crate::Response::into_reader).
///
/// Its errors are of the kind `TimedOut` where a time limit ran out, else `Other`, with the [`Error`] inside.
///
/// ```
/// use tokio::io::AsyncReadExt;
/// # use sortie::Session;
/// # use sortie_testkit::{Scripted, reply};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sortie::BoxError> {
/// # let server = Scripted::new([reply(200, [], "\0\0\0\x07content")]);
/// # let session = Session::builder().transport(server).build()?;
/// let mut reader = session.get("http://app.test/").send().await?.into_reader();
/// assert_eq!(reader.read_u32().await?, 7);
/// let mut content = String::new();
/// reader.read_to_string(&mut content).await?;
/// assert_eq!(content, "content");
/// # Ok(())
/// # }
/// ```
pub struct Reader {
    body: Body,
    chunk: Bytes,
    url: Option<Url>,
}

impl Reader {
    pub(super) fn new(body: Body, url: Option<Url>) -> Self {
        Self { body, chunk: Bytes::new(), url }
    }
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.chunk.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                // Trailers are no part of the content.
                Some(Ok(frame)) => this.chunk = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    this.body = Body::empty();
                    let error = Error::from_body(error).with_url(|| this.url.clone());
                    let kind = if error.is_timeout() { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
                    return Poll::Ready(Err(io::Error::new(kind, error)));
                }
                None => break,
            }
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(mut self: Pin<&mut Self>, octets: usize) {
        let octets = octets.min(self.chunk.len());
        self.chunk.advance(octets);
    }
}

impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let chunk = ready!(self.as_mut().poll_fill_buf(cx))?;
        let octets = chunk.len().min(into.remaining());
        into.put_slice(&chunk[..octets]);
        self.consume(octets);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("body", &self.body).field("buffered", &self.chunk.len()).finish_non_exhaustive()
    }
}
