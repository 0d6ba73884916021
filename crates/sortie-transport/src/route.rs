//! Which origin, and over which kind of connection: no two policies ever share one.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use http::uri::{Authority, Scheme, Uri};
use sortie_core::auth::ConnectionOwner;
use sortie_core::unix_socket;

use crate::error::InvalidRequest;
use crate::options::Versions;
use crate::proxy::Proxy;
use crate::road::{At, Road, Tls, TlsId};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) https: bool,
    /// `http+unix`: the host is the path of a socket, its octets in hexadecimal.
    pub(crate) unix: bool,
    /// As written in the URI: an IPv6 address in its brackets, and in any case.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) tls: &'a Tls,
    pub(crate) versions: Versions,
    pub(crate) at: &'a At,
    /// The proxy by which it leads.
    pub(crate) via: Option<&'a Proxy>,
    /// Whose connections alone serve.
    pub(crate) owner: Option<ConnectionOwner>,
}

/// What a URI asks for.
struct Target<'a> {
    https: bool,
    unix: bool,
    host: &'a str,
    port: u16,
}

impl<'a> Target<'a> {
    #[inline]
    fn of(uri: &'a Uri) -> Result<Self, InvalidRequest> {
        let (https, unix) = match uri.scheme_str() {
            Some("http") => (false, false),
            Some("https") => (true, false),
            Some(unix_socket::SCHEME) if cfg!(unix) => (false, true),
            Some(other) => return Err(InvalidRequest::UnsupportedScheme(other.to_owned())),
            None => return Err(InvalidRequest::NoScheme),
        };
        let (host, port) = split(uri.authority().map_or("", Authority::as_str))?;
        if host.is_empty() {
            return Err(InvalidRequest::NoHost);
        }
        let port = port.unwrap_or(if https { 443 } else { 80 });
        Ok(Self { https, unix, host, port })
    }
}

impl<'a> Parts<'a> {
    pub(crate) fn of(uri: &'a Uri, road: &'a Road, tls: &'a Tls) -> Result<Self, InvalidRequest> {
        let Target { https, unix, host, port } = Target::of(uri)?;
        Ok(Self { https, unix, host, port, tls, versions: road.versions, at: &road.at, via: None, owner: None })
    }

    /// All of it that is a number or a flag, in one; the TLS policy only if it matters.
    pub(crate) fn figures(&self) -> u64 {
        let tls: TlsId = if self.https { self.tls.id() } else { 0 };
        let flags = u64::from(self.https) | u64::from(self.unix) << 1;
        tls << 20 | flags << 18 | (self.versions as u64) << 16 | u64::from(self.port)
    }

    /// Whether both are the same route: the host in any case.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let same = self.figures() == other.figures() && self.at == other.at && self.via == other.via;
        same && self.owner == other.owner && is_same_host(self.host, other.host)
    }
}

fn is_same_host(one: &str, other: &str) -> bool {
    // Mostly it is written alike, which is told faster.
    one == other || one.eq_ignore_ascii_case(other)
}

/// The path that the host of an `http+unix` URI stands for.
#[cfg(unix)]
fn unix_path(host: &str) -> Result<Arc<Path>, InvalidRequest> {
    use std::os::unix::ffi::OsStrExt;

    let octets = unix_socket::path(host).filter(|octets| !octets.contains(&0)).ok_or(InvalidRequest::BadUnixPath)?;
    Ok(Path::new(std::ffi::OsStr::from_bytes(&octets)).into())
}

#[cfg(not(unix))]
fn unix_path(_: &str) -> Result<Arc<Path>, InvalidRequest> {
    Err(InvalidRequest::BadUnixPath)
}

/// Host and port of an authority, which `http` has checked but for the size of the port; its own accessors go over it
/// twice, and take a port that is too large for none.
fn split(authority: &str) -> Result<(&str, Option<u16>), InvalidRequest> {
    let bytes = authority.as_bytes();
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let end = bytes.len() - digits;
    // A colon within brackets is followed by the closing one, so what ends in digits ends in a port.
    let has_port = end > 0 && bytes[end - 1] == b':';
    let host = if has_port { &authority[..end - 1] } else { authority };
    // Up to the last `@` it is userinfo.
    let start = host.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at + 1);
    if !has_port || digits == 0 {
        return Ok((&host[start..], None));
    }
    let port =
        bytes[end..].iter().fold(0_u32, |port, digit| port.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    Ok((&host[start..], Some(u16::try_from(port).map_err(|_| InvalidRequest::BadPort)?)))
}

/// A key that need not be built to be looked up.
pub(crate) trait Key {
    fn parts(&self) -> Parts<'_>;
}

impl Key for Parts<'_> {
    fn parts(&self) -> Parts<'_> {
        *self
    }
}

impl Hash for dyn Key + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let parts = self.parts();
        // In as few writes as can be, because a hasher is slow over small ones.
        let mut piece = [0; 64];
        // Many may share a host.
        let owner = parts.owner.map_or(0, |owner| owner.id().get().rotate_left(40));
        let figures = parts.figures() ^ owner;
        let mut bytes = parts.host.as_bytes();
        while bytes.len() > 56 {
            let (first, more) = bytes.split_at(56);
            state.write(lower(&mut piece, first));
            bytes = more;
        }
        let length = lower(&mut piece, bytes).len();
        piece[length..length + 8].copy_from_slice(&figures.to_le_bytes());
        state.write(&piece[..length + 8]);
    }
}

fn lower<'a>(piece: &'a mut [u8; 64], bytes: &[u8]) -> &'a [u8] {
    let lower = &mut piece[..bytes.len()];
    lower.copy_from_slice(bytes);
    lower.make_ascii_lowercase();
    lower
}

impl PartialEq for dyn Key + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts().is(&other.parts())
    }
}

impl Eq for dyn Key + '_ {}

/// A route, owned.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) https: bool,
    /// Its URI names a Unix socket.
    pub(crate) unix: bool,
    /// In lower case.
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    pub(crate) versions: Versions,
    /// What of the road is a part of the key, for `at` of an `http+unix` URI is its host.
    key_at: At,
    pub(crate) at: At,
    pub(crate) via: Option<Proxy>,
    pub(crate) owner: Option<ConnectionOwner>,
    /// Its requests may have to go by the connections of others before them.
    pub(crate) has_legs: bool,
    figures: u64,
    /// What a request without a `Host` of its own gets.
    pub(crate) host_header: HeaderValue,
    /// Scheme, host and port as in a URI, without a port that goes without saying.
    pub(crate) name: Arc<str>,
}

impl Route {
    pub(crate) fn new(parts: Parts<'_>) -> Result<Self, InvalidRequest> {
        let host = parts.host.to_ascii_lowercase();
        let default = if parts.https { 443 } else { 80 };
        let written = if parts.port == default { host.clone() } else { format!("{host}:{}", parts.port) };
        let name = format!("{}://{written}", scheme(parts.https));
        let route = Self {
            https: parts.https,
            unix: parts.unix,
            host: host.into(),
            port: parts.port,
            tls: parts.tls.clone(),
            versions: parts.versions,
            key_at: parts.at.clone(),
            at: parts.at.clone(),
            via: parts.via.cloned(),
            owner: parts.owner,
            has_legs: parts.owner.is_some() || parts.via.is_some_and(Proxy::owns_connections),
            figures: parts.figures(),
            name: name.into(),
            host_header: HeaderValue::try_from(written).map_err(|_| InvalidRequest::NoHost)?,
        };
        if !parts.unix {
            return Ok(route);
        }
        let path = unix_path(&route.host)?;
        Ok(Self {
            name: format!("{}://{}", unix_socket::SCHEME, path.display()).into(),
            at: At::Unix(path),
            host_header: HeaderValue::from_static("localhost"),
            ..route
        })
    }

    /// Whether it is that of these parts, whose figures are given.
    #[inline]
    pub(crate) fn is(&self, parts: &Parts<'_>, figures: u64) -> bool {
        let by = self.via.as_ref() == parts.via;
        self.figures == figures
            && by
            && self.owner == parts.owner
            && self.key_at == *parts.at
            && is_same_host(&self.host, parts.host)
    }

    /// Whether `uri` is one of the origin that it leads to, by whatever road.
    pub(crate) fn is_asked_by(&self, uri: &Uri) -> Result<bool, InvalidRequest> {
        let asked = Target::of(uri)?;
        let same = self.https == asked.https && self.unix == asked.unix && self.port == asked.port;
        Ok(same && is_same_host(&self.host, asked.host))
    }

    /// The same route, connected to at one address, and so by no proxy.
    pub(crate) fn to_address(&self, address: std::net::SocketAddr) -> Self {
        let at = At::Address(address);
        Self { key_at: at.clone(), at, via: None, has_legs: self.owner.is_some(), ..self.clone() }
    }

    /// The same route, for requests that bring their own credentials for a proxy whose scheme authenticates connections:
    /// by those they would be taken for that scheme's user. `None` for any other route.
    pub(crate) fn by_own_credentials(&self) -> Option<Self> {
        let proxy = self.forwarder().filter(|proxy| proxy.owns_connections())?;
        Some(Self { via: Some(proxy.without_auth()), has_legs: self.owner.is_some(), ..self.clone() })
    }

    /// The same route, for the requests of one owner alone.
    pub(crate) fn owned_by(&self, owner: ConnectionOwner) -> Result<Self, InvalidRequest> {
        if self.versions == Versions::Http2Only {
            return Err(InvalidRequest::OwnConnectionOverHttp2);
        }
        let parts = Parts { versions: Versions::Http1Only, owner: Some(owner), ..self.parts() };
        Ok(Self {
            versions: parts.versions,
            owner: parts.owner,
            has_legs: true,
            figures: parts.figures(),
            ..self.clone()
        })
    }

    /// The proxy that requests are given to, if it forwards them.
    ///
    /// HTTP/2 alone is spoken with the origin: what a proxy forwards over HTTP/1.1 would be something else.
    pub(crate) fn forwarder(&self) -> Option<&Proxy> {
        let forwarded = !self.https && self.versions != Versions::Http2Only;
        self.via.as_ref().filter(|proxy| forwarded && proxy.is_http())
    }

    pub(crate) fn scheme(&self) -> Scheme {
        scheme(self.https)
    }

    /// Host and port as they stand in a URI, without userinfo.
    pub(crate) fn authority(&self) -> Option<Authority> {
        Authority::try_from(self.host_header.as_bytes()).ok()
    }

    /// The host as names and addresses are written outside of URIs.
    pub(crate) fn bare_host(&self) -> &str {
        bare(&self.host)
    }
}

/// A host without the brackets that an IPv6 address has in URIs.
pub(crate) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn scheme(https: bool) -> Scheme {
    if https { Scheme::HTTPS } else { Scheme::HTTP }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Key for Route {
    fn parts(&self) -> Parts<'_> {
        let Self { https, unix, port, versions, .. } = *self;
        Parts {
            https,
            unix,
            host: &self.host,
            port,
            tls: &self.tls,
            versions,
            at: &self.key_at,
            via: self.via.as_ref(),
            owner: self.owner,
        }
    }
}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self as &dyn Key).hash(state);
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        (self as &dyn Key) == (other as &dyn Key)
    }
}

impl Eq for Route {}

impl<'a> Borrow<dyn Key + 'a> for Route {
    fn borrow(&self) -> &(dyn Key + 'a) {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::LazyLock;

    use super::*;

    static ROAD: LazyLock<Road> = LazyLock::new(Road::default);

    fn parts(uri: &Uri) -> Parts<'_> {
        Parts::of(uri, &ROAD, &ROAD.tls).unwrap()
    }

    #[test]
    fn a_route_is_found_whatever_the_case_the_port_and_the_userinfo() {
        let known: Uri = "http://user:secret@Example.com/".parse().unwrap();
        let routes = HashMap::from([(Route::new(parts(&known)).unwrap(), ())]);
        for (uri, found) in [
            ("http://example.COM:80/x?y", true),
            ("http://example.com", true),
            ("http://example.com:81/", false),
            ("https://example.com:80/", false),
            ("http://example.org/", false),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(routes.contains_key(&parts(&uri) as &dyn Key), found, "{uri}");
        }
    }

    #[test]
    fn other_versions_an_address_or_a_socket_are_another_route() {
        let uri: Uri = "https://a/".parse().unwrap();
        let route = Route::new(parts(&uri)).unwrap();
        let (address, socket) = (At::Address(([127, 0, 0, 1], 443).into()), At::Unix(Path::new("/a").into()));
        for other in [
            Parts { versions: Versions::Http1Only, ..parts(&uri) },
            Parts { versions: Versions::Http2Only, ..parts(&uri) },
            Parts { at: &address, ..parts(&uri) },
            Parts { at: &socket, ..parts(&uri) },
        ] {
            assert!(route != Route::new(other).unwrap());
        }
        let owner = ConnectionOwner::new();
        let owned = Parts { versions: Versions::Http1Only, owner: Some(owner), ..parts(&uri) };
        assert!(route.owned_by(owner).unwrap() == Route::new(owned).unwrap());
        assert!(route.owned_by(owner).unwrap() != route.owned_by(ConnectionOwner::new()).unwrap());
        assert!(route.owned_by(owner).unwrap() != Route::new(Parts { owner: None, ..owned }).unwrap());
        assert!(
            route.to_address(([127, 0, 0, 1], 443).into())
                == Route::new(Parts { at: &address, ..parts(&uri) }).unwrap()
        );
    }

    #[cfg(feature = "tls")]
    #[test]
    fn another_tls_is_another_route_for_https_alone() {
        let tls = crate::tls::TlsOptions::default().build().unwrap();
        for (uri, same) in [("https://a/", false), ("http://a/", true)] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(parts(&uri).is(&Parts { tls: &tls, ..parts(&uri) }), same, "{uri}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_uri_leads_to_its_path() {
        let uri: Uri = "http+unix://2f72756e2F612062/x".parse().unwrap();
        let route = Route::new(parts(&uri)).unwrap();
        assert_eq!(route.at, At::Unix(Path::new("/run/a b").into()));
        assert_eq!(
            (route.to_string().as_str(), &route.host_header),
            ("http+unix:///run/a b", &"localhost".parse().unwrap())
        );
        let routes = HashMap::from([(route, ())]);
        assert!(routes.contains_key(&parts(&uri) as &dyn Key));
        let plain: Uri = "http://2f72756e2F612062/x".parse().unwrap();
        assert!(!routes.contains_key(&parts(&plain) as &dyn Key));
        for bad in ["http+unix://2f7/", "http+unix://run/", "http+unix://2f00/"] {
            let uri: Uri = bad.parse().unwrap();
            assert_eq!(Route::new(parts(&uri)).unwrap_err(), InvalidRequest::BadUnixPath, "{bad}");
        }
    }

    #[test]
    fn a_route_is_printed_without_userinfo_and_with_a_port_that_counts() {
        for (uri, printed, bare) in [
            ("http://u:p@H:80/p?q", "http://h", "h"),
            ("https://h:8443/", "https://h:8443", "h"),
            ("http://[::1]:81/", "http://[::1]:81", "::1"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let route = Route::new(parts(&uri)).unwrap();
            assert_eq!((route.to_string().as_str(), route.bare_host()), (printed, bare));
        }
    }

    #[test]
    fn host_and_port_are_split_as_http_splits_them() {
        for uri in [
            "http://a/",
            "http://a:1/",
            "http://a:/",
            "http://u@a:65535/",
            "http://u:1@a/",
            "http://u:1@1.2.3.4/",
            "http://9/",
            "http://9:9/",
            "http://[::1]/",
            "http://[::1]:8/",
            "http://u:p@[2001:db8::9]:80/x",
            "http://1.2.3.4:5/",
        ] {
            let uri: Uri = uri.parse().unwrap();
            let expected = (uri.host().unwrap(), uri.port_u16());
            assert_eq!(split(uri.authority().unwrap().as_str()), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn what_is_no_route_says_why() {
        for (uri, why) in [
            ("/path", InvalidRequest::NoScheme),
            ("example.com", InvalidRequest::NoScheme),
            ("ftp://h/", InvalidRequest::UnsupportedScheme("ftp".into())),
            ("http://h:65536/", InvalidRequest::BadPort),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(Parts::of(&uri, &ROAD, &ROAD.tls).unwrap_err(), why, "{uri}");
        }
    }
}
