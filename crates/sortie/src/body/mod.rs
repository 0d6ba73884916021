//! What a request carries: text, JSON by any serializer, streams, files, forms with files, compressed or not.
//!
//! [`RequestBuilder::body`] takes any [`Body`]; what is here makes one, with the type that belongs to it. A body can be
//! sent again after a redirect, a challenge or a failed attempt if it is in memory, a [`File`], a
//! [`Multipart`] of such parts, or comes from [`Body::factory`]; one from a stream or a reader can be sent once, and a
//! second sending that would need it is an error.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::post};
//! use sortie::Session;
//! use sortie::body::File;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = Router::new().route("/logs", post(|log: String| async move { log.len().to_string() }));
//! # let session = Session::builder().mount("http://logs.test/", server).build()?;
//! # let folder = std::env::temp_dir().join(format!("sortie-body-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("today.log");
//! std::fs::write(&path, "a line\n".repeat(1000))?;
//! let log = File::open(&path).await?;
//! let response = session
//!     .post("http://logs.test/logs")
//!     .body(log)
//!     .on_upload(|progress| assert!(progress.passed <= 7000))
//!     .send()
//!     .await?;
//! assert_eq!(response.text().await?, "7000");
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Differences from requests
//!
//! - A generator is sent once; requests sends it empty the second time.
//! - Text gets `text/plain; charset=utf-8`, where requests' `data="…"` gets no type; `body` sets none.
//! - Lengths are counted when the body is made, and one set by hand that contradicts it is an error.

#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
mod compress;
mod file;
#[cfg(feature = "multipart")]
pub mod multipart;

use std::io;

use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use sortie_core::{Body, BoxError, Progress};
use sortie_transport::InvalidRequest;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use crate::{RequestBuilder, setter};

#[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
pub use compress::Coding;
pub use file::File;
#[cfg(feature = "multipart")]
pub use multipart::{Multipart, Part};

/// How much is read from a file or a reader at once, in octets.
const CHUNK: usize = 64 * 1024;

/// What `reader` yields, in chunks of at most 64 KiB.
pub(crate) fn chunks<R: AsyncRead>(reader: R) -> ReaderStream<R> {
    ReaderStream::with_capacity(reader, CHUNK)
}

/// A body of what `reader` yields, to be sent once, of unknown length.
pub fn reader(reader: impl AsyncRead + Send + 'static) -> Body {
    Body::stream(chunks(reader))
}

/// Gives a request the type of its body unless it has one by hand. A form cannot be read by another's boundary, so there
/// the two exclude each other.
pub(crate) fn set_type(headers: &mut HeaderMap, content_type: HeaderValue) -> Result<(), setter::Invalid> {
    if !headers.contains_key(CONTENT_TYPE) {
        setter::insert("RequestBuilder::headers", headers, CONTENT_TYPE, content_type)
    } else if content_type.as_bytes().starts_with(b"multipart/") {
        let reason = "a Content-Type by hand does not know the boundary: leave it out";
        Err(setter::Invalid::new("RequestBuilder::multipart", reason))
    } else {
        Ok(())
    }
}

/// Checks a `Content-Length` by hand against the body: sortie's transport does, others send what they are given.
pub(crate) fn check_length(headers: &HeaderMap, body: &Body) -> Result<(), InvalidRequest> {
    let mut told = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = told.next() else { return Ok(()) };
    // Digits only: `u64::from_str` takes a sign, which other parsers do not.
    let number = value.to_str().ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
    let number = number.and_then(|text| text.parse().ok()).filter(|_| told.next().is_none());
    let header = number.ok_or(InvalidRequest::BadContentLength)?;
    match body.content_length() {
        Some(body) if body == header => Ok(()),
        body => Err(InvalidRequest::ContentLengthMismatch { header, body }),
    }
}

/// What is put around the body of a request when it is complete.
#[derive(Default)]
pub(crate) struct Wrapping {
    #[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
    pub(crate) coding: Option<Coding>,
    progress: Option<Box<dyn FnOnce(Body) -> Body + Send>>,
}

impl Wrapping {
    /// The body as it is sent. What it tells of its progress are octets on the wire.
    pub(crate) fn wrap(self, body: Body, headers: &mut HeaderMap) -> Result<Body, setter::Invalid> {
        #[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
        let body = match self.coding {
            Some(coding) => compress::apply(body, coding, headers)?,
            None => body,
        };
        #[cfg(not(any(feature = "br", feature = "gzip", feature = "zstd")))]
        let _ = headers;
        Ok(match self.progress {
            Some(wrap) => wrap(body),
            None => body,
        })
    }
}

impl RequestBuilder {
    /// A body of text in UTF-8, `text/plain; charset=utf-8`.
    pub fn text(self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.content("RequestBuilder::text", || {
            Ok::<_, BoxError>((text.into(), Some(HeaderValue::from_static("text/plain; charset=utf-8"))))
        })
    }

    /// A body of text in another charset, `text/plain; charset=…`, by its label: `"iso-8859-1"`, `"shift_jis"`. Text that
    /// the charset cannot express is an error, as is a label that nobody knows.
    ///
    /// Labels and charsets are those of the [Encoding standard](https://encoding.spec.whatwg.org/), which writes
    /// `iso-8859-1` as `windows-1252` and cannot write UTF-16.
    #[cfg(feature = "charset")]
    pub fn text_in(self, charset: &str, text: impl AsRef<str>) -> Self {
        self.content("RequestBuilder::text_in", || {
            let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).ok_or("no charset has this label")?;
            let (encoded, used, unmappable) = encoding.encode(text.as_ref());
            if unmappable || used != encoding {
                return Err(BoxError::from(format!("the text cannot be written in {}", encoding.name())));
            }
            let content_type = format!("text/plain; charset={}", encoding.name().to_ascii_lowercase());
            Ok((encoded.into_owned().into(), Some(HeaderValue::try_from(content_type)?)))
        })
    }

    /// A JSON body, `application/json`, written by a serializer of your own: `|| sonic_rs::to_vec(&value)`. Its error is
    /// that of [`send`](Self::send).
    pub fn json_with<T, E>(self, serialize: impl FnOnce() -> Result<T, E>) -> Self
    where
        T: Into<Bytes>,
        E: Into<BoxError>,
    {
        self.content("RequestBuilder::json_with", || {
            let json: Bytes = serialize().map_err(Into::into)?.into();
            Ok::<_, BoxError>((json.into(), Some(HeaderValue::from_static("application/json"))))
        })
    }

    /// A body of what `stream` yields, to be sent once, of unknown length ([`Body::sized_stream`] has one of known length). It
    /// sets no `Content-Type`.
    pub fn stream<S, T, E>(self, stream: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes> + 'static,
        E: Into<BoxError> + 'static,
    {
        self.body(Body::stream(stream))
    }

    /// A body of what `reader` yields, to be sent once. It sets no `Content-Type`.
    pub fn reader(self, source: impl AsyncRead + Send + 'static) -> Self {
        self.body(reader(source))
    }

    /// Calls `tell` for each chunk of the request's body that is handed to the connection, and once at its end. It begins
    /// anew with each further sending. Octets are counted as they are sent: compressed ones, if they are.
    pub fn on_upload(self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.wrapping(|wrapping| wrapping.progress = Some(Box::new(move |body| body.on_progress(tell))))
    }

    /// Compresses the request's body while it is sent, and says so in `Content-Encoding`. Its length is then unknown; it
    /// can be sent again if the body can.
    ///
    /// Few servers undo a coding that they did not ask for; a 415 is their answer then
    /// ([RFC 9110 §12.5.3](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3)).
    #[cfg(any(feature = "br", feature = "gzip", feature = "zstd"))]
    pub fn compress(self, coding: Coding) -> Self {
        self.wrapping(|wrapping| wrapping.coding = Some(coding))
    }

    /// A form with files, `multipart/form-data`; see [`Multipart`]. A `Content-Type` set by hand beside it is an error: it
    /// cannot name the boundary.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, form: Multipart) -> Self {
        self.content("RequestBuilder::multipart", || form.into_content())
    }

    fn content<E: Into<BoxError>>(
        self,
        setter: &'static str,
        make: impl FnOnce() -> Result<(Body, Option<HeaderValue>), E>,
    ) -> Self {
        self.with_content(|| make().map_err(|error| setter::Invalid::new(setter, error.into().to_string())))
    }
}

/// An error of the file system, with the path that it is about.
fn with_path(path: &std::path::Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
