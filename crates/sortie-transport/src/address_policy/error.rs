use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use super::Network;

/// Why an [`AddressPolicy`](super::AddressPolicy) refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The address is of a network that is not public: [`AddressPolicy::public_only`](super::AddressPolicy::public_only).
    Special {
        /// What the network is for, in a word or two: `loopback`.
        kind: &'static str,
        /// The network.
        network: Network,
    },
    /// The address is of a network that was given to [`AddressPolicy::refuse`](super::AddressPolicy::refuse).
    Network(Network),
    /// The port is none of [`AddressPolicy::ports`](super::AddressPolicy::ports).
    Port,
    /// The closure of [`AddressPolicy::new`](super::AddressPolicy::new) refuses it.
    Custom,
    /// A proxy would look the name up, so that nothing can be known of its addresses.
    NameByProxy,
    /// The URL names a Unix socket.
    UnixSocket,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Special { kind, network } => {
                write!(f, "{kind}, {network}, is not public; AddressPolicy::allow admits a network")
            }
            Self::Network(network) => write!(f, "AddressPolicy::refuse was given {network}"),
            Self::Port => f.write_str("the port is none of AddressPolicy::ports"),
            Self::Custom => f.write_str("the closure of AddressPolicy::new says so"),
            Self::NameByProxy => f.write_str(
                "a proxy would look the name up and its addresses cannot be known; AddressPolicy::names_by_proxy admits it",
            ),
            Self::UnixSocket => f.write_str("it is a Unix socket; AddressPolicy::unix_urls admits it"),
        }
    }
}

/// The transport's [`AddressPolicy`](super::AddressPolicy) refuses all addresses of a host, or what the URL names in an
/// address's place. Nothing was sent, nor was a connection attempted; the same request will be refused again, and so is
/// not retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRefused {
    host: Box<str>,
    addresses: Vec<(SocketAddr, Refusal)>,
    /// Why, if it has no address.
    whole: Option<Refusal>,
}

impl AddressRefused {
    /// `addresses` has at least one.
    pub(crate) fn addresses_of(host: &str, addresses: Vec<(SocketAddr, Refusal)>) -> Self {
        Self { host: host.into(), addresses, whole: None }
    }

    pub(crate) fn whole(host: &str, refusal: Refusal) -> Self {
        Self { host: host.into(), addresses: Vec::new(), whole: Some(refusal) }
    }

    /// The host, as the request has it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host's addresses, and why each is refused. There is none where the host is not looked up.
    #[must_use]
    pub fn addresses(&self) -> &[(SocketAddr, Refusal)] {
        &self.addresses
    }

    /// Why it is refused: what is said of the first address, if there is one.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.addresses.first().map(|(_, refusal)| *refusal).or(self.whole).unwrap_or(Refusal::Custom)
    }
}

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the address policy refuses {}", self.host)?;
        match self.addresses.first() {
            // A literal need not be said twice.
            Some((address, _)) if address.ip().to_string() == *self.host => {}
            Some((address, _)) if self.addresses.len() == 1 => write!(f, " ({})", address.ip())?,
            Some((address, _)) => write!(f, " ({} and {} more)", address.ip(), self.addresses.len() - 1)?,
            None => {}
        }
        write!(f, ": {}", self.refusal())
    }
}

impl Error for AddressRefused {}
