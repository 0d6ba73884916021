use super::*;
use http::header::{AUTHORIZATION, LOCATION};
use http::{Method, StatusCode};
use sortie_core::{Body, Chain, InFlight, PerRequest, find};
use sortie_testkit::{Answer, NotDefault, Scripted, Strict, prove_layer, reply, status};
use std::error::Error as _;
use tower::ServiceExt;

mod by_hand;
mod policy;

prove_layer!(following, RedirectLayer::default);
prove_layer!(not_following, || RedirectLayer::new(RedirectOptions::none()));

fn to(status: u16, location: &str) -> Response<Body> {
    reply(status, [("location", location)], "moved")
}

fn request(method: Method, uri: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(body.into()).unwrap()
}

async fn send(server: &Scripted, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    RedirectLayer::default().layer(Strict::new(server.clone())).oneshot(request).await
}

#[tokio::test]
async fn a_303_becomes_a_get_without_a_body() {
    let server = Scripted::new([to(303, "/done"), status(200)]);
    let mut post = request(Method::POST, "http://a/form", "content");
    post.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    send(&server, post).await.unwrap();
    let [first, second] = &server.requests()[..] else { panic!("two requests") };
    assert_eq!((&first.method, &first.body[..]), (&Method::POST, &b"content"[..]));
    assert_eq!((&second.method, &second.body[..]), (&Method::GET, &b""[..]));
    assert!(second.headers.is_empty());
}

#[tokio::test]
async fn a_308_sends_the_body_again_and_so_does_the_next() {
    let server = Scripted::new([to(308, "/1"), to(307, "/2"), status(200)]);
    send(&server, request(Method::PUT, "http://a/", "content")).await.unwrap();
    assert!(server.requests().iter().all(|request| request.method == Method::PUT && request.body == "content"));
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_body_that_can_be_sent_only_once_is_an_error_where_it_is_needed_again() {
    let once = || Body::new(NotDefault::new("content"));
    let server = Scripted::new([to(307, "/again")]);
    let error = send(&server, request(Method::POST, "http://a/", once())).await.unwrap_err();
    assert!(find::<NotReplayable>(&*error).is_some());
    let failed = find::<Failed>(&*error).unwrap();
    assert!(failed.history().is_empty());
    assert_eq!(failed.unfollowed().unwrap().status(), 307);
    assert_eq!(server.count(), 1);

    let server = Scripted::new([to(303, "/done"), status(200)]);
    send(&server, request(Method::POST, "http://a/", once())).await.unwrap();
    assert_eq!(server.requests()[1].body, "");
}

#[tokio::test]
async fn a_body_type_without_an_empty_form_is_sent_again_but_not_dropped() {
    let server = Scripted::<NotDefault>::new([to(307, "/again"), to(303, "/done")]);
    let post = Request::post("http://a/").body(NotDefault::new("content")).unwrap();
    let error = RedirectLayer::default().layer(server.clone()).oneshot(post).await.unwrap_err();
    assert!(find::<NotReplayable>(&*error).is_some());
    assert_eq!(find::<Failed>(&*error).unwrap().history().len(), 1);
    assert_eq!(server.requests()[1].body, "content");
}

#[tokio::test]
async fn the_answer_tells_its_history_and_where_it_came_from() {
    let server = Scripted::new([to(302, "/1"), to(301, "http://u:secret@b/2#new"), status(200)]);
    let mut get = request(Method::GET, "http://a/0?q", ());
    get.extensions_mut().insert(Fragment::new("old"));
    let response = send(&server, get).await.unwrap();
    let history = response.extensions().get::<History>().unwrap();
    let told: Vec<_> = history.iter().map(|hop| (hop.status().as_u16(), hop.url().as_str())).collect();
    assert_eq!(told, [(302, "http://a/0?q#old"), (301, "http://a/1#old")]);
    assert_eq!(history[1].headers()[LOCATION], "http://u:secret@b/2#new");
    assert_eq!(response.extensions().get::<FinalUrl>().unwrap().url().as_str(), "http://b/2#new");
    assert_eq!(server.requests()[2].uri, "http://b/2");
}

#[tokio::test]
async fn an_answer_without_redirects_bears_no_mark_and_an_error_without_is_not_wrapped() {
    let response = send(&Scripted::new([status(200)]), request(Method::GET, "http://a/", ())).await.unwrap();
    assert!(response.extensions().is_empty());
    let error = send(&Scripted::new([Answer::error("broken")]), request(Method::GET, "http://a/", ())).await;
    assert!(find::<Failed>(&*error.unwrap_err()).is_none());
}

#[tokio::test]
async fn a_failure_after_a_hop_tells_the_way_to_it() {
    let server = Scripted::new([Answer::from(to(302, "/1")), Answer::error("broken")]);
    let error = send(&server, request(Method::GET, "http://a/0", ())).await.unwrap_err();
    let failed = find::<Failed>(&*error).unwrap();
    assert_eq!(failed.history()[0].url().as_str(), "http://a/0");
    assert_eq!(failed.url().unwrap().as_str(), "http://a/1");
    assert!(failed.unfollowed().is_none());
    assert_eq!(error.to_string(), "the request after 1 redirect failed");
    assert_eq!(error.source().unwrap().to_string(), "broken");
}

#[tokio::test]
async fn a_loop_ends_at_the_limit() {
    let server = Scripted::from_fn(|_, _| Ok(to(302, "#x")));
    let error = send(&server, request(Method::HEAD, "http://a/", ())).await.unwrap_err();
    assert_eq!(find::<TooManyRedirects>(&*error).unwrap().limit(), 20);
    assert_eq!(find::<Failed>(&*error).unwrap().history().len(), 20);
    assert_eq!(server.count(), 21);
}

#[tokio::test]
async fn a_request_overrides_the_layers_options() {
    let options = RedirectOptions::default().limit(1).on_limit(OnLimit::ReturnLast);
    for (over, sent, last) in
        [(None, 4, 200), (Some(PerRequest::Off), 1, 302), (Some(PerRequest::Use(options)), 2, 302)]
    {
        let server = Scripted::from_fn(|_, n| Ok(if n < 3 { to(302, "/x") } else { status(200) }));
        let mut get = request(Method::GET, "http://a/", ());
        if let Some(over) = over {
            get.extensions_mut().insert::<PerRequest<RedirectOptions>>(over);
        }
        let response = send(&server, get).await.unwrap();
        assert_eq!((response.status().as_u16(), server.count()), (last, sent));
    }
}

#[tokio::test]
async fn a_foreign_origin_gets_no_credentials_and_later_hops_get_none_back() {
    let server = Scripted::new([to(302, "https://b/1"), to(302, "/2"), to(302, "https://a/3"), status(200)]);
    let mut get = request(Method::GET, "https://a/0", ());
    get.headers_mut().append(AUTHORIZATION, "one".parse().unwrap());
    get.headers_mut().append(AUTHORIZATION, "two".parse().unwrap());
    get.extensions_mut().insert(7_u8);
    send(&server, get).await.unwrap();
    let [first, hops @ ..] = &server.requests()[..] else { panic!("four requests") };
    assert_eq!(first.headers.get_all(AUTHORIZATION).iter().count(), 2);
    assert!(first.extensions.get::<Chain>().is_none());
    for hop in hops {
        assert!(hop.headers.is_empty(), "{}", hop.uri);
        assert!(Chain::has_crossed(&hop.extensions));
        assert_eq!(hop.extensions.get::<u8>(), Some(&7));
    }
}

#[tokio::test]
async fn over_a_router_relative_locations_stay_in_origin_form() {
    let server = Scripted::new([to(302, "b?c"), status(200)]);
    let response = send(&server, request(Method::GET, "/a/x", ())).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(server.requests()[1].uri, "/a/b?c");
    assert!(server.requests()[1].extensions.get::<Chain>().is_none());
}

#[tokio::test]
async fn a_redirects_body_is_dropped_before_the_next_request() {
    let open = InFlight::default();
    let server = Scripted::from_fn(move |_, n| {
        assert_eq!(open.count(), 0);
        let moved = to(if n < 3 { 302 } else { 200 }, "/x");
        Ok(moved.map(|body| body.hold(open.enter().unwrap())))
    });
    send(&server, request(Method::GET, "http://a/", ())).await.unwrap();
    assert_eq!(server.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn each_hop_tells_its_own_time_and_what_was_left_with_it() {
    let server = Scripted::new([
        Answer::after(Duration::from_secs(3), to(302, "/1")),
        Answer::after(Duration::from_secs(5), to(302, "/2")),
        Answer::after(Duration::from_secs(7), status(200)),
    ]);
    let marked = tower::util::MapResponse::new(server, {
        let count = Arc::new(std::sync::atomic::AtomicU8::new(0));
        move |mut response: Response<Body>| {
            response.extensions_mut().insert(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            response
        }
    });
    let client = RedirectLayer::default().layer(marked);
    let response = client.oneshot(request(Method::GET, "http://a/", ())).await.unwrap();
    let history = response.extensions().get::<History>().unwrap();
    let told: Vec<_> = history.iter().map(|hop| (hop.elapsed().as_secs(), hop.extensions().get::<u8>())).collect();
    assert_eq!(told, [(3, Some(&0)), (5, Some(&1))]);
    assert_eq!(response.extensions().get::<u8>(), Some(&2));
}
