//! Whatever stands in a `cookies.txt`: the reader does not panic, and what it read, written and read again, is the same.

#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use sortie_cookies::persist::Sessions;
use sortie_cookies::{Jar, JarOptions};

/// A jar whose time stands still, at a day of 2027.
fn jar() -> Jar {
    Jar::with_options(JarOptions::default().clock(|| UNIX_EPOCH + Duration::from_secs(1_800_000_000)))
}

fuzz_target!(|text: &[u8]| {
    let first = jar();
    let Ok(taken) = first.load_netscape(text) else {
        assert!(first.is_empty(), "a damaged text left something in the jar");
        return;
    };
    assert!(first.len() <= taken);
    let written = first.to_netscape(Sessions::Keep);
    let second = jar();
    second.load_netscape(&written).expect("what was written can be read");
    assert_eq!(String::from_utf8_lossy(&second.to_netscape(Sessions::Keep)), String::from_utf8_lossy(&written));
    // A path with a tab has no place in the format. Nothing else gets lost.
    let can_stand = |text: &str| !text.contains('\t');
    let all = first.all();
    let stands = all
        .iter()
        .filter(|stored| can_stand(stored.cookie.path().unwrap_or_default()) && !stored.domain.starts_with('.'));
    assert_eq!(stands.count(), second.len(), "{all:?}");
});
