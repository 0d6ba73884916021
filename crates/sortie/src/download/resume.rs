//! Whether and how a download goes on from what has come before. Pure functions over heads.

use http::header::{ACCEPT_RANGES, CONTENT_RANGE, DATE, ETAG, HeaderValue, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};

/// By what it is known that a resource is still the one of which a part is there
/// ([RFC 9110 §13.1.5](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Validator {
    ETag(HeaderValue),
    LastModified(HeaderValue),
}

impl Validator {
    /// The strong validator of a response, if it has one, and takes ranges.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.get(ACCEPT_RANGES).is_some_and(|units| units.as_bytes().eq_ignore_ascii_case(b"none")) {
            return None;
        }
        match headers.get(ETAG) {
            Some(tag) if is_strong(tag) => return Some(Self::ETag(tag.clone())),
            // A weak one says that the date says no more.
            Some(_) => return None,
            None => {}
        }
        let date = |name| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
        // Within a second it may have changed twice (RFC 9110 §8.8.2.2).
        let age = date(DATE)?.duration_since(date(LAST_MODIFIED)?).ok()?;
        (age.as_secs() >= 1).then(|| headers.get(LAST_MODIFIED).cloned().map(Self::LastModified))?
    }

    pub(super) fn value(&self) -> &HeaderValue {
        match self {
            Self::ETag(value) | Self::LastModified(value) => value,
        }
    }

    /// Whether a response is of another version; one that says nothing is not.
    fn is_broken_by(&self, headers: &HeaderMap) -> bool {
        let (name, value) = match self {
            Self::ETag(value) => (ETAG, value),
            Self::LastModified(value) => (LAST_MODIFIED, value),
        };
        headers.get(name).is_some_and(|now| now != value)
    }
}

fn is_strong(tag: &HeaderValue) -> bool {
    let tag = tag.as_bytes();
    tag.len() >= 2 && tag.starts_with(b"\"") && tag.ends_with(b"\"")
}

/// What is known of a file of which a part is there: it stands beside the part, so that another process can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// A hash of the URL, which may be secret itself.
    pub(super) url: u64,
    pub(super) validator: Validator,
    pub(super) total: Option<u64>,
}

const TITLE: &str = "sortie download 1";

impl State {
    pub(super) fn to_text(&self) -> Vec<u8> {
        let (name, value) = match &self.validator {
            Validator::ETag(value) => ("etag", value),
            Validator::LastModified(value) => ("last-modified", value),
        };
        let mut text = format!("{TITLE}\nurl {:016x}\n{name} ", self.url).into_bytes();
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
        self.total.into_iter().for_each(|total| text.extend_from_slice(format!("length {total}\n").as_bytes()));
        // Only a text that has come to its end counts.
        text.extend_from_slice(b"end\n");
        text
    }

    /// `None` for a text that is damaged, or of another version.
    pub(super) fn from_text(text: &[u8]) -> Option<Self> {
        let mut lines = text.strip_suffix(b"\nend\n")?.split(|octet| *octet == b'\n');
        if lines.next()? != TITLE.as_bytes() {
            return None;
        }
        let (mut url, mut validator, mut total) = (None, None, None);
        for line in lines {
            let at = line.iter().position(|octet| *octet == b' ')?;
            let (name, value) = (&line[..at], &line[at + 1..]);
            let text = || str::from_utf8(value).ok();
            match name {
                b"url" => url = Some(u64::from_str_radix(text()?, 16).ok()?),
                b"etag" => validator = Some(Validator::ETag(HeaderValue::from_bytes(value).ok().filter(is_strong)?)),
                b"last-modified" => validator = Some(Validator::LastModified(HeaderValue::from_bytes(value).ok()?)),
                b"length" => total = Some(text()?.parse().ok()?),
                _ => return None,
            }
        }
        Some(Self { url: url?, validator: validator?, total })
    }
}

/// A hash that is the same in every version of this program: FNV-1a.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}

/// What an answer is for what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The rest of it, or a part of that; and how long the whole is.
    Append { total: Option<u64> },
    /// All of it, from the beginning.
    Whole,
    /// There is no more: what is there is all.
    Complete,
    /// Nothing that fits what is there: it has to be asked for from the beginning.
    Mismatch,
    /// A part that nobody asked for.
    Unasked,
    /// An error, or another status without a file.
    Refused,
}

/// Judges the head of an answer to a request for what comes after the first `have` octets; `state` is `None` if all was
/// asked for.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, have: u64, state: Option<&State>) -> Verdict {
    let range = headers.get(CONTENT_RANGE).and_then(|range| ContentRange::parse(range.as_bytes()));
    match (status, state) {
        (StatusCode::PARTIAL_CONTENT, None) => Verdict::Unasked,
        (StatusCode::PARTIAL_CONTENT, Some(state)) => match range {
            Some(ContentRange { part: Some((first, _)), total })
                if first == have
                    && !state.validator.is_broken_by(headers)
                    && (total.is_none() || state.total.is_none() || total == state.total) =>
            {
                Verdict::Append { total: total.or(state.total) }
            }
            _ => Verdict::Mismatch,
        },
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(state)) => {
            let total = range.and_then(|range| range.total).or(state.total);
            let is_all = total == Some(have) && !state.validator.is_broken_by(headers);
            if is_all { Verdict::Complete } else { Verdict::Mismatch }
        }
        (status, _) if status.is_success() => Verdict::Whole,
        _ => Verdict::Refused,
    }
}

/// `bytes 5-9/10`, `bytes 5-9/*`, `bytes */10` ([RFC 9110 §14.4](https://www.rfc-editor.org/rfc/rfc9110#section-14.4)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContentRange {
    /// The first and the last octet.
    part: Option<(u64, u64)>,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(value: &[u8]) -> Option<Self> {
        let value = str::from_utf8(value).ok()?;
        let (unit, range) = value.trim().split_once(' ')?;
        let (part, total) = range.trim().split_once('/')?;
        let number = |text: &str| text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        let part = match part.split_once('-') {
            None if part == "*" => None,
            None => return None,
            Some((first, last)) => Some((number(first)?, number(last)?)),
        };
        let fits = part.is_none_or(|(first, last)| first <= last && total.is_none_or(|total| last < total));
        (unit.eq_ignore_ascii_case("bytes") && fits).then_some(Self { part, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect::<HeaderMap>()
    }

    const NOON: &str = "Thu, 01 Jan 2026 12:00:00 GMT";
    const SECOND_LATER: &str = "Thu, 01 Jan 2026 12:00:01 GMT";

    #[test]
    fn only_a_strong_validator_is_one() {
        for (fields, expected) in [
            (&[("etag", "\"1\"")][..], Some("\"1\"")),
            (&[("etag", "\"1\""), ("accept-ranges", "bytes")], Some("\"1\"")),
            (&[("etag", "\"1\""), ("accept-ranges", "None")], None),
            (&[("etag", "W/\"1\""), ("last-modified", NOON), ("date", SECOND_LATER)], None),
            (&[("etag", "1")], None),
            (&[("last-modified", NOON), ("date", SECOND_LATER)], Some(NOON)),
            (&[("last-modified", NOON), ("date", NOON)], None),
            (&[("last-modified", SECOND_LATER), ("date", NOON)], None),
            (&[("last-modified", NOON)], None),
            (&[("last-modified", "yesterday"), ("date", NOON)], None),
            (&[], None),
        ] {
            let validator = Validator::of(&headers(fields));
            assert_eq!(validator.as_ref().map(|of| of.value().to_str().unwrap()), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_not_if_it_is_damaged() {
        for validator in [
            Validator::ETag(HeaderValue::from_bytes(b"\"\xE9 x\"").unwrap()),
            Validator::LastModified(HeaderValue::from_static(NOON)),
        ] {
            for total in [None, Some(u64::MAX)] {
                let state = State { url: hash("http://a/?secret"), validator: validator.clone(), total };
                let text = state.to_text();
                assert_eq!(State::from_text(&text), Some(state));
                for end in 0..text.len() {
                    assert_eq!(State::from_text(&text[..end]), None, "{end}");
                }
                assert!(!text.windows(6).any(|window| window == b"secret"));
            }
        }
        assert_eq!(State::from_text(b"sortie download 2\nurl 0\netag \"1\"\nend\n"), None);
        assert_eq!(State::from_text(b"sortie download 1\nurl 0\netag W/\"1\"\nend\n"), None);
        // The value that the inventors of FNV-1a publish.
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn an_answer_goes_on_from_what_is_there_only_if_it_fits() {
        let state = State { url: 0, validator: Validator::ETag(HeaderValue::from_static("\"1\"")), total: Some(10) };
        let append = Verdict::Append { total: Some(10) };
        for (status, fields, asked, expected) in [
            (200, &[][..], false, Verdict::Whole),
            (200, &[], true, Verdict::Whole),
            (203, &[], true, Verdict::Whole),
            (206, &[("content-range", "bytes 5-9/10")], false, Verdict::Unasked),
            (206, &[("content-range", "bytes 5-9/10")], true, append),
            (206, &[("content-range", "bytes 5-9/10"), ("etag", "\"1\"")], true, append),
            (206, &[("content-range", "bytes 5-7/10")], true, append),
            (206, &[("content-range", "bytes 5-9/*")], true, append),
            (206, &[("content-range", "Bytes  5-9/10")], true, append),
            (206, &[("content-range", "bytes 5-9/10"), ("etag", "\"2\"")], true, Verdict::Mismatch),
            (206, &[("content-range", "bytes 4-9/10")], true, Verdict::Mismatch),
            (206, &[("content-range", "bytes 5-9/11")], true, Verdict::Mismatch),
            (206, &[("content-range", "bytes 5-10/10")], true, Verdict::Mismatch),
            (206, &[("content-range", "bytes 9-5/10")], true, Verdict::Mismatch),
            (206, &[("content-range", "lines 5-9/10")], true, Verdict::Mismatch),
            (206, &[("content-range", "bytes +5-9/10")], true, Verdict::Mismatch),
            (206, &[("content-type", "multipart/byteranges")], true, Verdict::Mismatch),
            (416, &[("content-range", "bytes */5")], true, Verdict::Complete),
            (416, &[("content-range", "bytes */5"), ("etag", "\"2\"")], true, Verdict::Mismatch),
            (416, &[("content-range", "bytes */4")], true, Verdict::Mismatch),
            (416, &[], true, Verdict::Mismatch),
            (416, &[], false, Verdict::Refused),
            (404, &[], true, Verdict::Refused),
            (304, &[], true, Verdict::Refused),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let verdict = judge(status, &headers(fields), 5, asked.then_some(&state));
            assert_eq!(verdict, expected, "{status} {fields:?} {asked}");
        }
        // The server says no length, and it is known.
        let verdict = judge(StatusCode::RANGE_NOT_SATISFIABLE, &headers(&[]), 10, Some(&state));
        assert_eq!(verdict, Verdict::Complete);
    }
}
