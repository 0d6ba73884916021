//! What a proxy is told of who asks.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderMap, HeaderValue, request, response};
use sortie_core::auth::{SharedAuth, Signing, Unsigned};
use sortie_core::{BoxError, Replay};

use super::error::{ProxyError, ProxyErrorKind};
use super::proxy::Proxy;

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Box<str>,
    pub(super) password: Box<str>,
}

impl Credentials {
    /// For `Proxy-Authorization`, in UTF-8 ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)).
    pub(super) fn basic(&self) -> Result<HeaderValue, ProxyError> {
        if self.user.contains(':') {
            return Err(ProxyError::setting("the user has a colon, which Basic cannot tell from the one after it"));
        }
        if self.user.contains(char::is_control) || self.password.contains(char::is_control) {
            return Err(ProxyError::setting("the user or the password has a control character"));
        }
        let value = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password)));
        let mut value = HeaderValue::try_from(value).map_err(|error| ProxyError::setting("user").because(error))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Puts the proxy's own headers on a request, and the credentials that need no waiting. A header that the request has
/// stays as it is.
pub(super) fn introduce(proxy: &Proxy, headers: &mut HeaderMap) -> Result<(), ProxyError> {
    let too_many = |error: http::header::MaxSizeReached| ProxyError::setting("too many headers").because(error);
    let own: Vec<_> = proxy.headers().iter().filter(|(name, _)| !headers.contains_key(name)).collect();
    for (name, value) in own {
        headers.try_append(name.clone(), value.clone()).map_err(too_many)?;
    }
    if let Some(credentials) = proxy.basic_credentials()
        && !headers.contains_key(PROXY_AUTHORIZATION)
    {
        headers.try_insert(PROXY_AUTHORIZATION, credentials.basic()?).map_err(too_many)?;
    }
    Ok(())
}

/// Has the scheme of this proxy sign a request that it is to receive.
pub(super) async fn sign<B: Replay + Sync>(
    auth: &SharedAuth,
    proxy: &str,
    parts: &mut request::Parts,
    body: &B,
    challenge: Option<&response::Parts>,
    leg: usize,
) -> Result<(), ProxyError> {
    let mut unsigned = Unsigned::new(parts).proxy_is(proxy).with_body(body);
    if let Some(challenge) = challenge {
        unsigned = unsigned.challenged(challenge, leg);
    }
    let signed: Result<(), BoxError> = match sortie_core::auth::Auth::sign(auth, &mut unsigned) {
        Signing::Done(result) => result,
        Signing::Later(signing) => signing.await,
        _ => Err("the scheme returned a kind of signature that this version does not know".into()),
    };
    signed.map_err(|error| ProxyError::new(ProxyErrorKind::Signing).because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_utf_8_and_what_it_cannot_say_is_an_error_without_the_value() {
        let basic = |user: &str, password: &str| Credentials { user: user.into(), password: password.into() }.basic();
        assert_eq!(basic("test", "123£").unwrap(), "Basic dGVzdDoxMjPCow=="); // RFC 7617 §2.1
        assert_eq!(basic("u", "a:b").unwrap(), "Basic dTphOmI=");
        assert!(basic("u", "").unwrap().is_sensitive());
        for (user, password) in [("secret:", "x"), ("secret\n", "x"), ("u", "secret\r")] {
            let error = basic(user, password).unwrap_err();
            assert_eq!(error.kind(), ProxyErrorKind::InvalidSetting);
            assert!(!format!("{error}{error:?}").contains("secret"));
        }
    }

    #[test]
    fn what_a_request_says_itself_beats_the_proxys_own() {
        let proxy = Proxy::new("http://u:p@proxy").unwrap();
        let proxy = proxy.header(http::header::USER_AGENT, HeaderValue::from_static("proxys"));
        let mut headers = HeaderMap::new();
        introduce(&proxy, &mut headers).unwrap();
        assert_eq!(headers[http::header::USER_AGENT], "proxys");
        assert_eq!(headers[PROXY_AUTHORIZATION], "Basic dTpw");
        let mut headers = HeaderMap::new();
        headers.insert(http::header::USER_AGENT, HeaderValue::from_static("mine"));
        headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_static("Bearer mine"));
        introduce(&proxy, &mut headers).unwrap();
        assert_eq!((&headers[http::header::USER_AGENT], headers.len()), (&HeaderValue::from_static("mine"), 2));
        assert_eq!(headers[PROXY_AUTHORIZATION], "Bearer mine");
    }
}
