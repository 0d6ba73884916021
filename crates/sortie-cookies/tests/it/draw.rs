//! Drawing servers, fields and requests at random.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use sortie_cookies::JarOptions;
use url::Url;

/// Runs `check` with the generators of so many seeds, and says at a panic which seed it was.
pub(crate) fn for_seeds(count: u64, check: impl Fn(&mut Rng)) {
    struct Tell(Rc<Cell<u64>>);
    impl Drop for Tell {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed with SORTIE_SEED={}", self.0.get());
            }
        }
    }
    let wanted = std::env::var("SORTIE_SEED").ok().map(|seed| seed.parse().expect("SORTIE_SEED is a number"));
    let seed = Rc::new(Cell::new(0));
    let _tell = Tell(seed.clone());
    for number in wanted.map_or(0..count, |seed| seed..seed + 1) {
        seed.set(number);
        check(&mut Rng::with_seed(number));
    }
}

/// A clock that stands still unless it is moved; it begins in 2027.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000)))
    }

    pub(crate) fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn options(&self) -> JarOptions {
        let time = self.clone();
        JarOptions::default().clock(move || time.now())
    }
}

pub(crate) fn pick<'a>(rng: &mut Rng, choices: &[&'a str]) -> &'a str {
    choices[rng.usize(..choices.len())]
}

const HOSTS: [&str; 14] = [
    "a.com",
    "www.a.com",
    "x.www.a.com",
    "b.a.com",
    "ba.com",
    "b.com",
    "com",
    "a.com.",
    "10.0.0.1",
    "1.10.0.0.1.com",
    "[::1]",
    "localhost",
    "me.github.io",
    "www.a.co.uk",
];
const PATHS: [&str; 9] = ["/", "/x", "/x/", "/x/y", "/x/y/z", "/xy", "//x", "/X", "/x?a=/y"];

pub(crate) fn url(rng: &mut Rng) -> Url {
    let text = format!("{}://{}{}", pick(rng, &["http", "https", "ws", "wss"]), pick(rng, &HOSTS), pick(rng, &PATHS));
    Url::parse(&text).expect("a URL")
}

/// The value of a `Set-Cookie` field: mostly sound, now and then not.
pub(crate) fn field(rng: &mut Rng) -> Vec<u8> {
    let names = ["a=", "b=", "c=", " A =", "=", "", "__Host-a=", "__secure-b=", "__Http-c=", "=__Host-a="];
    let values = ["1", "2", "", "\"q\"", "x=y", " z ", "__Host-a", "t\tt", "\u{E4}"];
    let paths = ["", "", "; Path=/", "; path=/x", "; Path=/x/", "; Path=/x/y", "; Path=rel", "; Path"];
    let domains = [
        "",
        "",
        "",
        "; Domain=a.com",
        "; Domain=.A.COM",
        "; Domain=www.a.com",
        "; Domain=com",
        "; Domain=co.uk",
        "; Domain=10.0.0.1",
        "; Domain=0.0.1",
        "; Domain=github.io",
        "; Domain=",
        "; Domain=a.com.",
        "; Domain=a.co.uk",
    ];
    let ages = [
        "",
        "",
        "; Max-Age=3",
        "; Max-Age=0",
        "; Max-Age=-5",
        "; max-age=100",
        "; Max-Age=1x",
        "; Expires=Fri, 15 Jan 2027 08:00:20 GMT",
        "; Max-Age=9999999999",
        "; Expires=never",
    ];
    let mut field = [
        pick(rng, &names),
        pick(rng, &values),
        pick(rng, &paths),
        pick(rng, &domains),
        pick(rng, &ages),
        pick(rng, &["", "; Secure"]),
        pick(rng, &["", "; HttpOnly"]),
        pick(rng, &["", "", "; SameSite=Lax", "; SameSite=Strict", "; SameSite=None", "; SameSite=what"]),
    ]
    .concat()
    .into_bytes();
    if rng.u8(..20) == 0 {
        let at = rng.usize(..=field.len());
        field.insert(at, rng.u8(..));
    }
    field
}
