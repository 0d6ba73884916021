//! Whatever stands in `Expires`: the date parser does not panic, and a date is one of those that it can name, from 1970
//! to 9999. It is reached as servers reach it, through the attribute.

#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use sortie_cookies::SetCookie;

/// The first second of the year 10000.
const END: Duration = Duration::from_secs(253_402_300_800);

fuzz_target!(|date: &[u8]| {
    let field = [b"a=b; Expires=", date].concat();
    let Some(found) = SetCookie::parse(&field).ok().and_then(|set| set.expires()) else { return };
    assert!(found >= UNIX_EPOCH && found < UNIX_EPOCH + END, "{found:?}");
    // In any case of letters, and with any delimiters around.
    if !date.contains(&b';') {
        let field = [b"a=b; expires= ,", &*date.to_ascii_uppercase(), b", "].concat();
        let again = SetCookie::parse(&field).ok().and_then(|set| set.expires());
        // An attribute of more than 1024 octets is left out.
        assert!(again == Some(found) || date.len() > 1000, "{found:?} became {again:?}");
    }
});
