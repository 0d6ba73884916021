use sortie_core::{Body, find};
use sortie_testkit::{Scripted, prove_layer, status};
use tower::ServiceExt;

use super::*;

prove_layer!(set, || BaseUrlLayer::new(Some(base("http://h/v1"))));
prove_layer!(unset, || BaseUrlLayer::new(None));

fn base(url: &str) -> BaseUrl {
    BaseUrl::new(url.parse().unwrap()).unwrap()
}

#[test]
fn a_reference_is_appended_below_the_base() {
    for (url, reference, joined) in [
        ("https://h/v1/", "me", "https://h/v1/me"),
        ("https://h/v1/", "/me", "https://h/v1/me"),
        ("https://h/v1", "me?a=/b#c", "https://h/v1/me?a=/b#c"),
        ("https://h/v1", "/me/", "https://h/v1/me/"),
        ("https://h/v1?q#f", "", "https://h/v1"),
        ("https://h/v1/", "/", "https://h/v1/"),
        ("https://h/v1", "/", "https://h/v1/"),
        ("https://h/v1", " ?x=1 ", "https://h/v1?x=1"),
        ("https://h/v1", "#f", "https://h/v1#f"),
        ("https://h", "?x=1", "https://h/?x=1"),
        ("https://h", "../x", "https://h/x"),
        ("https://h/v1", "a/../b/./c", "https://h/v1/b/c"),
        ("https://h/v1", "../v1/x", "https://h/v1/x"),
        ("https://h/v1", "users:batch", "https://h/v1/users:batch"),
        ("https://h/v1", "x?to=https://other/", "https://h/v1/x?to=https://other/"),
        ("https://h/v1", "x/https://other/", "https://h/v1/x/https://other/"),
        ("https://h/v1", "/\t/other/", "https://h/v1//other/"),
        ("https://h/v1", "@other/", "https://h/v1/@other/"),
        ("https://h", ".other", "https://h/.other"),
        ("https://h/v1", "a b/\u{e4}", "https://h/v1/a%20b/%C3%A4"),
        ("https://H:443/v1", "x", "https://h/v1/x"),
        ("http://h:81/v1", "x", "http://h:81/v1/x"),
        ("http+unix://2f72/v1", "x", "http+unix://2f72/v1/x"),
        ("https://h/v1", "HTTPS://Other/x", "https://other/x"),
        ("https://h/v1", "http+unix://2f72/x", "http+unix://2f72/x"),
    ] {
        assert_eq!(base(url).join(reference).unwrap().as_str(), joined, "{url} + {reference}");
    }
}

#[test]
fn nothing_but_an_absolute_url_leaves_the_base() {
    for (url, reference, error) in [
        ("https://h/v1", "//other/x", JoinError::NetworkPath),
        ("https://h/v1", "/\\other/x", JoinError::NetworkPath),
        ("https://h/v1", "\\\\other/x", JoinError::NetworkPath),
        ("https://h/v1", "https:other", JoinError::SchemeOnly),
        ("https://h/v1", "HTTP:/other", JoinError::SchemeOnly),
        ("https://h/v1", "..", JoinError::AboveBase),
        ("https://h/v1/", "../admin", JoinError::AboveBase),
        ("https://h/v1", "..\\admin", JoinError::AboveBase),
        ("https://h/v1", "%2e%2E/admin", JoinError::AboveBase),
        ("https://h/v1", "x/../../v10", JoinError::AboveBase),
        ("https://h/v1", "https://", JoinError::Invalid(url::ParseError::EmptyHost)),
    ] {
        assert_eq!(base(url).join(reference), Err(error), "{url} + {reference}");
    }
}

// RFC 3986 §5.4, but for `?q` of its base, which a base URL has not, and `http:g`, which would be the host `g` to others.
#[test]
fn a_reference_is_resolved_as_rfc_3986_has_it_where_that_is_asked_for() {
    let base = base("http://a/b/c/d;p?q").rfc3986();
    for (reference, resolved) in [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("//g/x", "http://g/x"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("g#s", "http://a/b/c/g#s"),
        ("g?y#s", "http://a/b/c/g?y#s"),
        (";x", "http://a/b/c/;x"),
        ("g;x", "http://a/b/c/g;x"),
        ("g;x?y#s", "http://a/b/c/g;x?y#s"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g#s/../x", "http://a/b/c/g#s/../x"),
        ("", "http://a/b/c/d;p"),
        ("HTTPS://G/x", "https://g/x"),
        (" g ", "http://a/b/c/g"),
    ] {
        assert_eq!(base.join(reference).unwrap().as_str(), resolved, "{reference}");
    }
    assert_eq!(base.join("http:g"), Err(JoinError::SchemeOnly));
}

#[test]
fn no_reference_without_a_scheme_leaves_the_base() {
    let base = base("https://h:81/v1/");
    let begins = |reference: &str| reference.trim().split_once("://").map(|(begin, _)| begin.to_owned());
    let absolute = |reference: &str| begins(reference).is_some_and(|begin| begin.chars().all(char::is_alphabetic));
    let tokens = ["/", "\\", ".", "%2e", "%5c", ":", "@", "?", "#", "\t", "\n", " ", "[", "x", "https:", "h"];
    for number in 0..tokens.len().pow(4) {
        let digits = (0..4).map(|digit| tokens[number / tokens.len().pow(digit) % tokens.len()]);
        let reference: String = digits.collect();
        let (Ok(url), false) = (base.join(&reference), absolute(&reference)) else {
            continue;
        };
        assert!(url.as_str().starts_with("https://h:81/v1"), "{reference:?} -> {url}");
        assert!(matches!(url.as_str().as_bytes().get("https://h:81/v1".len()), None | Some(b'/' | b'?' | b'#')));
    }
}

#[test]
fn a_base_needs_a_host_and_has_no_userinfo() {
    for (url, error) in [
        ("mailto:a@h", InvalidBaseUrl::NoHost),
        ("file:///x", InvalidBaseUrl::NoHost),
        ("https://u:secret@h/", InvalidBaseUrl::Userinfo),
        ("https://:secret@h/", InvalidBaseUrl::Userinfo),
    ] {
        assert_eq!(BaseUrl::new(url.parse().unwrap()), Err(error), "{url}");
    }
}

#[tokio::test]
async fn only_an_origin_form_uri_is_resolved() {
    let other = Some(PerRequest::Use(base("https://other/")));
    for (uri, asked, sent) in [
        ("/me?x", None, "https://h/v1/me?x"),
        ("/me", other.clone(), "https://other/me"),
        ("/me", Some(PerRequest::Use(base("https://h/v1/").rfc3986())), "https://h/me"),
        ("/me", Some(PerRequest::Off), "/me"),
        ("http://elsewhere/me", other, "http://elsewhere/me"),
        ("h:443", None, "h:443"),
        ("*", None, "*"),
    ] {
        let service = Scripted::new([status(200)]);
        let mut request = Request::get(uri).body(Body::empty()).unwrap();
        asked.map(|asked| request.extensions_mut().insert(asked));
        BaseUrlLayer::new(Some(base("https://h/v1"))).layer(service.clone()).oneshot(request).await.unwrap();
        assert_eq!(service.requests()[0].uri, sent, "{uri}");
    }
}

#[tokio::test]
async fn what_leaves_the_base_is_not_sent() {
    for (base, uri, expected) in [
        (base("https://h/v1"), "/../x", JoinError::AboveBase),
        (base("https://h/v1"), "//other/x", JoinError::NetworkPath),
        // A raw request's URI is a path, even where a reference like it would name a host.
        (base("https://h/v1").rfc3986(), "//other/x", JoinError::NetworkPath),
    ] {
        let service = Scripted::new([status(200)]);
        let layered = BaseUrlLayer::new(Some(base)).layer(service.clone());
        let error = layered.oneshot(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap_err();
        assert_eq!((find::<JoinError>(&*error), service.count()), (Some(&expected), 0), "{uri}");
    }
}
