mod bombs;
mod encode;
mod layer;
mod shapes;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use sortie_core::{Body, BoxError, find};
use sortie_testkit::Scripted;
use tower::ServiceExt;
use tower_layer::Layer;

use crate::{DecompressBody, DecompressError, DecompressLayer, DecompressOptions};

/// What a body does when it is polled; after the last it has ended.
#[derive(Clone)]
enum Does {
    Yields(Bytes),
    Trails(HeaderMap),
    Waits,
    Fails,
}

struct Doing(VecDeque<Does>);

impl http_body::Body for Doing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.0.pop_front() {
            None => Poll::Ready(None),
            Some(Does::Yields(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Does::Trails(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Some(Does::Fails) => Poll::Ready(Some(Err("the connection broke".into()))),
            Some(Does::Waits) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// In pieces of so many octets, with a wait before each.
fn pieces(content: &[u8], size: usize) -> Vec<Does> {
    content.chunks(size).flat_map(|piece| [Does::Waits, Does::Yields(Bytes::copy_from_slice(piece))]).collect()
}

/// A response whose body does this, as the layer makes it.
async fn respond(options: DecompressOptions, encoding: &str, does: Vec<Does>) -> Response<DecompressBody<Body>> {
    let mut response = Response::new(Body::new(Doing(does.into())));
    response.headers_mut().insert(CONTENT_ENCODING, encoding.parse().unwrap());
    let server = Scripted::<Body>::new([response]);
    DecompressLayer::new(options).layer(server).oneshot(Request::new(Body::empty())).await.unwrap()
}

/// What was decoded, and how it ended: with trailers, without, or with an error.
type Read = (Bytes, Result<Option<HeaderMap>, BoxError>);

async fn read(mut body: DecompressBody<Body>) -> Read {
    let (mut content, mut trailers) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => {
                assert!(data.len() <= crate::stage::LARGEST_BLOCK);
                content.extend_from_slice(&data);
            }
            Ok(Err(frame)) => trailers = frame.into_trailers().ok(),
            Err(error) => {
                assert!(body.frame().await.is_none(), "it goes on after an error");
                return (content.freeze(), Err(error));
            }
        }
    }
    assert!(http_body::Body::is_end_stream(&body));
    (content.freeze(), Ok(trailers))
}

/// The same, of such a response.
async fn decode(encoding: &str, does: Vec<Does>) -> Read {
    read(respond(DecompressOptions::default(), encoding, does).await.into_body()).await
}

/// Its own error.
#[track_caller]
fn own(read: &Read) -> &DecompressError {
    let error = read.1.as_ref().expect_err("an error");
    find::<DecompressError>(&**error).unwrap_or_else(|| panic!("{error:?}"))
}
