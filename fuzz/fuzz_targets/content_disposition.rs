//! Whatever a server sends as `Content-Disposition`: the parser does not panic, and the name that may be saved to is one
//! of a file in the folder that it is joined to.

#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use sortie::ContentDisposition;

fuzz_target!(|field: &[u8]| {
    let Some(disposition) = ContentDisposition::parse(field) else { return };
    assert!(!disposition.kind().is_empty() && disposition.kind().is_ascii());
    let Some(name) = disposition.safe_filename() else { return };
    let mut components = Path::new(&name).components();
    assert!(matches!(components.next(), Some(Component::Normal(_))) && components.next().is_none(), "{name:?}");
    assert!(name.len() <= 200 && !name.starts_with('.') && !name.ends_with(['.', ' ']), "{name:?}");
    assert!(!name.contains(|c: char| c.is_control() || r#"/\<>:"|?*"#.contains(c)), "{name:?}");
    // What is safe is left as it is.
    let quoted = format!("attachment; filename=\"{name}\"");
    let again = ContentDisposition::parse(quoted.as_bytes()).and_then(|disposition| disposition.safe_filename());
    assert_eq!(again.as_deref(), Some(&*name));
});
