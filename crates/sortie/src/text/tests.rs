use std::error::Error as _;

use futures_core::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use sortie_core::Body;

use super::*;

fn typed(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

fn source(pieces: &[&'static [u8]], charset: Option<Charset>) -> Source {
    Source::new(Body::segments(pieces.iter().map(|piece| Bytes::from_static(piece))), None, charset)
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx)).await
}

// Each row is `bytes.decode(charset, "replace")` of Python 3.11, but for the byte order mark, which Python leaves in
// UTF-8, and for Latin-1 with the feature `charset`.
#[test]
fn text_is_in_the_charset_that_is_said_else_by_its_mark_else_utf_8() {
    for (content_type, bytes, expected) in [
        ("text/plain", &b"\xC3\xA9"[..], "\u{e9}"),
        ("text/plain; charset=utf-8", b"\xEF\xBB\xBFx", "x"),
        ("text/plain", b"\xEF\xBB\xBFx", "x"),
        ("text/plain", b"\xFF", "\u{fffd}"),
        ("text/plain", b"", ""),
        ("text/plain; charset=us-ascii", b"\xC3\xA9", "\u{e9}"),
        ("text/plain", b"\xFF\xFEx\0", "x"),
        ("text/plain", b"\xFF\xFE\0\0x\0", "\0x"),
        ("text/plain; charset=utf-32", b"\xFF\xFE\0\0x\0\0\0", "x"),
        ("text/plain; charset=UTF-16", b"\xFE\xFF\0x", "x"),
        ("text/plain; charset=\"utf-16le\"", b"x\0", "x"),
        ("text/plain; charset=utf-32", b"x\0\0\0", "x"),
        // The label counts more than the mark.
        ("text/plain; charset=utf-8", b"\xFF\xFEx", "\u{fffd}\u{fffd}x"),
        #[cfg(feature = "charset")]
        ("text/plain; charset=iso-8859-1", b"\xE9", "\u{e9}"),
        #[cfg(feature = "charset")]
        ("text/plain; charset=iso-8859-1", b"\xEF\xBB\xBFx", "\u{ef}\u{bb}\u{bf}x"),
        #[cfg(feature = "charset")]
        ("text/plain; charset=no-such-charset", b"\xC3\xA9", "\u{e9}"),
    ] {
        let charset = charset(&typed(content_type)).unwrap();
        let name = format!("{content_type} {}", bytes.escape_ascii());
        assert_eq!(decode(Bytes::copy_from_slice(bytes), charset), expected, "{name}");
    }
}

#[test]
#[cfg(not(feature = "charset"))]
fn another_charset_is_an_error_that_names_the_feature() {
    let error = charset(&typed("text/plain; charset=iso-8859-1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.source().unwrap().to_string().contains("`charset`"));
}

#[test]
fn a_charset_that_the_caller_names_is_known_or_an_error() {
    assert_eq!(asked_for(" UTF-8\t").unwrap(), Charset::Utf8);
    let error = asked_for("no-such-charset").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.source().unwrap().to_string().contains("\"no-such-charset\""));
}

#[test]
#[cfg(feature = "json")]
fn json_is_read_in_every_charset_that_it_comes_in() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let utf32 = |text: &str| text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect::<Vec<_>>();
    let text = "[\"\u{e9}\u{1f600}\"]";
    for (content_type, bytes) in [
        ("application/json", text.as_bytes().to_vec()),
        ("application/json", [b"\xEF\xBB\xBF", text.as_bytes()].concat()),
        ("application/json; charset=utf-8", utf16(text)),
        ("application/json", utf16(&format!("\u{feff}{text}"))),
        ("application/json; charset=utf-16", utf16(text)),
        ("application/json", utf32(text)),
        ("application/json; charset=utf-8", utf32(&format!("\u{feff}{text}"))),
        ("application/json; charset=utf-32be", utf32(text)),
    ] {
        assert_eq!(json(&bytes.into(), &typed(content_type)).unwrap(), text, "{content_type}");
    }
    // Half of a pair of surrogates is no text: it is not made into something else.
    let error = json(&Bytes::from_static(b"\"\0=\xD8\"\0"), &HeaderMap::new()).unwrap_err();
    assert!(sortie_core::find::<Malformed>(&error).is_some(), "{error:?}");
    let latin = json(&Bytes::from_static(b"\"\xE9\""), &typed("application/json; charset=iso-8859-1"));
    assert_eq!(latin.is_ok_and(|text| text == "\"\u{e9}\""), cfg!(feature = "charset"));
    let ascii = json(&Bytes::from_static(b"[1]"), &typed("application/json; charset=iso-8859-1"));
    assert_eq!(ascii.unwrap(), "[1]");
}

#[tokio::test]
async fn lines_come_as_a_stream_until_the_body_ends() {
    let mut lines = Lines::new(source(&[b"\xEF\xBB", b"\xBFone\r", b"\ntwo \xC3", b"\xA9\n\nlast"], None));
    let mut all = Vec::new();
    while let Some(line) = next(&mut lines).await {
        all.push(line.unwrap());
    }
    assert_eq!(all, ["one", "two \u{e9}", "", "last"]);
    assert_eq!(lines.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_line_without_end_is_an_error_that_names_the_limit_and_the_setting() {
    for pieces in [&[&b"1234\n12345"[..], b"6789"][..], &[b"1234\n12345\n"], &[b"1234\n123", b"45\n"]] {
        let mut lines = Lines::new(source(pieces, None)).max_line(4);
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("1234"));
        let error = lines.next_line().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        let text = error.source().unwrap().to_string();
        assert_eq!(text, "a line of the body has more than 4 octets (Lines::max_line)");
        assert_eq!(lines.next_line().await.unwrap(), None);
    }
}

#[tokio::test]
async fn text_chunks_split_no_character_and_no_end_of_line() {
    let pieces: &[&[u8]] = &[b"a\r", b"\nb\xE4", b"\xB8", b"\xADc\r", b"d\r"];
    let mut chunks = TextChunks::new(source(pieces, None));
    let mut all = Vec::new();
    while let Some(chunk) = next(&mut chunks).await {
        all.push(chunk.unwrap());
    }
    assert_eq!(all, ["a", "\r\nb", "\u{4e2d}c", "\rd", "\r"]);
    assert_eq!(chunks.next_chunk().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_no_text_is_replaced_or_an_error_as_asked() {
    let mut chunks = TextChunks::new(source(&[b"a\xFFb"], None));
    assert_eq!(chunks.next_chunk().await.unwrap().as_deref(), Some("a\u{fffd}b"));
    for pieces in [&[&b"a\xFFb"[..]][..], &[b"\xC3"]] {
        let mut chunks = TextChunks::new(source(pieces, None)).on_malformed(OnMalformed::Error);
        let error = loop {
            match chunks.next_chunk().await {
                Ok(chunk) => assert!(chunk.is_some(), "no error"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert_eq!(chunks.next_chunk().await.unwrap(), None);
        let mut lines = Lines::new(source(pieces, None)).on_malformed(OnMalformed::Error);
        assert_eq!(lines.next_line().await.unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(lines.next_line().await.unwrap(), None);
    }
}
