use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use tokio::fs;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};
use tokio::task::JoinHandle;

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
    pub(super) file: BufWriter<fs::File>,
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
        Self::opened(target, Self::create).await
    }

    /// The one that was left behind, else a new one, that stays if it does not come to its end: `name.part`. What is
    /// known of it stands in `name.part.state`.
    pub(super) async fn resumable(target: &Path, url: u64) -> Result<Self, Error> {
        Self::opened(target, move |target| Self::reopen(target, url)).await
    }

    async fn opened<F>(target: &Path, open: F) -> Result<Self, Error>
    where
        F: FnOnce(&Path) -> Result<Self, Error> + Send + 'static,
    {
        let path = target.to_owned();
        let opened = blocking(move || open(&path)).await;
        opened.unwrap_or_else(|error| Err(SaveError::error("cannot open the file", target, error)))
    }

    fn create(target: &Path) -> Result<Self, Error> {
        let (folder, _) = place(target)?;
        let mut tries = 0;
        loop {
            // The keys of the hasher come from the system's source of randomness.
            let random = RandomState::new().build_hasher().finish();
            let path = folder.join(format!(".sortie-{random:016x}.part"));
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let file = BufWriter::with_capacity(BUFFER, file.into());
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

    fn reopen(target: &Path, url: u64) -> Result<Self, Error> {
        let (folder, name) = place(target)?;
        let path = folder.join(with(name, ".part"));
        let state_path = folder.join(with(name, ".part.state"));
        let failed = |error| SaveError::error("cannot open the file", &path, error);
        // Whoever may write to the folder must not choose by a link what is written to.
        let is_file = std::fs::symlink_metadata(&path).map(|found| found.is_file());
        if is_file.as_ref().is_ok_and(|is_file| !is_file) {
            std::fs::remove_file(&path).map_err(failed)?;
        }
        let is_new = !is_file.unwrap_or(false);
        let mut file =
            File::options().write(true).create(true).truncate(false).create_new(is_new).open(&path).map_err(failed)?;
        let length = if is_new { 0 } else { file.seek(io::SeekFrom::End(0)).map_err(failed)? };
        let known = std::fs::read(&state_path).ok().and_then(|text| State::from_text(&text));
        let state = known.filter(|state| state.url == url && length > 0);
        let file = BufWriter::with_capacity(BUFFER, file.into());
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
            let (to, text) = (path.clone(), state.to_text());
            let written = blocking(move || Written::new(to, &text)).await.and_then(|written| written);
            written.map_err(|error| SaveError::error("cannot write the file", path, error))?.keep();
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

/// A state file, which goes if nobody waits for its having been written.
pub(super) struct Written(Option<PathBuf>);

impl Written {
    pub(super) fn new(path: PathBuf, text: &[u8]) -> io::Result<Self> {
        std::fs::write(&path, text).map(|()| Self(Some(path)))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        self.0.iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}

/// Does `work` on a thread where it may block.
///
/// If this is dropped meanwhile, work that has begun goes on, and its result is dropped there: what it made in the file
/// system has to go with that. What `tokio::fs` makes would stay.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let mut working = Working(tokio::task::spawn_blocking(work));
    (&mut working.0).await.map_err(io::Error::other)
}

/// Work that is not begun any more when nobody waits for it.
struct Working<T>(JoinHandle<T>);

impl<T> Drop for Working<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The folder and the name of a file that can be made.
fn place(target: &Path) -> Result<(&Path, &OsStr), Error> {
    let refused = |what| SaveError::error("cannot save to", target, io::Error::new(io::ErrorKind::InvalidInput, what));
    let name = target.file_name().ok_or_else(|| refused("the path names no file"))?;
    if std::fs::metadata(target).is_ok_and(|found| found.is_dir()) {
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
        if let Ok(folder) = fs::File::open(folder).await {
            let _ = folder.sync_all().await;
        }
    }
    #[cfg(not(unix))]
    let _ = target;
}
