//! From a host to a TCP connection: its addresses, which of them may be connected to, and the race among them.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use sortie_core::{BoxError, Phase};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::failed::Failed;
use super::tcp::SocketOptions;
use super::{Progress, happy, tcp};
use crate::address_policy::{AddressPolicy, AddressRefused};
use crate::dns::{self, Hosts, Lookups, Name};
use crate::info::ConnectTimes;
use crate::options::TransportOptions;

/// Makes TCP connections to hosts.
pub(crate) struct Dialer {
    hosts: Hosts,
    lookups: Lookups,
    policy: Option<AddressPolicy>,
    sockets: SocketOptions,
    delay: Duration,
    failed: Failed,
}

/// What is connected to.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// As names and addresses are written outside of URIs.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// The one address, whatever the host's are.
    pub(super) at: Option<SocketAddr>,
    /// Whether the address policy has a say: it has none in the user's own proxies.
    pub(super) judged: bool,
}

/// The addresses of a host, and whence they are.
struct Found {
    addresses: Vec<SocketAddr>,
    /// The name that was looked up.
    name: Option<Name>,
}

impl Dialer {
    pub(super) fn new(options: &TransportOptions) -> Self {
        let names = &options.names;
        let resolve = names.resolver.clone().unwrap_or_else(|| dns::erase(dns::System));
        Self {
            hosts: names.hosts.clone(),
            lookups: Lookups::new(resolve, names.cache),
            policy: names.policy.clone(),
            sockets: SocketOptions { nodelay: options.tcp_nodelay, ..names.sockets },
            delay: names.delay,
            failed: Failed::default(),
        }
    }

    pub(super) async fn dial(
        &self,
        target: Target<'_>,
        progress: &Progress,
        times: &mut ConnectTimes,
    ) -> Result<TcpStream, BoxError> {
        let began = Instant::now();
        let Found { addresses, name } = self.find(target).await?;
        let found = Instant::now();
        times.dns = name.is_some().then(|| found - began);
        progress.enter(Phase::Connect);
        // Here, where nothing comes between an address and the connection to it, so that no second look-up can bring
        // another one (DNS rebinding).
        let addresses = if target.judged { self.admitted(target.host, addresses)? } else { addresses };
        let unusable = UnusableAnswer(name.map(|name| (&self.lookups, name)));
        let plan = happy::plan(self.reachable(target.host, addresses)?, &self.failed);
        let connecting = |address| tcp::connect(address, &self.sockets);
        let stream = happy::first(plan, self.delay, &self.failed, connecting).await?;
        unusable.served();
        times.connect = Some(found.elapsed());
        Ok(stream)
    }

    /// Those of a host's addresses that may be connected to, for a proxy that is told addresses.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, BoxError> {
        let found = self.find(Target { host, port, at: None, judged: true }).await?;
        self.admitted(host, found.addresses)
    }

    /// Asked before a proxy is, which looks names up itself unless `addresses_only` are given to it.
    pub(super) fn admit_by_proxy(&self, host: &str, port: u16, addresses_only: bool) -> Result<(), BoxError> {
        self.policy.as_ref().map_or(Ok(()), |policy| {
            let judged = match addresses_only {
                true => policy.check_if_literal(host, port),
                false => policy.check_name_by_proxy(host, port),
            };
            judged.map_err(denied)
        })
    }

    /// Asked before a connector that looks names up out of sight.
    pub(super) fn admit_unseen(&self, target: Target<'_>) -> Result<(), BoxError> {
        match (&self.policy, target.at) {
            (Some(_), Some(address)) if target.judged => self.admitted(target.host, vec![address]).map(drop),
            (Some(policy), None) if target.judged => policy.check_if_literal(target.host, target.port).map_err(denied),
            _ => Ok(()),
        }
    }

    /// Asked before the Unix socket that a URL names.
    pub(super) fn admit_unix_url(&self, path: &std::path::Path) -> Result<(), BoxError> {
        let judged = |policy: &AddressPolicy| policy.check_unix_url(&path.display().to_string()).map_err(denied);
        self.policy.as_ref().map_or(Ok(()), judged)
    }

    async fn find(&self, target: Target<'_>) -> Result<Found, BoxError> {
        let Target { host, port, at, .. } = target;
        let known = |addresses| Ok(Found { addresses, name: None });
        if let Some(address) = at {
            return known(vec![address]);
        }
        let with_port = |address: &SocketAddr| {
            let mut address = *address;
            if address.port() == 0 {
                address.set_port(port);
            }
            address
        };
        if let Some(given) = self.hosts.of(host, port) {
            if given.is_empty() {
                return Err(Unreachable { host: host.into(), why: Why::NoneGiven }.into());
            }
            return known(given.iter().map(with_port).collect());
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return known(vec![SocketAddr::new(address, port)]);
        }
        let name = Name::new(host);
        let addresses = self.lookups.look_up(&name).await?;
        Ok(Found { addresses: addresses.iter().map(with_port).collect(), name: Some(name) })
    }

    fn admitted(&self, host: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, BoxError> {
        match &self.policy {
            Some(policy) => policy.admitted(host, addresses).map_err(denied),
            None => Ok(addresses),
        }
    }

    fn reachable(&self, host: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Unreachable> {
        let reachable: Vec<_> = addresses.into_iter().filter(|address| self.sockets.reaches(address)).collect();
        if reachable.is_empty() {
            return Err(Unreachable { host: host.into(), why: Why::OtherFamily });
        }
        Ok(reachable)
    }
}

/// As an error of the system, by whose kind a retry sees that the same request will be refused again.
fn denied(refused: AddressRefused) -> BoxError {
    io::Error::new(io::ErrorKind::PermissionDenied, refused).into()
}

/// Dropped before one of the addresses has [served](Self::served), be it by the connect's limit, the answer is forgotten.
struct UnusableAnswer<'a>(Option<(&'a Lookups, Name)>);

impl UnusableAnswer<'_> {
    fn served(mut self) {
        self.0 = None;
    }
}

impl Drop for UnusableAnswer<'_> {
    fn drop(&mut self) {
        if let Some((lookups, name)) = &self.0 {
            lookups.forget(name);
        }
    }
}

/// There is no address of the host to connect to.
#[derive(Debug)]
struct Unreachable {
    host: Arc<str>,
    why: Why,
}

#[derive(Debug)]
enum Why {
    NoneGiven,
    OtherFamily,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match self.why {
            Why::NoneGiven => write!(f, "TransportOptions::resolve_to gives {host} no address"),
            Why::OtherFamily => write!(
                f,
                "no address of {host} is of the family of the own address (TransportOptions::local_address, which takes \
                 one of each family)"
            ),
        }
    }
}

impl Error for Unreachable {}
