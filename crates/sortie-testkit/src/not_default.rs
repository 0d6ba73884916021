use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use sortie_core::Replay;

/// A request body that has no `Default`: what a layer meets that is used with its user's own body type.
///
/// It can be replayed. A layer that puts an empty body in the place of one it has sent does not compile with it.
///
/// ```
/// use sortie_core::Replay;
/// use sortie_testkit::NotDefault;
///
/// assert_eq!(NotDefault::new("ping").content().unwrap(), "ping");
/// ```
#[derive(Clone, Debug)]
pub struct NotDefault(Full<Bytes>);

impl NotDefault {
    /// A body of these bytes.
    pub fn new(content: impl Into<Bytes>) -> Self {
        Self(Full::new(content.into()))
    }
}

impl Body for NotDefault {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Replay for NotDefault {
    fn replay(&self) -> Option<Self> {
        self.0.replay().map(Self)
    }

    fn content(&self) -> Option<Bytes> {
        self.0.content()
    }
}
