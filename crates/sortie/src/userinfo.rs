//! User names and passwords in URLs: taken out of sight before anything can log or repeat them.

use std::borrow::Cow;

use http::Request;
use http::uri::Authority;
use percent_encoding::percent_decode_str;
use sortie_core::auth::Userinfo;
use url::Url;

use crate::Error;
use crate::into_url::InvalidUrl;

/// Takes the user name and password out of `url`. A [`Url`] does not keep an empty password; it has one if
/// `empty_password`.
///
/// As in requests, a user name without a colon after it is no credential: servers would be asked with an empty password
/// that nobody gave.
pub(crate) fn take(url: &mut Url, empty_password: bool) -> Option<Userinfo> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = decode(url.username()).into_owned();
    let password = url.password().or(empty_password.then_some("")).map(|password| decode(password).into_owned());
    // Both fail only for URLs that cannot have userinfo, and this one has.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(Userinfo::new(user, password))
}

/// Moves the userinfo of a request's URI into its extensions.
pub(crate) fn hide<B>(request: &mut Request<B>) -> Result<(), Error> {
    let Some((userinfo, host)) = Userinfo::split(request.uri()) else { return Ok(()) };
    let (user, password) = match userinfo.split_once(':') {
        Some((user, password)) => (user, Some(decode(password).into_owned())),
        None => (userinfo, None),
    };
    let userinfo = Userinfo::new(decode(user), password);
    let authority = host.parse::<Authority>().map_err(|error| invalid(error.into()))?;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.authority = Some(authority);
    *request.uri_mut() = parts.try_into().map_err(|error: http::uri::InvalidUriParts| invalid(error.into()))?;
    request.extensions_mut().insert(userinfo);
    Ok(())
}

fn invalid(error: http::Error) -> Error {
    Error::builder(InvalidUrl::NotHttp(error))
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_leaves_the_url_and_is_decoded() {
        for (url, user, password) in [
            ("http://user:p%40ss@h/x?q", "user", Some("p@ss")),
            ("http://user@h/x?q", "user", None),
            ("http://:only@h/x?q", "", Some("only")),
        ] {
            let mut parsed = Url::parse(url).unwrap();
            let taken = take(&mut parsed, false).unwrap();
            assert_eq!((taken.user.as_str(), taken.password.as_deref()), (user, password), "{url}");
            assert_eq!(parsed.as_str(), "http://h/x?q");

            let mut request = Request::get(url).body(()).unwrap();
            hide(&mut request).unwrap();
            assert_eq!(request.extensions().get::<Userinfo>(), Some(&taken), "{url}");
            assert_eq!(request.uri(), "http://h/x?q");
        }
    }

    #[test]
    fn a_request_without_userinfo_is_left_alone() {
        let mut request = Request::get("http://h/a@b").body(()).unwrap();
        hide(&mut request).unwrap();
        assert!(request.extensions().is_empty());
        assert_eq!(request.uri(), "http://h/a@b");
    }
}
