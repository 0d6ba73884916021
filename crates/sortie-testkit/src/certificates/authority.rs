use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList, CertificateRevocationListParams, CertifiedIssuer,
    GeneralSubtree, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;

use super::options::{named, serial};
use super::{Certificate, CertificateOptions, Validity};

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
/// assert_eq!(authority.intermediate().issue(["localhost"]).chain().count(), 2);
/// ```
#[derive(Clone)]
pub struct CertificateAuthority {
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
    /// Its own certificate and those above it, without the root: what those that it issues are sent with.
    chain: Vec<rcgen::Certificate>,
}

impl CertificateAuthority {
    /// A new authority.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "nothing of what it certifies comes from the caller")]
    pub fn new() -> Self {
        let (params, key) = authority();
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are valid");
        Self { issuer: Arc::new(issuer), chain: Vec::new() }
    }

    /// An authority that this one certifies.
    #[must_use]
    pub fn intermediate(&self) -> Self {
        let (params, key) = authority();
        self.certify(params, key)
    }

    /// An authority that this one certifies for a domain and the names below it alone (RFC 5280 §4.2.1.10).
    #[must_use]
    pub fn intermediate_for(&self, domain: impl Into<String>) -> Self {
        let (mut params, key) = authority();
        let permitted = vec![GeneralSubtree::DnsName(domain.into())];
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
        self.certify(params, key)
    }

    fn certify(&self, mut params: CertificateParams, key: KeyPair) -> Self {
        params.use_authority_key_identifier_extension = true;
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).expect("the parameters are valid");
        let mut chain = vec![rcgen::Certificate::clone(issuer.as_ref())];
        chain.extend(self.chain.iter().cloned());
        Self { issuer: Arc::new(issuer), chain }
    }

    /// A server's certificate for these names: DNS names, which may begin with `*.`, and IP addresses.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Certificate {
        self.issue_with(CertificateOptions::new(names))
    }

    /// Like [`issue`](Self::issue), but it expired with the year 2000.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue_expired<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Certificate {
        self.issue_with(CertificateOptions::new(names).validity(Validity::Past))
    }

    /// A certificate of any kind.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue_with(&self, options: CertificateOptions) -> Certificate {
        let key = options.key();
        let mut params = options.params(&key);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are valid");
        Certificate { certificate, intermediates: self.chain.clone(), key: Arc::new(key) }
    }

    /// Its list of revoked certificates (RFC 5280 §5), of which it is the issuer. With [`Validity::Past`] the next list
    /// is overdue since the year 2000.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "nothing of what it signs comes from the caller")]
    pub fn revocation_list<'a>(
        &self,
        revoked: impl IntoIterator<Item = &'a Certificate>,
        validity: Validity,
    ) -> RevocationList {
        let revoked = revoked.into_iter().map(|certificate| RevokedCertParams {
            serial_number: serial(&certificate.key),
            revocation_time: date_time_ymd(2000, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2000, 1, 1),
            next_update: date_time_ymd(if validity == Validity::Past { 2000 } else { 2900 }, 12, 31),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        RevocationList(params.signed_by(&self.issuer).expect("the parameters are valid"))
    }

    /// Its own certificate, which a client is to trust, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its own certificate, which a client is to trust, in DER.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        self.issuer.der()
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

/// A list of revoked certificates, made by [`CertificateAuthority::revocation_list`].
#[derive(Debug)]
pub struct RevocationList(CertificateRevocationList);

impl RevocationList {
    /// The list in PEM.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it was made by this crate")]
    pub fn pem(&self) -> String {
        self.0.pem().expect("it is a list")
    }

    /// The list in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.0.der()
    }
}

fn authority() -> (CertificateParams, KeyPair) {
    let key = KeyPair::generate().expect("the system has random numbers");
    // A name of its own: by an equal one, a certificate of another authority would seem to be one of this authority
    // with a bad signature, and not one of an unknown issuer.
    let id = key.public_key_raw().iter().rev().take(8).map(|octet| format!("{octet:02x}"));
    let mut params = named(Vec::new(), &format!("sortie-testkit authority {}", id.collect::<String>()));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial(&key));
    (params, key)
}
