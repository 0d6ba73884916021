use std::fmt;

use rustls::{ClientConnection, ProtocolVersion, SupportedCipherSuite};
use rustls_pki_types::CertificateDer;

/// What a TLS handshake agreed upon.
#[derive(Clone)]
pub struct TlsInfo {
    version: Option<ProtocolVersion>,
    cipher: Option<SupportedCipherSuite>,
    alpn: Option<Box<[u8]>>,
    certificates: Box<[CertificateDer<'static>]>,
}

impl TlsInfo {
    pub(super) fn of(connection: &ClientConnection) -> Self {
        Self {
            version: connection.protocol_version(),
            cipher: connection.negotiated_cipher_suite(),
            alpn: connection.alpn_protocol().map(Into::into),
            certificates: connection.peer_certificates().unwrap_or_default().into(),
        }
    }

    /// The protocol version in its usual words, such as `TLSv1.3`.
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        match self.version? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// The cipher suite by its IANA name, such as `TLS13_AES_256_GCM_SHA384`.
    #[must_use]
    pub fn cipher(&self) -> Option<&'static str> {
        self.cipher?.suite().as_str()
    }

    /// The application protocol that the server chose (ALPN), such as `h2`.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// The certificates that the server sent, its own first, in DER.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version())
            .field("cipher", &self.cipher())
            .field("alpn", &self.alpn().map(String::from_utf8_lossy))
            .field("peer_certificates", &self.certificates.len())
            .finish()
    }
}
