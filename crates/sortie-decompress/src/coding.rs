use std::fmt;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// A content coding (RFC 9110 §8.4.1) that this crate knows, whether or not it is compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Coding {
    /// `gzip`, also called `x-gzip`: RFC 1952, of one member or several.
    Gzip,
    /// `deflate`: the zlib format of RFC 1950, or the bare RFC 1951 that some servers send under this name.
    Deflate,
    /// `br`: Brotli, RFC 7932.
    Br,
    /// `zstd`: Zstandard, RFC 8878, with a window of at most 8 MiB (RFC 9659).
    Zstd,
}

impl Coding {
    /// The coding of this name; names are case-insensitive. `None` for `identity` and for one that is not known here.
    ///
    /// ```
    /// use sortie_decompress::Coding;
    ///
    /// assert_eq!(Coding::of("X-GZIP"), Some(Coding::Gzip));
    /// assert_eq!(Coding::of("compress"), None);
    /// ```
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let names = [
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("br", Self::Br),
            ("zstd", Self::Zstd),
        ];
        names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, coding)| *coding)
    }

    /// Its name in header fields.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Whether its feature is on, so that it is offered and decoded.
    #[must_use]
    pub fn is_compiled_in(self) -> bool {
        match self {
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Deflate => cfg!(feature = "deflate"),
            Self::Br => cfg!(feature = "br"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was done to a body, by its `Content-Encoding`: the codings in the order in which they were applied.
///
/// `None` if there is nothing to undo, or something among it that cannot be: such a body is left as it is, with its
/// header, as browsers do.
pub(crate) fn applied(headers: &HeaderMap) -> Option<Vec<Coding>> {
    let mut applied = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.to_str().ok()?.split(',').map(|name| name.trim_matches([' ', '\t'])) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            applied.push(Coding::of(name).filter(|coding| coding.is_compiled_in())?);
        }
    }
    (!applied.is_empty()).then_some(applied)
}

const NAMES: &[&str] = &[
    #[cfg(feature = "gzip")]
    "gzip",
    #[cfg(feature = "deflate")]
    "deflate",
    #[cfg(feature = "br")]
    "br",
    #[cfg(feature = "zstd")]
    "zstd",
];

/// The value of `Accept-Encoding`: what is compiled in. `None` if that is nothing.
pub(crate) fn offer() -> Option<HeaderValue> {
    // Static, so that a copy of it is not even a count of references.
    (!NAMES.is_empty()).then(|| HeaderValue::from_static(OFFER))
}

const OFFER: &str = match std::str::from_utf8(&LIST) {
    Ok(list) => list,
    Err(_) => panic!("the names are ASCII"),
};

const LIST: [u8; LENGTH] = list();

const LENGTH: usize = {
    let (mut length, mut at) = (0, 0);
    while at < NAMES.len() {
        length += NAMES[at].len() + if at == 0 { 0 } else { SEPARATOR.len() };
        at += 1;
    }
    length
};

const SEPARATOR: &[u8] = b", ";

const fn list() -> [u8; LENGTH] {
    let (mut list, mut end, mut at) = ([0; LENGTH], 0, 0);
    while at < NAMES.len() {
        if at > 0 {
            end = copy(SEPARATOR, &mut list, end);
        }
        end = copy(NAMES[at].as_bytes(), &mut list, end);
        at += 1;
    }
    list
}

const fn copy(from: &[u8], to: &mut [u8], mut end: usize) -> usize {
    let mut at = 0;
    while at < from.len() {
        to[end] = from[at];
        (at, end) = (at + 1, end + 1);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&str]) -> Option<Vec<Coding>> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(CONTENT_ENCODING, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        applied(&headers)
    }

    #[test]
    #[cfg(all(feature = "gzip", feature = "deflate", feature = "br", feature = "zstd"))]
    fn a_list_is_read_in_its_order_over_all_fields_whatever_the_spelling() {
        use Coding::{Br, Deflate, Gzip, Zstd};
        for (fields, expected) in [
            (&["gzip"][..], Some(&[Gzip][..])),
            (&["X-GZip"], Some(&[Gzip])),
            (&["deflate"], Some(&[Deflate])),
            (&["gzip, br"], Some(&[Gzip, Br])),
            (&["gzip,br", "ZSTD"], Some(&[Gzip, Br, Zstd])),
            (&[" , gzip ,\t,"], Some(&[Gzip])),
            (&["identity, gzip, Identity"], Some(&[Gzip])),
            (&[], None),
            (&[""], None),
            (&["identity"], None),
            (&["compress"], None),
            (&["gzip, compress"], None),
            (&["compress, gzip"], None),
            (&["gzip;q=1"], None),
            (&["gzip br"], None),
            (&["gzip", "g\u{e9}zip"], None),
        ] {
            assert_eq!(of(fields).as_deref(), expected, "{fields:?}");
        }
    }

    #[test]
    fn what_is_compiled_in_is_offered_and_nothing_else() {
        let all = [Coding::Gzip, Coding::Deflate, Coding::Br, Coding::Zstd];
        let names: Vec<_> = all.iter().filter(|coding| coding.is_compiled_in()).map(|coding| coding.name()).collect();
        let expected = (!names.is_empty()).then(|| names.join(", "));
        assert_eq!(offer().map(|offer| offer.to_str().unwrap().to_owned()), expected);
        for coding in all {
            assert_eq!(of(&[coding.name()]).is_some(), coding.is_compiled_in());
        }
    }
}
