use super::*;

fn proxy(name: &str) -> Proxy {
    Proxy::new(name).unwrap()
}

fn by(proxies: &Proxies, uri: &str) -> String {
    let chosen = proxies.choose(&uri.parse().unwrap()).unwrap();
    chosen.map_or("direct".into(), |proxy| proxy.host().to_owned())
}

// S54, and requests' table `test_select_proxies`.
#[test]
fn the_rule_that_says_most_counts() {
    let mut proxies = Proxies::none();
    let uri = "http://some.host:81/path";
    assert_eq!(by(&proxies, uri), "direct");
    for (step, expected) in [
        (Proxies::all(proxy("all")), "all"),
        (Proxies::none().host("all://some.host", proxy("all-host")).unwrap(), "all-host"),
        (Proxies::none().host("all://some.host:81", proxy("all-port")).unwrap(), "all-port"),
        (Proxies::none().http(proxy("http")), "http"),
        (Proxies::none().host("http://Some.Host", proxy("http-host")).unwrap(), "http-host"),
        (Proxies::none().host("http://some.host:81/", proxy("http-port")).unwrap(), "http-port"),
    ] {
        assert_eq!(by(&step, uri), expected);
        let rules = step.0.unwrap().rules.clone();
        for (key, rule) in rules {
            proxies = proxies.with(key, rule);
        }
        // Whatever came before says less.
        assert_eq!(by(&proxies, uri), expected);
    }
    for (uri, expected) in [
        ("http://some.host/", "http-host"),
        ("http://SOME.host./", "http-host"),
        ("http://other.host:81/", "http"),
        ("https://some.host:81/", "all-port"),
        ("https://some.host/", "all-host"),
        ("https://other.host/", "all"),
        ("http+unix://2f72756e/", "direct"),
        ("/path", "direct"),
    ] {
        assert_eq!(by(&proxies, uri), expected, "{uri}");
    }
}

#[test]
fn a_rule_can_be_to_have_none_and_a_later_one_takes_an_earlier_ones_place() {
    let proxies = Proxies::all(proxy("all")).direct("https").unwrap().direct("http://a.test").unwrap();
    assert_eq!(by(&proxies, "https://a.test/"), "direct");
    assert_eq!(by(&proxies, "http://a.test/"), "direct");
    assert_eq!(by(&proxies, "http://b.test/"), "all");
    assert_eq!(by(&proxies.clone().https(proxy("https")), "https://a.test/"), "https");
    assert_eq!(by(&proxies.direct("all").unwrap(), "http://b.test/"), "direct");
}

#[test]
fn a_list_of_exceptions_applies_to_explicit_proxies() {
    let proxies = Proxies::all(proxy("all")).host("http://a.test", proxy("a")).unwrap();
    let proxies = proxies.no_proxy("a.test:80").no_proxy("10.0.0.0/8");
    for (uri, expected) in [
        ("http://a.test/", "direct"),
        ("http://a.test:81/", "a"),
        ("https://a.test/", "all"),
        ("http://10.9.8.7/", "direct"),
        ("http://[::ffff:10.9.8.7]/", "direct"),
    ] {
        assert_eq!(by(&proxies, uri), expected, "{uri}");
    }
}

#[test]
fn a_closure_chooses_where_no_rule_does_and_its_error_is_one_of_the_request() {
    let proxies = Proxies::choose_with(|uri| match uri.path() {
        "/direct" => Ok(None),
        "/fails" => Err("no idea".into()),
        path => Ok(Some(Proxy::new(&path[1..])?)),
    });
    let proxies = proxies.http(proxy("http")).no_proxy("b.test");
    assert_eq!(by(&proxies, "https://a.test/farm"), "farm");
    assert_eq!(by(&proxies, "https://a.test/direct"), "direct");
    assert_eq!(by(&proxies, "https://b.test/farm"), "direct");
    assert_eq!(by(&proxies, "http://a.test/farm"), "http");
    let error = proxies.choose(&Uri::from_static("https://a.test/fails")).unwrap_err();
    assert_eq!(error.kind(), ProxyErrorKind::Choice);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no idea");
    assert!(proxies.choose(&Uri::from_static("https://a.test/")).is_err());
}

#[test]
fn explicit_ones_come_before_the_others_and_leave_to_them_what_they_do_not_decide() {
    let others = Proxies::all(proxy("env")).no_proxy("c.test");
    let proxies = Proxies::none().https(proxy("own")).direct("all://a.test").unwrap().no_proxy("b.test");
    let proxies = proxies.or(others.clone());
    for (uri, expected) in [
        ("https://c.test/", "own"),
        ("http://c.test/", "direct"),
        ("http://d.test/", "env"),
        ("http://a.test/", "direct"),
        ("http://b.test/", "direct"),
    ] {
        assert_eq!(by(&proxies, uri), expected, "{uri}");
    }
    assert_eq!(by(&Proxies::none().or(others.clone()), "http://d.test/"), "env");
    let three = Proxies::none().https(proxy("own")).or(Proxies::none()).or(others);
    assert_eq!(by(&three, "http://d.test/"), "env");
}

#[test]
fn what_a_rule_is_for_is_checked() {
    for of in
        ["", "api.test", "all://", "ftp://a", "https://u:p@a", "http://a:x", "http://a:70000", "http://a/b", "https"]
    {
        assert!(Proxies::none().host(of, proxy("p")).is_err(), "{of}");
    }
    assert!(Proxies::none().host("all://[::1]:80", proxy("p")).is_ok());
}

#[test]
fn the_rules_are_shown_without_secrets() {
    let proxies = Proxies::all(proxy("http://secret:secret@p")).direct("https://a:1").unwrap().no_proxy("b");
    let shown = format!("{proxies:?}");
    assert!(shown.contains("all: By(Proxy(http://p:80))") && shown.contains("https://a:1: Direct"), "{shown}");
    assert!(!shown.contains("secret"));
}
