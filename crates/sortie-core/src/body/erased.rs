use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

use crate::{BoxError, Ticket};

pub(super) type BoxBody = Pin<Box<dyn Hold + Send + Sync>>;

/// A body that keeps a ticket until it has ended, beside those that it has.
pub(super) trait Hold: Body<Data = Bytes, Error = BoxError> {
    fn hold(self: Pin<&mut Self>, ticket: Ticket);
}

pub(super) fn erase<B>(body: B) -> BoxBody
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let (hint, ended) = (body.size_hint(), body.is_end_stream());
    Box::pin(Erased { body: SyncWrapper::new(body), hint, ended, ticket: None })
}

pin_project! {
    /// A body of which only `Send` is known, made `Sync`: it is touched only while held exclusively, and what `&self`
    /// is asked was written down when it was.
    struct Erased<B> {
        #[pin]
        body: SyncWrapper<B>,
        hint: SizeHint,
        ended: bool,
        ticket: Option<Ticket>,
    }
}

impl<B> Hold for Erased<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    fn hold(self: Pin<&mut Self>, ticket: Ticket) {
        let held = self.project().ticket;
        *held = Some(ticket.and(held.take()));
    }
}

impl<B> Body for Erased<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        // Not every stream may be polled after its end, and not everybody who reads stops there.
        if *this.ended {
            return Poll::Ready(None);
        }
        let mut body = this.body.get_pin_mut();
        let frame = ready!(body.as_mut().poll_frame(cx));
        *this.hint = body.size_hint();
        *this.ended = !matches!(frame, Some(Ok(_))) || body.is_end_stream();
        if *this.ended {
            *this.ticket = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

pin_project! {
    /// A stream of chunks as a body.
    pub(super) struct Streamed<S> {
        #[pin]
        stream: S,
    }
}

impl<S> Streamed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream }
    }
}

impl<S, T, E> Body for Streamed<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Into<Bytes>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let chunk = ready!(self.project().stream.poll_next(cx));
        Poll::Ready(chunk.map(|chunk| chunk.map(|chunk| Frame::data(chunk.into())).map_err(Into::into)))
    }
}
