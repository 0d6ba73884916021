//! End-to-end tests of sortie, one module per behaviour; here, what the binaries that measure a process have in common,
//! and those that need Python.

use std::path::PathBuf;

/// How one gets the Python that [`python`] looks for.
pub const INSTALL_PYTHON: &str = "python3 -m venv target/python && target/python/bin/pip install -r tests/requirements.txt, \
     or name another python in SORTIE_PYTHON";

/// The Python that has what the tests need: the one in `SORTIE_PYTHON`, or that of [`INSTALL_PYTHON`].
#[must_use]
pub fn python() -> PathBuf {
    let made = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/python/bin/python"));
    std::env::var_os("SORTIE_PYTHON").map_or_else(made, PathBuf::from)
}

/// What the system tells of this process's memory under this name, in KiB: `VmRSS` now, `VmHWM` at most. `None` where it
/// tells nothing.
#[must_use]
pub fn memory_kib(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

/// Whether the ignored test `name` is not asked for; then says so as libtest does, for binaries that are not built with it.
#[must_use]
pub fn is_ignored(name: &str, needs: &str) -> bool {
    let is_ignored = !std::env::args().any(|argument| matches!(&*argument, "--ignored" | "--include-ignored"));
    if is_ignored {
        println!("test {name} ... ignored, needs {needs}\n\ntest result: ok. 0 passed; 0 failed; 1 ignored");
    }
    is_ignored
}
