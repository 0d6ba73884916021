use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::parser::Parser;
use super::{Event, EventTooLarge, NotEventStream};
use crate::text::{LineBuffer, Source};
use crate::{Error, ErrorKind, Response};

/// How large an event may be unless said otherwise: 8 MiB.
pub(super) const MAX_EVENT: usize = 8 << 20;

impl Response {
    /// The body's server-sent events; see the [module](crate::sse). [`RequestBuilder::event_source`] also reconnects.
    ///
    /// [`RequestBuilder::event_source`]: crate::RequestBuilder::event_source
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`] for an error status, [`ErrorKind::Decode`] by [`NotEventStream`] for another than 200, and
    /// for a `Content-Type` other than `text/event-stream`.
    pub fn events(self) -> Result<Events, Error> {
        Ok(Events::of(checked(self)?, Parser::default(), MAX_EVENT))
    }
}

/// The events of one response: a stream of them, and a method.
///
/// An event of which the end has not come when the body ends is none.
pub struct Events {
    source: Source,
    lines: LineBuffer,
    parser: Parser,
    max_event: usize,
    ended: bool,
}

impl Events {
    /// Those of a response that is [`checked`].
    pub(super) fn of(response: Response, parser: Parser, max_event: usize) -> Self {
        Self { source: response.into_utf8(), lines: LineBuffer::default(), parser, max_event, ended: false }
    }

    /// How large an event may be, in octets: 8 MiB by default. A larger one is the error [`EventTooLarge`].
    #[must_use]
    pub fn max_event(self, octets: usize) -> Self {
        Self { max_event: octets, ..self }
    }

    /// The next event; `None` at the end of the body. It may be dropped and called again.
    ///
    /// # Errors
    ///
    /// As [`Response::chunk`]; and [`ErrorKind::Decode`] by [`EventTooLarge`]. After an error there are no more events.
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The id of the last event that said one, as `Last-Event-ID` is to say it; empty if none did.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// How long the server would have its clients wait before they come back, if it said so; an hour at most.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.parser.retry()
    }

    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        while !self.ended {
            while let Some(line) = self.lines.next_line() {
                let fits = self.parser.kept() + line.len() <= self.max_event;
                if !fits {
                    return Poll::Ready(Err(self.too_large()));
                }
                if let Some(event) = self.parser.line(line) {
                    return Poll::Ready(Ok(Some(event)));
                }
            }
            if self.parser.kept() + self.lines.unfinished() > self.max_event {
                return Poll::Ready(Err(self.too_large()));
            }
            match ready!(self.source.poll_more(cx, self.lines.text())) {
                // What comes with the end is within a line, and so of no event.
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(None))
    }

    fn too_large(&mut self) -> Error {
        self.ended = true;
        self.source.fail(Error::new(ErrorKind::Decode, EventTooLarge { limit: self.max_event }))
    }

    /// What outlasts the connection.
    pub(super) fn into_parser(self) -> Parser {
        let mut parser = self.parser;
        parser.disconnect();
        parser
    }
}

/// A response that is a stream of events; what it is else, as an error.
pub(super) fn checked(response: Response) -> Result<Response, Error> {
    if !response.ok() {
        return Err(response.into_error(None));
    }
    if response.status() != StatusCode::OK || !is_event_stream(response.headers()) {
        let error = NotEventStream { status: response.status() };
        return Err(Error::new(ErrorKind::Decode, error).with_url(|| response.url().cloned()));
    }
    Ok(response)
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE) else { return false };
    let essence = content_type.as_bytes().split(|octet| *octet == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

impl Stream for Events {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx).map(Result::transpose)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("max_event", &self.max_event).field("ended", &self.ended).finish_non_exhaustive()
    }
}
