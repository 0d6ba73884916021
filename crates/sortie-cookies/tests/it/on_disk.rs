//! What is saved and loaded answers every request as before.

use http::HeaderValue;
use sortie_cookies::persist::Sessions;
use sortie_cookies::{Jar, JarOptions};
use url::Url;

use crate::draw::{Time, field, for_seeds, url};

type Reload = fn(&Jar, JarOptions) -> Jar;

#[test]
fn a_loaded_jar_answers_as_the_saved_one_did() {
    let json: Reload = |jar, options| {
        let loaded = Jar::with_options(options);
        loaded.load_json(jar.to_json(Sessions::Keep)).expect("what was written can be read");
        loaded
    };
    let netscape: Reload = |jar, options| {
        let loaded = Jar::with_options(options);
        loaded.load_netscape(jar.to_netscape(Sessions::Keep)).expect("what was written can be read");
        loaded
    };
    for (reload, is_tab_kept) in [(json, true), (netscape, false)] {
        for_seeds(200, |rng| {
            let time = Time::new();
            let jar = Jar::with_options(time.options());
            for _ in 0..60 {
                let set = field(rng);
                // `cookies.txt` parts its fields by tabs and cannot hold one.
                if is_tab_kept || !set.contains(&b'\t') {
                    let _ = jar.receive(&url(rng), &set);
                }
                time.pass(rng.u64(..2));
            }
            let loaded = reload(&jar, time.options());
            assert_eq!(format!("{:?}", loaded.all()), format!("{:?}", jar.all()));
            for _ in 0..4 {
                for to in (0..30).map(|_| url(rng)) {
                    assert_eq!(sent(&loaded, &to), sent(&jar, &to), "{to}");
                }
                // Also when more of them have expired, and when a cookie is set again in both.
                time.pass(rng.u64(..40));
                let (at, set) = (url(rng), field(rng));
                assert_eq!(loaded.receive(&at, &set), jar.receive(&at, &set));
            }
        });
    }
}

fn sent(jar: &Jar, to: &Url) -> Option<HeaderValue> {
    jar.header(to)
}
