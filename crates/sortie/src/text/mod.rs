//! Text of a body: whole, in chunks, in lines.
//!
//! The charset is that of `Content-Type`, else the one that a byte order mark says, else UTF-8. A byte order mark is no
//! part of the text. UTF-8, UTF-16 and UTF-32 are always known; those of the
//! [Encoding Standard](https://encoding.spec.whatwg.org/) with the feature `charset`.
//!
//! Without a label `FF FE 00 00` is the mark of UTF-16LE and a NUL, as in browsers: the mark of UTF-32 counts only in
//! JSON, and where the label says UTF-32.
//!
//! # Example
//!
//! ```
//! use sortie::{Body, Session};
//! # use bytes::Bytes;
//! # use sortie_testkit::Scripted;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::Error> {
//! # let body = Body::segments(["one\r", "\ntw", "o"].map(|part| Bytes::from_static(part.as_bytes())));
//! # let server = Scripted::new([http::Response::new(body)]);
//! # let session = Session::builder().transport(server).build()?;
//! let mut lines = session.get("http://app.test/log").send().await?.lines();
//! assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
//! assert_eq!(lines.next_line().await?.as_deref(), Some("two")); // the last one needs no end
//! assert_eq!(lines.next_line().await?, None);
//! # Ok(())
//! # }
//! ```
//!
//! # Differences from requests
//!
//! - Text without a charset is UTF-8, and nothing is guessed; requests takes `text/*` for Latin-1 and asks a detector.
//! - Lines end with LF, CR and CR LF, and with nothing else. One CR LF is one end, also where a chunk ends within it.
//! - With the feature `charset`, Latin-1 is windows-1252, as in browsers: the two differ in control characters only.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::HeaderMap;

mod charset;
mod decoder;
mod line_buffer;
mod lines;
mod source;
mod text_chunks;

pub(crate) use charset::{Charset, of_content_type};
pub(crate) use decoder::Decoder;
pub(crate) use line_buffer::LineBuffer;
pub use lines::{LineTooLong, Lines};
pub(crate) use source::Source;
pub use text_chunks::TextChunks;

use crate::{Error, ErrorKind};

/// What becomes of octets that are no text in the body's charset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnMalformed {
    /// U+FFFD stands in their place.
    #[default]
    Replace,
    /// They are an error, by [`Malformed`].
    Error,
}

/// A body is not text in its charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(());

impl Malformed {
    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::Decode, Self(()))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is not text in its charset; OnMalformed::Replace puts U+FFFD in the place of what is not")
    }
}

impl std::error::Error for Malformed {}

/// The charset that `Content-Type` names, if it does.
pub(crate) fn charset(headers: &HeaderMap) -> Result<Option<Charset>, Error> {
    of_content_type(headers).map(|label| known(&label)).transpose()
}

/// The charset of a label, by which somebody else's text is said to be encoded.
fn known(label: &str) -> Result<Charset, Error> {
    match Charset::labelled(label) {
        Some(charset) => Ok(charset),
        // As requests does, a charset that nobody knows is taken for UTF-8.
        None if cfg!(feature = "charset") => Ok(Charset::Utf8),
        None => Err(unknown(label)),
    }
}

/// The charset of a label that the caller gave.
pub(crate) fn asked_for(label: &str) -> Result<Charset, Error> {
    Charset::labelled(label).ok_or_else(|| unknown(label))
}

fn unknown(label: &str) -> Error {
    let message = if cfg!(feature = "charset") {
        format!("no charset has the label {label:?} in the Encoding Standard")
    } else {
        format!("the text is in the charset {label:?}; sortie's feature `charset` decodes it")
    };
    Error::new(ErrorKind::Decode, message)
}

/// The text of `bytes`; without a charset, by its byte order mark, else in UTF-8.
pub(crate) fn decode(bytes: Bytes, charset: Option<Charset>) -> String {
    match charset.unwrap_or_else(|| Charset::by_mark(&bytes)) {
        Charset::Utf8 => utf8(bytes),
        other => decode_all(&bytes, other).0,
    }
}

/// The text of `bytes`, and whether all of them were text.
fn decode_all(bytes: &[u8], charset: Charset) -> (String, bool) {
    let (mut decoder, mut text) = (Decoder::new(Some(charset)), String::with_capacity(bytes.len()));
    decoder.push(bytes, &mut text);
    decoder.finish(&mut text);
    (text, !decoder.malformed())
}

fn utf8(bytes: Bytes) -> String {
    let bytes = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => bytes.slice_ref(rest),
        None => bytes,
    };
    match String::from_utf8_lossy(&bytes) {
        // Valid as it is: `Vec::from` takes over the buffer of `bytes` if nobody shares it, and copies it otherwise.
        Cow::Borrowed(_) => String::from_utf8(bytes.into()).unwrap_or_default(),
        Cow::Owned(replaced) => replaced,
    }
}

/// JSON in UTF-8, which is what parsers read: by the label of `Content-Type`, unless that is UTF-8's, else by what its
/// first octets show ([`Charset::of_json`]).
#[cfg(feature = "json")]
pub(crate) fn json(bytes: &Bytes, headers: &HeaderMap) -> Result<Bytes, Error> {
    let label = of_content_type(headers);
    let labelled = match label.as_deref().map(|label| (label, Charset::labelled(label))) {
        Some((_, Some(charset))) => Some(charset).filter(|charset| *charset != Charset::Utf8),
        // ASCII is the same in all of them but those that `of_json` knows by their NULs.
        Some((label, None)) if !bytes.is_ascii() => Some(known(label)?).filter(|charset| *charset != Charset::Utf8),
        _ => None,
    };
    match labelled.unwrap_or_else(|| Charset::of_json(bytes)) {
        Charset::Utf8 => {
            Ok(bytes.strip_prefix(b"\xEF\xBB\xBF").map_or_else(|| bytes.clone(), |rest| bytes.slice_ref(rest)))
        }
        other => match decode_all(bytes, other) {
            (text, true) => Ok(text.into()),
            (_, false) => Err(Malformed::error()),
        },
    }
}

#[cfg(test)]
mod tests;
