//! How names become addresses.
//!
//! A connection to a name begins with its addresses: those that were [given](crate::TransportOptions::resolve_to) for it,
//! else those that are known from a moment ago, else what the resolver says. That is the [`System`]'s, unless
//! [`TransportOptions::resolver`](crate::TransportOptions::resolver) has another: anything that is [`Resolve`], a closure
//! for one, or `Hickory` (feature `hickory`). The addresses are tried as RFC 8305 says, so that a family or a server that
//! does not answer costs a quarter of a second and not the connection.
//!
//! # Example
//!
//! ```
//! use sortie_transport::dns::{Addresses, CacheOptions, Name};
//! use sortie_transport::{Transport, TransportOptions};
//! use std::net::{IpAddr, Ipv4Addr};
//! use std::time::Duration;
//!
//! let options = TransportOptions::default()
//!     // As with curl's --resolve: the name stays what it is in `Host`, TLS and the pool.
//!     .resolve_to("api.example.com", IpAddr::V4(Ipv4Addr::LOCALHOST))
//!     .resolver(async |name: Name| match name.as_str() {
//!         "db.internal" => Ok(Addresses::from(IpAddr::from([10, 0, 0, 7])).ttl(Duration::from_secs(5))),
//!         _ => Err("nothing else is looked up here"),
//!     })
//!     .dns_cache(CacheOptions::default().capacity(100));
//! let transport = Transport::new(options);
//! # let _ = transport;
//! ```
//!
//! # What is kept
//!
//! An answer is kept for as long as it says, or for 10 s if it does not, and at most for five minutes ([`CacheOptions`]):
//! the system keeps nothing itself on most of Linux, and a burst of connects, or a redirect from `http` to `https`, would
//! ask it for the same again. 10 s are what aiohttp keeps; curl keeps for 60 s, the JVM, and so OkHttp, for 30 s. When none
//! of an answer's addresses accepts a connection, it is forgotten at once. Failures are not kept. No more than 1000 answers
//! are (CVE-2026-34513); the one that was used longest ago goes first.
//!
//! Look-ups of one name at the same time are one look-up. It is a task of its own: whoever waits for it may leave, and its
//! answer is kept all the same. One that has taken five seconds is not waited for by anybody new, who asks again; after
//! thirty it is given up.
//!
//! # Order
//!
//! The resolver's order stays, which is that of [RFC 6724](https://www.rfc-editor.org/rfc/rfc6724) with the system's:
//! the family of the first address begins, and the families take turns. Addresses that did not accept a connection within
//! the last minute, or not in time, come last. [`CacheOptions::rotation`] spreads connections over addresses.
//!
//! # Errors
//!
//! [`ResolveError`], below a [`ConnectError`](crate::ConnectError) of the phase `Dns`.
//!
//! # Differences from requests
//!
//! requests asks the system at each connect, and tries the addresses one after the other, each for the whole limit.

mod addresses;
mod cache;
mod error;
#[cfg(feature = "hickory")]
mod hickory;
mod hosts;
mod lookups;
mod system;

use std::future::Future;
use std::sync::Arc;

use sortie_core::{BoxError, BoxFuture};

pub use addresses::{Addresses, Name};
pub use cache::CacheOptions;
pub use error::ResolveError;
#[cfg(feature = "hickory")]
pub use hickory::Hickory;
pub use hosts::Host;
pub(crate) use hosts::Hosts;
pub(crate) use lookups::Lookups;
pub use system::System;

/// Looks names up. See the [module](self).
///
/// It is implemented for closures from [`Name`] to a future of anything that becomes [`Addresses`].
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `name`, best first. No address at all is an error, too.
    ///
    /// # Errors
    ///
    /// Whatever kept the name from being looked up; it becomes the source of a [`ResolveError`].
    fn resolve(&self, name: Name) -> impl Future<Output = Result<Addresses, BoxError>> + Send + 'static;
}

impl<F, Fut, A, E> Resolve for F
where
    F: Fn(Name) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<A, E>> + Send + 'static,
    A: Into<Addresses>,
    E: Into<BoxError>,
{
    fn resolve(&self, name: Name) -> impl Future<Output = Result<Addresses, BoxError>> + Send + 'static {
        let resolving = self(name);
        async move { resolving.await.map(Into::into).map_err(Into::into) }
    }
}

pub(crate) type ResolveFn = Arc<dyn Fn(Name) -> BoxFuture<'static, Result<Addresses, BoxError>> + Send + Sync>;

pub(crate) fn erase(resolver: impl Resolve) -> ResolveFn {
    Arc::new(move |name| Box::pin(resolver.resolve(name)))
}
