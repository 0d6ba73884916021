use std::path::{Path, PathBuf};
use std::process::Command;

use sortie::BoxError;

pub(crate) const SCRIPT: &str = include_str!("requests.py");

/// The interpreter of the virtual environment that has requests; an error that says how to make it.
pub(crate) fn interpreter() -> Result<PathBuf, BoxError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python");
    let found = Command::new(&path).args(["-c", "import requests"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Ok(path);
    }
    Err("--python needs a virtual environment with requests in target/python; make it with: \
         python3 -m venv target/python && target/python/bin/pip install -r tests/requirements.txt"
        .into())
}
