//! Whom to trust over `https`, who the client is, and what was agreed upon.
//!
//! [`TlsOptions`] say it, [`TlsOptions::build`] checks it and gives a [`Tls`]: a cheap handle whose identity is part of
//! the route, so that two policies never share a connection. What was agreed upon is in
//! [`ConnectionInfo::tls`](crate::ConnectionInfo::tls); a [`TlsError`] says which check failed, for which name, and which
//! setting concerns it.
//!
//! # Example
//!
//! ```
//! use sortie_transport::tls::{Identity, TlsOptions, TlsVersion};
//! use sortie_transport::{Transport, TransportOptions};
//!
//! # fn run(company_ca: &[u8], certificate: &[u8], key: &[u8]) -> Result<(), sortie_transport::tls::TlsError> {
//! let tls = TlsOptions::default()
//!     .extra_roots_pem(company_ca)?
//!     .identity(Identity::pem_parts(certificate, key)?)
//!     .min_version(TlsVersion::Tls13)
//!     .build()?;
//! let transport = Transport::new(TransportOptions::default().tls(tls));
//! # let _ = transport;
//! # Ok(())
//! # }
//! # assert!(run(b"no certificate here", b"", b"").is_err());
//! ```
//!
//! A client certificate that is renewed while the program runs comes from a [`CertSource`]: connections made with the
//! one before are retired, and nothing else has to be made anew. What [`TlsOptions`] cannot say is said by a
//! configuration of rustls, with [`Tls::from_config`].
//!
//! # Per-request override
//!
//! `PerRequest<Tls>` in the request's extensions. It holds until the request's chain of redirects comes to a foreign
//! origin, which is not to see a client certificate that was meant for another; `PerRequest::Off` changes nothing, for
//! `https` without TLS is none.
//!
//! ```
//! use http::Request;
//! use sortie_core::{Body, PerRequest};
//! use sortie_transport::tls::TlsOptions;
//!
//! # fn run() -> Result<(), sortie_core::BoxError> {
//! let other_name = TlsOptions::default().server_name("api.example.com").build()?;
//! let request = Request::get("https://192.0.2.1/").extension(PerRequest::Use(other_name)).body(Body::empty())?;
//! # let _ = request;
//! # Ok(())
//! # }
//! # run().unwrap();
//! ```
//!
//! # Differences from requests
//!
//! | requests | here |
//! |---|---|
//! | `verify=True`: a list of roots that comes with requests (certifi) | the default: the platform's verifier, with the roots and rules of the operating system; `webpki_roots` for a list |
//! | `verify="ca.pem"` | [`TlsOptions::only_roots_file`]; [`extra_roots_file`](TlsOptions::extra_roots_file) keeps the others too |
//! | `verify=False` | [`Danger::accept_invalid_certificates`], which never reaches connections of another policy |
//! | `cert="both.pem"` | [`TlsOptions::identity`] with [`Identity::pem`] or [`Identity::files`], or a [`CertSource`] |
//! | `cert=("cert.pem", "key.pem")` | the same with [`Identity::files`]; an encrypted key is an error, as there |
//! | `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSLKEYLOGFILE` | the environment is not asked |

mod config;
mod error;
mod failure;
mod handle;
mod identity;
mod info;
mod key_log;
mod options;
mod pins;
mod revocation;
mod roots;
mod rotation;
mod source;
mod stream;
mod trust;
mod verify;

pub use error::{TlsError, TlsErrorKind};
pub use handle::Tls;
pub use identity::Identity;
pub use info::TlsInfo;
pub use options::{Danger, TlsOptions, TlsVersion};
pub use revocation::Revocation;
pub(crate) use rotation::{MadeWith, Retire};
pub use source::CertSource;
pub(crate) use stream::TlsStream;

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
mod tests;
