use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame};

use super::Body;
use crate::BoxError;

/// How far a body has come: what [`Body::on_progress`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Octets of content that have passed, trailers and framing not among them.
    pub passed: u64,
    /// How many there are in all, if that was known when the body began.
    pub total: Option<u64>,
    /// Whether the body has ended, as it should.
    pub ended: bool,
}

/// A body that tells how far it has come.
pub(super) struct Told {
    pub(super) body: Body,
    tell: Arc<dyn Fn(Progress) + Send + Sync>,
    now: Progress,
}

impl Told {
    pub(super) fn new(body: Body, tell: Arc<dyn Fn(Progress) + Send + Sync>) -> Self {
        let now = Progress { passed: 0, total: body.content_length(), ended: false };
        Self { body, tell, now }
    }

    /// Tells the same listener of another sending, from the start.
    pub(super) fn over(&self, body: Body) -> Self {
        Self::new(body, self.tell.clone())
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let passed = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => return Poll::Ready(frame),
            None => 0,
        };
        self.now.passed += passed;
        // Whoever knows the length does not ask for the end (hyper does not over HTTP/1.1).
        let ended = frame.is_none() || self.body.is_end_stream() || self.now.total == Some(self.now.passed);
        if passed > 0 || (ended && !self.now.ended) {
            self.now.ended = ended;
            (self.tell)(self.now);
        }
        Poll::Ready(frame)
    }
}
