use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A `.netrc` could not be read. The message names file and line, and nothing that stands there.
#[derive(Debug)]
pub struct NetrcError {
    path: Option<PathBuf>,
    line: Option<usize>,
    what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Syntax(&'static str),
    NotUtf8,
    TooLong,
    OpenToOthers(u32),
    Unreadable(io::Error),
}

impl NetrcError {
    pub(super) fn new(what: What) -> Self {
        Self { path: None, line: None, what }
    }

    pub(super) fn line_is(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }

    pub(super) fn at(self, path: &Path) -> Self {
        Self { path: Some(path.to_owned()), ..self }
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(&self.what, What::Unreadable(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// The file, if it was one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The line that is wrong, counted from 1; `None` if it is not the text.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for NetrcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}", path.display())?,
            None => f.write_str("netrc")?,
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        match &self.what {
            What::Syntax(what) => write!(f, ": {what}"),
            What::NotUtf8 => f.write_str(": it is not UTF-8"),
            What::TooLong => f.write_str(": it is longer than 1 MiB"),
            What::OpenToOthers(mode) => {
                write!(f, ": it has passwords, and others than its owner have access (mode {mode:o}): chmod 600 it")
            }
            What::Unreadable(_) => f.write_str(": it cannot be read"),
        }
    }
}

impl Error for NetrcError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.what {
            What::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}
