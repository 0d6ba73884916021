//! How paths are compared.

use http::Uri;
use http::uri::PathAndQuery;

/// `uri` with the dot segments of its path removed ([RFC 3986 §5.2.4]); `None` if it has none.
///
/// `%2e` is a dot, as in the [URL standard].
///
/// [RFC 3986 §5.2.4]: https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4
/// [URL standard]: https://url.spec.whatwg.org/#double-dot-path-segment
pub(super) fn without_dot_segments(uri: &Uri) -> Result<Option<Uri>, http::Error> {
    let path = uri.path();
    if !has_dot_segment(path) {
        return Ok(None);
    }
    let mut target = remove_dot_segments(path);
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target)?);
    Ok(Some(Uri::from_parts(parts)?))
}

fn has_dot_segment(path: &str) -> bool {
    // Most paths have no dot at all. Looking at every byte without a branch is the quickest way to find that out.
    let may_have = path.bytes().fold(0, |found, byte| found | u8::from((byte == b'.') | (byte == b'%'))) != 0;
    may_have && path.as_bytes().split(|byte| *byte == b'/').any(|segment| dots(segment) > 0)
}

fn remove_dot_segments(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let dots = dots(segment.as_bytes());
        if dots == 2 {
            kept.pop();
        }
        if dots == 0 {
            kept.push(segment);
        } else if segments.peek().is_none() {
            // What a last dot segment names is a directory: its slash stays.
            kept.push("");
        }
    }
    kept.iter().flat_map(|segment| ["/", segment]).collect()
}

/// 1 for `.`, 2 for `..`, each also with `%2e`; 0 for any other segment.
fn dots(segment: &[u8]) -> usize {
    let mut rest = segment;
    let mut dots = 0;
    while dots <= 2 {
        rest = match rest {
            [] => return dots,
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return 0,
        };
        dots += 1;
    }
    0
}

/// Whether `path` is `root` or below it. `root` is in canonical form and without a slash at its end.
pub(super) fn is_below(path: &str, root: &str) -> bool {
    let begins = |path: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    begins(path) || (path.contains('%') && begins(&canonical(path)))
}

/// `path` in the form in which equal paths are equal ([RFC 3986 §6.2.2]): what need not be escaped is not, and escapes
/// are in capitals.
///
/// [RFC 3986 §6.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2
pub(super) fn canonical(path: &str) -> String {
    let (begin, escapes) = path.split_once('%').map_or((path, None), |(begin, rest)| (begin, Some(rest)));
    let mut canonical = begin.to_owned();
    for part in escapes.into_iter().flat_map(|rest| rest.split('%')) {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let (Some(digits), Some(rest)) = (digits, part.get(2..)) else {
            canonical.extend(["%", part]);
            continue;
        };
        match u8::from_str_radix(digits, 16).map(char::from) {
            Ok(plain) if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => canonical.push(plain),
            _ => canonical.extend(["%", &digits.to_ascii_uppercase()]),
        }
        canonical.push_str(rest);
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_are_removed() {
        for (path, removed) in [
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/..", "/"),
            ("/.", "/"),
            ("/../../a", "/a"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/%2E./b", "/b"),
            ("/a/%2e/b?x=/../y", "/a/b?x=/../y"),
            ("/a//../b", "/a/b"),
            ("/a/b/../../../c/./d/", "/c/d/"),
            ("/.//a", "//a"),
        ] {
            let uri = |text: &str| format!("http://u@h:81{text}").parse::<Uri>().unwrap();
            assert_eq!(without_dot_segments(&uri(path)).unwrap(), Some(uri(removed)), "{path}");
            let origin_form = without_dot_segments(&path.parse().unwrap()).unwrap().unwrap();
            assert_eq!(origin_form.to_string(), removed, "{path}");
        }
    }

    #[test]
    fn other_paths_are_left_alone() {
        for path in
            ["/", "/a/b", "/a.b/.c/d./...", "/%2e%2e%2e", "/%2ea", "/a%2f..", "/%2", "/%", "/a?x=/../y", "*", "h:80"]
        {
            assert_eq!(without_dot_segments(&path.parse().unwrap()).unwrap(), None, "{path}");
        }
    }

    #[test]
    fn dot_segments_are_those_of_the_url_standard() {
        let tokens = ["/", ".", "%2e", "%2E", "a"];
        for number in 0..tokens.len().pow(6) {
            let digits = (0..6).map(|digit| tokens[number / tokens.len().pow(digit) % tokens.len()]);
            let text = format!("http://h/{}", digits.collect::<String>());
            let uri = text.parse().unwrap();
            let ours = without_dot_segments(&uri).unwrap().unwrap_or(uri);
            assert_eq!(ours.path(), url::Url::parse(&text).unwrap().path(), "{text}");
        }
    }

    #[test]
    fn a_path_is_below_another_by_whole_segments_in_canonical_form() {
        for (path, root, below) in [
            ("/", "", true),
            ("/v1", "/v1", true),
            ("/v1/", "/v1", true),
            ("/v1/x", "/v1", true),
            ("/v10", "/v1", false),
            ("/V1/x", "/v1", false),
            ("/", "/v1", false),
            ("//v1", "/v1", false),
            ("/%761/x", "/v1", true),
            ("/%76%31", "/v1", true),
            ("/v1%2fx", "/v1", false),
            ("/v1%2Fx/y", "/v1%2Fx", true),
            ("/v1%2fx/y", "/v1%2Fx", true),
            ("/v1%", "/v1", false),
            ("/%76%+1", "/v1", false),
            ("/%761%\u{e9}\u{e9}/", "/v1", false),
            ("/v1/%zz", "/v1", true),
        ] {
            assert_eq!(is_below(path, root), below, "{path} below {root}");
        }
    }
}
