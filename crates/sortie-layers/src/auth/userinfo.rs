//! User name and password in a URI, for requests that come without the front, which takes them out before.

use http::Uri;
use http::uri::Authority;
use percent_encoding::percent_decode_str;
use sortie_core::auth::Userinfo;

/// Takes the userinfo out of a URI.
pub(super) fn take(uri: &mut Uri) -> Option<Userinfo> {
    let found = of(uri)?;
    strip(uri);
    Some(found)
}

/// The userinfo of a URI.
pub(crate) fn of(uri: &Uri) -> Option<Userinfo> {
    let (userinfo, _) = Userinfo::split(uri)?;
    // As requests does it: what is not UTF-8 once decoded gets replacement characters.
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(match userinfo.split_once(':') {
        Some((user, password)) => Userinfo::new(decode(user), Some(decode(password))),
        None => Userinfo::new(decode(userinfo), None),
    })
}

fn strip(uri: &mut Uri) {
    let Some((_, host)) = Userinfo::split(uri) else { return };
    // The end of a valid authority is one too; if not, a URI without a target is better than one with a password.
    let bare = host.parse::<Authority>();
    let mut parts = std::mem::take(uri).into_parts();
    if let Ok(bare) = bare {
        parts.authority = Some(bare);
        *uri = Uri::from_parts(parts).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_is_decoded_and_leaves_the_uri() {
        for (given, user, password, left) in [
            ("http://u:p@h:81/x?y", "u", Some("p"), "http://h:81/x?y"),
            ("http://u@h/", "u", None, "http://h/"),
            ("http://u:@h/", "u", Some(""), "http://h/"),
            ("http://:p@h/", "", Some("p"), "http://h/"),
            ("http://a%40b:p%3Aq:r@[::1]/", "a@b", Some("p:q:r"), "http://[::1]/"),
            ("http://%C3%A4:%ff@h/", "ä", Some("\u{fffd}"), "http://h/"),
        ] {
            let mut uri: Uri = given.parse().unwrap();
            let found = take(&mut uri).unwrap();
            assert_eq!((&*found.user, found.password.as_deref()), (user, password), "{given}");
            assert_eq!(uri, left);
        }
        for given in ["http://h/@", "/u:p@h", "*"] {
            let mut uri: Uri = given.parse().unwrap();
            assert!(take(&mut uri).is_none());
            assert_eq!(uri, given);
        }
    }
}
