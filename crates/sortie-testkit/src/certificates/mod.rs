//! Certificates that are made as they are needed, good ones and bad ones.

mod authority;
mod certificate;
mod options;

pub use authority::{CertificateAuthority, RevocationList};
pub use certificate::Certificate;
pub use options::{CertificateOptions, Purpose, Validity};
