use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::info::Info;
use crate::moment::{AtomicMoment, Moment};

/// How long the parts of an exchange took: an extension of every response.
///
/// It goes on counting with the body: [`end`](Self::end) is there once the body has ended.
///
/// ```
/// # async fn example(mut transport: sortie_transport::Transport) -> Result<(), sortie_core::BoxError> {
/// # use http::Request; use tower_service::Service; use sortie_core::Body;
/// let response = transport.call(Request::get("https://example.com/").body(Body::empty())?).await?;
/// if let Some(timings) = response.extensions().get::<sortie_transport::Timings>() {
///     println!("{:?} in the queue, first byte after {:?}", timings.queued(), timings.first_byte());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Timings(Arc<Clocks>);

/// The moments of one exchange.
pub(crate) struct Clocks {
    start: Moment,
    queued: Duration,
    sent: AtomicMoment,
    first_byte: AtomicMoment,
    end: AtomicMoment,
    /// The connection, if it was made for this exchange, or in advance for nobody's.
    made: Option<Arc<Info>>,
}

impl Clocks {
    pub(crate) fn new(start: Moment, queued: Duration, made: Option<Arc<Info>>) -> Self {
        let [sent, first_byte, end] = [const { AtomicMoment::never() }; 3];
        Self { start, queued, sent, first_byte, end, made }
    }

    /// When the request was given to its connection.
    pub(crate) fn begun(&self) -> Moment {
        self.start.after(self.queued)
    }

    pub(crate) fn sent_at(&self, at: Moment) {
        self.sent.set(at);
    }

    pub(crate) fn first_byte_at(&self, at: Moment) {
        self.first_byte.set(at);
    }

    pub(crate) fn end_at(&self, at: Moment) {
        self.end.set(at);
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent.get().is_some()
    }

    pub(crate) fn has_answer(&self) -> bool {
        self.first_byte.get().is_some()
    }

    fn told(&self, what: &AtomicMoment) -> Option<Duration> {
        Some(what.get()?.since(self.start))
    }
}

impl Timings {
    pub(crate) fn new(clocks: Arc<Clocks>) -> Self {
        Self(clocks)
    }

    /// How long the request waited for a connection, one being made for it included; zero if one was idle.
    #[must_use]
    pub fn queued(&self) -> Duration {
        self.0.queued
    }

    /// How long the look-up of the server's name took, next to nothing if the answer was kept; `None` if there was none to
    /// be made, over a connection that had served before, or that was made by a connector of one's own.
    #[must_use]
    pub fn dns(&self) -> Option<Duration> {
        self.0.made.as_ref()?.times.dns
    }

    /// How long the byte stream took to be made (TCP, or what stands for it); `None` over a connection that had served
    /// before.
    #[must_use]
    pub fn connect(&self) -> Option<Duration> {
        self.0.made.as_ref()?.times.connect
    }

    /// How long it took to ask a proxy for the way, TLS with the proxy itself included; `None` without a proxy, and over
    /// a connection that had served before.
    #[must_use]
    pub fn proxy(&self) -> Option<Duration> {
        self.0.made.as_ref()?.times.proxy
    }

    /// How long the TLS handshake with the origin took; `None` over plaintext, and over a connection that had served before.
    #[must_use]
    pub fn tls(&self) -> Option<Duration> {
        self.0.made.as_ref()?.times.tls
    }

    /// From the call until the request with its body was sent: given to the network (HTTP/1.1), or to the HTTP/2
    /// connection, which may hold some of it back for want of window. `None` while the upload goes on.
    #[must_use]
    pub fn sent(&self) -> Option<Duration> {
        self.0.told(&self.0.sent)
    }

    /// From the call to the first byte of the answer, be it an interim one (HTTP/2: to the head of the final one).
    #[must_use]
    pub fn first_byte(&self) -> Option<Duration> {
        self.0.told(&self.0.first_byte)
    }

    /// From the call to the end of the body, or to where it was dropped; `None` before that.
    #[must_use]
    pub fn end(&self) -> Option<Duration> {
        self.0.told(&self.0.end)
    }
}

impl fmt::Debug for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timings")
            .field("queued", &self.queued())
            .field("dns", &self.dns())
            .field("connect", &self.connect())
            .field("proxy", &self.proxy())
            .field("tls", &self.tls())
            .field("sent", &self.sent())
            .field("first_byte", &self.first_byte())
            .field("end", &self.end())
            .finish()
    }
}
