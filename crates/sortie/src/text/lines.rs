use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::{LineBuffer, OnMalformed, Source};
use crate::{Error, ErrorKind};

/// How long a line may be unless said otherwise: 8 MiB.
const MAX_LINE: usize = 8 << 20;

/// The lines of a body, by [`Response::lines`](crate::Response::lines): a stream of them, and a method.
///
/// Lines end with LF, CR or CR LF, and come without their ends. What stands after the last end is a line if there is
/// anything. A line is given out as soon as its end has come.
pub struct Lines {
    source: Source,
    buffer: LineBuffer,
    max_line: usize,
    ended: bool,
}

impl Lines {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, buffer: LineBuffer::default(), max_line: MAX_LINE, ended: false }
    }

    /// How long a line may be, in octets of UTF-8: 8 MiB by default. A longer one is the error [`LineTooLong`], so that a
    /// body without lines does not fill the memory.
    #[must_use]
    pub fn max_line(self, octets: usize) -> Self {
        Self { max_line: octets, ..self }
    }

    /// What becomes of octets that are no text; U+FFFD stands in their place by default.
    #[must_use]
    pub fn on_malformed(mut self, on_malformed: OnMalformed) -> Self {
        self.source.on_malformed(on_malformed);
        self
    }

    /// The next line; `None` at the end of the body. It may be dropped and called again.
    ///
    /// # Errors
    ///
    /// As [`Response::chunk`](crate::Response::chunk); and [`ErrorKind::Decode`] by [`LineTooLong`] or
    /// [`Malformed`](super::Malformed). After an error there are no more lines.
    pub async fn next_line(&mut self) -> Result<Option<String>, Error> {
        poll_fn(|cx| self.poll_line(cx)).await
    }

    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<String>, Error>> {
        loop {
            if let Some(line) = self.buffer.next_line() {
                let line = (line.len() <= self.max_line).then(|| line.to_owned());
                return Poll::Ready(self.checked(line).map(Some));
            }
            if self.ended {
                return Poll::Ready(Ok(self.buffer.rest().map(str::to_owned)));
            }
            if self.buffer.unfinished() > self.max_line {
                return Poll::Ready(self.checked(None).map(Some));
            }
            match ready!(self.source.poll_more(cx, self.buffer.text())) {
                Ok(more) => self.ended = !more,
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
        }
    }

    fn checked(&mut self, line: Option<String>) -> Result<String, Error> {
        line.ok_or_else(|| {
            let error = Error::new(ErrorKind::Decode, LineTooLong { limit: self.max_line });
            let error = self.source.fail(error);
            self.fail(error)
        })
    }

    fn fail(&mut self, error: Error) -> Error {
        self.ended = true;
        self.buffer = LineBuffer::default();
        error
    }
}

impl Stream for Lines {
    type Item = Result<String, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_line(cx).map(Result::transpose)
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("max_line", &self.max_line).field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// A line of a body is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong {
    limit: usize,
}

impl LineTooLong {
    /// How long it may be, in octets.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line of the body has more than {} octets (Lines::max_line)", self.limit)
    }
}

impl std::error::Error for LineTooLong {}
