use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::error::TlsError;
use super::revocation::Revocation;

/// Who is trusted to certify servers.
#[derive(Clone)]
pub(super) enum Roots {
    /// Those whom the operating system trusts, and these.
    Platform(Vec<CertificateDer<'static>>),
    /// These alone.
    Only(Vec<CertificateDer<'static>>),
    #[cfg(feature = "webpki-roots")]
    Mozilla(Vec<CertificateDer<'static>>),
}

impl Roots {
    pub(super) fn add(&mut self, certificates: impl IntoIterator<Item = CertificateDer<'static>>) {
        match self {
            Self::Platform(roots) | Self::Only(roots) => roots.extend(certificates),
            #[cfg(feature = "webpki-roots")]
            Self::Mozilla(roots) => roots.extend(certificates),
        }
    }

    /// Those of them that are known here: the platform's own are not.
    pub(super) fn known(&self) -> Result<RootCertStore, TlsError> {
        let (mut store, more) = match self {
            Self::Platform(roots) | Self::Only(roots) => (RootCertStore::empty(), roots),
            #[cfg(feature = "webpki-roots")]
            Self::Mozilla(roots) => (RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, roots),
        };
        for root in more {
            store.add(root.clone()).map_err(|error| TlsError::because("a root is no certificate", error))?;
        }
        Ok(store)
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self::Platform(Vec::new())
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform(extra) => write!(f, "the platform's and {} more", extra.len()),
            Self::Only(roots) => write!(f, "only {}", roots.len()),
            #[cfg(feature = "webpki-roots")]
            Self::Mozilla(extra) => write!(f, "Mozilla's and {} more", extra.len()),
        }
    }
}

/// A verifier by these roots, and the lists if there are any.
pub(super) fn verifier(
    provider: Arc<CryptoProvider>,
    roots: RootCertStore,
    revocation: Option<Revocation>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if roots.is_empty() {
        return Err(no_roots());
    }
    let mut builder = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
    if let Some(revocation) = revocation {
        builder = revocation.apply(builder);
    }
    Ok(builder.build().map_err(|error| TlsError::because("a revocation list cannot be used", error))?)
}

/// The certificates of a PEM text: there has to be one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| TlsError::because("the PEM text cannot be decoded", error))?;
    if found.is_empty() {
        return Err(no_roots());
    }
    Ok(found.iter().map(|certificate| certificate.to_vec()).collect())
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::file(path, error))
}

fn no_roots() -> TlsError {
    TlsError::setup("there is no certificate among the roots")
}
