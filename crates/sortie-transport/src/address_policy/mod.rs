//! Which addresses may be connected to: the guard against server-side request forgery (SSRF).
//!
//! Who fetches URLs that others name must not be led to what only he can reach: his own machine, his network, the
//! metadata service of his cloud. A check of the URL does not help, for its name may have any address, another one at
//! each look-up (DNS rebinding), and a redirect may lead anywhere. An [`AddressPolicy`] therefore judges the very
//! addresses that are then connected to, after the name was looked up, for every connection and so for every hop.
//!
//! # Example
//!
//! ```
//! use sortie_transport::{AddressPolicy, Transport, TransportOptions, address_policy::Network};
//!
//! // Only public addresses, and one network of ours.
//! let policy = AddressPolicy::public_only().allow("10.1.0.0/16".parse::<Network>()?).ports([80, 443]);
//! assert!(policy.check(([8, 8, 8, 8], 443).into()).is_ok());
//! assert!(policy.check(([127, 0, 0, 1], 80).into()).is_err());
//!
//! let transport = Transport::new(TransportOptions::default().address_policy(policy));
//! # let _ = transport;
//! # Ok::<_, sortie_transport::address_policy::InvalidNetwork>(())
//! ```
//!
//! # What is judged
//!
//! - Every address of a name, whether it was looked up, kept from before or
//!   [given](crate::TransportOptions::resolve_to); those that are refused are left out, and only if none is left the
//!   request fails with [`AddressRefused`].
//! - Addresses in URLs, in any notation ([`literal`]), and that of [`OriginService::at`](crate::OriginService::at).
//! - An IPv6 address that leads to an IPv4 one is judged by both: IPv4-mapped, -compatible and -translated addresses,
//!   NAT64 with the well-known prefix, 6to4, Teredo, ISATAP. A network that translates by a prefix of its own
//!   ([RFC 6052 §2.2](https://www.rfc-editor.org/rfc/rfc6052#section-2.2)) should [refuse](AddressPolicy::refuse) it.
//! - With a proxy: addresses in URLs, and those of names that are looked up here (`socks4`, `socks5`). A name that the
//!   proxy would look up is refused, unless the policy [says otherwise](AddressPolicy::names_by_proxy). The address of
//!   the proxy itself is not judged: it is the user's own choice.
//! - With a [`connector`](crate::TransportOptions::connector) of one's own: addresses in URLs alone. What names lead to is
//!   the connector's business.
//! - URLs that name a Unix socket are refused, unless the policy [says otherwise](AddressPolicy::unix_urls);
//!   [`Transport::unix`](crate::Transport::unix) is not.
//!
//! A connection that is open was judged when it was made.
//!
//! # Differences from requests
//!
//! requests has nothing of the kind.

mod error;
mod network;
mod notation;
mod special;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use error::{AddressRefused, Refusal};
pub use network::{InvalidNetwork, Network};
pub use notation::literal;

/// Which addresses may be connected to. See the [module](self).
///
/// Of its rules, the ports come first, then [refused](Self::refuse) networks, then [allowed](Self::allow) ones, then what
/// it began with.
#[derive(Clone)]
pub struct AddressPolicy {
    rest: Rest,
    allowed: Vec<Network>,
    refused: Vec<Network>,
    ports: Option<Vec<u16>>,
    names_by_proxy: bool,
    unix_urls: bool,
}

/// Decides where no network does.
#[derive(Clone)]
enum Rest {
    Any,
    PublicOnly,
    Custom(Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>),
}

impl AddressPolicy {
    /// Refuses every address that is not a public one: the loopback, private, link-local, unique-local, carriers'
    /// (CGNAT), cloud metadata, multicast, broadcast, unspecified, documentation, benchmarking and reserved ones, what the
    /// IANA registries of special-purpose addresses ([RFC 6890](https://www.rfc-editor.org/rfc/rfc6890)) do not say is
    /// globally reachable, and addresses that lead to one of these.
    #[must_use]
    pub fn public_only() -> Self {
        Self::beginning_with(Rest::PublicOnly)
    }

    /// Refuses nothing but what [`refuse`](Self::refuse) and [`ports`](Self::ports) say.
    #[must_use]
    pub fn any() -> Self {
        Self::beginning_with(Rest::Any)
    }

    /// Asks `allows` for each address, and for each IPv4 address that an IPv6 one leads to: all must be allowed. An
    /// IPv4-mapped address is given as the IPv4 address that it is. It must not block.
    ///
    /// ```
    /// use sortie_transport::AddressPolicy;
    ///
    /// let policy = AddressPolicy::new(|address| address.is_ipv4());
    /// assert!(policy.check(([127, 0, 0, 1], 80).into()).is_ok());
    /// ```
    #[must_use]
    pub fn new(allows: impl Fn(SocketAddr) -> bool + Send + Sync + 'static) -> Self {
        Self::beginning_with(Rest::Custom(Arc::new(allows)))
    }

    fn beginning_with(rest: Rest) -> Self {
        let (allowed, refused) = (Vec::new(), Vec::new());
        Self { rest, allowed, refused, ports: None, names_by_proxy: false, unix_urls: false }
    }

    /// Allows the addresses of a network, whatever they are. May be called more than once.
    #[must_use]
    pub fn allow(mut self, network: impl Into<Network>) -> Self {
        self.allowed.push(network.into());
        self
    }

    /// Refuses the addresses of a network, allowed ones too. May be called more than once.
    #[must_use]
    pub fn refuse(mut self, network: impl Into<Network>) -> Self {
        self.refused.push(network.into());
        self
    }

    /// Refuses all other ports. By default any will do.
    #[must_use]
    pub fn ports(self, ports: impl IntoIterator<Item = u16>) -> Self {
        Self { ports: Some(ports.into_iter().collect()), ..self }
    }

    /// Whether a proxy may be asked for a name, which it would look up itself: then it is the proxy that must keep guard.
    /// By default not.
    #[must_use]
    pub fn names_by_proxy(self, allowed: bool) -> Self {
        Self { names_by_proxy: allowed, ..self }
    }

    /// Whether a URL may name a Unix socket (`http+unix`). By default not: who names URLs would reach every service of the
    /// machine that has one.
    #[must_use]
    pub fn unix_urls(self, allowed: bool) -> Self {
        Self { unix_urls: allowed, ..self }
    }

    /// Whether `address` may be connected to.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check(&self, address: SocketAddr) -> Result<(), Refusal> {
        self.check_port(address.port())?;
        special::faces(address.ip()).try_for_each(|face| self.judge(SocketAddr::new(face, address.port())))
    }

    /// Whether a proxy may be asked for a connection to `host`, a name or an address in any notation. The transport asks
    /// before it asks the proxy.
    ///
    /// # Errors
    ///
    /// [`AddressRefused`] if it is an address that is refused, or a name and
    /// [those](Self::names_by_proxy) are not allowed.
    pub fn check_name_by_proxy(&self, host: &str, port: u16) -> Result<(), AddressRefused> {
        if let Some(address) = literal(host) {
            return self.check_literal(host, address, port);
        }
        let refused = |refusal| AddressRefused::whole(host, refusal);
        self.check_port(port).map_err(refused)?;
        if self.names_by_proxy { Ok(()) } else { Err(refused(Refusal::NameByProxy)) }
    }

    /// Whether `host` may be connected to by what looks names up out of sight.
    pub(crate) fn check_if_literal(&self, host: &str, port: u16) -> Result<(), AddressRefused> {
        match literal(host) {
            Some(address) => self.check_literal(host, address, port),
            None => self.check_port(port).map_err(|refusal| AddressRefused::whole(host, refusal)),
        }
    }

    /// Whether a URL may name the Unix socket at `path`.
    pub(crate) fn check_unix_url(&self, path: &str) -> Result<(), AddressRefused> {
        if self.unix_urls { Ok(()) } else { Err(AddressRefused::whole(path, Refusal::UnixSocket)) }
    }

    /// Those of a host's addresses that may be connected to.
    pub(crate) fn admitted(&self, host: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, AddressRefused> {
        let mut refused = Vec::new();
        let judge = |address: &SocketAddr| match self.check(*address) {
            Ok(()) => true,
            Err(refusal) => {
                refused.push((*address, refusal));
                false
            }
        };
        let admitted: Vec<_> = addresses.into_iter().filter(judge).collect();
        if admitted.is_empty() && !refused.is_empty() {
            return Err(AddressRefused::addresses_of(host, refused));
        }
        Ok(admitted)
    }

    fn check_literal(&self, host: &str, address: IpAddr, port: u16) -> Result<(), AddressRefused> {
        let address = SocketAddr::new(address, port);
        self.check(address).map_err(|refusal| AddressRefused::addresses_of(host, vec![(address, refusal)]))
    }

    fn check_port(&self, port: u16) -> Result<(), Refusal> {
        let allowed = self.ports.as_ref().is_none_or(|ports| ports.contains(&port));
        if allowed { Ok(()) } else { Err(Refusal::Port) }
    }

    fn judge(&self, address: SocketAddr) -> Result<(), Refusal> {
        let of = |networks: &[Network]| networks.iter().find(|network| network.contains(address.ip())).copied();
        if let Some(network) = of(&self.refused) {
            return Err(Refusal::Network(network));
        }
        if of(&self.allowed).is_some() {
            return Ok(());
        }
        match &self.rest {
            Rest::Any => Ok(()),
            Rest::PublicOnly => match special::special(address.ip()) {
                Some((network, kind)) => Err(Refusal::Special { kind, network }),
                None => Ok(()),
            },
            Rest::Custom(allows) if allows(address) => Ok(()),
            Rest::Custom(_) => Err(Refusal::Custom),
        }
    }
}

impl fmt::Debug for AddressPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = match self.rest {
            Rest::Any => "any",
            Rest::PublicOnly => "public only",
            Rest::Custom(_) => "custom",
        };
        f.debug_struct("AddressPolicy")
            .field("rest", &rest)
            .field("allowed", &self.allowed)
            .field("refused", &self.refused)
            .field("ports", &self.ports)
            .field("names_by_proxy", &self.names_by_proxy)
            .field("unix_urls", &self.unix_urls)
            .finish()
    }
}
