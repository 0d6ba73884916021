//! Values that a setter takes by `TryInto`, and what it says of one that it cannot take.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use sortie_transport::proxy::Proxy;

/// A setter was given a value that it cannot take. The value is not part of the message: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    setter: &'static str,
    what: String,
}

impl Invalid {
    pub(crate) fn new(setter: &'static str, what: impl Into<String>) -> Self {
        Self { setter, what: what.into() }
    }

    /// The call that was given the value, as `SessionBuilder::header`.
    #[must_use]
    pub fn setter(&self) -> &'static str {
        self.setter
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setter, self.what)
    }
}

impl std::error::Error for Invalid {}

pub(crate) fn header<N, V>(setter: &'static str, name: N, value: V) -> Result<(HeaderName, HeaderValue), Invalid>
where
    N: TryInto<HeaderName>,
    V: TryInto<HeaderValue>,
{
    let name = header_name(setter, name)?;
    match value.try_into() {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(Invalid::new(
            setter,
            format!(
                "the value given for {name} has a character that no header value may have, a line break for example"
            ),
        )),
    }
}

pub(crate) fn header_name<N: TryInto<HeaderName>>(setter: &'static str, name: N) -> Result<HeaderName, Invalid> {
    name.try_into().map_err(|_| Invalid::new(setter, "the name is not a valid header name"))
}

pub(crate) fn proxy<P>(setter: &'static str, proxy: P) -> Result<Proxy, Invalid>
where
    P: TryInto<Proxy>,
    P::Error: fmt::Display,
{
    proxy.try_into().map_err(|error| Invalid::new(setter, error.to_string()))
}

/// Sets a header, in a map that may be as full as one can be: its other methods panic then.
pub(crate) fn insert(
    setter: &'static str,
    into: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), Invalid> {
    into.try_insert(name, value).map(drop).map_err(|_| too_many(setter))
}

/// Adds a value to those that a header has.
pub(crate) fn append(
    setter: &'static str,
    into: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), Invalid> {
    into.try_append(name, value).map(drop).map_err(|_| too_many(setter))
}

fn too_many(setter: &'static str) -> Invalid {
    Invalid::new(setter, "there are more headers than a header map can hold (24,576)")
}

/// Puts `headers` in the place of what `into` has under their names; all values of a repeated name are kept.
pub(crate) fn replace(setter: &'static str, into: &mut HeaderMap, headers: HeaderMap) -> Result<(), Invalid> {
    let mut last = None;
    for (name, value) in headers {
        match (name, &last) {
            (Some(name), _) => {
                insert(setter, into, name.clone(), value)?;
                last = Some(name);
            }
            (None, Some(name)) => {
                append(setter, into, name.clone(), value)?;
            }
            // A map's first item always has its name.
            (None, None) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT, COOKIE};

    #[test]
    fn an_invalid_value_is_reported_by_its_setter_and_not_shown() {
        let invalid = header("Mount::header", "x-key", "secret\r\nx: y").unwrap_err();
        assert!(invalid.to_string().starts_with("Mount::header: the value given for x-key"), "{invalid}");
        assert!(!invalid.to_string().contains("secret"));
        assert!(header("Mount::header", "x key", "v").is_err());
    }

    #[test]
    fn headers_replace_by_name_and_keep_repeated_values() {
        let mut into = HeaderMap::new();
        into.append(ACCEPT, HeaderValue::from_static("old"));
        into.append(ACCEPT, HeaderValue::from_static("older"));
        into.append(COOKIE, HeaderValue::from_static("kept"));
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, HeaderValue::from_static("a"));
        headers.append(ACCEPT, HeaderValue::from_static("b"));
        replace("", &mut into, headers).unwrap();
        assert_eq!(into.get_all(ACCEPT).iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(into[COOKIE], "kept");
    }
}
