use super::charset::{Charset, Endian};

const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;
const MARK: char = '\u{feff}';

/// Makes text of octets that come in pieces, however they are cut. It keeps back what is no whole character yet: four
/// octets at most, or what a decoder of the Encoding Standard does.
#[derive(Debug)]
pub(crate) struct Decoder {
    kind: Kind,
    /// Nothing has come out: a byte order mark would be the first thing.
    at_start: bool,
    /// Something could not be decoded.
    malformed: bool,
}

#[derive(Debug)]
enum Kind {
    /// The mark is to say which.
    Undecided(Pending),
    Utf8(Pending),
    Utf16(Endian, Pending),
    Utf32(Endian, Pending),
    #[cfg(feature = "charset")]
    Other(Box<encoding_rs::Decoder>),
}

/// Octets that are no whole character yet.
#[derive(Debug, Default)]
struct Pending {
    octets: [u8; 4],
    len: usize,
}

impl Decoder {
    /// For text of this charset; without one, for what its byte order mark says, else for UTF-8.
    pub(crate) fn new(charset: Option<Charset>) -> Self {
        let kind = charset.map_or(Kind::Undecided(Pending::default()), Kind::of);
        Self { kind, at_start: true, malformed: false }
    }

    /// Whether anything so far was not of the charset. U+FFFD stands in its place.
    pub(crate) fn malformed(&self) -> bool {
        self.malformed
    }

    /// Appends to `out` what `octets` say.
    pub(crate) fn push(&mut self, octets: &[u8], out: &mut String) {
        let before = out.len();
        let octets = self.decide(octets, false);
        self.malformed |= self.kind.push(&octets, out);
        self.drop_mark(before, out);
    }

    /// Appends to `out` what the end says: U+FFFD if it is within a character.
    pub(crate) fn finish(&mut self, out: &mut String) {
        let before = out.len();
        let octets = self.decide(&[], true);
        self.malformed |= self.kind.push(&octets, out);
        self.malformed |= self.kind.finish(out);
        self.drop_mark(before, out);
    }

    /// Chooses the charset where the mark is to say it, as soon as it is known; the octets to decode, then.
    fn decide<'a>(&mut self, octets: &'a [u8], is_end: bool) -> std::borrow::Cow<'a, [u8]> {
        let Kind::Undecided(pending) = &mut self.kind else { return octets.into() };
        let all = [pending.as_slice(), octets].concat();
        // Only what begins like a mark has to wait for its second octet.
        if let ([0xFE | 0xFF] | [], false) = (&*all, is_end) {
            pending.set(&all);
            return (&[]).into();
        }
        self.kind = Kind::of(Charset::by_mark(&all));
        all.into()
    }

    fn drop_mark(&mut self, before: usize, out: &mut String) {
        if self.at_start && out.len() > before {
            self.at_start = false;
            if out[before..].starts_with(MARK) {
                out.replace_range(before..before + MARK.len_utf8(), "");
            }
        }
    }
}

impl Kind {
    fn of(charset: Charset) -> Self {
        match charset {
            Charset::Utf8 => Self::Utf8(Pending::default()),
            Charset::Utf16(endian) => Self::Utf16(endian, Pending::default()),
            Charset::Utf32(endian) => Self::Utf32(endian, Pending::default()),
            #[cfg(feature = "charset")]
            Charset::Other(encoding) => Self::Other(Box::new(encoding.new_decoder_without_bom_handling())),
        }
    }

    /// Whether something was malformed.
    fn push(&mut self, octets: &[u8], out: &mut String) -> bool {
        match self {
            Self::Undecided(_) => false,
            Self::Utf8(pending) => utf8(pending, octets, out),
            Self::Utf16(endian, pending) => utf16(endian, pending, octets, out),
            Self::Utf32(endian, pending) => utf32(endian, pending, octets, out),
            #[cfg(feature = "charset")]
            Self::Other(decoder) => foreign(decoder, octets, false, out),
        }
    }

    fn finish(&mut self, out: &mut String) -> bool {
        match self {
            Self::Undecided(pending) | Self::Utf8(pending) | Self::Utf16(_, pending) | Self::Utf32(_, pending) => {
                let malformed = pending.len > 0;
                pending.len = 0;
                out.extend(malformed.then_some(REPLACEMENT));
                malformed
            }
            #[cfg(feature = "charset")]
            Self::Other(decoder) => foreign(decoder, &[], true, out),
        }
    }
}

impl Pending {
    fn as_slice(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    /// Keeps these octets, of which there are four at most.
    fn set(&mut self, octets: &[u8]) {
        self.len = octets.len().min(self.octets.len());
        self.octets[..self.len].copy_from_slice(&octets[..self.len]);
    }

    fn push(&mut self, octet: u8) {
        self.octets[self.len] = octet;
        self.len += 1;
    }
}

fn utf8(pending: &mut Pending, mut octets: &[u8], out: &mut String) -> bool {
    let mut malformed = false;
    while pending.len > 0 {
        let Some((next, rest)) = octets.split_first() else { return malformed };
        // What the last octet completes, or breaks, is taken out at once: never more than four are pending.
        let mut tried = [0; 4];
        pending.push(*next);
        octets = rest;
        let len = pending.len;
        tried[..len].copy_from_slice(pending.as_slice());
        let left = utf8_whole(&tried[..len], out, &mut malformed);
        pending.set(left);
    }
    let left = utf8_whole(octets, out, &mut malformed);
    pending.set(left);
    malformed
}

/// Appends the characters of `octets`; gives back the beginning of one at its end.
fn utf8_whole<'a>(mut octets: &'a [u8], out: &mut String, malformed: &mut bool) -> &'a [u8] {
    loop {
        let error = match str::from_utf8(octets) {
            Ok(text) => {
                out.push_str(text);
                return &[];
            }
            Err(error) => error,
        };
        let (valid, rest) = octets.split_at(error.valid_up_to());
        out.push_str(str::from_utf8(valid).unwrap_or_default());
        let Some(broken) = error.error_len() else { return rest };
        out.push(REPLACEMENT);
        *malformed = true;
        octets = &rest[broken..];
    }
}

fn utf16(endian: &mut Endian, pending: &mut Pending, octets: &[u8], out: &mut String) -> bool {
    let mut malformed = false;
    for octet in octets {
        pending.push(*octet);
        match *pending.as_slice() {
            [a, b] => {
                if *endian == Endian::Marked {
                    *endian = if [a, b] == [0xFE, 0xFF] { Endian::Big } else { Endian::Little };
                }
                let unit = unit16(*endian, [a, b]);
                // The first half of a pair waits for the second.
                if !(0xD800..0xDC00).contains(&unit) {
                    pending.len = 0;
                    out.push(scalar(unit.into(), &mut malformed));
                }
            }
            [a, b, c, d] => {
                let (high, low) = (unit16(*endian, [a, b]), unit16(*endian, [c, d]));
                pending.len = 0;
                match char::decode_utf16([high, low]).next() {
                    Some(Ok(pair)) => out.push(pair),
                    _ => {
                        malformed = true;
                        out.push(REPLACEMENT);
                        if (0xD800..0xDC00).contains(&low) {
                            pending.set(&[c, d]);
                        } else {
                            out.push(scalar(low.into(), &mut malformed));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    malformed
}

fn unit16(endian: Endian, octets: [u8; 2]) -> u16 {
    if endian == Endian::Big { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) }
}

fn utf32(endian: &mut Endian, pending: &mut Pending, octets: &[u8], out: &mut String) -> bool {
    let mut malformed = false;
    for octet in octets {
        pending.push(*octet);
        if let [a, b, c, d] = *pending.as_slice() {
            let octets = [a, b, c, d];
            if *endian == Endian::Marked {
                *endian = if octets == [0, 0, 0xFE, 0xFF] { Endian::Big } else { Endian::Little };
            }
            pending.len = 0;
            let unit = if *endian == Endian::Big { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) };
            out.push(scalar(unit, &mut malformed));
        }
    }
    malformed
}

fn scalar(unit: u32, malformed: &mut bool) -> char {
    char::from_u32(unit).unwrap_or_else(|| {
        *malformed = true;
        REPLACEMENT
    })
}

#[cfg(feature = "charset")]
fn foreign(decoder: &mut encoding_rs::Decoder, mut octets: &[u8], last: bool, out: &mut String) -> bool {
    let mut malformed = false;
    loop {
        // One octet may become three of UTF-8; the decoder says what it needs, and stops where the room ends.
        out.reserve(decoder.max_utf8_buffer_length(octets.len()).unwrap_or(octets.len()));
        let (result, read, replaced) = decoder.decode_to_string(octets, out, last);
        malformed |= replaced;
        octets = &octets[read..];
        if result == encoding_rs::CoderResult::InputEmpty {
            return malformed;
        }
    }
}

#[cfg(test)]
mod tests;
