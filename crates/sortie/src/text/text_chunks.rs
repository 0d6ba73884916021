use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::{OnMalformed, Source};
use crate::Error;

/// The text of a body as it comes, by [`Response::text_chunks`](crate::Response::text_chunks): a stream, and a method.
///
/// No chunk is empty, and none ends within a character, nor between a CR and its LF: a CR at the end of what has come
/// is kept back until it is known what follows.
pub struct TextChunks {
    source: Source,
    /// A CR that was kept back, and after it what comes next.
    text: String,
    ended: bool,
}

impl TextChunks {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, text: String::new(), ended: false }
    }

    /// What becomes of octets that are no text; U+FFFD stands in their place by default.
    #[must_use]
    pub fn on_malformed(mut self, on_malformed: OnMalformed) -> Self {
        self.source.on_malformed(on_malformed);
        self
    }

    /// The next piece of the text; `None` at its end. It may be dropped and called again.
    ///
    /// # Errors
    ///
    /// As [`Response::chunk`](crate::Response::chunk); and [`ErrorKind::Decode`](crate::ErrorKind::Decode) by
    /// [`Malformed`](super::Malformed). After an error there is no more text.
    pub async fn next_chunk(&mut self) -> Result<Option<String>, Error> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<String>, Error>> {
        while !self.ended {
            match ready!(self.source.poll_more(cx, &mut self.text)) {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.ended = true;
                    self.text.clear();
                    return Poll::Ready(Err(error));
                }
            }
            let kept = usize::from(!self.ended && self.text.ends_with('\r'));
            if self.text.len() > kept {
                let rest = self.text.split_off(self.text.len() - kept);
                return Poll::Ready(Ok(Some(std::mem::replace(&mut self.text, rest))));
            }
        }
        Poll::Ready(Ok(None))
    }
}

impl Stream for TextChunks {
    type Item = Result<String, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx).map(Result::transpose)
    }
}

impl fmt::Debug for TextChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextChunks").field("ended", &self.ended).finish_non_exhaustive()
    }
}
