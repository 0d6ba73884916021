use std::collections::HashSet;

use http::HeaderValue;

use super::super::challenge::choose;
use super::*;

fn challenge(field: &str) -> Challenge {
    choose(&[HeaderValue::from_str(&format!("Digest {field}")).unwrap()], true).unwrap()
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

fn server(uri: &Uri) -> Place<'_> {
    Place { recipient: Recipient::Server, proxy: None, uri }
}

fn proxy<'a>(proxy: &'a str, uri: &'a Uri) -> Place<'a> {
    Place { recipient: Recipient::Proxy, proxy: Some(proxy).filter(|proxy| !proxy.is_empty()), uri }
}

/// The nonce and the count of a turn.
fn told(turn: Option<Turn>) -> String {
    turn.map_or("none".into(), |turn| format!("{} {}", String::from_utf8(turn.nonce).unwrap(), turn.count))
}

impl Spaces {
    fn enters(&mut self, at: &str, field: &str) -> String {
        told(self.enter(server(&uri(at)), challenge(field), "c"))
    }

    fn signs(&mut self, at: &str) -> String {
        told(self.within(server(&uri(at))))
    }
}

#[test]
fn a_nonce_counts_up_within_its_space() {
    let mut spaces = Spaces::default();
    assert_eq!(spaces.signs("http://a/x"), "none");
    assert_eq!(spaces.enters("http://a/x", "realm=r, nonce=n1"), "n1 1");
    assert_eq!(spaces.signs("http://a/y"), "n1 2");
    assert_eq!(spaces.signs("http://b/y"), "none");
    assert_eq!(spaces.enters("http://a/x", "realm=r, nonce=n2"), "n2 1");
    assert_eq!(spaces.signs("http://a/"), "n2 2");
}

#[test]
fn a_nonce_that_comes_back_goes_on_counting() {
    let mut spaces = Spaces::default();
    for (nonce, told) in [("n1", "n1 1"), ("n1", "n1 2"), ("n2", "n2 1"), ("n1", "n1 3"), ("n2", "n2 2")] {
        assert_eq!(spaces.enters("http://a/", &format!("realm=r, nonce={nonce}")), told);
    }
}

#[test]
fn the_innermost_space_signs_and_of_equal_ones_the_one_used_last() {
    let mut spaces = Spaces::default();
    spaces.enters("http://a/x", "realm=all, nonce=all");
    spaces.enters("http://a/in/x", "realm=in, nonce=in, domain=\"/in\"");
    assert_eq!((spaces.signs("http://a/in/y"), spaces.signs("http://a/out")), ("in 2".into(), "all 2".into()));
    assert_eq!(spaces.signs("http://a/in/z"), "in 3");
    spaces.enters("http://a/x", "realm=other, nonce=other");
    assert_eq!(spaces.signs("http://a/out"), "other 2");
    spaces.enters("http://a/x", "realm=all, nonce=all");
    assert_eq!(spaces.signs("http://a/out"), "all 4");
}

#[test]
fn a_proxys_space_is_everything_that_it_gets_and_nothing_of_anothers() {
    let mut spaces = Spaces::default();
    let (one, two) = ("http://one:80", "http://two:80");
    let (a, b) = (uri("http://a/x"), uri("b:443"));
    let field = "realm=r, nonce=n, domain=\"/only\"";
    assert_eq!(told(spaces.enter(proxy(one, &a), challenge(field), "c")), "n 1");
    assert_eq!(told(spaces.within(proxy(one, &b))), "n 2");
    assert_eq!(spaces.signs("http://a/only"), "none");
    for another in [two, "https://one:80", "http://one:81", ""] {
        assert_eq!(told(spaces.within(proxy(another, &b))), "none", "{another}");
    }
    // Nor does it renew or refuse anything of the other's, though realm and nonce are the same.
    assert_eq!(told(spaces.enter(proxy(two, &a), challenge(field), "c")), "n 1");
    spaces.renew(proxy(two, &a), b"r", b"n", b"m".to_vec());
    assert_eq!(
        (told(spaces.within(proxy(two, &b))), told(spaces.within(proxy(one, &b)))),
        ("m 1".into(), "n 3".into())
    );
    spaces.refuse(proxy(one, &b), b"r", b"n");
    assert_eq!(
        (told(spaces.within(proxy(two, &b))), told(spaces.within(proxy(one, &b)))),
        ("m 2".into(), "none".into())
    );
}

#[test]
fn for_a_proxy_that_nobody_names_nothing_is_signed_unasked_but_counted_on() {
    let mut spaces = Spaces::default();
    let a = uri("http://a/");
    for count in 1..=2 {
        assert_eq!(told(spaces.within(proxy("", &a))), "none");
        let turn = spaces.enter(proxy("", &a), challenge("realm=r, nonce=n"), "c");
        assert_eq!(told(turn), format!("n {count}"));
    }
}

#[test]
fn the_servers_next_nonce_is_used_unless_there_is_a_newer_one() {
    let mut spaces = Spaces::default();
    let at = uri("http://a/");
    spaces.enters("http://a/", "realm=r, nonce=n1");
    spaces.renew(server(&at), b"r", b"n1", b"n2".to_vec());
    assert_eq!(spaces.signs("http://a/"), "n2 1");
    // An answer that was on its way meanwhile.
    spaces.renew(server(&at), b"r", b"n1", b"n1b".to_vec());
    assert_eq!(spaces.signs("http://a/"), "n2 2");
    for (place, realm) in [(proxy("http://a:80", &at), "r"), (server(&at), "s")] {
        spaces.renew(place, realm.as_bytes(), b"n2", b"n3".to_vec());
    }
    spaces.renew(server(&uri("http://b/")), b"r", b"n2", b"n3".to_vec());
    assert_eq!(spaces.signs("http://a/"), "n2 3");
}

#[test]
fn what_was_refused_signs_nothing_until_it_is_asked_for_and_counts_on_then() {
    let mut spaces = Spaces::default();
    spaces.enters("http://a/", "realm=r, nonce=n1");
    spaces.refuse(server(&uri("http://a/")), b"r", b"another");
    assert_eq!(spaces.signs("http://a/"), "n1 2");
    spaces.refuse(server(&uri("http://a/x")), b"r", b"n1");
    assert_eq!(spaces.signs("http://a/"), "none");
    assert_eq!(spaces.enters("http://a/", "realm=r, nonce=n1"), "n1 3");
    assert_eq!(spaces.signs("http://a/"), "n1 4");
}

#[test]
fn a_session_keeps_its_first_nonces_until_the_next_challenge() {
    let mut spaces = Spaces::default();
    let at = uri("http://a/");
    let server = server(&at);
    let field = "realm=r, algorithm=MD5-sess, nonce=";
    let first = Session { nonce: b"n1".to_vec(), cnonce: "c1".to_owned() };
    let turn = spaces.enter(server, challenge(&format!("{field}n1")), "c1").unwrap();
    assert_eq!(turn.session.as_ref(), Some(&first));
    spaces.renew(server, b"r", b"n1", b"n2".to_vec());
    assert_eq!(spaces.within(server).unwrap().session.as_ref(), Some(&first));
    assert_eq!(spaces.session(server, b"r", b"n2").as_ref(), Some(&first));
    let turn = spaces.enter(server, challenge(&format!("{field}n3")), "c3").unwrap();
    assert_eq!(turn.session, Some(Session { nonce: b"n3".to_vec(), cnonce: "c3".to_owned() }));
    // Of a server that has thought better of it.
    let turn = spaces.enter(server, challenge("realm=r, nonce=n3"), "c4").unwrap();
    assert_eq!((turn.session, turn.count), (None, 2));
}

#[test]
fn memory_is_bounded_and_what_is_used_stays() {
    let mut spaces = Spaces::default();
    spaces.enters("http://used/", "realm=r, nonce=n");
    for n in 0..10 * SPACES {
        spaces.enters(&format!("http://host{n}/"), "realm=r, nonce=n");
        spaces.enters("http://hostile/", &format!("realm=r{n}, nonce=n"));
        assert_ne!(spaces.signs("http://used/"), "none");
        spaces.enters("http://used/", &format!("realm=r, nonce=n{n}"));
    }
    assert_eq!(spaces.known.len(), SPACES);
    assert!(spaces.known.iter().all(|space| space.nonces.len() <= NONCES));
}

#[test]
fn a_nonce_has_no_more_uses_than_its_count_has_digits_for() {
    let mut spaces = Spaces::default();
    spaces.enters("http://a/", "realm=r, nonce=n");
    spaces.known[0].nonces[0].uses = u32::MAX - 1;
    assert_eq!(spaces.signs("http://a/"), format!("n {}", u32::MAX));
    assert_eq!(spaces.signs("http://a/"), "none");
}

#[test]
fn no_count_is_given_twice() {
    let mut spaces = Spaces::default();
    let mut given = HashSet::new();
    for n in 0..1000_usize {
        let nonce = format!("realm=r, nonce=n{}", n * 7919 % 5);
        let told = if n % 3 == 0 { spaces.enters("http://a/", &nonce) } else { spaces.signs("http://a/") };
        assert!(given.insert(told.clone()), "{told}");
    }
}
