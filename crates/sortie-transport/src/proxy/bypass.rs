//! `NO_PROXY`: which origins are asked directly.
//!
//! hyper-util's matcher has no ports, and reads the environment itself; the rest is as there, and as curl has it.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::route::bare;

/// A list of origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// Any port, if there is none.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Address(IpAddr),
    Network(IpNet),
    /// This name, and those below it.
    Domain(Box<str>),
    /// Those below this name alone.
    Below(Box<str>),
}

impl Bypass {
    /// Adds the entries of a list, divided by commas or white space. One that is nothing of the known forms matches
    /// nothing.
    pub(super) fn add(&mut self, list: &str) {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        self.0.extend(entries.filter_map(Entry::parse));
    }

    /// Whether an origin is in the list. The host is as in a URI.
    pub(super) fn contains(&self, host: &str, port: u16) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let host = bare(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        let address = host.parse().ok().as_ref().map(IpAddr::to_canonical);
        self.0.iter().any(|entry| entry.port.is_none_or(|own| own == port) && entry.hosts.contain(host, address))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        // An address in brackets, with a prefix length or a port or both after it.
        if let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            let (length, port) = match rest.rsplit_once(':') {
                Some((length, port)) => (length, Some(port.parse().ok()?)),
                None => (rest, None),
            };
            return Some(Self { hosts: Hosts::address(&format!("{address}{length}"))?, port });
        }
        if let Some(hosts) = Hosts::address(text) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let hosts = Hosts::address(host).or_else(|| Hosts::named(host))?;
        Some(Self { hosts, port })
    }
}

impl Hosts {
    fn address(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical()));
        }
        text.parse().ok().map(Self::Network)
    }

    fn named(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text == "*" {
            return Some(Self::All);
        }
        if let Some(name) = text.strip_prefix("*.") {
            return (!name.is_empty()).then(|| Self::Below(name.to_ascii_lowercase().into()));
        }
        let name = text.trim_start_matches('.');
        (!name.is_empty()).then(|| Self::Domain(name.to_ascii_lowercase().into()))
    }

    /// Names and addresses do not match each other: `1.1` is no domain of `10.0.1.1`.
    fn contain(&self, host: &str, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::All, _) => true,
            (Self::Address(own), Some(address)) => *own == address,
            (Self::Network(network), Some(address)) => network.contains(&address),
            (Self::Domain(name), None) => host.eq_ignore_ascii_case(name) || is_below(host, name),
            (Self::Below(name), None) => is_below(host, name),
            _ => false,
        }
    }
}

fn is_below(host: &str, name: &str) -> bool {
    let (host, name) = (host.as_bytes(), name.as_bytes());
    let Some(dot) = host.len().checked_sub(name.len() + 1) else { return false };
    dot > 0 && host[dot] == b'.' && host[dot + 1..].eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_origins_are_in_a_list() {
        for (list, inside, outside) in [
            ("", "", "a.test:80 127.0.0.1:80"),
            ("*", "a.test:80 127.0.0.1:80 [::1]:443", ""),
            (
                "a.test",
                "a.test:80 a.test:443 A.Test:80 a.test.:80 b.a.test:80 c.b.a.test:80",
                "ba.test:80 a.test.evil:80 test:80",
            ),
            (".a.test", "a.test:80 b.a.test:80", "ba.test:80"),
            ("..a.test", "a.test:80", "b.test:80"),
            ("*.a.test", "b.a.test:80 c.b.a.test:80", "a.test:80 ba.test:80 .a.test:80"),
            ("A.TEST.", "a.test:80 b.a.test.:80", "b.test:80"),
            ("a.test:8080", "a.test:8080 b.a.test:8080", "a.test:80 a.test:443"),
            ("a.test:443", "a.test:443", "a.test:80"),
            ("a.test , b.test", "a.test:80 b.test:80", "c.test:80"),
            ("a.test b.test\tc.test", "a.test:80 b.test:80 c.test:80", "d.test:80"),
            (",,a.test,", "a.test:80", "b.test:80"),
            ("localhost", "localhost:80 LOCALHOST:1 x.localhost:80", "127.0.0.1:80"),
            ("test", "a.test:80 test:80", "atest:80"),
            ("10.0.0.1", "10.0.0.1:80 10.0.0.1:443", "10.0.0.10:80 10.0.0.11:80 110.0.0.1:80"),
            ("0.0.1", "", "10.0.0.1:80"),
            ("10.0.0.1:81", "10.0.0.1:81", "10.0.0.1:80"),
            ("10.0.0.0/8", "10.0.0.1:80 10.255.255.255:80", "11.0.0.1:80 [a00::]:80"),
            ("10.1.2.3/8", "10.0.0.1:80", "11.0.0.1:80"),
            ("10.0.0.0/8:81", "10.0.0.1:81", "10.0.0.1:80"),
            ("10.0.0.1/32", "10.0.0.1:80", "10.0.0.2:80"),
            ("0.0.0.0/0", "1.2.3.4:80", "[::2]:80 a.test:80"),
            ("10.0.0.0/33", "", "10.0.0.1:80"),
            ("::1", "[::1]:80 [0:0::1]:80", "[::2]:80"),
            ("[::1]", "[::1]:80", "[::2]:80"),
            ("[::1]:81", "[::1]:81", "[::1]:80"),
            ("fd00::/8", "[fd12:3456::1]:80", "[fe80::1]:80 a.test:80"),
            ("[fd00::]/8", "[fd12::1]:80", "[fe80::1]:80"),
            ("[fd00::]/8:81", "[fd12::1]:81", "[fd12::1]:80"),
            ("10.0.0.1", "[::ffff:10.0.0.1]:80", ""),
            ("::ffff:10.0.0.1", "10.0.0.1:80", ""),
            ("*:81", "a.test:81 10.0.0.1:81", "a.test:80"),
            ("a.test:x", "", "a.test:80"),
            (". : [ ] [x]", "", "a.test:80 [::1]:80"),
        ] {
            let mut bypass = Bypass::default();
            bypass.add(list);
            for (origins, expected) in [(inside, true), (outside, false)] {
                for origin in origins.split_whitespace() {
                    let (host, port) = origin.rsplit_once(':').unwrap();
                    assert_eq!(bypass.contains(host, port.parse().unwrap()), expected, "{origin} in `{list}`");
                }
            }
        }
    }
}
