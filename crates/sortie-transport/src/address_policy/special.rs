//! What is not a public address, and which IPv4 addresses an IPv6 address leads to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Network;

/// The networks of the IANA registries [IPv4][v4] and [IPv6][v6] Special-Purpose Addresses
/// ([RFC 6890](https://www.rfc-editor.org/rfc/rfc6890), as of October 2025) that are not said to be globally reachable,
/// multicast, and addresses in public networks at which clouds answer their guests. The first that fits is named, so what
/// is told of more exactly comes first.
///
/// [v4]: https://www.iana.org/assignments/iana-ipv4-special-registry
/// [v6]: https://www.iana.org/assignments/iana-ipv6-special-registry
const SPECIAL: &[(Network, &str)] = &[
    // AWS, Google Cloud, Azure, Oracle, DigitalOcean, OpenStack and others; AWS for containers; Oracle's older one;
    // Alibaba; Azure's host ("wire server"); AWS and Google Cloud over IPv6.
    (Network::v4(169, 254, 169, 254, 32), "cloud metadata"),
    (Network::v4(169, 254, 170, 2, 32), "cloud metadata"),
    (Network::v4(192, 0, 0, 192, 32), "cloud metadata"),
    (Network::v4(100, 100, 100, 200, 32), "cloud metadata"),
    (Network::v4(168, 63, 129, 16, 32), "cloud metadata"),
    (Network::v6(0xfd00_0ec2_0000_0000_0000_0000_0000_0254, 128), "cloud metadata"),
    (Network::v6(0xfd20_00ce_0000_0000_0000_0000_0000_0254, 128), "cloud metadata"),
    (Network::v4(0, 0, 0, 0, 32), "unspecified"),
    (Network::v4(0, 0, 0, 0, 8), "this network"),
    (Network::v4(10, 0, 0, 0, 8), "private"),
    (Network::v4(100, 64, 0, 0, 10), "shared by carriers (CGNAT)"),
    (Network::v4(127, 0, 0, 0, 8), "loopback"),
    (Network::v4(169, 254, 0, 0, 16), "link-local"),
    (Network::v4(172, 16, 0, 0, 12), "private"),
    (Network::v4(192, 0, 0, 0, 24), "IETF protocol assignments"),
    (Network::v4(192, 0, 2, 0, 24), "documentation"),
    (Network::v4(192, 88, 99, 0, 24), "6to4 relay"),
    (Network::v4(192, 168, 0, 0, 16), "private"),
    (Network::v4(198, 18, 0, 0, 15), "benchmarking"),
    (Network::v4(198, 51, 100, 0, 24), "documentation"),
    (Network::v4(203, 0, 113, 0, 24), "documentation"),
    (Network::v4(224, 0, 0, 0, 4), "multicast"),
    (Network::v4(255, 255, 255, 255, 32), "broadcast"),
    (Network::v4(240, 0, 0, 0, 4), "reserved"),
    (Network::v6(0, 128), "unspecified"),
    (Network::v6(1, 128), "loopback"),
    (Network::v6(0, 96), "IPv4-compatible"),
    (Network::v6(0x0064_ff9b_0001 << 80, 48), "NAT64 for local use"),
    (Network::v6(0x0100 << 112, 64), "discard-only"),
    (Network::v6(0x0100_0000_0000_0001 << 64, 64), "dummy prefix"),
    (Network::v6(0x2001 << 112, 32), "Teredo"),
    (Network::v6(0x2001_0002 << 96, 48), "benchmarking"),
    (Network::v6(0x2001 << 112, 23), "IETF protocol assignments"),
    (Network::v6(0x2001_0db8 << 96, 32), "documentation"),
    (Network::v6(0x2002 << 112, 16), "6to4"),
    (Network::v6(0x3fff << 112, 20), "documentation"),
    (Network::v6(0x5f00 << 112, 16), "segment routing"),
    (Network::v6(0xfc00 << 112, 7), "unique-local"),
    (Network::v6(0xfe80 << 112, 10), "link-local"),
    (Network::v6(0xfec0 << 112, 10), "site-local"),
    (Network::v6(0xff00 << 112, 8), "multicast"),
];

/// Networks within those that the registries say are globally reachable: the anycast addresses of PCP, TURN and DNS-SD,
/// AMT, AS112, ORCHIDv2 and DRIP.
const GLOBAL: &[Network] = &[
    Network::v4(192, 0, 0, 9, 32),
    Network::v4(192, 0, 0, 10, 32),
    Network::v6(0x2001_0001_0000_0000_0000_0000_0000_0001, 128),
    Network::v6(0x2001_0001_0000_0000_0000_0000_0000_0002, 128),
    Network::v6(0x2001_0001_0000_0000_0000_0000_0000_0003, 128),
    Network::v6(0x2001_0003 << 96, 32),
    Network::v6(0x2001_0004_0112 << 80, 48),
    Network::v6(0x2001_0020 << 96, 28),
    Network::v6(0x2001_0030 << 96, 28),
];

/// What IANA gives out for unicast over the whole Internet, and NAT64
/// ([RFC 6052](https://www.rfc-editor.org/rfc/rfc6052)): all the rest of IPv6 is reserved.
const UNICAST: [Network; 2] = [Network::v6(0x2000 << 112, 3), NAT64];
const NAT64: Network = Network::v6(0x0064_ff9b << 96, 96);
/// All of IPv6, which is what an address outside of [`UNICAST`] is told to be in if nothing says more.
const RESERVED: (Network, &str) = (Network::v6(0, 0), "reserved");

/// Why `address` is not a public one, if it is not.
pub(super) fn special(address: IpAddr) -> Option<(Network, &'static str)> {
    if GLOBAL.iter().any(|network| network.contains(address)) {
        return None;
    }
    let known = SPECIAL.iter().find(|(network, _)| network.contains(address)).copied();
    let is_unicast = address.is_ipv4() || UNICAST.iter().any(|network| network.contains(address));
    known.or((!is_unicast).then_some(RESERVED))
}

/// The addresses that a packet to `address` may come to: itself, written as IPv4 if it is mapped, and the IPv4 addresses
/// in it by which translators and tunnels send on.
pub(super) fn faces(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let (own, embedded) = match address.to_canonical() {
        IpAddr::V6(v6) => (IpAddr::V6(v6), embedded(v6)),
        v4 => (v4, [None; 2]),
    };
    std::iter::once(own).chain(embedded.into_iter().flatten().map(IpAddr::V4))
}

fn embedded(v6: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let bits = v6.to_bits();
    let at = |shift: u32| Ipv4Addr::from_bits((bits >> shift) as u32);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None; 2],
        // IPv4-compatible (RFC 4291 §2.5.5.1), IPv4-translated (RFC 2765 §2.1), NAT64 (RFC 6052 §2.1).
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => [Some(at(0)), None],
        // NAT64 for local use (RFC 8215): the last 32 bits if its prefix is of 96, else around bits 64 to 71, which are
        // zero (RFC 6052 §2.2).
        [0x64, 0xff9b, 1, upper, lower, ..] => {
            let around = u32::from(upper) << 16 | u32::from(lower & 0xff) << 8 | (bits >> 40) as u32 & 0xff;
            [Some(at(0)), Some(Ipv4Addr::from_bits(around))]
        }
        // Teredo: the server, and the client turned over (RFC 4380 §4).
        [0x2001, 0, ..] => [Some(at(64)), Some(Ipv4Addr::from_bits(!at(0).to_bits()))],
        // 6to4 (RFC 3056 §2).
        [0x2002, ..] => [Some(at(80)), None],
        // ISATAP (RFC 5214 §6.1).
        [_, _, _, _, 0 | 0x0200, 0x5efe, ..] => [Some(at(0)), None],
        _ => [None; 2],
    }
}
