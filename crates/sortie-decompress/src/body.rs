use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use sortie_core::{Body, BoxError};

use crate::DecompressError;
use crate::chain::{Chain, Step};

pin_project! {
    /// A response body that is decoded while it is read, at most 64 KiB at once.
    ///
    /// Trailers are kept. It fails with [`DecompressError`], or with the error of the body inside, whichever comes first,
    /// and then drops that. Where there is nothing to decode it passes on what is inside, and turns into a [`Body`]
    /// without being boxed.
    pub struct DecompressBody<RB> {
        // Gone once it has ended or failed.
        #[pin]
        inner: Option<RB>,
        decoding: Option<Box<Decoding>>,
    }
}

enum Decoding {
    Chain(Chain),
    /// It cannot be, and says so when it is read.
    Failed(DecompressError),
}

impl<RB> DecompressBody<RB> {
    pub(crate) fn plain(inner: RB) -> Self {
        Self { inner: Some(inner), decoding: None }
    }

    pub(crate) fn decoded(inner: RB, chain: Chain) -> Self {
        Self { inner: Some(inner), decoding: Some(Box::new(Decoding::Chain(chain))) }
    }

    pub(crate) fn failed(inner: RB, error: DecompressError) -> Self {
        Self { inner: Some(inner), decoding: Some(Box::new(Decoding::Failed(error))) }
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

impl<RB> HttpBody for DecompressBody<RB>
where
    RB: HttpBody,
    RB::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = match this.decoding.as_deref_mut() {
            None => ready!(inner.poll_frame(cx)).map(|frame| frame.map(as_bytes).map_err(Into::into)),
            Some(Decoding::Chain(chain)) => ready!(decode(chain, inner, cx)),
            Some(Decoding::Failed(_)) => match this.decoding.take().map(|decoding| *decoding) {
                Some(Decoding::Failed(error)) => Some(Err(error.into())),
                _ => None,
            },
        };
        if !matches!(frame, Some(Ok(_))) {
            // What it holds on to, a connection or the memory of a decoder, is of no use any more.
            this.inner.set(None);
            *this.decoding = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match (&self.inner, &self.decoding) {
            (None, _) => true,
            (Some(inner), None) => inner.is_end_stream(),
            // The decoders have something to say after the last frame.
            (Some(_), Some(_)) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.inner, &self.decoding) {
            (None, _) => SizeHint::with_exact(0),
            (Some(inner), None) => inner.size_hint(),
            (Some(_), Some(_)) => SizeHint::default(),
        }
    }
}

fn as_bytes<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}

/// So many frames are looked at before the task lets others run, even if nothing was decoded from them: a body that
/// always has one ready would never let it.
const FRAMES: usize = 64;

/// The next decoded octets, or the trailers.
fn decode<RB>(chain: &mut Chain, mut inner: Pin<&mut RB>, cx: &mut Context<'_>) -> Polled
where
    RB: HttpBody<Error: Into<BoxError>>,
{
    for _ in 0..FRAMES {
        match chain.step() {
            Ok(Step::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
            Ok(Step::Hungry) => {}
            Ok(Step::Busy) => break,
            Err(error) => return Poll::Ready(Some(Err(error.into()))),
        }
        // All that came is decoded before more is read, so that an error of the body inside comes after it.
        match ready!(inner.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => match as_bytes(frame).into_data() {
                Ok(data) => chain.feed(data),
                Err(trailers) => {
                    let ended = chain.end();
                    return Poll::Ready(Some(ended.map(|()| trailers).map_err(Into::into)));
                }
            },
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(chain.end().err().map(|error| Err(error.into()))),
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// With nothing to decode, or nothing left to read, the body inside as it is.
impl<RB> From<DecompressBody<RB>> for Body
where
    RB: Into<Self> + HttpBody<Data = Bytes> + Send + 'static,
    RB::Error: Into<BoxError>,
{
    fn from(body: DecompressBody<RB>) -> Self {
        match body {
            DecompressBody { inner: None, .. } => Self::empty(),
            DecompressBody { inner: Some(inner), decoding: None } => inner.into(),
            decoded => Self::new(decoded),
        }
    }
}

impl<RB> fmt::Debug for DecompressBody<RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecompressBody").field("decodes", &self.decoding.is_some()).finish_non_exhaustive()
    }
}
