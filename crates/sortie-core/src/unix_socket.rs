//! The path of a Unix socket in the place of a URL's host.
//!
//! requests-unixsocket writes `http+unix://%2Frun%2Fapp.sock/status`. A percent sign cannot stand in the host of an
//! `http::Uri`, so within sortie each octet of the path is two hexadecimal digits: `http+unix://2f72756e2f…/status`.
//! Whoever accepts URLs or prints them translates.

/// The scheme of such URLs.
pub const SCHEME: &str = "http+unix";

/// The host that stands for `path`, given as it is written in a URL: percent-encoded, or in hexadecimal already.
///
/// `None` if it is neither, for then it is no path.
///
/// ```
/// use sortie_core::unix_socket;
///
/// assert_eq!(unix_socket::host("%2Frun%2Fa").as_deref(), Some("2f72756e2f61"));
/// assert_eq!(unix_socket::host("2F72756e2f61").as_deref(), Some("2f72756e2f61"));
/// assert_eq!(unix_socket::host("localhost"), None);
/// ```
#[must_use]
pub fn host(written: &str) -> Option<String> {
    let path = if written.contains('%') { percent_decoded(written)? } else { path(written)? };
    (!path.is_empty() && !path.contains(&0)).then(|| path.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// The octets of the path that a host in hexadecimal stands for; `None` if it is none.
#[must_use]
pub fn path(host: &str) -> Option<Vec<u8>> {
    host.as_bytes().chunks(2).map(octet).collect()
}

/// The host in hexadecimal as requests-unixsocket writes it: percent-encoded. Any other host comes back as it is.
#[must_use]
pub fn written(host: &str) -> String {
    let Some(path) = path(host) else { return host.to_owned() };
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let encode = |octet: u8| if is_plain(octet) { char::from(octet).into() } else { format!("%{octet:02X}") };
    path.into_iter().map(encode).collect()
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            decoded.push(octet(after.get(..2)?)?);
            rest = &after[2..];
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    Some(decoded)
}

fn octet(pair: &[u8]) -> Option<u8> {
    let [high, low] = pair else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_to_a_host_and_back() {
        for (in_url, in_uri) in [
            ("%2Frun%2Fapp.sock", Some("2f72756e2f6170702e736f636b")),
            ("%2fa%20b%C3%A4", Some("2f612062c3a4")),
            ("2F61", Some("2f61")),
            ("%2Fa%00", None),
            ("%2Fa%2", None),
            ("%zz", None),
            ("", None),
            ("2f6", None),
            ("example.com", None),
        ] {
            assert_eq!(host(in_url).as_deref(), in_uri, "{in_url}");
        }
        assert_eq!(written("2f612062c3a4"), "%2Fa%20b%C3%A4");
        assert_eq!(written("localhost"), "localhost");
    }
}
