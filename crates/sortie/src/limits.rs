//! How large a body may be that is read into memory as a whole.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt;
use sortie_core::{Body, PerRequest};

use crate::{Error, ErrorKind, RequestBuilder, SessionBuilder};

/// What a length that a peer names may reserve of memory before anything has come.
const MOST_AHEAD: u64 = 1 << 20;

/// How large a body may be that [`Response::bytes`](crate::Response::bytes), [`text`](crate::Response::text) and
/// [`json`](crate::Response::json) read into memory.
///
/// [`SessionBuilder::max_body`] and [`RequestBuilder::max_body`] set it; for a request that is built otherwise, it is
/// `PerRequest<MaxBody>` in its extensions.
///
/// ```
/// use sortie::core::PerRequest;
/// use sortie::{ErrorKind, MaxBody, Session};
/// # use sortie_testkit::{Scripted, reply};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sortie::Error> {
/// # let server = Scripted::new([(); 2].map(|()| reply(200, [], "12345")));
/// # let session = Session::builder().transport(server).build()?;
/// let request = session.get("http://app.test/").max_body(4);
/// let error = request.send().await?.text().await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Body);
///
/// let mut request = http::Request::get("http://app.test/").body(()).unwrap();
/// request.extensions_mut().insert(PerRequest::Use(MaxBody::new(5)));
/// assert_eq!(session.send(request).await?.text().await?, "12345");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxBody {
    octets: u64,
}

impl MaxBody {
    /// So many octets, after decoding.
    #[must_use]
    pub const fn new(octets: u64) -> Self {
        Self { octets }
    }

    /// How many octets.
    #[must_use]
    pub const fn octets(self) -> u64 {
        self.octets
    }
}

impl SessionBuilder {
    /// How large a body may be, in octets after decoding, that is read into memory as a whole: by
    /// [`Response::bytes`](crate::Response::bytes), [`text`](crate::Response::text) and
    /// [`json`](crate::Response::json). Default: no limit.
    ///
    /// A larger one is the error [`BodyTooLarge`]: at once if its length is known, else when that many octets have
    /// come. What reads a body in pieces has no limit.
    pub fn max_body(self, octets: u64) -> Self {
        self.max_body_setting(Some(MaxBody::new(octets)))
    }

    /// No limit for bodies that are read into memory.
    pub fn no_max_body(self) -> Self {
        self.max_body_setting(None)
    }
}

impl RequestBuilder {
    /// How large the response's body may be, in place of [`SessionBuilder::max_body`].
    pub fn max_body(self, octets: u64) -> Self {
        self.extension(PerRequest::Use(MaxBody::new(octets)))
    }

    /// No limit for the response's body, whatever the session has.
    pub fn no_max_body(self) -> Self {
        self.extension(PerRequest::<MaxBody>::Off)
    }
}

/// A body is larger than what may be read into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTooLarge {
    limit: u64,
    length: Option<u64>,
}

impl BodyTooLarge {
    /// How large it may be, in octets.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How large it is, in octets, if that was known before it was read.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }
}

impl fmt::Display for BodyTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            Some(length) => write!(f, "the body has {length} octets, and may have")?,
            None => f.write_str("the body has more octets than it may have,")?,
        }
        write!(f, " {} (SessionBuilder::max_body, RequestBuilder::max_body)", self.limit)
    }
}

impl std::error::Error for BodyTooLarge {}

/// Reads a body to its end, and its trailers.
pub(crate) async fn collect(mut body: Body, max: Option<MaxBody>) -> Result<(Bytes, Option<HeaderMap>), Error> {
    let limit = max.map_or(u64::MAX, MaxBody::octets);
    let too_large = |length| Error::new(ErrorKind::Body, BodyTooLarge { limit, length });
    let hint = body.size_hint();
    if hint.lower() > limit {
        return Err(too_large(hint.exact()));
    }
    let (mut first, mut all, mut trailers) = (Bytes::new(), BytesMut::new(), None);
    let mut read: u64 = 0;
    while let Some(frame) = body.frame().await {
        let data = match frame.map_err(Error::from_body)?.into_data() {
            Ok(data) => data,
            Err(frame) => {
                trailers = frame.into_trailers().ok();
                continue;
            }
        };
        read = read.saturating_add(data.len() as u64);
        if read > limit {
            return Err(too_large(None));
        }
        if first.is_empty() && all.is_empty() {
            // As it is, for a body of one chunk needs no copy.
            first = data;
            continue;
        }
        if all.is_empty() {
            let ahead = hint.lower().clamp(read, MOST_AHEAD.max(read));
            all.reserve(usize::try_from(ahead).unwrap_or(0));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok((if all.is_empty() { first } else { all.freeze() }, trailers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    fn unsized_body(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
        Body::factory(None, move || Body::segments(pieces.clone()))
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        for (body, limit, expected) in [
            (Body::empty(), Some(0), Ok("")),
            (Body::from("12345"), None, Ok("12345")),
            (Body::from("12345"), Some(5), Ok("12345")),
            (Body::from("12345"), Some(4), Err("the body has 5 octets, and may have 4")),
            (unsized_body(&["12", "3", "45"]), Some(5), Ok("12345")),
            (unsized_body(&["12", "3", "45"]), Some(4), Err("the body has more octets than it may have, 4")),
            (unsized_body(&["12345"]), Some(4), Err("the body has more octets than it may have, 4")),
        ] {
            let collected = collect(body, limit.map(MaxBody::new)).await;
            match (collected, expected) {
                (Ok((bytes, None)), Ok(expected)) => assert_eq!(bytes, expected),
                (Err(error), Err(says)) => {
                    assert_eq!(error.kind(), ErrorKind::Body);
                    let text = error.source().unwrap().to_string();
                    assert_eq!(text, format!("{says} (SessionBuilder::max_body, RequestBuilder::max_body)"));
                }
                (collected, expected) => panic!("{collected:?} instead of {expected:?}"),
            }
        }
    }
}
