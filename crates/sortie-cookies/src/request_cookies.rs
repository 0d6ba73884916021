use std::fmt;
use std::sync::Arc;

use http::Extensions;

use crate::Refused;
use crate::parse::check_pair;

/// Cookies given for one request: a request extension.
///
/// They are sent to the origin that the request was made for and, by redirects, no further: once a chain has left it
/// they are not sent again, not even after a return. They are never stored. One of the same name in the jar or in a
/// `Cookie` header stays behind, so a server never sees two.
///
/// `Debug` shows the names only.
///
/// ```
/// use sortie_cookies::RequestCookies;
///
/// let mut request = http::Request::get("https://example.com/").body(())?;
/// RequestCookies::add(request.extensions_mut(), "theme", "dark")?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct RequestCookies(Arc<Vec<(Box<str>, Box<str>)>>);

impl RequestCookies {
    /// Adds a cookie to a request's extensions, or replaces the one of the same name.
    ///
    /// # Errors
    ///
    /// [`Refused::Syntax`], [`Refused::ControlCharacter`], [`Refused::Empty`] or [`Refused::TooLarge`], for what a
    /// `Cookie` field cannot carry.
    pub fn add(extensions: &mut Extensions, name: impl AsRef<str>, value: impl AsRef<str>) -> Result<(), Refused> {
        let (name, value) = (name.as_ref(), value.as_ref());
        check_pair(name.as_bytes(), value.as_bytes())?;
        let cookies = Arc::make_mut(&mut extensions.get_or_insert_default::<Self>().0);
        match cookies.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, old)) => *old = value.into(),
            None => cookies.push((name.into(), value.into())),
        }
        Ok(())
    }

    /// The cookies as name and value, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl fmt::Debug for RequestCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_there_once_and_bad_ones_are_refused() {
        let mut extensions = Extensions::new();
        for (name, value, expected) in [
            ("a", "1", Ok(())),
            ("b", "2", Ok(())),
            ("a", "3", Ok(())),
            ("c", "\"x y\"", Ok(())),
            ("c", "x; y", Err(Refused::Syntax)),
            ("c=d", "x", Err(Refused::Syntax)),
            ("", "x=y", Err(Refused::Syntax)),
            (" c", "x", Err(Refused::Syntax)),
            ("c", "x\r\n", Err(Refused::ControlCharacter)),
            ("", "", Err(Refused::Empty)),
        ] {
            assert_eq!(RequestCookies::add(&mut extensions, name, value), expected, "{name}={value}");
        }
        let cookies = extensions.get::<RequestCookies>().unwrap();
        assert_eq!(cookies.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "2"), ("c", "\"x y\"")]);
        assert_eq!(format!("{cookies:?}"), r#"["a", "b", "c"]"#);
    }
}
