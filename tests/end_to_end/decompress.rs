//! Decompression: what is offered, what is decoded, and what is left as it came.

use std::time::Duration;

use bytes::Bytes;
use compression_codecs::brotli::params::EncoderParams;
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::flate::params::FlateEncoderParams;
use compression_codecs::{BrotliEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder};
use http::{HeaderMap, Method, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sortie::core::{Phase, find};
use sortie::decompress::{Coding, DecompressError, DecompressOptions, HandSet};
use sortie::retry::{Backoff, RetryOptions};
use sortie::{Body, BoxError, ErrorKind, Mount};
use sortie_testkit::{Steps, TcpScript, TestServer, reply};

use crate::support::{always, builder, check, in_turn, session, values};

pub(crate) const CONTENT: &[u8] = b"content, content, and again content";

fn encode(coding: &str, content: &[u8]) -> Bytes {
    let mut encoder: Box<dyn EncodeV2> = match coding {
        "gzip" | "x-gzip" => Box::new(GzipEncoder::new(FlateEncoderParams::from(Level::Default))),
        "deflate" => Box::new(ZlibEncoder::new(FlateEncoderParams::from(Level::Default))),
        "br" => Box::new(BrotliEncoder::new(EncoderParams::default())),
        _ => Box::new(ZstdEncoder::new(3)),
    };
    let (mut encoded, mut space) = (Vec::new(), vec![0; 64 * 1024]);
    let mut input = PartialBuffer::new(content);
    loop {
        let mut output = WriteBuffer::new_initialized(&mut space);
        let has_ended = if input.unwritten().is_empty() {
            encoder.finish(&mut output)
        } else {
            encoder.encode(&mut input, &mut output).map(|()| false)
        };
        let has_ended = has_ended.unwrap();
        encoded.extend_from_slice(output.written());
        if has_ended {
            return encoded.into();
        }
    }
}

pub(crate) fn encoded(status: u16, coding: &str) -> Response<Body> {
    let body = coding.split(", ").fold(Bytes::from_static(CONTENT), |content, coding| encode(coding, &content));
    reply(status, [("content-encoding", coding)], body)
}

#[tokio::test]
async fn every_coding_is_offered_and_decoded_and_counted() {
    for coding in ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, br, zstd"] {
        let server = always(move || encoded(200, coding));
        let response = session().get(server.url("/")).send().await.unwrap();
        assert_eq!(values(&server.requests()[0], "accept-encoding"), ["gzip, deflate, br, zstd"]);
        assert!(!response.headers().contains_key("content-encoding"));
        assert!(!response.headers().contains_key("content-length"));
        assert_eq!(response.content_length(), None);
        let counts = response.decoded().unwrap().clone();
        assert_eq!(response.bytes().await.unwrap(), CONTENT, "{coding}");
        assert_eq!(counts.decoded_bytes(), CONTENT.len() as u64);
        assert_eq!(Some(counts.wire_bytes()), counts.content_length());
    }
}

#[tokio::test]
async fn an_error_status_is_decoded_like_any_other() {
    let server = always(|| encoded(404, "gzip"));
    let error = session().get(server.url("/")).send().await.unwrap().error_for_status().unwrap_err();
    let response = error.into_response().unwrap();
    assert_eq!(response.decoded().unwrap().codings(), [Coding::Gzip]);
    assert_eq!(response.bytes().await.unwrap(), CONTENT);
}

#[tokio::test]
async fn what_a_request_a_session_and_a_mount_say_of_codings_is_what_is_sent() {
    let raw = encode("gzip", CONTENT);
    let server = always(|| encoded(200, "gzip"));
    let url = server.url("/");
    let quiet = builder().without_header("accept-encoding").build().unwrap();
    let off = builder().no_decompress().build().unwrap();
    let by_hand = builder().header("accept-encoding", "gzip").build().unwrap();
    let mounted = builder().mount("http://", Mount::new().header("accept-encoding", "br")).build().unwrap();
    let decode = DecompressOptions::default().hand_set(HandSet::Decode);
    let all = &["gzip, deflate, br, zstd"][..];
    for (request, offered, decodes) in [
        (session().get(&*url), all, true),
        (session().get(&*url).no_decompress(), &[], false),
        (session().get(&*url).without_header("accept-encoding"), &[], true),
        (session().get(&*url).header("accept-encoding", "identity"), &["identity"], false),
        (session().get(&*url).header("accept-encoding", "gzip"), &["gzip"], false),
        (session().get(&*url).header("accept-encoding", "gzip").decompress(decode), &["gzip"], true),
        (session().get(&*url).header("range", "bytes=5-"), &[], false),
        (quiet.get(&*url), &[], true),
        (off.get(&*url), &[], false),
        (off.get(&*url).decompress(DecompressOptions::default()), all, true),
        (by_hand.get(&*url), &["gzip"], false),
        (mounted.get(&*url), &["br"], true),
        (mounted.get(&*url).header("accept-encoding", "x"), &["x"], false),
    ] {
        let response = request.send().await.unwrap();
        let requests = server.requests();
        assert_eq!(values(requests.last().unwrap(), "accept-encoding"), offered);
        assert_eq!(response.decoded().is_some(), decodes, "{offered:?}");
        assert_ne!(response.headers().contains_key("content-encoding"), decodes);
        assert_eq!(response.bytes().await.unwrap(), if decodes { Bytes::from_static(CONTENT) } else { raw.clone() });
    }
}

#[tokio::test]
async fn a_response_without_a_whole_body_is_left_as_it_is() {
    for (method, status, body) in
        [(Method::HEAD, 200, ""), (Method::GET, 204, ""), (Method::GET, 304, ""), (Method::GET, 206, "part")]
    {
        let server = always(move || reply(status, [("content-encoding", "gzip")], body));
        let response = session().request(method.clone(), server.url("/")).send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip", "{method} {status}");
        assert!(response.decoded().is_none());
        assert_eq!(response.bytes().await.unwrap(), body);
    }
}

#[tokio::test]
async fn the_body_of_a_redirect_or_of_a_retried_answer_is_dropped_as_it_came() {
    // Neither is gzip: decoding it would fail.
    let server = in_turn(&[
        || reply(302, [("location", "/next"), ("content-encoding", "gzip"), ("set-cookie", "a=1")], "no gzip"),
        || reply(503, [("retry-after", "0"), ("content-encoding", "gzip")], "no gzip"),
        || encoded(200, "gzip"),
    ]);
    let options = RetryOptions::standard().backoff(Backoff::none());
    let response = builder().retry(options).build().unwrap().get(server.url("/")).send().await.unwrap();
    assert_eq!((response.history().len(), response.attempts()), (1, 2));
    assert_eq!(response.bytes().await.unwrap(), CONTENT);
    for request in server.requests() {
        assert_eq!(values(&request, "accept-encoding"), ["gzip, deflate, br, zstd"]);
    }
    assert_eq!(values(&server.requests()[2], "cookie"), ["a=1"]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_a_decode_error_with_its_url() {
    let whole = encode("gzip", CONTENT);
    for (body, says) in [
        (Bytes::from_static(b"<html>"), "the body is not valid gzip"),
        (whole.slice(..whole.len() - 3), "the body ended within its coding gzip"),
        ([&whole[..], b"more"].concat().into(), "the body goes on after the end of its coding gzip"),
    ] {
        let server = always(move || reply(200, [("content-encoding", "gzip")], body.clone()));
        let response = session().get(server.url("/x?secret=s3cret")).send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        check(&error, ErrorKind::Decode, says);
        assert_eq!(error.url().unwrap().path(), "/x");
    }
    let server = always(|| reply(200, [("content-encoding", "gzip, gzip, gzip, gzip, gzip, gzip")], "x"));
    let error = session().get(server.url("/")).send().await.unwrap().bytes().await.unwrap_err();
    check(&error, ErrorKind::Decode, "6 codings were applied to the body, and at most 5 are undone");
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_told_as_such() {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1000\r\n\r\n";
    let steps = Steps::new().read_head().send(head).send(encode("gzip", CONTENT).slice(..20)).close();
    let server = TcpScript::each(steps);
    let error = session().get(server.url("/")).send().await.unwrap().bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
    assert!(find::<DecompressError>(&error).is_none());
}

#[tokio::test]
async fn a_cap_is_an_error_that_names_its_setting() {
    let server = always(|| encoded(200, "gzip"));
    let capped = DecompressOptions::default().max_size(20);
    let response = session().get(server.url("/")).decompress(capped).send().await.unwrap();
    check(&response.bytes().await.unwrap_err(), ErrorKind::Decode, "20 octets (set by DecompressOptions::max_size)");
    let session = builder().decompress(capped).build().unwrap();
    let uncapped = session.get(server.url("/")).decompress(capped.no_max_size()).send().await.unwrap();
    assert_eq!(uncapped.bytes().await.unwrap(), CONTENT);
}

#[tokio::test]
async fn a_body_that_is_decoded_is_still_limited_in_time_and_keeps_its_trailers() {
    let stalls = TestServer::from_fn(|_| {
        let first = encode("gzip", CONTENT).slice(..15);
        let chunks = futures_util::stream::once(std::future::ready(Ok::<_, BoxError>(first)));
        let body = Body::stream(futures_util::StreamExt::chain(chunks, futures_util::stream::pending()));
        std::future::ready(reply(200, [("content-encoding", "gzip")], body))
    });
    let request = session().get(stalls.url("/")).timeout(Duration::from_millis(200));
    let error = request.send().await.unwrap().bytes().await.unwrap_err();
    assert_eq!(error.phase(), Some(Phase::Total));

    let trailers = HeaderMap::from_iter([(http::header::ETAG, "\"1\"".parse().unwrap())]);
    let sent = trailers.clone();
    let server = always(move || {
        let frames = [Frame::data(encode("gzip", CONTENT)), Frame::trailers(sent.clone())];
        let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, BoxError>)));
        reply(200, [("content-encoding", "gzip"), ("trailer", "etag")], Body::new(body))
    });
    let response = session().get(server.url("/")).header("te", "trailers").send().await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(body.to_bytes(), CONTENT);
}
