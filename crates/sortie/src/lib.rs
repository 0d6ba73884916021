//! HTTP client sessions, as a stack of tower layers over a pooled hyper connector.
//!
//! A [`Session`] is what Python's `requests.Session` is: default headers, cookies, auth, redirects, retries, hooks,
//! mounted transports and a connection pool, shared by every call made through it. Each of these is a tower `Layer` of
//! its own that also works alone, over any `Service<http::Request<B>>`.
//!
//! # Example
//!
//! ```
//! use sortie::Session;
//! # use axum::{Router, routing::get};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::Error> {
//! # let service = Router::new().route("/v1/items", get(|| async { "3 items" }));
//! let session = Session::builder()
//!     .user_agent("inventory/1.4")
//!     .base_url("https://api.example.com/v1/")
//! #   .mount("https://api.example.com/", service)
//!     .build()?;
//!
//! let response = session.get("items").query(&[("in_stock", "yes")]).send().await?;
//! assert_eq!(response.error_for_status()?.text().await?, "3 items");
//! # Ok(())
//! # }
//! ```
//!
//! # Two doors
//!
//! - **The session**: [`Session::builder`] for its settings, [`Mount`] for what differs below a URL prefix,
//!   [`RequestBuilder`] for one request, [`Response`], [`Error`]. `from_requests` shows each parameter and attribute of
//!   `requests` beside its form here.
//! - **The layers**: [`layers`], [`cookies`](https://docs.rs/sortie-cookies) and [`transport`] for those who compose a
//!   stack of their own with `tower::ServiceBuilder`. [`Session::from_service`] puts the session's comfort over it, and
//!   a session is itself a `Service`.
//!
//! # What a call passes, outermost first
//!
//! The user's [layers](SessionBuilder::layer) · total timeout · base URL, default query, default headers · decompression ·
//! redirect · the user's [hop layers](SessionBuilder::hop_layer) · hooks · mounts; then within the mount: its layers ·
//! timeout of the hop · its hooks, headers and query · retry · auth · cookies · the user's
//! [wire layers](SessionBuilder::wire_layer) · [wire hooks](SessionBuilder::wire_hooks) · timeout of the attempt ·
//! transport.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tls` | yes | `https`, by rustls |
//! | `aws-lc-rs` | yes | the crypto provider for it; needs a C compiler |
//! | `ring` | | another one; with both compiled in, aws-lc-rs serves |
//! | `webpki-roots` | | Mozilla's roots, for hosts without a usable trust store |
//! | `cookies` | yes | the jar and its layer |
//! | `gzip` | yes | bodies in gzip, in either direction ([`decompress`], [`body`]) |
//! | `br`, `zstd` | | likewise in Brotli, and in Zstandard, which needs a C compiler |
//! | `deflate` | | responses in deflate |
//! | `json` | yes | JSON bodies |
//! | `charset` | | text in the charsets of the Encoding Standard, beside those of Unicode |
//! | `checksum` | | the SHA-256 of downloads |
//! | `multipart` | | forms with files ([`body::multipart`]) |
//! | `digest` | | `auth::Digest` |
//! | `hickory` | | names by hickory-resolver ([`transport::dns`]) |
//! | `load` | | `tower::load::Load` for the service of one origin |
//! | `tower-budget` | | `retry::Budget::from_tower`: any of tower's retry budgets |
//!
//! Without default features it is a plaintext client without C code. A feature adds API or a back end and never changes
//! a behaviour.

pub mod auth;
pub mod body;
mod builder;
mod content_disposition;
#[cfg(feature = "decompress")]
mod decompression;
pub mod download;
mod environment;
mod error;
mod field;
#[cfg(all(
    feature = "cookies",
    feature = "digest",
    feature = "gzip",
    feature = "json",
    feature = "multipart",
    feature = "tls"
))]
#[doc = include_str!("from_requests.md")]
pub mod from_requests {}
mod into_url;
#[cfg(feature = "json")]
mod invalid_json;
mod limits;
pub mod links;
mod mount;
mod one_shot;
mod request;
mod response;
mod road;
mod session;
mod setter;
mod settings;
pub mod sse;
mod stack;
mod template;
pub mod text;
mod userinfo;

pub use builder::SessionBuilder;
pub use content_disposition::ContentDisposition;
pub use error::{Error, ErrorKind};
pub use into_url::{IntoUrl, InvalidUrl};
#[cfg(feature = "json")]
pub use invalid_json::InvalidJson;
pub use limits::{BodyTooLarge, MaxBody};
pub use mount::Mount;
pub use one_shot::{delete, get, head, options, patch, post, put, request};
pub use request::RequestBuilder;
pub use response::{Reader, Response};
pub use session::{Pending, Session};
pub use setter::Invalid;

pub use sortie_auth::netrc;
#[cfg(feature = "cookies")]
pub use sortie_cookies as cookies;
pub use sortie_core as core;
pub use sortie_core::{Body, BoxError};
#[cfg(feature = "decompress")]
pub use sortie_decompress as decompress;
pub use sortie_layers as layers;
pub use sortie_layers::{hooks, redirect, retry, timeout};
pub use sortie_transport as transport;
pub use sortie_transport::Transport;

/// The README's examples, as doc tests.
#[cfg(all(doctest, feature = "cookies", feature = "json", feature = "tls"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
