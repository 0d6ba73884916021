use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body::{Body as _, Frame, SizeHint};
use sortie_core::{Body, BoxError, Replay};
use tokio::time::Instant;

use crate::error::BodyFailed;
use crate::expect::Hold;
use crate::pool::conn::Conn;
use crate::pool::handles::Lease;
use crate::request::Length;

/// The body of a request on its way, and what ends with it.
///
/// hyper moves a request a dozen times, at twice the price beyond 256 octets, so this is a pointer; and most requests
/// have no body.
#[derive(Default)]
pub(crate) struct Upload(Option<Box<Content>>);

struct Content {
    body: Body,
    holder: Holder,
    watch: Option<Arc<UploadWatch>>,
    /// It waits for the server to want it.
    hold: Option<Box<Hold>>,
}

/// Who is to know when the upload is over.
enum Holder {
    Nobody,
    Http1(Arc<Conn>),
    /// The stream is not over before its upload is.
    Http2(Arc<Lease>),
}

impl Upload {
    pub(crate) fn new(body: Body) -> Self {
        let is_empty = body.is_end_stream();
        Self((!is_empty).then(|| Box::new(Content { body, holder: Holder::Nobody, watch: None, hold: None })))
    }

    /// How much there is to send.
    pub(crate) fn length(&self) -> Length {
        self.0.as_ref().map_or(Length::Exact(0), |content| match content.body.is_end_stream() {
            true => Length::Exact(0),
            false => content.body.content_length().map_or(Length::Unknown, Length::Exact),
        })
    }

    pub(crate) fn hold(&mut self, lease: Arc<Lease>) {
        if let Some(content) = &mut self.0 {
            content.holder = Holder::Http2(lease);
        }
    }

    pub(crate) fn report_to(&mut self, conn: Arc<Conn>) {
        if let Some(content) = &mut self.0 {
            conn.upload_begins();
            content.holder = Holder::Http1(conn);
        }
    }

    /// It is not to begin before `hold` says so.
    pub(crate) fn wait(&mut self, hold: Hold) {
        if let Some(content) = &mut self.0 {
            content.hold = Some(Box::new(hold));
        }
    }

    /// What its clock must know; `None` if there is nothing to send.
    pub(crate) fn watch(&mut self) -> Option<Arc<UploadWatch>> {
        let content = self.0.as_mut().filter(|content| !content.body.is_end_stream())?;
        Some(content.watch.insert(Arc::default()).clone())
    }

    /// The same upload from its start, if its body can be sent again.
    pub(crate) fn replay(&self) -> Option<Self> {
        match &self.0 {
            Some(content) => content.body.replay().map(Self::new),
            None => Some(Self(None)),
        }
    }

    /// The request, to be sent once more; `None` if its body can be sent only once.
    pub(crate) fn keep(request: &Request<Self>) -> Option<Box<Request<Self>>> {
        let mut copy = Box::new(Request::new(request.body().replay()?));
        copy.method_mut().clone_from(request.method());
        copy.uri_mut().clone_from(request.uri());
        copy.headers_mut().clone_from(request.headers());
        copy.extensions_mut().clone_from(request.extensions());
        Some(copy)
    }

    /// As it was before it was given to a connection that did not take it.
    pub(crate) fn taken_back(mut self) -> Self {
        match &mut self.0 {
            Some(content) => {
                // Nothing that was to be told of its end is to be told of this one.
                content.watch = None;
                Self::new(std::mem::take(&mut content.body))
            }
            None => Self(None),
        }
    }
}

impl Replay for Upload {
    fn replay(&self) -> Option<Self> {
        self.replay()
    }

    fn content(&self) -> Option<Bytes> {
        self.0.as_ref().map_or_else(|| Some(Bytes::new()), |content| content.body.content())
    }
}

impl Content {
    fn failed(&self, error: BoxError) -> BoxError {
        match &self.holder {
            Holder::Http2(lease) => {
                lease.upload_failed(error);
                "the request's body failed".into()
            }
            Holder::Http1(_) | Holder::Nobody => BodyFailed::new(error).into(),
        }
    }

    /// Ready once it may be sent. Until then it is as if the body had nothing to yield.
    fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(hold) = &mut self.hold else { return Poll::Ready(()) };
        if hold.poll(cx).is_pending() {
            if let Some(watch) = &self.watch {
                watch.waits();
            }
            return Poll::Pending;
        }
        self.hold = None;
        Poll::Ready(())
    }

    /// There is no more to come.
    fn end(&mut self) {
        if let Holder::Http2(lease) = &self.holder {
            lease.clocks().sent_at(lease.conn().now());
            self.holder = Holder::Nobody;
        }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(content) = &mut self.0 else { return Poll::Ready(None) };
        if matches!(&content.holder, Holder::Http2(lease) if lease.poll_abandoned(cx).is_ready()) {
            content.end();
            // hyper resets the stream with this reason.
            return Poll::Ready(Some(Err(h2::Error::from(h2::Reason::CANCEL).into())));
        }
        if content.poll_hold(cx).is_pending() {
            return Poll::Pending;
        }
        let frame = Pin::new(&mut content.body).poll_frame(cx);
        if let Some(watch) = &content.watch {
            watch.polled(&frame);
        }
        let frame = ready!(frame).map(|frame| frame.map_err(|error| content.failed(error)));
        if !matches!(frame, Some(Ok(_))) {
            content.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|content| content.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |content| content.body.size_hint())
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.over();
        }
        match &self.holder {
            Holder::Http1(conn) => conn.upload_ends(),
            Holder::Http2(_) => self.end(),
            Holder::Nobody => {}
        }
    }
}

/// What the clock of an exchange must know of its upload.
#[derive(Debug, Default)]
pub(crate) struct UploadWatch {
    frames: AtomicU64,
    bytes: AtomicU64,
    state: AtomicU8,
    ended: OnceLock<Instant>,
}

const NETWORK: u8 = 0;
const SOURCE: u8 = 1;

impl UploadWatch {
    fn polled<E>(&self, frame: &Poll<Option<Result<Frame<Bytes>, E>>>) {
        if let Poll::Ready(frame) = frame {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            self.bytes.fetch_add(data.map_or(0, |data| data.len() as u64), Ordering::AcqRel);
            self.frames.fetch_add(1, Ordering::AcqRel);
        }
        self.state.store(if frame.is_ready() { NETWORK } else { SOURCE }, Ordering::Release);
    }

    /// There is nothing to send yet.
    fn waits(&self) {
        self.state.store(SOURCE, Ordering::Release);
    }

    fn over(&self) {
        let _ = self.ended.set(Instant::now());
    }

    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Acquire)
    }

    /// How many octets left the body. hyper takes each chunk whole, long before it is on the wire.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Whether the body itself is what the upload waits for.
    pub(crate) fn waits_for_source(&self) -> bool {
        self.state.load(Ordering::Acquire) == SOURCE
    }

    /// When hyper let go of the body.
    pub(crate) fn ended(&self) -> Option<Instant> {
        self.ended.get().copied()
    }
}
