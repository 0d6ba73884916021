use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::setter::Invalid;

/// How much of a file is read at a time.
const BLOCK: usize = 64 << 10;

/// What the SHA-256 of a file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn parse(setter: &'static str, digits: &str) -> Result<Self, Invalid> {
        const WHAT: &str = "a SHA-256 has 64 hexadecimal digits";
        let mut digest = [0; 32];
        if digits.len() != 2 * digest.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Invalid::new(setter, WHAT));
        }
        for (octet, at) in digest.iter_mut().zip((0..).step_by(2)) {
            *octet = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| Invalid::new(setter, WHAT))?;
        }
        Ok(Self(digest))
    }

    /// Whether it is that of a file, which is read once more: a part of it may be of an earlier time.
    pub(super) async fn is_of(self, path: &Path) -> io::Result<bool> {
        let path = path.to_owned();
        let hashing = tokio::task::spawn_blocking(move || {
            let (mut file, mut hasher, mut block) = (File::open(path)?, Sha256::new(), vec![0; BLOCK]);
            loop {
                match file.read(&mut block) {
                    Ok(0) => return Ok(hasher.finalize()[..] == self.0),
                    Ok(octets) => hasher.update(&block[..octets]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        });
        hashing.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The SHA-256 of nothing, and of "abc": FIPS 180-4.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[tokio::test]
    async fn a_digest_is_read_in_either_case_and_compared_with_the_file() {
        let path = std::env::temp_dir().join(format!("sortie-sha256-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        assert!(Digest::parse("", ABC).unwrap().is_of(&path).await.unwrap());
        assert!(Digest::parse("", &ABC.to_uppercase()).unwrap().is_of(&path).await.unwrap());
        std::fs::write(&path, "").unwrap();
        assert!(!Digest::parse("", ABC).unwrap().is_of(&path).await.unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(Digest::parse("", ABC).unwrap().is_of(&path).await.is_err());
        for odd in ["", "ab", &ABC[1..], &format!("{}\u{e9}", &ABC[2..]), &ABC.replace('b', "x")] {
            let invalid = Digest::parse("Save::sha256", odd).unwrap_err();
            assert_eq!(invalid.to_string(), "Save::sha256: a SHA-256 has 64 hexadecimal digits");
        }
    }
}
