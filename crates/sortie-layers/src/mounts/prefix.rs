use std::error::Error;
use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;
use sortie_core::{Origin, unix_socket};
use url::Url;

use super::path;
use crate::base_url::is_scheme;

/// What URLs have in common that one mount serves: a scheme alone, or an origin and a path.
///
/// See the [module](super) for what it covers. It is parsed from `https://api.example.com/v1/`,
/// `https://*.example.com/` or `https://`; a slash at its end makes no difference.
///
/// ```
/// use sortie_layers::mounts::Prefix;
///
/// let prefix: Prefix = "HTTPS://Api.example.com:443/v1".parse()?;
/// assert_eq!(prefix.to_string(), "https://api.example.com/v1/");
/// assert!(prefix.covers(&"https://user@API.example.com/v1/books".parse().unwrap()));
/// assert!(!prefix.covers(&"https://api.example.com/v10/".parse().unwrap()));
/// # Ok::<(), sortie_layers::mounts::InvalidPrefix>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    scheme: Scheme,
    host: Host,
    /// In canonical form and without the slash at its end; empty for a whole origin.
    path: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    Exact(Origin),
    /// The hosts below that of this origin.
    Below(Origin),
    Any,
}

impl Prefix {
    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether `uri` is absolute and begins with this prefix. Its path must be free of dot segments.
    #[must_use]
    pub fn covers(&self, uri: &Uri) -> bool {
        self.covers_at(uri, Place::of(uri))
    }

    /// As [`covers`](Self::covers), with the place that `uri` names, or `None` if no prefix at hand has a host.
    pub(super) fn covers_at(&self, uri: &Uri, place: Option<Place<'_>>) -> bool {
        if uri.scheme() != Some(&self.scheme) {
            return false;
        }
        let here = |fits: fn(&str, &str) -> bool, origin: &Origin| {
            place.is_some_and(|place| place.port == origin.port() && fits(place.host, origin.host()))
        };
        match &self.host {
            Host::Any => true,
            Host::Exact(origin) => here(str::eq_ignore_ascii_case, origin) && path::is_below(uri.path(), &self.path),
            Host::Below(parent) => here(is_below, parent) && path::is_below(uri.path(), &self.path),
        }
    }

    /// Whether it is more than a scheme.
    pub(super) fn has_host(&self) -> bool {
        self.host != Host::Any
    }

    /// How much of a URL it fixes, to be compared: the kind of host, a wildcard's length, the path's length.
    pub(super) fn specificity(&self) -> (u8, usize, usize) {
        match &self.host {
            Host::Exact(_) => (2, 0, self.path.len()),
            Host::Below(parent) => (1, parent.host().len(), self.path.len()),
            Host::Any => (0, 0, 0),
        }
    }
}

/// Host and port of a URI, taken out of it once for all prefixes.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Place<'a> {
    pub(super) fn of(uri: &'a Uri) -> Option<Self> {
        Some(Self { host: uri.host()?, port: Origin::port_of(uri) })
    }
}

/// Whether `host` has labels in front of `parent`.
fn is_below(host: &str, parent: &str) -> bool {
    let Some(labels) = host.len().checked_sub(parent.len() + 1) else {
        return false;
    };
    let (host, end) = (host.as_bytes(), parent.as_bytes());
    labels > 0 && host[labels] == b'.' && host[labels + 1..].eq_ignore_ascii_case(end)
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidPrefix::NoScheme)?;
        if !is_scheme(scheme) {
            return Err(InvalidPrefix::Scheme);
        }
        // `http` sets a limit of length.
        let scheme = Scheme::try_from(&*scheme.to_ascii_lowercase()).map_err(|_| InvalidPrefix::Scheme)?;
        if rest.is_empty() {
            return Ok(Self { scheme, host: Host::Any, path: Box::default() });
        }
        let (wildcard, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        // The URL standard would take the first part of the path for the host.
        if rest.is_empty() || rest.starts_with(['/', '\\']) {
            return Err(InvalidPrefix::NoHost);
        }
        let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(InvalidPrefix::Url)?;
        if scheme == *unix_socket::SCHEME {
            let host = url.host_str().and_then(unix_socket::host).filter(|_| !wildcard);
            // Such a host is one that any URL may have.
            let _ = url.set_host(Some(&host.ok_or(InvalidPrefix::Host)?));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidPrefix::Userinfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidPrefix::Query);
        }
        let origin = url.as_str().parse().ok().and_then(|uri| Origin::of(&uri)).ok_or(InvalidPrefix::Host)?;
        let is_address = matches!(url.host(), Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)));
        if origin.host().contains('*') || (wildcard && is_address) {
            return Err(InvalidPrefix::Wildcard);
        }
        let path = path::canonical(url.path());
        let path = path.strip_suffix('/').unwrap_or(&path).into();
        Ok(Self { scheme, host: if wildcard { Host::Below(origin) } else { Host::Exact(origin) }, path })
    }
}

impl TryFrom<&str> for Prefix {
    type Error = InvalidPrefix;

    fn try_from(text: &str) -> Result<Self, InvalidPrefix> {
        text.parse()
    }
}

impl TryFrom<String> for Prefix {
    type Error = InvalidPrefix;

    fn try_from(text: String) -> Result<Self, InvalidPrefix> {
        text.parse()
    }
}

impl TryFrom<&Url> for Prefix {
    type Error = InvalidPrefix;

    fn try_from(url: &Url) -> Result<Self, InvalidPrefix> {
        url.as_str().parse()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => write!(f, "{}://", self.scheme),
            Host::Exact(origin) if self.scheme == *unix_socket::SCHEME => {
                write!(f, "{}://{}{}/", self.scheme, unix_socket::written(origin.host()), self.path)
            }
            Host::Exact(origin) => write!(f, "{origin}{}/", self.path),
            Host::Below(parent) => {
                let parent = parent.to_string();
                let authority = parent.split_once("://").map_or("", |(_, authority)| authority);
                write!(f, "{}://*.{authority}{}/", self.scheme, self.path)
            }
        }
    }
}

/// Text that is no mount prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPrefix {
    /// It has no `scheme://`.
    NoScheme,
    /// Its scheme has characters that a scheme cannot have, or more than 64.
    Scheme,
    /// Nothing stands where the host should.
    NoHost,
    /// It is no URL.
    Url(url::ParseError),
    /// Its host cannot stand in an HTTP request's URI; or its scheme is `http+unix`, and it is no path of a socket.
    Host,
    /// It has a `*` elsewhere than as its first label, or before an IP address.
    Wildcard,
    /// It has a user name or a password, which have no part in choosing a mount.
    Userinfo,
    /// It has a query or a fragment.
    Query,
}

impl fmt::Display for InvalidPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoScheme => "a mount prefix begins with its scheme: https://host/path/ or https://",
            Self::Scheme => "the scheme of the mount prefix is invalid",
            Self::NoHost => "the mount prefix has a path but no host: https://host/path/, or https:// for every host",
            Self::Url(_) => "the mount prefix is not a valid URL",
            Self::Host => {
                "the host of the mount prefix cannot stand in an HTTP URI; a Unix socket is written as \
                 http+unix://%2Frun%2Fapp.sock/"
            }
            Self::Wildcard => {
                "a * in a mount prefix stands for the first labels of a name: https://*.example.com/, or https:// for \
                 every host"
            }
            Self::Userinfo => "a mount prefix cannot hold a user name or password: give the mount an auth instead",
            Self::Query => "a mount prefix ends with its path: it has no query and no fragment",
        })
    }
}

impl Error for InvalidPrefix {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            _ => None,
        }
    }
}
