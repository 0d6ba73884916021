use std::fmt;
use std::io::{self, SeekFrom};
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use sortie_core::{Body, BoxFuture};
use tokio::io::{AsyncReadExt, AsyncSeekExt, Take};
use tokio_util::io::ReaderStream;

use super::{chunks, with_path};

/// A file, or a range of one, as a body: opened anew for each sending, read in chunks, with its length known.
///
/// Between two sendings the file may change. One that has become shorter fails the call with
/// [`LengthMismatch`](sortie_core::LengthMismatch); of one that has grown, what it had when it was opened here is sent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("sortie-file-{}", std::process::id()));
/// std::fs::write(&path, "0123456789")?;
/// let file = sortie::body::File::open(&path).await?;
/// assert_eq!(file.len(), 10);
///
/// // The second half, for a server that takes uploads in pieces.
/// let request = sortie::Session::new().put("http://files.test/big").body(file.range(5..)?).build()?;
/// assert_eq!(request.body().content_length(), Some(5));
/// # std::fs::remove_file(&path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct File {
    path: Arc<Path>,
    start: u64,
    length: u64,
}

impl File {
    /// The whole file at `path`.
    ///
    /// # Errors
    ///
    /// If it cannot be opened for reading, or is no regular file: of a folder, a pipe or a device the length is not known
    /// (see [`reader`](super::reader)). The error names the path.
    pub async fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path: Arc<Path> = path.into().into();
        let about = |error: io::Error| with_path(&path, &error);
        // Before it is opened: to open a pipe that nobody writes to never ends.
        if !tokio::fs::metadata(&path).await.map_err(about)?.is_file() {
            return Err(with_path(&path, &io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
        }
        let length = tokio::fs::File::open(&path).await.map_err(about)?.metadata().await.map_err(about)?.len();
        Ok(Self { start: 0, length, path })
    }

    /// A range of it, in octets from its start.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is not within the file, or of the range taken before.
    pub fn range(self, range: impl RangeBounds<u64>) -> io::Result<Self> {
        let start = match range.start_bound() {
            Bound::Included(start) => Some(*start),
            Bound::Excluded(before) => before.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.checked_add(1),
            Bound::Excluded(end) => Some(*end),
            Bound::Unbounded => Some(self.length),
        };
        match (start, end) {
            (Some(start), Some(end)) if start <= end && end <= self.length => {
                Ok(Self { start: self.start + start, length: end - start, ..self })
            }
            _ => {
                let what = format!("the range is not within the {} octets that there are", self.length);
                Err(with_path(&self.path, &io::Error::new(io::ErrorKind::InvalidInput, what)))
            }
        }
    }

    /// How much of it is sent, in octets.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing of it is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The last part of its path.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned())
    }

    /// A stream of its content from the start.
    fn read(&self) -> Reading {
        let Self { path, start, length } = self.clone();
        let opening = async move {
            let about = |error: io::Error| with_path(&path, &error);
            let mut file = tokio::fs::File::open(&path).await.map_err(about)?;
            if start > 0 {
                file.seek(SeekFrom::Start(start)).await.map_err(about)?;
            }
            Ok(chunks(file.take(length)))
        };
        Reading::Opening(Box::pin(opening))
    }
}

impl From<File> for Body {
    fn from(file: File) -> Self {
        if file.is_empty() {
            return Self::empty();
        }
        Self::factory(Some(file.length), move || Self::stream(file.read()))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, start, length } = self;
        f.debug_struct("File").field("path", path).field("start", start).field("length", length).finish()
    }
}

enum Reading {
    Opening(BoxFuture<'static, io::Result<ReaderStream<Take<tokio::fs::File>>>>),
    Open(ReaderStream<Take<tokio::fs::File>>),
}

impl Stream for Reading {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            *self = match &mut *self {
                Self::Open(stream) => return Pin::new(stream).poll_next(cx),
                Self::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(stream) => Self::Open(stream),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
            };
        }
    }
}
