//! Text of a body: which charset it is in, and what it says.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::Error;

/// The charset named by `Content-Type`, in lower case.
pub(crate) fn charset(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.to_ascii_lowercase())
    })
}

/// The text of `bytes` in `charset`, else by its byte order mark, else in UTF-8.
pub(crate) fn decode(bytes: Bytes, charset: Option<&str>) -> Result<String, Error> {
    let charset = charset.or_else(|| byte_order_mark(&bytes)).unwrap_or("utf-8");
    match charset {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Ok(utf8(bytes)),
        other => foreign(&bytes, other),
    }
}

fn byte_order_mark(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFE, 0xFF, ..] => Some("utf-16be"),
        [0xFF, 0xFE, ..] => Some("utf-16le"),
        _ => None,
    }
}

fn utf8(bytes: Bytes) -> String {
    let bytes = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => bytes.slice_ref(rest),
        None => bytes,
    };
    match String::from_utf8_lossy(&bytes) {
        // Valid as it is: `Vec::from` takes over the buffer of `bytes` if nobody shares it, and copies it otherwise.
        Cow::Borrowed(_) => String::from_utf8(bytes.into()).unwrap_or_default(),
        Cow::Owned(replaced) => replaced,
    }
}

#[cfg(feature = "charset")]
fn foreign(bytes: &[u8], charset: &str) -> Result<String, Error> {
    // As requests does, a charset that nobody knows is taken for UTF-8.
    let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    Ok(encoding.decode(bytes).0.into_owned())
}

#[cfg(not(feature = "charset"))]
fn foreign(_: &[u8], charset: &str) -> Result<String, Error> {
    let message = format!("the text is in the charset {charset:?}; sortie's feature `charset` decodes it");
    Err(Error::new(crate::ErrorKind::Decode, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_is_read_from_the_content_type() {
        for (content_type, expected) in [
            ("text/html; charset=UTF-8", Some("utf-8")),
            ("text/html;Charset=\"ISO-8859-1\" ; x=y", Some("iso-8859-1")),
            ("text/html; charset='utf-8'", Some("utf-8")),
            ("text/html; charset=", None),
            ("text/html", None),
            ("charset=utf-8", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
            assert_eq!(charset(&headers).as_deref(), expected, "{content_type}");
        }
    }

    #[test]
    fn text_is_utf_8_unless_something_says_otherwise() {
        for (bytes, charset, expected) in [
            (&b"\xC3\xA9"[..], None, "\u{e9}"),
            (b"\xEF\xBB\xBFx", None, "x"),
            (b"\xEF\xBB\xBFx", Some("utf-8"), "x"),
            (b"\xFF", None, "\u{fffd}"),
            (b"", None, ""),
        ] {
            assert_eq!(decode(Bytes::copy_from_slice(bytes), charset).unwrap(), expected);
        }
    }

    #[test]
    #[cfg(feature = "charset")]
    fn other_charsets_are_decoded() {
        assert_eq!(decode(Bytes::from_static(b"\xE9"), Some("iso-8859-1")).unwrap(), "\u{e9}");
        assert_eq!(decode(Bytes::from_static(b"\xFF\xFEx\0"), None).unwrap(), "x");
        assert_eq!(decode(Bytes::from_static(b"x"), Some("no-such-charset")).unwrap(), "x");
    }

    #[test]
    #[cfg(not(feature = "charset"))]
    fn another_charset_is_an_error_that_names_the_feature() {
        let error = decode(Bytes::from_static(b"\xE9"), Some("iso-8859-1")).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Decode);
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("`charset`"));
    }
}
