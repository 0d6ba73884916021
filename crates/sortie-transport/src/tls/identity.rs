use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::config::provider;
use super::error::TlsError;

/// Who the client is: its certificate, those that lead from it to an authority which the server knows, and its private
/// key.
///
/// Keys are PKCS#8 ([RFC 5958](https://www.rfc-editor.org/rfc/rfc5958)), PKCS#1
/// ([RFC 8017](https://www.rfc-editor.org/rfc/rfc8017)) or SEC1 ([RFC 5915](https://www.rfc-editor.org/rfc/rfc5915)),
/// and not encrypted. All constructors check that the key is the certificate's. No output of `Debug` has the key.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// From PEM text with the certificate, those of its authorities if they are needed, and the key, in any order of
    /// certificates and key; the client's own certificate is the first.
    ///
    /// # Errors
    ///
    /// If there is no certificate, no key, a key that is encrypted or of no known kind, or one that is not the
    /// certificate's.
    pub fn pem(chain_and_key: &[u8]) -> Result<Self, TlsError> {
        Self::pem_parts(chain_and_key, chain_and_key)
    }

    /// From two PEM texts: the certificate and those of its authorities, and the key.
    ///
    /// # Errors
    ///
    /// As for [`pem`](Self::pem).
    pub fn pem_parts(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| TlsError::identity_because("the certificate is no PEM text", error))?;
        Self::checked(chain, private_key(key)?)
    }

    /// [`pem_parts`](Self::pem_parts) from two files, which may be the same one. It reads them at once and blocks
    /// meanwhile; [`CertSource::files`](super::CertSource::files) watches them.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, and as for [`pem`](Self::pem).
    pub fn files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            fs::read(path)
                .map_err(|error| TlsError::identity_because(format!("{} cannot be read", path.display()), error))
        };
        Self::pem_parts(&read(chain.as_ref())?, &read(key.as_ref())?)
    }

    /// From DER: the certificate and those of its authorities, and the key.
    ///
    /// # Errors
    ///
    /// As for [`pem`](Self::pem).
    pub fn der<C: Into<Vec<u8>>>(
        chain: impl IntoIterator<Item = C>,
        key: impl Into<Vec<u8>>,
    ) -> Result<Self, TlsError> {
        let chain = chain.into_iter().map(|der| CertificateDer::from(der.into())).collect();
        let key = PrivateKeyDer::try_from(key.into());
        Self::checked(chain, key.map_err(|_| TlsError::identity("the private key is no PKCS#8, PKCS#1 or SEC1 key"))?)
    }

    fn checked(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        if chain.is_empty() {
            return Err(TlsError::identity("there is no certificate in it"));
        }
        let provider: Arc<CryptoProvider> = provider().ok_or_else(TlsError::no_provider)?;
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|error| TlsError::identity_because("the private key cannot be used", error))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // A key that cannot say its public half is one that only the server can check.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(Self(Arc::new(certified)))
            }
            Err(rustls::Error::InconsistentKeys(error)) => Err(TlsError::identity_because(
                "the private key is not that of the first certificate",
                rustls::Error::from(error),
            )),
            Err(error) => Err(TlsError::identity_because("the certificate cannot be decoded", error)),
        }
    }

    /// The certificates, the client's own first, in DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.cert.iter().map(AsRef::as_ref)
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        self.0.clone()
    }

    /// Whether both have the same certificates, and with that the same key.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.cert == other.0.cert
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}

/// The first private key of a PEM text.
fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    // RFC 7468 §11, and the headers of RFC 1421 that openssl still writes with `-traditional`.
    if ["-----BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"].iter().any(|mark| has(pem, mark.as_bytes())) {
        return Err(TlsError::identity("the private key is encrypted; decrypt it first, with `openssl pkey` say"));
    }
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        let (kind, der) =
            section.map_err(|_| TlsError::identity("the private key is no PEM text, or a part of it is missing"))?;
        match kind {
            SectionKind::PrivateKey => return Ok(PrivateKeyDer::Pkcs8(der.into())),
            SectionKind::RsaPrivateKey => return Ok(PrivateKeyDer::Pkcs1(der.into())),
            SectionKind::EcPrivateKey => return Ok(PrivateKeyDer::Sec1(der.into())),
            _ => {}
        }
    }
    Err(TlsError::identity("there is no private key in it"))
}

fn has(text: &[u8], mark: &[u8]) -> bool {
    text.windows(mark.len()).any(|window| window == mark)
}
