use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Body;
use super::promised::Promised;
use crate::BoxError;

/// A body made by a closure, anew for each time it is sent.
pub(super) struct Factory {
    make: Arc<dyn Fn() -> Body + Send + Sync>,
    length: Option<u64>,
    /// The one of this sending, made when it is first polled.
    current: Option<Made>,
}

enum Made {
    /// With a length.
    Promised(Promised<Body>),
    Free(Body),
}

impl Factory {
    pub(super) fn new(length: Option<u64>, make: impl Fn() -> Body + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), length, current: None }
    }

    pub(super) fn anew(&self) -> Self {
        Self { make: self.make.clone(), length: self.length, current: None }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let current = self.current.get_or_insert_with(|| match self.length {
            Some(length) => Made::Promised(Promised::new((self.make)(), length, false)),
            None => Made::Free((self.make)()),
        });
        match current {
            Made::Promised(body) => Pin::new(body).poll_frame(cx),
            Made::Free(body) => Pin::new(body).poll_frame(cx),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match &self.current {
            Some(Made::Promised(body)) => body.is_end_stream(),
            Some(Made::Free(body)) => body.is_end_stream(),
            None => self.length == Some(0),
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match (&self.current, self.length) {
            (Some(Made::Promised(body)), _) => body.size_hint(),
            (Some(Made::Free(body)), _) => body.size_hint(),
            (None, Some(length)) => SizeHint::with_exact(length),
            (None, None) => SizeHint::default(),
        }
    }
}
