use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind};

/// Something of a file could not be done; the [`source`](std::error::Error::source) is the system's error: no space is
/// left, a folder may not be written to.
#[derive(Debug)]
pub struct SaveError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl SaveError {
    pub(super) fn error(what: &'static str, path: &Path, source: io::Error) -> Error {
        Error::new(ErrorKind::Save, Self { what, path: path.to_owned(), source })
    }

    /// The file: the one asked for, or the one beside it that was to become it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system says.
    #[must_use]
    pub fn io(&self) -> &io::Error {
        &self.source
    }
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.path.display())
    }
}

impl std::error::Error for SaveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// What was downloaded is not what was to come. Nothing of it is kept; only with
/// [`resume`](super::Download::resume) what came of another length stays, to be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadDownload {
    /// Its SHA-256 is another than was said.
    DigestMismatch,
    /// It has another length than the server said.
    #[non_exhaustive]
    WrongLength {
        /// How many octets came.
        length: u64,
        /// How many there were to be.
        total: u64,
    },
    /// The server sent a part of it (206) though all was asked for.
    UnaskedPart,
}

impl fmt::Display for BadDownload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DigestMismatch => f.write_str("the SHA-256 of what came is not the one that was given"),
            Self::WrongLength { length, total } => write!(f, "{length} octets came of {total}"),
            Self::UnaskedPart => {
                f.write_str("the server sent a part of the file (206), though all of it was asked for")
            }
        }
    }
}

impl std::error::Error for BadDownload {}
