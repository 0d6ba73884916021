//! The response whose status is an error.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response as HttpResponse;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use sortie_core::{Body, BoxError, find};
use sortie_layers::status::StatusError;
use url::Url;

use super::{Response, is_error};
use crate::limits::MaxBody;
use crate::{Error, ErrorKind};

/// What a response knows beside its head, while it is an error.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub(super) url: Option<Url>,
    pub(super) elapsed: Option<Duration>,
    pub(super) max_body: Option<MaxBody>,
    /// The first octets of the body, for the error to show.
    start: Option<Bytes>,
}

impl Response {
    /// An error if the status is one (4xx or 5xx); the response otherwise.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`], with this response in it: [`Error::into_response`] gives it back, its body unread.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.ok() { Ok(self) } else { Err(self.into_error(None)) }
    }

    /// [`error_for_status`](Self::error_for_status), with up to so many `octets` of the body's beginning in the error:
    /// [`Error::body_start`]. Neither the error's text nor its `Debug` shows them.
    ///
    /// They are waited for as any body is, within the time limits of the call; if they do not come, the error is the
    /// status all the same, with what has come. The response in the error still has its whole body.
    ///
    /// ```
    /// # use sortie::Session;
    /// # use sortie_testkit::{Scripted, reply};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), sortie::Error> {
    /// # let server = Scripted::new([reply(422, [], "no such currency: EUX")]);
    /// # let session = Session::builder().transport(server).build()?;
    /// let response = session.post("http://app.test/orders").send().await?;
    /// let error = response.error_for_status_with_body(7).await.unwrap_err();
    /// assert_eq!(error.body_start(), Some(&b"no such"[..]));
    /// assert_eq!(error.into_response()?.text().await?, "no such currency: EUX");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`error_for_status`](Self::error_for_status).
    pub async fn error_for_status_with_body(mut self, octets: usize) -> Result<Self, Error> {
        if self.ok() {
            return Ok(self);
        }
        let (mut start, mut read) = (BytesMut::new(), Reread { frames: VecDeque::new(), rest: self.body });
        while start.len() < octets {
            let Some(frame) = read.rest.frame().await else { break };
            if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
                // So that no more of them are kept than octets are asked for.
                if data.is_empty() {
                    continue;
                }
                start.extend_from_slice(&data[..data.len().min(octets - start.len())]);
            }
            let failed = frame.is_err();
            read.frames.push_back(frame);
            if failed {
                break;
            }
        }
        self.body = Body::new(read);
        Err(self.into_error(Some(start.freeze())))
    }

    pub(crate) fn into_error(self, start: Option<Bytes>) -> Error {
        let url = self.url.clone();
        let kept = Kept { url: self.url.clone(), elapsed: self.elapsed, max_body: self.max_body, start };
        let mut response = HttpResponse::from(self);
        response.extensions_mut().insert(kept);
        Error::new(ErrorKind::Status, StatusError::new(response)).with_url(|| url)
    }
}

impl Error {
    /// The first octets of the body of the response that was taken for an error, if
    /// [`Response::error_for_status_with_body`] made it. No text of the error shows them: bodies may be secret.
    #[must_use]
    pub fn body_start(&self) -> Option<&[u8]> {
        find::<StatusError>(self)?.response().extensions().get::<Kept>()?.start.as_deref()
    }
}

/// A body of which the first frames have been read, and come again.
struct Reread {
    frames: VecDeque<Result<Frame<Bytes>, BoxError>>,
    rest: Body,
}

impl HttpBody for Reread {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.frames.iter().flatten().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + read);
        rest.upper().into_iter().for_each(|upper| hint.set_upper(upper + read));
        hint
    }
}

impl Response {
    /// Whether the status is not an error: below 400.
    #[must_use]
    pub fn ok(&self) -> bool {
        !is_error(self.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_testkit::reply;

    fn failed(pieces: &'static [&'static str]) -> Response {
        let body = Body::segments(pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())));
        let mut response = HttpResponse::new(body);
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        response.into()
    }

    #[tokio::test]
    async fn the_error_carries_the_bodys_beginning_and_the_response_all_of_it() {
        for (pieces, octets, start) in [
            (&["secret ", "body"][..], 0, ""),
            (&["secret ", "body"], 3, "sec"),
            (&["secret ", "body"], 7, "secret "),
            (&["secret ", "body"], 9, "secret bo"),
            (&["secret ", "body"], 99, "secret body"),
            (&[], 9, ""),
        ] {
            let error = failed(pieces).error_for_status_with_body(octets).await.unwrap_err();
            assert_eq!(error.body_start(), Some(start.as_bytes()), "{octets}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
            let response = error.into_response().unwrap();
            let whole = pieces.concat();
            assert_eq!(response.content_length(), Some(whole.len() as u64), "{octets}");
            assert_eq!(response.text().await.unwrap(), whole, "{octets}");
        }
    }

    #[tokio::test]
    async fn of_empty_pieces_none_is_kept() {
        let pieces = std::iter::repeat_n("", 1000).chain(["fo"]).chain(std::iter::repeat_n("", 1000)).chain(["ur"]);
        let frames = pieces.map(|piece| Ok::<_, BoxError>(Frame::data(Bytes::from_static(piece.as_bytes()))));
        let body = Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>())));
        let error =
            Response::from(reply(500, [], "").map(|_: Body| body)).error_for_status_with_body(3).await.unwrap_err();
        assert_eq!(error.body_start(), Some(&b"fou"[..]));
        let mut again = HttpResponse::from(error.into_response().unwrap()).into_body();
        let mut frames = Vec::new();
        while let Some(frame) = again.frame().await {
            frames.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(frames, ["fo", "ur"]);
    }

    #[tokio::test]
    async fn a_body_that_fails_leaves_the_status_the_error() {
        let body = Body::factory(Some(9), || Body::from("four"));
        let response = Response::from(reply(500, [], "").map(|_: Body| body));
        let error = response.error_for_status_with_body(9).await.unwrap_err();
        assert_eq!((error.kind(), error.body_start()), (ErrorKind::Status, Some(&b"four"[..])));
        assert_eq!(error.into_response().unwrap().bytes().await.unwrap_err().kind(), ErrorKind::Body);
        let response = Response::from(reply(200, [], "fine"));
        assert_eq!(response.error_for_status_with_body(9).await.unwrap().text().await.unwrap(), "fine");
        let error = Response::from(reply(404, [], "")).error_for_status().unwrap_err();
        assert_eq!(error.body_start(), None);
    }
}
