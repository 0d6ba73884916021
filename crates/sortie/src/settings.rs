use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use sortie_core::BoxHttp;
use sortie_core::auth::SharedAuth;
use sortie_layers::base_url::BaseUrl;
use sortie_layers::hooks::Hooks;
use sortie_layers::mounts::Prefix;
use sortie_layers::query::QueryOptions;
use sortie_layers::redirect::RedirectOptions;
use sortie_layers::retry::RetryLayer;
use sortie_layers::timeout::TimeoutOptions;
use sortie_transport::{AddressPolicy, Transport, TransportOptions};

use crate::environment::Environment;
use crate::limits::MaxBody;
use crate::mount::Mount;
use crate::road::Road;
use crate::setter;
use crate::stack::{self, UserLayer, Wire};

/// What a session is made of. The builder writes it, `stack` reads it, and the session keeps it for `to_builder`.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) headers: HeaderMap,
    pub(crate) query: QueryOptions,
    pub(crate) timeout: TimeoutOptions,
    pub(crate) redirect: RedirectOptions,
    /// As a layer, because the budget is the layer's: all mounts and all sessions built from this one share it.
    pub(crate) retry: RetryLayer,
    pub(crate) auth: Option<SharedAuth>,
    /// As an auth, which is made once for all mounts.
    pub(crate) netrc: Option<SharedAuth>,
    pub(crate) hooks: Hooks,
    pub(crate) wire_hooks: Hooks,
    pub(crate) max_body: Option<MaxBody>,
    #[cfg(feature = "cookies")]
    pub(crate) cookies: Option<sortie_cookies::CookieOptions>,
    #[cfg(feature = "cookies")]
    pub(crate) jar: Option<sortie_cookies::Jar>,
    #[cfg(feature = "decompress")]
    pub(crate) decompress: Option<sortie_decompress::DecompressOptions>,
    pub(crate) mounts: Vec<(Prefix, Mount)>,
    pub(crate) layers: Vec<UserLayer>,
    pub(crate) hop_layers: Vec<UserLayer>,
    pub(crate) wire_layers: Vec<UserLayer>,
    pub(crate) transport: TransportSetting,
    /// In place of the transport's own; its proxies are in place of the environment's, too.
    pub(crate) road: Road,
    pub(crate) environment: Environment,
    /// For the transport that is to be made.
    pub(crate) address_policy: Option<AddressPolicy>,
}

impl Default for Settings {
    fn default() -> Self {
        #[cfg(feature = "cookies")]
        let jar = sortie_cookies::Jar::new();
        Self {
            base_url: None,
            headers: default_headers(),
            query: QueryOptions::default(),
            timeout: TimeoutOptions::default(),
            redirect: RedirectOptions::default(),
            retry: RetryLayer::default(),
            auth: None,
            netrc: None,
            hooks: Hooks::default(),
            wire_hooks: Hooks::default(),
            max_body: None,
            #[cfg(feature = "cookies")]
            cookies: Some(sortie_cookies::CookieOptions::jar(jar.clone())),
            #[cfg(feature = "cookies")]
            jar: Some(jar),
            #[cfg(feature = "decompress")]
            decompress: Some(sortie_decompress::DecompressOptions::default()),
            mounts: Vec::new(),
            layers: Vec::new(),
            hop_layers: Vec::new(),
            wire_layers: Vec::new(),
            transport: TransportSetting::Options(Box::default()),
            road: Road::default(),
            environment: Environment::default(),
            address_policy: None,
        }
    }
}

fn default_headers() -> HeaderMap {
    HeaderMap::from_iter([
        (USER_AGENT, HeaderValue::from_static(concat!("sortie/", env!("CARGO_PKG_VERSION")))),
        (ACCEPT, HeaderValue::from_static("*/*")),
    ])
}

/// The transport of every mount that has none of its own.
#[derive(Clone)]
pub(crate) enum TransportSetting {
    /// To be made of these options, by and for the session.
    Options(Box<TransportOptions>),
    /// Made by a session, and used by it and by those built from it.
    Own(Pool),
    /// The user's: its end is not the session's business.
    Given(BoxHttp),
}

/// A transport that sessions made for themselves, and how many of them are open.
#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) transport: Transport,
    sessions: Arc<AtomicUsize>,
}

impl Pool {
    pub(crate) fn new(options: TransportOptions) -> Self {
        Self { transport: Transport::new(options), sessions: Arc::default() }
    }

    /// The same pool, by another road.
    fn by(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }

    pub(crate) fn enter(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the session that leaves was the last one.
    pub(crate) fn leave(&self) -> bool {
        self.sessions.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl Settings {
    /// The session's own transport as the session's settings change it.
    fn by_road(&self, transport: &Transport) -> Transport {
        let by = self.road.over(transport);
        if by.proxies().is_some() { by } else { by.with_proxies(self.environment.proxies()) }
    }

    /// The innermost service, and the pool that it has if it is the session's own transport, made if there is none yet.
    pub(crate) fn wire(&mut self) -> (Wire, Option<Pool>) {
        let pool = match &mut self.transport {
            TransportSetting::Given(service) => return (stack::given(service.clone()), None),
            TransportSetting::Own(pool) => pool.clone(),
            TransportSetting::Options(options) => {
                let options = std::mem::take(&mut **options);
                Pool::new(match self.address_policy.take() {
                    Some(policy) => options.address_policy(policy),
                    None => options,
                })
            }
        };
        // As it was made: what is built from this session may know nothing of its proxies and TLS.
        self.transport = TransportSetting::Own(pool.clone());
        let by_road = self.by_road(&pool.transport);
        let pool = pool.by(by_road);
        (stack::pooled(pool.transport.clone()), Some(pool))
    }

    /// The setter whose value nothing would heed, because the service below is not the session's own transport.
    pub(crate) fn unheeded(&self) -> Option<setter::Invalid> {
        if self.address_policy.is_some() && !matches!(self.transport, TransportSetting::Options(_)) {
            const WHAT: &str = "the transport is there already: give its TransportOptions the policy";
            return Some(setter::Invalid::new("SessionBuilder::address_policy", WHAT));
        }
        let is_given = matches!(self.transport, TransportSetting::Given(_));
        let mounts = self.mounts.iter().map(|(_, mount)| mount);
        let by_mount = mounts
            .filter(|mount| is_given || mount.transport.is_some())
            .find_map(|mount| mount.road.setter(["Mount::tls", "Mount::proxies"]));
        self.road
            .setter(["SessionBuilder::tls", "SessionBuilder::proxies"])
            .filter(|_| is_given)
            .or(by_mount)
            .map(|setter| setter::Invalid::new(setter, "the transport below is one of your own: give that the setting"))
    }

    /// Mounts in the place of what was mounted at the same prefix.
    pub(crate) fn mount(&mut self, prefix: Prefix, mount: Mount) {
        match self.mounts.iter_mut().find(|(mounted, _)| *mounted == prefix) {
            Some((_, mounted)) => *mounted = mount,
            None => self.mounts.push((prefix, mount)),
        }
    }
}

/// Names, never values: headers and auth are secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("timeout", &self.timeout)
            .field("auth", &self.auth)
            .field("mounts", &self.mounts.iter().map(|(prefix, _)| prefix.to_string()).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
