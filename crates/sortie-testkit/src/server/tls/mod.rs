use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection};
use tokio_rustls::TlsAcceptor;

use crate::{Certificate, CertificateAuthority};

/// How a [`TestServer`](crate::TestServer) serves HTTPS.
///
/// By default it has a certificate for `localhost` and 127.0.0.1 from a certificate authority of its own, and offers
/// HTTP/2 and HTTP/1.1.
///
/// ```
/// use sortie_testkit::{CertificateAuthority, ServerOptions, TlsSetup};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let authority = CertificateAuthority::new();
/// let expired = authority.issue_expired(["localhost"]);
/// let tls = TlsSetup::new().authority(authority).certificate(expired).alpn(["http/1.1"]);
/// let server = ServerOptions::new().tls(tls).serve(axum::Router::new());
/// assert!(server.url("/").starts_with("https://localhost:"));
/// # });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct TlsSetup {
    /// Which names the certificate is for, DNS names and IP addresses; [`TestServer::url`](crate::TestServer::url)
    /// uses the first. By default `localhost` and `127.0.0.1`.
    pub names: Vec<String>,
    /// Which protocols are offered by ALPN (RFC 7301), the preferred one first; none means that the extension is not
    /// answered. By default `h2` and `http/1.1`.
    pub alpn: Vec<String>,
    /// Who issues the certificate; by default an authority made for this server.
    pub authority: CertificateAuthority,
    /// The certificate; by default the authority issues one for the names.
    pub certificate: Option<Certificate>,
    /// Who issues the certificates of clients, which have to have one then; by default they are not asked for it.
    pub client_authority: Option<CertificateAuthority>,
    /// Which versions of TLS are spoken; by default 1.2 and 1.3.
    pub versions: ServedVersions,
}

/// Which versions of TLS a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServedVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// What a server came to know of a client in a TLS handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsPeer {
    /// On which connection; they are counted from 0, in the order in which they were accepted.
    pub connection: usize,
    /// The name that the client asked for (SNI).
    pub server_name: Option<String>,
    /// The client's own certificate.
    pub certificate: Option<CertificateDer<'static>>,
    /// Whether it resumed an earlier session.
    pub is_resumed: bool,
}

impl TlsPeer {
    pub(super) fn of(connection: usize, session: &ServerConnection) -> Self {
        Self {
            connection,
            server_name: session.server_name().map(str::to_owned),
            certificate: session.peer_certificates().and_then(<[_]>::first).cloned(),
            is_resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}

impl TlsSetup {
    /// The defaults, with a new certificate authority.
    pub fn new() -> Self {
        Self {
            names: owned(["localhost", "127.0.0.1"]),
            alpn: owned(["h2", "http/1.1"]),
            authority: CertificateAuthority::new(),
            certificate: None,
            client_authority: None,
            versions: ServedVersions::Both,
        }
    }

    /// Which names the certificate is for, and the URL's host.
    pub fn names<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Self { names: owned(names), ..self }
    }

    /// Which protocols are offered by ALPN, the preferred one first.
    pub fn alpn<P: Into<String>>(self, protocols: impl IntoIterator<Item = P>) -> Self {
        Self { alpn: owned(protocols), ..self }
    }

    /// Who issues the certificate: one authority can serve several servers.
    pub fn authority(self, authority: CertificateAuthority) -> Self {
        Self { authority, ..self }
    }

    /// Another certificate than the one that would be issued: expired, for another name, from another authority.
    pub fn certificate(self, certificate: Certificate) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// Demands of each client a certificate from this authority.
    pub fn client_authority(self, authority: CertificateAuthority) -> Self {
        Self { client_authority: Some(authority), ..self }
    }

    /// Which versions of TLS are spoken.
    pub fn versions(self, versions: ServedVersions) -> Self {
        Self { versions, ..self }
    }

    pub(crate) fn host(&self) -> &str {
        self.names.first().map_or("127.0.0.1", String::as_str)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let certificate = self.certificate.clone().unwrap_or_else(|| self.authority.issue(self.names.clone()));
        let provider = Arc::new(default_provider());
        let versions: &[_] = match self.versions {
            ServedVersions::Both => &[&TLS13, &TLS12],
            ServedVersions::Tls12 => &[&TLS12],
            ServedVersions::Tls13 => &[&TLS13],
        };
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .expect("the provider has cipher suites for TLS 1.2 and 1.3");
        let config = match &self.client_authority {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der().clone()).expect("it is a certificate");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                config.with_client_cert_verifier(verifier.expect("there is a root"))
            }
        };
        let mut config = config
            .with_single_cert(certificate.chain().cloned().collect(), certificate.key_der())
            .expect("the key belongs to the certificate");
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Default for TlsSetup {
    fn default() -> Self {
        Self::new()
    }
}

fn owned<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests;
