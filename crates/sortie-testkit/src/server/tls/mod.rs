use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
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
}

impl TlsSetup {
    /// The defaults, with a new certificate authority.
    pub fn new() -> Self {
        Self {
            names: owned(["localhost", "127.0.0.1"]),
            alpn: owned(["h2", "http/1.1"]),
            authority: CertificateAuthority::new(),
            certificate: None,
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

    pub(crate) fn host(&self) -> &str {
        self.names.first().map_or("127.0.0.1", String::as_str)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let certificate = self.certificate.clone().unwrap_or_else(|| self.authority.issue(self.names.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for TLS 1.2 and 1.3");
        let mut config = config
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], certificate.key_der())
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
