//! Proxies: which requests go by which, and how they are spoken to.
//!
//! A [`Proxy`] is one proxy: HTTP, HTTP over TLS, SOCKS4, SOCKS4a or SOCKS5. [`Proxies`] are the rules that choose one
//! for a request: by scheme, by host, from the environment or by a closure. Both are values: the rules of a transport are
//! [`TransportOptions::proxies`](crate::TransportOptions::proxies), those of another handle to the same pool
//! [`Transport::with_proxies`](crate::Transport::with_proxies).
//!
//! # Example
//!
//! ```
//! use sortie_transport::proxy::{Proxies, Proxy};
//! use sortie_transport::{Transport, TransportOptions};
//!
//! let proxy = Proxy::new("http://proxy.example:3128")?.basic("alice", "s3cret");
//! let proxies = Proxies::all(proxy).no_proxy("localhost, .internal, 10.0.0.0/8");
//! let transport = Transport::new(TransportOptions::default().proxies(proxies));
//! // Or what the environment says:
//! let transport = transport.with_proxies(Proxies::from_env(|name| std::env::var(name).ok()));
//! # let _ = transport;
//! # Ok::<_, sortie_transport::proxy::ProxyError>(())
//! ```
//!
//! # How a request goes
//!
//! A proxy of HTTP forwards requests to `http` origins, which it is sent in absolute-form over HTTP/1.1; to `https`
//! origins, and to `http` ones over which HTTP/2 alone is spoken ([`Versions::Http2Only`](crate::Versions)), it opens a
//! tunnel (CONNECT). Over a SOCKS proxy everything goes through a tunnel. TLS with the origin is spoken within the tunnel,
//! over TLS with the proxy itself if that is one of `https`, and so is HTTP/2.
//!
//! Whether an `Upgrade` of a forwarded request comes about is for the proxy to say, which most proxies do not.
//!
//! A connection belongs to its proxy and its origin. Unix sockets and services of
//! [one address](crate::OriginService::at) are never reached by a proxy. A
//! [`connector`](crate::TransportOptions::connector) of one's own is asked for the proxy in the origin's place.
//!
//! # Credentials
//!
//! User and password of a proxy, its [headers](Proxy::header) and what its [`Auth`](sortie_core::auth::Auth) signs are
//! sent to the proxy alone: on CONNECT requests and on those that it forwards. A `Proxy-Authorization` that a request has
//! of its own beats the proxy's if the request is forwarded, and is dropped if it is not: no origin sees it.
//!
//! # Per-request override
//!
//! `PerRequest<Proxies>` in the request's extensions: other rules, or `Off`. After a redirect to a foreign origin only
//! `Off` still counts.
//!
//! # Response metadata
//!
//! [`ConnectionInfo::proxy`](crate::ConnectionInfo::proxy) and `proxy_tls`, and how long it took to ask the proxy for the
//! way: [`Timings::proxy`](crate::Timings::proxy).
//!
//! # Errors
//!
//! [`ProxyError`], below a [`ConnectError`](crate::ConnectError): nothing of the request reached its origin. A 407 is
//! one too, whether the request was to be forwarded or tunnelled, once the scheme of [`Proxy::auth`] has no answer to it;
//! the proxy's status and headers can be read from the error.
//!
//! # Differences from requests
//!
//! Explicit proxies beat those of the environment ([`Proxies::or`]). `NO_PROXY` counts for each hop of a redirect, can be
//! applied to explicit proxies, and knows IPv6, networks of it, ports after addresses, and `*.example.com`. In
//! Python an empty `http_proxy` hides an `HTTP_PROXY`; here, as with curl, it is as if it were not set. A proxy's 407 to a
//! forwarded request is an error and not a response.

mod auth;
mod bypass;
mod connect;
mod env;
mod error;
pub(crate) mod forward;
mod handshake;
mod proxies;
#[expect(clippy::module_inception, reason = "it has the type of that name")]
mod proxy;
mod socks;

pub use error::{ProxyError, ProxyErrorKind};
pub(crate) use handshake::Destination;
pub use proxies::Proxies;
pub use proxy::Proxy;
