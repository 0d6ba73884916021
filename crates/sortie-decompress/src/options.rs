/// How far a response may be decoded, and which requests ask for it.
///
/// | field | default |
/// |---|---|
/// | `max_size` | no limit |
/// | `max_ratio` | 200, once 16 MiB have been decoded |
/// | `hand_set` | [`HandSet::Raw`] |
/// | `offer` | yes |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecompressOptions {
    /// The most octets that a body may decode to. One that decodes to more fails with
    /// [`DecompressError::TooLarge`](crate::DecompressError::TooLarge) when it comes to that; a body that is not
    /// compressed is not counted.
    pub max_size: Option<u64>,
    /// The most octets that may come of each octet received, over the whole of the body; it is asked only of what is
    /// more than 16 MiB. A body with more fails with
    /// [`DecompressError::TooDense`](crate::DecompressError::TooDense), and so does one whose outer coding alone
    /// yields that much.
    ///
    /// 200 is what Apache's `DeflateInflateRatioLimit` has. Text seldom exceeds 20, gzip cannot exceed 1032, and br and
    /// zstd have no such bound.
    pub max_ratio: Option<u32>,
    /// What a request's own `Accept-Encoding`, or its `Range`, means for the response.
    pub hand_set: HandSet,
    /// Whether a request without an `Accept-Encoding` gets one. If not, it is decoded all the same what a server sends
    /// compressed unasked.
    pub offer: bool,
}

impl Default for DecompressOptions {
    fn default() -> Self {
        Self { max_size: None, max_ratio: Some(200), hand_set: HandSet::default(), offer: true }
    }
}

impl DecompressOptions {
    /// The most octets that a body may decode to.
    #[must_use]
    pub fn max_size(self, octets: u64) -> Self {
        Self { max_size: Some(octets), ..self }
    }

    /// No limit for what a body decodes to.
    #[must_use]
    pub fn no_max_size(self) -> Self {
        Self { max_size: None, ..self }
    }

    /// The most octets that may come of each octet received, beyond the first 16 MiB.
    #[must_use]
    pub fn max_ratio(self, ratio: u32) -> Self {
        Self { max_ratio: Some(ratio), ..self }
    }

    /// No limit for how much comes of each octet.
    #[must_use]
    pub fn no_max_ratio(self) -> Self {
        Self { max_ratio: None, ..self }
    }

    /// What a request's own `Accept-Encoding`, or its `Range`, means for the response.
    #[must_use]
    pub fn hand_set(self, hand_set: HandSet) -> Self {
        Self { hand_set, ..self }
    }

    /// Whether a request without an `Accept-Encoding` gets one.
    #[must_use]
    pub fn offer(self, offer: bool) -> Self {
        Self { offer, ..self }
    }
}

/// What becomes of the response where the request has an `Accept-Encoding` of its own (`identity` too) or a `Range`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "decoded or not")]
pub enum HandSet {
    /// It is left as it is: who names codings, or octets of the encoded body, deals with them.
    #[default]
    Raw,
    /// It is decoded like any other; partial content (206) never is.
    Decode,
}
