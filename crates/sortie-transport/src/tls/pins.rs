//! Public keys that a server's chain has to have.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::hash::{Hash, HashAlgorithm};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::error::TlsError;

/// The text before the digest in base64, as in RFC 7469's `pin-sha256` and in OkHttp.
const PREFIX: &str = "sha256/";

/// A pin for the names that a pattern covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    pattern: Pattern,
    digest: [u8; 32],
}

/// Which names a pin is for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// This one.
    Exact(Box<str>),
    /// `*.`: one label before this suffix, which begins with a dot.
    OneLabel(Box<str>),
    /// `**.`: any number of labels before this suffix, or none.
    Below(Box<str>),
}

impl Pattern {
    fn of(pattern: &str) -> Option<Self> {
        let pattern = pattern.strip_suffix('.').unwrap_or(pattern).to_ascii_lowercase();
        let (made, rest): (fn(Box<str>) -> Self, _) = if let Some(rest) = pattern.strip_prefix("**") {
            (Self::Below, rest)
        } else if let Some(rest) = pattern.strip_prefix('*') {
            (Self::OneLabel, rest)
        } else {
            (Self::Exact, &*pattern)
        };
        let is_exact = rest.len() == pattern.len();
        let name = if is_exact { rest } else { rest.strip_prefix('.')? };
        let is_name = !name.is_empty() && !name.contains('*');
        is_name.then(|| made(rest.into()))
    }

    /// Whether it covers a name in lower case.
    fn covers(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *name,
            Self::OneLabel(suffix) => {
                name.strip_suffix(&**suffix).is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
            Self::Below(suffix) => name.ends_with(&**suffix) || suffix[1..] == *name,
        }
    }
}

impl Pin {
    pub(super) fn of(pattern: &str, pin: &str) -> Result<Self, TlsError> {
        let not_a_pattern = || TlsError::setup(format!("{pattern:?} is no name, `*.` or `**.` and a name"));
        let not_a_pin = || TlsError::setup(format!("{pin:?} is no pin: `{PREFIX}` and 32 octets in base64"));
        let pattern = Pattern::of(pattern).ok_or_else(not_a_pattern)?;
        let digest = pin.strip_prefix(PREFIX).and_then(|digest| STANDARD.decode(digest).ok());
        let digest = digest.and_then(|digest| digest.try_into().ok()).ok_or_else(not_a_pin)?;
        Ok(Self { pattern, digest })
    }
}

/// No certificate of the chain is pinned. It says what was presented: digests of public keys, which are public.
#[derive(Debug)]
pub(super) struct PinMismatch {
    pub(super) presented: Arc<[String]>,
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no certificate of the chain is pinned")
    }
}

impl std::error::Error for PinMismatch {}

/// All pins of a policy, and what they are checked with.
pub(super) struct Pins {
    pins: Vec<Pin>,
    sha256: &'static dyn Hash,
    algorithms: WebPkiSupportedAlgorithms,
    /// The roots that are known; servers seldom send theirs.
    roots: Vec<TrustAnchor<'static>>,
}

impl Pins {
    pub(super) fn new(
        pins: Vec<Pin>,
        provider: &CryptoProvider,
        roots: Vec<TrustAnchor<'static>>,
    ) -> Result<Self, TlsError> {
        let hashes = provider.cipher_suites.iter().map(|suite| match suite {
            rustls::SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
            rustls::SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
        });
        let sha256 = hashes.into_iter().find(|hash| hash.algorithm() == HashAlgorithm::SHA256);
        let sha256 = sha256.ok_or_else(|| TlsError::setup("the crypto provider has no SHA-256 for the pins"))?;
        Ok(Self { pins, sha256, algorithms: provider.signature_verification_algorithms, roots })
    }

    /// Whether the server's key is pinned for the name, or that of a certificate which certifies it: one that merely
    /// came along proves nothing (CVE-2016-2402). So each candidate is taken for a root, and has to verify as such.
    pub(super) fn check(
        &self,
        name: &ServerName<'_>,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), PinMismatch> {
        let name = name.to_str().to_ascii_lowercase();
        let pinned: Vec<_> = self.pins.iter().filter(|pin| pin.pattern.covers(&name)).map(|pin| &pin.digest).collect();
        if pinned.is_empty() {
            return Ok(());
        }
        let is_pinned = |spki: &[u8]| pinned.iter().any(|digest| digest[..] == *self.sha256.hash(spki).as_ref());
        let presented: Vec<_> = [end_entity].into_iter().chain(intermediates).filter_map(spki).collect();
        let leaf = spki(end_entity).is_some_and(|spki| is_pinned(&spki));
        let above = intermediates.iter().filter(|certificate| spki(certificate).is_some_and(|spki| is_pinned(&spki)));
        let above = above.filter_map(|certificate| anchor_from_trusted_cert(certificate).ok());
        let roots = self.roots.iter().filter(|root| is_pinned(&whole(&root.subject_public_key_info))).cloned();
        let certifies = |anchor| {
            EndEntityCert::try_from(end_entity).is_ok_and(|leaf| {
                let usage = KeyUsage::server_auth();
                leaf.verify_for_usage(self.algorithms.all, &[anchor], intermediates, now, usage, None, None).is_ok()
            })
        };
        if leaf || above.chain(roots).any(certifies) {
            return Ok(());
        }
        Err(PinMismatch { presented: presented.iter().map(|spki| self.pin(spki)).collect() })
    }

    fn pin(&self, spki: &[u8]) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.sha256.hash(spki).as_ref()))
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.pins).finish()
    }
}

/// The SubjectPublicKeyInfo of a certificate ([RFC 5280 §4.1.2.7](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7)).
fn spki(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = EndEntityCert::try_from(certificate).ok()?;
    Some(parsed.subject_public_key_info().to_vec())
}

/// A SubjectPublicKeyInfo with the tag and the length that a trust anchor's goes without.
fn whole(content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().position(|octet| *octet != 0).unwrap_or(length.len() - 1)..];
    let mut der = vec![0x30];
    if content.len() < 0x80 {
        der.extend(length);
    } else {
        der.push(0x80 | length.len() as u8);
        der.extend(length);
    }
    der.extend(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_a_name_one_label_or_all_below() {
        for (pattern, covered, others) in [
            ("Example.com", &["example.com"][..], &["a.example.com", "xample.com", "example.org"][..]),
            ("*.example.com", &["a.example.com"], &["example.com", "a.b.example.com", ".example.com", "aexample.com"]),
            ("**.example.com", &["example.com", "a.example.com", "a.b.example.com"], &["aexample.com", "com"]),
            ("192.0.2.1", &["192.0.2.1"], &["192.0.2.10"]),
            ("::1", &["::1"], &["::2"]),
        ] {
            let parsed = Pattern::of(pattern).unwrap();
            covered.iter().for_each(|name| assert!(parsed.covers(name), "{pattern} {name}"));
            others.iter().for_each(|name| assert!(!parsed.covers(name), "{pattern} {name}"));
        }
        for pattern in ["", "*", "*.", "**.", "*example.com", "***.example.com", "a.*.com", "*.*.com"] {
            assert_eq!(Pattern::of(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_pin_is_a_sha256_in_base64() {
        assert!(Pin::of("a.test", &format!("sha256/{}", STANDARD.encode([7; 32]))).is_ok());
        for pin in ["", "sha256/", "sha256/AAAA", "sha1/AAAA", &STANDARD.encode([7; 32])] {
            let error = Pin::of("a.test", pin).unwrap_err();
            assert!(format!("{:?}", error).contains("32 octets"), "{error:?}");
        }
    }

    #[test]
    fn a_length_takes_as_many_octets_as_it_needs() {
        for (length, head) in [
            (0_usize, &[0x30, 0][..]),
            (0x7f, &[0x30, 0x7f]),
            (0x80, &[0x30, 0x81, 0x80]),
            (0x126, &[0x30, 0x82, 1, 0x26]),
        ] {
            assert!(whole(&vec![0; length]).starts_with(head), "{length}");
        }
    }
}
