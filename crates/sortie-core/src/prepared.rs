use http::Extensions;

/// That a request has been prepared already: a request extension.
///
/// A redirect that is left to the caller comes with the next request, which has the defaults of the first one, except
/// those that a foreign origin must not see. Whatever adds defaults outside Redirect leaves such a request as it is, so
/// that what was stripped is not added again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a mark says nothing more")]
pub struct Prepared;

impl Prepared {
    /// Whether the request of these extensions has been prepared already.
    #[must_use]
    pub fn is(extensions: &Extensions) -> bool {
        extensions.get::<Self>().is_some()
    }
}
