use http::{Extensions, Method};

/// Who made a request: its own site or another one. A request extension; without it a request is same-site.
///
/// A program that calls a server has no page that could be foreign, so `SameSite` cookies are sent. One that acts for
/// pages (a browser, a crawler that follows links as one) says here what each request is, and `SameSite` is enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6265bis §5.2 and §5.8 know no other")]
pub enum SiteContext {
    /// The program itself, or a page of the same site.
    #[default]
    SameSite,
    /// A page of another site, by a navigation that replaces it: `Lax` cookies are sent if the method is safe, and
    /// cookies are taken.
    CrossSiteNavigation,
    /// A page of another site, in any other way: only `SameSite=None` cookies are sent and taken.
    CrossSite,
}

impl SiteContext {
    /// What the request of these extensions says.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }

    /// The context that counts for what is sent: a navigation by an unsafe method is like any cross-site request.
    pub(crate) fn sending(self, method: &Method) -> Self {
        if self == Self::CrossSiteNavigation && !method.is_safe() { Self::CrossSite } else { self }
    }
}
