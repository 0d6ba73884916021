//! A home folder for one scenario, with the netrc files that it has there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scenario::{Scenario, Settings};

/// A folder that is there until this is dropped.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn make(scenario: &Scenario) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("home-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let home = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&home.0).unwrap();
        let Settings { home_files, home_is_open, .. } = &scenario.session;
        for (name, text) in home_files.iter().flatten() {
            let file = home.0.join(name);
            fs::write(&file, text).unwrap();
            allow_others(&file, *home_is_open);
        }
        home
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

/// Whether others than its owner may read a file.
#[cfg_attr(not(unix), expect(unused_variables, reason = "nobody looks at it there"))]
fn allow_others(file: &Path, may_read: bool) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if may_read { 0o644 } else { 0o600 };
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A folder that stays is no failure.
        let _ = fs::remove_dir_all(&self.0);
    }
}
