//! The order of the tower, seen from every place in it that a user can reach.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request};
use sortie::cookies::{CookieOptions, CookieRequest, CookieStore};
use sortie::core::{BoxHttp, HttpService, Phase, call_when_ready};
use sortie::hooks::Hooks;
use sortie::retry::RetryOptions;
use sortie::transport::Transport;
use sortie::{Body, Mount, SessionBuilder};
use sortie_testkit::{Scripted, TestServer, reply};
use tower::layer::layer_fn;
use tower::util::{MapRequest, MapRequestLayer};
use tower::{Layer, ServiceBuilder, service_fn};

use crate::support::{Challenged, Log, builder, in_turn, ok};

/// A layer that notes that it was entered.
fn noting(
    log: &Log,
    name: &'static str,
) -> impl Layer<
    BoxHttp,
    Service = MapRequest<BoxHttp, impl Fn(Request<Body>) -> Request<Body> + Clone + Send + Sync + 'static>,
> + Send
+ Sync
+ 'static {
    let log = log.clone();
    MapRequestLayer::new(move |request| {
        log.add(name);
        request
    })
}

fn hooks(log: &Log, [request, response]: [&'static str; 2]) -> Hooks {
    let (asked, answered) = (log.clone(), log.clone());
    Hooks::new().on_request(move |_| asked.add(request)).on_response(move |_, _| answered.add(response))
}

struct Store(Log);

impl CookieStore for Store {
    fn cookies(&self, _: CookieRequest<'_>) -> Option<HeaderValue> {
        self.0.add("cookies read");
        None
    }

    fn store(&self, _: CookieRequest<'_>, _: &mut dyn Iterator<Item = &HeaderValue>) {
        self.0.add("cookies stored");
    }
}

/// Busy at first, then leads on, then asks who it is, then is content. Each answer sets a cookie.
fn server() -> TestServer {
    in_turn(&[
        || reply(503, [("set-cookie", "a=1"), ("retry-after", "0")], ""),
        || reply(302, [("set-cookie", "a=2"), ("location", "/next")], ""),
        || reply(401, [("set-cookie", "a=3")], ""),
        || reply(200, [("set-cookie", "a=4")], "ok"),
    ])
}

/// Notes every place of the tower for a call of two hops, of which the first needs two attempts and the second is
/// challenged once.
async fn one_call() -> (Log, TestServer) {
    let (log, server) = (Log::default(), server());
    let wire = {
        let log = log.clone();
        ServiceBuilder::new()
            .layer(MapRequestLayer::new(move |request: Request<Body>| {
                log.add("transport");
                request
            }))
            .service(Transport::default())
    };
    let mount = Mount::new()
        .layer(noting(&log, "mount's layer"))
        .hooks(hooks(&log, ["mount's request hook", "mount's response hook"]))
        .wire_hooks(hooks(&log, ["mount's wire request hook", "mount's wire response hook"]))
        .wire_layer(noting(&log, "mount's wire layer"));
    let session = builder()
        .layer(noting(&log, "layer"))
        .hop_layer(noting(&log, "hop layer"))
        .hooks(hooks(&log, ["session's request hook", "session's response hook"]))
        .mount(server.url("/"), mount)
        .retry(RetryOptions::standard())
        .auth(Challenged(log.clone()))
        .cookies(CookieOptions::store(Arc::new(Store(log.clone()))))
        .wire_hooks(hooks(&log, ["session's wire request hook", "session's wire response hook"]))
        .wire_layer(noting(&log, "wire layer"))
        .transport(wire)
        .build()
        .unwrap();
    let (asked, answered) = (log.clone(), log.clone());
    let request = session
        .get(server.url("/start"))
        .on_request(move |_| asked.add("request's request hook"))
        .on_response(move |_, _| answered.add("request's response hook"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    (log, server)
}

#[tokio::test]
async fn every_place_is_entered_as_often_as_its_loop_turns() {
    let (log, server) = one_call().await;
    assert_eq!(server.requests().len(), 4);
    for (place, times) in [
        // Once per call.
        ("layer", 1),
        // Once per hop.
        ("hop layer", 2),
        ("session's request hook", 2),
        ("request's request hook", 2),
        ("mount's layer", 2),
        ("mount's request hook", 2),
        ("mount's response hook", 2),
        ("session's response hook", 2),
        ("request's response hook", 2),
        // Once per send: an attempt or a leg of it.
        ("auth signs", 4),
        ("cookies read", 4),
        ("wire layer", 4),
        ("mount's wire layer", 4),
        ("session's wire request hook", 4),
        ("mount's wire request hook", 4),
        ("transport", 4),
        ("mount's wire response hook", 4),
        ("session's wire response hook", 4),
        ("cookies stored", 4),
        ("auth examines", 4),
    ] {
        assert_eq!(log.count(place), times, "{place}: {:?}", log.all());
    }
}

#[tokio::test]
async fn a_call_passes_the_places_in_the_order_of_the_tower() {
    const HOP: [&str; 5] =
        ["hop layer", "session's request hook", "request's request hook", "mount's layer", "mount's request hook"];
    const SEND: [&str; 11] = [
        "auth signs",
        "cookies read",
        "wire layer",
        "mount's wire layer",
        "session's wire request hook",
        "mount's wire request hook",
        "transport",
        "mount's wire response hook",
        "session's wire response hook",
        "cookies stored",
        "auth examines",
    ];
    const ANSWER: [&str; 3] = ["mount's response hook", "session's response hook", "request's response hook"];

    let (log, _server) = one_call().await;
    let hop = [&HOP[..], &SEND, &SEND, &ANSWER].concat();
    assert_eq!(log.all(), [&["layer"][..], &hop, &hop].concat());
}

#[tokio::test]
async fn at_each_seam_the_first_layer_added_is_the_outermost() {
    let log = Log::default();
    let mount = Mount::new()
        .layer(noting(&log, "mount 1"))
        .layer(noting(&log, "mount 2"))
        .wire_layer(noting(&log, "mount's wire 1"))
        .wire_layer(noting(&log, "mount's wire 2"))
        .transport(Scripted::from_fn(|_, _| Ok(ok())));
    let session = builder()
        .wire_layer(noting(&log, "wire 1"))
        .wire_layer(noting(&log, "wire 2"))
        .hop_layer(noting(&log, "hop 1"))
        .hop_layer(noting(&log, "hop 2"))
        .layer(noting(&log, "call 1"))
        .layer(noting(&log, "call 2"))
        .mount("http://a.test/", mount)
        .build()
        .unwrap();
    session.get("http://a.test/").send().await.unwrap();
    assert_eq!(
        log.all(),
        [
            "call 1",
            "call 2",
            "hop 1",
            "hop 2",
            "mount 1",
            "mount 2",
            "wire 1",
            "wire 2",
            "mount's wire 1",
            "mount's wire 2",
        ],
    );
}

#[tokio::test]
async fn a_layer_of_the_users_may_answer_by_itself_at_every_seam() {
    let stop = || layer_fn(|_: BoxHttp| Scripted::<Body>::from_fn(|_, _| Ok(reply(418, [], "short and stout"))));
    for session in [
        builder().transport(never()).layer(stop()),
        builder().transport(never()).hop_layer(stop()),
        builder().transport(never()).wire_layer(stop()),
        builder().mount("http://a.test/", Mount::new().transport(never()).layer(stop())),
        builder().mount("http://a.test/", Mount::new().transport(never()).wire_layer(stop())),
    ] {
        let response = session.build().unwrap().get("http://a.test/").send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (418, "short and stout"));
    }
}

/// A layer that takes its time.
fn slow() -> impl Layer<BoxHttp, Service: HttpService<Body>> + Send + Sync + 'static {
    layer_fn(|inner: BoxHttp| {
        service_fn(move |request: Request<Body>| {
            let inner = inner.clone();
            async move {
                tokio::time::sleep(SLOW).await;
                call_when_ready(inner, request).await
            }
        })
    })
}

const SLOW: Duration = Duration::from_secs(10);

// On a paused clock: where each limit begins to count is seen by what a slow layer before it costs.
#[tokio::test(start_paused = true)]
async fn a_limit_covers_the_layers_inside_of_it_and_no_others() {
    const LIMIT: Duration = Duration::from_secs(5);
    let at_once = || Mount::new().transport(Scripted::from_fn(|_, _| Ok(ok())));
    let with = |session: SessionBuilder, mount: Mount| session.mount("http://a.test/", mount).build().unwrap();
    let total = || builder().timeout(LIMIT);
    let hop = || at_once().timeout(LIMIT);
    let attempt = || at_once().attempt_timeout(LIMIT);
    for (place, session, ran_out) in [
        ("layer, total", with(total().layer(slow()), at_once()), None),
        ("hop layer, total", with(total().hop_layer(slow()), at_once()), Some(Phase::Total)),
        ("hop layer, hop", with(builder().hop_layer(slow()), hop()), None),
        ("mount's layer, hop", with(builder(), hop().layer(slow())), None),
        ("wire layer, hop", with(builder().wire_layer(slow()), hop()), Some(Phase::Hop)),
        ("mount's wire layer, hop", with(builder(), hop().wire_layer(slow())), Some(Phase::Hop)),
        ("wire layer, attempt", with(builder().wire_layer(slow()), attempt()), None),
        ("mount's wire layer, attempt", with(builder(), attempt().wire_layer(slow())), None),
        (
            "transport, attempt",
            with(builder(), attempt().transport(slow().layer(BoxHttp::new(never())))),
            Some(Phase::Attempt),
        ),
    ] {
        let result = session.get("http://a.test/").send().await;
        assert_eq!(result.err().and_then(|error| error.phase()), ran_out, "{place}");
    }
}

fn never() -> Scripted {
    Scripted::from_fn(|_, _| panic!("it was to be kept from this"))
}
