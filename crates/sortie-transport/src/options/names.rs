use std::net::IpAddr;
use std::time::Duration;

use super::TransportOptions;
use crate::address_policy::AddressPolicy;
use crate::connect::{SocketOptions, TcpKeepAlive};
use crate::dns::{self, Addresses, CacheOptions, Host, Hosts, Resolve, ResolveFn};

/// How names become addresses, which of them may be connected to, and how.
#[derive(Clone)]
pub(crate) struct Names {
    /// `None` is the system's.
    pub(crate) resolver: Option<ResolveFn>,
    pub(crate) hosts: Hosts,
    pub(crate) cache: Option<CacheOptions>,
    pub(crate) policy: Option<AddressPolicy>,
    /// RFC 8305's Connection Attempt Delay.
    pub(crate) delay: Duration,
    pub(crate) sockets: SocketOptions,
}

impl Default for Names {
    fn default() -> Self {
        let keep_alive = Some(TcpKeepAlive::default());
        Self {
            resolver: None,
            hosts: Hosts::default(),
            cache: Some(CacheOptions::default()),
            policy: None,
            delay: Duration::from_millis(250),
            sockets: SocketOptions { nodelay: true, keep_alive, local_v4: None, local_v6: None },
        }
    }
}

impl TransportOptions {
    /// Who [looks names up](dns). By default the [system](dns::System).
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.names.resolver = Some(dns::erase(resolver));
        self
    }

    /// The addresses of one host, in any case, at any port, or at one (`("example.com", 8443)`), in place of those that it
    /// has; a second call for the same replaces the first. It is curl's `--resolve`: the name stays what it is in
    /// `Host`, TLS and the pool. With no address at all, requests to the host fail.
    ///
    /// ```
    /// use sortie_transport::TransportOptions;
    /// use std::net::IpAddr;
    ///
    /// let options = TransportOptions::default()
    ///     .resolve_to("example.com", [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])])
    ///     .resolve_to(("example.com", 8443), IpAddr::from([10, 0, 0, 3]));
    /// ```
    #[must_use]
    pub fn resolve_to(mut self, host: impl Into<Host>, addresses: impl Into<Addresses>) -> Self {
        self.names.hosts.set(host.into(), addresses.into());
        self
    }

    /// How answers to look-ups are [kept](dns#what-is-kept); `None` keeps none. By default as [`CacheOptions`] says.
    #[must_use]
    pub fn dns_cache(mut self, cache: impl Into<Option<CacheOptions>>) -> Self {
        self.names.cache = cache.into();
        self
    }

    /// Which [addresses](crate::address_policy) may be connected to. By default all.
    #[must_use]
    pub fn address_policy(mut self, policy: impl Into<Option<AddressPolicy>>) -> Self {
        self.names.policy = policy.into();
        self
    }

    /// How long an address may take to accept a connection before the next one is tried beside it
    /// ([RFC 8305 §5](https://www.rfc-editor.org/rfc/rfc8305#section-5)). By default 250 ms; never less than 10 ms nor
    /// more than 2 s.
    #[must_use]
    pub fn happy_eyeballs_delay(mut self, delay: Duration) -> Self {
        self.names.delay = delay.clamp(Duration::from_millis(10), Duration::from_secs(2));
        self
    }

    /// The own address to connect from: one of each family may be given, by two calls. Servers' addresses of a family of
    /// which none was given are then left out. By default the system chooses.
    #[must_use]
    pub fn local_address(mut self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => self.names.sockets.local_v4 = Some(v4),
            IpAddr::V6(v6) => self.names.sockets.local_v6 = Some(v6),
        }
        self
    }

    /// How a connection asks whether the other end is still there; `None` never asks. By default as [`TcpKeepAlive`] says.
    #[must_use]
    pub fn tcp_keep_alive(mut self, keep_alive: impl Into<Option<TcpKeepAlive>>) -> Self {
        self.names.sockets.keep_alive = keep_alive.into();
        self
    }
}
