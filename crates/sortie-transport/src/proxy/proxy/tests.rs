use sortie_core::auth::Unsigned;

use super::super::error::ProxyErrorKind;
use super::*;

#[test]
fn a_proxy_is_read_from_a_url() {
    for (url, shown, user, password) in [
        ("http://proxy.test:3128", "http://proxy.test:3128", None, ""),
        ("http://Proxy.Test", "http://proxy.test:80", None, ""),
        ("HTTP://proxy.test:/", "http://proxy.test:80", None, ""),
        ("proxy.test", "http://proxy.test:80", None, ""),
        ("proxy.test:8080", "http://proxy.test:8080", None, ""),
        (" u:p@proxy.test:8080 ", "http://proxy.test:8080", Some("u"), "p"),
        ("https://proxy.test", "https://proxy.test:443", None, ""),
        ("socks4://10.0.0.1", "socks4://10.0.0.1:1080", None, ""),
        ("socks4a://u@10.0.0.1", "socks4a://10.0.0.1:1080", Some("u"), ""),
        ("socks5://u:@[::1]", "socks5://[::1]:1080", Some("u"), ""),
        ("socks5h://u:p@[2001:DB8::1]:9", "socks5h://[2001:db8::1]:9", Some("u"), "p"),
        ("http://al%40ice:p%3Aa%2Fs%C3%A9@proxy", "http://proxy:80", Some("al@ice"), "p:a/sé"),
        ("http://a@b:p@ss@proxy", "http://proxy:80", Some("a@b"), "p@ss"),
    ] {
        let proxy = Proxy::new(url).unwrap();
        assert_eq!(proxy.to_string(), shown, "{url}");
        let credentials = proxy.credentials();
        assert_eq!(credentials.map(|known| &*known.user), user, "{url}");
        assert_eq!(credentials.map_or("", |known| &*known.password), password, "{url}");
    }
}

#[test]
fn what_is_no_proxy_is_an_error_that_does_not_show_it() {
    for url in [
        "",
        "http://",
        "http://secret@",
        "ftp://secret",
        "secret://proxy",
        "http://u:secret@proxy:99999",
        "http://u:secret@proxy:0",
        "http://u:secret@proxy:80x",
        "http://u:secret/x@proxy:80",
        "http://u:secret@proxy/path",
        "http://u:secret@proxy?x",
        "http://u:secret@::1",
        "http://u:secret@pro xy",
        "http://u:secret@b\u{fc}cher",
        "http://u:secret%ff@proxy",
        "http://secret\r\nx: y",
    ] {
        let error = Proxy::new(url).unwrap_err();
        assert_eq!(error.kind(), ProxyErrorKind::InvalidSetting, "{url}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{url}");
    }
}

#[test]
fn equal_settings_are_one_proxy_and_any_other_is_another() {
    let proxy = |url: &str| Proxy::new(url).unwrap();
    let one = proxy("http://u:p@proxy:80");
    assert_eq!(one, proxy("u:p@PROXY"));
    let sign = |_: &mut Unsigned<'_>| Ok(());
    let signed = one.clone().auth(sign);
    assert_eq!(signed, signed.clone());
    let name = http::header::USER_AGENT;
    for other in [
        proxy("http://proxy:80"),
        proxy("http://v:p@proxy:80"),
        proxy("http://u:q@proxy:80"),
        proxy("http://u:p@proxy:81"),
        proxy("http://u:p@other:80"),
        proxy("https://u:p@proxy:80"),
        signed.clone(),
        one.clone().header(name, HeaderValue::from_static("x")),
    ] {
        assert_ne!(one, other);
    }
    assert_ne!(signed, one.auth(sign), "another handle of the same scheme");
}

#[cfg(feature = "tls")]
#[test]
fn another_tls_policy_is_another_proxy() {
    let tls = || crate::tls::TlsOptions::default().build().unwrap();
    let one = Proxy::new("https://proxy").unwrap();
    let other = one.clone().tls(tls());
    assert_ne!(one, other);
    assert_eq!(other, other.clone());
    assert_ne!(other, one.tls(tls()));
}

#[test]
fn nothing_secret_is_shown() {
    let proxy = Proxy::new("http://secret:secret@proxy").unwrap();
    let proxy = proxy.header(http::header::USER_AGENT, HeaderValue::from_static("secret"));
    assert_eq!(format!("{proxy:?}"), "Proxy(http://proxy:80)");
}

#[test]
fn settings_that_cannot_work_are_told() {
    let proxy = |url: &str| Proxy::new(url).unwrap();
    let long = "x".repeat(256);
    let value = HeaderValue::from_static("x");
    for (proxy, works) in [
        (proxy("http://proxy"), true),
        (proxy("http://proxy").basic("a:b", "c"), false),
        (proxy("http://proxy").basic("a", "b\n"), false),
        (proxy("http://proxy").basic("a:b", "c").auth(|_: &mut Unsigned<'_>| Ok(())), true),
        (proxy("http://proxy").header(http::header::USER_AGENT, value.clone()), true),
        (proxy("http://proxy").header(HOST, value.clone()), false),
        (proxy("http://proxy").header(TRANSFER_ENCODING, value.clone()), false),
        (proxy("socks5://proxy").basic("a:b", ""), true),
        (proxy("socks5://proxy").basic(&long, ""), false),
        (proxy("socks5://proxy").basic("", &long), false),
        (proxy("socks5://proxy").header(http::header::USER_AGENT, value), false),
        (proxy("socks5://proxy").auth(|_: &mut Unsigned<'_>| Ok(())), false),
        (proxy("socks4://proxy").basic("a", ""), true),
        (proxy("socks4://proxy").basic("a", "b"), false),
        (proxy("socks4a://proxy").basic("a\0b", ""), false),
    ] {
        assert_eq!(proxy.check().is_ok(), works, "{:?}", proxy.check());
    }
}
