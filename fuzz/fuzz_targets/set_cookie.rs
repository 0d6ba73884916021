//! Whatever a server sends as `Set-Cookie`: the parser does not panic, and what the jar takes comes out of it as one
//! pair without control characters, parts as the parser read them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sortie_cookies::{Jar, SetCookie};
use url::Url;

fuzz_target!(|field: &[u8]| {
    let parsed = SetCookie::parse(field);
    for url in ["https://www.example.com/a/b", "http://127.0.0.1/", "https://www.example.co.uk/"] {
        let url = Url::parse(url).expect("a URL");
        let jar = Jar::new();
        if jar.receive(&url, field).is_err() {
            assert!(jar.is_empty(), "a refused cookie is in the jar");
            continue;
        }
        let parsed = parsed.as_ref().expect("the jar takes only what the parser reads");
        // It is kept for paths and sites of its own choice; where it goes with a request, it goes as it came.
        let Some(header) = jar.header(&url) else { continue };
        let octets = header.as_bytes();
        assert!(!octets.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t'), "a control character");
        assert!(!octets.contains(&b';'), "more than one pair");
        let equals: &[u8] = if parsed.name().is_empty() { b"" } else { b"=" };
        assert_eq!(octets, [parsed.name(), equals, parsed.value()].concat(), "another pair than the parser's");
    }
});
