//! Which paths does a cookie belong to? RFC 6265bis §5.1.4.

/// The directory of a request's path: the path of a cookie that names none.
pub(crate) fn default_path(request: &str) -> &str {
    match request.rfind('/') {
        Some(last) if last > 0 && request.starts_with('/') => &request[..last],
        _ => "/",
    }
}

/// Whether a request of this path gets a cookie of that path: the same, or below it at a segment boundary.
pub(crate) fn path_match(request: &[u8], cookie: &[u8]) -> bool {
    let rest = request.strip_prefix(cookie);
    rest.is_some_and(|rest| rest.is_empty() || cookie.ends_with(b"/") || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_path_is_the_directory_without_its_slash() {
        for (request, expected) in [
            ("/", "/"),
            ("", "/"),
            ("*", "/"),
            ("a/b", "/"),
            ("/a", "/"),
            ("/a/", "/a"),
            ("/a/b", "/a"),
            ("/a/b/", "/a/b"),
            ("/a//b", "/a/"),
            ("//", "/"),
        ] {
            assert_eq!(default_path(request), expected, "{request}");
        }
    }

    #[test]
    fn a_path_matches_at_segment_boundaries() {
        for (request, cookie, matches) in [
            ("/", "/", true),
            ("/a", "/", true),
            ("/a", "/a", true),
            ("/a/", "/a", true),
            ("/a/b", "/a", true),
            ("/a/b", "/a/", true),
            ("/a", "/a/", false),
            ("/ab", "/a", false),
            ("/a%2Fb", "/a", false),
            ("/A", "/a", false),
            ("/a//b", "/a/", true),
            ("/", "/a", false),
        ] {
            assert_eq!(path_match(request.as_bytes(), cookie.as_bytes()), matches, "{request} {cookie}");
        }
    }
}
