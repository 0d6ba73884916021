//! What a server says in `Keep-Alive`.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// How much earlier than the server a connection is given up, so that no request meets its close.
const MARGIN: Duration = Duration::from_secs(1);

/// For how long an idle connection is used, if the server says for how long it keeps one: `timeout=` in seconds
/// ([RFC 2068 §19.7.1.1](https://www.rfc-editor.org/rfc/rfc2068#section-19.7.1.1)), less a margin.
pub(crate) fn limit(headers: &HeaderMap) -> Option<Duration> {
    let told = headers.get_all(KEEP_ALIVE).iter().filter_map(|value| value.to_str().ok());
    let seconds = told.flat_map(|value| value.split(',')).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("timeout").then(|| value.parse::<u32>().ok()).flatten()
    })?;
    let told = Duration::from_secs(seconds.into());
    Some(told - MARGIN.min(told / 2))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_timeout_counts_less_a_second_or_half_of_it() {
        for (value, millis) in [
            ("timeout=5, max=100", Some(4000)),
            ("max=100,Timeout=2", Some(1000)),
            ("timeout = \"60\"", Some(59_000)),
            ("timeout=1", Some(500)),
            ("timeout=0", Some(0)),
            ("timeout=4294967295", Some(4_294_967_294_000)),
            ("timeout=99999999999", None),
            ("timeout=-1", None),
            ("timeout=", None),
            ("max=5", None),
            ("timeouts=5", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(KEEP_ALIVE, HeaderValue::from_static(value))]);
            assert_eq!(limit(&headers).map(|limit| limit.as_millis()), millis, "{value}");
        }
        let headers = HeaderMap::from_iter([(KEEP_ALIVE, HeaderValue::from_bytes(b"timeout=\xff").unwrap())]);
        assert_eq!(limit(&headers), None);
    }
}
