//! From a policy to what rustls is configured with.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, KeyLog, SignatureScheme, SupportedProtocolVersion};

use super::error::TlsError;
use super::failure::Ours;
use super::identity::Identity;
use super::options::TlsVersion;
use super::trust::Trust;
use crate::options::Versions;

/// What configurations are made of, but for the client's identity.
pub(super) struct Recipe {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) trust: Trust,
    pub(super) sni: bool,
    pub(super) key_log: Option<Arc<dyn KeyLog>>,
    /// Of how many servers sessions are kept to be resumed.
    pub(super) sessions: usize,
}

impl Recipe {
    /// A configuration of its own, with a session store of its own: no session is resumed under another identity.
    pub(super) async fn config(&self, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, TlsError> {
        let verifier = self.trust.verifier(&self.provider).await?;
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&self.versions)
            .map_err(TlsError::setup)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(Presents(identity.map(Identity::certified))));
        config.enable_sni = self.sni;
        config.resumption = match self.sessions {
            0 => Resumption::disabled(),
            sessions => Resumption::in_memory_sessions(sessions),
        };
        if let Some(key_log) = &self.key_log {
            config.key_log = key_log.clone();
        }
        Ok(Arc::new(config))
    }
}

tokio::task_local! {
    /// What the handshake under way does about a client certificate: rustls tells its resolver, which all connections
    /// share, and nobody else.
    static OURS: Cell<Ours>;
}

/// Runs a handshake, and says beside its result what it did about a client certificate.
pub(super) async fn noting<T>(handshake: impl Future<Output = T>) -> (T, Ours) {
    let noted = async {
        let result = handshake.await;
        (result, OURS.with(Cell::get))
    };
    OURS.scope(Cell::default(), noted).await
}

/// Presents a client's certificate to every server that asks for one, or none.
struct Presents(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Presents {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Whether a scheme suits is rustls' to say.
        let _ = OURS.try_with(|ours| ours.set(Ours { asked: true, presented: self.0.is_some() }));
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Presents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a certificate" } else { "no certificate" })
    }
}

/// The versions from the least to the greatest that are allowed.
pub(super) fn versions(min: TlsVersion, max: TlsVersion) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    match (min, max) {
        (TlsVersion::Tls12, TlsVersion::Tls12) => Ok(vec![&TLS12]),
        (TlsVersion::Tls12, TlsVersion::Tls13) => Ok(vec![&TLS13, &TLS12]),
        (TlsVersion::Tls13, TlsVersion::Tls13) => Ok(vec![&TLS13]),
        (TlsVersion::Tls13, TlsVersion::Tls12) => Err(TlsError::setup(
            "the least version is greater than the greatest (TlsOptions::min_version, max_version)",
        )),
    }
}

/// What is offered by ALPN ([RFC 7301](https://www.rfc-editor.org/rfc/rfc7301)): a list of one's own, without the
/// protocol that may not be spoken, or what may be.
pub(super) fn offer(own: Option<&[Vec<u8>]>, versions: Versions) -> Vec<Vec<u8>> {
    const H2: &[u8] = b"h2";
    const H1: &[u8] = b"http/1.1";
    let ruled_out = match versions {
        Versions::Auto => None,
        Versions::Http1Only => Some(H2),
        Versions::Http2Only => Some(H1),
    };
    let may = |protocol: &&[u8]| Some(*protocol) != ruled_out;
    match own {
        Some(own) => own.iter().map(Vec::as_slice).filter(may).map(<[u8]>::to_vec).collect(),
        None => [H2, H1].into_iter().filter(may).map(<[u8]>::to_vec).collect(),
    }
}

/// The provider that was compiled in, never the process's default.
pub(super) fn provider() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "aws-lc-rs")]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_spoken_is_not_offered() {
        for (own, versions, offered) in [
            (None, Versions::Auto, &["h2", "http/1.1"][..]),
            (None, Versions::Http1Only, &["http/1.1"]),
            (None, Versions::Http2Only, &["h2"]),
            (Some(&["http/1.1", "h2"][..]), Versions::Auto, &["http/1.1", "h2"]),
            (Some(&["h2", "http/1.1", "x"]), Versions::Http1Only, &["http/1.1", "x"]),
            (Some(&["http/1.1", "x"]), Versions::Http2Only, &["x"]),
            (Some(&[]), Versions::Auto, &[]),
        ] {
            let own: Option<Vec<_>> = own.map(|own| own.iter().map(|protocol| protocol.as_bytes().to_vec()).collect());
            assert_eq!(offer(own.as_deref(), versions), offered.iter().map(|p| p.as_bytes()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_least_version_is_not_greater_than_the_greatest() {
        use TlsVersion::{Tls12, Tls13};
        for (min, max, many) in
            [(Tls12, Tls12, Some(1)), (Tls12, Tls13, Some(2)), (Tls13, Tls13, Some(1)), (Tls13, Tls12, None)]
        {
            assert_eq!(versions(min, max).ok().map(|versions| versions.len()), many, "{min:?} {max:?}");
        }
    }
}
