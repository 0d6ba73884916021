use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{Empty, Full};

use crate::{BoxError, Replay, Ticket};

mod erased;
mod factory;
mod progress;
mod promised;

use erased::{BoxBody, Streamed};
use factory::Factory;
pub use progress::Progress;
use progress::Told;
pub use promised::LengthMismatch;
use promised::Promised;

/// The body of a request or a response.
///
/// It is `Send + Sync`, yields [`Bytes`] and fails with [`BoxError`]. What it was made of decides whether it can be
/// sent again ([`Replay`]) and whether its length is known:
///
/// | made by | sent again | length |
/// |---|---|---|
/// | [`Body::empty`], `From<()>` | yes | 0 |
/// | `From` of bytes and strings | yes | known |
/// | [`Body::segments`] | yes | known |
/// | [`Body::factory`] | yes: the closure makes the stream anew | as told |
/// | [`Body::new`], [`Body::stream`] | no | as the body itself knows |
/// | [`Body::sized_stream`] | no | as told |
/// | [`Body::on_progress`] | as before | as before |
///
/// A body of known length is sent with `Content-Length`, another chunked (HTTP/1.1) or by frames (HTTP/2).
pub struct Body(Kind);

/// Two levels, because `Bytes` leaves room for one more value: so a body is four words and a `Request<Body>` 256 octets,
/// up to which a copy costs half as much. A call makes some twenty on its way through the layers.
enum Kind {
    Bytes(Bytes),
    Other(Other),
}

enum Other {
    Empty,
    /// Bytes that have been read: there is nothing left, and nothing to send again.
    Spent,
    Segments(Box<Segments>),
    Factory(Box<Factory>),
    Once(BoxBody),
    /// One of the others, with a ticket; `Once` keeps its own.
    Held(Box<Held>),
    Told(Box<Told>),
}

struct Held {
    body: Body,
    ticket: Option<Ticket>,
}

struct Segments {
    all: Arc<[Bytes]>,
    next: usize,
    left: u64,
}

impl Segments {
    fn new(all: Arc<[Bytes]>) -> Self {
        let left = all.iter().map(|segment| segment.len() as u64).sum();
        Self { all, next: 0, left }
    }
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Other::Empty)
    }

    /// Any body, to be sent or read once.
    ///
    /// A `Body` comes back as it is, a `Full<Bytes>` keeps its bytes (and so can be sent again), and one that has
    /// ended already is an empty one; anything else is boxed.
    #[must_use]
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let body = match downcast::<B, Self>(body) {
            Ok(body) => return body,
            Err(body) => body,
        };
        let body = match downcast::<B, Full<Bytes>>(body) {
            Ok(full) => return full.into(),
            Err(body) => body,
        };
        if body.is_end_stream() {
            return Self::empty();
        }
        Self::of(Other::Once(erased::erase(body)))
    }

    /// A stream of chunks, to be sent once, of unknown length.
    #[must_use]
    pub fn stream<S, T, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes> + 'static,
        E: Into<BoxError> + 'static,
    {
        Self::of(Other::Once(erased::erase(Streamed::new(stream))))
    }

    /// A stream of chunks, to be sent once, of `length` octets in all. One that ends with less, or has more at hand
    /// when it has yielded so many, fails with [`LengthMismatch`].
    #[must_use]
    pub fn sized_stream<S, T, E>(length: u64, stream: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes> + 'static,
        E: Into<BoxError> + 'static,
    {
        Self::of(Other::Once(erased::erase(Promised::new(Streamed::new(stream), length, true))))
    }

    /// Several chunks of bytes, one after the other, without copying them together.
    #[must_use]
    pub fn segments(segments: impl IntoIterator<Item = Bytes>) -> Self {
        let all: Arc<[Bytes]> = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
        match &*all {
            [] => Self::empty(),
            [one] => one.clone().into(),
            _ => Self::of(Other::Segments(Box::new(Segments::new(all)))),
        }
    }

    /// A body that a closure makes, once for each time that it is sent.
    ///
    /// This is how what does not fit into memory is sent again after a redirect, a challenge or a failed attempt: a
    /// file, opened anew. With a `length`, in octets, it is sent with `Content-Length`; a body that ends with less,
    /// or has more at hand when it has yielded so many, fails with [`LengthMismatch`].
    ///
    /// ```
    /// use sortie_core::{Body, Replay};
    ///
    /// let body = Body::factory(Some(4), || Body::from("ping"));
    /// assert_eq!(body.content_length(), Some(4));
    /// assert!(body.replay().is_some());
    /// ```
    #[must_use]
    pub fn factory<F, B>(length: Option<u64>, make: F) -> Self
    where
        F: Fn() -> B + Send + Sync + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::of(Other::Factory(Box::new(Factory::new(length, move || Self::new(make())))))
    }

    /// Calls `tell` for each chunk that passes and once at the end: for a progress bar, in either direction.
    ///
    /// Each time that the body is sent again it begins anew, at 0. It is called where the body is read, so it must not
    /// block. A body that is empty tells nothing, for nobody reads it.
    ///
    /// ```
    /// use http_body_util::BodyExt;
    /// use sortie_core::Body;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), sortie_core::BoxError> {
    /// let body = Body::from("content").on_progress(|progress| {
    ///     assert_eq!((progress.passed, progress.total, progress.ended), (7, Some(7), true));
    /// });
    /// assert_eq!(body.collect().await?.to_bytes(), "content");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_progress(self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        if self.is_end_stream() {
            return self;
        }
        Self::of(Other::Told(Box::new(Told::new(self, Arc::new(tell)))))
    }

    fn of(other: Other) -> Self {
        Self(Kind::Other(other))
    }

    /// Keeps `ticket` until this body has ended, failed or been dropped, beside those that it holds already. One with
    /// nothing in it has ended already.
    #[must_use]
    pub fn hold(mut self, ticket: Ticket) -> Self {
        if self.is_end_stream() {
            return self;
        }
        match &mut self.0 {
            Kind::Other(Other::Once(body)) => body.as_mut().hold(ticket),
            Kind::Other(Other::Held(held)) => held.ticket = Some(ticket.and(held.ticket.take())),
            _ => return Self::of(Other::Held(Box::new(Held { body: self, ticket: Some(ticket) }))),
        }
        self
    }

    /// Its exact length in octets, if that is known before it is read.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Its content, if that is one chunk of bytes in memory.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Bytes(bytes) => Some(bytes),
            Kind::Other(Other::Empty) => Some(&[]),
            Kind::Other(Other::Held(held)) => held.body.as_bytes(),
            Kind::Other(Other::Told(told)) => told.body.as_bytes(),
            Kind::Other(_) => None,
        }
    }
}

/// `value` as a `T`, if that is what it is.
pub(crate) fn downcast<V: 'static, T: 'static>(value: V) -> Result<T, V> {
    let mut slot = Some(value);
    match (&mut slot as &mut dyn std::any::Any).downcast_mut::<Option<T>>().and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(slot.expect("only a downcast that succeeds takes it")),
    }
}

/// The bytes of a `Full`, which gives them out only by being polled.
pub(crate) fn full_bytes(mut full: Full<Bytes>) -> Bytes {
    match Pin::new(&mut full).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let other = match &mut self.0 {
            Kind::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::of(Other::Spent);
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Kind::Other(other) => other,
        };
        match other {
            Other::Empty | Other::Spent => Poll::Ready(None),
            Other::Segments(segments) => Poll::Ready(segments.all.get(segments.next).cloned().map(|segment| {
                segments.next += 1;
                segments.left -= segment.len() as u64;
                Ok(Frame::data(segment))
            })),
            Other::Factory(factory) => factory.poll_frame(cx),
            Other::Once(body) => body.as_mut().poll_frame(cx),
            Other::Held(held) => held.poll_frame(cx),
            Other::Told(told) => told.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Bytes(bytes) => bytes.is_empty(),
            Kind::Other(Other::Empty | Other::Spent) => true,
            Kind::Other(Other::Segments(segments)) => segments.left == 0,
            Kind::Other(Other::Factory(factory)) => factory.is_end_stream(),
            Kind::Other(Other::Once(body)) => body.is_end_stream(),
            Kind::Other(Other::Held(held)) => held.body.is_end_stream(),
            Kind::Other(Other::Told(told)) => told.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Other(Other::Empty | Other::Spent) => SizeHint::with_exact(0),
            Kind::Other(Other::Segments(segments)) => SizeHint::with_exact(segments.left),
            Kind::Other(Other::Factory(factory)) => factory.size_hint(),
            Kind::Other(Other::Once(body)) => body.size_hint(),
            Kind::Other(Other::Held(held)) => held.body.size_hint(),
            Kind::Other(Other::Told(told)) => told.body.size_hint(),
        }
    }
}

impl Held {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.ticket = None;
        }
        Poll::Ready(frame)
    }
}

impl Replay for Body {
    fn replay(&self) -> Option<Self> {
        Some(Self::of(match &self.0 {
            Kind::Bytes(bytes) => return Some(Self(Kind::Bytes(bytes.clone()))),
            Kind::Other(Other::Empty) => Other::Empty,
            Kind::Other(Other::Segments(segments)) => Other::Segments(Box::new(Segments::new(segments.all.clone()))),
            Kind::Other(Other::Factory(factory)) => Other::Factory(Box::new(factory.anew())),
            Kind::Other(Other::Held(held)) => return held.body.replay(),
            Kind::Other(Other::Told(told)) => Other::Told(Box::new(told.over(told.body.replay()?))),
            Kind::Other(Other::Spent | Other::Once(_)) => return None,
        }))
    }

    fn nothing() -> Option<Self> {
        Some(Self::empty())
    }

    fn content(&self) -> Option<Bytes> {
        match &self.0 {
            Kind::Bytes(bytes) => Some(bytes.clone()),
            Kind::Other(Other::Empty) => Some(Bytes::new()),
            Kind::Other(Other::Segments(segments)) => Some(segments.all.concat().into()),
            Kind::Other(Other::Held(held)) => held.body.content(),
            Kind::Other(Other::Told(told)) => told.body.content(),
            Kind::Other(Other::Spent | Other::Factory(_) | Other::Once(_)) => None,
        }
    }
}

/// What kind of body it is and its length; never its content.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Bytes(_) => "Bytes",
            Kind::Other(Other::Empty) => "Empty",
            Kind::Other(Other::Spent) => "Spent",
            Kind::Other(Other::Segments(_)) => "Segments",
            Kind::Other(Other::Factory(_)) => "Factory",
            Kind::Other(Other::Once(_)) => "Once",
            Kind::Other(Other::Held(held)) => return held.body.fmt(f),
            Kind::Other(Other::Told(told)) => return told.body.fmt(f),
        };
        f.debug_struct("Body").field("kind", &kind).field("length", &self.content_length()).finish()
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self(Kind::Bytes(bytes)) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Full<Bytes>> for Body {
    fn from(full: Full<Bytes>) -> Self {
        full_bytes(full).into()
    }
}

impl From<Empty<Bytes>> for Body {
    fn from(_: Empty<Bytes>) -> Self {
        Self::empty()
    }
}

impl<B: Into<Self>> From<Option<B>> for Body {
    fn from(body: Option<B>) -> Self {
        body.map(Into::into).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
