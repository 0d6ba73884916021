use md5::Md5;
use sha2::{Sha256, Sha512_256};

/// How a response is computed: the hash function, and over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithm {
    pub(super) hash: Hash,
    /// Its name ends in `-sess`: the first nonce of a session goes into the key.
    pub(super) session: bool,
}

/// A hash function; a greater one is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hash {
    Md5,
    Sha256,
    Sha512_256,
}

impl Algorithm {
    /// The algorithm of this name ([RFC 7616 §6.1](https://www.rfc-editor.org/rfc/rfc7616#section-6.1)).
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (base, session) = match name.strip_suffix(b"-sess") {
            Some(base) => (base, true),
            None => (&name[..], false),
        };
        let hash = match base {
            b"md5" => Hash::Md5,
            b"sha-256" => Hash::Sha256,
            b"sha-512-256" => Hash::Sha512_256,
            _ => return None,
        };
        Some(Self { hash, session })
    }

    pub(super) fn is_md5(self) -> bool {
        self.hash == Hash::Md5
    }
}

/// What a server that names none means.
impl Default for Algorithm {
    fn default() -> Self {
        Self { hash: Hash::Md5, session: false }
    }
}

impl Hash {
    /// The hash of these with colons between them, in lower-case hexadecimal digits.
    pub(super) fn of(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 => hex(&joined::<Md5>(parts)),
            Self::Sha256 => hex(&joined::<Sha256>(parts)),
            Self::Sha512_256 => hex(&joined::<Sha512_256>(parts)),
        }
    }
}

fn joined<H: sha2::Digest>(parts: &[&[u8]]) -> impl AsRef<[u8]> {
    let mut hash = H::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize()
}

pub(super) fn hex(octets: &impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    octets.as_ref().iter().flat_map(|octet| [digit(octet >> 4), digit(*octet)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_registry_are_known_in_any_case_and_no_others() {
        for (name, hash, session) in [
            ("MD5", Hash::Md5, false),
            ("md5-SESS", Hash::Md5, true),
            ("SHA-256", Hash::Sha256, false),
            ("sha-256-sess", Hash::Sha256, true),
            ("SHA-512-256", Hash::Sha512_256, false),
            ("SHA-512-256-sess", Hash::Sha512_256, true),
        ] {
            assert_eq!(Algorithm::named(name.as_bytes()), Some(Algorithm { hash, session }), "{name}");
        }
        for name in ["", "-sess", "SHA", "SHA-1", "SHA-512", "SHA256", "MD5-sess-sess", "MD5 "] {
            assert_eq!(Algorithm::named(name.as_bytes()), None, "{name}");
        }
    }

    // RFC 1321 §A.5, FIPS 180-4's example values.
    #[test]
    fn hashes_are_of_the_parts_with_colons_between_them() {
        for (hash, value) in [
            (Hash::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Hash::Sha512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        ] {
            assert_eq!(hash.of(&[b"abc"]), value);
            assert_eq!(hash.of(&[b"a", b"", b"b"]), hash.of(&[b"a::b"]));
        }
    }
}
