//! Links in the heads of responses ([RFC 8288](https://www.rfc-editor.org/rfc/rfc8288)), and the pages that they lead to.
//!
//! # Example
//!
//! ```
//! use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::Error> {
//! # let page = |link: &str, text: &'static str| reply(200, [("link", link)], text);
//! # let server = Scripted::new([page("</items?page=2>; rel=\"next\"", "one"), page("</items>; rel=first", "two")]);
//! # let session = Session::builder().transport(server).build()?;
//! let mut pages = session.get("http://app.test/items").query(&[("per_page", "1")]).pages();
//! let mut items = Vec::new();
//! while let Some(page) = pages.next_page().await? {
//!     items.push(page.error_for_status()?.text().await?);
//! }
//! assert_eq!(items, ["one", "two"]);
//! # Ok(())
//! # }
//! ```
//!
//! # What goes along
//!
//! Each page is a call of its own, with the method, the headers, the body and the settings of the first request. The
//! query is what the link says: neither the request's nor the session's default one is added again; a mount's is.
//!
//! A link is a server's choice, as a redirect is, and the same rule holds for both. At a foreign origin, and from then on,
//! the request goes without `Authorization`, `Cookie`, `Proxy-Authorization`, `Host`, sensitive headers, the
//! session's auth, and whatever else [`RedirectOptions`](crate::redirect::RedirectOptions) takes away; defaults of the
//! session under these names, and default headers marked sensitive, are left out.
//!
//! # Differences from requests
//!
//! - A link with several relations is found under each of them, and several links of one relation are all there.
//! - URLs are resolved, names and relations compared without regard to case, and quoted commas are no ends.

use std::fmt;

use url::Url;

use crate::Response;
use crate::field::parameter;

mod pages;
mod parse;

pub use pages::{Pages, PagesError};

/// A link of a response to something.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    url: Url,
    anchor: Option<Url>,
    relations: Vec<String>,
    parameters: Vec<(String, String)>,
}

impl Link {
    /// Where it leads, resolved by the URL of the response, without user name and password.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The relation types (`rel`), in lower case: registered names such as `next`, and URIs.
    pub fn relations(&self) -> impl Iterator<Item = &str> {
        self.relations.iter().map(String::as_str)
    }

    /// Whether it has this relation type, in any case.
    #[must_use]
    pub fn has_relation(&self, relation: &str) -> bool {
        self.relations.iter().any(|of| of.eq_ignore_ascii_case(relation))
    }

    /// What it leads from, if that is not what the response is of (`anchor`), resolved.
    #[must_use]
    pub fn anchor(&self) -> Option<&Url> {
        self.anchor.as_ref()
    }

    /// An attribute of the target, such as `type` or `hreflang`: the first of this name, in any case. One in the
    /// extended form, `title*`, is found as `title`, and goes before the plain one
    /// ([RFC 8187](https://www.rfc-editor.org/rfc/rfc8187)).
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        parameter(&self.parameters, name)
    }

    /// The title, by `title*` or `title`.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.attribute("title")
    }

    /// Whether it leads from `document`.
    fn is_of(&self, document: Option<&Url>) -> bool {
        match (&self.anchor, document) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(anchor), Some(document)) => {
                let mut document = document.clone();
                document.set_fragment(None);
                *anchor == document
            }
        }
    }
}

/// Relations and host: the rest of a URL may be secret.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("host", &self.url.host_str())
            .field("relations", &self.relations)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// The links of the `Link` headers, in the order in which they stand: requests' `r.links`. What is no link, and what
    /// cannot be resolved, is left out.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        parse::links(self.headers(), self.url())
    }

    /// The first link of this relation type, in any case, that leads from this response and not from another `anchor`.
    #[must_use]
    pub fn link(&self, relation: &str) -> Option<Link> {
        self.links().into_iter().find(|link| link.has_relation(relation) && link.is_of(self.url()))
    }

    /// Where the next page is, by the [`link`](Self::link) of the relation `next`.
    #[must_use]
    pub fn next_page(&self) -> Option<Url> {
        self.link("next").map(|link| link.url)
    }
}

#[cfg(test)]
mod tests;
