use super::*;
use crate::redirect::NotReplayable;
use http::HeaderValue;
use http::header::SET_COOKIE;
use sortie_core::auth::Userinfo;
use sortie_core::find;

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut builder = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn location(to: &str) -> HeaderMap {
    HeaderMap::from_iter([(LOCATION, HeaderValue::from_bytes(to.as_bytes()).unwrap())])
}

/// The next request by the rules alone, but for its body.
struct Follow {
    head: request::Parts,
    content: Content,
    from: url::Url,
    to: url::Url,
}

fn decide(
    mut head: request::Parts,
    status: u16,
    to: &str,
    options: &RedirectOptions,
) -> Result<Option<Follow>, BoxError> {
    let (status, headers) = (StatusCode::from_u16(status).unwrap(), location(to));
    let Some(location) = super::location(status, &headers) else { return Ok(None) };
    let route = Route::of(&head, location).map_err(|nowhere| nowhere.error)?;
    let uri = route.check(&head, options)?;
    let content = ask_anew(&mut head, status, true);
    send_to(&mut head, uri, &route, content, options);
    Ok(Some(Follow { head, content, from: route.from.into_url(), to: route.to.into_url() }))
}

fn followed(head: request::Parts, status: u16, to: &str, options: &RedirectOptions) -> Follow {
    decide(head, status, to, options).unwrap().unwrap_or_else(|| panic!("expected to follow {to}"))
}

fn failed(head: request::Parts, to: &str, options: &RedirectOptions) -> BoxError {
    match decide(head, 302, to, options) {
        Err(error) => error,
        Ok(_) => panic!("expected {to} to fail"),
    }
}

/// The names of the headers that are left after following each of `to` in turn.
fn left(mut head: request::Parts, to: &[&str], options: &RedirectOptions) -> Vec<String> {
    for to in to {
        head = followed(head, 307, to, options).head;
    }
    let mut names: Vec<String> = head.headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

#[test]
fn five_statuses_redirect_and_the_method_follows_rfc_9110() {
    for (status, method, expected) in [
        (301, "GET", Some(("GET", Content::Keep))),
        (301, "HEAD", Some(("HEAD", Content::Keep))),
        (301, "POST", Some(("GET", Content::Drop))),
        (301, "PUT", Some(("PUT", Content::Keep))),
        (301, "DELETE", Some(("DELETE", Content::Keep))),
        (302, "POST", Some(("GET", Content::Drop))),
        (302, "PUT", Some(("PUT", Content::Keep))),
        (302, "PROPFIND", Some(("PROPFIND", Content::Keep))),
        (303, "GET", Some(("GET", Content::Drop))),
        (303, "HEAD", Some(("HEAD", Content::Drop))),
        (303, "POST", Some(("GET", Content::Drop))),
        (303, "PUT", Some(("GET", Content::Drop))),
        (303, "PROPFIND", Some(("GET", Content::Drop))),
        (307, "POST", Some(("POST", Content::Keep))),
        (308, "POST", Some(("POST", Content::Keep))),
        (308, "DELETE", Some(("DELETE", Content::Keep))),
        (200, "GET", None),
        (201, "POST", None),
        (300, "GET", None),
        (304, "GET", None),
        (305, "GET", None),
        (306, "GET", None),
        (401, "GET", None),
    ] {
        let next = decide(head(method, "http://a/", &[]), status, "/x", &RedirectOptions::default()).unwrap();
        let found = next.map(|next| (next.head.method, next.content));
        let expected = expected.map(|(method, content)| (method.parse().unwrap(), content));
        assert_eq!(found, expected, "{status} {method}");
    }
}

#[test]
fn without_a_location_there_is_nothing_to_follow() {
    assert!(super::location(StatusCode::FOUND, &HeaderMap::new()).is_none());
    for empty in ["", " ", "\t"] {
        assert!(super::location(StatusCode::FOUND, &location(empty)).is_none());
    }
}

#[test]
fn the_first_of_several_locations_counts() {
    let mut headers = location("/1");
    headers.append(LOCATION, HeaderValue::from_static("http://b/2"));
    assert_eq!(super::location(StatusCode::FOUND, &headers).unwrap(), "/1");
}

#[test]
fn the_headers_of_the_content_go_with_it_and_stay_with_it() {
    let headers = [
        ("content-type", "text/plain"),
        ("content-encoding", "gzip"),
        ("content-length", "3"),
        ("content-digest", "sha-256=:x:"),
        ("transfer-encoding", "chunked"),
        ("expect", "100-continue"),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("accept", "*/*"),
    ];
    let options = RedirectOptions::default();
    assert_eq!(followed(head("POST", "http://a/", &headers), 303, "/x", &options).head.headers.len(), 1);
    assert_eq!(followed(head("POST", "http://a/", &headers), 307, "/x", &options).head.headers.len(), headers.len());
    assert_eq!(followed(head("PUT", "http://a/", &headers), 301, "/x", &options).head.headers.len(), headers.len());
}

const SENSITIVE: [(&str, &str); 7] = [
    ("authorization", "1"),
    ("authorization", "2"),
    ("cookie", "a=b"),
    ("host", "virtual"),
    ("proxy-authorization", "3"),
    ("x-api-key", "4"),
    ("accept", "*/*"),
];
const ALL: [&str; 6] = ["accept", "authorization", "cookie", "host", "proxy-authorization", "x-api-key"];

#[test]
fn what_is_meant_for_one_origin_stays_there() {
    let options = RedirectOptions::default().sensitive(HeaderName::from_static("x-api-key"));
    for (from, to, keeps) in [
        ("http://a/", &["/x"][..], true),
        ("http://a/", &["http://A:80/x"], true),
        ("http://a/", &["https://a/"], true),
        ("http://a/", &["https://a/", "/x"], true),
        ("http://a/", &["https://a:8443/"], false),
        ("http://a/", &["http://a:81/"], false),
        ("http://a/", &["http://b.a/"], false),
        ("https://a/", &["http://a/"], false),
        // requests, httpx and reqwest have each sent them on such a way at some time.
        ("https://a/", &["https://b/1", "/2"], false),
        ("https://a/", &["https://b/", "https://a/"], false),
        ("http://a/", &["https://a/", "http://a/"], false),
        ("/o", &["/x"], true),
        ("/o", &["x", "?y"], true),
        ("/o", &["http://a/"], false),
        ("/o", &["x", "http://origin-form.invalid/"], false),
    ] {
        let expected: &[&str] = if keeps { &ALL } else { &["accept"] };
        assert_eq!(left(head("GET", from, &SENSITIVE), to, &options), expected, "{from} {to:?}");
    }
}

#[test]
fn a_header_marked_sensitive_is_dropped_with_all_its_values() {
    let mut head = head("GET", "http://a/", &[("x-token", "open"), ("accept", "*/*")]);
    let mut secret = HeaderValue::from_static("secret");
    secret.set_sensitive(true);
    head.headers.append("x-token", secret);
    assert_eq!(left(head, &["http://b/"], &RedirectOptions::default()), ["accept"]);
}

#[test]
fn the_chain_says_whether_a_foreign_origin_was_met() {
    let options = RedirectOptions::default();
    for (from, to, crossed) in [
        ("http://a/", &["/x"][..], Some(false)),
        ("http://a/", &["https://a/"], Some(false)),
        ("http://a/", &["http://b/"], Some(true)),
        ("http://a/", &["http://b/", "http://a/", "/x"], Some(true)),
        ("/o", &["/x"], None),
        ("/o", &["http://a/"], Some(true)),
        ("/o", &["http://a/", "/x"], Some(true)),
    ] {
        let mut head = head("GET", from, &[]);
        for to in to {
            head = followed(head, 302, to, &options).head;
        }
        assert_eq!(head.extensions.get::<Chain>().map(|chain| chain.crossed), crossed, "{from} {to:?}");
    }
}

#[test]
fn a_trusted_origin_may_have_everything_but_the_host() {
    let origin = |uri: &str| Origin::of(&uri.parse().unwrap());
    let options = RedirectOptions::default().danger().keep_credentials_across_origins(origin("https://files.a/"));
    let kept = ["accept", "authorization", "cookie", "proxy-authorization", "x-api-key"];
    for (to, keeps) in [
        (&["https://files.a/"][..], true),
        (&["https://files.a/", "/x", "https://a/"], true),
        (&["https://files.a/", "https://b/"], false),
        (&["https://files.a:81/"], false),
        (&["https://b/", "https://files.a/"], false),
    ] {
        let names = left(head("GET", "https://a/", &SENSITIVE), to, &options);
        let expected: &[&str] = if keeps { &kept } else { &["accept", "x-api-key"] };
        assert_eq!(names, expected, "{to:?}");
    }
}

#[test]
fn extensions_survive_but_for_what_is_to_be_dropped_at_a_foreign_origin() {
    #[derive(Clone)]
    struct Token;
    let options = RedirectOptions::default().drop_on_crossing::<Token>();
    let mut first = head("GET", "http://a/", &[]);
    first.extensions.insert(Token);
    first.extensions.insert(7_u8);
    let same = followed(first, 302, "/x", &options).head;
    assert!(same.extensions.get::<Token>().is_some());
    let foreign = followed(same, 302, "http://b/", &options).head;
    assert!(foreign.extensions.get::<Token>().is_none());
    assert_eq!(foreign.extensions.get::<u8>(), Some(&7));
}

#[test]
fn userinfo_in_a_uri_stays_with_its_origin() {
    let options = RedirectOptions::default();
    let same = followed(head("GET", "http://u:p@a/", &[]), 302, "/x", &options);
    assert_eq!(same.head.uri, "http://a/x");
    assert_eq!(same.head.extensions.get(), Some(&Userinfo::new("u", Some("p".into()))));
    assert_eq!(same.from.as_str(), "http://a/");
    let foreign = followed(head("GET", "http://u:p@a/", &[]), 302, "http://b/", &options).head;
    assert!(foreign.extensions.get::<Userinfo>().is_none());
}

#[test]
fn only_web_schemes_are_followed_to_unless_allowed_or_at_home() {
    let options = RedirectOptions::default();
    for (from, to, scheme) in [
        ("http://a/", "ftp://a/", "ftp"),
        ("http://a/", "FILE:///etc/passwd", "file"),
        ("http://a/", "data:text/plain,hi", "data"),
        ("http://a/", "http+unix://2f/x", "http+unix"),
        ("http+unix://2f/x", "http+unix://3f/x", "http+unix"),
        ("/o", "origin-form://unknown/", "origin-form"),
    ] {
        let error = failed(head("GET", from, &[]), to, &options);
        assert_eq!(find::<ForbiddenScheme>(&*error).unwrap().scheme(), scheme, "{from} -> {to}");
    }
    assert_eq!(followed(head("GET", "http+unix://2f/x", &[]), 302, "y", &options).head.uri, "http+unix://2f/y");
    let allowed = options.allow_scheme("HTTP+unix");
    assert_eq!(followed(head("GET", "http://a/", &[]), 302, "http+unix://2f/x", &allowed).head.uri, "http+unix://2f/x");
}

#[test]
fn the_limit_is_how_many_are_followed() {
    let options = RedirectOptions::default();
    assert!(limit(19, &options).is_none());
    let Some(Action::Fail(error)) = limit(20, &options) else { panic!("the 21st is one too many") };
    assert_eq!(find::<TooManyRedirects>(&*error).unwrap().limit(), 20);
    assert!(matches!(limit(20, &options.on_limit(OnLimit::ReturnLast)), Some(Action::Stop)));
    assert!(matches!(limit(0, &RedirectOptions::default().limit(0)), Some(Action::Fail(_))));
    assert!(matches!(limit(0, &RedirectOptions::none()), Some(Action::Stop)));
}

#[test]
fn a_scope_is_where_redirects_may_lead() {
    let trusted = Origin::of(&Uri::from_static("https://files.a/"));
    let (anywhere, https) = (RedirectOptions::default(), RedirectOptions::default().scope(Scope::HttpsOnly));
    let same = RedirectOptions::default().scope(Scope::SameOrigin).danger().keep_credentials_across_origins(trusted);
    for (from, to, in_same, in_https) in [
        ("http://a/", &["/x"][..], true, false),
        ("http://a/", &["https://a/"], true, true),
        ("http://a/", &["https://a/", "/x"], true, true),
        ("http://a/", &["https://a/", "http://a/"], false, false),
        ("https://a/", &["https://A:443/x"], true, true),
        ("https://a/", &["http://a/"], false, false),
        ("https://a/", &["https://a:444/"], false, true),
        ("https://a/", &["https://b.a/"], false, true),
        ("https://a/", &["https://files.a/"], true, true),
        ("https://a/", &["https://files.a/", "https://a/"], true, true),
        ("https://a/", &["https://files.a/", "https://b/"], false, true),
        ("/o", &["/x"], true, false),
        ("/o", &["http://a/"], false, false),
        ("/o", &["https://a/"], false, true),
    ] {
        for (options, is_inside) in [(&anywhere, true), (&same, in_same), (&https, in_https)] {
            let mut head = Ok(head("GET", from, &[]));
            for to in to {
                head = head.and_then(|head| decide(head, 302, to, options)).map(|next| next.unwrap().head);
            }
            let found = head.as_ref().map_err(|error| find::<OutOfScope>(&**error).unwrap().scope());
            assert_eq!(found.err(), (!is_inside).then_some(options.scope), "{from} {to:?}");
        }
    }
}

#[test]
fn only_what_is_out_of_scope_can_be_the_answer_instead() {
    let options = RedirectOptions::default().scope(Scope::HttpsOnly).on_scope(OnScope::ReturnLast);
    for (to, stops) in [("http://a/", true), ("ftp://a/", false)] {
        let head = head("GET", "https://a/", &[]);
        let route = Route::of(&head, &HeaderValue::from_static(to)).unwrap();
        let refused = route.check(&head, &options).unwrap_err();
        assert_eq!(matches!(refuse(refused, &options), Action::Stop), stops, "{to}");
    }
}

#[test]
fn a_referer_is_set_only_by_policy() {
    let off = RedirectOptions::default();
    let on = RedirectOptions::default().referer(RefererPolicy::StrictOriginWhenCrossOrigin);
    for (options, from, to, referer) in [
        (&off, "http://a/b?c", "/d", Some("mine")),
        (&on, "http://a/b?c", "/d", Some("http://a/b?c")),
        (&on, "https://a/b?c", "https://d/", Some("https://a/")),
        (&on, "https://a/b", "http://a/", None),
    ] {
        let next = followed(head("GET", from, &[("referer", "mine")]), 302, to, options).head;
        let found = next.headers.get(REFERER).map(|value| value.to_str().unwrap());
        assert_eq!(found, referer, "{from} -> {to}");
    }
}

#[test]
fn what_was_decided_is_told_without_secrets() {
    let next = followed(head("GET", "http://a/b?token=secret", &[]), 302, "http://u:secret@b/c", &Default::default());
    let mut headers = HeaderMap::new();
    headers.insert(SET_COOKIE, HeaderValue::from_static("secret"));
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::FOUND;
    *response.headers_mut() = headers;
    let hop = crate::redirect::Hop::taken_from(&mut response, Method::GET, next.from, std::time::Duration::ZERO);
    let url = crate::redirect::FinalUrl::new("http://b/c?secret#secret".parse().unwrap());
    let error = failed(head("GET", "http://a/", &[]), "http://u:secret@a:99999/?secret", &Default::default());
    let failed = crate::redirect::Failed::new(vec![hop.clone()], Some(hop), Some(next.to), error);
    let texts = [format!("{failed:?} {failed} {url:?}"), format!("{:?}", NotReplayable::of(Content::Keep))];
    assert!(!texts.concat().contains("secret"), "{texts:?}");
    assert!(texts[0].contains("http://a/b") && texts[0].contains("302"), "{texts:?}");
}
