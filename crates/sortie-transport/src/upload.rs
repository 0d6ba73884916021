use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use sortie_core::{Body, BoxError, Replay};
use tokio::time::Instant;

use crate::error::BodyFailed;
use crate::pool::conn::Conn;
use crate::pool::handles::Lease;
use crate::request::Length;
use crate::timings::Clocks;

/// The body of a request on its way, and what ends with it.
#[derive(Default)]
pub(crate) struct Upload {
    body: Body,
    /// HTTP/2: the stream is not over before its upload is.
    lease: Option<Arc<Lease>>,
    /// HTTP/1.1: where to say that it is over.
    conn: Option<Arc<Conn>>,
    /// HTTP/2: where to note when it was over.
    clocks: Option<Arc<Clocks>>,
    watch: Option<Arc<UploadWatch>>,
}

impl Upload {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, lease: None, conn: None, clocks: None, watch: None }
    }

    /// How much there is to send.
    pub(crate) fn length(&self) -> Length {
        match self.body.is_end_stream() {
            true => Length::Exact(0),
            false => self.body.content_length().map_or(Length::Unknown, Length::Exact),
        }
    }

    pub(crate) fn hold(&mut self, lease: Arc<Lease>) {
        self.lease = Some(lease);
    }

    pub(crate) fn report_to(&mut self, conn: Arc<Conn>) {
        conn.upload_begins();
        self.conn = Some(conn);
    }

    pub(crate) fn note_end_in(&mut self, clocks: Arc<Clocks>) {
        self.clocks = Some(clocks);
    }

    pub(crate) fn watch(&mut self) -> Arc<UploadWatch> {
        self.watch.insert(Arc::default()).clone()
    }

    fn failed(&self, error: BoxError) -> BoxError {
        match &self.lease {
            Some(lease) => {
                lease.upload_failed(error);
                "the request's body failed".into()
            }
            None => BodyFailed::new(error).into(),
        }
    }

    /// The same upload from its start, if its body can be sent again.
    pub(crate) fn replay(&self) -> Option<Self> {
        self.body.replay().map(Self::new)
    }

    /// As it was before it was given to a connection that did not take it.
    pub(crate) fn taken_back(mut self) -> Self {
        let body = std::mem::take(&mut self.body);
        (self.watch, self.clocks) = (None, None);
        Self::new(body)
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.lease.as_ref().is_some_and(|lease| lease.poll_abandoned(cx).is_ready()) {
            self.lease = None;
            // hyper resets the stream with this reason.
            return Poll::Ready(Some(Err(h2::Error::from(h2::Reason::CANCEL).into())));
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(watch) = &self.watch {
            watch.polled(&frame);
        }
        let frame = ready!(frame).map(|frame| frame.map_err(|error| self.failed(error)));
        if !matches!(frame, Some(Ok(_))) {
            self.lease = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.over();
        }
        if let Some(conn) = &self.conn {
            conn.upload_ends();
        }
        if let Some(clocks) = &self.clocks {
            clocks.sent_at(Instant::now());
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
