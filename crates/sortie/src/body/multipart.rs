//! Forms with files: `multipart/form-data`.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::post};
//! use sortie::Session;
//! use sortie::body::{Multipart, Part};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = Router::new().route("/form", post(|form: String| async move { form }));
//! # let session = Session::builder().mount("http://form.test/", server).build()?;
//! let form = Multipart::new()
//!     .text("title", "A \"map\"")
//!     .part("map", Part::bytes("<svg/>").file_name("map.svg").mime("image/svg+xml"));
//! let sent = session.post("http://form.test/form").multipart(form).send().await?.text().await?;
//! assert!(sent.contains("Content-Disposition: form-data; name=\"map\"; filename=\"map.svg\"\r\nContent-Type: image/svg+xml"));
//! # Ok(())
//! # }
//! ```
//!
//! # What is sent
//!
//! Parts go out one after the other as they were added, and are never put together in memory. The form has a
//! `Content-Length` if each part knows its own, and can be sent again if each part can: bytes, text and a
//! [`File`] can, a stream cannot.
//!
//! Names and file names are written as browsers write them
//! ([multipart/form-data encoding](https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data)):
//! in UTF-8, with `"`, CR and LF as `%22`, `%0D` and `%0A`, and line ends in names as CRLF first. Content is sent as it is.
//!
//! # Differences from requests
//!
//! - A part of bytes has the type `application/octet-stream`, and no file name unless it is given one.
//! - Nothing is guessed from a file's name. A file part has the last part of its path as its file name.
//! - Fields and files keep the order in which they were added; requests sends all fields first.

use std::fmt::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use sortie_core::{Body, BoxError, Replay};

use super::File;
use crate::setter;

/// A form with files, made of named [`Part`]s. See the [module](self).
#[must_use = "a form is sent by `RequestBuilder::multipart`"]
#[derive(Debug, Default)]
pub struct Multipart {
    parts: Vec<(String, Part)>,
}

impl Multipart {
    /// A form without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// A field of text.
    pub fn text(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.part(name, Part::text(value))
    }

    /// A file, with the last part of its path as its file name and `application/octet-stream` as its type.
    pub fn file(self, name: impl Into<String>, file: File) -> Self {
        self.part(name, Part::file(file))
    }

    /// A part of any kind. Parts of the same name are all sent.
    pub fn part(mut self, name: impl Into<String>, part: Part) -> Self {
        self.parts.push((name.into(), part));
        self
    }

    pub(super) fn into_content(self) -> Result<(Body, Option<HeaderValue>), BoxError> {
        self.with_boundary(&boundary()?)
    }

    fn with_boundary(self, boundary: &str) -> Result<(Body, Option<HeaderValue>), BoxError> {
        let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"))?;
        let mut pieces = Vec::with_capacity(self.parts.len() * 2 + 1);
        let mut between = "";
        for (name, part) in self.parts {
            if let Some(invalid) = part.invalid {
                return Err(invalid.into());
            }
            pieces.push(Body::from(part.head(&name, boundary, between)));
            pieces.push(part.body);
            between = "\r\n";
        }
        pieces.push(format!("{between}--{boundary}--\r\n").into());
        Ok((join(pieces), Some(content_type)))
    }
}

/// 128 bits that nobody can foresee: who writes the content of a part must not be able to end it.
fn boundary() -> Result<String, BoxError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    Ok(format!("sortie-{:032x}", u128::from_ne_bytes(random)))
}

/// One part of a [`Multipart`]: a field or a file.
#[must_use = "a part is added by `Multipart::part`"]
pub struct Part {
    body: Body,
    file_name: Option<String>,
    headers: HeaderMap,
    invalid: Option<setter::Invalid>,
}

impl Part {
    /// Any body. It has no type of its own.
    pub fn new(body: impl Into<Body>) -> Self {
        Self { body: body.into(), file_name: None, headers: HeaderMap::new(), invalid: None }
    }

    /// A field of text, without a type, as browsers send it: servers take it for UTF-8.
    pub fn text(value: impl Into<String>) -> Self {
        Self::new(value.into())
    }

    /// Bytes, `application/octet-stream`.
    pub fn bytes(content: impl Into<Bytes>) -> Self {
        Self::new(content.into()).octets()
    }

    /// A file, `application/octet-stream`, under the last part of its path.
    pub fn file(file: File) -> Self {
        let name = file.file_name();
        Self { file_name: name, ..Self::new(file).octets() }
    }

    fn octets(self) -> Self {
        self.mime("application/octet-stream")
    }

    /// The name that the part claims to have had as a file.
    pub fn file_name(self, name: impl Into<String>) -> Self {
        Self { file_name: Some(name.into()), ..self }
    }

    /// Its media type, such as `image/png`.
    pub fn mime<V: TryInto<HeaderValue>>(self, mime: V) -> Self {
        self.set("Part::mime", CONTENT_TYPE, mime)
    }

    /// A header of the part. `Content-Disposition` is made of the names and cannot be set.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.set("Part::header", name, value)
    }

    fn set<N, V>(mut self, setter: &'static str, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let set = setter::header(setter, name, value).and_then(|(name, value)| match name {
            CONTENT_DISPOSITION => Err(setter::Invalid::new(setter, "Content-Disposition is made of the part's names")),
            name => setter::insert(setter, &mut self.headers, name, value),
        });
        self.invalid = self.invalid.or(set.err());
        self
    }

    /// What stands before its content.
    fn head(&self, name: &str, boundary: &str, between: &str) -> Vec<u8> {
        let mut head = format!("{between}--{boundary}\r\nContent-Disposition: form-data; name=\"");
        escape(&crlf(name), &mut head);
        if let Some(file_name) = &self.file_name {
            head.push_str("\"; filename=\"");
            escape(file_name, &mut head);
        }
        head.push_str("\"\r\n");
        let mut head = head.into_bytes();
        for (name, value) in &self.headers {
            let spelled = if name == CONTENT_TYPE { "Content-Type" } else { name.as_str() };
            head.extend_from_slice(spelled.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

impl From<Body> for Part {
    fn from(body: Body) -> Self {
        Self::new(body)
    }
}

/// Without the content.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("body", &self.body).field("headers", &self.headers.len()).finish_non_exhaustive()
    }
}

/// Every line end as CRLF.
fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// A name as it stands between quotes.
fn escape(name: &str, into: &mut String) {
    for c in name.chars() {
        match c {
            '"' | '\r' | '\n' => drop(write!(into, "%{:02X}", u32::from(c))),
            c => into.push(c),
        }
    }
}

/// One body of several, which can be sent again if all of them can.
fn join(pieces: Vec<Body>) -> Body {
    if pieces.iter().any(|piece| piece.replay().is_none()) {
        return Body::new(Joined::new(pieces));
    }
    let length = length(&pieces);
    let pieces = Arc::new(pieces);
    let again = move || pieces.iter().map(|piece| piece.replay().expect("none of them was ever read")).collect();
    Body::factory(length, move || Joined::new(again()))
}

/// `None` if one of them does not know its own, or if there is none of so many octets.
fn length(pieces: &[Body]) -> Option<u64> {
    pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.content_length()?))
}

/// Bodies one after the other.
struct Joined {
    /// The next one last.
    pieces: Vec<Body>,
    /// How many octets are left, if that is known: it is asked for after each frame, and there may be many pieces.
    left: Option<u64>,
}

impl Joined {
    fn new(mut pieces: Vec<Body>) -> Self {
        pieces.reverse();
        Self { left: length(&pieces), pieces }
    }
}

impl HttpBody for Joined {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while let Some(piece) = self.pieces.last_mut() {
            match ready!(Pin::new(piece).poll_frame(cx)) {
                // A part of a form has no trailers.
                Some(Ok(frame)) if frame.is_trailers() => {}
                Some(frame) => {
                    let octets = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
                    self.left = self.left.and_then(|left| left.checked_sub(octets));
                    return Poll::Ready(Some(frame));
                }
                None => drop(self.pieces.pop()),
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.iter().all(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests;
