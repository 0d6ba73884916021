use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority of its own, with a key that was made with it and that nobody trusts unless told to.
///
/// Clones are the same authority.
///
/// ```
/// use sortie_testkit::CertificateAuthority;
///
/// let authority = CertificateAuthority::new();
/// let certificate = authority.issue(["localhost", "127.0.0.1"]);
/// assert!(authority.pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// assert_ne!(certificate.der(), authority.der());
/// ```
#[derive(Clone)]
pub struct CertificateAuthority(Arc<CertifiedIssuer<'static, KeyPair>>);

impl CertificateAuthority {
    /// A new authority.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "nothing of what it certifies comes from the caller")]
    pub fn new() -> Self {
        let key = key();
        // A name of its own: by an equal one, a certificate of another authority would seem to be one of this authority
        // with a bad signature, and not one of an unknown issuer.
        let id = key.public_key_raw().iter().rev().take(8).map(|octet| format!("{octet:02x}"));
        let mut params = params::<String>([], &format!("sortie-testkit authority {}", id.collect::<String>()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are valid");
        Self(Arc::new(issuer))
    }

    /// A server's certificate for these names: DNS names, which may begin with `*.`, and IP addresses.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Certificate {
        self.sign(params(names, "sortie-testkit server"))
    }

    /// Like [`issue`](Self::issue), but it expired with the year 2000.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue_expired<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Certificate {
        let mut params = params(names, "sortie-testkit expired server");
        params.not_after = date_time_ymd(2000, 12, 31);
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Certificate {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("the parameters are valid");
        Certificate { certificate, key: Arc::new(key) }
    }

    /// Its own certificate, which a client is to trust, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its own certificate, which a client is to trust, in DER.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        self.0.der()
    }
}

impl Default for CertificateAuthority {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").finish_non_exhaustive()
    }
}

/// A certificate and its private key.
#[derive(Clone)]
pub struct Certificate {
    certificate: rcgen::Certificate,
    key: Arc<KeyPair>,
}

impl Certificate {
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

fn params<N: Into<String>>(names: impl IntoIterator<Item = N>, common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    let mut params = CertificateParams::new(names).unwrap_or_else(|error| panic!("not a name to certify: {error}"));
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the system has random numbers")
}
