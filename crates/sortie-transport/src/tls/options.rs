use std::path::Path;
use std::sync::Arc;

use rustls::KeyLog;
use rustls_pki_types::CertificateDer;

use super::error::TlsError;
use super::handle::Tls;
use super::identity::Identity;
use super::key_log;
use super::pins::Pin;
use super::revocation::Revocation;
use super::roots::{self, Roots};
use super::source::CertSource;
use super::trust::Waived;

/// Of how many servers sessions are kept if it is not said.
const SESSIONS: usize = 256;

/// A version of TLS. Older ones than these are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 ([RFC 5246](https://www.rfc-editor.org/rfc/rfc5246)).
    Tls12,
    /// TLS 1.3 ([RFC 8446](https://www.rfc-editor.org/rfc/rfc8446)).
    Tls13,
}

/// Whom to trust, and who the client is.
///
/// | option | default |
/// |---|---|
/// | [`extra_roots`](Self::extra_roots), [`only_roots`](Self::only_roots), `webpki_roots` | the platform's verifier |
/// | [`revocation`](Self::revocation) | no lists |
/// | [`pin`](Self::pin) | no pins |
/// | [`identity`](Self::identity), [`cert_source`](Self::cert_source) | no client certificate |
/// | [`min_version`](Self::min_version), [`max_version`](Self::max_version) | TLS 1.2, TLS 1.3 |
/// | [`server_name`](Self::server_name), [`sni`](Self::sni) | the URI's host, sent |
/// | [`alpn`](Self::alpn) | what [`Versions`](crate::Versions) allow |
/// | [`session_cache`](Self::session_cache) | of 256 servers |
/// | [`key_log`](Self::key_log), [`key_log_file`](Self::key_log_file) | none |
/// | [`danger`](Self::danger) | everything is verified |
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsOptions {
    pub(super) roots: Roots,
    pub(super) revocation: Option<Revocation>,
    pub(super) pins: Vec<Pin>,
    pub(super) waived: Waived,
    pub(super) identity: Who,
    pub(super) min_version: TlsVersion,
    pub(super) max_version: TlsVersion,
    pub(super) server_name: Option<String>,
    pub(super) sni: bool,
    pub(super) alpn: Option<Vec<Vec<u8>>>,
    pub(super) sessions: usize,
    pub(super) key_log: Option<Arc<dyn KeyLog>>,
}

/// Who the client is.
#[derive(Clone, Debug)]
pub(super) enum Who {
    Nobody,
    Fixed(Identity),
    Changing(CertSource),
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            roots: Roots::default(),
            revocation: None,
            pins: Vec::new(),
            waived: Waived::default(),
            identity: Who::Nobody,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            server_name: None,
            sni: true,
            alpn: None,
            sessions: SESSIONS,
            key_log: None,
        }
    }
}

impl TlsOptions {
    /// Trusts these roots too, beside those that are trusted already. DER, one certificate each.
    #[must_use]
    pub fn extra_roots<C: Into<Vec<u8>>>(mut self, certificates: impl IntoIterator<Item = C>) -> Self {
        self.roots.add(certificates.into_iter().map(|der| CertificateDer::from(der.into())));
        self
    }

    /// [`extra_roots`](Self::extra_roots) from PEM text with any number of certificates.
    ///
    /// # Errors
    ///
    /// If there is no certificate in it, or one that cannot be decoded.
    pub fn extra_roots_pem(self, pem: &[u8]) -> Result<Self, TlsError> {
        Ok(self.extra_roots(roots::certificates(pem)?))
    }

    /// [`extra_roots_pem`](Self::extra_roots_pem) of the text in a file, which is read at once.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and as for [`extra_roots_pem`](Self::extra_roots_pem).
    pub fn extra_roots_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        self.extra_roots_pem(&roots::read(path.as_ref())?)
    }

    /// Trusts these roots and no others. DER, one certificate each.
    #[must_use]
    pub fn only_roots<C: Into<Vec<u8>>>(self, certificates: impl IntoIterator<Item = C>) -> Self {
        Self { roots: Roots::Only(Vec::new()), ..self }.extra_roots(certificates)
    }

    /// [`only_roots`](Self::only_roots) from PEM text with any number of certificates.
    ///
    /// # Errors
    ///
    /// If there is no certificate in it, or one that cannot be decoded.
    pub fn only_roots_pem(self, pem: &[u8]) -> Result<Self, TlsError> {
        Ok(self.only_roots(roots::certificates(pem)?))
    }

    /// [`only_roots_pem`](Self::only_roots_pem) of the text in a file, which is read at once.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and as for [`only_roots_pem`](Self::only_roots_pem).
    pub fn only_roots_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        self.only_roots_pem(&roots::read(path.as_ref())?)
    }

    /// Trusts Mozilla's roots as they were when this program was built, and no others.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub fn webpki_roots(self) -> Self {
        Self { roots: Roots::Mozilla(Vec::new()), ..self }
    }

    /// Refuses certificates that these lists revoke. It needs [`only_roots`](Self::only_roots) or `webpki_roots`, for the
    /// platform's verifier takes no lists.
    #[must_use]
    pub fn revocation(self, lists: impl Into<Option<Revocation>>) -> Self {
        Self { revocation: lists.into(), ..self }
    }

    /// Accepts, from servers that the pattern covers, only chains with this public key in them, beside all that is
    /// verified anyway. Several pins for one name allow each of them: one of them should be for a key in reserve.
    ///
    /// The pattern is a name or an address, `*.example.com` for exactly one label more, or `**.example.com` for that
    /// name and all below it. The pin is `sha256/` and the SHA-256 of the key's SubjectPublicKeyInfo in base64, as for
    /// curl and OkHttp; [`TlsError::presented_pins`] has those of a server that was refused. It can be the key of the
    /// server's certificate or of any that certifies it; that of a root counts if the server sends the root, or if it
    /// was given with [`only_roots`](Self::only_roots), [`extra_roots`](Self::extra_roots) or `webpki_roots`.
    ///
    /// ```
    /// # use sortie_transport::tls::TlsOptions;
    /// # fn run() -> Result<(), sortie_transport::tls::TlsError> {
    /// let tls = TlsOptions::default()
    ///     .pin("**.example.com", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")?
    ///     .pin("**.example.com", "sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=")?;
    /// # let _ = tls;
    /// # Ok(())
    /// # }
    /// # run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If the pattern or the pin is none.
    pub fn pin(mut self, pattern: &str, pin: &str) -> Result<Self, TlsError> {
        self.pins.push(Pin::of(pattern, pin)?);
        Ok(self)
    }

    /// The certificate that is shown to servers that ask for one, and its key. By default there is none.
    #[must_use]
    pub fn identity(self, identity: impl Into<Option<Identity>>) -> Self {
        Self { identity: identity.into().map_or(Who::Nobody, Who::Fixed), ..self }
    }

    /// The same from a source, for one that changes while the program runs. It stands in place of
    /// [`identity`](Self::identity).
    #[must_use]
    pub fn cert_source(self, source: CertSource) -> Self {
        Self { identity: Who::Changing(source), ..self }
    }

    /// The least version of TLS. By default 1.2.
    #[must_use]
    pub fn min_version(self, version: TlsVersion) -> Self {
        Self { min_version: version, ..self }
    }

    /// The greatest version of TLS. By default 1.3.
    #[must_use]
    pub fn max_version(self, version: TlsVersion) -> Self {
        Self { max_version: version, ..self }
    }

    /// The name or address that the server's certificate has to be for, and that is sent to it (SNI), in place of the
    /// URI's host: to ask an address, or a tunnel's end, for the server behind it. `Host` stays that of the URI.
    #[must_use]
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    /// Whether the server is told in plain which name is meant
    /// ([SNI, RFC 6066 §3](https://www.rfc-editor.org/rfc/rfc6066#section-3)). By default it is; an address never is.
    #[must_use]
    pub fn sni(self, sni: bool) -> Self {
        Self { sni, ..self }
    }

    /// What is offered by ALPN ([RFC 7301](https://www.rfc-editor.org/rfc/rfc7301)), the preferred first, in place of
    /// what [`Versions`](crate::Versions) allow. Of `h2` and `http/1.1` the one that they rule out is left out, and an
    /// empty list sends no such extension. A connection speaks HTTP/2 if the server agrees to `h2`, and HTTP/1.1
    /// otherwise.
    #[must_use]
    pub fn alpn<P: Into<Vec<u8>>>(self, protocols: impl IntoIterator<Item = P>) -> Self {
        Self { alpn: Some(protocols.into_iter().map(Into::into).collect()), ..self }
    }

    /// Of how many servers sessions are kept in memory, so that further connections resume them with less to send and to
    /// compute. By default 256; `None` and 0 resume none.
    ///
    /// The server's certificate is verified in a session's first handshake, and not again while the session is resumed:
    /// what is revoked or expires meanwhile is noticed by the next full handshake.
    #[must_use]
    pub fn session_cache(self, servers: impl Into<Option<usize>>) -> Self {
        Self { sessions: servers.into().unwrap_or(0), ..self }
    }

    /// Gives a closure the secrets of each session, a line of the
    /// [NSS key log format](https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile-05.html) at a time and without its
    /// end. **Whoever has them can read the connection.** The environment is never asked for `SSLKEYLOGFILE`.
    #[must_use]
    pub fn key_log(self, told: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { key_log: Some(Arc::new(key_log::Lines(told))), ..self }
    }

    /// [`key_log`](Self::key_log) appended to a file, as Wireshark reads it; on Unix a new one is readable by its owner
    /// alone. It writes on the runtime's threads: it is for the search for a fault.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn key_log_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        Ok(self.key_log(key_log::to_file(path.as_ref())?))
    }

    /// Settings that let others read and change what is sent.
    pub fn danger(self) -> Danger {
        Danger(self)
    }

    /// A handle of its own identity.
    ///
    /// The platform's roots are read at the first connect that needs them, off the runtime's threads, so their failure
    /// is an error of that connect.
    ///
    /// # Errors
    ///
    /// If a root is no certificate, settings contradict each other, the server's name is none, or no crypto provider is
    /// compiled in (features `aws-lc-rs` and `ring`).
    pub fn build(self) -> Result<Tls, TlsError> {
        Tls::of(self)
    }
}

/// The settings of [`TlsOptions`] that let others read and change what is sent.
#[derive(Debug)]
#[must_use = "a setting gives the options back"]
pub struct Danger(TlsOptions);

impl Danger {
    /// Accepts any certificate, for any name: what requests calls `verify=False`. That the server has the certificate's
    /// key is verified all the same, and [pins](TlsOptions::pin) are, so that a self-signed certificate can be pinned.
    /// Roots and revocation lists do not matter.
    pub fn accept_invalid_certificates(self) -> TlsOptions {
        TlsOptions { waived: Waived::Everything, ..self.0 }
    }

    /// Accepts a certificate for any name, and verifies everything else.
    ///
    /// On Apple's systems, Android and Windows it needs [`only_roots`](TlsOptions::only_roots) or `webpki_roots`, for
    /// the platform's verifier always checks the name there.
    pub fn accept_invalid_hostnames(self) -> TlsOptions {
        let waived = if self.0.waived == Waived::Everything { Waived::Everything } else { Waived::Name };
        TlsOptions { waived, ..self.0 }
    }
}
