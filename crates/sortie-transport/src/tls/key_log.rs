//! Session secrets for who is to decrypt a captured connection.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustls::KeyLog;

use super::error::TlsError;

/// Gives a closure each secret as a line of the NSS key log format.
pub(super) struct Lines<F>(pub(super) F);

impl<F: Fn(&str) + Send + Sync> KeyLog for Lines<F> {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = String::with_capacity(label.len() + 2 * (client_random.len() + secret.len() + 1));
        line.push_str(label);
        for octets in [client_random, secret] {
            line.push(' ');
            for octet in octets {
                // A string takes everything.
                let _ = write!(line, "{octet:02x}");
            }
        }
        (self.0)(&line);
    }
}

impl<F> fmt::Debug for Lines<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLog")
    }
}

/// Appends lines to a file that only its owner may read.
pub(super) fn to_file(path: &Path) -> Result<impl Fn(&str) + Send + Sync + 'static, TlsError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file: Mutex<File> = Mutex::new(options.open(path).map_err(|error| TlsError::file(path, error))?);
    Ok(move |line: &str| {
        // In one piece, for several programs may write to it. A full disk is no reason for a connection to fail.
        let line = format!("{line}\n");
        let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    })
}
