//! What the front says of decompression.

use sortie_core::PerRequest;
use sortie_decompress::{Decoded, DecompressOptions};

use crate::{RequestBuilder, Response};

impl RequestBuilder {
    /// How far the response is decoded, in place of what the session says. With
    /// [`HandSet::Decode`](sortie_decompress::HandSet::Decode) a request that has an `Accept-Encoding` of its own is
    /// decoded, too.
    pub fn decompress(self, options: DecompressOptions) -> Self {
        self.extension(PerRequest::Use(options))
    }

    /// No coding is offered, and a body that comes compressed is left as it is, with its `Content-Encoding`: requests'
    /// `r.raw`.
    pub fn no_decompress(self) -> Self {
        self.extension(PerRequest::<DecompressOptions>::Off)
    }
}

impl Response {
    /// How many octets were received and decoded so far, which codings there were, and the `Content-Length` of before.
    /// `None` if the body is not decoded.
    ///
    /// The counts go on while the body is read: a clone taken before it is read shows them afterwards.
    #[must_use]
    pub fn decoded(&self) -> Option<&Decoded> {
        self.extensions().get()
    }
}
