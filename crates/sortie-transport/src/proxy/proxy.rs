use std::fmt;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use sortie_core::auth::{Auth, SharedAuth};

use super::auth::Credentials;
use super::error::ProxyError;
#[cfg(feature = "tls")]
use crate::route::bare;

/// One proxy: where it is, what it speaks, and what it is told.
///
/// It is compared by value, and is part of what a connection is kept by: requests that are given equal proxies share
/// connections, and those with another proxy, other credentials, other headers, another TLS policy or another handle of
/// an [`Auth`] never do. A clone is cheap.
///
/// ```
/// use sortie_transport::proxy::Proxy;
///
/// let proxy = Proxy::new("http://alice:s3cret@proxy.example:3128")?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// assert_eq!(proxy, Proxy::new("proxy.example:3128")?.basic("alice", "s3cret"));
/// # Ok::<_, sortie_transport::proxy::ProxyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    protocol: Protocol,
    /// In lower case, an IPv6 address in its brackets.
    host: Box<str>,
    port: u16,
    credentials: Option<Credentials>,
    auth: Option<SharedAuth>,
    headers: Vec<(HeaderName, HeaderValue)>,
    #[cfg(feature = "tls")]
    tls: crate::tls::Tls,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Https,
    Socks4,
    Socks4a,
    Socks5,
    Socks5h,
}

const PROTOCOLS: [(Protocol, &str, u16); 6] = [
    (Protocol::Http, "http", 80),
    (Protocol::Https, "https", 443),
    (Protocol::Socks4, "socks4", 1080),
    (Protocol::Socks4a, "socks4a", 1080),
    (Protocol::Socks5, "socks5", 1080),
    (Protocol::Socks5h, "socks5h", 1080),
];

impl Proxy {
    /// The proxy of a URL: `scheme://user:password@host:port`, with all but the host optional.
    ///
    /// | scheme | the proxy speaks | names are looked up by | port |
    /// |---|---|---|---|
    /// | `http`, or none | HTTP: requests to `http` origins are forwarded, others go through a tunnel (CONNECT) | the proxy | 80 |
    /// | `https` | the same, over TLS | the proxy | 443 |
    /// | `socks4` | SOCKS4: IPv4 alone | the client | 1080 |
    /// | `socks4a` | SOCKS4a | the proxy | 1080 |
    /// | `socks5` | SOCKS5 ([RFC 1928](https://www.rfc-editor.org/rfc/rfc1928)) | the client | 1080 |
    /// | `socks5h` | SOCKS5 | the proxy | 1080 |
    ///
    /// User and password are percent-decoded. For HTTP they are Basic credentials, for SOCKS5 those of
    /// [RFC 1929](https://www.rfc-editor.org/rfc/rfc1929), and the user alone is SOCKS4's user id.
    ///
    /// # Errors
    ///
    /// [`InvalidSetting`](super::ProxyErrorKind::InvalidSetting) for what is none. The error never shows the URL.
    pub fn new(url: impl AsRef<str>) -> Result<Self, ProxyError> {
        parse(url.as_ref().trim()).map(|settings| Self(Arc::new(settings)))
    }

    /// With this user and password, in place of those of the URL.
    #[must_use]
    pub fn basic(self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        let credentials = Credentials { user: user.as_ref().into(), password: password.as_ref().into() };
        self.with(|settings| settings.credentials = Some(credentials))
    }

    /// Signs what is sent to the proxy, and answers its challenges, in place of a user and password: for proxies of HTTP.
    ///
    /// The scheme is given each request that the proxy itself receives, as
    /// [`Recipient::Proxy`](sortie_core::auth::Recipient::Proxy) and with [which one](sortie_core::auth::Unsigned::proxy)
    /// it is: each forwarded one, and the CONNECT of each new tunnel. A forwarded request that has a
    /// `Proxy-Authorization` of its own is left to whoever set it. A scheme that
    /// [authenticates connections](Auth::connection_owner), as NTLM does, has its legs go over one, by which no request
    /// with credentials of its own goes.
    #[must_use]
    pub fn auth(self, auth: impl Auth) -> Self {
        self.with(|settings| settings.auth = Some(SharedAuth::new(auth)))
    }

    /// With one more header on what the proxy itself receives: CONNECT requests, and forwarded requests that do not
    /// have it. It is for proxies of HTTP, and not one that frames or routes a message: `Host`, `Content-Length`,
    /// `Transfer-Encoding` and `Connection` are errors of the requests that would go by the proxy.
    #[must_use]
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|settings| settings.headers.push((name, value)))
    }

    /// Whom to trust to be the proxy, for a proxy of `https`. By default the platform's verifier, whatever is set for
    /// origins: who may be taken for an origin need not be taken for the proxy, nor the other way round.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, tls: crate::tls::Tls) -> Self {
        self.with(|settings| settings.tls = tls)
    }

    /// `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        let known = PROTOCOLS.iter().find(|(protocol, ..)| *protocol == self.0.protocol);
        known.map_or("", |(_, scheme, _)| scheme)
    }

    /// The host in lower case, an IPv6 address in its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.0.protocol
    }

    /// Whether the names of origins are looked up here and not by the proxy.
    pub(crate) fn is_told_addresses(&self) -> bool {
        matches!(self.protocol(), Protocol::Socks4 | Protocol::Socks5)
    }

    /// Whether it speaks HTTP.
    pub(crate) fn is_http(&self) -> bool {
        matches!(self.0.protocol, Protocol::Http | Protocol::Https)
    }

    /// The host as names and addresses are written outside of URIs.
    #[cfg(feature = "tls")]
    pub(crate) fn bare_host(&self) -> &str {
        bare(self.host())
    }

    /// The scheme that signs, if there is one.
    pub(crate) fn shared_auth(&self) -> Option<&SharedAuth> {
        self.0.auth.as_ref()
    }

    /// Whether its scheme authenticates the connections to it, as some user's.
    pub(crate) fn owns_connections(&self) -> bool {
        self.shared_auth().is_some_and(|auth| auth.connection_owner().is_some())
    }

    /// The same proxy for requests that bring credentials of their own.
    pub(crate) fn without_auth(&self) -> Self {
        self.clone().with(|settings| settings.auth = None)
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.0.credentials.as_ref()
    }

    /// The credentials that are sent with each request, unless a scheme signs.
    pub(super) fn basic_credentials(&self) -> Option<&Credentials> {
        self.credentials().filter(|_| self.shared_auth().is_none())
    }

    pub(super) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0.headers
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls_policy(&self) -> &crate::tls::Tls {
        &self.0.tls
    }

    /// What of its settings cannot work.
    pub(crate) fn check(&self) -> Result<(), ProxyError> {
        let wrong = |what: &str| Err(ProxyError::setting(what).at(self));
        let credentials = self.credentials();
        if self.is_http() {
            let named = |name: &HeaderName| [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(name);
            if self.headers().iter().any(|(name, _)| named(name)) {
                return wrong(
                    "Host, Content-Length, Transfer-Encoding and Connection are not to be set (Proxy::header)",
                );
            }
            return match self.basic_credentials() {
                Some(credentials) => credentials.basic().map(drop).map_err(|error| error.at(self)),
                None => Ok(()),
            };
        }
        if !self.headers().is_empty() || self.shared_auth().is_some() {
            return wrong("SOCKS has no headers and no such schemes (Proxy::header, Proxy::auth)");
        }
        let is_4 = matches!(self.protocol(), Protocol::Socks4 | Protocol::Socks4a);
        match credentials {
            Some(Credentials { password, .. }) if is_4 && !password.is_empty() => {
                wrong("SOCKS4 has no password (Proxy::basic); SOCKS5 has")
            }
            Some(Credentials { user, .. }) if is_4 && (user.contains('\0') || user.len() > 255) => {
                wrong("the user is longer than 255 octets, or has a NUL (Proxy::basic)")
            }
            // RFC 1929 §2: each length is one octet.
            Some(Credentials { user, password }) if user.len() > 255 || password.len() > 255 => {
                wrong("the user or the password is longer than 255 octets (Proxy::basic)")
            }
            _ => Ok(()),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

fn parse(url: &str) -> Result<Settings, ProxyError> {
    let invalid = |what: &'static str| ProxyError::setting(what);
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let known = PROTOCOLS.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(scheme));
    let Some((protocol, _, port)) = known.copied() else {
        return Err(invalid("its scheme is none of http, https, socks4, socks4a, socks5 and socks5h"));
    };
    if protocol == Protocol::Https && cfg!(not(feature = "tls")) {
        return Err(invalid("a proxy of https needs the feature `tls` of sortie-transport"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !matches!(path, "" | "/") {
        return Err(invalid(
            "it has a path, a query or a fragment; a special character in a password is percent-encoded",
        ));
    }
    let (userinfo, place) = match authority.rsplit_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, authority),
    };
    let (host, own_port) = host_and_port(place).map_err(invalid)?;
    Ok(Settings {
        protocol,
        host,
        port: own_port.unwrap_or(port),
        credentials: userinfo.map(credentials).transpose()?,
        auth: None,
        headers: Vec::new(),
        #[cfg(feature = "tls")]
        tls: crate::tls::Tls::default(),
    })
}

/// The host in lower case and the port of an authority without userinfo, or what is wrong with it.
pub(super) fn host_and_port(text: &str) -> Result<(Box<str>, Option<u16>), &'static str> {
    const NO_HOST: &str = "it has no host, or one with a character that hosts do not have";
    let authority = Authority::try_from(text).map_err(|_| NO_HOST)?;
    let host = authority.host();
    let after = text.strip_prefix(host).filter(|_| !host.is_empty()).ok_or(NO_HOST)?;
    let port = match after {
        "" | ":" => None,
        // `Authority::port_u16` takes a port that is too large for none.
        _ => {
            let digits = after.strip_prefix(':').filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()));
            let number = digits.and_then(|digits| digits.parse().ok()).filter(|port| *port != 0);
            Some(number.ok_or("its port is not a number from 1 to 65535")?)
        }
    };
    Ok((host.to_ascii_lowercase().into(), port))
}

fn credentials(userinfo: &str) -> Result<Credentials, ProxyError> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(Box::from).map_err(|_| ProxyError::setting("its user or password is not percent-encoded UTF-8"))
    };
    Ok(Credentials { user: decode(user)?, password: decode(password)? })
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let same_auth = match (&self.auth, &other.auth) {
            (None, None) => true,
            // Each handle was allocated for its own scheme, and lives as long as this.
            (Some(one), Some(other)) => std::ptr::addr_eq::<dyn Auth, dyn Auth>(&raw const **one, &raw const **other),
            _ => false,
        };
        #[cfg(feature = "tls")]
        let same_tls = self.protocol != Protocol::Https || self.tls.id() == other.tls.id();
        #[cfg(not(feature = "tls"))]
        let same_tls = true;
        let same_place = self.port == other.port && self.protocol == other.protocol && self.host == other.host;
        same_place && self.credentials == other.credentials && self.headers == other.headers && same_auth && same_tls
    }
}

impl Eq for Settings {}

impl TryFrom<&str> for Proxy {
    type Error = ProxyError;

    fn try_from(url: &str) -> Result<Self, ProxyError> {
        Self::new(url)
    }
}

impl TryFrom<String> for Proxy {
    type Error = ProxyError;

    fn try_from(url: String) -> Result<Self, ProxyError> {
        Self::new(url)
    }
}

impl TryFrom<&String> for Proxy {
    type Error = ProxyError;

    fn try_from(url: &String) -> Result<Self, ProxyError> {
        Self::new(url)
    }
}

impl TryFrom<&Uri> for Proxy {
    type Error = ProxyError;

    fn try_from(uri: &Uri) -> Result<Self, ProxyError> {
        Self::new(uri.to_string())
    }
}

impl TryFrom<Uri> for Proxy {
    type Error = ProxyError;

    fn try_from(uri: Uri) -> Result<Self, ProxyError> {
        Self::try_from(&uri)
    }
}

impl std::str::FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(url: &str) -> Result<Self, ProxyError> {
        Self::new(url)
    }
}

/// `scheme://host:port`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme(), self.0.host, self.0.port)
    }
}

/// Without user, password and headers.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests;
