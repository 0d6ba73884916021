//! What a transport tells as it happens.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::info::ConnectionInfo;
use crate::reason::CloseReason;

/// Who is told what a transport does with its connections: metrics, logs, tests.
///
/// It is implemented for closures, and set by [`TransportOptions::events`](crate::TransportOptions::events). It is called
/// without any lock, on whatever thread it happens, and should return soon. Events of one connection come in order;
/// those of several need not.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use sortie_transport::{Event, Transport, TransportOptions};
///
/// let opened = Arc::new(AtomicU64::new(0));
/// let count = opened.clone();
/// let transport = Transport::new(TransportOptions::default().events(move |event: &Event<'_>| {
///     if let Event::Connected { .. } = event {
///         count.fetch_add(1, Ordering::Relaxed);
///     }
/// }));
/// # let _ = (transport, opened);
/// ```
pub trait Events: Send + Sync + 'static {
    /// It happened just now.
    fn event(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Events for F {
    fn event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// Something that a transport did, or that was done to it. An origin is written as in a URI: `https://example.com`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connect has begun.
    #[non_exhaustive]
    Connecting {
        /// To which origin.
        origin: &'a str,
        /// What the connection will be called.
        connection: u64,
    },
    /// A connect has succeeded.
    #[non_exhaustive]
    Connected {
        /// To which origin.
        origin: &'a str,
        /// The connection.
        connection: &'a ConnectionInfo,
    },
    /// A connect has failed.
    #[non_exhaustive]
    ConnectFailed {
        /// To which origin.
        origin: &'a str,
        /// What the connection would have been called.
        connection: u64,
        /// Why; a [`ConnectError`](crate::ConnectError) unless the transport or the runtime has ended.
        error: &'a (dyn Error + Send + Sync + 'static),
    },
    /// A request found no connection and waits for one.
    #[non_exhaustive]
    Queued {
        /// For a connection to which origin.
        origin: &'a str,
    },
    /// A request was given a connection.
    #[non_exhaustive]
    Acquired {
        /// To which origin.
        origin: &'a str,
        /// Which connection.
        connection: u64,
        /// Whether it had served before.
        reused: bool,
        /// For how long the request had waited.
        waited: Duration,
    },
    /// A request gave up waiting for a connection: its acquire limit ran out.
    #[non_exhaustive]
    AcquireTimedOut {
        /// To which origin.
        origin: &'a str,
        /// For how long it had waited.
        waited: Duration,
    },
    /// An HTTP/1.1 connection came back from an exchange, to serve the next.
    #[non_exhaustive]
    Returned {
        /// To which origin.
        origin: &'a str,
        /// Which connection.
        connection: u64,
    },
    /// Nothing was heard over an HTTP/2 connection for too long: it is given no request that another connection can
    /// take, until it is heard of again.
    #[non_exhaustive]
    Avoided {
        /// To which origin.
        origin: &'a str,
        /// Which connection.
        connection: u64,
    },
    /// A connection has ended, and its place is free.
    #[non_exhaustive]
    Closed {
        /// To which origin.
        origin: &'a str,
        /// Which connection.
        connection: u64,
        /// Why.
        reason: CloseReason,
        /// How long it was open.
        age: Duration,
        /// How many requests it was given.
        requests: u64,
    },
}

/// Who is told, if anybody is.
#[derive(Clone, Default)]
pub(crate) struct Told(Option<std::sync::Arc<dyn Events>>);

impl Told {
    pub(crate) fn new(events: impl Events) -> Self {
        Self(Some(std::sync::Arc::new(events)))
    }

    pub(crate) fn tell<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(events) = &self.0 {
            events.event(&event());
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "told" } else { "nobody is told" })
    }
}
