use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};

use super::SaveError;
use super::resume::State;
use crate::Error;

/// How much is collected before it goes to the file: a write takes a thread of its own.
const BUFFER: usize = 128 << 10;

/// How often another name is tried where a file of that name exists.
const TRIES: usize = 8;

/// The file that becomes the one asked for when all of it has come.
///
/// Dropped before, it is removed, unless it was opened to go on with later.
pub(super) struct Part {
    /// The file asked for.
    target: PathBuf,
    path: PathBuf,
    pub(super) file: BufWriter<File>,
    /// How much of it is there.
    pub(super) length: u64,
    /// What is known of a file that can be gone on with.
    pub(super) state: Option<State>,
    /// Where that stands, if it is to outlast this process.
    state_path: Option<PathBuf>,
    /// Whether the file goes if this does.
    fleeting: bool,
    /// Whether it is the one asked for by now.
    finished: bool,
}

impl Part {
    /// A new one, under a name that nobody can foresee.
    pub(super) async fn new(target: &Path) -> Result<Self, Error> {
        let (folder, name) = place(target).await?;
        let mut tries = 0;
        loop {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            // The keys of the hasher come from the system's source of randomness.
            hidden.push(format!(".{:016x}.part", RandomState::new().build_hasher().finish()));
            let path = folder.join(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&path).await {
                Ok(file) => {
                    let file = BufWriter::with_capacity(BUFFER, file);
                    let target = target.to_owned();
                    return Ok(Self {
                        target,
                        path,
                        file,
                        length: 0,
                        state: None,
                        state_path: None,
                        fleeting: true,
                        finished: false,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
                Err(error) => return Err(SaveError::error("cannot create the file", &path, error)),
            }
        }
    }

    /// The one that was left behind, else a new one, that stays if it does not come to its end: `name.part`. What is
    /// known of it stands in `name.part.state`.
    pub(super) async fn resumable(target: &Path, url: u64) -> Result<Self, Error> {
        let (folder, name) = place(target).await?;
        let path = folder.join(with(name, ".part"));
        let state_path = folder.join(with(name, ".part.state"));
        let failed = |error| SaveError::error("cannot open the file", &path, error);
        // Whoever may write to the folder must not choose by a link what is written to.
        let is_file = fs::symlink_metadata(&path).await.map(|found| found.is_file());
        if is_file.as_ref().is_ok_and(|is_file| !is_file) {
            fs::remove_file(&path).await.map_err(failed)?;
        }
        let is_new = !is_file.unwrap_or(false);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .create_new(is_new)
            .open(&path)
            .await
            .map_err(failed)?;
        let length = file.seek(io::SeekFrom::End(0)).await.map_err(failed)?;
        let known = fs::read(&state_path).await.ok().and_then(|text| State::from_text(&text));
        let state = known.filter(|state| state.url == url && length > 0);
        let file = BufWriter::with_capacity(BUFFER, file);
        let (target, state_path) = (target.to_owned(), Some(state_path));
        Ok(Self { target, path, file, length, state, state_path, fleeting: false, finished: false })
    }

    /// Begins anew, with what is known of what comes.
    pub(super) async fn restart(&mut self, state: Option<State>) -> Result<(), Error> {
        // In this order: at no time does the state speak of what is not in the file.
        self.forget().await;
        let emptied = async {
            self.file.flush().await?;
            self.file.get_mut().set_len(0).await?;
            self.file.rewind().await
        };
        emptied.await.map_err(|error| self.failed(error))?;
        self.length = 0;
        if let (Some(state), Some(path)) = (&state, &self.state_path) {
            let written = fs::write(path, state.to_text()).await;
            written.map_err(|error| SaveError::error("cannot write the file", path, error))?;
        }
        self.state = state;
        Ok(())
    }

    pub(super) fn failed(&self, error: io::Error) -> Error {
        SaveError::error("cannot write the file", &self.path, error)
    }

    #[cfg(feature = "checksum")]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is there is of no use.
    #[cfg(feature = "checksum")]
    pub(super) fn discard(mut self) {
        self.fleeting = true;
    }

    /// Writes out what is buffered, and to the disk.
    pub(super) async fn sync(&mut self) -> Result<(), Error> {
        let synced = async {
            self.file.flush().await?;
            self.file.get_mut().sync_all().await
        };
        synced.await.map_err(|error| self.failed(error))
    }

    /// Makes it the file asked for.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        self.sync().await?;
        let renamed = fs::rename(&self.path, &self.target).await;
        renamed.map_err(|error| SaveError::error("cannot give its name to the file", &self.target, error))?;
        (self.fleeting, self.finished) = (false, true);
        self.forget().await;
        sync_folder(&self.target).await;
        Ok(())
    }

    async fn forget(&mut self) {
        self.state = None;
        if let Some(path) = &self.state_path {
            // One that is not there is what is wanted, and one that stays is met by the check of the URL and the validator.
            let _ = fs::remove_file(path).await;
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // One in which nothing is cannot be gone on with.
        if self.fleeting || (self.length == 0 && !self.finished) {
            // Whatever led here counts, and not an error of cleaning up after it.
            let _ = std::fs::remove_file(&self.path);
            self.state_path.iter().for_each(|path| drop(std::fs::remove_file(path)));
        }
    }
}

/// The folder and the name of a file that can be made.
async fn place(target: &Path) -> Result<(&Path, &OsStr), Error> {
    let refused = |what| SaveError::error("cannot save to", target, io::Error::new(io::ErrorKind::InvalidInput, what));
    let name = target.file_name().ok_or_else(|| refused("the path names no file"))?;
    if fs::metadata(target).await.is_ok_and(|found| found.is_dir()) {
        return Err(refused("the path is that of a folder"));
    }
    Ok((target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")), name))
}

fn with(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}

/// The new name is on the disk only when the folder is. Some file systems cannot do it; the file is there all the same.
async fn sync_folder(target: &Path) {
    #[cfg(unix)]
    if let Some(folder) = target.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Ok(folder) = File::open(folder).await {
            let _ = folder.sync_all().await;
        }
    }
    #[cfg(not(unix))]
    let _ = target;
}
