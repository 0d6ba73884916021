//! No server makes the jar grow.

use sortie_cookies::{Jar, JarOptions};
use url::Url;

/// A million of them, over one host, over many hosts of one domain, and over many domains.
#[test]
fn a_million_cookies_do_not_grow_the_jar_past_its_limits() {
    let jar = Jar::with_options(JarOptions::default().per_domain(180).total(3300));
    let field = |number: u32| format!("c{number}=1; Path=/; Max-Age=3600");
    let fill = |count: u32, host: &dyn Fn(u32) -> String, most: usize| {
        for number in 0..count {
            let url = Url::parse(&host(number)).expect("a URL");
            jar.receive(&url, field(number).as_bytes()).expect("a cookie that may be set");
            assert!(jar.len() <= most, "{} cookies after {number}", jar.len());
        }
    };
    fill(400_000, &|_| "https://one.example/".to_owned(), 180);
    fill(300_000, &|number| format!("https://h{}.two.example/", number % 5_000), 3300);
    fill(300_000, &|number| format!("https://www.d{number}.com/"), 3300);
    assert_eq!(jar.iter().count(), jar.len());
}
