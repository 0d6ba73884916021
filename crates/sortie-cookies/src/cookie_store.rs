use std::fmt;

use http::{HeaderValue, Uri};
use sortie_core::Origin;

use crate::store::Context;
use crate::{Partition, SiteContext};

/// A request as far as cookies are concerned.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CookieRequest<'a> {
    /// Where it goes. The layer asks only about URIs with a scheme and a host.
    pub uri: &'a Uri,
    /// Who made it.
    pub site: SiteContext,
    /// Under which site at the top; `None` for that of the URI.
    pub partition: Option<&'a Partition>,
}

impl<'a> CookieRequest<'a> {
    /// A request to `uri` that the program or a page of the same site made.
    #[must_use]
    pub fn new(uri: &'a Uri) -> Self {
        Self { uri, site: SiteContext::SameSite, partition: None }
    }

    /// The same, made by somebody else.
    #[must_use]
    pub fn site(mut self, site: SiteContext) -> Self {
        self.site = site;
        self
    }

    /// The same, made under this site.
    #[must_use]
    pub fn partition(mut self, partition: impl Into<Option<&'a Partition>>) -> Self {
        self.partition = partition.into();
        self
    }

    pub(crate) fn context(&self) -> Context<'a> {
        Context { site: self.site, partition: self.partition }
    }
}

/// Without path and query.
impl fmt::Debug for CookieRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieRequest")
            .field("origin", &Origin::of(self.uri))
            .field("site", &self.site)
            .field("partition", &self.partition)
            .finish()
    }
}

/// Where cookies are kept. [`Jar`](crate::Jar) is one; implement it to keep them elsewhere.
///
/// Both methods are called on the way of a request and must not block: a store on another machine keeps a view of its
/// cookies here.
///
/// ```
/// use http::HeaderValue;
/// use sortie_cookies::{CookieRequest, CookieStore};
///
/// /// The same cookie for one host, whatever the server says.
/// struct Fixed(HeaderValue);
///
/// impl CookieStore for Fixed {
///     fn cookies(&self, request: CookieRequest<'_>) -> Option<HeaderValue> {
///         (request.uri.host() == Some("legacy.internal")).then(|| self.0.clone())
///     }
///
///     fn store(&self, _: CookieRequest<'_>, _: &mut dyn Iterator<Item = &HeaderValue>) {}
/// }
/// ```
pub trait CookieStore: Send + Sync {
    /// The value of the `Cookie` field for this request; `None` to send none. Mark it sensitive.
    fn cookies(&self, request: CookieRequest<'_>) -> Option<HeaderValue>;

    /// The `Set-Cookie` fields of the answer to this request, in their order; there is at least one.
    fn store(&self, request: CookieRequest<'_>, set_cookie: &mut dyn Iterator<Item = &HeaderValue>);
}
