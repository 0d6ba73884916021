use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// A network of addresses: `10.1.0.0/16`, `2001:db8::/32`, or one address.
///
/// ```
/// use sortie_transport::address_policy::Network;
///
/// let network: Network = "10.1.0.0/16".parse()?;
/// assert!(network.contains([10, 1, 2, 3].into()));
/// # Ok::<_, sortie_transport::address_policy::InvalidNetwork>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    pub(super) const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Self {
        Self(IpNet::V4(ipnet::Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)))
    }

    pub(super) const fn v6(address: u128, length: u8) -> Self {
        Self(IpNet::V6(ipnet::Ipv6Net::new_assert(Ipv6Addr::from_bits(address), length)))
    }

    /// Whether `address` is one of it. An IPv4 address and its IPv6-mapped form are not the same here.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(address.into())
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(|network| Self(network.trunc())).map_err(|_| InvalidNetwork { text: text.into() })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is neither a network nor an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidNetwork {
    text: Box<str>,
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no network: an address, or an address, `/` and the length of its prefix", self.text)
    }
}

impl std::error::Error for InvalidNetwork {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_and_printed_without_the_bits_beyond_its_prefix() {
        for (text, printed) in [
            ("10.1.2.3/16", "10.1.0.0/16"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), printed);
        }
        for text in ["", "10.1.0.0/33", "10.1/16", "example.com", "10.0.0.0/", "/8", "::/129"] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{text}` is no network")), "{text}");
        }
    }
}
