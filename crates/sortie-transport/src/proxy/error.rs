use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use http::{HeaderMap, StatusCode, response};

use super::Proxy;

/// A proxy, or a setting of one, kept a request from its origin: nothing of the request reached the origin, unless the kind
/// is [`Rejected`](ProxyErrorKind::Rejected).
///
/// It stands below a [`ConnectError`](crate::ConnectError) where nothing did. Clones share what the proxy answered.
#[derive(Clone)]
pub struct ProxyError(Arc<Failed>);

#[derive(Clone)]
struct Failed {
    kind: ProxyErrorKind,
    /// `scheme://host:port`.
    proxy: Option<Box<str>>,
    /// What the kind does not say by itself. Never a value that was set, for it may be secret.
    detail: Option<Box<str>>,
    answer: Option<(StatusCode, HeaderMap)>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What was wrong with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyErrorKind {
    /// SOCKS: the proxy does not connect to addresses of the origin's kind, or the protocol has no way to say them.
    AddressTypeNotSupported,
    /// SOCKS: the proxy refused the user and password.
    AuthenticationFailed,
    /// The proxy asked for credentials (407, [RFC 9110 §15.5.8](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.8)),
    /// or for other ones than it got.
    AuthenticationRequired,
    /// The closure that chooses proxies failed.
    Choice,
    /// The connection to the proxy ended before its answer did.
    Closed,
    /// SOCKS: the proxy does not know the command CONNECT.
    CommandNotSupported,
    /// SOCKS: the origin refused the proxy's connection.
    ConnectionRefused,
    /// SOCKS: the proxy failed and does not say why.
    GeneralFailure,
    /// The head of the proxy's answer is larger than 16 KiB, or has more than 100 fields.
    HeadTooLarge,
    /// SOCKS: the proxy cannot reach the origin's host.
    HostUnreachable,
    /// What came from the proxy is no answer of the protocol that it is set to speak.
    InvalidAnswer,
    /// A setting is no proxy, or one that cannot work.
    InvalidSetting,
    /// The origin's name is longer than SOCKS can say: 255 octets.
    NameTooLong,
    /// SOCKS: the proxy cannot reach the origin's network.
    NetworkUnreachable,
    /// SOCKS: the proxy takes none of the offered ways to authenticate.
    NoAcceptableMethod,
    /// SOCKS: the proxy's rules do not allow the connection.
    NotAllowed,
    /// The proxy refused to open the tunnel with a status other than 407.
    Refused,
    /// The [`Auth`](sortie_core::auth::Auth) of the proxy does not believe the answer. A request that was to be passed
    /// on may have been.
    Rejected,
    /// The [`Auth`](sortie_core::auth::Auth) of the proxy could not sign.
    Signing,
    /// The TLS handshake with the proxy itself failed.
    Tls,
    /// SOCKS: the way to the origin has too many hops.
    TtlExpired,
    /// No connection to the proxy could be made.
    Unreachable,
}

impl ProxyError {
    pub(super) fn new(kind: ProxyErrorKind) -> Self {
        Self(Arc::new(Failed { kind, proxy: None, detail: None, answer: None, source: None }))
    }

    /// The scheme does not believe the answer.
    pub(super) fn rejected(error: sortie_core::BoxError) -> Self {
        Self::new(ProxyErrorKind::Rejected).because(error)
    }

    pub(super) fn setting(detail: impl Into<Box<str>>) -> Self {
        Self::new(ProxyErrorKind::InvalidSetting).says(detail)
    }

    /// The connection ended, or broke.
    pub(super) fn broken(error: io::Error) -> Self {
        // With TLS 1.3 it may be said only now that the client's certificate is not taken (RFC 8446 §4.4.2.4).
        #[cfg(feature = "tls")]
        if sortie_core::find::<crate::tls::TlsError>(&error).is_some() {
            return Self::new(ProxyErrorKind::Tls).because(error);
        }
        Self::new(ProxyErrorKind::Closed).because(error)
    }

    /// What a proxy answered that opened no tunnel and passed no request on.
    pub(super) fn answered(answer: response::Parts) -> Self {
        let kind = match answer.status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => ProxyErrorKind::AuthenticationRequired,
            _ => ProxyErrorKind::Refused,
        };
        let status = answer.status;
        let mut error = Self::new(kind);
        error.change().answer = Some((answer.status, answer.headers));
        // Of a gateway that cannot reach the origin the next attempt may do better, as without a proxy: the kind of the
        // source says so to whoever decides about it.
        match status {
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                error.because(io::Error::from(io::ErrorKind::HostUnreachable))
            }
            _ => error,
        }
    }

    pub(super) fn says(mut self, detail: impl Into<Box<str>>) -> Self {
        self.change().detail = Some(detail.into());
        self
    }

    /// With the name of the environment variable that it is the value of.
    pub(super) fn in_variable(mut self, name: &str) -> Self {
        let detail = format!("the environment variable {name}: {}", self.0.detail.as_deref().unwrap_or_default());
        self.change().detail = Some(detail.into());
        self
    }

    pub(super) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.change().source = Some(Arc::from(source.into()));
        self
    }

    pub(super) fn at(mut self, proxy: &Proxy) -> Self {
        self.change().proxy = Some(proxy.to_string().into());
        self
    }

    /// The head that the proxy answered with.
    pub(super) fn answer(&self) -> Option<response::Parts> {
        let (status, headers) = self.0.answer.as_ref()?;
        let (mut parts, ()) = http::Response::new(()).into_parts();
        (parts.status, parts.headers) = (*status, headers.clone());
        Some(parts)
    }

    fn change(&mut self) -> &mut Failed {
        Arc::make_mut(&mut self.0)
    }

    /// What was wrong.
    #[must_use]
    pub fn kind(&self) -> ProxyErrorKind {
        self.0.kind
    }

    /// The proxy as `scheme://host:port`; `None` for a setting that is none.
    #[must_use]
    pub fn proxy(&self) -> Option<&str> {
        self.0.proxy.as_deref()
    }

    /// The status that the proxy answered with, if it answered in HTTP.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.answer.as_ref().map(|(status, _)| *status)
    }

    /// The headers of the proxy's answer, if it answered in HTTP: the `Proxy-Authenticate` of a 407, say.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.0.answer.as_ref().map(|(_, headers)| headers)
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failed { kind, proxy, detail, .. } = &*self.0;
        match proxy {
            Some(proxy) => write!(f, "the proxy {proxy} ")?,
            None => f.write_str("the proxy ")?,
        }
        let status = self.status().map_or(0, |status| status.as_u16());
        f.write_str(match kind {
            ProxyErrorKind::AddressTypeNotSupported => "does not take the kind of the origin's address",
            ProxyErrorKind::AuthenticationFailed => "refused the user and password (Proxy::basic)",
            ProxyErrorKind::AuthenticationRequired => {
                "asks for credentials, or for others than it got (407; Proxy::basic, Proxy::auth)"
            }
            ProxyErrorKind::Choice => "could not be chosen (Proxies::choose_with)",
            ProxyErrorKind::Closed => "ended the connection before it had answered",
            ProxyErrorKind::CommandNotSupported => "does not know the command CONNECT",
            ProxyErrorKind::ConnectionRefused => "says that the origin refused the connection",
            ProxyErrorKind::GeneralFailure => "failed without saying why",
            ProxyErrorKind::HeadTooLarge => "answered with a head of more than 16 KiB or 100 fields",
            ProxyErrorKind::HostUnreachable => "cannot reach the origin's host",
            ProxyErrorKind::InvalidAnswer => "answered with something else than its protocol",
            ProxyErrorKind::InvalidSetting => "is not set as it must be",
            ProxyErrorKind::NameTooLong => "takes names of at most 255 octets, and the origin's is longer",
            ProxyErrorKind::NetworkUnreachable => "cannot reach the origin's network",
            ProxyErrorKind::NoAcceptableMethod => {
                "takes none of the offered ways to authenticate (user and password: Proxy::basic)"
            }
            ProxyErrorKind::NotAllowed => "does not allow connections to the origin",
            ProxyErrorKind::Refused => return write!(f, "refused to open a tunnel to the origin ({status})"),
            ProxyErrorKind::Rejected => "did not prove to its Auth who it is (Proxy::auth)",
            ProxyErrorKind::Signing => "got no credentials, for its Auth could not sign (Proxy::auth)",
            ProxyErrorKind::Tls => "could not be spoken to over TLS (Proxy::tls)",
            ProxyErrorKind::TtlExpired => "says that the origin is too many hops away",
            ProxyErrorKind::Unreachable => "could not be reached",
        })?;
        detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl fmt::Debug for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyError")
            .field("kind", &self.0.kind)
            .field("proxy", &self.0.proxy)
            .field("detail", &self.0.detail)
            .field("status", &self.status())
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_proxy_and_the_setting_and_no_secret() {
        let proxy = Proxy::new("http://user:secret@proxy.test:3128").unwrap();
        let answer = http::Response::builder().status(407).header("proxy-authenticate", "Basic realm=\"secret\"");
        let error = ProxyError::answered(answer.body(()).unwrap().into_parts().0).at(&proxy);
        assert_eq!(error.kind(), ProxyErrorKind::AuthenticationRequired);
        assert_eq!(error.status(), Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED));
        assert_eq!(error.headers().unwrap()["proxy-authenticate"], "Basic realm=\"secret\"");
        assert_eq!(
            error.to_string(),
            "the proxy http://proxy.test:3128 asks for credentials, or for others than it got (407; Proxy::basic, \
             Proxy::auth)"
        );
        assert!(!format!("{error:?}{error:#?}").contains("secret"));
    }

    #[test]
    fn only_a_gateway_that_could_not_reach_the_origin_has_a_source_that_may_pass() {
        for (status, passes) in [(502, true), (503, true), (504, true), (403, false), (407, false), (500, false)] {
            let answer = http::Response::builder().status(status).body(()).unwrap().into_parts().0;
            assert_eq!(ProxyError::answered(answer).source().is_some(), passes, "{status}");
        }
    }
}
