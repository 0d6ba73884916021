use std::fmt;

use http::Uri;
use sortie_core::auth::Userinfo;
use sortie_core::unix_socket;
use sortie_layers::base_url::BaseUrl;
use url::Url;

use crate::Error;

/// What can name the target of a request: `&str`, `String`, [`Url`], [`Uri`], and references to them.
///
/// A relative reference is appended to the session's base URL. This trait is sealed.
pub trait IntoUrl: sealed::Sealed {}

mod sealed {
    use super::{BaseUrl, Error, Url};

    pub trait Sealed {
        fn into_url(self, base: Option<&BaseUrl>) -> Result<Url, Error>;

        /// Whether it has an empty password, which a [`Url`] cannot tell from none.
        fn has_empty_password(&self) -> bool;
    }
}

pub(crate) fn resolve(url: impl IntoUrl, base: Option<&BaseUrl>) -> Result<Url, Error> {
    url.into_url(base)
}

/// Whether there is an empty password after a user name (`http://user:@host`), which says more than none.
pub(crate) fn has_empty_password(url: &impl IntoUrl) -> bool {
    url.has_empty_password()
}

impl IntoUrl for Url {}
impl sealed::Sealed for Url {
    fn has_empty_password(&self) -> bool {
        false
    }

    fn into_url(self, _: Option<&BaseUrl>) -> Result<Url, Error> {
        if !self.has_host() {
            return Err(Error::builder(InvalidUrl::NoHost));
        }
        with_unix_host(self, |written| unix_socket::host(written).ok_or(InvalidUrl::NoSocket)).map_err(Error::builder)
    }
}

/// The URL of a Unix socket with its host changed; any other as it is.
fn with_unix_host<E>(mut url: Url, change: impl FnOnce(&str) -> Result<String, E>) -> Result<Url, E> {
    if url.scheme() == unix_socket::SCHEME
        && let Some(host) = url.host_str()
    {
        let host = change(host)?;
        // It fails for no host of letters, digits and percent-encoded octets.
        let _ = url.set_host(Some(&host));
    }
    Ok(url)
}

/// A URL as it was given: the path of a Unix socket percent-encoded.
pub(crate) fn as_written(url: Url) -> Url {
    let Ok(url) = with_unix_host(url, |host| Ok::<_, std::convert::Infallible>(unix_socket::written(host)));
    url
}

impl IntoUrl for &str {}
impl sealed::Sealed for &str {
    fn has_empty_password(&self) -> bool {
        text_has_empty_password(self)
    }

    fn into_url(self, base: Option<&BaseUrl>) -> Result<Url, Error> {
        // The base knows what is relative to it: `users:batch` is, though a URL parser takes `users` for a scheme.
        if let Some(base) = base {
            return base.join(self).map_err(Error::builder)?.into_url(None);
        }
        match Url::parse(self) {
            Ok(url) => url.into_url(None),
            Err(url::ParseError::RelativeUrlWithoutBase) => Err(Error::builder(InvalidUrl::Relative)),
            Err(error) => Err(Error::builder(InvalidUrl::Malformed(error))),
        }
    }
}

fn text_has_empty_password(text: &str) -> bool {
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#', '\\']).next());
    authority.and_then(|authority| authority.rsplit_once('@')).is_some_and(|(userinfo, _)| ends_its_user(userinfo))
}

fn uri_has_empty_password(uri: &Uri) -> bool {
    Userinfo::split(uri).is_some_and(|(userinfo, _)| ends_its_user(userinfo))
}

/// Whether a colon ends the user name, and nothing comes after it.
fn ends_its_user(userinfo: &str) -> bool {
    userinfo.split_once(':').is_some_and(|(_, password)| password.is_empty())
}

macro_rules! by_text {
    ($($type:ty: $has_empty_password:ident),*) => {$(
        impl IntoUrl for $type {}
        impl sealed::Sealed for $type {
            fn has_empty_password(&self) -> bool {
                $has_empty_password(self)
            }

            fn into_url(self, base: Option<&BaseUrl>) -> Result<Url, Error> {
                sealed::Sealed::into_url(&*self.to_string(), base)
            }
        }
    )*};
}

by_text!(
    String: text_has_empty_password,
    &String: text_has_empty_password,
    Uri: uri_has_empty_password,
    &Uri: uri_has_empty_password
);

impl IntoUrl for &Url {}
impl sealed::Sealed for &Url {
    fn has_empty_password(&self) -> bool {
        false
    }

    fn into_url(self, base: Option<&BaseUrl>) -> Result<Url, Error> {
        self.clone().into_url(base)
    }
}

/// Appends an encoded query to what the URL has.
pub(crate) fn append_query(url: &mut Url, query: &str) {
    let query = match url.query() {
        Some(present) if present.ends_with('&') => [present, query].concat(),
        Some(present) if !present.is_empty() => [present, "&", query].concat(),
        _ => query.to_owned(),
    };
    url.set_query(Some(&query));
}

/// Why a URL was not taken. It is never part of the message: it may hold a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It is relative, and the session has no base URL.
    Relative,
    /// It has no host.
    NoHost,
    /// It is an `http+unix` URL, and its host is not the path of a socket.
    NoSocket,
    /// It is not a URL.
    Malformed(url::ParseError),
    /// Its parts cannot be sent over HTTP.
    NotHttp(http::Error),
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative => f.write_str(
                "the URL is relative: set SessionBuilder::base_url, or begin it with https:// or another scheme",
            ),
            Self::NoHost => f.write_str("the URL has no host: write it as https://host/path"),
            Self::NoSocket => {
                f.write_str("the host is no path of a Unix socket: write it as http+unix://%2Frun%2Fapp.sock/path")
            }
            Self::Malformed(_) => f.write_str("the URL cannot be parsed"),
            Self::NotHttp(_) => f.write_str("the URL cannot be sent over HTTP"),
        }
    }
}

impl std::error::Error for InvalidUrl {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            Self::NotHttp(error) => Some(error),
            Self::Relative | Self::NoHost | Self::NoSocket => None,
        }
    }
}
