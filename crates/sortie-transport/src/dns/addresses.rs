use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A name to be looked up, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Arc<str>);

impl Name {
    pub(crate) fn new(host: &str) -> Self {
        Self(host.to_ascii_lowercase().into())
    }

    /// The name as it stands in the URL: with a dot at its end if that has one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The addresses of a name, best first, and for how long they hold.
///
/// An [`IpAddr`], or a [`SocketAddr`] with port 0, is connected to at the URL's port, another one at its own.
///
/// ```
/// use sortie_transport::dns::Addresses;
/// use std::net::{IpAddr, SocketAddr};
///
/// let one = Addresses::from(IpAddr::from([10, 0, 0, 1]));
/// let other: Addresses = ["10.0.0.1:8080", "10.0.0.2:8080"].iter().map(|text| text.parse::<SocketAddr>()).collect::<Result<_, _>>()?;
/// assert_eq!(one.as_slice()[0].port(), 0);
/// assert_eq!(other.as_slice().len(), 2);
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    list: Vec<SocketAddr>,
    ttl: Option<Duration>,
}

impl Addresses {
    /// For how long the answer holds. It is kept for no longer, within the bounds of [`CacheOptions`](super::CacheOptions).
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// The addresses, those to be connected to at the URL's port with port 0.
    #[must_use]
    pub fn as_slice(&self) -> &[SocketAddr] {
        &self.list
    }

    pub(super) fn into_parts(self) -> (Vec<SocketAddr>, Option<Duration>) {
        (self.list, self.ttl)
    }
}

impl FromIterator<SocketAddr> for Addresses {
    fn from_iter<I: IntoIterator<Item = SocketAddr>>(addresses: I) -> Self {
        Self { list: addresses.into_iter().collect(), ttl: None }
    }
}

impl FromIterator<IpAddr> for Addresses {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect()
    }
}

impl From<IpAddr> for Addresses {
    fn from(address: IpAddr) -> Self {
        [address].into()
    }
}

impl From<SocketAddr> for Addresses {
    fn from(address: SocketAddr) -> Self {
        [address].into()
    }
}

impl<T, const N: usize> From<[T; N]> for Addresses
where
    Self: FromIterator<T>,
{
    fn from(addresses: [T; N]) -> Self {
        addresses.into_iter().collect()
    }
}

impl<T> From<Vec<T>> for Addresses
where
    Self: FromIterator<T>,
{
    fn from(addresses: Vec<T>) -> Self {
        addresses.into_iter().collect()
    }
}
