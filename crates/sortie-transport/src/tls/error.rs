use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sortie_core::BoxError;

use super::failure::{self, Failure, Ours};

/// TLS could not be set up, or a handshake failed: which check, for which name, and which setting concerns it.
#[derive(Clone, Debug)]
pub struct TlsError {
    kind: TlsErrorKind,
    name: Option<Box<str>>,
    self_signed: bool,
    pins: Arc<[String]>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What failed in TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The server's certificate cannot be decoded, is not signed as it says, or fails a check that has no kind of its
    /// own.
    BadCertificate,
    /// The server's certificate is not one for servers: its extended key usage is another
    /// ([RFC 5280 §4.2.1.12](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12)), or it is an authority's.
    BadPurpose,
    /// The server did not accept the client's certificate. With TLS 1.3 it says so after the handshake, so that this can
    /// be the failure of the first exchange on a connection.
    ClientCertificateRefused,
    /// The server requires a certificate of the client, and there was none. It may say so after the handshake, like
    /// [`ClientCertificateRefused`](Self::ClientCertificateRefused).
    ClientCertificateRequired,
    /// The server's certificate has expired.
    Expired,
    /// The handshake failed otherwise: an alert that has no kind of its own, or the connection ended.
    Handshake,
    /// The client's identity cannot be used: no certificate, no key, an encrypted key, a key of another certificate, or
    /// its source failed.
    Identity,
    /// The server's name is no DNS name and no address.
    InvalidName,
    /// An authority in the chain may not certify this name
    /// ([RFC 5280 §4.2.1.10](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10)).
    NameConstraints,
    /// Client and server have no cipher suite, key exchange or signature scheme in common.
    NoCommonCipher,
    /// The server speaks none of the application protocols that were offered by ALPN.
    NoCommonProtocol,
    /// Client and server have no version of TLS in common.
    NoCommonVersion,
    /// HTTP/2 was not agreed upon, and nothing else may be spoken (`Versions::Http2Only`).
    NoHttp2,
    /// What answered speaks no TLS: plain HTTP on this port, most often.
    NotTls,
    /// The server's certificate is not valid yet.
    NotValidYet,
    /// The chain is valid, but no certificate in it is one of those pinned for the name.
    PinMismatch,
    /// The certificate, or that of an authority in its chain, has been revoked.
    Revoked,
    /// The policy cannot be set up: a root that is no certificate, no roots at all, settings that contradict each other,
    /// a file that cannot be read, or no crypto provider.
    Setup,
    /// The server's certificate leads to no root that is trusted; a self-signed one never does.
    UnknownIssuer,
    /// The server has nothing under the name that it was told (SNI).
    UnknownName,
    /// There are revocation lists, and none says, with a valid signature and in time, whether the certificate has been
    /// revoked.
    UnknownRevocationStatus,
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

    /// The pins of the certificates that the server sent, its own first, where none was the right one.
    #[must_use]
    pub fn presented_pins(&self) -> &[String] {
        &self.pins
    }

    fn new(kind: TlsErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, name: None, self_signed: false, pins: Arc::default(), source: Some(source.into().into()) }
    }

    fn of_server(kind: TlsErrorKind, name: &str) -> Self {
        Self { kind, name: Some(name.into()), self_signed: false, pins: Arc::default(), source: None }
    }

    pub(super) fn setup(source: impl Into<BoxError>) -> Self {
        Self::new(TlsErrorKind::Setup, source)
    }

    pub(super) fn identity(source: impl Into<BoxError>) -> Self {
        Self::new(TlsErrorKind::Identity, source)
    }

    /// [`setup`](Self::setup), with the reason for it below.
    pub(super) fn because(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::setup(Because(what.into(), source.into()))
    }

    pub(super) fn identity_because(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::identity(Because(what.into(), source.into()))
    }

    pub(super) fn no_provider() -> Self {
        Self::setup("no crypto provider is compiled in; enable the feature `aws-lc-rs` or `ring`")
    }

    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        Self::because(format!("{} cannot be used", path.display()), source)
    }

    pub(super) fn platform(source: impl Into<BoxError>) -> Self {
        const WHAT: &str = "the platform's certificate verifier is not available; give roots with \
                            TlsOptions::only_roots, or use the feature `webpki-roots`";
        Self::because(WHAT, source)
    }

    pub(super) fn name(host: &str, source: rustls_pki_types::InvalidDnsNameError) -> Self {
        Self { name: Some(host.into()), ..Self::new(TlsErrorKind::InvalidName, source) }
    }

    pub(super) fn no_http2(name: &str) -> Self {
        Self::of_server(TlsErrorKind::NoHttp2, name)
    }

    /// That there is no common protocol means that there is no HTTP/2, where nothing else was offered.
    pub(super) fn where_only_http2_was_offered(self) -> Self {
        let no_protocol = self.kind == TlsErrorKind::NoCommonProtocol;
        Self { kind: if no_protocol { TlsErrorKind::NoHttp2 } else { self.kind }, ..self }
    }

    /// What a handshake, or a connection after it, failed with.
    pub(super) fn failed(name: &str, ours: Ours, error: io::Error) -> Self {
        let Failure { kind, self_signed, pins } = failure::of(&error, ours);
        Self { self_signed, pins, source: Some(Arc::new(error)), ..Self::of_server(kind, name) }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("the server");
        match self.kind {
            TlsErrorKind::BadCertificate => write!(f, "the certificate of {name} is not acceptable"),
            TlsErrorKind::BadPurpose => write!(f, "the certificate of {name} is not one for servers"),
            TlsErrorKind::ClientCertificateRefused => {
                write!(f, "{name} does not accept the client's certificate (TlsOptions::identity, cert_source)")
            }
            TlsErrorKind::ClientCertificateRequired => {
                write!(f, "{name} requires a client certificate (TlsOptions::identity and cert_source give one)")
            }
            TlsErrorKind::Expired => write!(f, "the certificate of {name} has expired"),
            TlsErrorKind::Handshake => write!(f, "the TLS handshake with {name} failed"),
            TlsErrorKind::Identity => {
                f.write_str("the client's identity cannot be used (TlsOptions::identity, cert_source)")
            }
            TlsErrorKind::InvalidName => {
                write!(f, "{name} is no name that a certificate could have (TlsOptions::server_name gives another)")
            }
            TlsErrorKind::NameConstraints => {
                write!(f, "the certificate of {name} was issued by an authority that may not certify this name")
            }
            TlsErrorKind::NoCommonCipher => write!(f, "there is no cipher or key exchange in common with {name}"),
            TlsErrorKind::NoCommonProtocol => {
                write!(f, "{name} speaks no application protocol that was offered (TlsOptions::alpn, Versions)")
            }
            TlsErrorKind::NoCommonVersion => write!(
                f,
                "{name} speaks no version of TLS that is allowed \
                 (TlsOptions::min_version, max_version; the least is 1.2)"
            ),
            TlsErrorKind::NoHttp2 => {
                write!(f, "{name} did not agree to HTTP/2, and nothing else may be spoken (Versions::Http2Only)")
            }
            TlsErrorKind::NotTls => write!(f, "{name} speaks no TLS on this port; is it one for plain http?"),
            TlsErrorKind::NotValidYet => write!(f, "the certificate of {name} is not valid yet"),
            TlsErrorKind::PinMismatch => {
                write!(f, "no certificate of {name} is pinned (TlsOptions::pin); it sent {}", self.pins.join(", "))
            }
            TlsErrorKind::Revoked => write!(f, "the certificate of {name} has been revoked"),
            TlsErrorKind::Setup => f.write_str("TLS cannot be set up"),
            TlsErrorKind::UnknownIssuer if self.self_signed => write!(
                f,
                "the certificate of {name} is self-signed and not among the trusted ones (TlsOptions::extra_roots adds it)"
            ),
            TlsErrorKind::UnknownIssuer => write!(
                f,
                "the certificate of {name} leads to no trusted root (TlsOptions::extra_roots trusts further ones)"
            ),
            TlsErrorKind::UnknownName => {
                write!(f, "the server has nothing under the name {name} (TlsOptions::server_name, sni)")
            }
            TlsErrorKind::UnknownRevocationStatus => write!(
                f,
                "no revocation list says whether the certificate of {name} has been revoked \
                 (Revocation::allow_unknown, allow_expired)"
            ),
            TlsErrorKind::WrongName => write!(
                f,
                "the certificate of the server is not for {name} (TlsOptions::server_name expects another name)"
            ),
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[derive(Debug)]
struct Because(String, BoxError);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Because {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.1)
    }
}
