//! What the layer makes of requests and responses.

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, RANGE};
use http::{HeaderName, HeaderValue, Method};
use http_body::Body as _;
use sortie_core::{Defaulted, PerRequest, Without};
use sortie_testkit::{prove_layer, reply, status};

use super::encode::{encode, ways};
use super::*;
use crate::coding::offer;
use crate::{Decoded, HandSet};

prove_layer!(with_options, DecompressLayer::default);
prove_layer!(without_options, || DecompressLayer::new(None));

fn get() -> Request<Body> {
    Request::new(Body::empty())
}

fn with(name: HeaderName, value: &'static str) -> Request<Body> {
    let mut request = get();
    request.headers_mut().insert(name, HeaderValue::from_static(value));
    request
}

fn overridden(over: PerRequest<DecompressOptions>) -> Request<Body> {
    let mut request = get();
    request.extensions_mut().insert(over);
    request
}

/// The `Accept-Encoding` that such a request is sent with, and whether the answer is decoded.
async fn sent(layer: &DecompressLayer, request: Request<Body>) -> (Option<HeaderValue>, bool) {
    let (coding, _) = ways()[0];
    let body = Bytes::from(encode(coding, b"content"));
    let server =
        Scripted::<Body>::from_fn(move |_, _| Ok(reply(200, [("content-encoding", coding.name())], body.clone())));
    let response = layer.layer(server.clone()).oneshot(request).await.unwrap();
    let decodes = response.extensions().get::<Decoded>().is_some();
    assert_ne!(response.headers().contains_key(CONTENT_ENCODING), decodes);
    let (content, end) = read(response.into_body()).await;
    assert!(end.is_ok());
    assert_eq!(content == "content", decodes);
    (server.requests()[0].headers.get(ACCEPT_ENCODING).cloned(), decodes)
}

#[tokio::test]
async fn a_request_is_offered_what_is_compiled_in_and_its_answer_decoded_unless_it_says_otherwise() {
    if ways().is_empty() {
        return;
    }
    let default = DecompressOptions::default();
    let hand = |value: &'static str| Some(HeaderValue::from_static(value));
    let without = || {
        let mut request = get();
        Without::add(request.extensions_mut(), ACCEPT_ENCODING);
        request
    };
    let (on, off) = (DecompressLayer::default(), DecompressLayer::new(None));
    for (layer, request, expected) in [
        (&on, get(), (offer(), true)),
        (&off, get(), (None, false)),
        (&on, with(ACCEPT_ENCODING, "identity"), (hand("identity"), false)),
        (&on, with(RANGE, "bytes=1-"), (None, false)),
        (&on, without(), (None, true)),
        (&on, overridden(PerRequest::Off), (None, false)),
        (&off, overridden(PerRequest::Use(default)), (offer(), true)),
        (&DecompressLayer::new(default.offer(false)), get(), (None, true)),
        (&DecompressLayer::new(default.hand_set(HandSet::Decode)), with(ACCEPT_ENCODING, "x"), (hand("x"), true)),
    ] {
        let told = format!("{layer:?} {:?}", request.headers());
        assert_eq!(sent(layer, request).await, expected, "{told}");
    }
}

#[tokio::test]
async fn a_head_is_offered_codings_and_left_as_it_is() {
    let server = Scripted::<Body>::new([reply(200, [("content-encoding", "gzip"), ("content-length", "25")], "")]);
    let mut request = get();
    *request.method_mut() = Method::HEAD;
    let response = DecompressLayer::default().layer(server.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(response.headers()[CONTENT_LENGTH], "25");
    assert!(response.body().is_end_stream() && response.extensions().is_empty());
    assert_eq!(server.requests()[0].headers.get(ACCEPT_ENCODING).cloned(), offer());
}

#[tokio::test]
async fn what_is_filled_in_is_listed_beside_what_was_if_it_may_be_replaced() {
    if ways().is_empty() {
        return;
    }
    let accept = [(http::header::ACCEPT, http::HeaderValue::from_static("*/*"))];
    for (layer, listed, expected) in [
        (DecompressLayer::default(), None, Some(vec![ACCEPT_ENCODING])),
        (DecompressLayer::default(), Some(&accept[..]), Some(vec![http::header::ACCEPT, ACCEPT_ENCODING])),
        (DecompressLayer::default().replaceable(false), None, None),
    ] {
        let server = Scripted::new([status(200)]);
        let mut request = get();
        if let Some(headers) = listed {
            request.extensions_mut().insert(Defaulted::new(headers));
        }
        layer.layer(server.clone()).oneshot(request).await.unwrap();
        let names = |of: &Defaulted| of.headers().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let names = server.requests()[0].extensions.get().map(names);
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn a_response_that_is_decoded_loses_what_no_longer_holds_and_says_what_it_was() {
    for (coding, encode) in ways() {
        let encoded = encode(&[b'x'; 5000]);
        let length = encoded.len().to_string();
        let response =
            reply(200, [("content-encoding", coding.name()), ("content-length", &*length), ("etag", "1")], encoded);
        let layered = DecompressLayer::default().layer(Scripted::<Body>::new([response]));
        let response = layered.oneshot(get()).await.unwrap();
        assert_eq!(response.headers().keys().collect::<Vec<_>>(), ["etag"]);
        assert_eq!(response.body().size_hint().exact(), None);
        let decoded = response.extensions().get::<Decoded>().unwrap().clone();
        assert_eq!((decoded.codings(), decoded.content_length()), (&[coding][..], length.parse().ok()));
        assert_eq!((decoded.wire_bytes(), decoded.decoded_bytes()), (0, 0));
        assert_eq!(read(response.into_body()).await.0.len(), 5000);
        assert_eq!((Some(decoded.wire_bytes()), decoded.decoded_bytes()), (length.parse().ok(), 5000));
    }
}

#[tokio::test]
async fn a_body_with_nothing_to_decode_is_not_wrapped() {
    let plain = DecompressLayer::default().layer(Scripted::<Body>::new([reply(200, [], "plain")]));
    let response = plain.oneshot(get()).await.unwrap();
    assert_eq!(response.body().size_hint().exact(), Some(5));
    assert!(!response.body().is_end_stream() && response.extensions().is_empty());
    // A boxed one would not show its octets.
    assert_eq!(Body::from(response.into_body()).as_bytes(), Some(&b"plain"[..]));
}

#[tokio::test]
async fn a_body_that_is_left_alone_keeps_its_octets_its_trailers_and_its_error() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("1"))]);
    let body = || vec![Does::Yields("raw".into()), Does::Waits, Does::Trails(trailers.clone())];
    let (content, end) = decode("unheard-of", body()).await;
    assert_eq!((&content[..], end.unwrap()), (&b"raw"[..], Some(trailers.clone())));
    let (content, end) = decode("unheard-of", vec![Does::Yields("raw".into()), Does::Fails]).await;
    assert_eq!((&content[..], end.unwrap_err().to_string()), (&b"raw"[..], "the connection broke".to_owned()));
}

#[tokio::test]
async fn a_map_that_is_full_of_headers_is_sent_as_it_is() {
    let mut request = get();
    let headers = request.headers_mut();
    while headers
        .try_append(HeaderName::try_from(format!("x-{}", headers.len())).unwrap(), "1".parse().unwrap())
        .is_ok()
    {}
    let (server, full) = (Scripted::new([status(200)]), headers.len());
    DecompressLayer::default().layer(server.clone()).oneshot(request).await.unwrap();
    assert_eq!(server.requests()[0].headers.len(), full);
}
