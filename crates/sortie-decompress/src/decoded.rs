use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Coding;

/// What was received and what it was decoded to: an extension of a response that is being decoded, and of no other.
///
/// The counts grow while the body is read, by whoever has it; they are final when it has ended.
#[derive(Clone)]
pub struct Decoded(Arc<Inner>);

struct Inner {
    codings: Box<[Coding]>,
    content_length: Option<u64>,
    wire: AtomicU64,
    decoded: AtomicU64,
}

impl Decoded {
    pub(crate) fn new(codings: &[Coding], content_length: Option<u64>) -> Self {
        Self(Arc::new(Inner {
            codings: codings.into(),
            content_length,
            wire: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
        }))
    }

    /// The codings that are undone, in the order in which they were applied: what `Content-Encoding` said.
    #[must_use]
    pub fn codings(&self) -> &[Coding] {
        &self.0.codings
    }

    /// The `Content-Length` that the response had, in octets, which is that of the encoded body.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.0.content_length
    }

    /// How many octets of the encoded body have been received so far.
    #[must_use]
    pub fn wire_bytes(&self) -> u64 {
        self.0.wire.load(Ordering::Relaxed)
    }

    /// How many octets have been decoded and handed out so far.
    #[must_use]
    pub fn decoded_bytes(&self) -> u64 {
        self.0.decoded.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, wire: u64, decoded: u64) {
        // The body alone writes them, and nothing else hangs on their order.
        self.0.wire.store(wire, Ordering::Relaxed);
        self.0.decoded.store(decoded, Ordering::Relaxed);
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded")
            .field("codings", &self.codings())
            .field("content_length", &self.content_length())
            .field("wire_bytes", &self.wire_bytes())
            .field("decoded_bytes", &self.decoded_bytes())
            .finish()
    }
}
