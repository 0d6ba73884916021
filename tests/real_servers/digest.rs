//! Digest by a crate of somebody else's, behind sortie's `Auth`: what a scheme does that needs a challenge first.

use std::sync::{Mutex, PoisonError};

use http::header::{HeaderValue, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http_auth::{PasswordClient, PasswordParams};
use sortie::core::auth::{Answer, Auth, Recipient, Signing, Unsigned, Verdict};

/// User `user`, password `pass`.
#[derive(Default)]
pub(crate) struct Digest(Mutex<Option<PasswordClient>>);

impl Auth for Digest {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        let mut client = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = &mut *client else { return Signing::Done(Ok(())) };
        let (uri, method) = (request.uri().to_string(), request.method().to_string());
        let asked = PasswordParams { username: "user", password: "pass", uri: &uri, method: &method, body: Some(&[]) };
        let value = client.respond(&asked).and_then(|value| HeaderValue::try_from(value).map_err(|e| e.to_string()));
        let header = request.recipient().header();
        Signing::Done(value.map(|value| drop(request.headers_mut().insert(header, value))).map_err(Into::into))
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        let (status, header) = match answer.recipient() {
            Recipient::Proxy => (407, PROXY_AUTHENTICATE),
            _ => (401, WWW_AUTHENTICATE),
        };
        let response = answer.response();
        if response.status != status || answer.leg() > 0 {
            return Verdict::Accept;
        }
        match PasswordClient::try_from(response.headers.get_all(header)) {
            Ok(client) => {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
                Verdict::Resend
            }
            Err(_) => Verdict::Accept,
        }
    }

    fn legs(&self) -> usize {
        1
    }

    fn waits(&self) -> bool {
        false
    }
}
