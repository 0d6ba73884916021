use std::str::FromStr;

use sortie_core::{Body, BoxHttp, find};
use sortie_testkit::{NotDefault, Scripted, Strict, prove_layer, status};
use tower::ServiceExt;
use tower_layer::layer_fn;
use url::Url;

use super::*;

prove_layer!(bare, || layer_fn(|service| Mounts::new().mount(prefix("http://"), service)));

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Mounts whose services are their own prefixes, as given.
fn names(prefixes: &[&'static str]) -> Mounts<&'static str> {
    prefixes.iter().fold(Mounts::new(), |mounts, name| mounts.mount(prefix(name), *name))
}

#[test]
fn a_prefix_covers_by_scheme_host_port_and_segments() {
    for (given, url, covers) in [
        ("https://api.example.com", "https://api.example.com/", true),
        ("https://api.example.com", "https://api.example.com", true),
        ("https://api.example.com", "https://API.Example.com:443/x", true),
        ("https://api.example.com", "https://user:password@api.example.com/", true),
        ("https://api.example.com", "https://api.example.com.evil.org/", false),
        ("https://api.example.com", "https://api.example.com@evil.org/", false),
        ("https://api.example.com", "http://api.example.com/", false),
        ("https://api.example.com", "http://api.example.com:443/", false),
        ("https://api.example.com", "https://api.example.com:8443/", false),
        ("https://api.example.com", "https://evil-api.example.com/", false),
        ("https://api.example.com:8443/", "https://api.example.com:8443/", true),
        ("https://api.example.com:8443/", "https://api.example.com/", false),
        ("https://h/v1/", "https://h/v1", true),
        ("https://h/v1", "https://h/v1/x?y", true),
        ("https://h/v1", "https://h/v1?y", true),
        ("https://h/v1", "https://h/v1beta", false),
        ("https://h/a%2fb", "https://h/a%2Fb/c", true),
        ("https://h/x/../v1", "https://h/v1", true),
        ("https://*.example.com/", "https://a.example.com/", true),
        ("https://*.example.com/", "https://a.b.Example.com:443/", true),
        ("https://*.example.com/", "https://example.com/", false),
        ("https://*.example.com/", "https://.example.com/", false),
        ("https://*.example.com/", "https://badexample.com/", false),
        ("https://*.example.com/", "https://a.example.com.evil.org/", false),
        ("https://*.example.com/", "https://a.example.com:8443/", false),
        ("https://*.example.com:8443/v1", "https://a.example.com:8443/v1/x", true),
        ("https://", "https://anything:1/x", true),
        ("https://", "http://anything/", false),
        ("http+unix://", "http+unix://2f72756e/x", true),
        ("http+unix://2F72/v1", "http+unix://2f72/v1/x", true),
        ("http://[::1]/", "http://[::1]:80/", true),
        ("http://[0:0::1]/", "http://[::1]/", true),
        ("https://b\u{fc}cher.example/", "https://xn--bcher-kva.example/", true),
        ("https://h/", "/path", false),
        ("https://", "*", false),
        ("https://", "h:443", false),
    ] {
        assert_eq!(prefix(given).covers(&uri(url)), covers, "{given} covers {url}");
    }
}

#[test]
fn the_most_specific_host_counts_and_then_the_longest_path() {
    let mounts = names(&[
        "https://",
        "http://",
        "https://*.com/",
        "https://*.example.com/long/path/",
        "https://*.example.com/",
        "https://*.b.example.com/",
        "https://api.example.com/v1",
        "https://api.example.com/v1/admin",
        "https://b.example.com/x",
    ]);
    for (url, selected) in [
        ("https://api.example.com/v1/admin/x", Some("https://api.example.com/v1/admin")),
        ("https://api.example.com/v1/x", Some("https://api.example.com/v1")),
        ("https://api.example.com/long/path/x", Some("https://*.example.com/long/path/")),
        ("https://api.example.com/", Some("https://*.example.com/")),
        ("https://a.b.example.com/long/path/", Some("https://*.b.example.com/")),
        ("https://b.example.com/x", Some("https://b.example.com/x")),
        ("https://b.example.com/y", Some("https://*.example.com/")),
        ("https://example.com/", Some("https://*.com/")),
        ("https://example.org/", Some("https://")),
        ("http://api.example.com/v1/", Some("http://")),
        ("https://api.example.com/x/../v1/%2E/admin", Some("https://api.example.com/v1/admin")),
        ("https://api.example.com/v1/admin/../../", Some("https://*.example.com/")),
        ("ftp://api.example.com/v1/", None),
        ("/v1", None),
    ] {
        assert_eq!(mounts.select(&uri(url)).map(|(_, name)| *name), selected, "{url}");
    }
    let schemes: Vec<_> = mounts.schemes().map(Scheme::as_str).collect();
    assert_eq!(schemes, ["https", "http"]);
}

#[test]
fn the_same_prefix_again_replaces_the_service_and_keeps_its_place() {
    let mounts = names(&["https://h/", "https://i/", "HTTPS://H:443", "https://h:444/"]);
    let mounted: Vec<_> = mounts.iter().map(|(_, name)| *name).collect();
    assert_eq!(mounted, ["HTTPS://H:443", "https://i/", "https://h:444/"]);
    let more = mounts.clone().mount(prefix("https://"), "more");
    assert_eq!((mounts.iter().count(), more.iter().count()), (3, 4));
}

#[test]
fn a_prefix_is_printed_in_one_form() {
    for (given, printed) in [
        ("HTTPS://Api.Example.com:443", "https://api.example.com/"),
        ("https://h:8443/v1/../v2/%61%2f", "https://h:8443/v2/a%2F/"),
        ("http://*.Example.com:80/v1", "http://*.example.com/v1/"),
        ("https://*.example.com:1", "https://*.example.com:1/"),
        ("HTTP+UNIX://", "http+unix://"),
        ("http+unix://2F72", "http+unix://%2Fr/"),
        ("http+unix://%2frun%2fa%20b/v1", "http+unix://%2Frun%2Fa%20b/v1/"),
    ] {
        assert_eq!(prefix(given).to_string(), printed, "{given}");
        assert_eq!(prefix(printed), prefix(given), "{given}");
    }
    let url: Url = "https://h/v1".parse().unwrap();
    assert_eq!(Prefix::try_from(&url), Prefix::try_from("https://h/v1/"));
    assert_eq!(Prefix::try_from("https://h/".to_owned()), Ok(prefix("https://h")));
}

#[test]
fn an_invalid_prefix_says_what_is_wrong() {
    for (given, error) in [
        ("", InvalidPrefix::NoScheme),
        ("api.example.com", InvalidPrefix::NoScheme),
        ("https:/h/", InvalidPrefix::NoScheme),
        ("://h/", InvalidPrefix::Scheme),
        ("ht tp://h/", InvalidPrefix::Scheme),
        ("https:///path", InvalidPrefix::NoHost),
        ("https://*./v1/", InvalidPrefix::NoHost),
        ("https://*.\\v1/", InvalidPrefix::NoHost),
        ("https://*.", InvalidPrefix::NoHost),
        ("https://:80/", InvalidPrefix::Url(url::ParseError::EmptyHost)),
        ("https://h:99999/", InvalidPrefix::Url(url::ParseError::InvalidPort)),
        ("http+unix://run/", InvalidPrefix::Host),
        ("http+unix://*.2f72/", InvalidPrefix::Host),
        ("https://*/", InvalidPrefix::Wildcard),
        ("https://*example.com/", InvalidPrefix::Wildcard),
        ("https://a.*.com/", InvalidPrefix::Wildcard),
        ("https://*.*.com/", InvalidPrefix::Wildcard),
        ("https://*.0.0.1/", InvalidPrefix::Wildcard),
        ("https://u:secret@h/", InvalidPrefix::Userinfo),
        ("https://h/?q=secret", InvalidPrefix::Query),
        ("https://h/#f", InvalidPrefix::Query),
    ] {
        assert_eq!(Prefix::from_str(given), Err(error), "{given}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn the_path_that_was_compared_is_the_path_that_is_sent() {
    let (v1, rest) = (Scripted::new([status(200)]), Scripted::new([status(200)]));
    let mounts = Mounts::new().mount(prefix("https://h/v1"), v1.clone()).mount(prefix("https://"), rest.clone());
    for url in ["https://h/v1/../v2/x?a=/../b", "https://h/v2/%2e%2e/v1/x"] {
        mounts.clone().oneshot(Request::get(url).body(Body::empty()).unwrap()).await.unwrap();
    }
    assert_eq!(rest.requests()[0].uri, "https://h/v2/x?a=/../b");
    assert_eq!(v1.requests()[0].uri, "https://h/v1/x");
}

#[tokio::test]
async fn the_clone_that_is_called_is_the_one_that_was_ready() {
    for polls in 0..3 {
        let service = Scripted::<NotDefault>::from_fn(|_, _| Ok(status(200)));
        let mut mounts = Mounts::new().mount(prefix("http://"), Strict::new(service.clone()).polls(polls));
        for _ in 0..2 {
            let request = Request::get("http://h/").body(NotDefault::new("body")).unwrap();
            mounts.ready().await.unwrap().call(request).await.unwrap();
        }
        assert_eq!(service.count(), 2);
    }
}

#[tokio::test]
async fn what_is_not_mounted_is_an_error_that_names_what_is() {
    let boxed = || BoxHttp::new(Scripted::new([status(200)]));
    let mounts = Mounts::new().mount(prefix("https://h/v1"), boxed()).mount(prefix("http://"), boxed());
    for (mounts, url, message) in [
        (mounts.clone(), "ftp://u:p@h/p?q", "no mount covers ftp:// (mounted: https://h/v1/, http://)"),
        (
            mounts.clone(),
            "https://u:p@h/p?q",
            "no mount covers this URL of https://h (mounted: https://h/v1/, http://)",
        ),
        (Mounts::new(), "http://h/p?q", "no mount covers http:// (mounted: nothing)"),
        (mounts, "/p?q", "the request's URL is not absolute: give scheme and host, or set a base URL"),
    ] {
        let error = mounts.oneshot(Request::get(url).body(Body::empty()).unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(find::<NotAbsolute>(&*error).is_some(), url.starts_with('/'));
    }
}
