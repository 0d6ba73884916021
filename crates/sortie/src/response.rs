use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, Response as HttpResponse, StatusCode, Version, response};
use http_body_util::BodyExt;
use sortie_core::Body;
use sortie_layers::redirect::{FinalUrl, History, Hop};
use sortie_layers::retry::{Attempt, Attempts};
use sortie_layers::status::StatusError;
use sortie_transport::{ConnectionInfo, Timings, Upgraded};
use url::Url;

use crate::into_url::as_written;
use crate::{Error, ErrorKind, text};

/// A response: its head, and its body yet to be read.
///
/// Dropping it with a body half read gives the connection back if little is left of it, and closes it otherwise.
pub struct Response {
    head: response::Parts,
    url: Option<Url>,
    elapsed: Option<Duration>,
    body: Body,
}

impl Response {
    pub(crate) fn received(response: HttpResponse<Body>, url: Option<Url>, elapsed: Duration) -> Self {
        let (head, body) = response.into_parts();
        let url = head.extensions.get::<FinalUrl>().map(|last| last.url().clone()).or(url).map(as_written);
        Self { head, url, elapsed: Some(elapsed), body }
    }

    pub(crate) fn set_url(&mut self, url: Url) {
        self.url.get_or_insert(url);
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Whether the status is not an error: below 400.
    #[must_use]
    pub fn ok(&self) -> bool {
        !is_error(self.status())
    }

    /// The HTTP version of the answer.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.headers
    }

    /// What the layers left with the response.
    #[must_use]
    pub fn extensions(&self) -> &http::Extensions {
        &self.head.extensions
    }

    /// What the layers left with the response, to change.
    pub fn extensions_mut(&mut self) -> &mut http::Extensions {
        &mut self.head.extensions
    }

    /// The URL that answered, after redirects, with the fragment that applies and without userinfo. `None` for a
    /// response that was made from an `http::Response`.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// The redirects that led here, oldest first.
    #[must_use]
    pub fn history(&self) -> &[Hop] {
        self.head.extensions.get::<History>().map_or(&[], |history| history)
    }

    /// How often the request was sent on its last hop: 1 unless it was retried.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.head.extensions.get::<Attempts>().map_or(1, Attempts::count)
    }

    /// How each attempt of the last hop ended, what followed, and why: of a retry that was refused, too. Empty if none was
    /// called for.
    #[must_use]
    pub fn retry_log(&self) -> &[Attempt] {
        self.head.extensions.get::<Attempts>().map_or(&[], |attempts| attempts)
    }

    /// The connection that it came on; `None` unless sortie's transport made it.
    #[must_use]
    pub fn connection(&self) -> Option<&ConnectionInfo> {
        self.head.extensions.get()
    }

    /// How long the parts of the exchange took that brought it: waiting, connecting, sending, and the answer's first byte
    /// and end. `None` unless sortie's transport made it.
    #[must_use]
    pub fn timings(&self) -> Option<&Timings> {
        self.head.extensions.get()
    }

    /// How long it took from the call to the head of this response, redirects and retries included. `None` for a
    /// response that was made from an `http::Response`.
    #[must_use]
    pub fn elapsed(&self) -> Option<Duration> {
        self.elapsed
    }

    /// The cookies that this response sets, whether or not the jar took them.
    #[cfg(feature = "cookies")]
    pub fn cookies(&self) -> impl Iterator<Item = cookie::Cookie<'static>> + '_ {
        sortie_cookies::set_by(&self.head.headers)
    }

    /// The body's length in octets, if it is known.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.body.content_length()
    }

    /// An error if the status is one (4xx or 5xx); the response otherwise.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`], with this response in it: [`Error::into_response`] gives it back, its body unread.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.ok() {
            return Ok(self);
        }
        let url = self.url.clone();
        let kept = Kept { url: self.url.clone(), elapsed: self.elapsed };
        let mut response = HttpResponse::from(self);
        response.extensions_mut().insert(kept);
        Err(Error::new(ErrorKind::Status, StatusError::new(response)).with_url(|| url))
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Body`], [`ErrorKind::Timeout`] or [`ErrorKind::Protocol`] if it could not be read to its end.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let Self { body, url, .. } = self;
        match body.collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(Error::from_body(error).with_url(|| url)),
        }
    }

    /// The whole body as text: in the charset of `Content-Type`, else that of a byte order mark, else UTF-8. What
    /// cannot be decoded becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); and [`ErrorKind::Decode`] for a charset other than UTF-8 without the feature
    /// `charset`.
    pub async fn text(self) -> Result<String, Error> {
        let charset = text::charset(&self.head.headers);
        let url = self.url.clone();
        let bytes = self.bytes().await?;
        text::decode(bytes, charset.as_deref()).map_err(|error| error.with_url(|| url))
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); and [`ErrorKind::Decode`], by [`InvalidJson`](crate::InvalidJson), if it is not JSON,
    /// or not of that shape.
    #[cfg(feature = "json")]
    pub async fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
        let url = self.url.clone();
        let bytes = self.bytes().await?;
        let decoded = serde_json::from_slice(&bytes).map_err(crate::InvalidJson::new);
        decoded.map_err(|error| Error::new(ErrorKind::Decode, error).with_url(|| url))
    }

    /// The next chunk of the body; `None` at its end.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| Error::from_body(error).with_url(|| self.url.clone()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The body as a stream of chunks.
    pub fn bytes_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + Sync + 'static {
        Chunks { body: self.body, url: self.url }
    }

    /// The byte stream of the connection, which is none of HTTP's any more: after a 101 to
    /// [`RequestBuilder::upgrade`](crate::RequestBuilder::upgrade), or a 2xx to CONNECT.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`], by [`UpgradeError`](sortie_transport::UpgradeError), if the server did not switch, or the
    /// connection ended before it was handed over.
    pub async fn upgrade(self) -> Result<Upgraded, Error> {
        let url = self.url.clone();
        let upgraded = sortie_transport::upgrade(HttpResponse::from(self)).await;
        upgraded.map_err(|error| Error::new(ErrorKind::Protocol, error).with_url(|| url))
    }

    /// The body.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }
}

/// What a response knows beside its head, while it is an error.
#[derive(Clone, Default)]
struct Kept {
    url: Option<Url>,
    elapsed: Option<Duration>,
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
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

impl From<Response> for HttpResponse<Body> {
    fn from(response: Response) -> Self {
        Self::from_parts(response.head, response.body)
    }
}

impl<B: Into<Body>> From<HttpResponse<B>> for Response {
    fn from(response: HttpResponse<B>) -> Self {
        let (mut head, body) = response.into_parts();
        let Kept { url, elapsed } = head.extensions.remove().unwrap_or_default();
        let url = head.extensions.get::<FinalUrl>().map(|last| last.url().clone()).or(url);
        Self { head, url, elapsed, body: body.into() }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.head.status)
            .field("version", &self.head.version)
            .field("headers", &self.head.headers.keys().collect::<Vec<_>>())
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_testkit::reply;
    use std::error::Error as _;

    #[tokio::test]
    async fn an_error_status_keeps_the_response() {
        let response = Response::from(reply(404, [("x-trace", "7")], "no such item"));
        let error = response.error_for_status().unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(StatusCode::NOT_FOUND)));
        assert_eq!(error.source().unwrap().to_string(), "404 Not Found");
        let response = error.into_response().unwrap();
        assert_eq!(response.headers()["x-trace"], "7");
        assert_eq!(response.text().await.unwrap(), "no such item");
    }

    #[test]
    fn a_response_that_was_an_error_still_knows_its_whole_url_and_its_time() {
        let (url, second) = (Url::parse("http://a.test/x?q=secret#part").unwrap(), Duration::from_secs(1));
        let response = Response::received(reply(404, [], "").map(Into::into), Some(url.clone()), second);
        let error = response.error_for_status().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        let response = error.into_response().unwrap();
        assert_eq!((response.url(), response.elapsed()), (Some(&url), Some(second)));
    }

    #[test]
    fn other_statuses_are_no_errors_and_other_errors_hold_no_response() {
        for status in [200, 204, 304, 399] {
            assert!(Response::from(reply(status, [], "")).error_for_status().is_ok());
        }
        let error = Error::closed().into_response().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    }

    #[tokio::test]
    async fn the_body_is_read_whole_in_chunks_or_as_a_stream() {
        let segments = || Body::segments([Bytes::from_static(b"one "), Bytes::from_static(b"two")]);
        let response = || Response::from(HttpResponse::new(segments()));
        assert_eq!(response().content_length(), Some(7));
        assert_eq!(response().bytes().await.unwrap(), "one two");
        let mut chunked = response();
        assert_eq!(chunked.chunk().await.unwrap().as_deref(), Some(&b"one "[..]));
        assert_eq!(chunked.chunk().await.unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(chunked.chunk().await.unwrap(), None);
        let mut stream = std::pin::pin!(response().bytes_stream());
        let first = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await.unwrap().unwrap();
        assert_eq!(first, "one ");
    }

    #[tokio::test]
    #[cfg(feature = "json")]
    async fn a_body_that_is_not_json_is_a_decode_error() {
        let parsed: [u8; 2] = Response::from(reply(200, [], "[1,2]")).json().await.unwrap();
        assert_eq!(parsed, [1, 2]);
        let error = Response::from(reply(200, [], "<html>")).json::<u8>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
    }

    #[tokio::test]
    async fn a_response_without_a_byte_stream_behind_it_is_no_upgrade() {
        let error = Response::from(reply(200, [], "")).upgrade().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.source().unwrap().to_string().contains("200 OK"), "{error:?}");
    }

    #[tokio::test]
    async fn a_body_that_fails_is_a_body_error() {
        let body = Body::factory(Some(5), || Body::from("four"));
        let error = Response::from(HttpResponse::new(body)).text().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Body);
    }

    #[test]
    fn debug_shows_no_content() {
        let response = Response::from(reply(200, [("set-cookie", "id=secret")], "secret"));
        assert!(!format!("{response:?}").contains("secret"), "{response:?}");
    }
}
