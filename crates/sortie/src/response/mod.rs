use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Request, Response as HttpResponse, StatusCode, Version, response};
use sortie_core::{Body, Progress};
use sortie_layers::redirect::{FinalUrl, History, Hop, NextRequest};
use sortie_layers::retry::{Attempt, Attempts};
use sortie_transport::{ConnectionInfo, Timings, Upgraded};
use url::Url;

use crate::into_url::as_written;
use crate::limits::MaxBody;
use crate::{Error, ErrorKind};

mod read;
mod reader;
mod status;

pub use reader::Reader;
use status::Kept;

/// A response: its head, and its body yet to be read.
///
/// Dropping it with a body half read gives the connection back if little is left of it, and closes it otherwise.
pub struct Response {
    head: response::Parts,
    url: Option<Url>,
    elapsed: Option<Duration>,
    max_body: Option<MaxBody>,
    /// Those that [`chunk`](Self::chunk) has come to.
    trailers: Option<Box<HeaderMap>>,
    body: Body,
}

impl Response {
    pub(crate) fn received(response: HttpResponse<Body>, url: Option<Url>, elapsed: Duration) -> Self {
        let (head, body) = response.into_parts();
        let url = head.extensions.get::<FinalUrl>().map(|last| last.url().clone()).or(url).map(as_written);
        Self { head, url, elapsed: Some(elapsed), max_body: None, trailers: None, body }
    }

    pub(crate) fn limited(self, max_body: Option<MaxBody>) -> Self {
        Self { max_body, ..self }
    }

    pub(crate) fn set_url(&mut self, url: Url) {
        self.url.get_or_insert(url);
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status
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

    /// The URL that answered, after redirects, with the session's default query and the fragment that applies, and
    /// without userinfo and what a mount appends. `None` for a response that was made from an `http::Response`.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// The redirects that led here, oldest first.
    #[must_use]
    pub fn history(&self) -> &[Hop] {
        self.head.extensions.get::<History>().map_or(&[], |history| history)
    }

    /// The request that this redirect leads to, for [`Session::send`](crate::Session::send): requests' `Response.next`.
    /// `None` if this is no redirect, or was not left to the caller.
    ///
    /// Redirects are left to the caller by [`no_redirect`](crate::RequestBuilder::no_redirect), by a limit, a scope or a
    /// policy that makes them the answer. The next request is made by the rules of one that is followed: what a foreign
    /// origin must not see is not on it, and nothing of the session's adds that again when it is sent. Its own redirects
    /// are treated like those of the first.
    ///
    /// ```
    /// # use sortie_testkit::{Scripted, reply, status};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sortie::Error> {
    /// # let server = Scripted::new([reply(302, [("location", "/2")], ""), reply(302, [("location", "/3")], ""), status(200)]);
    /// # let session = sortie::Session::builder().transport(server).build()?;
    /// let mut response = session.get("http://app.test/1").no_redirect().send().await?;
    /// while let Some(next) = response.next()? {
    ///     println!("{} leads to {}", response.status(), next.uri());
    ///     response = session.send(next).await?;
    /// }
    /// assert_eq!(response.url().unwrap().path(), "/3");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Redirect`], if it cannot be followed: an invalid `Location`, a forbidden scheme, a body that can be
    /// sent only once.
    pub fn next(&self) -> Result<Option<Request<Body>>, Error> {
        let next = self.head.extensions.get::<NextRequest<Body>>().map(NextRequest::request);
        next.transpose().map_err(|error| Error::from_tower(error).with_url(|| self.url.clone()))
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

    /// Calls `tell` for each chunk of the body that is read, by whatever reads it, and once at its end. Octets are counted
    /// as they are read: decoded ones, if the body was compressed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sortie::Error> {
    /// # let response = sortie::Response::from(sortie_testkit::reply(200, [], "content"));
    /// let response = response.on_download(|progress| println!("{} of {:?}", progress.passed, progress.total));
    /// assert_eq!(response.text().await?, "content");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn on_download(self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self { body: self.body.on_progress(tell), ..self }
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
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

impl From<Response> for HttpResponse<Body> {
    fn from(response: Response) -> Self {
        Self::from_parts(response.head, response.body)
    }
}

impl<B: Into<Body>> From<HttpResponse<B>> for Response {
    fn from(response: HttpResponse<B>) -> Self {
        let (mut head, body) = response.into_parts();
        let Kept { url, elapsed, max_body, .. } = head.extensions.remove().unwrap_or_default();
        let url = head.extensions.get::<FinalUrl>().map(|last| last.url().clone()).or(url);
        Self { head, url, elapsed, max_body, trailers: None, body: body.into() }
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
    use bytes::Bytes;
    use futures_core::Stream;
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
