use std::fmt;
use std::fs;
use std::path::Path;

use rustls::client::ServerCertVerifierBuilder;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;

use super::error::TlsError;

/// Lists of revoked certificates (CRLs, [RFC 5280 §5](https://www.rfc-editor.org/rfc/rfc5280#section-5)), and how strict
/// the check against them is. Set by [`TlsOptions::revocation`](super::TlsOptions::revocation).
///
/// By default the server's certificate and those of all authorities below the root are checked, each needs a list of its
/// issuer, and a list whose next update is overdue counts for nothing. Nothing is fetched: neither lists nor OCSP.
///
/// ```
/// use sortie_transport::tls::{Revocation, TlsOptions};
///
/// # fn run(company_ca: &[u8], list: &[u8]) -> Result<(), sortie_transport::tls::TlsError> {
/// let lists = Revocation::pem(list)?.only_end_entity(true);
/// let tls = TlsOptions::default().only_roots_pem(company_ca)?.revocation(lists).build()?;
/// # let _ = tls;
/// # Ok(())
/// # }
/// # assert!(run(b"", b"").is_err());
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Revocation {
    lists: Vec<CertificateRevocationListDer<'static>>,
    only_end_entity: bool,
    allow_unknown: bool,
    allow_expired: bool,
}

impl Revocation {
    /// These lists, in DER.
    #[must_use]
    pub fn der<L: Into<Vec<u8>>>(lists: impl IntoIterator<Item = L>) -> Self {
        let lists = lists.into_iter().map(|list| CertificateRevocationListDer::from(list.into())).collect();
        Self { lists, only_end_entity: false, allow_unknown: false, allow_expired: false }
    }

    /// The lists of a PEM text, any number of them.
    ///
    /// # Errors
    ///
    /// If there is none in it, or one that cannot be decoded.
    pub fn pem(pem: &[u8]) -> Result<Self, TlsError> {
        let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
        let lists = lists.map_err(|error| TlsError::because("the PEM text cannot be decoded", error))?;
        if lists.is_empty() {
            return Err(TlsError::setup("there is no revocation list in it"));
        }
        Ok(Self::der(lists.iter().map(|list| list.to_vec())))
    }

    /// [`pem`](Self::pem) of the text in a file, or [`der`](Self::der) if it is none. It blocks.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and as for [`pem`](Self::pem).
    pub fn file(path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let path = path.as_ref();
        let content = fs::read(path).map_err(|error| TlsError::file(path, error))?;
        // A DER value begins with the tag of a sequence, which no PEM text does.
        if content.first() == Some(&0x30) { Ok(Self::der([content])) } else { Self::pem(&content) }
    }

    /// These lists, and those of `more`.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.lists.extend(more.lists);
        self
    }

    /// Whether the server's own certificate alone is checked. By default those of the authorities are, too.
    #[must_use]
    pub fn only_end_entity(self, only: bool) -> Self {
        Self { only_end_entity: only, ..self }
    }

    /// Whether a certificate is accepted for which there is no list of its issuer. By default it is refused.
    #[must_use]
    pub fn allow_unknown(self, allow: bool) -> Self {
        Self { allow_unknown: allow, ..self }
    }

    /// Whether a list counts whose next update is overdue. By default it does not.
    #[must_use]
    pub fn allow_expired(self, allow: bool) -> Self {
        Self { allow_expired: allow, ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    pub(super) fn apply(self, verifier: ServerCertVerifierBuilder) -> ServerCertVerifierBuilder {
        let mut verifier = verifier.with_crls(self.lists);
        if self.only_end_entity {
            verifier = verifier.only_check_end_entity_revocation();
        }
        if self.allow_unknown {
            verifier = verifier.allow_unknown_revocation_status();
        }
        if !self.allow_expired {
            verifier = verifier.enforce_revocation_expiration();
        }
        verifier
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation")
            .field("lists", &self.lists.len())
            .field("only_end_entity", &self.only_end_entity)
            .field("allow_unknown", &self.allow_unknown)
            .field("allow_expired", &self.allow_expired)
            .finish()
    }
}
