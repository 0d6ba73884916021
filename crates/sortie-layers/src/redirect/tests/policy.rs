use super::*;
use std::sync::Mutex;

fn client(server: &Scripted, options: RedirectOptions) -> Redirect<Strict<Scripted>> {
    RedirectLayer::new(options).layer(Strict::new(server.clone()))
}

fn get(uri: &str) -> Request<Body> {
    request(Method::GET, uri, ())
}

/// Follows, stops or fails as the path says that a redirect leads to.
fn by_path(attempt: &Attempt) -> Action {
    match attempt.url().path() {
        "/stop" => Action::Stop,
        "/fail" => Action::fail("not there"),
        _ => Action::Follow,
    }
}

#[tokio::test]
async fn a_policy_follows_stops_or_fails_at_once_or_after_a_wait() {
    for options in [
        RedirectOptions::default().policy(|attempt| by_path(attempt)),
        RedirectOptions::default().policy_async(|attempt| {
            Box::pin(async move {
                tokio::task::yield_now().await;
                by_path(attempt)
            })
        }),
    ] {
        let server = Scripted::new([to(302, "/1"), to(302, "/2"), status(200)]);
        assert_eq!(client(&server, options.clone()).oneshot(get("http://a/")).await.unwrap().status(), 200);

        let server = Scripted::new([to(302, "/1"), to(307, "/stop")]);
        let response = client(&server, options.clone()).oneshot(get("http://a/")).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()[LOCATION]), (307, &"/stop".parse().unwrap()));
        assert_eq!(response.extensions().get::<FinalUrl>().unwrap().url().as_str(), "http://a/1");
        assert_eq!(response.extensions().get::<History>().unwrap().len(), 1);

        let server = Scripted::new([to(302, "/1"), to(307, "/fail")]);
        let error = client(&server, options).oneshot(get("http://a/")).await.unwrap_err();
        let failed = find::<Failed>(&*error).unwrap();
        assert_eq!((failed.history().len(), failed.unfollowed().unwrap().status().as_u16()), (1, 307));
        assert_eq!(failed.source().unwrap().to_string(), "not there");
        assert_eq!(server.count(), 2);
    }
}

#[tokio::test]
async fn a_policy_sees_the_next_request_and_what_led_to_it() {
    let server = Scripted::new([to(302, "/1"), to(303, "http://u:p@b/2#new"), status(200)]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let options = RedirectOptions::default().policy({
        let seen = seen.clone();
        move |attempt| {
            let (from, url) = (attempt.from().to_string(), attempt.url().to_string());
            let headers = (attempt.headers().len(), attempt.response_headers().len());
            let rest = (attempt.method().clone(), attempt.content(), attempt.is_foreign(), attempt.history().len());
            seen.lock().unwrap().push((attempt.status().as_u16(), from, url, headers, rest));
            Action::Follow
        }
    });
    let mut put = request(Method::PUT, "http://a/", "content");
    put.headers_mut().insert(AUTHORIZATION, "secret".parse().unwrap());
    client(&server, options).oneshot(put).await.unwrap();
    let text = |text: &str| text.to_owned();
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (302, text("http://a/"), text("http://a/1"), (1, 1), (Method::PUT, Content::Keep, false, 0)),
            (303, text("http://a/1"), text("http://b/2#new"), (1, 1), (Method::GET, Content::Drop, true, 1)),
        ]
    );
}

#[tokio::test]
async fn a_policy_may_change_the_next_request() {
    let server = Scripted::new([to(302, "http://b/1"), status(200)]);
    let options = RedirectOptions::default().policy(|attempt| {
        attempt.set_url("https://u:secret@a/other#mine".parse().unwrap());
        attempt.set_method(Method::POST);
        attempt.set_content(Content::Keep);
        attempt.headers_mut().insert("x-hop", "1".parse().unwrap());
        attempt.extensions_mut().insert(7_u8);
        Action::Follow
    });
    let mut post = request(Method::POST, "http://a/", "content");
    post.headers_mut().insert(AUTHORIZATION, "secret".parse().unwrap());
    post.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    let response = client(&server, options).oneshot(post).await.unwrap();
    assert_eq!(response.extensions().get::<FinalUrl>().unwrap().url().as_str(), "https://a/other#mine");
    let sent = &server.requests()[1];
    assert_eq!((sent.method.as_str(), &*sent.uri.to_string()), ("POST", "https://a/other"));
    assert_eq!((&*sent.body, sent.headers.len(), sent.extensions.get()), (&b"content"[..], 3, Some(&7_u8)));
    // The server named a foreign origin, and it is not that which was asked.
    assert!(!Chain::has_crossed(&sent.extensions));
}

#[tokio::test]
async fn content_that_a_policy_drops_takes_its_headers_along() {
    let server = Scripted::new([to(307, "/1"), status(200)]);
    let options = RedirectOptions::default().policy(|attempt| {
        attempt.set_method(Method::GET);
        attempt.set_content(Content::Drop);
        Action::Follow
    });
    let mut post = request(Method::POST, "http://a/", Body::new(NotDefault::new("once")));
    post.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    client(&server, options).oneshot(post).await.unwrap();
    let sent = &server.requests()[1];
    assert_eq!((sent.method.as_str(), &*sent.body, sent.headers.len()), ("GET", &b""[..], 0));
}

#[tokio::test]
async fn no_policy_gives_credentials_to_a_foreign_origin() {
    let server = Scripted::new([to(302, "/1"), to(302, "https://b/2"), to(302, "/3"), status(200)]);
    let options = RedirectOptions::default().sensitive(http::HeaderName::from_static("x-api-key")).policy(|attempt| {
        attempt.headers_mut().insert(AUTHORIZATION, "mine".parse().unwrap());
        attempt.headers_mut().insert("x-api-key", "mine".parse().unwrap());
        attempt.headers_mut().insert("x-open", "1".parse().unwrap());
        // Nor does it make the way there forgotten.
        attempt.extensions_mut().clear();
        Action::Follow
    });
    client(&server, options).oneshot(get("https://a/")).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[1].headers.len(), 3);
    for foreign in &requests[2..] {
        assert_eq!(foreign.headers.keys().collect::<Vec<_>>(), ["x-open"], "{}", foreign.uri);
        assert!(Chain::has_crossed(&foreign.extensions));
    }
}

#[tokio::test]
async fn the_options_have_the_last_word_and_the_limit_the_first() {
    let leading_to = |url: &'static str| {
        RedirectOptions::default().policy(move |attempt| {
            attempt.set_url(url.parse().unwrap());
            Action::Follow
        })
    };
    let asked = |options: RedirectOptions| async move {
        let server = Scripted::new([to(302, "/1")]);
        (client(&server, options).oneshot(get("https://a/")).await, server.count())
    };
    let (ftp, sent) = asked(leading_to("ftp://a/")).await;
    assert_eq!((find::<ForbiddenScheme>(&*ftp.unwrap_err()).unwrap().scheme(), sent), ("ftp", 1));
    let (http, sent) = asked(leading_to("http://a/").scope(Scope::HttpsOnly)).await;
    assert_eq!((find::<OutOfScope>(&*http.unwrap_err()).unwrap().scope(), sent), (Scope::HttpsOnly, 1));
    let never = || RedirectOptions::default().policy(|_| panic!("it is not asked beyond the limit"));
    let (limited, _) = asked(never().limit(0)).await;
    assert!(find::<TooManyRedirects>(&*limited.unwrap_err()).is_some());
    let (limited, _) = asked(never().limit(0).on_limit(OnLimit::ReturnLast)).await;
    assert_eq!(limited.unwrap().status(), 302);
}

#[tokio::test]
async fn a_call_dropped_while_the_policy_waits_sends_nothing_more() {
    let server = Scripted::new([to(302, "/1"), status(200)]);
    let (asked, waits) = std::sync::mpsc::channel();
    let options = RedirectOptions::default().policy_async(move |_| {
        asked.send(()).unwrap();
        Box::pin(std::future::pending())
    });
    let mut call = Box::pin(client(&server, options).oneshot(get("http://a/")));
    let asks = std::future::poll_fn(|cx| {
        assert!(call.as_mut().poll(cx).is_pending());
        if waits.try_recv().is_ok() { Poll::Ready(()) } else { Poll::Pending }
    });
    asks.await;
    drop(call);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_report_tells_what_was_decided_about_each_redirect() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let options = || {
        let told = told.clone();
        RedirectOptions::default().limit(2).report(move |report| {
            let verdict = match report.verdict {
                Verdict::Followed { method, dropped } => format!("{method} without {dropped:?}"),
                Verdict::Stopped => "stopped".to_owned(),
                Verdict::Failed(error) => error.to_string(),
            };
            let [from, to] = [report.from, report.to].map(|url| url.map_or("", url::Url::as_str));
            let (status, method, followed) = (report.status.as_u16(), report.method, report.followed);
            told.lock().unwrap().push(format!("{followed}: {status} {method} {from} -> {to}: {verdict}"));
            let debug = format!("{report:?}");
            assert!(!debug.contains("secret"), "{debug}");
        })
    };
    let take = || std::mem::take(&mut *told.lock().unwrap());

    let server = Scripted::new([to(303, "http://b/1?secret"), to(302, "/2"), to(302, "/3")]);
    let mut post = request(Method::POST, "http://a/?secret", "content");
    for name in ["authorization", "content-type", "accept"] {
        post.headers_mut().insert(name, "1".parse().unwrap());
    }
    client(&server, options()).oneshot(post).await.unwrap_err();
    assert_eq!(
        take(),
        [
            "0: 303 POST http://a/?secret -> http://b/1?secret: GET without [\"authorization\", \"content-type\"]",
            "1: 302 GET http://b/1?secret -> http://b/2: GET without []",
            "2: 302 GET http://b/2 -> http://b/3: more than 2 redirects (set by RedirectOptions::limit)",
        ]
    );

    for (options, request, location, expected) in [
        (options().limit(0).on_limit(OnLimit::ReturnLast), get("http://a/"), "/1", "http://a/1: stopped"),
        (options().policy(|_| Action::Stop), get("http://a/"), "/1", "http://a/1: stopped"),
        (options().policy(|_| Action::fail("no")), get("http://a/"), "/1", "http://a/1: no"),
        (
            options(),
            get("http://a/"),
            "ftp://a/",
            "ftp://a/: the redirect leads to the scheme `ftp` (see RedirectOptions::allow_scheme)",
        ),
        (options(), get("http://a/"), "http://a:99999/", ": the redirect's Location is not a valid URL"),
        (
            options(),
            request(Method::GET, "http://a/", Body::new(NotDefault::new("once"))),
            "/1",
            "http://a/1: the redirect needs the request's body again, and it can be sent only once",
        ),
    ] {
        let _ = client(&Scripted::new([to(307, location)]), options).oneshot(request).await;
        assert_eq!(take(), [format!("0: 307 GET http://a/ -> {expected}")]);
    }

    let mut by_hand = get("http://a/");
    by_hand.extensions_mut().insert(PerRequest::<RedirectOptions>::Off);
    for (request, answer) in
        [(get("http://a/"), status(200)), (get("http://a/"), status(302)), (by_hand, to(302, "/1"))]
    {
        client(&Scripted::new([answer]), options()).oneshot(request).await.unwrap();
        assert!(take().is_empty());
    }
}
