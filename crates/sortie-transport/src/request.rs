//! What a request needs to be sent, decided on its head alone.

use http::header::{
    CONNECTION, CONTENT_LENGTH, Entry, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, PathAndQuery, Uri};
use http::{Method, Request, Version};

use crate::error::InvalidRequest;
use crate::proxy::forward;
use crate::route::Route;

/// How much of a body there is to send, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Exact(u64),
    Unknown,
}

/// Checks the framing that the request asks for and settles what is left open.
///
/// What was meant for a proxy goes no further than to one: unless the request is `forwarded`, its `Proxy-Authorization` is
/// dropped (CVE-2023-32681, CVE-2024-37891, CVE-2026-34518).
///
/// `Content-Length: 0` says that an absent body is meant ([RFC 9110 §8.6]); hyper sends it with no method.
///
/// [RFC 9110 §8.6]: https://www.rfc-editor.org/rfc/rfc9110#section-8.6
pub(crate) fn frame<B>(request: &mut Request<B>, length: Length, forwarded: bool) -> Result<(), InvalidRequest> {
    let says_zero = says_so_when_empty(request.method());
    let headers = request.headers_mut();
    // For `Host` and the framing: a map that is full panics when something is put into it.
    if headers.capacity() < headers.len() + 2 {
        headers.try_reserve(2).map_err(|_| InvalidRequest::TooManyHeaders)?;
    }
    // Comparing the names of a few headers is faster than looking three of them up.
    let is_special =
        |name: &HeaderName| *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING || *name == PROXY_AUTHORIZATION;
    if !headers.keys().any(is_special) {
        if length == Length::Exact(0) && says_zero {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        return Ok(());
    }
    if !forwarded {
        headers.remove(PROXY_AUTHORIZATION);
    }
    let told = content_length(headers)?;
    if headers.contains_key(TRANSFER_ENCODING) {
        if told.is_some() {
            return Err(InvalidRequest::ContentLengthAndTransferEncoding);
        }
        if !ends_in_chunked(headers) {
            return Err(InvalidRequest::BadTransferEncoding);
        }
        if length == Length::Exact(0) {
            headers.remove(TRANSFER_ENCODING);
        }
    }
    match (told, length) {
        (None, Length::Exact(0)) if says_zero => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        (None, _) => {}
        (Some(header), Length::Exact(body)) if header == body => {}
        (Some(header), Length::Exact(body)) => {
            return Err(InvalidRequest::ContentLengthMismatch { header, body: Some(body) });
        }
        (Some(header), Length::Unknown) => return Err(InvalidRequest::ContentLengthMismatch { header, body: None }),
    }
    Ok(())
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, InvalidRequest> {
    let mut told = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        // Digits only: `u64::from_str` takes a sign, which other parsers do not.
        let number = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number.and_then(|text| text.parse().ok()).ok_or(InvalidRequest::BadContentLength)?;
        if told.replace(number).is_some() {
            return Err(InvalidRequest::BadContentLength);
        }
    }
    Ok(told)
}

fn ends_in_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    let coding = last.and_then(|value| value.to_str().ok()).and_then(|text| text.rsplit(',').next());
    coding.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
}

fn says_so_when_empty(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::CONNECT | Method::TRACE)
}

/// As HTTP/1.1 wants it: target in origin-form, absolute-form for a proxy or authority-form for CONNECT; `Host` if there is none.
pub(crate) fn for_http1<B>(request: &mut Request<B>, route: &Route, length: Length) {
    *request.version_mut() = Version::HTTP_11;
    if request.method() == Method::CONNECT {
        let port = route.port;
        if let Ok(target) = Uri::try_from(format!("{}:{port}", route.host)) {
            *request.uri_mut() = target;
        }
    } else if route.forwarder().is_some() {
        *request.uri_mut() = forward::absolute_form(request.uri(), route);
    } else {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    if let Entry::Vacant(host) = request.headers_mut().entry(HOST) {
        host.insert(route.host_header.clone());
    }
    // hyper sends nothing of such a body for these methods; sent bare it would be taken for a request of its own
    // (RUSTSEC-2020-0008).
    if length == Length::Unknown && matches!(*request.method(), Method::GET | Method::HEAD) {
        request.headers_mut().entry(TRANSFER_ENCODING).or_insert(HeaderValue::from_static("chunked"));
    }
}

/// As HTTP/2 wants it: scheme and authority in the URI, without userinfo; a `Host` of the caller's becomes the
/// authority; no headers that concern a connection
/// ([RFC 9113 §8.2.2](https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2)).
pub(crate) fn for_http2<B>(request: &mut Request<B>, route: &Route) {
    *request.version_mut() = Version::HTTP_2;
    let uri = request.uri();
    let is_whole = uri.scheme().is_some()
        && uri.path_and_query().is_some()
        && uri.authority().is_some_and(|written| !written.as_str().contains('@'));
    if is_whole && *request.method() != Method::CONNECT && !request.headers().iter().any(is_changed) {
        return;
    }
    let host = request.headers_mut().remove(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let fits = parts.authority.as_ref().is_some_and(|written| !written.as_str().contains('@'));
    if host.is_some() || !fits {
        parts.authority = host.or_else(|| route.authority());
    }
    if request.method() == Method::CONNECT {
        (parts.scheme, parts.path_and_query) = (None, None);
    } else {
        parts.scheme.get_or_insert_with(|| route.scheme());
        parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    }
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    strip_connection_headers(request.headers_mut());
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Whether a header is not sent as it is over HTTP/2.
fn is_changed((name, value): (&HeaderName, &HeaderValue)) -> bool {
    [CONNECTION, HOST, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name)
        || (*name == TE && !value.as_bytes().eq_ignore_ascii_case(b"trailers"))
}

fn strip_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&[CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE]) {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        headers.remove(TE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::road::Road;
    use crate::route::Parts;

    fn head(method: &str, uri: &str, headers: &[(&'static str, &'static str)]) -> (Request<()>, Route) {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let road = Road::default();
        let route = Route::new(Parts::of(request.uri(), &road, &road.tls).unwrap()).unwrap();
        (request, route)
    }

    #[test]
    fn http1_gets_the_path_and_a_host_without_userinfo_or_default_port() {
        for (method, uri, target, host) in [
            ("GET", "http://u:secret@Example.com:80/p?q=1", "/p?q=1", "example.com"),
            ("GET", "https://example.com", "/", "example.com"),
            ("GET", "https://example.com:80/", "/", "example.com:80"),
            ("GET", "http://example.com?q", "/?q", "example.com"),
            ("GET", "http://[::1]:8080/", "/", "[::1]:8080"),
            ("CONNECT", "http://example.com/", "example.com:80", "example.com"),
        ] {
            let (mut head, route) = head(method, uri, &[]);
            for_http1(&mut head, &route, Length::Exact(0));
            assert_eq!((head.uri().to_string().as_str(), head.version()), (target, Version::HTTP_11), "{uri}");
            assert_eq!(head.headers()[HOST], host, "{uri}");
        }
    }

    #[test]
    fn a_host_that_was_set_stays_and_connection_headers_too() {
        let (mut head, route) = head("GET", "http://a/", &[("host", "b"), ("connection", "close, x"), ("x", "1")]);
        for_http1(&mut head, &route, Length::Exact(0));
        assert_eq!(
            (&head.headers()[HOST], &head.headers()[CONNECTION]),
            (&"b".parse().unwrap(), &"close, x".parse().unwrap())
        );
        assert!(head.headers().contains_key("x"));
    }

    #[test]
    fn http2_gets_an_authority_and_nothing_that_concerns_a_connection() {
        for (uri, host, expected) in [
            ("https://u:secret@a:8443/p", None, "https://a:8443/p"),
            ("https://a/p", None, "https://a/p"),
            ("https://a", Some("b"), "https://b/"),
        ] {
            let mut headers = vec![
                ("connection", "x"),
                ("x", "1"),
                ("keep-alive", "1"),
                ("transfer-encoding", "chunked"),
                ("te", "gzip"),
            ];
            headers.extend(host.map(|host| ("host", host)));
            let (mut head, route) = head("GET", uri, &headers);
            for_http2(&mut head, &route);
            assert_eq!((head.uri().to_string().as_str(), head.version()), (expected, Version::HTTP_2));
            assert!(head.headers().is_empty(), "{:?}", head.headers());
        }
    }

    #[test]
    fn a_request_that_was_made_for_http1_can_go_over_http2() {
        let (mut head, route) = head("POST", "https://u:p@a:8443/p?q", &[]);
        for_http1(&mut head, &route, Length::Exact(3));
        for_http2(&mut head, &route);
        assert_eq!(head.uri(), "https://a:8443/p?q");
    }

    #[test]
    fn framing_is_one_of_both_and_true() {
        use InvalidRequest as Bad;
        use Length::{Exact, Unknown};
        let mismatch = |header, body| Err(Bad::ContentLengthMismatch { header, body });
        let chunked = ("transfer-encoding", "chunked");
        for (method, headers, length, expected) in [
            ("GET", vec![], Exact(0), Ok("")),
            ("HEAD", vec![], Exact(0), Ok("")),
            ("POST", vec![], Exact(0), Ok("content-length: 0")),
            ("DELETE", vec![], Exact(0), Ok("content-length: 0")),
            ("OPTIONS", vec![], Exact(0), Ok("content-length: 0")),
            ("POST", vec![], Exact(3), Ok("")),
            ("POST", vec![], Unknown, Ok("")),
            ("POST", vec![("content-length", "3")], Exact(3), Ok("content-length: 3")),
            ("POST", vec![("content-length", "4")], Exact(3), mismatch(4, Some(3))),
            ("GET", vec![("content-length", "4")], Exact(0), mismatch(4, Some(0))),
            ("POST", vec![("content-length", "4")], Unknown, mismatch(4, None)),
            ("POST", vec![("content-length", "+3")], Exact(3), Err(Bad::BadContentLength)),
            ("POST", vec![("content-length", "")], Exact(3), Err(Bad::BadContentLength)),
            ("POST", vec![("content-length", "3"), ("content-length", "3")], Exact(3), Err(Bad::BadContentLength)),
            ("POST", vec![("content-length", "3"), chunked], Exact(3), Err(Bad::ContentLengthAndTransferEncoding)),
            ("POST", vec![chunked], Unknown, Ok("transfer-encoding: chunked")),
            ("POST", vec![chunked], Exact(0), Ok("content-length: 0")),
            ("POST", vec![("transfer-encoding", "chunked, gzip")], Unknown, Err(Bad::BadTransferEncoding)),
        ] {
            let (mut head, _) = head(method, "http://a/", &headers);
            let framed = frame(&mut head, length, false);
            let written: Vec<String> =
                head.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            assert_eq!(
                framed.map(|()| written.join("\n")),
                expected.map(str::to_owned),
                "{method} {headers:?} {length:?}"
            );
        }
    }

    #[test]
    fn a_header_map_that_is_full_is_an_error() {
        let (mut head, _) = head("POST", "http://a/", &[]);
        for n in 0..24_575 {
            let name = http::HeaderName::try_from(format!("x-{n}")).unwrap();
            head.headers_mut().insert(name, HeaderValue::from_static(""));
        }
        assert_eq!(frame(&mut head, Length::Exact(0), false), Err(InvalidRequest::TooManyHeaders));
    }

    #[test]
    fn a_get_with_a_body_of_unknown_length_goes_chunked() {
        let (mut head, route) = head("GET", "http://a/", &[]);
        for_http1(&mut head, &route, Length::Unknown);
        assert_eq!(head.headers()[TRANSFER_ENCODING], "chunked");
    }
}
