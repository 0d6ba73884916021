use std::fmt;

use http::header::{HeaderName, HeaderValue};
use sortie_core::Defaulted;
use sortie_core::auth::{Auth, Signing, Unsigned};

/// A key in a header of its own, `X-Api-Key` for example.
///
/// It fills the header in where the request has none, or only a default. A value that no header can have makes signing
/// fail with an error that names the header.
#[derive(Clone)]
pub struct HeaderKey {
    name: HeaderName,
    value: Option<HeaderValue>,
}

impl HeaderKey {
    /// Signs with the header `name: value`.
    #[must_use]
    pub fn new(name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        let mut value = value.try_into().ok();
        value.iter_mut().for_each(|value: &mut HeaderValue| value.set_sensitive(true));
        Self { name, value }
    }
}

impl Auth for HeaderKey {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        let Some(value) = &self.value else {
            let error = format!("HeaderKey: the value for `{}` has a character that no header can have", self.name);
            return Signing::Done(Err(error.into()));
        };
        let parts = request.parts_mut();
        if !parts.headers.contains_key(&self.name) || Defaulted::contains(&parts.extensions, &parts.headers, &self.name)
        {
            return Signing::Done(super::insert(&mut parts.headers, self.name.clone(), value.clone()));
        }
        Signing::Done(Ok(()))
    }

    fn waits(&self) -> bool {
        false
    }
}

impl fmt::Debug for HeaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderKey").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::signed;
    use super::*;

    const NAME: HeaderName = HeaderName::from_static("x-api-key");

    #[test]
    fn the_key_is_filled_in_and_replaces_only_a_default() {
        let key = HeaderKey::new(NAME, "secret");
        let headers = signed(&key).unwrap();
        assert!(headers[NAME] == "secret" && headers[NAME].is_sensitive());
        for (defaulted, expected) in [(false, "mine"), (true, "secret")] {
            let mut request = http::Request::builder().header(NAME, "mine").body(()).unwrap().into_parts().0;
            if defaulted {
                request.extensions.insert(Defaulted::new([(NAME, HeaderValue::from_static("mine"))]));
            }
            assert!(matches!(key.sign(&mut Unsigned::new(&mut request)), Signing::Done(Ok(()))));
            assert_eq!(request.headers[NAME], expected);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_being_shown() {
        let key = HeaderKey::new(NAME, "secret\n".to_owned());
        let error = signed(&key).unwrap_err().to_string();
        assert!(error.contains("x-api-key") && !format!("{error}{key:?}").contains("secret"), "{error}");
        assert!(!format!("{:?}", HeaderKey::new(NAME, "secret")).contains("secret"));
    }
}
