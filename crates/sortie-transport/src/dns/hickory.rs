use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use sortie_core::BoxError;

use super::{Addresses, Name, Resolve};

/// [hickory-dns](https://docs.rs/hickory-resolver) as the resolver: asks the name servers itself, without a thread for each
/// look-up, and tells for how long an answer holds. Needs the feature `hickory`.
///
/// It knows `/etc/hosts` and `/etc/resolv.conf` (on Windows the registry), and nothing else that the system may be set up
/// with: no NSS modules, no mDNS. Addresses of IPv6 come first; it does not sort by RFC 6724. It keeps no answers
/// itself: the [cache](super::CacheOptions) does.
///
/// ```
/// use sortie_transport::{Transport, TransportOptions, dns::Hickory};
///
/// let transport = Transport::new(TransportOptions::default().resolver(Hickory::system()));
/// # let _ = transport;
/// ```
#[derive(Clone)]
pub struct Hickory {
    settings: Settings,
    /// Made at the first look-up, again if that failed.
    made: Arc<Mutex<Option<TokioResolver>>>,
}

#[derive(Clone)]
enum Settings {
    System,
    NameServers(Arc<[SocketAddr]>),
}

impl Hickory {
    /// Asks the name servers of the system's configuration, which is read at the first look-up, once.
    #[must_use]
    pub fn system() -> Self {
        Self { settings: Settings::System, made: Arc::default() }
    }

    /// Asks these name servers, over UDP, and over TCP where an answer is too long, and reads `/etc/hosts`.
    #[must_use]
    pub fn name_servers(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { settings: Settings::NameServers(servers.into_iter().collect()), made: Arc::default() }
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(resolver) => Ok(resolver.clone()),
            None => Ok(made.insert(self.settings.make()?).clone()),
        }
    }
}

impl Settings {
    fn make(&self) -> Result<TokioResolver, NetError> {
        let mut builder = match self {
            Self::System => TokioResolver::builder_tokio()?,
            Self::NameServers(servers) => {
                let servers = servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        builder.build()
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![at_port(ConnectionConfig::udp()), at_port(ConnectionConfig::tcp())];
    NameServerConfig::new(address.ip(), true, connections)
}

/// A resolver that was set up by hand.
impl From<TokioResolver> for Hickory {
    fn from(resolver: TokioResolver) -> Self {
        Self { settings: Settings::System, made: Arc::new(Mutex::new(Some(resolver))) }
    }
}

impl Default for Hickory {
    fn default() -> Self {
        Self::system()
    }
}

impl Resolve for Hickory {
    fn resolve(&self, name: Name) -> impl Future<Output = Result<Addresses, BoxError>> + Send + 'static {
        let this = self.clone();
        async move {
            let found = this.resolver()?.lookup_ip(name.as_str()).await?;
            // By the system's clock, as hickory reads it.
            let ttl = found.valid_until().saturating_duration_since(Instant::now());
            Ok(found.iter().collect::<Addresses>().ttl(ttl))
        }
    }
}

impl fmt::Debug for Hickory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Hickory");
        match &self.settings {
            Settings::System => debug.finish_non_exhaustive(),
            Settings::NameServers(servers) => debug.field("name_servers", servers).finish_non_exhaustive(),
        }
    }
}
