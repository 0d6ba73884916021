use std::path::PathBuf;
use std::{error, fmt, io};

/// Why cookies could not be loaded. The jar is as it was before.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[non_exhaustive]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The text is not of the format. No value is shown: it may be a secret.
    #[non_exhaustive]
    Damaged {
        /// The line, the first being 1.
        line: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The text is JSON of ours, of a version that this one cannot read.
    #[non_exhaustive]
    Version {
        /// The version of the text.
        found: u64,
    },
}

impl LoadError {
    /// The line of the text at which reading ended, the first being 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Damaged { line, .. } => Some(*line),
            Self::Read { .. } | Self::Version { .. } => None,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "cannot read cookies from {}", path.display()),
            Self::Damaged { line, what } => write!(f, "cookies cannot be read from line {line} on: {what}"),
            Self::Version { found } => write!(f, "cookies are of version {found} of the format; known is version 1"),
        }
    }
}

impl error::Error for LoadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Damaged { .. } | Self::Version { .. } => None,
        }
    }
}

/// Why cookies could not be saved. A file that was there before is still there.
#[derive(Debug)]
pub struct SaveError {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

impl SaveError {
    /// The file that was to be written.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// What kind of error the system reported.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot save cookies to {}", self.path.display())
    }
}

impl error::Error for SaveError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}
