use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use sortie_core::BoxError;

use super::stream::Raw;

/// A connection to a Unix socket could not be made. Its source is the system's error.
#[derive(Debug)]
pub struct UnixSocketError {
    path: Arc<Path>,
    source: io::Error,
}

impl UnixSocketError {
    /// The socket's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for UnixSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing accepted a connection at the Unix socket {}", self.path.display())
    }
}

impl Error for UnixSocketError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(unix)]
pub(super) async fn connect(path: &Arc<Path>) -> Result<Raw, BoxError> {
    match tokio::net::UnixStream::connect(path).await {
        Ok(stream) => Ok(Raw::Unix(stream)),
        Err(source) => Err(UnixSocketError { path: path.clone(), source }.into()),
    }
}

#[cfg(not(unix))]
pub(super) async fn connect(path: &Arc<Path>) -> Result<Raw, BoxError> {
    Err(UnixSocketError { path: path.clone(), source: io::ErrorKind::Unsupported.into() }.into())
}
