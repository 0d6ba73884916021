//! The pooled hyper connector of sortie as one tower service.
//!
//! A [`Transport`] sends each request over a connection of its origin's pool and gives the connection back when the
//! response's body has ended. It knows nothing of sessions: redirects, retries, cookies and the rest are layers above
//! it.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use sortie_core::Body;
//! use sortie_transport::Transport;
//! use tower_service::Service;
//!
//! # async fn get() -> Result<(), sortie_core::BoxError> {
//! let mut transport = Transport::default();
//! let request = Request::get("https://example.com/").body(Body::empty())?;
//! let response = transport.call(request).await?;
//! assert!(response.status().is_success());
//! # Ok(())
//! # }
//! ```
//!
//! # The pool
//!
//! Connections belong to origins, and no two policies share one. A request takes a free stream of the least loaded
//! HTTP/2 connection, else the HTTP/1.1 connection that was used last, else it waits in line; a connect is begun only
//! for waiters that no pending connect covers, one alone while it is unknown what the server speaks. A connect is a task
//! of its own: whoever waits for it may leave.
//!
//! What it has and does is in [`Transport::stats`] and told to [`Events`]; [`Transport::prewarm`] and
//! [`Transport::retire`] steer it; [`TransportOptions`] has its limits. [`Transport::origin`] is a service for one
//! origin.
//!
//! # Per-request override
//!
//! `PerRequest<PhaseTimeouts>` in the request's extensions changes the limits that it sets, `PerRequest<Versions>` which
//! HTTP is spoken, and `PerRequest<ExpectContinue>` whether its body waits until it is wanted; [`proxy`] has another.
//! [`OnInformational`] there listens to interim answers.
//!
//! # Response metadata
//!
//! [`ConnectionInfo`] and [`Timings`] in the response's extensions. [`upgrade()`] takes the byte stream of one that
//! switched protocols.
//!
//! # Errors
//!
//! Whatever failed, the chain of the error has a [`sortie_core::Fault`] that says what may have happened on the wire,
//! or it is an [`InvalidRequest`], of which nothing was sent. Below it are [`ConnectError`] (with
//! [`dns::ResolveError`], [`address_policy::AddressRefused`] or [`DialError`]), [`AcquireTimeout`], [`BodyFailed`],
//! [`HeadRefused`], [`TooManyInformational`], [`sortie_core::Elapsed`], `tls::TlsError` and the errors of hyper
//! and the system. A request that a connection did not take is sent again over another, with any body, and one that an HTTP/2 server refused, with a
//! body that can be sent again; anything else is left to a retry layer.
//!
//! # Differences from requests
//!
//! Without `pool_block`, requests opens connections beyond its pool's size and throws them away; here
//! [`TransportOptions::max_connections_per_origin`] is a cap, and requests wait in order. A request without a body says
//! `Content-Length: 0` with all methods but GET, HEAD, CONNECT and TRACE, as there. A `Content-Length` set by hand
//! that is not the body's length is an error.

pub mod address_policy;
mod body;
mod clock;
mod connect;
pub mod dns;
mod driver;
mod error;
mod events;
mod expect;
mod flight;
mod future;
mod head_refused;
mod info;
mod informational;
mod keep_alive;
mod moment;
mod options;
mod origin_service;
mod outcome;
mod pool;
pub mod proxy;
mod reason;
mod request;
mod road;
mod route;
mod stats;
mod timeouts;
mod timings;
#[cfg(feature = "tls")]
pub mod tls;
mod transport;
mod upgrade;
mod upload;

pub use address_policy::AddressPolicy;
pub use body::Pooled;
pub use connect::{Connect, DialError, TcpKeepAlive, UnixSocketError};
pub use error::{AcquireTimeout, BodyFailed, ConnectError, InvalidRequest};
pub use events::{Event, Events};
pub use expect::ExpectContinue;
pub use future::ResponseFuture;
pub use head_refused::HeadRefused;
pub use info::ConnectionInfo;
pub use informational::{InformationalHead, OnInformational, TooManyInformational};
pub use options::{TransportOptions, Versions};
pub use origin_service::OriginService;
pub use reason::CloseReason;
pub use stats::{Closed, Stats, Waits};
pub use timeouts::PhaseTimeouts;
pub use timings::Timings;
pub use transport::Transport;
pub use upgrade::{UpgradeError, Upgraded, upgrade};
