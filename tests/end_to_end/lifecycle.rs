//! How sessions begin, are shared, are built from one another, serve as services, and end.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use sortie::auth::{Bearer, BearerToken};
use sortie::core::PerRequest;
use sortie::layers::base_url::BaseUrl;
use sortie::transport::{Transport, TransportOptions};
use sortie::{Body, BoxError, ErrorKind, Mount, Session};
use sortie_testkit::{Gate, Scripted, Steps, TcpScript, TestServer, reply};
use tower::buffer::Buffer;
use tower::limit::ConcurrencyLimit;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::support::{builder, check, ok, session, values};

/// `/login` gives a cookie; everything else greets who has it.
fn site() -> TestServer {
    TestServer::from_fn(async |request| match request.uri().path() {
        "/login" => reply(200, [("set-cookie", "sid=42; Path=/; HttpOnly")], "welcome"),
        _ => ok(),
    })
}

/// A server that sends half of its answer, and the rest when the gate opens.
fn half_an_answer(gate: &Gate) -> TcpScript {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst";
    TcpScript::each(Steps::new().read_head().send(half).pause(gate).send(" last").read_to_end())
}

async fn text(session: &Session, url: &str) -> String {
    session.get(url).send().await.unwrap().text().await.unwrap()
}

#[test]
fn a_session_is_clone_send_and_sync_and_so_are_its_calls_send() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sent<F: Future + Send + 'static>(_: F) {}
    shared::<Session>();
    shared::<sortie::SessionBuilder>();
    shared::<Mount>();
    let session = session();
    let request = session.get("http://127.0.0.1:9/");
    sent(async move { request.send().await?.error_for_status()?.json::<Vec<String>>().await });
    sent(async move { session.close().await });
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    error::<sortie::Error>();
    fn body<T: Send + Sync>() {}
    body::<sortie::Response>();
}

#[test]
fn a_session_is_made_outside_of_a_runtime_and_outlives_those_it_is_used_in() {
    let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = {
        let _within = servers.enter();
        site()
    };
    let (new, built) = (Session::new(), builder().build().unwrap());
    for session in [new, built, Session::default()] {
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for (path, answer) in [("/login", "welcome"), ("/", "ok")] {
                    // Two of them would go by the proxies of the environment.
                    let response = session.get(server.url(path)).no_proxy().send().await.unwrap();
                    assert_eq!(response.text().await.unwrap(), answer);
                }
            });
        }
        assert_eq!(session.cookies().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_session_built_from_another_keeps_cookies_and_the_warm_connection() {
    let server = site();
    let first = builder().header("x-version", "1").auth(Bearer::new("t")).build().unwrap();
    assert_eq!(text(&first, &server.url("/login")).await, "welcome");
    let second = first.to_builder().header("x-user", "me").build().unwrap();
    let response = second.get(server.url("/me")).send().await.unwrap();
    assert!(response.connection().unwrap().is_reused());
    response.bytes().await.unwrap();

    let requests = server.requests();
    assert_eq!(server.connections(), 1);
    let me = &requests[1];
    assert_eq!((values(me, "cookie"), values(me, "x-user")), (vec!["sid=42"], vec!["me"]));
    assert_eq!((values(me, "x-version"), values(me, "authorization")), (vec!["1"], vec!["Bearer t"]));
    // The first is what it was, and shares what the second learns.
    text(&first, &server.url("/me")).await;
    assert!(values(&server.requests()[2], "x-user").is_empty());
    second.cookies().unwrap().clear();
    assert!(first.cookies().unwrap().is_empty());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_is_set_anew_replaces_what_the_other_session_had() {
    let server = site();
    let first = builder().auth(Bearer::new("old")).mount(server.url("/api/"), Mount::new()).build().unwrap();
    text(&first, &server.url("/login")).await;
    let own = sortie::cookies::Jar::new();
    let second = first.to_builder().auth(Bearer::new("new")).jar(own.clone()).build().unwrap();
    let third = first.to_builder().no_cookies().build().unwrap();
    text(&second, &server.url("/2")).await;
    text(&third, &server.url("/3")).await;
    let requests = server.requests();
    assert_eq!((values(&requests[1], "cookie"), values(&requests[1], "authorization")), (vec![], vec!["Bearer new"]));
    assert_eq!((values(&requests[2], "cookie"), values(&requests[2], "authorization")), (vec![], vec!["Bearer old"]));
    assert!(third.cookies().is_none());
    assert_eq!(first.cookies().unwrap().len(), 1);
}

#[tokio::test]
async fn close_waits_for_a_body_in_flight_and_refuses_new_calls_on_every_clone() {
    let gate = Gate::new();
    let server = half_an_answer(&gate);
    let session = session();
    let clone = session.clone();
    let mut response = session.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");

    let mut closing = pin!(session.close());
    assert!(futures_poll(closing.as_mut()).await.is_pending(), "a body is still being read");
    for handle in [&session, &clone] {
        let error = handle.get(server.url("/?s3cret")).send().await.unwrap_err();
        check(&error, ErrorKind::Closed, "the session is closed");
        let error = handle.clone().call(Request::get(server.url("/")).body(Body::empty()).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    }
    assert!(futures_poll(closing.as_mut()).await.is_pending());
    gate.open();
    assert_eq!(response.bytes().await.unwrap(), " last");
    closing.await;
    // A second time there is nothing left to do.
    clone.close().await;
    assert_eq!(server.connections(), 1);
    server.finish().await;
}

/// One poll of a future.
async fn futures_poll<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut future).poll(cx))).await
}

#[tokio::test]
async fn close_waits_for_a_call_whose_answer_has_not_come() {
    let gate = Gate::new();
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let server = TcpScript::each(Steps::new().read_head().pause(&gate).send(answer).read_to_end());
    let session = session();
    let call = tokio::spawn(session.get(server.url("/")).send());
    gate.reached().await;
    let mut closing = pin!(session.close());
    assert!(futures_poll(closing.as_mut()).await.is_pending());
    gate.open();
    assert_eq!(call.await.unwrap().unwrap().text().await.unwrap(), "ok");
    closing.await;
    server.finish().await;
}

#[tokio::test]
async fn close_waits_also_where_the_transport_is_not_the_sessions_own() {
    let gate = Gate::new();
    let server = half_an_answer(&gate);
    let given = builder().transport(Transport::default()).build().unwrap();
    let mounted = builder().mount(server.url("/"), Mount::new().transport(Transport::default())).build().unwrap();
    let shared = session();
    let other = shared.to_builder().build().unwrap();
    for session in [&given, &mounted, &shared] {
        let mut response = session.get(server.url("/")).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
        let mut closing = pin!(session.close());
        for _ in 0..10 {
            assert!(futures_poll(closing.as_mut()).await.is_pending(), "a body is still being read");
            tokio::task::yield_now().await;
        }
        gate.open();
        assert_eq!(response.bytes().await.unwrap(), " last");
        closing.await;
    }
    drop(other);
}

#[tokio::test]
async fn a_response_that_is_dropped_does_not_hold_up_the_close() {
    let gate = Gate::new();
    let server = half_an_answer(&gate);
    let session = session();
    let response = session.get(server.url("/")).send().await.unwrap();
    let mut closing = pin!(session.close());
    assert!(futures_poll(closing.as_mut()).await.is_pending());
    drop(response);
    closing.await;
    gate.open();
}

#[tokio::test]
async fn past_its_limit_close_ends_the_bodies_that_are_still_read() {
    let gate = Gate::new();
    let server = half_an_answer(&gate);
    let session = session();
    let mut response = session.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    session.close_within(Duration::from_millis(20)).await;
    assert!(response.chunk().await.is_err(), "its connection is closed");
    gate.open();
}

#[tokio::test]
async fn closing_one_session_leaves_a_shared_pool_open_and_closing_the_last_closes_it() {
    let server = site();
    let first = session();
    text(&first, &server.url("/")).await;
    let second = first.to_builder().build().unwrap();
    let third = second.to_builder().build().unwrap();
    first.close().await;
    first.close().await;
    assert_eq!(first.get(server.url("/")).send().await.unwrap_err().kind(), ErrorKind::Closed);
    text(&second, &server.url("/")).await;
    drop(third);
    text(&second, &server.url("/")).await;
    assert_eq!((server.connections(), server.open_connections()), (1, 1));
    second.close().await;
    server.wait_for_open_connections(0).await;
}

#[tokio::test]
async fn what_is_built_after_the_close_of_the_last_session_needs_a_pool_of_its_own() {
    let server = site();
    let first = session();
    text(&first, &server.url("/login")).await;
    first.close().await;
    let error = first.to_builder().build().unwrap().get(server.url("/")).send().await.unwrap_err();
    check(&error, ErrorKind::Closed, "Transport::close was called");
    let second = first.to_builder().transport_options(TransportOptions::default()).build().unwrap();
    assert_eq!(text(&second, &server.url("/")).await, "ok");
    assert_eq!(values(server.requests().last().unwrap(), "cookie"), ["sid=42"]);
}

#[tokio::test]
async fn a_response_with_nothing_to_read_does_not_hold_up_the_close() {
    let server = TestServer::from_fn(async |_| reply(204, [], ""));
    let session = session();
    let response = session.get(server.url("/")).send().await.unwrap();
    let closing = tokio::time::timeout(Duration::from_secs(20), session.close());
    assert!(closing.await.is_ok(), "it waits for a body that there is not");
    assert_eq!(response.status(), 204);
}

#[tokio::test]
async fn a_transport_of_the_users_is_closed_by_its_own_close_only() {
    let server = site();
    let transport = Transport::default();
    let (one, other) = (
        builder().transport(transport.clone()).build().unwrap(),
        builder().transport(transport.clone()).build().unwrap(),
    );
    text(&one, &server.url("/")).await;
    one.close().await;
    assert!(!transport.is_closed());
    assert_eq!(one.get(server.url("/")).send().await.unwrap_err().kind(), ErrorKind::Closed);
    text(&other, &server.url("/")).await;
    assert_eq!(server.connections(), 1);
    transport.close(Duration::from_secs(30)).await;
    let error = other.get(server.url("/")).send().await.unwrap_err();
    check(&error, ErrorKind::Closed, "the session is closed");
    server.wait_for_open_connections(0).await;
}

#[tokio::test]
async fn the_last_handle_takes_idle_connections_with_it_and_lets_open_bodies_end() {
    let server = site();
    let one = session();
    let clone = one.clone();
    text(&one, &server.url("/")).await;
    drop(one);
    text(&clone, &server.url("/")).await;
    assert_eq!(server.connections(), 1);
    drop(clone);
    server.wait_for_open_connections(0).await;

    let gate = Gate::new();
    let server = half_an_answer(&gate);
    let response = session().get(server.url("/")).send().await.unwrap();
    gate.open();
    assert_eq!(response.text().await.unwrap(), "first last");
    server.finish().await;
}

#[tokio::test]
async fn the_one_shot_functions_need_no_session() {
    let server = site();
    let response = sortie::get(server.url("/one")).query(&[("a", "b")]).no_proxy().send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ok");
    sortie::request("PURGE", server.url("/two")).no_proxy().send().await.unwrap();
    let requests = server.requests();
    assert_eq!((requests[0].uri.to_string().as_str(), requests[1].method.as_str()), ("/one?a=b", "PURGE"));
}

async fn through<S>(mut service: S, url: &str) -> String
where
    S: Service<Request<Body>, Response = http::Response<Body>, Error: Into<BoxError>>,
{
    let request = Request::get(url).body(Body::empty()).unwrap();
    let ready = service.ready().await.map_err(Into::into).unwrap();
    let response = ready.call(request).await.map_err(Into::into).unwrap();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test]
async fn a_session_stands_in_a_tower_stack_as_any_service_does() {
    let server = site();
    let url = server.url("/login");
    let session = session();
    assert_eq!(through(session.clone(), &url).await, "welcome");
    assert_eq!(through(&session, &url).await, "welcome");
    assert_eq!(through(ConcurrencyLimit::new(session.clone(), 1), &url).await, "welcome");
    assert_eq!(through(Buffer::new(session.clone(), 1), &url).await, "welcome");
    assert_eq!(through(BoxCloneSyncService::new(session.clone()), &url).await, "welcome");
    let stack = ServiceBuilder::new().buffer(4).concurrency_limit(2).map_err(BoxError::from).service(session.clone());
    assert_eq!(through(stack, &url).await, "welcome");
    assert_eq!((server.connections(), session.cookies().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_session_takes_requests_with_bodies_of_others() {
    let server = TestServer::from_fn(async |request| reply(200, [], Body::new(request.into_body())));
    let mut session = session();
    let post = || Request::post(server.url("/"));
    let full = http_body_util::Full::new(bytes::Bytes::from_static(b"full"));
    let response = Service::call(&mut session, post().body(full).unwrap()).await.unwrap();
    assert_eq!(sortie::Response::from(response).text().await.unwrap(), "full");
    let response = Service::call(&mut session, post().body("text".to_owned()).unwrap()).await.unwrap();
    assert_eq!(sortie::Response::from(response).text().await.unwrap(), "text");
    let response = session.send(post().body("static").unwrap()).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "static");
    let response = session.send(Request::get(server.url("/")).body(()).unwrap()).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_raw_request_in_origin_form_is_one_below_the_base_url() {
    let server = site();
    let session = builder().base_url(server.url("/v1")).build().unwrap();
    let response = session.send(Request::get("/items?q=1").body(()).unwrap()).await.unwrap();
    assert_eq!(response.url().unwrap().as_str(), server.url("/v1/items?q=1"));
    assert_eq!(server.requests()[0].uri, "/v1/items?q=1");
    drop(response);
    session.close().await;
    let error = session.send(Request::get("/items?s3cret").body(()).unwrap()).await.unwrap_err();
    check(&error, ErrorKind::Closed, "/v1/items");
}

#[tokio::test]
async fn a_request_is_built_looked_at_changed_and_sent() {
    let server = site();
    let session = builder().header("x-default", "d").base_url(server.url("/v1/")).build().unwrap();
    let mut request = session.post("items").query(&[("q", "a b")]).json(&[1, 2]).build().unwrap();
    assert_eq!(request.uri(), &*server.url("/v1/items?q=a+b"));
    // What the session adds is added when it is sent.
    assert!(!request.headers().contains_key("x-default"));
    request.headers_mut().insert("x-late", "1".parse().unwrap());
    session.send(request).await.unwrap();
    let head = &server.requests()[0];
    assert_eq!((values(head, "x-default"), values(head, "x-late")), (vec!["d"], vec!["1"]));
    assert_eq!(values(head, "content-type"), ["application/json"]);
}

#[tokio::test]
async fn a_request_with_a_base_url_of_its_own_has_its_response_from_there() {
    let (server, other) = (site(), site());
    let session = builder().base_url(other.url("/")).build().unwrap();
    let own = PerRequest::Use(BaseUrl::new(server.url("/v1/").parse().unwrap()).unwrap());
    let request = Request::get("/x").extension(own).body(Body::empty()).unwrap();
    let response = session.send(request).await.unwrap();
    assert_eq!(response.url().unwrap().as_str(), server.url("/v1/x"));
    assert_eq!((server.requests().len(), other.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_session_is_the_transport_of_another_and_its_errors_stay_what_they_are() {
    let server = site();
    let inner = builder().header("x-inner", "i").build().unwrap();
    let outer = builder().header("x-outer", "o").transport(inner.clone()).build().unwrap();
    assert_eq!(text(&outer, &server.url("/login")).await, "welcome");
    let head = &server.requests()[0];
    assert_eq!((values(head, "x-inner"), values(head, "x-outer")), (vec!["i"], vec!["o"]));
    // Each keeps its own cookies.
    assert_eq!((inner.cookies().unwrap().len(), outer.cookies().unwrap().len()), (1, 1));

    check(&outer.get("ftp2://host/").send().await.unwrap_err(), ErrorKind::Unsupported, "ftp2://");
    inner.close().await;
    check(&outer.get(server.url("/")).send().await.unwrap_err(), ErrorKind::Closed, "the session is closed");
}

#[tokio::test]
async fn a_front_over_a_stack_of_the_users_own_adds_nothing_to_it() {
    let scripted = Scripted::<Body>::from_fn(|_, _| Ok(reply(302, [("location", "/x"), ("set-cookie", "a=1")], "")));
    let session = Session::from_service(scripted.clone());
    let response = session.get("http://a.test/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.history().len(), response.url().unwrap().path()), (302, 0, "/"));
    assert!(scripted.requests()[0].headers.is_empty());
    session.close().await;
    assert_eq!(session.get("http://a.test/").send().await.unwrap_err().kind(), ErrorKind::Closed);

    // What is built from it is a whole session with that service as its transport.
    let built = session.to_builder().build().unwrap();
    let error = built.get("http://a.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert!(scripted.requests().last().unwrap().headers.contains_key("user-agent"));
}

#[tokio::test]
async fn many_tasks_share_one_session() {
    let server = site();
    let session = session();
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let (session, url) = (session.clone(), server.url(format_args!("/{n}")));
            tokio::spawn(async move { text(&session, &url).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "ok");
    }
    assert_eq!(server.requests().len(), 32);
}

#[tokio::test]
async fn a_token_that_is_replaced_counts_for_all_clones() {
    let server = site();
    let token = BearerToken::new("first");
    let session = builder().auth(Bearer::shared(&token)).build().unwrap();
    let clone = session.clone();
    text(&session, &server.url("/")).await;
    token.set("second");
    text(&clone, &server.url("/")).await;
    let tokens: Vec<_> = server.requests().iter().map(|head| values(head, "authorization").join("")).collect();
    assert_eq!(tokens, ["Bearer first", "Bearer second"]);
}
