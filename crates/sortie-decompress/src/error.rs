use std::error::Error;
use std::fmt;
use std::io;

use crate::Coding;

/// Why a response body could not be decoded. The body fails with it when it comes to that; what was decoded before has
/// been handed out.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecompressError {
    /// It is not of the coding that `Content-Encoding` says, or its check sum is wrong, or it needs more memory than
    /// the coding's RFC allows (a `br` window of more than 16 MiB, a `zstd` window of more than 8 MiB).
    #[non_exhaustive]
    Corrupt {
        /// The coding that was being undone.
        coding: Coding,
        /// What its decoder says.
        source: io::Error,
    },
    /// It ended before the coding did.
    #[non_exhaustive]
    Truncated {
        /// The coding that was being undone.
        coding: Coding,
    },
    /// It went on after the coding had ended.
    #[non_exhaustive]
    TrailingData {
        /// The coding that had ended.
        coding: Coding,
    },
    /// More codings were applied to it than are undone: 5.
    #[non_exhaustive]
    TooManyCodings {
        /// How many there are.
        codings: usize,
    },
    /// It decodes to more than [`max_size`](crate::DecompressOptions::max_size).
    #[non_exhaustive]
    TooLarge {
        /// The limit, in octets.
        limit: u64,
    },
    /// It decodes to more octets for each one received than [`max_ratio`](crate::DecompressOptions::max_ratio).
    #[non_exhaustive]
    TooDense {
        /// The limit.
        limit: u32,
    },
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { coding, .. } => {
                write!(
                    f,
                    "the body is not valid {coding}, as its Content-Encoding says; without decompression it is left as it is"
                )
            }
            Self::Truncated { coding } => write!(f, "the body ended within its coding {coding}"),
            Self::TrailingData { coding } => write!(f, "the body goes on after the end of its coding {coding}"),
            Self::TooManyCodings { codings } => {
                write!(f, "{codings} codings were applied to the body, and at most {} are undone", crate::MAX_CODINGS)
            }
            Self::TooLarge { limit } => {
                write!(f, "the body decodes to more than {limit} octets (set by DecompressOptions::max_size)")
            }
            Self::TooDense { limit } => write!(
                f,
                "the body decodes to more than {limit} times what was received (set by DecompressOptions::max_ratio)"
            ),
        }
    }
}

impl Error for DecompressError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Corrupt { source, .. } => Some(source),
            _ => None,
        }
    }
}
