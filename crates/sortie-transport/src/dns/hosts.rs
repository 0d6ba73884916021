use std::collections::HashMap;
use std::net::SocketAddr;

use super::Addresses;
use crate::route::bare;

/// A host whose addresses are given: at any port, or at one.
///
/// ```
/// use sortie_transport::dns::Host;
///
/// assert_ne!(Host::from("example.com"), Host::from(("example.com", 8443)));
/// assert_eq!(Host::from("Example.com."), Host::from("example.com"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// In lower case, without brackets and the root's dot.
    name: Box<str>,
    port: Option<u16>,
}

impl Host {
    fn new(name: &str, port: Option<u16>) -> Self {
        let bare = bare(name);
        let name = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase().into();
        Self { name, port }
    }
}

impl From<&str> for Host {
    fn from(name: &str) -> Self {
        Self::new(name, None)
    }
}

impl From<String> for Host {
    fn from(name: String) -> Self {
        Self::new(&name, None)
    }
}

impl<T: AsRef<str>> From<(T, u16)> for Host {
    fn from((name, port): (T, u16)) -> Self {
        Self::new(name.as_ref(), Some(port))
    }
}

/// The addresses that were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(HashMap<Host, Addresses>);

impl Hosts {
    pub(crate) fn set(&mut self, host: Host, addresses: Addresses) {
        self.0.insert(host, addresses);
    }

    /// What was given for `host` at that port, else at any.
    pub(crate) fn of(&self, host: &str, port: u16) -> Option<&[SocketAddr]> {
        if self.0.is_empty() {
            return None;
        }
        let any = Host::from(host);
        let at_port = Host { port: Some(port), ..any.clone() };
        self.0.get(&at_port).or_else(|| self.0.get(&any)).map(Addresses::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_port_that_was_named_comes_first_and_the_last_word_counts() {
        let ip = |last| IpAddr::from([10, 0, 0, last]);
        let mut hosts = Hosts::default();
        assert!(hosts.of("a.test", 80).is_none());
        hosts.set("A.test".into(), ip(9).into());
        hosts.set("a.test".into(), [ip(1), ip(2)].into());
        hosts.set(("a.test", 8080).into(), ip(3).into());
        hosts.set("[2001:db8::1]".into(), ip(4).into());
        for (host, port, expected) in [
            ("a.test", 80, Some(vec![1, 2])),
            ("A.TEST.", 443, Some(vec![1, 2])),
            ("a.test", 8080, Some(vec![3])),
            ("2001:db8::1", 80, Some(vec![4])),
            ("b.a.test", 80, None),
            ("test", 80, None),
        ] {
            let expected = expected.map(|last| last.into_iter().map(|last| SocketAddr::new(ip(last), 0)).collect());
            assert_eq!(hosts.of(host, port).map(<[_]>::to_vec), expected, "{host}:{port}");
        }
    }
}
