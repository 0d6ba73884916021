use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::Body as _;
use sortie_core::Body;
use url::Url;

use super::{Charset, Decoder, Malformed, OnMalformed};
use crate::Error;

/// A body that is read as text.
pub(crate) struct Source {
    body: Body,
    url: Option<Url>,
    decoder: Decoder,
    on_malformed: OnMalformed,
    ended: bool,
    /// Why nothing can be read.
    failed: Option<Error>,
}

impl Source {
    pub(crate) fn new(body: Body, url: Option<Url>, charset: Option<Charset>) -> Self {
        Self {
            body,
            url,
            decoder: Decoder::new(charset),
            on_malformed: OnMalformed::Replace,
            ended: false,
            failed: None,
        }
    }

    /// One of which this is the first thing that comes, and the last.
    pub(crate) fn failed(error: Error) -> Self {
        Self { failed: Some(error), ..Self::new(Body::empty(), None, None) }
    }

    pub(crate) fn on_malformed(&mut self, on_malformed: OnMalformed) {
        self.on_malformed = on_malformed;
    }

    /// Appends to `out` what comes next of the body, which may be nothing yet; `false` once it has ended, and after an
    /// error.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>, out: &mut String) -> Poll<Result<bool, Error>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(self.fail(error)));
        }
        if self.ended {
            return Poll::Ready(Ok(false));
        }
        let more = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                // Trailers are no part of the content.
                frame.data_ref().into_iter().for_each(|data| self.decoder.push(data, out));
                true
            }
            Some(Err(error)) => return Poll::Ready(Err(self.fail(Error::from_body(error)))),
            None => {
                self.end();
                self.decoder.finish(out);
                false
            }
        };
        if self.on_malformed == OnMalformed::Error && self.decoder.malformed() {
            return Poll::Ready(Err(self.fail(Malformed::error())));
        }
        Poll::Ready(Ok(more))
    }

    /// Ends the reading, for a reason of the reader's.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        self.end();
        error.with_url(|| self.url.clone())
    }

    /// The connection is not to wait until the reader is dropped.
    fn end(&mut self) {
        self.ended = true;
        self.body = Body::empty();
    }
}
