use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

/// The headers that were filled in with a default on this request: a request extension.
///
/// A layer further in, bound to a mount or to an auth, may replace exactly these. A header that the caller set on the
/// request is not among them and is never replaced, nor is one that a hook has set in a default's place.
#[derive(Clone, Default)]
pub struct Defaulted(Arc<[(HeaderName, HeaderValue)]>);

impl Defaulted {
    /// The given headers were filled in; a name stands there once for each of its values. Share the slice between
    /// requests: nearly all have the same defaults.
    #[must_use]
    pub fn new(headers: impl Into<Arc<[(HeaderName, HeaderValue)]>>) -> Self {
        Self(headers.into())
    }

    /// Whether `name` is among `headers`, those of a request with these extensions, only because a default put it there.
    #[must_use]
    pub fn contains(extensions: &Extensions, headers: &HeaderMap, name: &HeaderName) -> bool {
        extensions.get::<Self>().is_some_and(|defaulted| defaulted.covers(headers, name))
    }

    /// Whether `name` has those values among `headers` that the default gave it.
    #[must_use]
    pub fn covers(&self, headers: &HeaderMap, name: &HeaderName) -> bool {
        let mut filled_in = self.0.iter().filter(|(of, _)| of == name).map(|(_, value)| value).peekable();
        filled_in.peek().is_some() && headers.get_all(name).iter().eq(filled_in)
    }

    /// The headers as they were filled in.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0
    }
}

/// Names only: values may be secret.
impl fmt::Debug for Defaulted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, AUTHORIZATION, VIA};

    use super::*;

    #[test]
    fn a_header_is_a_default_as_long_as_it_has_the_values_that_were_filled_in() {
        let value = HeaderValue::from_static;
        let all = [(ACCEPT, value("a")), (VIA, value("x")), (VIA, value("y"))];
        let mut extensions = Extensions::new();
        let as_filled_in = HeaderMap::from_iter(all.clone());
        assert!(!Defaulted::contains(&extensions, &as_filled_in, &ACCEPT));
        extensions.insert(Defaulted::new(all));
        let has = |headers: &[(HeaderName, &'static str)], name: &HeaderName| {
            let map = headers.iter().map(|(name, text)| (name.clone(), value(text))).collect();
            Defaulted::contains(&extensions, &map, name)
        };
        assert!([ACCEPT, VIA].iter().all(|name| Defaulted::contains(&extensions, &as_filled_in, name)));
        assert!(
            !has(&[(ACCEPT, "b")], &ACCEPT) && !has(&[], &ACCEPT) && !has(&[(ACCEPT, "a"), (ACCEPT, "b")], &ACCEPT)
        );
        assert!(!has(&[(VIA, "x")], &VIA) && has(&[(VIA, "x"), (VIA, "y")], &VIA));
        assert!(!has(&[(AUTHORIZATION, "mine")], &AUTHORIZATION));
    }
}
