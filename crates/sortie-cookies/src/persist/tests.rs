use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, io};

use url::Url;

use super::*;
use crate::JarOptions;

const NOW: u64 = 1_800_000_000;

fn jar() -> Jar {
    Jar::with_options(JarOptions::default().clock(|| time(NOW)))
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// One of each kind.
fn full_jar() -> Jar {
    let jar = jar();
    for (at, field) in [
        (
            "https://www.example.com/a/b",
            &b"id=7; Domain=example.com; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"[..],
        ),
        ("https://www.example.com/a/b", b"own=x y\"z\\; Max-Age=60"),
        ("https://www.example.com/", b"__Host-p=1; Secure; Path=/; Max-Age=60; Partitioned; SameSite=None"),
        ("http://10.0.0.1/", b"ip=1; Max-Age=60"),
        ("http://[::1]/", b"ip6=1; Max-Age=60"),
        ("http://a.com/", b"nameless; Max-Age=60"),
        ("http://a.com/", b"=n=ameless; Max-Age=60; Path=/x"),
        ("http://a.com/", b"valueless=; Max-Age=60; SameSite=Strict"),
        ("http://a.com/", b"octets=\xFF\xFE; Max-Age=60"),
        ("http://a.com/", b"session=1"),
        ("http://a.com./", "ü=€; Max-Age=60".as_bytes()),
    ] {
        jar.receive(&url(at), field).unwrap();
    }
    jar
}

/// All that a jar knows, values included.
fn all(jar: &Jar) -> Vec<String> {
    jar.iter().map(|stored| format!("{stored:?} {}", stored.cookie)).collect()
}

fn answers(jar: &Jar) -> Vec<Option<Vec<u8>>> {
    let asked = [
        "https://www.example.com/a/b",
        "http://example.com/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://a.com/x",
        "http://a.com./",
    ];
    asked.into_iter().map(|at| Some(jar.header(&url(at))?.as_bytes().to_vec())).collect()
}

#[test]
fn what_is_written_and_read_is_the_same() {
    let written = full_jar();
    let read = jar();
    assert_eq!(read.load_netscape(written.to_netscape(Sessions::Keep)).unwrap(), written.len());
    assert_eq!(all(&read), all(&written));
    assert_eq!(answers(&read), answers(&written));
    assert_eq!(read.to_netscape(Sessions::Keep), written.to_netscape(Sessions::Keep));
    #[cfg(feature = "json")]
    {
        let read = jar();
        assert_eq!(read.load_json(written.to_json(Sessions::Keep)).unwrap(), written.len());
        assert_eq!(all(&read), all(&written));
        assert_eq!(answers(&read), answers(&written));
        assert_eq!(read.to_json(Sessions::Keep), written.to_json(Sessions::Keep));
    }
}
