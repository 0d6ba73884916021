//! Who verifies the server's certificate.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;
use tokio::sync::OnceCell;

use super::error::TlsError;
use super::pins::{Pin, Pins};
use super::revocation::Revocation;
use super::roots::{self, Roots};
use super::verify::{AnyCertificate, Checked, PLATFORM_IS_WEBPKI};

/// What the check of the server's certificate goes without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Waived {
    #[default]
    Nothing,
    Name,
    Everything,
}

pub(super) enum Trust {
    Ready(Arc<dyn ServerCertVerifier>),
    Platform(Platform),
}

/// The platform's verifier. It reads files or asks the system, so it is made when it is needed.
pub(super) struct Platform {
    extra: Vec<CertificateDer<'static>>,
    pins: Vec<Pin>,
    any_name: bool,
    made: OnceCell<Arc<dyn ServerCertVerifier>>,
}

impl Trust {
    pub(super) fn new(
        roots: Roots,
        revocation: Option<Revocation>,
        pins: Vec<Pin>,
        waived: Waived,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let any_name = waived == Waived::Name;
        let known = roots.known()?;
        if revocation.as_ref().is_some_and(Revocation::is_empty) {
            return Err(TlsError::setup("there is no list in TlsOptions::revocation"));
        }
        if waived == Waived::Everything {
            let verifier = Arc::new(AnyCertificate(provider.signature_verification_algorithms));
            let pins = pinned(pins, provider, known)?;
            return Ok(Self::Ready(Arc::new(Checked { verifier, any_name, pins })));
        }
        match roots {
            Roots::Platform(_) if revocation.is_some() => Err(TlsError::setup(
                "the platform's verifier takes no revocation lists; \
                 give roots with TlsOptions::only_roots or webpki_roots",
            )),
            Roots::Platform(_) if any_name && !PLATFORM_IS_WEBPKI => Err(TlsError::setup(
                "this platform's verifier always checks the name; \
                 give roots with TlsOptions::only_roots or webpki_roots",
            )),
            Roots::Platform(extra) => Ok(Self::Platform(Platform { extra, pins, any_name, made: OnceCell::new() })),
            _ => {
                let pins = pinned(pins, provider, known.clone())?;
                let verifier = roots::verifier(provider.clone(), known, revocation)?;
                Ok(Self::Ready(Arc::new(Checked { verifier, any_name, pins })))
            }
        }
    }

    pub(super) async fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let platform = match self {
            Self::Ready(verifier) => return Ok(verifier.clone()),
            Self::Platform(platform) => platform,
        };
        let make = || async {
            let Platform { extra, pins, any_name, .. } = platform;
            let (extra, pins, any_name, provider) = (extra.clone(), pins.clone(), *any_name, provider.clone());
            let made = tokio::task::spawn_blocking(move || make_platform(extra, pins, any_name, provider)).await;
            made.map_err(TlsError::platform)?
        };
        platform.made.get_or_try_init(make).await.cloned()
    }
}

fn make_platform(
    extra: Vec<CertificateDer<'static>>,
    pins: Vec<Pin>,
    any_name: bool,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let pins = pinned(pins, &provider, Roots::Only(extra.clone()).known()?)?;
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider);
    Ok(Arc::new(Checked { verifier: Arc::new(verifier.map_err(TlsError::platform)?), any_name, pins }))
}

fn pinned(pins: Vec<Pin>, provider: &CryptoProvider, known: rustls::RootCertStore) -> Result<Option<Pins>, TlsError> {
    if pins.is_empty() { Ok(None) } else { Pins::new(pins, provider, known.roots).map(Some) }
}
