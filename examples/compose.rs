//! Can I build the default session from `tower::ServiceBuilder` and the layers alone? Here it is, without a `Session`.
//!
//! The order is that of `crates/sortie/src/stack/mod.rs`, which gives the reason for each place. Among sortie's layers
//! stand tower-http's (tracing, request ids, sensitive headers) and tower's (`Buffer`, `ConcurrencyLimit`), where a
//! session has its `layer`, `hop_layer` and `wire_layer`. At the end a `Session` is put over the tower, for comfort.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use http::header::{ACCEPT, AUTHORIZATION, COOKIE, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use sortie::auth::{AuthOptions, Bearer};
use sortie::cookies::{CookieOptions, CookiesLayer, Jar};
use sortie::core::BoxHttp;
use sortie::decompress::DecompressLayer;
use sortie::hooks::Hooks;
use sortie::layers::base_url::BaseUrl;
use sortie::layers::headers::HeadersOptions;
use sortie::layers::mounts::Mounts;
use sortie::layers::query::QueryOptions;
use sortie::layers::{
    AuthLayer, BaseUrlLayer, HeadersLayer, HooksLayer, QueryLayer, RedirectLayer, RetryLayer, TimeoutLayer,
};
use sortie::redirect::RedirectOptions;
use sortie::retry::{Backoff, RetryOptions};
use sortie::timeout::TimeoutOptions;
use sortie::transport::{Transport, TransportOptions};
use sortie::{Body, BoxError, Response, Session};
use sortie_testkit::TestServer;
use tower::buffer::BufferLayer;
use tower::limit::ConcurrencyLimitLayer;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// How many requests are on the wire at once.
const AT_ONCE: usize = 4;

/// Outermost layer first.
fn tower(server: &TestServer, hops: Arc<AtomicUsize>) -> Result<BoxHttp, BoxError> {
    let transport = Transport::new(TransportOptions::default());
    let jar = Jar::new();
    let api = AuthOptions::default().mount(Bearer::new("t0k3n"));
    let mounts = Mounts::new()
        .mount("http://".parse()?, mount(transport.clone(), AuthOptions::default(), &jar))
        .mount("https://".parse()?, mount(transport.clone(), AuthOptions::default(), &jar))
        .mount(server.url("/api/").parse()?, mount(transport, api, &jar));
    let headers = HeadersOptions::default()
        .header(USER_AGENT, HeaderValue::from_static("compose/1.0"))
        .header(ACCEPT, HeaderValue::from_static("*/*"));

    Ok(BoxHttp::new(
        ServiceBuilder::new()
            // Where a session has `layer`: once per call.
            .layer(BufferLayer::<Request<Body>>::new(64))
            .layer(SetRequestIdLayer::new(REQUEST_ID, Numbers::default()))
            .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION, COOKIE, API_KEY]))
            .layer(TraceLayer::new_for_http().make_span_with(DefaultMakeSpan::new().include_headers(true)))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(TimeoutLayer::total(TimeoutOptions::default().total(Duration::from_secs(20))))
            .layer(BaseUrlLayer::new(Some(BaseUrl::new(server.url("/").parse()?)?)))
            .layer(QueryLayer::new(QueryOptions::from([("lang", "en")])))
            .layer(HeadersLayer::new(headers))
            .layer(DecompressLayer::default())
            .layer(RedirectLayer::new(RedirectOptions::default()))
            // Where a session has `hop_layer`: once per hop. Nothing here.
            .layer(HooksLayer::new(Hooks::new().on_response(move |_, _| {
                hops.fetch_add(1, Ordering::Relaxed);
            })))
            .service(mounts),
    ))
}

/// What stands below one prefix, outermost layer first.
fn mount(transport: Transport, auth: AuthOptions, jar: &Jar) -> BoxHttp {
    BoxHttp::new(
        ServiceBuilder::new()
            .layer(TimeoutLayer::hop(Some(Duration::from_secs(10))))
            .layer(HooksLayer::fixed(Hooks::new()))
            .layer(HeadersLayer::for_mount(HeadersOptions::default()))
            .layer(QueryLayer::for_mount(QueryOptions::default()))
            .layer(RetryLayer::new(RetryOptions::standard().backoff(Backoff::constant(Duration::from_millis(5)))))
            .layer(AuthLayer::new(auth))
            .layer(CookiesLayer::new(CookieOptions::jar(jar.clone())))
            // Where a session has `wire_layer`: once per send.
            .layer(ConcurrencyLimitLayer::new(AT_ONCE))
            .layer(HooksLayer::fixed(Hooks::new()))
            .layer(TimeoutLayer::attempt(TimeoutOptions::default().attempt(Duration::from_secs(5))))
            .service(transport),
    )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let site = Site::default();
    let server = TestServer::new(site.router());
    let hops = Arc::new(AtomicUsize::new(0));
    let tower = tower(&server, hops.clone())?;

    println!("A plain http::Request, sent into the tower, and what tower-http's TraceLayer says of it:");
    let logging = log_what_tower_http_says();
    let request = Request::get("/start").header(API_KEY, "k3y").body(Body::empty())?;
    let response = Response::from(tower.clone().oneshot(request).await?);
    assert_eq!((response.status(), response.history().len(), response.attempts()), (StatusCode::OK, 1, 2));
    assert_eq!(hops.load(Ordering::Relaxed), 2);
    drop(logging);
    let id = response.headers().get(REQUEST_ID).cloned().ok_or("the response has no request id")?;
    println!("   request {id:?}: redirected once, and sent twice where that led");

    let [start, first, second] = &server.requests()[..] else { return Err("three requests were expected".into()) };
    assert_eq!(start.uri, "/start?lang=en");
    assert!([start, first, second].iter().all(|head| head.headers.get(REQUEST_ID) == Some(&id)));
    assert!([start, first, second].iter().all(|head| head.headers[USER_AGENT] == "compose/1.0"));
    assert_eq!(start.headers.get(AUTHORIZATION), None);
    assert_eq!(second.headers[AUTHORIZATION], "Bearer t0k3n");
    assert_eq!((first.headers.get(COOKIE), &second.headers[COOKIE]), (None, &HeaderValue::from_static("try=1")));
    println!("   the mount's token went to /api/ only, and the cookie of the 503 came with the second attempt");

    println!("The same tower with a session's comfort:");
    let session = Session::from_service(tower);
    let calls: Vec<_> = (0..20).map(|_| tokio::spawn(session.get(server.url("/slow")).send())).collect();
    for call in calls {
        call.await??.error_for_status()?;
    }
    let most = site.most.load(Ordering::Relaxed);
    assert!(most <= AT_ONCE);
    println!("   20 calls at once, of which the server saw {most} at a time");
    Ok(())
}

/// Until the guard is dropped. Values of sensitive headers are not shown.
fn log_what_tower_http_says() -> impl Drop {
    let lines = tracing_subscriber::fmt::layer().without_time().with_ansi(false).with_writer(std::io::stdout);
    let filter = Targets::new().with_target("tower_http", LevelFilter::DEBUG);
    tracing_subscriber::registry().with(lines).with(filter).set_default()
}

#[derive(Clone, Default)]
struct Numbers(Arc<AtomicUsize>);

impl MakeRequestId for Numbers {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        Some(RequestId::new(HeaderValue::from(self.0.fetch_add(1, Ordering::Relaxed))))
    }
}

/// What the server counts.
#[derive(Clone, Default)]
struct Site {
    busy: Arc<AtomicUsize>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Site {
    fn router(&self) -> Router {
        Router::new()
            .route("/start", get(async || Redirect::to("/api/busy")))
            .route("/api/busy", get(busy))
            .route("/slow", get(slow))
            .with_state(self.clone())
    }
}

async fn busy(State(site): State<Site>) -> impl IntoResponse {
    match site.busy.fetch_add(1, Ordering::Relaxed) {
        0 => (StatusCode::SERVICE_UNAVAILABLE, [(SET_COOKIE, "try=1; Path=/")]).into_response(),
        _ => HeaderMap::new().into_response(),
    }
}

async fn slow(State(site): State<Site>) {
    site.most.fetch_max(site.now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(20)).await;
    site.now.fetch_sub(1, Ordering::Relaxed);
}
