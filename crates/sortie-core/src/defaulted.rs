use std::sync::Arc;

use http::{Extensions, HeaderName};

/// The header names that were filled in with a default on this request: a request extension.
///
/// A layer further in, bound to a mount or to an auth, may replace exactly these. A header that the caller set on the
/// request is not among them and is never replaced.
#[derive(Clone, Debug, Default)]
pub struct Defaulted(Arc<[HeaderName]>);

impl Defaulted {
    /// The given names were filled in. Share the slice between requests: nearly all have the same defaults.
    #[must_use]
    pub fn new(names: impl Into<Arc<[HeaderName]>>) -> Self {
        Self(names.into())
    }

    /// Whether `name` is on the request of these extensions only because a default put it there.
    #[must_use]
    pub fn contains(extensions: &Extensions, name: &HeaderName) -> bool {
        extensions.get::<Self>().is_some_and(|defaulted| defaulted.0.contains(name))
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[HeaderName] {
        &self.0
    }
}
