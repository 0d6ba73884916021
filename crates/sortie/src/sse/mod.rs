//! Server-sent events ([WHATWG](https://html.spec.whatwg.org/multipage/server-sent-events.html)): of one response, and of a
//! source that is asked again where the connection ends.
//!
//! # Example
//!
//! ```
//! use sortie::Session;
//! # use sortie_testkit::{Scripted, reply, status};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), sortie::Error> {
//! # let events = |text: &'static str| reply(200, [("content-type", "text/event-stream")], text);
//! # let server = Scripted::new([
//! #     events("event: price\nid: 7\ndata: 41\n\n"), events("event: price\nid: 8\ndata: 42\n\n"), status(204),
//! # ]);
//! # let session = Session::builder().transport(server.clone()).build()?;
//! let mut source = session.get("http://app.test/prices").event_source();
//! while let Some(event) = source.next_event().await? {
//!     println!("{} {}: {}", event.id(), event.name(), event.data());
//! }
//! assert_eq!(source.last_event_id(), "8");
//! # assert_eq!(server.requests()[1].headers["last-event-id"], "7");
//! # Ok(())
//! # }
//! ```
//!
//! # When it connects anew
//!
//! - After the end of a body, and after a connection that broke: after the time that the server said by `retry`, else
//!   after 3 seconds, with up to half of that added by chance. `Last-Event-ID` says which event came last.
//! - After an attempt that failed on the way to the server: after that time once more, then twice that time, four
//!   times, … up to a minute. The very first attempt is not repeated, for then it is most often the URL that is wrong.
//! - Not after a 204, which is how a server says that there is no more: the stream ends.
//! - Not after another status than 200, nor after another `Content-Type` than `text/event-stream`: both are errors.
//!
//! Each connection is a call of its own through the whole session: signed, with cookies, with its redirects and retries.
//! A total time limit is one for each connection, and so is the transport's for the gap between two reads, 60 seconds
//! unless set otherwise: a server that says nothing for so long is asked again, so it should send a comment now and
//! then.
//!
//! # Differences from browsers
//!
//! - The very first attempt that fails on the way to the server is the error; the standard has browsers go on trying.
//! - Up to half is added to each wait by chance, also to the one that the server said, which the standard permits:
//!   clients that lost their server at one time are not to come back at one time.
//! - An id with control characters is kept, and not sent.

use std::fmt;

use http::StatusCode;

mod events;
mod parser;
mod source;

pub use events::Events;
pub use source::EventSource;

/// A server-sent event.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    name: String,
    data: String,
    id: String,
}

impl Event {
    /// Its name, by the field `event`: `message` if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data: the lines of the fields `data`, with LF between them.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.data
    }

    /// The id that was said last, by this event or one before it; empty if none was.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its data.
    #[must_use]
    pub fn into_data(self) -> String {
        self.data
    }

    /// Its data, read as JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode), by [`InvalidJson`](crate::InvalidJson).
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, crate::Error> {
        let parsed = serde_json::from_str(&self.data).map_err(crate::InvalidJson::new);
        parsed.map_err(|error| crate::Error::new(crate::ErrorKind::Decode, error))
    }
}

/// How much data it has: all of it may be secret.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("octets", &self.data.len()).finish_non_exhaustive()
    }
}

/// A response is no stream of events: its status is not 200, or its `Content-Type` not `text/event-stream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotEventStream {
    status: StatusCode,
}

impl NotEventStream {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for NotEventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status == StatusCode::OK {
            f.write_str("the response is not of the type text/event-stream")
        } else {
            write!(f, "the response has the status {}; a stream of events has 200", self.status)
        }
    }
}

impl std::error::Error for NotEventStream {}

/// An event is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLarge {
    limit: usize,
}

impl EventTooLarge {
    /// How large it may be, in octets.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for EventTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a server-sent event has more than {} octets (Events::max_event, EventSource::max_event)", self.limit)
    }
}

impl std::error::Error for EventTooLarge {}

#[cfg(test)]
mod tests;
