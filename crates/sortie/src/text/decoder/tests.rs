use super::*;

/// The text of `octets`, and whether all of it was, cut into pieces of `size`.
fn decode(octets: &[u8], charset: Option<Charset>, size: usize) -> (String, bool) {
    let (mut decoder, mut out) = (Decoder::new(charset), String::new());
    octets.chunks(size).for_each(|piece| decoder.push(piece, &mut out));
    decoder.finish(&mut out);
    (out, !decoder.malformed())
}

fn check(octets: &[u8], charset: Option<Charset>, text: &str, well_formed: bool) {
    for size in 1..=octets.len().max(1) {
        let name = format!("{} as {charset:?} in pieces of {size}", octets.escape_ascii());
        assert_eq!(decode(octets, charset, size), (text.to_owned(), well_formed), "{name}");
    }
}

// The expected texts are those of Python 3.11: `bytes.decode(charset, "replace")`.
#[test]
fn utf_8_is_what_python_makes_of_it_however_it_is_cut() {
    for (octets, text, well_formed) in [
        (&b""[..], "", true),
        (b"plain", "plain", true),
        ("\u{e9}\u{4e2d}\u{1f600}".as_bytes(), "\u{e9}\u{4e2d}\u{1f600}", true),
        (b"\xFF", "\u{fffd}", false),
        (b"a\x80b", "a\u{fffd}b", false),
        (b"\xC3", "\u{fffd}", false),
        (b"\xC3(", "\u{fffd}(", false),
        (b"\xE4\xB8x", "\u{fffd}x", false),
        (b"\xF0\x9F\x98", "\u{fffd}", false),
        (b"\xF0\x9F\x98\xC3\xA9", "\u{fffd}\u{e9}", false),
        // An overlong slash, a surrogate, and one beyond the last character.
        (b"\xC0\xAF", "\u{fffd}\u{fffd}", false),
        (b"\xED\xA0\x80", "\u{fffd}\u{fffd}\u{fffd}", false),
        (b"\xF4\x90\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}", false),
    ] {
        check(octets, Some(Charset::Utf8), text, well_formed);
    }
}

#[test]
fn a_mark_is_no_part_of_the_text_and_chooses_where_nothing_else_does() {
    let little = Some(Charset::Utf16(Endian::Little));
    for (octets, charset, text, well_formed) in [
        (&b"\xEF\xBB\xBFx"[..], None, "x", true),
        (b"\xEF\xBB\xBFx", Some(Charset::Utf8), "x", true),
        (b"\xEF\xBB\xBF\xEF\xBB\xBF", None, "\u{feff}", true),
        (b"x\xEF\xBB\xBF", None, "x\u{feff}", true),
        (b"\xFF\xFEx\0", None, "x", true),
        (b"\xFE\xFF\0x", None, "x", true),
        (b"\xFF\xFEx\0", little, "x", true),
        (b"\xFF\xFE", None, "", true),
        (b"\xFE", None, "\u{fffd}", false),
        (b"\xFE\xFE", None, "\u{fffd}\u{fffd}", false),
        // The label counts more than the mark.
        (b"\xFF\xFEx", Some(Charset::Utf8), "\u{fffd}\u{fffd}x", false),
    ] {
        check(octets, charset, text, well_formed);
    }
}

// Python makes one U+FFFD of a truncated end as well, and of each lone half of a pair.
#[test]
fn utf_16_and_utf_32_are_decoded_in_either_order() {
    use Endian::{Big, Little, Marked};
    for (octets, charset, text, well_formed) in [
        (&b"=\xD8\0\xDE"[..], Charset::Utf16(Little), "\u{1f600}", true),
        (b"\xD8=\xDE\0", Charset::Utf16(Big), "\u{1f600}", true),
        (b"\xFE\xFF\0x", Charset::Utf16(Marked), "x", true),
        (b"\xFF\xFEx\0", Charset::Utf16(Marked), "x", true),
        (b"x\0", Charset::Utf16(Marked), "x", true),
        (b"x\0y", Charset::Utf16(Little), "x\u{fffd}", false),
        (b"=\xD8", Charset::Utf16(Little), "\u{fffd}", false),
        (b"=\xD8x\0", Charset::Utf16(Little), "\u{fffd}x", false),
        (b"\0\xDEx\0", Charset::Utf16(Little), "\u{fffd}x", false),
        (b"=\xD8=\xD8\0\xDE", Charset::Utf16(Little), "\u{fffd}\u{1f600}", false),
        (b"=\xD8\0\xD8", Charset::Utf16(Little), "\u{fffd}\u{fffd}", false),
        (b"\0\xF6\x01\0", Charset::Utf32(Little), "\u{1f600}", true),
        (b"\0\x01\xF6\0", Charset::Utf32(Big), "\u{1f600}", true),
        (b"\0\0\xFE\xFF\0\0\0x", Charset::Utf32(Marked), "x", true),
        (b"\xFF\xFE\0\0x\0\0\0", Charset::Utf32(Marked), "x", true),
        (b"\0\xD8\0\0", Charset::Utf32(Little), "\u{fffd}", false),
        (b"\0\0\x11\0", Charset::Utf32(Little), "\u{fffd}", false),
        (b"x\0\0", Charset::Utf32(Little), "\u{fffd}", false),
    ] {
        check(octets, Some(charset), text, well_formed);
    }
}

// Python 3.11 printed it: for each label `octets.decode(codec, "replace")`, the codec being Python's of that name, or
// mac-roman, cp866, mac-cyrillic and cp874. Single octets are the same four for all.
#[test]
#[cfg(feature = "charset")]
fn charsets_are_what_python_makes_of_them_however_they_are_cut() {
    for (label, octets, text) in [
        ("iso-8859-2", &b"\xA7\xC4\xE6\xEF"[..], "\u{a7}\u{c4}\u{107}\u{10f}"),
        ("iso-8859-3", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{109}\u{ef}"),
        ("iso-8859-4", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{e6}\u{12b}"),
        ("iso-8859-5", b"\xA7\xC4\xE6\xEF", "\u{407}\u{424}\u{446}\u{44f}"),
        ("iso-8859-6", b"\xA7\xC4\xE6\xEF", "\u{fffd}\u{624}\u{646}\u{64f}"),
        ("iso-8859-7", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{394}\u{3b6}\u{3bf}"),
        ("iso-8859-8", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{fffd}\u{5d6}\u{5df}"),
        ("iso-8859-10", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{e6}\u{ef}"),
        ("iso-8859-13", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{119}\u{13c}"),
        ("iso-8859-14", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{e6}\u{ef}"),
        ("iso-8859-15", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{e6}\u{ef}"),
        ("iso-8859-16", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{e6}\u{ef}"),
        ("koi8-r", b"\xA7\xC4\xE6\xEF", "\u{2556}\u{434}\u{424}\u{41e}"),
        ("koi8-u", b"\xA7\xC4\xE6\xEF", "\u{457}\u{434}\u{424}\u{41e}"),
        ("macintosh", b"\xA7\xC4\xE6\xEF", "\u{df}\u{192}\u{ca}\u{d4}"),
        ("windows-874", b"\xA7\xC4\xE6\xEF", "\u{e07}\u{e24}\u{e46}\u{e4f}"),
        ("windows-1250", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{107}\u{10f}"),
        ("windows-1251", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{414}\u{436}\u{43f}"),
        ("windows-1252", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{e6}\u{ef}"),
        ("windows-1253", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{394}\u{3b6}\u{3bf}"),
        ("windows-1254", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{e6}\u{ef}"),
        ("windows-1255", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{5b4}\u{5d6}\u{5df}"),
        ("windows-1256", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{624}\u{648}\u{ef}"),
        ("windows-1257", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{119}\u{13c}"),
        ("windows-1258", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{c4}\u{e6}\u{ef}"),
        ("ibm866", b"\xA7\xC4\xE6\xEF", "\u{437}\u{2500}\u{446}\u{44f}"),
        ("x-mac-cyrillic", b"\xA7\xC4\xE6\xEF", "\u{406}\u{192}\u{436}\u{43f}"),
        ("shift_jis", b"\x93\xFA\x96{\xB1", "\u{65e5}\u{672c}\u{ff71}"),
        ("euc-jp", b"\xC6\xFC\xCB\xDC\x8E\xB1\x8F\xB0\xEF", "\u{65e5}\u{672c}\u{ff71}\u{4f58}"),
        ("iso-2022-jp", b"a\x1B$BF|K\x5C\x1B(B!", "a\u{65e5}\u{672c}!"),
        ("euc-kr", b"\xC7\xD1\xB1\xDB", "\u{d55c}\u{ae00}"),
        ("big5", b"\xA4\xA4\xA4\xE5", "\u{4e2d}\u{6587}"),
        ("gbk", b"\xD6\xD0\xCE\xC4", "\u{4e2d}\u{6587}"),
        ("gb2312", b"\xD6\xD0\xCE\xC4", "\u{4e2d}\u{6587}"),
        ("gb18030", b"\xD6\xD0\x949\xDA3\x810\x810", "\u{4e2d}\u{1f4a9}\u{80}"),
        ("shift_jis", b"\x81 ", "\u{fffd} "),
    ] {
        let charset = Charset::labelled(label).unwrap();
        check(octets, Some(charset), text, !text.contains(REPLACEMENT));
    }
}

// Where the Encoding Standard, which browsers follow, is not Python's codec of the same name.
#[test]
#[cfg(feature = "charset")]
fn charsets_are_those_of_browsers_where_python_has_others() {
    for (label, octets, text) in [
        // Control characters in Python.
        ("iso-8859-1", &b"\xE9\x80"[..], "\u{e9}\u{20ac}"),
        // With the characters of Hong Kong.
        ("big5", b"\x88b", "\u{ca}\u{304}"),
        ("unicode", b"x\0", "x"),
        // The octets of iso-8859-8, in the order of reading.
        ("iso-8859-8-i", b"\xA7\xC4\xE6\xEF", "\u{a7}\u{fffd}\u{5d6}\u{5df}"),
        // An octet beyond ASCII is the character 0xF700 above it.
        ("x-user-defined", b"a\x7F\x80\xFF", "a\u{7f}\u{f780}\u{f7ff}"),
        // Decoders for these were used in attacks, and give one U+FFFD for all.
        ("iso-2022-kr", b"abc", "\u{fffd}"),
    ] {
        let charset = Charset::labelled(label).unwrap();
        check(octets, Some(charset), text, !text.contains(REPLACEMENT));
    }
}
