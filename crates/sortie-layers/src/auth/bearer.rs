use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::HeaderValue;
use sortie_core::auth::{Auth, Signing, Unsigned};

/// A token, as the scheme Bearer sends it ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
///
/// The token must be of visible ASCII characters without spaces; with another, such as the newline at the end of a
/// file, signing fails with an error that says so.
#[derive(Clone)]
pub struct Bearer {
    token: Token,
}

type Value = Result<HeaderValue, &'static str>;

#[derive(Clone)]
enum Token {
    Fixed(Value),
    Shared(BearerToken),
}

impl Bearer {
    /// Signs with this token.
    #[must_use]
    pub fn new(token: impl AsRef<str>) -> Self {
        Self { token: Token::Fixed(encode(token.as_ref())) }
    }

    /// Signs with the token that `token` holds at the time.
    ///
    /// ```
    /// use sortie_layers::auth::{AuthLayer, Bearer, BearerToken};
    ///
    /// let token = BearerToken::new("first");
    /// let layer = AuthLayer::with(Bearer::shared(&token));
    /// token.set("second"); // for every service that the layer makes, and their clones
    /// ```
    #[must_use]
    pub fn shared(token: &BearerToken) -> Self {
        Self { token: Token::Shared(token.clone()) }
    }
}

fn encode(token: &str) -> Value {
    if token.is_empty() {
        return Err("Bearer: the token is empty");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("Bearer: the token has a character that is not visible ASCII (white space or a line end?)");
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "Bearer: the token is too long")?;
    value.set_sensitive(true);
    Ok(value)
}

impl Auth for Bearer {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        let value = match &self.token {
            Token::Fixed(value) => value.clone(),
            Token::Shared(token) => token.value(),
        };
        super::set_credentials(request, value)
    }

    fn waits(&self) -> bool {
        false
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")
    }
}

/// A token that can be changed while [`Bearer`]s sign with it.
///
/// Clones share the token. Whoever refreshes it keeps one and calls [`set`](Self::set); requests and attempts signed
/// from then on have the new token.
#[derive(Clone)]
pub struct BearerToken(Arc<RwLock<Value>>);

impl BearerToken {
    /// Holds this token at first.
    #[must_use]
    pub fn new(token: impl AsRef<str>) -> Self {
        Self(Arc::new(RwLock::new(encode(token.as_ref()))))
    }

    /// Holds this token from now on.
    pub fn set(&self, token: impl AsRef<str>) {
        let value = encode(token.as_ref());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }

    fn value(&self) -> Value {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::signed;
    use super::*;

    #[test]
    fn the_token_is_sent_as_it_is() {
        let headers = signed(&Bearer::new("mF_9.B5f-4.1JqM~+/=")).unwrap();
        assert_eq!(headers["authorization"], "Bearer mF_9.B5f-4.1JqM~+/=");
        assert!(headers["authorization"].is_sensitive());
    }

    #[test]
    fn a_shared_token_changes_for_all_that_sign_with_it() {
        let token = BearerToken::new("first");
        let bearers = [Bearer::shared(&token), Bearer::shared(&token.clone())];
        for text in ["first", "second"] {
            token.set(text);
            for bearer in &bearers {
                assert_eq!(signed(bearer).unwrap()["authorization"], format!("Bearer {text}"));
            }
        }
        token.set("not sendable\n");
        assert!(signed(&bearers[0]).is_err());
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_being_shown() {
        for token in ["", "secret\r\nx: y", "secret\n", "se cret", "secret\u{e9}", "secret\0"] {
            let bearer = Bearer::new(token);
            let error = signed(&bearer).unwrap_err().to_string();
            assert!(error.starts_with("Bearer: "), "{error}");
            assert!(!format!("{error}{bearer:?}{:?}", BearerToken::new(token)).contains("secret"));
        }
    }
}
