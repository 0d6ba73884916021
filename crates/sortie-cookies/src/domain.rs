//! Which hosts does a cookie belong to? RFC 6265bis §5.1.2 and §5.1.3, and the Public Suffix List.

use std::borrow::Cow;

use http::Uri;
use url::Url;

/// The longest host name in text (RFC 1035 §2.3.4), and one octet for a final dot.
pub(crate) const MAX_HOST: usize = 254;

/// What cookies look at in a URL.
pub(crate) struct RequestUrl<'a> {
    /// In lower case, an IPv6 address in its brackets.
    pub(crate) host: Cow<'a, str>,
    pub(crate) path: &'a str,
    /// Whether what is sent there cannot be read on the way.
    pub(crate) secure: bool,
    /// Whether that is so because of the scheme, `https` or `wss`.
    pub(crate) encrypted: bool,
}

impl<'a> RequestUrl<'a> {
    /// `None` for a URI without a host, or with one too long to be a name.
    pub(crate) fn of_uri(uri: &'a Uri) -> Option<Self> {
        Self::new(uri.scheme_str()?, uri.host()?, uri.path())
    }

    pub(crate) fn of_url(url: &'a Url) -> Option<Self> {
        Self::new(url.scheme(), url.host_str()?, url.path())
    }

    fn new(scheme: &str, host: &'a str, path: &'a str) -> Option<Self> {
        if host.is_empty() || host.len() > MAX_HOST {
            return None;
        }
        let encrypted = ["https", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        Some(Self { host: lower(host), path, secure: encrypted, encrypted })
    }

    /// The same, where `http` to this machine counts as secure too.
    pub(crate) fn trusting_loopback(mut self) -> Self {
        self.secure |= is_loopback(&self.host);
        self
    }
}

/// Borrowed where there is nothing to change, which is nearly always.
pub(crate) fn lower(text: &str) -> Cow<'_, str> {
    // Without a way out of the loop several octets are looked at in one step.
    if text.bytes().fold(false, |found, octet| found | octet.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a host is an address, which has no subdomains. What ends in a number is an IPv4 address or an error
/// (URL standard, "ends in a number").
pub(crate) fn is_address(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
    host.starts_with('[') || hexadecimal || (!last.is_empty() && last.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Whether a canonical host belongs to a cookie's domain: the same, or a subdomain of it (§5.1.3).
pub(crate) fn domain_match(host: &str, domain: &str) -> bool {
    host == domain
        || (host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
            && !domain.is_empty()
            && !is_address(host))
}

/// The addresses and names that never leave the machine (Secure Contexts, "potentially trustworthy").
fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name == "localhost"
        || name.ends_with(".localhost")
        || host == "[::1]"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// The domains under which anyone may register a name, so that no cookie may be for all of one.
///
/// The default is [`PslSuffixes`]; a list read at run time is a [`SuffixList`](crate::SuffixList). A closure is one too.
///
/// ```
/// use sortie_cookies::{Jar, JarOptions, PublicSuffixes};
///
/// let mine = |domain: &str| domain == "tenants.internal" || !domain.contains('.');
/// assert!(mine.is_public_suffix("tenants.internal"));
/// let jar = Jar::with_options(JarOptions::default().public_suffixes(mine));
/// ```
pub trait PublicSuffixes: Send + Sync {
    /// Whether `domain`, in lower case and in its ASCII form (`xn--…`), is a public suffix itself.
    fn is_public_suffix(&self, domain: &str) -> bool;

    /// The public suffix of a host and one label more, which is what [`Partition`](crate::Partition) calls a site; the
    /// host itself if it is a public suffix or has none. The host is in the same form, and no address.
    ///
    /// Provided, but a list with rules like `!city.kawasaki.jp` (beside `*.kawasaki.jp`) knows better.
    fn registrable_domain<'d>(&self, host: &'d str) -> &'d str {
        let mut domain = host;
        while !self.is_public_suffix(domain) {
            let Some((_, parent)) = domain.split_once('.') else { return host };
            if self.is_public_suffix(parent) {
                return domain;
            }
            domain = parent;
        }
        host
    }
}

impl<F: Fn(&str) -> bool + Send + Sync> PublicSuffixes for F {
    fn is_public_suffix(&self, domain: &str) -> bool {
        self(domain)
    }
}

/// Mozilla's Public Suffix List, ICANN's and the private part, as compiled into the `psl` crate.
///
/// A single label that is not on the list is a public suffix (the list's rule `*`).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct PslSuffixes;

impl PublicSuffixes for PslSuffixes {
    fn is_public_suffix(&self, domain: &str) -> bool {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.as_bytes().len() == domain.len())
    }

    fn registrable_domain<'d>(&self, host: &'d str) -> &'d str {
        let name = host.strip_suffix('.').unwrap_or(host);
        let length = psl::domain(name.as_bytes()).map_or(name.len(), |domain| domain.as_bytes().len());
        &host[name.len() - length..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_matches_itself_and_its_parents() {
        for (host, domain, matches) in [
            ("example.com", "example.com", true),
            ("www.example.com", "example.com", true),
            ("a.b.example.com", "example.com", true),
            ("example.com", "www.example.com", false),
            ("badexample.com", "example.com", false),
            ("example.com", "", false),
            ("example.com.", "example.com", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "0.0.1", false),
            ("127.0.0.1", "1", false),
            ("[::1]", "[::1]", true),
            ("0x7f.0x1", "0x1", false),
        ] {
            assert_eq!(domain_match(host, domain), matches, "{host} {domain}");
        }
    }

    #[test]
    fn addresses() {
        for (host, address) in [
            ("127.0.0.1", true),
            ("127.1", true),
            ("127.0.0.1.", true),
            ("0x7f000001", true),
            ("[2001:db8::1]", true),
            ("localhost", false),
            ("1.example", false),
            ("1e100.net", false),
            ("example.com.", false),
            ("0xyz", false),
        ] {
            assert_eq!(is_address(host), address, "{host}");
        }
    }

    #[test]
    fn suffixes_of_the_list() {
        for (domain, public) in [
            ("com", true),
            ("co.uk", true),
            ("uk", true),
            ("github.io", true),
            ("com.", true),
            ("example.com", false),
            ("example.co.uk", false),
            ("city.kawasaki.jp", false),
            ("other.kawasaki.jp", true),
            ("localhost", true),
            ("home.arpa", true),
            ("example.test", false),
            // The ASCII forms of 公司.cn and of 中国: what a request's host looks like.
            ("xn--55qx5d.cn", true),
            ("xn--fiqs8s", true),
            ("a.xn--55qx5d.cn", false),
        ] {
            assert_eq!(PslSuffixes.is_public_suffix(domain), public, "{domain}");
        }
    }

    #[test]
    fn what_a_url_says_to_cookies() {
        for (uri, host, path, secure) in [
            ("http://Example.COM", "example.com", "/", false),
            ("https://example.com:8443/a/b?q=/c", "example.com", "/a/b", true),
            ("wss://u:p@example.com./a", "example.com.", "/a", true),
            ("http://[2001:DB8::1]/", "[2001:db8::1]", "/", false),
        ] {
            let parsed: Uri = uri.parse().unwrap();
            let url = RequestUrl::of_uri(&parsed).unwrap();
            assert_eq!((&*url.host, url.path, url.secure), (host, path, secure), "{uri}");
            let parsed = Url::parse(uri).unwrap();
            let url = RequestUrl::of_url(&parsed).unwrap();
            assert_eq!((&*url.host, url.path, url.secure), (host, path, secure), "{uri}");
        }
        assert!(RequestUrl::of_uri(&Uri::from_static("/path")).is_none());
        let long = format!("http://{}example.com/", "a.".repeat(300));
        assert!(RequestUrl::of_uri(&long.parse().unwrap()).is_none());
    }

    #[test]
    fn loopback_is_secure_only_when_trusted() {
        for (uri, secure) in [
            ("http://localhost:3000/", true),
            ("http://app.localhost/", true),
            ("http://127.0.0.2/", true),
            ("http://[::1]/", true),
            ("http://localhost.example/", false),
            ("http://128.0.0.1/", false),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let url = RequestUrl::of_uri(&uri).unwrap();
            assert!(!url.secure);
            assert_eq!(url.trusting_loopback().secure, secure, "{uri}");
        }
    }
}
