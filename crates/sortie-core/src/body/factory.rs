use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Body;
use crate::BoxError;

/// A body made by a closure, anew for each time it is sent, and held to the length that was promised for it.
pub(super) struct Factory {
    make: Arc<dyn Fn() -> Body + Send + Sync>,
    length: Option<u64>,
    sent: u64,
    /// The stream of this sending, made when it is first polled.
    current: Option<Body>,
}

impl Factory {
    pub(super) fn new(length: Option<u64>, make: impl Fn() -> Body + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), length, sent: 0, current: None }
    }

    pub(super) fn anew(&self) -> Self {
        Self { make: self.make.clone(), length: self.length, sent: 0, current: None }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let current = self.current.get_or_insert_with(|| (self.make)());
        let frame = ready!(Pin::new(current).poll_frame(cx));
        let ended = match &frame {
            Some(Ok(frame)) => {
                self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                false
            }
            Some(Err(_)) => return Poll::Ready(frame),
            None => true,
        };
        match self.length.and_then(|length| LengthMismatch::of(length, self.sent, ended)) {
            Some(mismatch) => Poll::Ready(Some(Err(mismatch.into()))),
            None => Poll::Ready(frame),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match &self.current {
            Some(current) => current.is_end_stream() && self.length.is_none_or(|length| length == self.sent),
            None => self.length == Some(0),
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match (self.length, &self.current) {
            (Some(length), _) => SizeHint::with_exact(length.saturating_sub(self.sent)),
            (None, Some(current)) => current.size_hint(),
            (None, None) => SizeHint::default(),
        }
    }
}

/// A body of promised length yielded more, or ended with less.
///
/// The length given to [`Body::factory`] or [`Body::sized_stream`] is wrong, or what it was taken from (a file) changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthMismatch {
    promised: u64,
    yielded: u64,
}

impl LengthMismatch {
    /// Whether a body that has yielded so much breaks its promise.
    pub(super) fn of(promised: u64, yielded: u64, ended: bool) -> Option<Self> {
        (yielded > promised || (ended && yielded < promised)).then_some(Self { promised, yielded })
    }

    /// The length in octets that was given for the body.
    #[must_use]
    pub fn promised(&self) -> u64 {
        self.promised
    }

    /// How many octets the body had yielded when this was noticed.
    #[must_use]
    pub fn yielded(&self) -> u64 {
        self.yielded
    }
}

impl fmt::Display for LengthMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body was to have {} octets and yielded {}", self.promised, self.yielded)
    }
}

impl std::error::Error for LengthMismatch {}
