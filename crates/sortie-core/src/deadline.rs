use std::time::Instant;

/// When the call ends, retries, back-off and body included: a request extension.
///
/// The timeouts of the whole call and of a hop write it, the earlier of both, so that a layer that is about to wait can
/// see that the wait would be in vain. The instant is `std`'s: this crate has no runtime
/// (`tokio::time::Instant::from_std` follows a paused clock).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Deadline {
    /// The instant at which the call fails with [`Elapsed`](crate::Elapsed) of [`Phase::Total`](crate::Phase::Total) or
    /// [`Phase::Hop`](crate::Phase::Hop).
    pub at: Instant,
}

impl Deadline {
    /// A call that ends at `at`.
    #[must_use]
    pub fn new(at: Instant) -> Self {
        Self { at }
    }

    /// The deadline of a request, if it has one.
    #[must_use]
    pub fn of(extensions: &http::Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}
