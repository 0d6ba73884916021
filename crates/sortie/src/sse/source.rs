use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use http::StatusCode;
use http::header::{ACCEPT, CACHE_CONTROL, HeaderName, HeaderValue};
use sortie_core::BoxFuture;
use tokio::time::Sleep;

use super::events::{MAX_EVENT, checked};
use super::parser::Parser;
use super::{Event, Events};
use crate::template::Template;
use crate::{Error, ErrorKind, RequestBuilder, Response};

/// How long to wait before coming back, unless the server says otherwise: "a few seconds" in the standard, three in
/// browsers.
const RETRY: Duration = Duration::from_secs(3);

/// The shortest wait, whatever the server says: not to run in circles.
const LEAST_WAIT: Duration = Duration::from_millis(100);

/// Up to which the wait doubles with each failure, unless the server has its clients wait longer.
const MOST_BACKOFF: Duration = Duration::from_secs(60);

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl RequestBuilder {
    /// A stream of server-sent events that connects anew where it breaks: see the [module](crate::sse). Nothing is sent
    /// before the first event is asked for. A request without `Accept` or `Cache-Control` says `text/event-stream` and
    /// `no-cache`.
    pub fn event_source(self) -> EventSource {
        let (session, request) = self.into_request();
        let (template, state) = match request {
            Ok((request, url)) => (Some(Template::new(session, request, url)), State::Connect),
            Err(error) => (None, State::Failed(error)),
        };
        EventSource { template, state, parser: Parser::default(), attempts: Attempts::default(), max_event: MAX_EVENT }
    }
}

/// Server-sent events over one connection after the other: a stream of them, and a method.
pub struct EventSource {
    template: Option<Template>,
    state: State,
    /// What outlasts a connection; with the [`Events`] while there are any.
    parser: Parser,
    attempts: Attempts,
    max_event: usize,
}

enum State {
    Connect,
    Connecting(BoxFuture<'static, Result<Response, Error>>),
    Open(Box<Events>),
    Waiting(Pin<Box<Sleep>>),
    Failed(Error),
    Ended,
}

#[derive(Debug, Default)]
struct Attempts {
    /// Whether there has been a connection.
    connected: bool,
    /// How many have failed since the last one.
    failed: u32,
    most: Option<u32>,
}

impl EventSource {
    /// Begins after the event of this id, of an earlier time: it is the first `Last-Event-ID`.
    #[must_use]
    pub fn after(self, last_event_id: impl Into<String>) -> Self {
        Self { parser: Parser::after(last_event_id.into()), ..self }
    }

    /// How large an event may be, in octets: 8 MiB by default. A larger one is the error
    /// [`EventTooLarge`](super::EventTooLarge).
    #[must_use]
    pub fn max_event(self, octets: usize) -> Self {
        Self { max_event: octets, ..self }
    }

    /// How many attempts to connect anew may fail one after the other. One more is the error of that attempt. Default: no
    /// limit.
    #[must_use]
    pub fn max_failures(mut self, failures: u32) -> Self {
        self.attempts.most = Some(failures);
        self
    }

    /// The id of the last event that said one; empty if none did. To be kept for [`after`](Self::after).
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        match &self.state {
            State::Open(events) => events.last_event_id(),
            _ => self.parser.last_event_id(),
        }
    }

    /// The next event; `None` once the server has said that there are no more, by 204. It may be dropped and called
    /// again.
    ///
    /// # Errors
    ///
    /// As [`RequestBuilder::send`] for the first connection; later, what would fail again: an answer that is no event
    /// stream, an event too large, a request that cannot be sent. After an error there are no more events.
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Connect => {
                    let Some(template) = &self.template else { return Poll::Ready(Ok(None)) };
                    self.state = State::Connecting(Box::pin(template.sending(self.headers(template))));
                }
                State::Connecting(mut connecting) => {
                    let Poll::Ready(answer) = connecting.as_mut().poll(cx) else {
                        self.state = State::Connecting(connecting);
                        return Poll::Pending;
                    };
                    match answer {
                        Ok(response) if response.status() == StatusCode::NO_CONTENT => return Poll::Ready(Ok(None)),
                        Ok(response) => self.open(response)?,
                        Err(error) => self.state = self.attempts.failed(error).map(|()| self.wait())?,
                    }
                }
                State::Open(mut events) => {
                    let Poll::Ready(event) = events.poll_event(cx) else {
                        self.state = State::Open(events);
                        return Poll::Pending;
                    };
                    if let Ok(Some(event)) = event {
                        self.state = State::Open(events);
                        return Poll::Ready(Ok(Some(event)));
                    }
                    self.parser = events.into_parser();
                    event.map(drop).or_else(|error| if is_lasting(&error) { Err(error) } else { Ok(()) })?;
                    self.state = self.wait();
                }
                State::Waiting(mut sleep) => {
                    if sleep.as_mut().poll(cx).is_pending() {
                        self.state = State::Waiting(sleep);
                        return Poll::Pending;
                    }
                    self.state = State::Connect;
                }
                State::Failed(error) => return Poll::Ready(Err(error)),
                State::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn open(&mut self, response: Response) -> Result<(), Error> {
        // In this order: where it is an error, the parser still knows the last event's id.
        let response = checked(response)?;
        let events = Events::of(response, std::mem::take(&mut self.parser), self.max_event);
        (self.attempts.connected, self.attempts.failed) = (true, 0);
        self.state = State::Open(Box::new(events));
        Ok(())
    }

    fn headers(&self, template: &Template) -> Vec<(HeaderName, HeaderValue)> {
        // What browsers send: Fetch writes `no-cache` for the cache mode "no-store".
        let defaults = [(ACCEPT, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
        let unset = defaults.into_iter().filter(|(name, _)| !template.has_header(name));
        let mut headers: Vec<_> = unset.map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
        let id = self.parser.last_event_id();
        // One with control characters cannot be sent; browsers would send it damaged.
        if let (false, Ok(id)) = (id.is_empty(), HeaderValue::from_bytes(id.as_bytes())) {
            headers.push((LAST_EVENT_ID.clone(), id));
        }
        headers
    }

    fn wait(&self) -> State {
        // Clients that one failure sent away are not to come back at one time.
        let random = RandomState::new().build_hasher().finish();
        let wait = wait(self.parser.retry().unwrap_or(RETRY), self.attempts.failed, random);
        State::Waiting(Box::pin(tokio::time::sleep(wait)))
    }
}

impl Attempts {
    /// Notes a failed attempt to connect, unless its error is the answer.
    fn failed(&mut self, error: Error) -> Result<(), Error> {
        if !self.connected || is_lasting(&error) || self.most.is_some_and(|most| self.failed >= most) {
            return Err(error);
        }
        self.failed += 1;
        Ok(())
    }
}

/// Whether the next attempt would fail as this one did.
fn is_lasting(error: &Error) -> bool {
    use ErrorKind::{Body, Connect, Protocol, Proxy, Request, Timeout, Tls};
    !matches!(error.kind(), Body | Connect | Protocol | Proxy | Request | Timeout | Tls)
}

/// What the server asks for, doubled with each failure, and up to half of that more, by chance.
fn wait(retry: Duration, failed: u32, random: u64) -> Duration {
    let retry = retry.max(LEAST_WAIT);
    let doubled = retry.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1))).min(MOST_BACKOFF.max(retry));
    let half = u64::try_from(doubled.as_millis() / 2).unwrap_or(u64::MAX);
    doubled + Duration::from_millis(random % half.max(1))
}

impl Stream for EventSource {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.poll_event(cx)).transpose())
    }
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("attempts", &self.attempts)
            .field("max_event", &self.max_event)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_what_the_server_says_and_grows_with_failures() {
        let ms = Duration::from_millis;
        for (retry, failed, least) in [
            (3000, 0, 3000),
            (3000, 1, 3000),
            (3000, 2, 6000),
            (3000, 5, 48_000),
            (3000, 6, 60_000),
            (3000, u32::MAX, 60_000),
            (90_000, 9, 90_000),
            (0, 0, 100),
            (0, 3, 400),
        ] {
            assert_eq!(wait(ms(retry), failed, 0), ms(least), "{retry} {failed}");
            let most = wait(ms(retry), failed, least / 2 - 1);
            assert_eq!(most, ms(least + least / 2 - 1), "{retry} {failed}");
        }
    }
}
