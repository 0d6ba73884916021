use std::fmt;

use rustls::{ClientConnection, HandshakeKind, NamedGroup, ProtocolVersion, SupportedCipherSuite};
use rustls_pki_types::CertificateDer;

/// What a TLS handshake agreed upon.
#[derive(Clone)]
pub struct TlsInfo {
    server_name: Box<str>,
    version: Option<ProtocolVersion>,
    cipher: Option<SupportedCipherSuite>,
    key_exchange: Option<NamedGroup>,
    resumed: bool,
    alpn: Option<Box<[u8]>>,
    certificates: Box<[CertificateDer<'static>]>,
}

impl TlsInfo {
    pub(super) fn of(connection: &ClientConnection, server_name: &str) -> Self {
        Self {
            server_name: server_name.into(),
            version: connection.protocol_version(),
            cipher: connection.negotiated_cipher_suite(),
            key_exchange: connection.negotiated_key_exchange_group().map(|group| group.name()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            alpn: connection.alpn_protocol().map(Into::into),
            certificates: connection.peer_certificates().unwrap_or_default().into(),
        }
    }

    /// The name or address that the server's certificate was to be for.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.server_name
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

    /// The group of the key exchange by its IANA name, such as `X25519MLKEM768`. A TLS 1.2 session that was resumed has
    /// none.
    #[must_use]
    pub fn key_exchange(&self) -> Option<&'static str> {
        self.key_exchange?.as_str()
    }

    /// Whether an earlier session was resumed, which spares the certificates and most of the arithmetic.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// The application protocol that the server chose (ALPN), such as `h2`.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// The certificates that the server sent, its own first, in DER; for a session that was resumed, those of its first
    /// handshake.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("server_name", &self.server_name())
            .field("version", &self.version())
            .field("cipher", &self.cipher())
            .field("key_exchange", &self.key_exchange())
            .field("is_resumed", &self.is_resumed())
            .field("alpn", &self.alpn().map(String::from_utf8_lossy))
            .field("peer_certificates", &self.certificates.len())
            .finish()
    }
}
