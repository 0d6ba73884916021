//! What can be seen of a transport: statistics, events, and the times of each exchange.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use sortie_core::Body;
use sortie_testkit::{Gate, MemoryServer, ServerOptions, Steps, TcpScript, TestServer, TlsSetup, reply};
use sortie_transport::{CloseReason, Event, PhaseTimeouts, Timings, Transport, TransportOptions, Versions};
use tokio::time::sleep;

use crate::support::{fetch, fetching, get, in_memory, post, read, send, trusting, until};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn timings(response: &http::Response<sortie_transport::Pooled>) -> Timings {
    response.extensions().get::<Timings>().expect("every response has them").clone()
}

#[tokio::test]
async fn each_origin_is_counted_by_itself_and_all_together() {
    let servers = [(); 2].map(|()| TestServer::from_fn(async |_| reply(200, [], "hello")));
    let transport = Transport::default();
    for _ in 0..3 {
        fetch(&transport, get(servers[0].url("/"))).await.unwrap();
    }
    let held = send(&transport, get(servers[1].url("/"))).await.unwrap();
    let stats = transport.stats();
    assert_eq!((stats.open, stats.idle, stats.in_flight), (2, 1, 1));
    assert_eq!((stats.opened, stats.reused, stats.waits.count(), stats.waits.at_once()), (2, 2, 4, 2));
    let mut by_origin = transport.stats_by_origin();
    by_origin.sort_by_key(|(_, stats)| stats.reused);
    let told: Vec<_> = by_origin.iter().map(|(name, stats)| (name.as_str(), stats.reused, stats.in_flight)).collect();
    let names = servers.each_ref().map(|server| format!("http://{}", server.addr()));
    assert_eq!(told, [(&*names[1], 0, 1), (&*names[0], 2, 0)]);
    drop(held);
}

/// A connection of `transport` to what answers with `steps`, which is to end for `reason`.
async fn ends(reason: CloseReason, steps: Steps, options: TransportOptions, exchange: impl AsyncFn(Transport, String)) {
    let server = TcpScript::each(steps);
    let transport = Transport::new(options);
    exchange(transport.clone(), server.url("/")).await;
    until(reason.as_str(), || transport.stats().closed.total() > 0).await;
    let closed: Vec<_> = transport.stats().closed.iter().collect();
    assert_eq!(closed, [(reason, 1)]);
}

async fn fetch_one(transport: Transport, url: String) {
    fetch(&transport, get(url)).await.unwrap();
}

#[tokio::test]
async fn why_a_connection_ended_is_counted() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let big = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nok";
    let (answer, options) = (Steps::new().read_head().send(ok), TransportOptions::default);
    ends(CloseReason::Server, answer.clone().close(), options(), fetch_one).await;
    let closes = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    ends(CloseReason::Server, Steps::new().read_head().send(closes).hold(), options(), fetch_one).await;
    ends(CloseReason::Failed, answer.clone().send("unasked").hold(), options(), fetch_one).await;
    ends(CloseReason::Room, answer.clone().hold(), options().max_idle_per_origin(0), fetch_one).await;
    ends(CloseReason::Requests, answer.clone().hold(), options().max_requests_per_connection(1), fetch_one).await;
    ends(CloseReason::Idle, answer.clone().hold(), options().idle_timeout(Duration::from_millis(30)), fetch_one).await;
    ends(CloseReason::Lifetime, answer.clone().hold(), options().max_lifetime(Duration::from_millis(30)), fetch_one)
        .await;
    ends(CloseReason::Dropped, Steps::new().read_head().send(big).hold(), options(), async |transport, url| {
        drop(send(&transport, get(url)).await.unwrap());
    })
    .await;
    ends(CloseReason::Unfinished, answer.clone().hold(), options(), async |transport, url| {
        let endless = futures_util::stream::pending::<Result<&str, std::io::Error>>();
        fetch(&transport, post(url, Body::stream(endless))).await.unwrap();
    })
    .await;
    ends(CloseReason::Retired, answer.clone().hold(), options(), async |transport, url| {
        fetch_one(transport.clone(), url).await;
        assert_eq!(transport.retire(|_| true), 1);
    })
    .await;
    ends(CloseReason::Closed, answer.hold(), options(), async |transport, url| {
        fetch_one(transport.clone(), url).await;
        transport.close(secs(1)).await;
    })
    .await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    ends(CloseReason::Upgraded, Steps::new().read_head().send(switch).hold(), options(), async |transport, url| {
        let mut request = get(url);
        request.headers_mut().insert("upgrade", http::HeaderValue::from_static("x"));
        drop(send(&transport, request).await.unwrap());
    })
    .await;
}

/// What happened, in words.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn options(&self) -> TransportOptions {
        let diary = self.clone();
        TransportOptions::default().events(move |event: &Event<'_>| diary.0.lock().unwrap().push(told(event)))
    }

    fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn told(event: &Event<'_>) -> String {
    match event {
        Event::Connecting { connection, .. } => format!("connecting {connection}"),
        Event::Connected { connection, origin, .. } => {
            assert_eq!(connection.origin(), *origin);
            format!("connected {}", connection.id())
        }
        Event::ConnectFailed { connection, error, .. } => format!("failed {connection}: {error}"),
        Event::Queued { origin, .. } => format!("queued for {origin}"),
        Event::Acquired { connection, reused, .. } => format!("acquired {connection} {reused}"),
        Event::AcquireTimedOut { waited, .. } => format!("gave up after {} s", waited.as_secs()),
        Event::Returned { connection, .. } => format!("returned {connection}"),
        Event::Avoided { connection, .. } => format!("avoided {connection}"),
        Event::Closed { connection, reason, requests, age, .. } => {
            format!("closed {connection}: {reason} after {requests} and {} s", age.as_secs())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_life_of_a_connection() {
    let diary = Diary::default();
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "hello")));
    let transport = in_memory(&server, diary.options().idle_timeout(secs(20)));
    for _ in 0..2 {
        fetch(&transport, get("http://a.test:81/")).await.unwrap();
    }
    sleep(secs(30)).await;
    assert_eq!(
        diary.entries(),
        [
            "queued for http://a.test:81",
            "connecting 0",
            "connected 0",
            "acquired 0 false",
            "returned 0",
            "acquired 0 true",
            "returned 0",
            "closed 0: idle after 2 and 20 s",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn events_tell_what_did_not_come_about() {
    let diary = Diary::default();
    let refuse = async |_| Err::<tokio::io::DuplexStream, _>(std::io::Error::other("no"));
    let transport = Transport::new(diary.options().connector(refuse));
    fetch(&transport, get("http://a.test/")).await.unwrap_err();
    let failed = "failed 0: connecting to http://a.test failed (connect)";
    assert_eq!(diary.entries(), ["queued for http://a.test", "connecting 0", failed]);

    let diary = Diary::default();
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        sleep(secs(100)).await;
        reply(200, [], "late")
    }));
    let timeouts = PhaseTimeouts::default().acquire(secs(3));
    let transport = in_memory(&server, diary.options().timeouts(timeouts).max_connections_per_origin(1));
    let busy = fetching(&transport, get("http://a.test/"));
    server.wait_for_requests(1).await;
    fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(diary.entries().last().unwrap(), "gave up after 3 s");
    busy.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_part_of_an_exchange_is_timed() {
    let server = Arc::new(MemoryServer::from_fn(async |request| {
        request.into_body().collect().await.unwrap();
        sleep(secs(4)).await;
        let late = futures_util::stream::once(async {
            sleep(secs(5)).await;
            Ok::<_, std::io::Error>("late")
        });
        reply(200, [], Body::stream(late))
    }));
    let options = TransportOptions::default().connector(move |_| {
        let server = server.clone();
        async move {
            sleep(secs(2)).await;
            Ok::<_, std::convert::Infallible>(server.connect())
        }
    });
    let transport = Transport::new(options);
    let upload = || {
        post(
            "http://a.test/",
            Body::stream(futures_util::stream::once(async {
                sleep(secs(1)).await;
                Ok::<_, std::io::Error>("up")
            })),
        )
    };
    for (queued, connect) in [(secs(2), Some(secs(2))), (secs(0), None)] {
        let response = send(&transport, upload()).await.unwrap();
        let times = timings(&response);
        assert_eq!((times.queued(), times.dns(), times.connect(), times.tls()), (queued, None, connect, None));
        assert_eq!(times.sent(), Some(queued + secs(1)));
        assert_eq!((times.first_byte(), times.end()), (Some(queued + secs(5)), None));
        read(response).await.unwrap();
        assert_eq!(times.end(), Some(queued + secs(10)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_is_sent_when_it_is_on_the_wire_and_ends_when_it_is_dropped() {
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        sleep(secs(3)).await;
        reply(200, [], vec![0; 1_000_000])
    }));
    let transport = in_memory(&server, TransportOptions::default());
    let response = send(&transport, get("http://a.test/")).await.unwrap();
    let times = timings(&response);
    assert_eq!((times.sent(), times.first_byte()), (Some(secs(0)), Some(secs(3))));
    sleep(secs(2)).await;
    drop(response);
    assert_eq!(times.end(), Some(secs(5)));
    // The next exchange has times of its own.
    let next = send(&transport, get("http://a.test/")).await.unwrap();
    assert_eq!((times.first_byte(), timings(&next).first_byte()), (Some(secs(3)), Some(secs(3))));
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_end_of_the_upload_has_no_time_for_it_yet() {
    let steps = Steps::new()
        .read_head()
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")
        .read(8)
        .sleep(secs(2))
        .send("k")
        .deadline(secs(1000))
        .hold();
    let server = Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "")));
    let transport = Transport::new(TransportOptions::default().connector(move |_| {
        let stream = server.connect_scripted(steps.clone());
        async move { Ok::<_, std::convert::Infallible>(stream) }
    }));
    let late = futures_util::stream::once(async {
        sleep(secs(7)).await;
        Ok::<_, std::io::Error>("late")
    });
    let response = send(&transport, post("http://a.test/", Body::stream(late))).await.unwrap();
    let times = timings(&response);
    assert_eq!(times.sent(), None);
    read(response).await.unwrap();
    assert_eq!((times.sent(), times.end()), (Some(secs(7)), Some(secs(9))));
}

#[tokio::test]
async fn names_and_handshakes_are_timed_and_http2_too() {
    let server = ServerOptions::new().tls(TlsSetup::new()).serve_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::new(trusting(&server));
    let url = format!("https://localhost:{}/", server.addr().port());
    let response = send(&transport, get(url)).await.unwrap();
    let times = timings(&response);
    read(response).await.unwrap();
    assert!(times.dns().is_some() && times.connect().is_some() && times.tls().is_some(), "{times:?}");
    let made = times.dns().unwrap() + times.connect().unwrap() + times.tls().unwrap();
    assert!(made <= times.queued() && Some(times.queued()) <= times.sent(), "{times:?}");
    assert!(times.sent() <= times.first_byte() && times.first_byte() <= times.end(), "{times:?}");

    let server = ServerOptions::new().protocol(sortie_testkit::Protocol::Http2).serve_fn(async |_| reply(200, [], ""));
    let transport = Transport::new(TransportOptions::default().versions(Versions::Http2Only));
    let response = send(&transport, get(server.url("/"))).await.unwrap();
    let times = timings(&response);
    assert!(times.dns().is_none() && times.sent().is_some() && times.end().is_some(), "{times:?}");
}

#[tokio::test]
async fn who_waited_is_in_the_histogram() {
    let go = Gate::new();
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let server = TcpScript::each(Steps::new().read_head().pause(&go).send(answer).read_head().send(answer).hold());
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1));
    let calls = [(); 2].map(|()| fetching(&transport, get(server.url("/"))));
    go.reached().await;
    until("one waits", || transport.stats().waiting == 1).await;
    go.open();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let waits = transport.stats().waits;
    assert_eq!((waits.count(), waits.at_once()), (2, 0));
    assert!(waits.quantile(1.0) > Some(Duration::ZERO));
}
