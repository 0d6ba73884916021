use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SerialNumber, date_time_ymd,
};

/// Which certificate is to be made: by default one for a server, valid now and for centuries, with an ECDSA key.
///
/// ```
/// use sortie_testkit::{CertificateAuthority, CertificateOptions, Purpose, Validity};
///
/// let authority = CertificateAuthority::new();
/// let early = authority.issue_with(CertificateOptions::new(["a.test"]).validity(Validity::Future));
/// let client = authority.issue_with(CertificateOptions::new(["someone"]).purpose(Purpose::Client));
/// assert_ne!(early.der(), client.der());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct CertificateOptions {
    /// Whom it is for: DNS names, which may begin with `*.`, and IP addresses.
    pub names: Vec<String>,
    /// When it is valid.
    pub validity: Validity,
    /// What it may be used for.
    pub purpose: Purpose,
    /// Whether it says that it is an authority's.
    pub is_authority: bool,
    /// Whether its key is an RSA key, which takes a moment to make.
    pub rsa: bool,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validity {
    /// Now.
    #[default]
    Now,
    /// To the end of the year 2000.
    Past,
    /// From the year 2900.
    Future,
}

/// What a certificate may be used for: its extended key usage (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// By a server.
    #[default]
    Server,
    /// By a client.
    Client,
    /// By neither: to sign programs.
    Code,
}

impl CertificateOptions {
    /// A certificate for these names.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            validity: Validity::Now,
            purpose: Purpose::Server,
            is_authority: false,
            rsa: false,
        }
    }

    /// When it is valid.
    pub fn validity(self, validity: Validity) -> Self {
        Self { validity, ..self }
    }

    /// What it may be used for.
    pub fn purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// Whether it says that it is an authority's.
    pub fn is_authority(self, is: bool) -> Self {
        Self { is_authority: is, ..self }
    }

    /// Whether its key is an RSA key.
    pub fn rsa(self, rsa: bool) -> Self {
        Self { rsa, ..self }
    }

    pub(super) fn key(&self) -> KeyPair {
        let algorithm = if self.rsa { &PKCS_RSA_SHA256 } else { &PKCS_ECDSA_P256_SHA256 };
        KeyPair::generate_for(algorithm).expect("the system has random numbers")
    }

    pub(super) fn params(self, key: &KeyPair) -> CertificateParams {
        let mut params = named(self.names, "sortie-testkit");
        params.serial_number = Some(serial(key));
        match self.validity {
            Validity::Now => {}
            Validity::Past => params.not_after = date_time_ymd(2000, 12, 31),
            Validity::Future => params.not_before = date_time_ymd(2900, 1, 1),
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match self.purpose {
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Purpose::Code => ExtendedKeyUsagePurpose::CodeSigning,
        }];
        if self.is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }
}

pub(super) fn named(names: Vec<String>, common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(names).unwrap_or_else(|error| panic!("not a name to certify: {error}"));
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// A number of its own, positive, of the length that RFC 5280 §4.1.2.2 allows.
pub(super) fn serial(key: &KeyPair) -> SerialNumber {
    let mut octets: Vec<u8> = key.public_key_raw().iter().rev().skip(8).take(16).copied().collect();
    octets.insert(0, 1);
    octets.into()
}
