use std::fmt;
use std::sync::Arc;

use http::Extensions;
use url::Url;

use crate::domain::{RequestUrl, is_address};
use crate::{PslSuffixes, PublicSuffixes};

/// Under which site at the top a request is made (CHIPS, the `Partitioned` attribute). A request extension.
///
/// A `Partitioned` cookie is kept under the partition of the request whose answer set it, and goes only with requests
/// of the same partition; all other cookies go with either. In a browser the partition is the site of the page that the
/// address bar shows. A request without this extension is its own top level, as a call of a program to a server is: its
/// partition is the site of its own URL.
///
/// ```
/// use sortie_cookies::Partition;
/// use url::Url;
///
/// let mut request = http::Request::get("https://chat.example/widget").body(())?;
/// let page = Url::parse("https://www.shop.co.uk/cart")?;
/// let partition = Partition::of(&page).expect("a URL with a host");
/// assert_eq!(partition.as_str(), "https://shop.co.uk");
/// request.extensions_mut().insert(partition);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Partition(Arc<str>);

impl Partition {
    /// The site of the page at the top, by the list of [`PslSuffixes`]: scheme and registrable domain. `None` for a URL
    /// without a host.
    #[must_use]
    pub fn of(top_level: &Url) -> Option<Self> {
        Self::with_suffixes(top_level, &PslSuffixes)
    }

    /// The same by another list, which should be the jar's.
    #[must_use]
    pub fn with_suffixes(top_level: &Url, suffixes: &dyn PublicSuffixes) -> Option<Self> {
        Some(Self(site(&RequestUrl::of_url(top_level)?, suffixes).into()))
    }

    /// The partition of the request of these extensions, if it names one.
    #[must_use]
    pub fn of_request(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The site, as `https://example.com`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Partition").field(&self.as_str()).finish()
    }
}

/// The site of a URL: its scheme, where a WebSocket counts as what it is upgraded from, and its registrable domain.
pub(crate) fn site(url: &RequestUrl<'_>, suffixes: &dyn PublicSuffixes) -> String {
    let scheme = if url.encrypted { "https" } else { "http" };
    let name = if is_address(&url.host) { &url.host } else { suffixes.registrable_domain(&url.host) };
    format!("{scheme}://{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_scheme_and_registrable_domain() {
        for (url, expected) in [
            ("https://www.example.com/a?b", "https://example.com"),
            ("https://Example.com:8443/", "https://example.com"),
            ("wss://a.b.example.co.uk/", "https://example.co.uk"),
            ("http://www.example.com/", "http://example.com"),
            ("https://me.github.io/", "https://me.github.io"),
            ("https://github.io/", "https://github.io"),
            ("https://a.b.other.kawasaki.jp/", "https://b.other.kawasaki.jp"),
            ("https://a.city.kawasaki.jp/", "https://city.kawasaki.jp"),
            ("http://localhost:3000/", "http://localhost"),
            ("https://10.0.0.1/", "https://10.0.0.1"),
            ("https://[::1]/", "https://[::1]"),
            ("https://www.bücher.example/", "https://xn--bcher-kva.example"),
            ("https://www.example.com./", "https://example.com."),
        ] {
            assert_eq!(Partition::of(&Url::parse(url).unwrap()).unwrap().as_str(), expected, "{url}");
        }
        assert_eq!(Partition::of(&Url::parse("data:text/plain,x").unwrap()), None);
        let none = |_: &str| false;
        let url = Url::parse("https://a.b.c/").unwrap();
        assert_eq!(Partition::with_suffixes(&url, &none).unwrap().as_str(), "https://a.b.c");
    }
}
