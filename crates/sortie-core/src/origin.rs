use std::fmt;

use http::uri::Scheme;
use http::{Extensions, Uri};

/// Scheme, host and port: the unit of trust on the web ([RFC 6454], and the URL standard's origin).
///
/// The host is lower-cased, the port explicit where the scheme has a default one. There is no other definition of
/// "the same server" in sortie.
///
/// [RFC 6454]: https://www.rfc-editor.org/rfc/rfc6454#section-4
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Box<str>,
    port: Option<u16>,
}

impl Origin {
    /// The origin of an absolute URI; `None` for one in origin-form (`/path`), authority-form or `*`.
    #[must_use]
    pub fn of(uri: &Uri) -> Option<Self> {
        let (scheme, host) = (uri.scheme()?, uri.host()?);
        Some(Self { scheme: scheme.clone(), host: host.to_ascii_lowercase().into(), port: Self::port_of(uri) })
    }

    /// The port of a URI: as written, or the default of its scheme. `None` for a scheme that has none.
    #[must_use]
    pub fn port_of(uri: &Uri) -> Option<u16> {
        uri.port_u16().or_else(|| match uri.scheme_str()? {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        })
    }

    /// `http`, `https` or whatever the URI said.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The host in lower case, an IPv6 address in its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port: as written, or the scheme's default. `None` for a scheme that has none.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether `uri` is of this origin.
    #[must_use]
    pub fn is(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&self.scheme)
            && uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
            && Self::port_of(uri) == self.port
    }

    /// Whether `uri` may receive what was meant for this origin: credentials, cookies of the request, its `Host`.
    ///
    /// That is the same origin, and the same host's `https` on port 443 for what was meant for its `http` on port 80:
    /// the upgrade is the one change of origin that cannot weaken anything, and sites send it for every first request
    /// (as requests and curl have it; the way back is a change).
    #[must_use]
    pub fn may_receive(&self, uri: &Uri) -> bool {
        self.is(uri)
            || (self.scheme == Scheme::HTTP
                && self.port == Some(80)
                && uri.scheme() == Some(&Scheme::HTTPS)
                && Self::port_of(uri) == Some(443)
                && uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host)))
    }
}

/// As written in a URL, with the port left out where it is the scheme's default.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme.as_str(), self.port) {
            (_, None) | ("http" | "ws", Some(80)) | ("https" | "wss", Some(443)) => Ok(()),
            (_, Some(port)) => write!(f, ":{port}"),
        }
    }
}

/// Where a chain of redirects began and whether it has left: an extension of every follow-up request.
///
/// What the session or the request carries for one server (auth, cookies given for the request) acts only while
/// `crossed` is false. It stays true for the rest of the chain, even after a return to the first origin: a foreign
/// server chose that URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chain {
    /// The origin that the caller asked.
    pub first: Origin,
    /// Whether a hop of this chain went to an origin that may not receive what was meant for the one before it.
    pub crossed: bool,
}

impl Chain {
    /// The chain after a hop from `from` to `to`, given the chain so far (`None` before the first hop).
    ///
    /// `None` if `from` is not absolute, for then there is no origin to leave; nothing may be kept in that case.
    #[must_use]
    pub fn extend(so_far: Option<&Self>, from: &Uri, to: &Uri) -> Option<Self> {
        let from = Origin::of(from)?;
        let crossed = so_far.is_some_and(|chain| chain.crossed) || !from.may_receive(to);
        let first = so_far.map_or(from, |chain| chain.first.clone());
        Some(Self { first, crossed })
    }

    /// Whether the request of these extensions comes after a hop to a foreign origin.
    #[must_use]
    pub fn has_crossed(extensions: &Extensions) -> bool {
        extensions.get::<Self>().is_some_and(|chain| chain.crossed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    // The table that requests tests `should_strip_auth` with, and subdomains.
    #[test]
    fn who_may_receive_what_was_meant_for_whom() {
        for (from, to, may) in [
            ("http://a/", "http://a/x", true),
            ("http://a/", "http://A:80/", true),
            ("http://a/", "https://a/", true),
            ("http://a:80/", "https://a:443/", true),
            ("https://a:443/", "https://a/", true),
            ("http://a:8080/", "https://a/", false),
            ("http://a/", "https://a:8443/", false),
            ("http://a:443/", "https://a:443/", false),
            ("https://a/", "http://a/", false),
            ("http://a/", "http://a:81/", false),
            ("http://a/", "http://a./", false),
            ("http://a/", "http://b.a/", false),
            ("http://b.a/", "http://a/", false),
            ("http://[::1]/", "http://[::1]:80/", true),
            ("http://a/", "/x", false),
        ] {
            assert_eq!(Origin::of(&uri(from)).unwrap().may_receive(&uri(to)), may, "{from} -> {to}");
        }
    }

    #[test]
    fn a_port_is_as_written_or_the_schemes() {
        for (given, port) in [
            ("HTTP://h/", Some(80)),
            ("wss://h/", Some(443)),
            ("https://h:80/", Some(80)),
            ("http+unix://2f/", None),
            ("/path", None),
        ] {
            assert_eq!(Origin::port_of(&uri(given)), port, "{given}");
        }
    }

    #[test]
    fn an_origin_is_printed_as_in_a_url_and_without_userinfo() {
        for (given, printed) in [
            ("http://user:secret@Host.example:80/p?q", "http://host.example"),
            ("https://h:8443/", "https://h:8443"),
            ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81"),
            ("http+unix://2f72756e/x", "http+unix://2f72756e"),
        ] {
            assert_eq!(Origin::of(&uri(given)).unwrap().to_string(), printed);
        }
        assert_eq!(Origin::of(&uri("/path")), None);
    }

    #[test]
    fn a_chain_stays_crossed_after_the_way_back() {
        let (a, b) = (uri("https://a/"), uri("https://b/"));
        let chain = Chain::extend(None, &a, &b).unwrap();
        assert!(chain.crossed);
        let chain = Chain::extend(Some(&chain), &b, &a).unwrap();
        assert!(chain.crossed && chain.first == Origin::of(&a).unwrap());
    }

    #[test]
    fn an_upgrade_keeps_and_the_downgrade_after_it_crosses() {
        let (http, https) = (uri("http://a/"), uri("https://a/"));
        let chain = Chain::extend(None, &http, &https).unwrap();
        assert!(!chain.crossed);
        assert!(Chain::extend(Some(&chain), &https, &http).unwrap().crossed);
    }
}
