use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::BoxError;

pin_project! {
    /// A body held to the length that was promised for it.
    ///
    /// Whoever sends it over HTTP/1.1 asks for no more once it has as much as `Content-Length` says, and so would neither
    /// see that there is more nor let the body see its end. So with the frame that reaches the length the next one is asked
    /// for too. It is not waited for: a stream may well end only when its answer has come. So one of data alone ends with its
    /// length; another may have trailers.
    pub(super) struct Promised<B> {
        #[pin]
        body: B,
        length: u64,
        is_data_alone: bool,
        sent: u64,
        // Trailers that came with the frame that reached the length.
        late: Option<Frame<Bytes>>,
        ended: bool,
    }
}

impl<B> Promised<B> {
    pub(super) fn new(body: B, length: u64, is_data_alone: bool) -> Self {
        Self { body, length, is_data_alone, sent: 0, late: None, ended: length == 0 }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for Promised<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        if let Some(late) = this.late.take() {
            return Poll::Ready(Some(Ok(late)));
        }
        if *this.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(this.body.as_mut().poll_frame(cx)).transpose().map_err(Into::into);
        *this.ended = !matches!(frame, Ok(Some(_)));
        let Some(frame) = frame? else {
            return Poll::Ready(
                LengthMismatch::of(*this.length, *this.sent, true).map(|mismatch| Err(mismatch.into())),
            );
        };
        *this.sent += octets(&frame);
        if *this.sent == *this.length
            && frame.is_data()
            && let Poll::Ready(next) = this.body.as_mut().poll_frame(cx)
        {
            let next = next.transpose().map_err(Into::into);
            *this.ended = !matches!(next, Ok(Some(_)));
            let next = next?;
            *this.sent += next.as_ref().map_or(0, octets);
            *this.late = next.filter(Frame::is_trailers);
        }
        Poll::Ready(Some(match LengthMismatch::of(*this.length, *this.sent, false) {
            Some(mismatch) => {
                *this.ended = true;
                Err(mismatch.into())
            }
            None => Ok(frame),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.late.is_none()
            && (self.ended || (self.sent == self.length && (self.is_data_alone || self.body.is_end_stream())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length.saturating_sub(self.sent))
    }
}

fn octets(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}

/// A body of promised length yielded more, or ended with less.
///
/// The length given to [`Body::factory`](super::Body::factory) or [`Body::sized_stream`](super::Body::sized_stream) is wrong,
/// or what it was taken from (a file) changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthMismatch {
    promised: u64,
    yielded: u64,
}

impl LengthMismatch {
    /// Whether a body that has yielded so much breaks its promise.
    fn of(promised: u64, yielded: u64, ended: bool) -> Option<Self> {
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
