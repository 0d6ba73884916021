//! What is made of a body: bytes, text, JSON, pieces.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use http_body_util::BodyExt;
use sortie_core::Body;
use url::Url;

use super::{Reader, Response};
use crate::text::{Charset, Lines, Source, TextChunks};
use crate::{Error, limits, text};

impl Response {
    /// The whole body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Body`](crate::ErrorKind::Body), [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or
    /// [`ErrorKind::Protocol`](crate::ErrorKind::Protocol) if it could not be read to its end; `Body` by
    /// [`BodyTooLarge`](crate::BodyTooLarge) if it is larger than
    /// [`max_body`](crate::SessionBuilder::max_body).
    pub async fn bytes(self) -> Result<Bytes, Error> {
        self.bytes_and_trailers().await.map(|(bytes, _)| bytes)
    }

    /// The whole body, and the trailers if there are any: fields that came after it
    /// ([RFC 9110 §6.5](https://www.rfc-editor.org/rfc/rfc9110#section-6.5)).
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    pub async fn bytes_and_trailers(self) -> Result<(Bytes, Option<HeaderMap>), Error> {
        let Self { body, url, max_body, trailers, .. } = self;
        match limits::collect(body, max_body).await {
            Ok((bytes, came)) => Ok((bytes, came.or(trailers.map(|trailers| *trailers)))),
            Err(error) => Err(error.with_url(|| url)),
        }
    }

    /// The whole body as text: in the charset of `Content-Type`, else that of a byte order mark, else UTF-8; see
    /// [`text`](mod@crate::text). What cannot be decoded becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); and [`ErrorKind::Decode`](crate::ErrorKind::Decode) for a charset other than those of
    /// Unicode without the feature `charset`.
    pub async fn text(self) -> Result<String, Error> {
        let charset = self.charset()?;
        Ok(text::decode(self.bytes().await?, charset))
    }

    /// The whole body as text in the charset of this label, whatever the response says: requests' `r.encoding = …`.
    ///
    /// ```
    /// # use sortie::Session;
    /// # use sortie_testkit::{Scripted, reply};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), sortie::Error> {
    /// # let server = Scripted::new([reply(200, [("content-type", "text/plain; charset=x-wrong")], "\u{e9}")]);
    /// # let session = Session::builder().transport(server).build()?;
    /// let text = session.get("http://app.test/").send().await?.text_with("utf-8").await?;
    /// assert_eq!(text, "\u{e9}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); and [`ErrorKind::Decode`](crate::ErrorKind::Decode) for a label of no charset that is
    /// known. Those of the [Encoding Standard](https://encoding.spec.whatwg.org/#names-and-labels) are, with the feature
    /// `charset`.
    pub async fn text_with(self, label: &str) -> Result<String, Error> {
        let charset = text::asked_for(label).map_err(|error| error.with_url(|| self.url.clone()))?;
        Ok(text::decode(self.bytes().await?, Some(charset)))
    }

    /// The whole body, read as JSON: in UTF-8, UTF-16 or UTF-32, with or without byte order mark, or in the charset of
    /// `Content-Type`.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); and [`ErrorKind::Decode`](crate::ErrorKind::Decode), by
    /// [`InvalidJson`](crate::InvalidJson), if it is not JSON, or not of that shape, or by
    /// [`Malformed`](crate::text::Malformed) if it is no text.
    #[cfg(feature = "json")]
    pub async fn json<T: serde::de::DeserializeOwned>(mut self) -> Result<T, Error> {
        let url = self.url.clone();
        let headers = std::mem::take(&mut self.head.headers);
        let bytes = self.bytes().await?;
        let decoded = text::json(&bytes, &headers).and_then(|json| {
            serde_json::from_slice(&json)
                .map_err(|error| Error::new(crate::ErrorKind::Decode, crate::InvalidJson::new(error)))
        });
        decoded.map_err(|error| error.with_url(|| url))
    }

    /// The next chunk of the body; `None` at its end. It may be dropped and called again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Body`](crate::ErrorKind::Body), [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or
    /// [`ErrorKind::Protocol`](crate::ErrorKind::Protocol) if it could not be read on.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| Error::from_body(error).with_url(|| self.url.clone()))?;
            match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(frame) => self.trailers = frame.into_trailers().ok().map(Box::new),
            }
        }
        Ok(None)
    }

    /// The trailers, once [`chunk`](Self::chunk) has come to the body's end; `None` if there are none.
    ///
    /// ```
    /// # async fn example(mut response: sortie::Response) -> Result<(), sortie::Error> {
    /// while let Some(chunk) = response.chunk().await? {
    ///     println!("{} octets", chunk.len());
    /// }
    /// println!("{:?}", response.trailers().and_then(|trailers| trailers.get("server-timing")));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    /// The body as a stream of chunks.
    pub fn bytes_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + Sync + Unpin + 'static {
        Chunks { body: self.body, url: self.url }
    }

    /// The body's lines, as text: see [`Lines`]. A charset that is not known is the error of the first one.
    pub fn lines(self) -> Lines {
        Lines::new(self.into_source())
    }

    /// The body's text as it comes, in pieces that end within no character: see [`TextChunks`]. A charset that is not
    /// known is the error of the first one.
    pub fn text_chunks(self) -> TextChunks {
        TextChunks::new(self.into_source())
    }

    /// The body as tokio's [`AsyncRead`](tokio::io::AsyncRead) and [`AsyncBufRead`](tokio::io::AsyncBufRead).
    pub fn into_reader(self) -> Reader {
        Reader::new(self.body, self.url)
    }

    /// The body.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    fn charset(&self) -> Result<Option<Charset>, Error> {
        text::charset(&self.head.headers).map_err(|error| error.with_url(|| self.url.clone()))
    }

    fn into_source(self) -> Source {
        match self.charset() {
            Ok(charset) => Source::new(self.body, self.url, charset),
            Err(error) => Source::failed(error),
        }
    }

    /// The body as text in UTF-8, whatever the response says.
    pub(crate) fn into_utf8(self) -> Source {
        Source::new(self.body, self.url, Some(Charset::Utf8))
    }
}

struct Chunks {
    body: Body,
    url: Option<Url>,
}

impl Stream for Chunks {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(frame) = ready!(http_body::Body::poll_frame(Pin::new(&mut self.body), cx)) else {
                return Poll::Ready(None);
            };
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => return Poll::Ready(Some(Ok(data))),
                // Trailers are no part of the content.
                Ok(Err(_)) => {}
                Err(error) => {
                    return Poll::Ready(Some(Err(Error::from_body(error).with_url(|| self.url.clone()))));
                }
            }
        }
    }
}
