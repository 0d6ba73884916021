use super::*;
use http::header::CONTENT_TYPE;
use sortie_core::{Deadline, Prepared};
use std::time::Instant as StdInstant;

/// What is asked after a redirect to `location`, if it is left to the caller.
async fn next(mut request: Request<Body>, status: u16, location: &str) -> Option<Result<Request<Body>, BoxError>> {
    request.extensions_mut().insert(PerRequest::<RedirectOptions>::Off);
    let response = send(&Scripted::new([to(status, location)]), request).await.unwrap();
    assert!(response.extensions().get::<History>().is_none());
    response.extensions().get::<NextRequest<Body>>().map(NextRequest::request)
}

#[tokio::test]
async fn a_redirect_that_is_not_followed_comes_with_the_next_request() {
    let mut get = request(Method::GET, "http://a/", ());
    get.extensions_mut().insert(PerRequest::<RedirectOptions>::Off);
    for (options, mut get) in [
        (RedirectOptions::default(), get),
        (RedirectOptions::none(), request(Method::GET, "http://a/", ())),
        (RedirectOptions::default().policy(|_| Action::Stop), request(Method::GET, "http://a/", ())),
    ] {
        get.headers_mut().insert("accept", "*/*".parse().unwrap());
        let server = Scripted::new([to(302, "/1"), status(200)]);
        let client = RedirectLayer::new(options).layer(server.clone());
        let response = client.clone().oneshot(get).await.unwrap();
        assert_eq!(response.status(), 302);
        let next = response.extensions().get::<NextRequest<Body>>().unwrap();
        // As often as it is asked for.
        next.request().unwrap();
        let response = client.oneshot(next.request().unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.extensions().get::<NextRequest<Body>>().is_none());
        assert_eq!((&*server.requests()[1].uri.to_string(), server.requests()[1].headers.len()), ("http://a/1", 1));
    }
}

#[tokio::test]
async fn it_is_made_by_the_rules_of_one_that_is_followed() {
    let post = || {
        let mut post = request(Method::POST, "https://a/0", "content");
        post.headers_mut().insert(AUTHORIZATION, "secret".parse().unwrap());
        post.headers_mut().insert(CONTENT_TYPE, "text/plain".parse().unwrap());
        post.extensions_mut().insert(Fragment::new("part"));
        post
    };
    for (status, location, method, body, uri, headers) in [
        (307, "/1", "POST", &b"content"[..], "https://a/1", &["authorization", "content-type"][..]),
        (303, "/1", "GET", b"", "https://a/1", &["authorization"]),
        (308, "http://b/1", "POST", b"content", "http://b/1", &["content-type"]),
    ] {
        let next = next(post(), status, location).await.unwrap().unwrap();
        assert_eq!((next.method().as_str(), next.uri()), (method, &uri.parse::<http::Uri>().unwrap()));
        assert_eq!(next.body().as_bytes().unwrap(), body);
        let mut names: Vec<_> = next.headers().keys().collect();
        names.sort_by_key(|name| name.as_str());
        assert_eq!(names, headers, "{status} {location}");
        assert_eq!(Chain::has_crossed(next.extensions()), uri.starts_with("http://b/"));
        assert_eq!(next.extensions().get::<Fragment>().unwrap().as_str(), "part");
    }
}

#[tokio::test]
async fn what_a_step_stripped_does_not_come_back_with_the_next() {
    let mut get = request(Method::GET, "https://a/0", ());
    get.headers_mut().insert(AUTHORIZATION, "secret".parse().unwrap());
    let foreign = next(get, 302, "https://b/1").await.unwrap().unwrap();
    let back = next(foreign, 302, "https://a/2").await.unwrap().unwrap();
    assert!(back.headers().is_empty() && Chain::has_crossed(back.extensions()));
}

#[tokio::test]
async fn it_is_marked_as_prepared_and_has_the_deadline_of_no_earlier_call() {
    let mut get = request(Method::GET, "https://a/0", ());
    get.extensions_mut().insert(Deadline::new(StdInstant::now()));
    get.extensions_mut().insert(7_u8);
    let next = next(get, 302, "/1").await.unwrap().unwrap();
    assert!(Prepared::is(next.extensions()) && Deadline::of(next.extensions()).is_none());
    assert_eq!(next.extensions().get(), Some(&7_u8));
    assert!(matches!(PerRequest::<RedirectOptions>::of(next.extensions()), Some(PerRequest::Off)));
}

#[tokio::test]
async fn a_redirect_that_cannot_be_followed_has_an_error_in_the_place_of_the_next_request() {
    let get = || request(Method::GET, "https://a/0", ());
    for (location, says) in [
        ("http://a:99999/", "the redirect's Location is not a valid URL"),
        ("http://[::1/", "the redirect's Location is not a valid URL"),
        ("file:///etc/passwd", "the redirect leads to the scheme `file` (see RedirectOptions::allow_scheme)"),
    ] {
        let error = next(get(), 302, location).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "a redirect could not be followed");
        let failed = find::<Failed>(&*error).unwrap();
        assert_eq!((failed.url().unwrap().as_str(), &*failed.source().unwrap().to_string()), ("https://a/0", says));
    }
    let once = request(Method::PUT, "https://a/0", Body::new(NotDefault::new("content")));
    let error = next(once, 307, "/1").await.unwrap().unwrap_err();
    assert!(find::<NotReplayable>(&*error).is_some());

    let options = RedirectOptions::default().scope(Scope::HttpsOnly).on_scope(OnScope::ReturnLast);
    let server = Scripted::new([to(302, "http://a/1")]);
    let response = RedirectLayer::new(options).layer(server).oneshot(get()).await.unwrap();
    let error = response.extensions().get::<NextRequest<Body>>().unwrap().request().unwrap_err();
    assert!(find::<OutOfScope>(&*error).is_some());
}

#[tokio::test]
async fn an_answer_that_leads_nowhere_has_none() {
    for (status, location) in [(200, "/1"), (304, "/1"), (302, " ")] {
        assert!(next(request(Method::GET, "https://a/0", ()), status, location).await.is_none(), "{status}");
    }
}

#[tokio::test]
async fn the_steps_of_a_policy_that_stops_ask_with_the_method_that_was_asked_with() {
    let server = Scripted::new([to(307, "/1"), to(303, "/2"), status(200)]);
    let client = RedirectLayer::new(RedirectOptions::default().policy(|attempt| {
        attempt.set_method(Method::DELETE);
        if attempt.status() == 307 { Action::Stop } else { Action::Follow }
    }));
    let client = client.layer(server.clone());
    let response = client.clone().oneshot(request(Method::PUT, "http://a/", "content")).await.unwrap();
    let next = response.extensions().get::<NextRequest<Body>>().unwrap().request().unwrap();
    client.oneshot(next).await.unwrap();
    let methods: Vec<_> = server.requests().iter().map(|sent| sent.method.clone()).collect();
    assert_eq!(methods, [Method::PUT, Method::PUT, Method::DELETE]);
}
