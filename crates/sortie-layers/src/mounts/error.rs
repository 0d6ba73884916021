use std::error::Error;
use std::fmt;

use http::Uri;
use sortie_core::{Origin, unix_socket};

use super::Prefix;

/// No mounted prefix covers the URL of a request, which was not sent.
///
/// Mount a service for its scheme, such as `https://`, or for its host.
#[derive(Clone, Debug)]
pub struct NoMount {
    uncovered: String,
    mounted: Vec<Prefix>,
}

impl NoMount {
    pub(super) fn new(uri: &Uri, mounted: impl Iterator<Item = Prefix>) -> Self {
        let mounted: Vec<_> = mounted.collect();
        let known = mounted.iter().any(|prefix| Some(prefix.scheme()) == uri.scheme());
        let uncovered = match Origin::of(uri) {
            Some(origin) if known && origin.scheme() == unix_socket::SCHEME => {
                format!("this URL of the Unix socket {}", unix_socket::written(origin.host()))
            }
            Some(origin) if known => format!("this URL of {origin}"),
            _ => format!("{}://", uri.scheme_str().unwrap_or_default()),
        };
        Self { uncovered, mounted }
    }

    /// What is mounted, the most specific first.
    #[must_use]
    pub fn mounted(&self) -> &[Prefix] {
        &self.mounted
    }
}

impl fmt::Display for NoMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no mount covers {} (mounted: ", self.uncovered)?;
        for (index, prefix) in self.mounted.iter().enumerate() {
            write!(f, "{}{prefix}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(if self.mounted.is_empty() { "nothing)" } else { ")" })
    }
}

impl Error for NoMount {}

/// The URI of a request has no scheme and host, and so no mount.
///
/// Send an absolute URL, or set a base URL ([`BaseUrlLayer`](crate::BaseUrlLayer)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAbsolute;

impl fmt::Display for NotAbsolute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's URL is not absolute: give scheme and host, or set a base URL")
    }
}

impl Error for NotAbsolute {}
