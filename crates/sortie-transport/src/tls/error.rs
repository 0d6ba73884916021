use std::error::Error;
use std::fmt;
use std::io;

use rustls::CertificateError;
use sortie_core::BoxError;

/// TLS could not be set up, or a handshake failed: which check, and for which name.
#[derive(Debug)]
pub struct TlsError {
    kind: TlsErrorKind,
    name: Option<Box<str>>,
    source: Option<BoxError>,
}

/// What failed in TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The server's certificate cannot be decoded, is not signed as it says, or fails a check that has no kind of its
    /// own.
    BadCertificate,
    /// The server's certificate has expired.
    Expired,
    /// The handshake failed otherwise: no common version or cipher, an alert, or the connection ended.
    Handshake,
    /// The server's name is no DNS name and no address.
    InvalidName,
    /// The server did not agree to HTTP/2, and nothing else was offered (`Versions::Http2Only`).
    NoHttp2,
    /// The server's certificate is not valid yet.
    NotValidYet,
    /// The certificate has been revoked.
    Revoked,
    /// The policy cannot be set up: a root that is no certificate, no roots at all, or no crypto provider.
    Setup,
    /// The server's certificate leads to no root that is trusted; a self-signed one never does.
    UnknownIssuer,
    /// The server's certificate is for other names.
    WrongName,
}

impl TlsError {
    /// What failed.
    #[must_use]
    pub fn kind(&self) -> TlsErrorKind {
        self.kind
    }

    /// The server's name or address, for a failed handshake.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn no_provider() -> Self {
        Self::setup("no crypto provider is compiled in; enable the feature `aws-lc-rs` or `ring`")
    }

    pub(super) fn no_roots() -> Self {
        Self::setup("there is no certificate among the roots")
    }

    pub(super) fn setup(source: impl Into<BoxError>) -> Self {
        Self { kind: TlsErrorKind::Setup, name: None, source: Some(source.into()) }
    }

    pub(super) fn root(source: rustls::Error) -> Self {
        Self::setup(Because("a root is no certificate", source.into()))
    }

    pub(super) fn pem(source: rustls_pki_types::pem::Error) -> Self {
        Self::setup(Because("the PEM text cannot be decoded", source.into()))
    }

    pub(super) fn platform(source: impl Into<BoxError>) -> Self {
        const WHAT: &str = "the platform's certificate verifier is not available; give roots with \
                            TlsOptions::only_roots, or use the feature `webpki-roots`";
        Self::setup(Because(WHAT, source.into()))
    }

    pub(super) fn name(host: &str, source: rustls_pki_types::InvalidDnsNameError) -> Self {
        Self { kind: TlsErrorKind::InvalidName, name: Some(host.into()), source: Some(source.into()) }
    }

    pub(super) fn no_http2(host: &str) -> Self {
        Self { kind: TlsErrorKind::NoHttp2, name: Some(host.into()), source: None }
    }

    pub(super) fn handshake(host: &str, error: io::Error) -> Self {
        let kind = match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(error)) => of_certificate(error),
            Some(rustls::Error::NoCertificatesPresented) => TlsErrorKind::BadCertificate,
            Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)) => {
                TlsErrorKind::NoHttp2
            }
            _ => TlsErrorKind::Handshake,
        };
        Self { kind, name: Some(host.into()), source: Some(error.into()) }
    }
}

fn of_certificate(error: &CertificateError) -> TlsErrorKind {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsErrorKind::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsErrorKind::NotValidYet,
        CertificateError::Revoked => TlsErrorKind::Revoked,
        CertificateError::UnknownIssuer => TlsErrorKind::UnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsErrorKind::WrongName,
        _ => TlsErrorKind::BadCertificate,
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("the server");
        match self.kind {
            TlsErrorKind::BadCertificate => write!(f, "the certificate of {name} is not acceptable"),
            TlsErrorKind::Expired => write!(f, "the certificate of {name} has expired"),
            TlsErrorKind::Handshake => write!(f, "the TLS handshake with {name} failed"),
            TlsErrorKind::InvalidName => write!(f, "{name} is no name that a certificate could have"),
            TlsErrorKind::NoHttp2 => write!(f, "{name} did not agree to HTTP/2, and nothing else was offered"),
            TlsErrorKind::NotValidYet => write!(f, "the certificate of {name} is not valid yet"),
            TlsErrorKind::Revoked => write!(f, "the certificate of {name} has been revoked"),
            TlsErrorKind::Setup => f.write_str("TLS cannot be set up"),
            TlsErrorKind::UnknownIssuer => write!(
                f,
                "the certificate of {name} leads to no trusted root (TlsOptions::extra_roots trusts further ones)"
            ),
            TlsErrorKind::WrongName => write!(f, "the certificate of the server is not for {name}"),
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[derive(Debug)]
struct Because(&'static str, BoxError);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Because {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.1)
    }
}
