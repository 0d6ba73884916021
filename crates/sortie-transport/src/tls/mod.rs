//! Whom to trust over `https`, and what was agreed upon.
//!
//! [`TlsOptions`] say it, [`TlsOptions::build`] checks it and gives a [`Tls`]: a cheap handle whose identity is part of
//! the route, so that two policies never share a connection.
//!
//! # Example
//!
//! ```
//! use sortie_transport::tls::TlsOptions;
//! use sortie_transport::{Transport, TransportOptions};
//!
//! # fn run(company_ca: &[u8]) -> Result<(), sortie_transport::tls::TlsError> {
//! let tls = TlsOptions::default().extra_roots_pem(company_ca)?.build()?;
//! let transport = Transport::new(TransportOptions::default().tls(tls));
//! # let _ = transport;
//! # Ok(())
//! # }
//! # assert!(run(b"no certificate here").is_err());
//! ```
//!
//! # Differences from requests
//!
//! `verify=True` trusts a list of roots that comes with requests (certifi); here it is the platform's verifier, with
//! the roots and rules of the operating system. `verify="ca.pem"` is [`TlsOptions::only_roots_pem`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use sortie_core::BoxError;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect::Raw;
use crate::options::Versions;
use crate::road::TlsId;

mod error;
mod info;

pub use error::{TlsError, TlsErrorKind};
pub use info::TlsInfo;

/// Whom to trust. The default is the platform's verifier.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TlsOptions {
    roots: Roots,
}

#[derive(Clone)]
enum Roots {
    /// What the operating system trusts, and these.
    Platform(Vec<CertificateDer<'static>>),
    /// These alone.
    Only(Vec<CertificateDer<'static>>),
    #[cfg(feature = "webpki-roots")]
    Mozilla(Vec<CertificateDer<'static>>),
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

impl TlsOptions {
    /// Trusts these roots too, beside those that are trusted already. DER, one certificate each.
    #[must_use]
    pub fn extra_roots<C: Into<Vec<u8>>>(mut self, certificates: impl IntoIterator<Item = C>) -> Self {
        let certificates = certificates.into_iter().map(|der| CertificateDer::from(der.into()));
        match &mut self.roots {
            Roots::Platform(roots) | Roots::Only(roots) => roots.extend(certificates),
            #[cfg(feature = "webpki-roots")]
            Roots::Mozilla(roots) => roots.extend(certificates),
        }
        self
    }

    /// [`extra_roots`](Self::extra_roots) from PEM text with any number of certificates.
    ///
    /// # Errors
    ///
    /// If there is no certificate in it, or one that cannot be decoded.
    pub fn extra_roots_pem(self, pem: &[u8]) -> Result<Self, TlsError> {
        Ok(self.extra_roots(certificates(pem)?))
    }

    /// Trusts these roots and no others. DER, one certificate each.
    #[must_use]
    pub fn only_roots<C: Into<Vec<u8>>>(self, certificates: impl IntoIterator<Item = C>) -> Self {
        Self { roots: Roots::Only(Vec::new()) }.extra_roots(certificates)
    }

    /// [`only_roots`](Self::only_roots) from PEM text with any number of certificates.
    ///
    /// # Errors
    ///
    /// If there is no certificate in it, or one that cannot be decoded.
    pub fn only_roots_pem(self, pem: &[u8]) -> Result<Self, TlsError> {
        Ok(self.only_roots(certificates(pem)?))
    }

    /// Trusts Mozilla's roots as they were when this program was built, and no others.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub fn webpki_roots(self) -> Self {
        Self { roots: Roots::Mozilla(Vec::new()) }
    }

    /// A handle of its own identity.
    ///
    /// The platform's roots are read at the first connect that needs them, off the runtime's threads, so their failure
    /// is an error of that connect.
    ///
    /// # Errors
    ///
    /// If a root is no certificate, or no crypto provider is compiled in (features `aws-lc-rs` and `ring`).
    pub fn build(self) -> Result<Tls, TlsError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let provider = provider().ok_or_else(TlsError::no_provider)?;
        let source = match self.roots {
            Roots::Platform(extra) => {
                store(RootCertStore::empty(), &extra)?;
                Source::Platform { extra, config: OnceCell::new() }
            }
            Roots::Only(roots) => Source::Ready(webpki(provider, store(RootCertStore::empty(), &roots)?)?),
            #[cfg(feature = "webpki-roots")]
            Roots::Mozilla(extra) => {
                let mozilla = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
                Source::Ready(webpki(provider, store(mozilla, &extra)?)?)
            }
        };
        Ok(Tls(Arc::new(Inner { id: NEXT.fetch_add(1, Ordering::Relaxed), source })))
    }
}

/// `store` with `roots`, each of which must be a certificate.
fn store(mut store: RootCertStore, roots: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    for root in roots {
        store.add(root.clone()).map_err(TlsError::root)?;
    }
    Ok(store)
}

fn webpki(provider: Arc<CryptoProvider>, roots: RootCertStore) -> Result<Configs, TlsError> {
    if roots.is_empty() {
        return Err(TlsError::no_roots());
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build();
    configs(provider, verifier.map_err(TlsError::setup)?)
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(TlsError::pem)?;
    if found.is_empty() {
        return Err(TlsError::no_roots());
    }
    Ok(found.iter().map(|certificate| certificate.to_vec()).collect())
}

/// A TLS policy, made by [`TlsOptions::build`]. Clones are the same policy; the default is the platform's verifier.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    id: TlsId,
    source: Source,
}

enum Source {
    Ready(Configs),
    Platform { extra: Vec<CertificateDer<'static>>, config: OnceCell<Configs> },
}

/// One configuration for each offer of ALPN, over the same verifier and the same session cache.
#[derive(Clone)]
struct Configs {
    auto: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

/// The policy that no one configured is the same in all transports, and made once in a process.
static DEFAULT: std::sync::LazyLock<Tls> = std::sync::LazyLock::new(|| {
    Tls(Arc::new(Inner { id: 0, source: Source::Platform { extra: Vec::new(), config: OnceCell::new() } }))
});

impl Default for Tls {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("id", &self.0.id).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn id(&self) -> TlsId {
        self.0.id
    }

    /// The TLS handshake with `host` over `raw`.
    pub(crate) async fn connect(
        &self,
        host: &str,
        versions: Versions,
        raw: Raw,
    ) -> Result<(TlsStream<Raw>, TlsInfo), BoxError> {
        let name = ServerName::try_from(host).map_err(|error| TlsError::name(host, error))?.to_owned();
        let config = self.config(versions).await?;
        let stream = TlsConnector::from(config).connect(name, raw).await;
        let stream = stream.map_err(|error| TlsError::handshake(host, error))?;
        let info = TlsInfo::of(stream.get_ref().1);
        if versions == Versions::Http2Only && info.alpn() != Some(b"h2") {
            return Err(TlsError::no_http2(host).into());
        }
        Ok((stream, info))
    }

    async fn config(&self, versions: Versions) -> Result<Arc<ClientConfig>, TlsError> {
        let configs = match &self.0.source {
            Source::Ready(configs) => configs,
            Source::Platform { extra, config } => {
                config
                    .get_or_try_init(|| async {
                        let extra = extra.clone();
                        // It reads files, or asks the system.
                        let made = tokio::task::spawn_blocking(|| platform(extra)).await;
                        made.map_err(TlsError::platform)?
                    })
                    .await?
            }
        };
        Ok(match versions {
            Versions::Auto => &configs.auto,
            Versions::Http1Only => &configs.http1,
            Versions::Http2Only => &configs.http2,
        }
        .clone())
    }
}

fn platform(extra: Vec<CertificateDer<'static>>) -> Result<Configs, TlsError> {
    let provider = provider().ok_or_else(TlsError::no_provider)?;
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider.clone());
    configs(provider, Arc::new(verifier.map_err(TlsError::platform)?))
}

fn configs(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn rustls::client::danger::ServerCertVerifier>,
) -> Result<Configs, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::setup)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let mut offering = |alpn: &[&[u8]]| {
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config.clone())
    };
    Ok(Configs { auto: offering(&[b"h2", b"http/1.1"]), http1: offering(&[b"http/1.1"]), http2: offering(&[b"h2"]) })
}

/// The provider that was compiled in, never the process's default.
fn provider() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "aws-lc-rs")]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    None
}
