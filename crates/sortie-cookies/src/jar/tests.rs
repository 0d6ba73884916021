use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Uri;

use super::*;
use crate::{Partition, SiteContext};

/// A clock that the test moves.
#[derive(Clone, Default)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn options(&self) -> JarOptions {
        let time = self.clone();
        JarOptions::default()
            .clock(move || UNIX_EPOCH + Duration::from_secs(1_800_000_000 + time.0.load(Ordering::Relaxed)))
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn set(jar: &Jar, at: &str, field: &str) -> Result<(), Refused> {
    jar.receive(&url(at), field.as_bytes())
}

fn sent(jar: &Jar, to: &str) -> String {
    jar.header(&url(to)).map_or_else(String::new, |field| field.to_str().unwrap().to_owned())
}

fn jar_with(fields: &[(&str, &str)]) -> Jar {
    let jar = Jar::new();
    for (at, field) in fields {
        set(&jar, at, field).unwrap();
    }
    jar
}

#[test]
fn a_host_gets_its_own_and_its_parents_cookies() {
    let jar = jar_with(&[
        ("http://example.com/", "host=1"),
        ("http://example.com/", "domain=1; Domain=example.com"),
        ("http://www.example.com/", "www=1"),
        ("http://127.0.0.1/", "ip=1; Domain=127.0.0.1"),
        ("http://[::1]:8080/", "ip=6"),
    ]);
    for (to, expected) in [
        ("http://example.com/", "host=1; domain=1"),
        ("http://EXAMPLE.com:8080/x", "host=1; domain=1"),
        ("http://www.example.com/", "domain=1; www=1"),
        ("http://a.www.example.com/", "domain=1"),
        ("http://other.com/", ""),
        ("http://com/", ""),
        ("http://badexample.com/", ""),
        ("http://example.com./", ""),
        ("http://127.0.0.1:81/", "ip=1"),
        ("http://1.127.0.0.1.example/", ""),
        ("http://[::1]/", "ip=6"),
    ] {
        assert_eq!(sent(&jar, to), expected, "{to}");
    }
}

#[test]
fn longer_paths_go_first_and_then_older_cookies() {
    let jar = jar_with(&[
        ("http://a.com/", "root=1; Path=/"),
        ("http://a.com/", "deep=1; Path=/x/y"),
        ("http://a.com/", "old=1; Path=/x"),
        ("http://a.com/", "new=1; Path=/x"),
        ("http://a.com/", "elsewhere=1; Path=/z"),
        ("http://a.com/", "old=2; Path=/x"),
    ]);
    assert_eq!(sent(&jar, "http://a.com/x/y/z"), "deep=1; old=2; new=1; root=1");
    assert_eq!(sent(&jar, "http://a.com/xy"), "root=1");
}

#[test]
fn a_cookie_is_replaced_by_one_of_the_same_name_domain_path_and_host_only_flag() {
    let jar = jar_with(&[
        ("http://a.com/", "n=1; Path=/"),
        ("http://a.com/", "n=2; Path=/; HttpOnly"),
        ("http://a.com/", "n=3; Path=/; Domain=a.com"),
        ("http://a.com/", "n=4; Path=/x"),
        ("http://a.com/", "N=5; Path=/"),
    ]);
    assert_eq!(sent(&jar, "http://a.com/x"), "n=4; n=2; n=3; N=5");
    assert_eq!(jar.len(), 4);
}

#[test]
fn a_secure_cookie_is_sent_only_over_secure_connections() {
    let jar = jar_with(&[("https://a.com/", "s=1; Secure"), ("https://a.com/", "p=1")]);
    assert_eq!(sent(&jar, "https://a.com/"), "s=1; p=1");
    assert_eq!(sent(&jar, "http://a.com/"), "p=1");
}

#[test]
fn loopback_is_secure_where_it_is_trusted() {
    let jar = Jar::with_options(JarOptions::default().trust_loopback(true));
    set(&jar, "http://localhost:3000/", "s=1; Secure").unwrap();
    assert_eq!(sent(&jar, "http://localhost:4000/"), "s=1");
    assert_eq!(set(&jar, "http://a.com/", "s=1; Secure"), Err(Refused::Secure));
    assert_eq!(set(&Jar::new(), "http://localhost:3000/", "s=1; Secure"), Err(Refused::Secure));
}

// RFC 6265bis §5.7, the note on the path comparison among them.
#[test]
fn secure_cookies_are_left_alone() {
    let shadowed = Err(Refused::ShadowsSecure);
    for (at, field, expected) in [
        ("http://www.a.com/", "a=x; Path=/login", shadowed),
        ("http://www.a.com/", "a=x; Path=/login/en", shadowed),
        ("http://www.a.com/", "a=x; Path=/", Ok(())),
        ("http://www.a.com/", "a=x; Path=/foo", Ok(())),
        ("http://www.a.com/", "b=x; Path=/login", Ok(())),
        ("http://www.a.com/", "a=x; Path=/login; Domain=a.com", shadowed),
        ("http://a.com/", "a=x; Path=/login", shadowed),
        ("http://deep.www.a.com/", "a=x; Path=/login", shadowed),
        ("http://other.a.com/", "a=x; Path=/login", Ok(())),
        ("http://b.com/", "a=x; Path=/login", Ok(())),
        ("https://www.a.com/", "a=x; Path=/login", Ok(())),
    ] {
        let jar = jar_with(&[("https://www.a.com/", "a=1; Secure; Path=/login")]);
        assert_eq!(set(&jar, at, field), expected, "{at} {field}");
    }
}

#[test]
fn a_cookie_ends_at_its_time() {
    let time = Time::default();
    let jar = Jar::with_options(time.options());
    set(&jar, "http://a.com/", "short=1; Max-Age=10").unwrap();
    set(&jar, "http://a.com/", "session=1").unwrap();
    time.pass(9);
    assert_eq!(sent(&jar, "http://a.com/"), "short=1; session=1");
    time.pass(1);
    assert_eq!(sent(&jar, "http://a.com/"), "session=1");
    assert_eq!(jar.all().len(), 1);
    jar.clear_expired();
    assert_eq!(jar.len(), 1);
}

#[test]
fn an_expired_cookie_deletes_the_one_it_replaces() {
    for attributes in
        ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT", "expires=Wed, 1 Jan 2020 00:00:00 GMT"]
    {
        let jar = jar_with(&[("http://a.com/", "a=1; Max-Age=100")]);
        set(&jar, "http://a.com/", &format!("a=; {attributes}; Path=/other")).unwrap();
        assert_eq!(sent(&jar, "http://a.com/"), "a=1", "{attributes}");
        set(&jar, "http://a.com/", &format!("a=; {attributes}")).unwrap();
        assert!(jar.is_empty(), "{attributes}");
    }
}

#[test]
fn same_site_is_enforced_where_the_request_says_its_context() {
    let jar = jar_with(&[
        ("https://a.com/", "strict=1; SameSite=Strict"),
        ("https://a.com/", "lax=1; SameSite=Lax"),
        ("https://a.com/", "none=1; SameSite=None; Secure"),
        ("https://a.com/", "default=1"),
    ]);
    let uri = Uri::from_static("https://a.com/");
    for (site, expected) in [
        (SiteContext::SameSite, "strict=1; lax=1; none=1; default=1"),
        (SiteContext::CrossSiteNavigation, "lax=1; none=1; default=1"),
        (SiteContext::CrossSite, "none=1"),
    ] {
        assert_eq!(jar.cookies(CookieRequest::new(&uri).site(site)).unwrap(), expected);
    }
}

#[test]
fn a_full_domain_loses_the_expired_then_the_insecure_then_what_was_not_used() {
    let time = Time::default();
    let jar = Jar::with_options(time.options().per_domain(3));
    for field in ["old=1; Secure", "used=1", "unused=1"] {
        set(&jar, "https://a.com/", field).unwrap();
    }
    time.pass(1);
    set(&jar, "https://a.com/used", "used=1; Path=/").unwrap();
    set(&jar, "https://a.com/", "x=1; Max-Age=5").unwrap();
    assert_eq!(sent(&jar, "https://a.com/"), "old=1; used=1; x=1", "the insecure one not used goes first");
    time.pass(5);
    set(&jar, "https://a.com/", "y=1; Secure").unwrap();
    assert_eq!(sent(&jar, "https://a.com/"), "old=1; used=1; y=1", "an expired one goes before");
    time.pass(1);
    set(&jar, "https://a.com/", "z=1; Secure").unwrap();
    assert_eq!(sent(&jar, "https://a.com/"), "old=1; y=1; z=1", "any insecure one goes before a secure one");
    set(&jar, "https://b.com/", "b=1").unwrap();
    assert_eq!(jar.len(), 4, "each domain has its own limit");
}

#[test]
fn sending_a_cookie_is_using_it() {
    let time = Time::default();
    let jar = Jar::with_options(time.options().per_domain(2));
    set(&jar, "http://a.com/", "first=1; Path=/first").unwrap();
    set(&jar, "http://a.com/", "second=1; Path=/second").unwrap();
    time.pass(1);
    assert_eq!(sent(&jar, "http://a.com/first"), "first=1");
    set(&jar, "http://a.com/", "third=1; Path=/third").unwrap();
    assert_eq!(sent(&jar, "http://a.com/first"), "first=1");
    assert_eq!(sent(&jar, "http://a.com/second"), "");
}

#[test]
fn nobody_can_fill_the_memory() {
    let jar = Jar::with_options(JarOptions::default().per_domain(50).total(300));
    for n in 0..20_000 {
        let at = format!("http://h{}.example.com/", n % 700);
        set(&jar, &at, &format!("c{n}=1; Path=/{n}")).unwrap();
        assert!(jar.len() <= 300);
    }
    assert!(jar.len() > 200);
    assert_eq!(jar.all().len(), jar.len());
    for n in 0..2000 {
        set(&jar, "http://one.example.com/", &format!("c{n}=1")).unwrap();
    }
    assert!(jar.all().iter().filter(|cookie| cookie.domain == "one.example.com").count() <= 50);
    assert!(jar.len() <= 300);
}

#[test]
fn limits_of_nothing_hold_nothing() {
    for options in [JarOptions::default().total(0), JarOptions::default().per_domain(0)] {
        let jar = Jar::with_options(options);
        set(&jar, "http://a.com/", "a=1").unwrap();
        assert_eq!((jar.len(), sent(&jar, "http://a.com/")), (0, String::new()));
    }
}

#[test]
fn cookies_set_by_hand_are_held_to_the_rules() {
    let jar = Jar::new();
    let at = url("http://www.bücher.example/a/b");
    for (cookie, expected) in [
        (Cookie::new("a", "1"), Ok(())),
        (Cookie::build(("b", "2")).domain("bücher.example").path("/").build(), Ok(())),
        (Cookie::build(("b", "2")).domain(".BÜCHER.example").path("/").build(), Ok(())),
        (Cookie::build(("c", "3")).domain("other.example").build(), Err(Refused::Domain)),
        (Cookie::build(("c", "3")).domain("b cher.example").build(), Err(Refused::Domain)),
        (Cookie::build(("c", "3")).domain("example").build(), Err(Refused::PublicSuffix)),
        (Cookie::build(("c", "3")).secure(true).build(), Err(Refused::Secure)),
        (Cookie::new("__Host-c", "3"), Err(Refused::Prefix)),
        (Cookie::new("c", "3;4"), Err(Refused::Syntax)),
        (Cookie::new("c=", "3"), Err(Refused::Syntax)),
        (Cookie::new("c", "3 "), Err(Refused::Syntax)),
        (Cookie::new("c", "3\n"), Err(Refused::ControlCharacter)),
        (Cookie::new("", ""), Err(Refused::Empty)),
        (Cookie::build(("c", "3")).path("/a\nb").build(), Err(Refused::ControlCharacter)),
        (Cookie::build(("c", "3")).path(format!("/{}", "p".repeat(70_000))).build(), Err(Refused::Path)),
        (Cookie::build(("c", "3")).same_site(cookie::SameSite::None).build(), Err(Refused::SameSiteNone)),
        (Cookie::new("c", "x".repeat(4096)), Err(Refused::TooLarge)),
    ] {
        let name = cookie.to_string();
        assert_eq!(jar.set(&at, cookie), expected, "{name}");
    }
    assert_eq!(jar.set(&url("data:text/plain,x"), ("a", "1")), Err(Refused::Url));
    assert_eq!(sent(&jar, "http://www.bücher.example/a/"), "a=1; b=2");
    assert_eq!(sent(&jar, "http://xn--bcher-kva.example/"), "b=2");
}

#[test]
fn what_is_set_comes_back_and_can_be_set_again() {
    let time = Time::default();
    let jar = Jar::with_options(time.options());
    let at = url("https://www.a.com/x/y");
    set(&jar, at.as_str(), "n=v; Domain=a.com; Secure; HttpOnly; SameSite=Lax; Max-Age=60; Partitioned").unwrap();
    let cookie = jar.get(&at, "n").unwrap();
    assert_eq!((cookie.name(), cookie.value(), cookie.domain(), cookie.path()), ("n", "v", Some("a.com"), Some("/x")));
    assert_eq!((cookie.secure(), cookie.http_only(), cookie.partitioned()), (Some(true), Some(true), Some(true)));
    assert_eq!(cookie.same_site(), Some(cookie::SameSite::Lax));
    assert_eq!(cookie.expires_datetime().unwrap().unix_timestamp(), 1_800_000_060);
    assert_eq!(jar.get(&url("https://www.a.com/"), "n").map(|cookie| cookie.to_string()), None);

    let other = Jar::with_options(time.options());
    other.set(&at, cookie).unwrap();
    assert_eq!(format!("{:?}", other.all()), format!("{:?}", jar.all()));
}

#[test]
fn a_value_need_not_be_text() {
    let jar = Jar::new();
    jar.receive(&url("http://a.com/"), b"a=\xFF; Path=/").unwrap();
    assert_eq!(jar.header(&url("http://a.com/")).unwrap().as_bytes(), b"a=\xFF");
    assert_eq!(jar.get(&url("http://a.com/"), "a").unwrap().value(), "\u{FFFD}");
}

#[test]
fn what_can_be_removed() {
    let fill = || {
        jar_with(&[
            ("http://a.com/", "one=1; Domain=a.com"),
            ("http://a.com/", "one=1"),
            ("http://a.com/", "two=1; Path=/x; Max-Age=100"),
            ("http://www.a.com/", "three=1"),
            ("http://b.com/", "four=1"),
        ])
    };
    type Removal = fn(&Jar);
    for (removal, left) in [
        ((|jar| assert!(jar.remove("A.com", "/", "one"))) as Removal, &["two", "three", "four"][..]),
        (|jar| assert!(!jar.remove("a.com", "/", "two")), &["one", "one", "two", "three", "four"]),
        (|jar| assert!(!jar.remove("x.y.z", "/", "one")), &["one", "one", "two", "three", "four"]),
        (Jar::clear_session, &["two"]),
        (|jar| jar.clear_domain(".a.com"), &["four"]),
        (|jar| jar.clear_domain("www.A.com"), &["one", "one", "two", "four"]),
        (|jar| jar.retain(|cookie| cookie.host_only), &["one", "two", "three", "four"]),
        (Jar::clear, &[]),
    ] {
        let jar = fill();
        removal(&jar);
        assert_eq!(jar.iter().map(|stored| stored.cookie.name().to_owned()).collect::<Vec<_>>(), left);
        assert_eq!((jar.len(), jar.is_empty()), (left.len(), left.is_empty()));
    }
}

#[test]
fn cookies_can_be_listed_by_url_and_by_domain() {
    let jar = jar_with(&[
        ("http://a.com/", "one=1; Domain=a.com; Path=/"),
        ("http://www.a.com/", "two=1; Path=/x"),
        ("http://b.com/", "three=1"),
    ]);
    let names = |cookies: Vec<StoredCookie>| cookies.iter().map(|at| at.cookie.name().to_owned()).collect::<Vec<_>>();
    for (to, expected) in [
        ("http://www.a.com/x/y", &["two", "one"][..]),
        ("http://a.com/", &["one"]),
        ("http://c.com/", &[]),
        ("data:,x", &[]),
    ] {
        assert_eq!(names(jar.iter_for(&url(to)).collect()), expected, "{to}");
    }
    for (domain, expected) in
        [(".A.com", &["one", "two"][..]), ("www.a.com", &["two"]), ("com", &["one", "two", "three"]), ("", &[])]
    {
        assert_eq!(names(jar.iter_domain(domain).collect()), expected, "{domain}");
    }
}

// CHIPS (draft-cutler-httpbis-partitioned-cookies), and what it means without a browser's page.
#[test]
fn a_partitioned_cookie_stays_in_its_partition() {
    let jar = jar_with(&[("https://chat.example/", "plain=1; Path=/; SameSite=None; Secure")]);
    let uri = Uri::from_static("https://chat.example/");
    let [shop, bank] = ["https://www.shop.co.uk/", "https://bank.com/"].map(|page| Partition::of(&url(page)).unwrap());
    let own = Partition::of(&url("https://www.chat.example/")).unwrap();
    for (partition, value) in [(Some(&shop), "shop"), (Some(&bank), "bank"), (None, "own")] {
        let field = format!("id={value}; Path=/; SameSite=None; Secure; Partitioned");
        let field = HeaderValue::try_from(field).unwrap();
        jar.store(CookieRequest::new(&uri).partition(partition), &mut std::iter::once(&field));
    }
    assert_eq!(jar.len(), 4);
    for (partition, expected) in [
        (Some(&shop), "plain=1; id=shop"),
        (Some(&bank), "plain=1; id=bank"),
        (Some(&own), "plain=1; id=own"),
        (None, "plain=1; id=own"),
        (Partition::of(&url("https://other.com/")).as_ref(), "plain=1"),
        (Partition::of(&url("http://bank.com/")).as_ref(), "plain=1"),
    ] {
        let answer = jar.cookies(CookieRequest::new(&uri).partition(partition)).unwrap();
        assert_eq!(answer, expected, "{partition:?}");
    }
    let partitions: Vec<_> = jar.iter().map(|stored| stored.partition).collect();
    let expected = [None, Some("https://shop.co.uk"), Some("https://bank.com"), Some("https://chat.example")];
    assert_eq!(partitions, expected.map(|site| site.map(str::to_owned)));
    // Deleting one leaves those of other partitions.
    let deletion = HeaderValue::from_static("id=; Path=/; Max-Age=0; Secure; Partitioned");
    jar.store(CookieRequest::new(&uri).partition(&bank), &mut std::iter::once(&deletion));
    assert_eq!(jar.len(), 3);
    assert_eq!(set(&jar, "https://chat.example/", "id=x; Partitioned"), Err(Refused::Partitioned));
}

#[test]
fn what_is_a_change_is_told_without_a_lock_held() {
    let jar = Jar::new();
    let told = Arc::new(AtomicUsize::new(0));
    let subscription = jar.on_change({
        let (jar, told) = (Arc::downgrade(&jar.0), told.clone());
        move || {
            // Reading and writing from here would hang if the jar were locked.
            let jar = Jar(jar.upgrade().unwrap());
            assert!(jar.all().len() < 3);
            jar.clear_expired();
            told.fetch_add(1, Ordering::Relaxed);
        }
    });
    type Step = fn(&Jar);
    for (number, (step, is_change)) in [
        ((|jar| set(jar, "http://a.com/", "a=1; Path=/").unwrap()) as Step, true),
        (|jar| set(jar, "http://a.com/", "a=1; Path=/").unwrap(), false),
        (|jar| set(jar, "http://a.com/", "a=2; Path=/").unwrap(), true),
        (|jar| set(jar, "http://a.com/", "a=2; Path=/; HttpOnly").unwrap(), true),
        (|jar| assert!(set(jar, "http://a.com/", "a=1; Domain=com").is_err()), false),
        (|jar| set(jar, "http://a.com/", "b=; Max-Age=0").unwrap(), false),
        (|jar| assert_eq!(sent(jar, "http://a.com/"), "a=2"), false),
        (|jar| assert!(!jar.remove("a.com", "/", "b")), false),
        (|jar| jar.retain(|_| true), false),
        (|jar| set(jar, "http://a.com/", "a=; Max-Age=0; Path=/").unwrap(), true),
        (Jar::clear, false),
        (|jar| set(jar, "http://a.com/", "c=1; Path=/").unwrap(), true),
        (|jar| assert!(jar.remove("a.com", "/", "c")), true),
        (|jar| set(jar, "http://a.com/", "d=1").unwrap(), true),
        (Jar::clear_session, true),
    ]
    .into_iter()
    .enumerate()
    {
        let before = told.load(Ordering::Relaxed);
        step(&jar);
        assert_eq!(told.load(Ordering::Relaxed) - before, usize::from(is_change), "step {number}");
    }
    drop(subscription);
    let before = told.load(Ordering::Relaxed);
    set(&jar, "http://a.com/", "e=1").unwrap();
    assert_eq!(told.load(Ordering::Relaxed), before);
}

#[test]
fn room_is_made_in_all_for_a_tenth_more_than_asked() {
    let time = Time::default();
    let jar = Jar::with_options(time.options().total(100));
    for n in 0..100 {
        let lifetime = if n == 0 { 1 } else { 1000 };
        set(&jar, &format!("http://h{n}.com/"), &format!("a=1; Max-Age={lifetime}")).unwrap();
        time.pass(2);
    }
    assert_eq!(jar.len(), 100);
    set(&jar, "http://new.com/", "a=1").unwrap();
    assert_eq!(jar.len(), 90);
    assert_eq!(sent(&jar, "http://h10.com/"), "", "used least recently");
    assert_eq!(sent(&jar, "http://h11.com/"), "a=1");
    assert_eq!(sent(&jar, "http://new.com/"), "a=1");
}

#[test]
fn another_list_of_suffixes_decides() {
    let jar = Jar::with_options(JarOptions::default().public_suffixes(|domain: &str| domain == "tenants.internal"));
    let refused = Err(Refused::PublicSuffix);
    for (field, expected) in [
        ("a=1; Domain=tenants.internal", refused),
        ("a=1; Domain=one.tenants.internal", Ok(())),
        ("a=1; Domain=internal", Ok(())),
    ] {
        assert_eq!(set(&jar, "http://one.tenants.internal/", field), expected, "{field}");
    }
}

#[test]
fn a_snapshot_tells_where_each_cookie_belongs() {
    let jar = jar_with(&[
        ("http://a.com./", "dot=1"),
        ("http://10.0.0.1/", "ip=1"),
        ("http://x.y.a.com/", "deep=1; Domain=a.com"),
    ]);
    let places: Vec<_> = jar.iter().map(|stored| (stored.domain, stored.host_only, stored.expires)).collect();
    let expected = [("a.com.", true), ("10.0.0.1", true), ("a.com", false)];
    assert_eq!(places, expected.map(|(domain, host_only)| (domain.to_owned(), host_only, None)));
}

#[test]
fn a_closure_may_use_the_jar_that_it_is_asked_about() {
    let jar = jar_with(&[("http://a.com/", "a=1"), ("http://a.com/", "b=1")]);
    jar.retain(|stored| {
        set(&jar, "http://a.com/", "c=1").unwrap();
        stored.cookie.name() == "b"
    });
    assert_eq!(sent(&jar, "http://a.com/"), "b=1; c=1");
}

#[test]
fn clones_share_their_cookies_and_debug_shows_none() {
    let jar = Jar::new();
    let other = jar.clone();
    set(&other, "http://a.com/", "name=secret; Path=/").unwrap();
    assert_eq!(sent(&jar, "http://a.com/"), "name=secret");
    assert!(jar.header(&url("http://a.com/")).unwrap().is_sensitive());
    let shown = format!("{jar:?} {:?} {:?}", jar.all(), SetCookie::parse(b"name=secret").unwrap());
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.starts_with("Jar { cookies: 1, .. }"), "{shown}");
}

#[test]
fn threads_read_while_one_writes() {
    let jar = jar_with(&[("http://a.com/", "fixed=1")]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| assert!(sent(&jar, "http://a.com/").starts_with("fixed=1"))));
        }
        scope.spawn(|| (0..500).for_each(|n| set(&jar, "http://a.com/", &format!("n={n}")).unwrap()));
    });
    assert_eq!(sent(&jar, "http://a.com/"), "fixed=1; n=499");
}

/// The text of RFC 6265bis §5.7 and §5.8 in its plainest form: one list, gone through from end to end.
mod naive {
    use super::*;
    use crate::domain::{RequestUrl, domain_match};
    use crate::path::path_match;
    use crate::store::accept;

    #[derive(Default)]
    pub(super) struct List(Vec<Kept>);

    struct Kept {
        name: Vec<u8>,
        value: Vec<u8>,
        domain: String,
        host_only: bool,
        path: String,
        secure: bool,
        expires: Option<SystemTime>,
        created: usize,
    }

    impl List {
        pub(super) fn set(&mut self, url: &Url, field: &[u8], now: SystemTime, number: usize) {
            let url = RequestUrl::of_url(url).unwrap();
            let Ok(parsed) = SetCookie::parse(field) else { return };
            let Ok(new) = accept(&parsed, &url, Context::default(), &crate::PslSuffixes, now) else { return };
            self.0.retain(|old| old.expires.is_none_or(|expires| expires > now));
            let shadows = |old: &Kept| {
                old.secure
                    && old.name == new.name
                    && (domain_match(&old.domain, &new.domain) || domain_match(&new.domain, &old.domain))
                    && path_match(new.path.as_bytes(), old.path.as_bytes())
            };
            if !new.secure && !url.secure && self.0.iter().any(shadows) {
                return;
            }
            let mut created = number;
            self.0.retain(|old| {
                let same = old.name == new.name
                    && old.domain == new.domain
                    && old.host_only == new.host_only
                    && old.path == new.path;
                if same {
                    created = old.created;
                }
                !same
            });
            self.0.push(Kept {
                name: new.name.to_vec(),
                value: new.value.to_vec(),
                domain: new.domain.to_string(),
                host_only: new.host_only,
                path: new.path.to_owned(),
                secure: new.secure,
                expires: new.expires,
                created,
            });
        }

        pub(super) fn field(&self, url: &Url, now: SystemTime) -> Vec<u8> {
            let url = RequestUrl::of_url(url).unwrap();
            let host_matches = |cookie: &Kept| {
                if cookie.host_only { cookie.domain == *url.host } else { domain_match(&url.host, &cookie.domain) }
            };
            let mut list: Vec<_> = self.0.iter().filter(|cookie| host_matches(cookie)).collect();
            list.retain(|cookie| {
                path_match(url.path.as_bytes(), cookie.path.as_bytes()) && (url.secure || !cookie.secure)
            });
            list.retain(|cookie| cookie.expires.is_none_or(|expires| expires > now));
            list.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.created));
            let pair = |cookie: &Kept| match &*cookie.name {
                [] => cookie.value.clone(),
                name => [name, b"=", &cookie.value].concat(),
            };
            list.into_iter().map(pair).collect::<Vec<_>>().join(&b"; "[..])
        }
    }
}

#[test]
fn the_jar_answers_as_the_plain_text_of_the_rfc_does() {
    fn pick<'a>(rng: &mut fastrand::Rng, choices: &[&'a str]) -> &'a str {
        choices[rng.usize(..choices.len())]
    }
    let mut rng = fastrand::Rng::with_seed(7);
    let hosts =
        ["a.com", "www.a.com", "x.www.a.com", "b.a.com", "b.com", "com", "a.com.", "10.0.0.1", "[::1]", "localhost"];
    let paths = ["/", "/x", "/x/", "/x/y", "/xy", "//x"];
    let target = |rng: &mut fastrand::Rng| {
        url(&format!("{}://{}{}", pick(rng, &["http", "https"]), pick(rng, &hosts), pick(rng, &paths)))
    };
    for _ in 0..200 {
        let time = Time::default();
        let jar = Jar::with_options(time.options());
        let mut list = naive::List::default();
        for number in 0..60 {
            let field = [
                pick(&mut rng, &["a", "b", "c", "__Host-a"]),
                pick(&mut rng, &["=1", "=2", "="]),
                pick(&mut rng, &["", "; Path=/", "; Path=/x", "; Path=/x/y", "; path=rel"]),
                pick(&mut rng, &["", "", "; Domain=a.com", "; Domain=www.a.com", "; Domain=com", "; Domain=10.0.0.1"]),
                pick(&mut rng, &["", "; Secure"]),
                pick(&mut rng, &["", "", "; Max-Age=3", "; Max-Age=0", "; Max-Age=100"]),
            ]
            .concat();
            let at = target(&mut rng);
            let now = (jar.0.options.clock)();
            let _ = jar.receive(&at, field.as_bytes());
            list.set(&at, field.as_bytes(), now, number);
            let to = target(&mut rng);
            let field = jar.header(&to).map_or_else(Vec::new, |field| field.as_bytes().to_vec());
            assert_eq!(String::from_utf8_lossy(&field), String::from_utf8_lossy(&list.field(&to, now)), "{to}");
            time.pass(1);
        }
    }
}

#[test]
fn a_domain_longer_than_any_is_not_looked_for() {
    let jar = Jar::new();
    let long = "a.".repeat(200_000);
    assert!(!jar.remove(&long, "/", "n"));
    jar.clear_domain(&long);
    assert!(jar.is_empty());
}
