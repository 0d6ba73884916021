use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;

use super::targets::Targets;
use super::{Kind, TestProxy};
#[cfg(feature = "tls")]
use crate::TlsSetup;

type Said = Arc<dyn Fn(&HeaderMap) -> Option<String> + Send + Sync>;

/// How a [`TestProxy`] serves.
///
/// ```
/// use sortie_testkit::ProxyOptions;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let proxy = ProxyOptions::new().basic("user", "password").name("a.test", ([127, 0, 0, 1], 8080)).socks();
/// assert!(proxy.url("socks5h").starts_with("socks5h://127.0.0.1:"));
/// # });
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct ProxyOptions {
    pub(super) targets: Targets,
    pub(super) credentials: Option<(String, String)>,
    challenge: Option<Said>,
    info: Option<Said>,
    pub(super) closes_after_challenge: bool,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsSetup>,
}

impl ProxyOptions {
    /// The defaults: it serves everyone, and connects to addresses and to `localhost`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to this address for a name, whatever the port is. Names that are not given are looked up by nobody: a
    /// proxy of HTTP answers 502, one of SOCKS that the host is unreachable.
    pub fn name(mut self, name: impl Into<String>, address: impl Into<SocketAddr>) -> Self {
        self.targets.add(name.into(), address.into());
        self
    }

    /// Serves this user alone. A proxy of HTTP asks for Basic, one of SOCKS5 for user and password; in SOCKS4 the
    /// user id must be this user.
    pub fn basic(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { credentials: Some((user.into(), password.into())), ..self }
    }

    /// Has a closure look at each request of HTTP, in place of [`basic`](Self::basic): it returns what `Proxy-Authenticate`
    /// is to say in a 407, or `None` to serve the request.
    pub fn challenge(self, challenge: impl Fn(&HeaderMap) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { challenge: Some(Arc::new(challenge)), ..self }
    }

    /// Has a closure look at each request of HTTP that is served: it returns what `Proxy-Authentication-Info` is to say in
    /// the answer, to a CONNECT too, or `None` for none.
    pub fn authentication_info(self, info: impl Fn(&HeaderMap) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { info: Some(Arc::new(info)), ..self }
    }

    /// Closes each connection after a 407.
    pub fn close_after_challenge(self) -> Self {
        Self { closes_after_challenge: true, ..self }
    }

    /// Speaks TLS with its clients.
    #[cfg(feature = "tls")]
    pub fn tls(self, tls: TlsSetup) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Starts a proxy of HTTP.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn http(self) -> TestProxy {
        TestProxy::start(self, Kind::Http)
    }

    /// Starts a proxy of SOCKS, of the version that a connection begins with.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn socks(self) -> TestProxy {
        TestProxy::start(self, Kind::Socks)
    }

    /// What a request of HTTP is refused with.
    pub(super) fn challenge_for(&self, headers: &HeaderMap) -> Option<String> {
        if let Some(challenge) = &self.challenge {
            return challenge(headers);
        }
        let (user, password) = self.credentials.as_ref()?;
        let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
        let given = headers.get(PROXY_AUTHORIZATION).map(|value| value.as_bytes());
        (given != Some(expected.as_bytes())).then(|| "Basic realm=\"proxy\"".to_owned())
    }

    /// What the answer to a request of HTTP that is served says beside.
    pub(super) fn info_for(&self, headers: &HeaderMap) -> Option<String> {
        self.info.as_ref().and_then(|info| info(headers))
    }
}

impl fmt::Debug for ProxyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyOptions").field("targets", &self.targets).finish_non_exhaustive()
    }
}
