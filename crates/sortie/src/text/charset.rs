use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::field::Cursor;

/// What the octets of a text stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Utf16(Endian),
    Utf32(Endian),
    #[cfg(feature = "charset")]
    Other(&'static encoding_rs::Encoding),
}

/// The order of octets in a unit of UTF-16 or UTF-32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Big,
    Little,
    /// What the byte order mark says, else little, as browsers and Python have it.
    Marked,
}

impl Charset {
    /// The charset of a label: those of the Encoding Standard, and what Python knows beside them, UTF-32 for one.
    pub(crate) fn labelled(label: &str) -> Option<Self> {
        let label = label.trim_matches(|c: char| c.is_ascii_whitespace()).to_ascii_lowercase();
        Some(match label.as_str() {
            // ASCII is what UTF-8 begins with. Browsers take its names for windows-1252; Python, and so requests, does not.
            "utf-8" | "utf8" | "unicode-1-1-utf-8" | "utf-8-sig" | "us-ascii" | "ascii" => Self::Utf8,
            "utf-16" | "utf16" => Self::Utf16(Endian::Marked),
            "utf-16le" | "utf-16-le" => Self::Utf16(Endian::Little),
            "utf-16be" | "utf-16-be" => Self::Utf16(Endian::Big),
            "utf-32" | "utf32" => Self::Utf32(Endian::Marked),
            "utf-32le" | "utf-32-le" => Self::Utf32(Endian::Little),
            "utf-32be" | "utf-32-be" => Self::Utf32(Endian::Big),
            _ => return Self::foreign(&label),
        })
    }

    #[cfg(feature = "charset")]
    fn foreign(label: &str) -> Option<Self> {
        let of = |label: &str| encoding_rs::Encoding::for_label(label.as_bytes());
        let encoding = of(label).or_else(|| of(by_python(label)?))?;
        Some(match encoding.name() {
            // By a name of which the list above knows nothing.
            "UTF-8" => Self::Utf8,
            "UTF-16LE" => Self::Utf16(Endian::Little),
            "UTF-16BE" => Self::Utf16(Endian::Big),
            _ => Self::Other(encoding),
        })
    }

    #[cfg(not(feature = "charset"))]
    fn foreign(_: &str) -> Option<Self> {
        None
    }

    /// What the first octets of a text without label say, given at least two of them if there are as many.
    pub(crate) fn by_mark(start: &[u8]) -> Self {
        match start {
            [0xFE, 0xFF, ..] => Self::Utf16(Endian::Big),
            [0xFF, 0xFE, ..] => Self::Utf16(Endian::Little),
            _ => Self::Utf8,
        }
    }

    /// The charset of a JSON text, by its byte order mark, else by where the NULs are in its first character, which is
    /// one of ASCII ([RFC 4627 §3](https://www.rfc-editor.org/rfc/rfc4627#section-3)). NUL itself stands in no JSON.
    #[cfg(any(feature = "json", test))]
    pub(crate) fn of_json(start: &[u8]) -> Self {
        match start {
            [0xFF, 0xFE, 0, 0, ..] => Self::Utf32(Endian::Little),
            [0, 0, 0xFE, 0xFF, ..] => Self::Utf32(Endian::Big),
            [0xFE, 0xFF, ..] | [0, 1..=255, ..] => Self::Utf16(Endian::Big),
            [0xFF, 0xFE, ..] => Self::Utf16(Endian::Little),
            [0, 0, 0, 1..=255, ..] => Self::Utf32(Endian::Big),
            [1..=255, 0, 0, 0, ..] => Self::Utf32(Endian::Little),
            [1..=255, 0, ..] => Self::Utf16(Endian::Little),
            _ => Self::Utf8,
        }
    }
}

/// The Encoding Standard's label for one that only Python knows, and so requests.
#[cfg(feature = "charset")]
fn by_python(label: &str) -> Option<&'static str> {
    Some(match label.replace('_', "-").as_str() {
        "utf-8" | "u8" => "utf-8",
        "latin-1" | "latin" | "iso-8859-1" | "8859" => "latin1",
        "iso-8859-15" | "latin-9" => "iso-8859-15",
        "iso-8859-2" | "latin-2" => "iso-8859-2",
        "cp874" => "windows-874",
        "cp932" | "s-jis" => "shift_jis",
        "cp936" => "gbk",
        "cp949" | "uhc" => "euc-kr",
        "cp950" => "big5",
        "euc-jp" | "ujis" => "euc-jp",
        "euc-kr" => "euc-kr",
        "gb-18030" => "gb18030",
        "koi8-r" => "koi8-r",
        "mac-roman" | "macroman" => "macintosh",
        _ => return None,
    })
}

/// The charset named by `Content-Type`, in lower case.
pub(crate) fn of_content_type(headers: &HeaderMap) -> Option<String> {
    // A type with octets beyond ASCII, in a file name for example, has its charset as well.
    let content_type = String::from_utf8_lossy(headers.get(CONTENT_TYPE)?.as_bytes());
    let mut cursor = Cursor(&content_type);
    cursor.until(&[';']);
    cursor.parameters(None).into_iter().find_map(|(name, value)| {
        let value = value.trim().trim_matches(['"', '\'']).trim();
        (name == "charset" && !value.is_empty()).then(|| value.to_ascii_lowercase())
    })
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
            ("text/html; charset=\" utf-8 \"", Some("utf-8")),
            ("text/html; x=1; charset=big5; charset=utf-8", Some("big5")),
            ("text/html; charset=utf-8\"", Some("utf-8")),
            ("text/html; charset=", None),
            ("text/html; charset", None),
            ("text/html; xcharset=utf-8", None),
            ("text/html", None),
            ("charset=utf-8", None),
            ("text/plain; name=\"a;charset=utf-16\"; charset=utf-8", Some("utf-8")),
            ("text/plain; name=\"a\\\";charset=utf-16\"; charset=utf-8", Some("utf-8")),
            ("text/plain; charset=; charset=utf-8", Some("utf-8")),
            ("text/plain ; charset = utf-8 ;", Some("utf-8")),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
            assert_eq!(of_content_type(&headers).as_deref(), expected, "{content_type}");
        }
        let odd = http::HeaderValue::from_bytes(b"text/plain; name=\xE9; charset=utf-16").unwrap();
        assert_eq!(of_content_type(&HeaderMap::from_iter([(CONTENT_TYPE, odd)])).as_deref(), Some("utf-16"));
        assert_eq!(of_content_type(&HeaderMap::new()), None);
    }

    // Names for which Python's `codecs.lookup` finds the same charset, and such as it does not know either.
    #[test]
    fn labels_are_those_of_the_encoding_standard_and_of_python() {
        for (label, expected) in [
            ("UTF-8", Some("utf-8")),
            (" utf8\t", Some("utf-8")),
            ("US-ASCII", Some("utf-8")),
            ("utf-16", Some("utf-16")),
            ("UTF-16BE", Some("utf-16")),
            ("utf-32", Some("utf-32")),
            ("iso-8859-1", Some("windows-1252")),
            ("latin-1", Some("windows-1252")),
            ("iso_8859_15", Some("ISO-8859-15")),
            ("cp1251", Some("windows-1251")),
            ("sjis", Some("Shift_JIS")),
            ("cp932", Some("Shift_JIS")),
            ("euc_kr", Some("EUC-KR")),
            ("cp949", Some("EUC-KR")),
            ("mac_roman", Some("macintosh")),
            ("koi8_r", Some("KOI8-R")),
            ("utf-9", None),
            ("", None),
        ] {
            let found = Charset::labelled(label).map(|charset| match charset {
                Charset::Utf8 => "utf-8",
                Charset::Utf16(_) => "utf-16",
                Charset::Utf32(_) => "utf-32",
                #[cfg(feature = "charset")]
                Charset::Other(encoding) => encoding.name(),
            });
            let expected = expected.filter(|name| cfg!(feature = "charset") || name.starts_with("utf"));
            assert_eq!(found, expected, "{label:?}");
        }
    }

    // The whole table of the Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels).
    #[test]
    #[cfg(feature = "charset")]
    fn every_label_of_the_encoding_standard_is_its_encoding_but_for_those_that_python_has_otherwise() {
        let diverted = [
            // ASCII, which is what UTF-8 begins with.
            ("ascii", "UTF-8"),
            ("us-ascii", "UTF-8"),
            // Its mark, which Python heeds, may say big-endian.
            ("utf-16", "UTF-16 by its mark"),
        ];
        let mut count = 0;
        for (encoding, labels) in [
            ("UTF-8", "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8"),
            ("IBM866", "866 cp866 csibm866 ibm866"),
            ("ISO-8859-2", "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2"),
            ("ISO-8859-3", "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3"),
            ("ISO-8859-4", "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4"),
            (
                "ISO-8859-5",
                "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
            ),
            (
                "ISO-8859-6",
                "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e \
                 iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
            ),
            (
                "ISO-8859-7",
                "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 \
                 iso_8859-7 iso_8859-7:1987 sun_eu_greek",
            ),
            (
                "ISO-8859-8",
                "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 \
                 iso_8859-8 iso_8859-8:1988 visual",
            ),
            ("ISO-8859-8-I", "csiso88598i iso-8859-8-i logical"),
            ("ISO-8859-10", "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6"),
            ("ISO-8859-13", "iso-8859-13 iso8859-13 iso885913"),
            ("ISO-8859-14", "iso-8859-14 iso8859-14 iso885914"),
            ("ISO-8859-15", "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9"),
            ("ISO-8859-16", "iso-8859-16"),
            ("KOI8-R", "cskoi8r koi koi8 koi8-r koi8_r"),
            ("KOI8-U", "koi8-ru koi8-u"),
            ("macintosh", "csmacintosh mac macintosh x-mac-roman"),
            ("windows-874", "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874"),
            ("windows-1250", "cp1250 windows-1250 x-cp1250"),
            ("windows-1251", "cp1251 windows-1251 x-cp1251"),
            (
                "windows-1252",
                "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 \
                 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
            ),
            ("windows-1253", "cp1253 windows-1253 x-cp1253"),
            (
                "windows-1254",
                "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 \
                 latin5 windows-1254 x-cp1254",
            ),
            ("windows-1255", "cp1255 windows-1255 x-cp1255"),
            ("windows-1256", "cp1256 windows-1256 x-cp1256"),
            ("windows-1257", "cp1257 windows-1257 x-cp1257"),
            ("windows-1258", "cp1258 windows-1258 x-cp1258"),
            ("x-mac-cyrillic", "x-mac-cyrillic x-mac-ukrainian"),
            ("GBK", "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk"),
            ("gb18030", "gb18030"),
            ("Big5", "big5 big5-hkscs cn-big5 csbig5 x-x-big5"),
            ("EUC-JP", "cseucpkdfmtjapanese euc-jp x-euc-jp"),
            ("ISO-2022-JP", "csiso2022jp iso-2022-jp"),
            ("Shift_JIS", "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis"),
            (
                "EUC-KR",
                "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 \
                 windows-949",
            ),
            ("replacement", "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement"),
            ("UTF-16BE", "unicodefffe utf-16be"),
            ("UTF-16LE", "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le"),
            ("x-user-defined", "x-user-defined"),
        ] {
            for label in labels.split_whitespace() {
                let found = Charset::labelled(&label.to_ascii_uppercase()).map(|charset| match charset {
                    Charset::Utf8 => "UTF-8",
                    Charset::Utf16(Endian::Big) => "UTF-16BE",
                    Charset::Utf16(Endian::Little) => "UTF-16LE",
                    Charset::Utf16(Endian::Marked) => "UTF-16 by its mark",
                    Charset::Utf32(_) => "UTF-32",
                    Charset::Other(encoding) => encoding.name(),
                });
                let elsewhere = diverted.into_iter().find_map(|(of, to)| (of == label).then_some(to));
                assert_eq!(found, Some(elsewhere.unwrap_or(encoding)), "{label}");
                count += 1;
            }
        }
        assert_eq!(count, 228);
    }

    // What `requests.utils.guess_json_utf` answers for the four encodings with and without mark, and where it knows no
    // answer: fewer than four octets, and a second character beyond ASCII.
    #[test]
    fn json_shows_its_charset() {
        use Endian::{Big, Little};
        for (start, charset) in [
            (&b"{\"a\""[..], Charset::Utf8),
            (b"\xEF\xBB\xBF{}", Charset::Utf8),
            (b"", Charset::Utf8),
            (b"1", Charset::Utf8),
            (b"\xFF\xFE{\0", Charset::Utf16(Little)),
            (b"\xFE\xFF\0{", Charset::Utf16(Big)),
            (b"{\0}\0", Charset::Utf16(Little)),
            (b"\0{\0}", Charset::Utf16(Big)),
            (b"1\0", Charset::Utf16(Little)),
            (b"\x001", Charset::Utf16(Big)),
            (b"\"\0\x2D\x4E", Charset::Utf16(Little)),
            (b"\0\"\x4E\x2D", Charset::Utf16(Big)),
            (b"\xFF\xFE\0\0{\0\0\0", Charset::Utf32(Little)),
            (b"\0\0\xFE\xFF\0\0\0{", Charset::Utf32(Big)),
            (b"{\0\0\0}\0\0\0", Charset::Utf32(Little)),
            (b"\0\0\0{\0\0\0}", Charset::Utf32(Big)),
            (b"\0\0\0\0", Charset::Utf8),
        ] {
            assert_eq!(Charset::of_json(start), charset, "{}", start.escape_ascii());
        }
    }
}
