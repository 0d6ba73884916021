//! Reading a file, and replacing one as a whole.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{LoadError, SaveError};

/// How often another name is tried where a file of that name exists.
const TRIES: usize = 8;

/// What is in a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, LoadError> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LoadError::Read { path: path.to_owned(), source }),
    }
}

/// Gives a file this text, or leaves it as it was.
pub(super) fn replace(path: &Path, text: &[u8]) -> Result<(), SaveError> {
    try_replace(path, text).map_err(|source| SaveError { path: path.to_owned(), source })
}

fn try_replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (temporary, mut file) = beside(folder, name)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    drop(file);
    let replaced = written.and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        // The error that led here counts, not that of cleaning up after it.
        let _ = fs::remove_file(&temporary);
    }
    replaced.and_then(|()| sync(folder))
}

/// A new file in this folder, under a name that nobody can foresee, for its owner alone.
fn beside(folder: &Path, name: &std::ffi::OsStr) -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut tries = 0;
    loop {
        let mut temporary = OsString::from(".");
        temporary.push(name);
        // The keys of the hasher come from the system's source of randomness.
        temporary.push(format!(".{:016x}.tmp", RandomState::new().build_hasher().finish()));
        let temporary = folder.join(temporary);
        match options.open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The new name is on the disk only when the folder is.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
