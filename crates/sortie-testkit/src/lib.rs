//! Scripted services and servers for testing HTTP clients, and the layers they are made of.
//!
//! | to test | take |
//! |---|---|
//! | what a layer sends and makes of the answers, at a paused clock | [`Scripted`], with [`status`], [`reply`], [`Answer`] |
//! | that a layer calls only what it has polled ready | [`Strict`] |
//! | that a layer takes any request body | [`NotDefault`] |
//! | that a layer works over the services people put it over | [`prove_layer!`] |
//! | a client against a real server, HTTP/1.1, HTTP/2 or HTTPS | [`TestServer`], [`ServerOptions`], [`TlsSetup`] |
//! | a client's trust: expired, for another name, from a stranger, revoked | [`CertificateAuthority`], [`CertificateOptions`] |
//! | a client's own certificate | [`TlsSetup::client_authority`], [`TestServer::tls_peers`] |
//! | a client against a peer that breaks the rules or breaks off | [`TcpScript`], [`Steps`], [`Gate`] |
//! | a client by a proxy of HTTP or SOCKS, with and without password | [`TestProxy`], [`ProxyOptions`] |
//! | a client's connections at a paused clock | [`MemoryServer`] |
//!
//! Nothing here waits for things to settle: what happens in a task of its own can be waited for
//! ([`Gate::reached`], [`TestServer::wait_for_open_connections`]), and what does not happen fails the test after ten
//! seconds with a message that names it. Servers listen on free ports of 127.0.0.1 before their constructors return,
//! and stop when they are dropped.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use http::Request;
//! use sortie_core::Body;
//! use sortie_testkit::{Answer, Scripted, Strict, reply, status};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let server = Scripted::new([Answer::after(Duration::from_secs(60), status(200)), reply(200, [], "hello").into()]);
//! let client = ServiceBuilder::new().concurrency_limit(1).service(Strict::new(server.clone()));
//!
//! let call = || client.clone().oneshot(Request::get("http://a.test/").body(Body::empty()).unwrap());
//! let _ = tokio::join!(call(), call()); // takes a minute, and no time
//!
//! assert_eq!(server.requests()[1].uri, "http://a.test/");
//! # }
//! ```
//!
//! # Features
//!
//! `tls` (default): HTTPS in [`TestServer`], and [`CertificateAuthority`], on rustls and aws-lc.

#[cfg(feature = "tls")]
mod certificates;
mod count;
mod memory;
mod not_default;
mod prove;
mod proxy;
mod scripted;
mod server;
mod strict;
mod tcp_script;
mod told;

#[cfg(feature = "tls")]
pub use certificates::{Certificate, CertificateAuthority, CertificateOptions, Purpose, RevocationList, Validity};
pub use memory::MemoryServer;
pub use not_default::NotDefault;
pub use proxy::{ProxyOptions, SocksRequest, TestProxy};
pub use scripted::{Answer, Recorded, Scripted, reply, status};
pub use server::{Head, Protocol, ServerOptions, TestServer};
#[cfg(feature = "tls")]
pub use server::{ServedVersions, TlsPeer, TlsSetup};
pub use strict::Strict;
pub use tcp_script::{Gate, ScriptState, Steps, TcpScript, Transcript};
pub use told::told;

/// What the macro's expansion calls. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::prove::{
        dropped_at_any_poll, over_boxed, over_buffer, over_client, over_concurrency_limit, over_router, over_strict,
        with_not_default,
    };
}
