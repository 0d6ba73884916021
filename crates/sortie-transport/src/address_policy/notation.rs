use std::net::{IpAddr, Ipv4Addr};

use crate::route::bare;

/// The address that `host` is, in any notation: an IPv4 or IPv6 address with or without brackets, or what `inet_aton`,
/// and so `getaddrinfo`, takes for an IPv4 address: one to four numbers, decimal, octal (`0177`) or hexadecimal (`0x7f`),
/// the last of which fills what the others leave (`127.1`, `2130706433`). `None` if it is a name.
///
/// ```
/// use sortie_transport::address_policy::literal;
///
/// let loopback = std::net::Ipv4Addr::LOCALHOST;
/// for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1"] {
///     assert_eq!(literal(host), Some(loopback.into()));
/// }
/// assert_eq!(literal("127.example.com"), None);
/// ```
#[must_use]
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = bare(host);
    // A zone says by which interface, not where to.
    let without_zone = bare.split_once('%').map_or(bare, |(address, _)| address);
    if let Ok(address) = without_zone.parse() {
        return Some(address);
    }
    // `127.0.0.1.` is one too for those who take a last dot for the root.
    legacy(bare.strip_suffix('.').unwrap_or(bare)).map(IpAddr::V4)
}

fn legacy(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, octets) = parts.split_last()?;
    if octets.len() > 3 || octets.iter().any(|octet| *octet > 255) {
        return None;
    }
    let free = 32 - 8 * octets.len();
    if u64::from(*last) >= 1 << free {
        return None;
    }
    let leading = octets.iter().zip([24, 16, 8]).fold(0, |address, (octet, shift)| address | octet << shift);
    Some(Ipv4Addr::from_bits(leading | last))
}

/// As `strtoul` reads it, without a sign.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` would take a `+`.
    let is_number = digits.bytes().all(|digit| char::from(digit).is_digit(radix));
    if is_number { u32::from_str_radix(digits, radix).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_any_notation() {
        // aiohttp #12827: names that the resolver takes for addresses.
        for (host, address) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("127.0.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("0X7F.1", "127.0.0.1"),
            ("0177.0.0.1", "127.0.0.1"),
            ("017700000001", "127.0.0.1"),
            ("0300.0250.257", "192.168.1.1"),
            ("169.254.43518", "169.254.169.254"),
            ("0", "0.0.0.0"),
            ("4294967295", "255.255.255.255"),
            ("1.16777215", "1.255.255.255"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ] {
            assert_eq!(literal(host), Some(address.parse().unwrap()), "{host}");
        }
    }

    #[test]
    fn names_are_none() {
        for host in [
            "",
            ".",
            "example.com",
            "1.example",
            "127.0.0.1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.256.1",
            "1.2.3.256",
            "4294967296",
            "08",
            "0x",
            "0xg",
            "1..2",
            "+1",
            "-1",
            "1.2.3.",
            "1.2.3..",
            "[::1",
            "12a",
            "1.16777216",
        ] {
            // `1.2.3.` is three numbers and the root's dot, `0x` none at all.
            assert_eq!(literal(host).is_some(), host == "1.2.3.", "{host}");
        }
    }
}
