//! Decompression of responses: gzip, deflate, br and zstd, also one upon the other, within limits.
//!
//! [`DecompressLayer`] works over any `tower_service::Service<http::Request<B>>`. It offers in `Accept-Encoding` what is
//! compiled in, and undoes what `Content-Encoding` says was done to the body, while that is read: at most 64 KiB at once,
//! so that a body of a few octets that decodes to gigabytes takes no more memory than what is kept of it.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "gzip")]
//! # mod example {
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use sortie_core::BoxError;
//! use sortie_decompress::{Decoded, DecompressLayer, DecompressOptions};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! /// "hello", as gzip writes it.
//! const HELLO: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn run() -> Result<(), BoxError> {
//! let server = service_fn(|request: Request<()>| async move {
//!     assert!(request.headers()["accept-encoding"].to_str()?.starts_with("gzip"));
//!     let response = Response::builder().header("content-encoding", "gzip");
//!     Ok::<_, BoxError>(response.body(Full::new(Bytes::from_static(HELLO)))?)
//! });
//!
//! let options = DecompressOptions::default().max_size(100_000_000);
//! let client = ServiceBuilder::new().layer(DecompressLayer::new(options)).service(server);
//!
//! let response = client.oneshot(Request::new(())).await?;
//! assert!(!response.headers().contains_key("content-encoding"));
//! let decoded = response.extensions().get::<Decoded>().cloned().expect("it was compressed");
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "hello");
//! assert_eq!((decoded.wire_bytes(), decoded.decoded_bytes()), (25, 5));
//! # Ok(())
//! # }
//! # }
//! # fn main() {
//! #     #[cfg(feature = "gzip")]
//! #     example::run().unwrap();
//! # }
//! ```
//!
//! # What is decoded, and what is left alone
//!
//! | | |
//! |---|---|
//! | names | `gzip` and `x-gzip`, `deflate` (zlib, or bare), `br`, `zstd`; `identity` means nothing; in any case |
//! | several codings, in one field or in several | undone in turn, at most 5 of them |
//! | one that is not known, or not compiled in | the body is left as it is, with its headers |
//! | several members of gzip, several frames of zstd | one body |
//! | anything else after the end of a coding | an error |
//! | the body ends within a coding | an error; that of the body inside, if it has one, comes first |
//! | no body at all | no body |
//! | HEAD, CONNECT, 1xx, 204, 206, 304 | left alone |
//! | trailers | kept |
//!
//! A response that is decoded loses `Content-Encoding` and `Content-Length`, which are about what was received, and has
//! a [`Decoded`]. What goes wrong is a [`DecompressError`] of the body when it is read; the response itself is there, and
//! a body that nobody reads is never decoded: that of a redirect costs nothing.
//!
//! # Limits
//!
//! [`DecompressOptions::max_size`] caps what a body decodes to; there is no limit by default.
//! [`DecompressOptions::max_ratio`] caps how many octets come of each one received: 200, of what exceeds 16 MiB. A
//! decoder needs at most 32 KiB (gzip, deflate), 16 MiB (br) or 8 MiB (zstd) for what it looks back to, whatever the
//! sender asks for.
//!
//! # Per-request override
//!
//! `PerRequest<DecompressOptions>` in the request's extensions: `Use` for other options, `Off` to offer nothing and to
//! leave the response as it is. A request that has an `Accept-Encoding` of its own, `identity` too, or a `Range`, is
//! treated like that as well, unless [`DecompressOptions::hand_set`] says otherwise. `Without` of `Accept-Encoding`
//! offers nothing, and decodes what comes all the same.
//!
//! # Response metadata
//!
//! [`Decoded`]: the codings, the original length, and how many octets were received and decoded.
//!
//! # Order
//!
//! Outside Redirect and Retry, so that only the body that comes to the caller is decoded. Inside whatever sets default
//! headers, for an `Accept-Encoding` among them is one that was set by hand. What this layer fills in is listed in
//! `Defaulted`, so that a mount's header replaces it; that changes what is offered and not whether it is decoded.
//!
//! # Differences from requests
//!
//! - `r.raw` with `decode_content=False` is `PerRequest::Off`; the choice is made when the request is sent.
//! - requests decodes whatever `Accept-Encoding` the request has; here [`HandSet::Decode`] does.
//! - Truncated bodies and data after the end are errors, and there are limits.
//!
//! # Features
//!
//! `gzip` (default), `deflate`, `br`: pure Rust. `zstd` needs a C compiler. gzip and deflate are as fast as what `flate2`
//! is built with: whoever enables its feature `zlib-rs` in their program gets that.

mod body;
mod chain;
mod coding;
mod decide;
mod decoded;
mod error;
mod layer;
mod options;
mod stage;

pub use body::DecompressBody;
pub use chain::MAX_CODINGS;
pub use coding::Coding;
pub use decoded::Decoded;
pub use error::DecompressError;
pub use layer::{Decompress, DecompressFuture, DecompressLayer};
pub use options::{DecompressOptions, HandSet};

#[cfg(test)]
mod tests;
