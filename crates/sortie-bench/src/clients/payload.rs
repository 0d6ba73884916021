use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// How much of an upload is handed over at once.
const PIECE: usize = 64 * 1024;

static BYTES: [u8; PIECE] = [b'x'; PIECE];

/// The body of a request: so many bytes, with or without saying so beforehand.
#[derive(Clone)]
pub(crate) struct Payload {
    left: u64,
    sized: bool,
}

impl Payload {
    pub(crate) fn empty() -> Self {
        Self { left: 0, sized: true }
    }

    pub(crate) fn new(bytes: u64, sized: bool) -> Self {
        Self { left: bytes, sized }
    }

    pub(crate) fn is_sized(&self) -> bool {
        self.sized
    }

    pub(crate) fn len(&self) -> u64 {
        self.left
    }

    fn piece(&mut self) -> Option<&'static [u8]> {
        let length = PIECE.min(usize::try_from(self.left).unwrap_or(PIECE));
        self.left -= length as u64;
        (length > 0).then(|| &BYTES[..length])
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.piece().map(|piece| Ok(Frame::data(Bytes::from_static(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        if self.sized { SizeHint::with_exact(self.left) } else { SizeHint::new() }
    }
}

/// For the clients that block.
impl std::io::Read for Payload {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(PIECE).min(usize::try_from(self.left).unwrap_or(PIECE));
        buffer[..length].copy_from_slice(&BYTES[..length]);
        self.left -= length as u64;
        Ok(length)
    }
}
