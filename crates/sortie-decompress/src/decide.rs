//! Which requests ask for codings, and which responses are decoded.

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, RANGE};
use http::{HeaderMap, Method, StatusCode, response};
use http_body::Body;

use crate::coding::applied;
use crate::{Coding, DecompressOptions, HandSet};

/// What a request means for its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `Accept-Encoding` is to be filled in.
    pub(crate) offers: bool,
    /// The response is to be decoded.
    pub(crate) decodes: bool,
}

/// What a request with this head asks for. `unwanted`: it is to go without `Accept-Encoding`.
pub(crate) fn asked(method: &Method, headers: &HeaderMap, unwanted: bool, options: &DecompressOptions) -> Asked {
    // A 2xx to CONNECT has no body, but the bytes of a tunnel after it (RFC 9110 §9.3.6).
    if *method == Method::CONNECT {
        return Asked { offers: false, decodes: false };
    }
    let by_hand = headers.contains_key(ACCEPT_ENCODING) || headers.contains_key(RANGE);
    Asked {
        // With a range, what comes is to be what the caller's offset counts.
        offers: options.offer && !by_hand && !unwanted,
        // The answer to a HEAD says what a GET would get, and has none of it.
        decodes: *method != Method::HEAD && (!by_hand || options.hand_set == HandSet::Decode),
    }
}

/// The codings to undo, in the order in which they were applied.
pub(crate) fn codings<B: Body>(head: &response::Parts, body: &B) -> Option<Vec<Coding>> {
    let applied = applied(&head.headers)?;
    let has_none = head.status.is_informational()
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || body.is_end_stream();
    // A part of what was encoded cannot be decoded by itself (RFC 9110 §14.2).
    let is_partial = head.status == StatusCode::PARTIAL_CONTENT;
    (!has_none && !is_partial).then_some(applied)
}

/// The `Content-Length`, of a response that has one.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::CONTENT_ENCODING;
    use http::{HeaderValue, Response};
    use sortie_core::Body;

    #[test]
    fn a_request_that_says_nothing_is_offered_and_decoded() {
        let default = DecompressOptions::default();
        let (quiet, decode) = (default.offer(false), default.hand_set(HandSet::Decode));
        let of = |method, header: Option<(_, &'static str)>, unwanted, options| {
            let headers = header.map(|(name, value)| (name, HeaderValue::from_static(value))).into_iter().collect();
            let Asked { offers, decodes } = asked(&method, &headers, unwanted, options);
            (offers, decodes)
        };
        let identity = Some((ACCEPT_ENCODING, "identity"));
        let range = Some((RANGE, "bytes=5-"));
        for (method, header, unwanted, options, expected) in [
            (Method::GET, None, false, &default, (true, true)),
            (Method::POST, None, false, &default, (true, true)),
            (Method::HEAD, None, false, &default, (true, false)),
            (Method::CONNECT, None, false, &default, (false, false)),
            (Method::GET, None, true, &default, (false, true)),
            (Method::GET, None, false, &quiet, (false, true)),
            (Method::GET, identity.clone(), false, &default, (false, false)),
            (Method::GET, Some((ACCEPT_ENCODING, "gzip")), false, &default, (false, false)),
            (Method::GET, Some((ACCEPT_ENCODING, "gzip")), false, &decode, (false, true)),
            (Method::GET, identity, false, &decode, (false, true)),
            (Method::GET, range.clone(), false, &default, (false, false)),
            (Method::GET, range.clone(), false, &decode, (false, true)),
            (Method::HEAD, range, false, &decode, (false, false)),
        ] {
            let told = format!("{method} {header:?} {unwanted} {options:?}");
            assert_eq!(of(method, header, unwanted, options), expected, "{told}");
        }
    }

    #[test]
    #[cfg(feature = "gzip")]
    fn a_response_is_decoded_that_has_a_whole_body_of_known_codings() {
        for (status, encoding, body, decoded) in [
            (200, "gzip", "x", true),
            (404, "gzip", "x", true),
            (503, "x-gzip", "x", true),
            (416, "gzip", "x", true),
            (200, "identity", "x", false),
            (200, "unheard-of", "x", false),
            (200, "gzip", "", false),
            (101, "gzip", "x", false),
            (204, "gzip", "x", false),
            (206, "gzip", "x", false),
            (304, "gzip", "x", false),
        ] {
            let response = Response::builder().status(status).header(CONTENT_ENCODING, encoding);
            let (head, body) = response.body(Body::from(body)).unwrap().into_parts();
            let expected = decoded.then(|| vec![Coding::Gzip]);
            assert_eq!(codings(&head, &body), expected, "{status} {encoding} {body:?}");
        }
    }
}
