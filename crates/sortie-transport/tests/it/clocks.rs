//! Limits of time, at a paused clock over connections in memory.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use sortie_core::{Body, Elapsed, Fault, Outcome, PerRequest, Phase, find};
use sortie_testkit::{MemoryServer, Steps, reply};
use sortie_transport::{PhaseTimeouts, Transport, TransportOptions};
use tokio::time::{Instant, sleep};

use crate::support::{fetch, get, in_memory, post, read, send};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn hello() -> Arc<MemoryServer> {
    Arc::new(MemoryServer::from_fn(async |_| reply(200, [], "hello")))
}

/// Every connection is served by the steps.
fn scripted(steps: Steps, timeouts: PhaseTimeouts) -> Transport {
    let server = hello();
    let steps = steps.deadline(secs(100_000));
    Transport::new(TransportOptions::default().timeouts(timeouts).connector(move |_| {
        let (server, steps) = (server.clone(), steps.clone());
        async move {
            let stream = server.connect_scripted(steps);
            // The server lives as long as its connection.
            tokio::spawn(async move {
                let _server = server;
                std::future::pending::<()>().await;
            });
            Ok::<_, std::convert::Infallible>(stream)
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_for_the_idle_timeout_and_no_longer() {
    let server = hello();
    let transport = in_memory(&server, TransportOptions::default().idle_timeout(secs(20)));
    for _ in 0..3 {
        fetch(&transport, get("http://a.test/")).await.unwrap();
        sleep(secs(15)).await;
        assert_eq!(transport.stats().idle, 1);
    }
    assert_eq!(server.connections(), 1);
    sleep(secs(6)).await;
    assert_eq!((transport.stats().open, server.open_connections()), (0, 0));
    fetch(&transport, get("http://a.test/")).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_is_not_idle() {
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        sleep(secs(100)).await;
        reply(200, [], "late")
    }));
    let transport = in_memory(&server, TransportOptions::default().idle_timeout(secs(20)));
    assert_eq!(fetch(&transport, get("http://a.test/")).await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn a_connection_takes_no_request_beyond_its_lifetime_give_or_take_a_tenth() {
    let server = hello();
    let transport = in_memory(&server, TransportOptions::default().max_lifetime(secs(100)));
    for _ in 0..8 {
        fetch(&transport, get("http://a.test/")).await.unwrap();
        sleep(secs(11)).await;
    }
    assert_eq!((server.connections(), server.open_connections()), (1, 1));
    sleep(secs(25)).await;
    assert_eq!(server.open_connections(), 0);
    fetch(&transport, get("http://a.test/")).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_outlives_its_lifetime_in_use_ends_with_its_exchange() {
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        sleep(secs(30)).await;
        reply(200, [], "late")
    }));
    let transport = in_memory(&server, TransportOptions::default().max_lifetime(secs(10)));
    assert_eq!(fetch(&transport, get("http://a.test/")).await.unwrap(), "late");
    sleep(secs(2)).await;
    assert_eq!(server.open_connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_body_ends_it_and_a_slow_reader_does_not() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n";
    let steps =
        Steps::new().read_head().send(head).send("ab").sleep(secs(4)).send("cd").sleep(secs(6)).send("ef").hold();
    let transport = scripted(steps, PhaseTimeouts::default().read(secs(5)));
    let mut body = send(&transport, get("http://a.test/")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "cd");
    let start = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(start.elapsed(), secs(5));
    assert_eq!(find::<Elapsed>(&*error), Some(&Elapsed::new(Phase::Read, secs(5))));
    assert_eq!(find::<Fault>(&*error).map(Fault::outcome), Some(Outcome::MaybeProcessed));
    assert!(body.frame().await.is_none());

    let steps = Steps::new().read_head().send(head).send("ab").sleep(secs(4)).send("cdef").hold();
    let transport = scripted(steps, PhaseTimeouts::default().read(secs(5)));
    let mut body = send(&transport, get("http://a.test/")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    sleep(secs(60)).await;
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "cdef");
}

#[tokio::test(start_paused = true)]
async fn a_gap_within_the_head_is_a_gap() {
    let steps = Steps::new().read_head().send("HTTP/1.1 2").sleep(secs(40)).send("00 O").hold();
    let transport = scripted(steps, PhaseTimeouts::default());
    let start = Instant::now();
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(start.elapsed(), secs(100));
    assert_eq!(find::<Elapsed>(&*error), Some(&Elapsed::new(Phase::Read, secs(60))));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_not_fetched_is_no_gap() {
    let steps = Steps::new()
        .read_head()
        .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok")
        .sleep(secs(300))
        .send("ay")
        .hold();
    let transport = scripted(steps, PhaseTimeouts::default());
    let mut call = std::pin::pin!(send(&transport, get("http://a.test/")));
    // It is polled until the head is on its way, and then not for a long time.
    assert!(tokio::time::timeout(Duration::ZERO, &mut call).await.is_err());
    crate::support::until("it is open", || transport.stats().open == 1).await;
    let _ = tokio::time::timeout(Duration::ZERO, &mut call).await;
    sleep(secs(290)).await;
    assert_eq!(read(call.await.unwrap()).await.unwrap().0, "okay");
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_more_and_less_patient() {
    let steps =
        Steps::new().read_head().send("HTTP/1.1 200 OK\r\n").sleep(secs(300)).send("content-length: 0\r\n\r\n").hold();
    let transport = scripted(steps, PhaseTimeouts::default());
    let mut request = get("http://a.test/");
    request.extensions_mut().insert(PerRequest::Use(PhaseTimeouts::default().read(secs(7))));
    let start = Instant::now();
    let error = fetch(&transport, request).await.unwrap_err();
    assert_eq!((start.elapsed(), find::<Elapsed>(&*error).unwrap().limit()), (secs(7), secs(7)));

    let mut request = get("http://a.test/");
    request.extensions_mut().insert(PerRequest::<PhaseTimeouts>::Off);
    let start = Instant::now();
    fetch(&transport, request).await.unwrap();
    assert_eq!(start.elapsed(), secs(300));
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_is_waited_for_from_the_end_of_the_upload() {
    let slow = || {
        Body::stream(futures_util::stream::unfold(0, |n| async move {
            sleep(secs(4)).await;
            (n < 5).then_some((Ok::<_, std::io::Error>("chunk"), n + 1))
        }))
    };
    for (answers_after, outcome) in [(2, Ok("hello")), (4, Err(Elapsed::new(Phase::FirstByte, secs(3))))] {
        let server = Arc::new(MemoryServer::from_fn(move |request| async move {
            request.into_body().collect().await.unwrap();
            sleep(secs(answers_after)).await;
            reply(200, [], "hello")
        }));
        let options = TransportOptions::default().timeouts(PhaseTimeouts::default().first_byte(secs(3)));
        let transport = in_memory(&server, options);
        let answer = fetch(&transport, post("http://a.test/", slow())).await;
        match (answer, outcome) {
            (Ok(answer), Ok(expected)) => assert_eq!(answer, expected),
            (Err(error), Err(elapsed)) => assert_eq!(find::<Elapsed>(&*error), Some(&elapsed)),
            (answer, _) => panic!("{answer:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_the_network_does_not_take_ends_and_a_slow_source_does_not() {
    let timeouts = PhaseTimeouts::default().write(secs(4));
    let steps = Steps::new().read_head().sleep(secs(1000)).hold();
    let transport = scripted(steps, timeouts);
    let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 50_000]));
    let start = Instant::now();
    let error = fetch(&transport, post("http://a.test/", Body::stream(chunks))).await.unwrap_err();
    assert_eq!(find::<Elapsed>(&*error), Some(&Elapsed::new(Phase::Write, secs(4))));
    assert!(start.elapsed() <= secs(6), "{:?}", start.elapsed());

    let server = Arc::new(MemoryServer::from_fn(async |request| {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        reply(200, [], Body::from(body))
    }));
    let transport = in_memory(&server, TransportOptions::default().timeouts(timeouts));
    let slow = futures_util::stream::once(async {
        sleep(secs(60)).await;
        Ok::<_, std::io::Error>("late")
    });
    let response = send(&transport, post("http://a.test/", Body::stream(slow))).await.unwrap();
    assert_eq!(read(response).await.unwrap().0, "late");
}

// hyper takes a chunk whole, long before the network has.
#[tokio::test(start_paused = true)]
async fn an_upload_in_one_chunk_is_over_when_the_network_has_taken_it() {
    let server = Arc::new(MemoryServer::from_fn(async |request| {
        sleep(secs(20)).await;
        let body = request.into_body().collect().await.unwrap().to_bytes();
        reply(200, [], body.len().to_string())
    }));
    let upload = || post("http://a.test/", vec![0; 8 << 20]);
    let patient =
        in_memory(&server, TransportOptions::default().timeouts(PhaseTimeouts::default().first_byte(secs(3))));
    assert_eq!(fetch(&patient, upload()).await.unwrap(), (8 << 20).to_string());
    let hasty = in_memory(&server, TransportOptions::default().timeouts(PhaseTimeouts::default().write(secs(3))));
    let error = fetch(&hasty, upload()).await.unwrap_err();
    assert_eq!(find::<Elapsed>(&*error), Some(&Elapsed::new(Phase::Write, secs(3))));
}

/// Chunks of an upload, each a while after the one before.
fn slowly(chunks: u64, pause: Duration) -> Body {
    let chunk = move |_| async move {
        sleep(pause).await;
        Ok::<_, std::io::Error>("x")
    };
    Body::stream(futures_util::StreamExt::then(futures_util::stream::iter(0..chunks), chunk))
}

#[tokio::test(start_paused = true)]
async fn an_interim_answer_begins_no_gap_while_the_upload_goes_on() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    // The head is followed by eight chunks and the last one.
    let steps = Steps::new().read_head().send(interim).read(8 * 6 + 5).sleep(secs(40)).send(answer).hold();
    let transport = scripted(steps, PhaseTimeouts::default());
    let start = Instant::now();
    assert_eq!(fetch(&transport, post("http://a.test/", slowly(8, secs(100)))).await.unwrap(), "ok");
    assert_eq!(start.elapsed(), secs(840));

    // Once it is over, the gap counts from there.
    let steps = Steps::new().read_head().send(interim).read(8 * 6 + 5).sleep(secs(400)).send(answer).hold();
    let transport = scripted(steps, PhaseTimeouts::default());
    let start = Instant::now();
    let error = fetch(&transport, post("http://a.test/", slowly(8, secs(100)))).await.unwrap_err();
    assert_eq!(find::<Elapsed>(&*error), Some(&Elapsed::new(Phase::Read, secs(60))));
    assert!((860..=920).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_interim_answer_does_not_end_the_write_limit() {
    let steps = Steps::new().read_head().send("HTTP/1.1 100 Continue\r\n\r\n").sleep(secs(1000)).hold();
    let transport = scripted(steps, PhaseTimeouts::default().write(secs(20)).read(None));
    let start = Instant::now();
    let error = fetch(&transport, post("http://a.test/", vec![0; 1_000_000])).await.unwrap_err();
    assert_eq!(find::<Elapsed>(&*error), Some(&Elapsed::new(Phase::Write, secs(20))));
    assert!((20..=30).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}
