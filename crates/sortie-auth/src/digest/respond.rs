//! The answer to a challenge ([RFC 7616 §3.4](https://www.rfc-editor.org/rfc/rfc7616#section-3.4)).

use http::HeaderValue;
use http::header::InvalidHeaderValue;

use super::Qop;
use super::algorithm::Algorithm;
use super::challenge::Challenge;

/// Whose answer it is.
#[derive(Clone, Copy)]
pub(super) struct Account<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

/// With what the key of an algorithm that ends in `-sess` was made once: the nonces of the session's first request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) nonce: Vec<u8>,
    pub(super) cnonce: String,
}

/// What goes into a response beside the account and what is sent.
pub(super) struct Signed<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) realm: &'a [u8],
    pub(super) nonce: &'a [u8],
    pub(super) session: Option<&'a Session>,
    /// How often the nonce was used, this time included, as eight digits.
    pub(super) nc: &'a str,
    pub(super) cnonce: &'a str,
    /// `None` for RFC 2069.
    pub(super) qop: Option<Qop>,
}

/// The value of `response`, or of `rspauth`: for that the method is empty.
pub(super) fn response(account: Account<'_>, signed: &Signed<'_>, method: &str, uri: &str, content: &[u8]) -> String {
    let hash = signed.algorithm.hash;
    let mut key = hash.of(&[account.user.as_bytes(), signed.realm, account.password.as_bytes()]);
    if signed.algorithm.session {
        let (nonce, cnonce) = match signed.session {
            Some(session) => (&session.nonce[..], &session.cnonce[..]),
            None => (signed.nonce, signed.cnonce),
        };
        key = hash.of(&[key.as_bytes(), nonce, cnonce.as_bytes()]);
    }
    let request = match signed.qop {
        Some(Qop::AuthInt) => hash.of(&[method.as_bytes(), uri.as_bytes(), hash.of(&[content]).as_bytes()]),
        _ => hash.of(&[method.as_bytes(), uri.as_bytes()]),
    };
    let (key, request) = (key.as_bytes(), request.as_bytes());
    match signed.qop {
        None => hash.of(&[key, signed.nonce, request]),
        Some(qop) => {
            let (nc, cnonce, qop) = (signed.nc.as_bytes(), signed.cnonce.as_bytes(), qop.name().as_bytes());
            hash.of(&[key, signed.nonce, nc, cnonce, qop, request])
        }
    }
}

/// The value of `Authorization` or `Proxy-Authorization`.
///
/// As RFC 7616 §3.4 has it, `algorithm`, `qop`, `nc` and `userhash` are without quotes, which some servers insist on.
pub(super) fn credentials(
    account: Account<'_>,
    challenge: &Challenge,
    signed: &Signed<'_>,
    uri: &str,
    response: &str,
) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut field = Field(b"Digest ".to_vec());
    if challenge.userhash {
        field.quoted("username", userhash(account.user, challenge).as_bytes());
    } else if account.user.is_ascii() || !challenge.is_modern() {
        // What does not know RFC 7616 would not know username* either, and the octets of UTF-8 are what most take.
        field.quoted("username", account.user.as_bytes());
    } else {
        field.bare("username*", extended(account.user).as_bytes());
    }
    field.quoted("realm", signed.realm);
    field.quoted("uri", uri.as_bytes());
    if let Some(name) = &challenge.algorithm_name {
        field.bare("algorithm", name);
    }
    field.quoted("nonce", signed.nonce);
    if let Some(qop) = signed.qop {
        field.bare("nc", signed.nc.as_bytes());
        field.bare("qop", qop.name().as_bytes());
    }
    // Without a qop the server has no use for it, but for the key of a session.
    if signed.qop.is_some() || signed.algorithm.session {
        field.quoted("cnonce", signed.cnonce.as_bytes());
    }
    field.quoted("response", response.as_bytes());
    if let Some(opaque) = &challenge.opaque {
        field.quoted("opaque", opaque);
    }
    if challenge.userhash {
        field.bare("userhash", b"true");
    }
    let mut value = HeaderValue::from_bytes(&field.0)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What stands for the user name ([RFC 7616 §3.4.4](https://www.rfc-editor.org/rfc/rfc7616#section-3.4.4)).
pub(super) fn userhash(user: &str, challenge: &Challenge) -> String {
    challenge.algorithm.hash.of(&[user.as_bytes(), &challenge.realm])
}

/// A value in the encoding of [RFC 8187](https://www.rfc-editor.org/rfc/rfc8187#section-3.2).
fn extended(value: &str) -> String {
    let mut encoded = String::from("UTF-8''");
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push('%');
            encoded.push_str(&super::algorithm::hex(&[octet]).to_ascii_uppercase());
        }
    }
    encoded
}

struct Field(Vec<u8>);

impl Field {
    fn name(&mut self, name: &str) {
        if self.0.last() != Some(&b' ') {
            self.0.extend_from_slice(b", ");
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
    }

    fn bare(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.0.extend_from_slice(value);
    }

    fn quoted(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.0.push(b'"');
        for octet in value {
            if matches!(octet, b'"' | b'\\') {
                self.0.push(b'\\');
            }
            self.0.push(*octet);
        }
        self.0.push(b'"');
    }
}

#[cfg(test)]
mod tests;
