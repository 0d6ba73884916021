use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use sortie_core::auth::{Auth, Signing, Unsigned};

/// A user name and a password, as the scheme Basic sends them
/// ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)).
///
/// Both are encoded as UTF-8. They are readable for everyone who reads the request: use it over TLS.
///
/// A user name with a colon cannot be told from the password, and neither may have control characters, such as the
/// newline at the end of a file; signing fails with an error that says which.
#[derive(Clone)]
pub struct Basic {
    value: Result<HeaderValue, &'static str>,
}

impl Basic {
    /// Signs with this user and password. Either may be empty.
    #[must_use]
    pub fn new(user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        Self { value: encode(user.as_ref(), password.as_ref()) }
    }
}

fn encode(user: &str, password: &str) -> Result<HeaderValue, &'static str> {
    // RFC 7617 §2 for all three.
    if user.contains(':') {
        return Err("Basic: the user name has a colon, which cannot be told from the one before the password");
    }
    if user.contains(char::is_control) {
        return Err("Basic: the user name has a control character");
    }
    if password.contains(char::is_control) {
        return Err("Basic: the password has a control character");
    }
    let value = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    let mut value = HeaderValue::try_from(value).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    Ok(value)
}

impl Auth for Basic {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        super::set_credentials(request, self.value.clone())
    }

    fn waits(&self) -> bool {
        false
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Basic")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::signed;
    use super::*;

    #[test]
    fn user_and_password_are_utf_8_in_base64() {
        for (user, password, value) in [
            ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), // RFC 7617 §2
            ("test", "123£", "Basic dGVzdDoxMjPCow=="),                       // RFC 7617 §2.1
            ("", "", "Basic Og=="),
            ("user", "", "Basic dXNlcjo="),
            ("", "a:b", "Basic OmE6Yg=="),
        ] {
            let headers = signed(&Basic::new(user, password)).unwrap();
            assert_eq!(headers["authorization"], value, "{user}");
            assert!(headers["authorization"].is_sensitive());
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_being_shown() {
        for (user, password, word) in
            [("a:secret", "secret", "colon"), ("secret\n", "secret", "user name"), ("secret", "secret\r\n", "password")]
        {
            let basic = Basic::new(user, password);
            let error = signed(&basic).unwrap_err().to_string();
            assert!(error.starts_with("Basic: ") && error.contains(word), "{error}");
            assert!(!format!("{error}{basic:?}").contains("secret"));
        }
    }
}
