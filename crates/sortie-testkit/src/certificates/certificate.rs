use std::fmt;
use std::sync::Arc;

use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::CertificateOptions;

/// A certificate, those of the authorities between it and a root, and its private key.
#[derive(Clone)]
pub struct Certificate {
    pub(super) certificate: rcgen::Certificate,
    /// From its issuer upwards, without the root.
    pub(super) intermediates: Vec<rcgen::Certificate>,
    pub(super) key: Arc<KeyPair>,
}

impl Certificate {
    /// One that no authority has signed.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn self_signed(options: CertificateOptions) -> Self {
        let key = options.key();
        let name = options.names.join(" ");
        let mut params = options.params(&key);
        // Otherwise all of them would have one issuer.
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("the parameters are valid");
        Self { certificate, intermediates: Vec::new(), key: Arc::new(key) }
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    /// The certificate and those of the authorities above it, without the root: what a peer is sent.
    pub fn chain(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        [&self.certificate].into_iter().chain(&self.intermediates).map(rcgen::Certificate::der)
    }

    /// The [chain](Self::chain) in PEM.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        [&self.certificate].into_iter().chain(&self.intermediates).map(rcgen::Certificate::pem).collect()
    }

    /// The same without those of the authorities above it, as a server sends it that was set up badly.
    #[must_use]
    pub fn without_chain(self) -> Self {
        Self { intermediates: Vec::new(), ..self }
    }

    /// The same with further certificates after its chain, as a server may send them that means ill.
    #[must_use]
    pub fn with_more<'a>(mut self, more: impl IntoIterator<Item = &'a Self>) -> Self {
        self.intermediates.extend(more.into_iter().map(|other| other.certificate.clone()));
        self
    }

    /// Its private key in PEM (PKCS#8).
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Its private key in DER (PKCS#8).
    #[must_use]
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}
