//! Time limits: each ends what it covers, and its error says which it was. No test measures how long anything took.

use std::time::Duration;

use sortie::core::{Elapsed, Outcome, Phase, find};
use sortie::retry::{Backoff, RetryOptions};
use sortie::timeout::TimeoutOptions;
use sortie::transport::{PhaseTimeouts, TransportOptions};
use sortie::{Body, Error, ErrorKind, Mount};
use sortie_testkit::{Answer, Gate, Scripted, Steps, TcpScript, TestServer};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{builder, check, ok, redirect, session};

/// Long enough to be set off by nothing but what it is for, short enough to wait for.
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(60);

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf ";

/// Takes a request and never answers.
fn silent() -> TcpScript {
    TcpScript::each(Steps::new().read_head().hold())
}

/// Answers with the first half.
fn half() -> TcpScript {
    TcpScript::each(Steps::new().read_head().send(HALF).hold())
}

#[track_caller]
fn ran_out(error: &Error, phase: Phase, setting: &str) {
    check(error, ErrorKind::Timeout, setting);
    assert!(error.is_timeout());
    assert_eq!((error.phase(), find::<Elapsed>(error).map(Elapsed::limit)), (Some(phase), Some(SHORT)));
}

#[tokio::test]
async fn the_total_covers_the_wait_for_the_answer() {
    let server = silent();
    let url = server.url("/?s3cret");
    let by_session = builder().timeout(SHORT).build().unwrap();
    for request in [
        by_session.get(&url),
        session().get(&url).timeout(SHORT),
        builder().timeout(LONG).build().unwrap().get(&url).timeout(SHORT),
    ] {
        ran_out(&request.send().await.unwrap_err(), Phase::Total, "TimeoutOptions::total");
    }
}

#[tokio::test]
async fn the_total_covers_the_body() {
    let server = half();
    let mut response = session().get(server.url("/")).timeout(SHORT).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "half ");
    ran_out(&response.chunk().await.unwrap_err(), Phase::Total, "TimeoutOptions::total");
    let response = session().get(server.url("/")).timeout(SHORT).send().await.unwrap();
    ran_out(&response.bytes().await.unwrap_err(), Phase::Total, "TimeoutOptions::total");
}

#[tokio::test]
async fn the_total_covers_redirects_together() {
    let server = TestServer::from_fn(async |_| {
        tokio::time::sleep(SHORT / 5).await;
        redirect(302, "/again")
    });
    let error = session().get(server.url("/")).timeout(SHORT).send().await.unwrap_err();
    ran_out(&error, Phase::Total, "TimeoutOptions::total");
}

// On a paused clock: the total runs out in the middle of the second attempt, and nowhere else.
#[tokio::test(start_paused = true)]
async fn the_total_covers_retries_together() {
    let silent = Scripted::<Body>::answering(|_, _| Answer::never());
    let timeouts = TimeoutOptions::default().total(SHORT).attempt(SHORT * 2 / 3);
    let retry = RetryOptions::standard().backoff(Backoff::none());
    let session = builder().transport(silent.clone()).timeouts(timeouts).retry(retry).build().unwrap();
    let error = session.get("http://a.test/?s3cret").send().await.unwrap_err();
    ran_out(&error, Phase::Total, "TimeoutOptions::total");
    assert_eq!(silent.count(), 2);
}

#[tokio::test]
async fn a_request_can_do_without_the_sessions_total() {
    let gate = Gate::new();
    let server = TcpScript::each(Steps::new().read_head().send(HALF).pause(&gate).send("whole").hold());
    let session = builder().timeout(SHORT).build().unwrap();
    let response = session.get(server.url("/")).no_timeout().send().await.unwrap();
    // That nothing happens for longer than the limit is what is to be seen.
    tokio::time::sleep(SHORT * 2).await;
    gate.open();
    assert_eq!(response.text().await.unwrap(), "half whole");
}

#[tokio::test]
async fn the_attempt_ends_at_the_head() {
    let gate = Gate::new();
    let server = TcpScript::each(Steps::new().read_head().send(HALF).pause(&gate).send("whole").hold());
    let response = session().get(server.url("/")).attempt_timeout(LONG).send().await.unwrap();
    gate.open();
    assert_eq!(response.text().await.unwrap(), "half whole");

    let server = silent();
    for request in [
        session().get(server.url("/")).attempt_timeout(SHORT),
        builder().timeouts(TimeoutOptions::default().attempt(SHORT)).build().unwrap().get(server.url("/")),
        builder().mount("http://", Mount::new().attempt_timeout(SHORT)).build().unwrap().get(server.url("/")),
    ] {
        let error = request.send().await.unwrap_err();
        ran_out(&error, Phase::Attempt, "TimeoutOptions::attempt");
    }
}

#[tokio::test]
async fn an_attempt_that_ran_out_is_repeated_only_if_asked_for() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let silent = || Steps::new().read_head().hold();
    let server = TcpScript::in_order([silent(), silent(), Steps::new().read_head().send(answer).hold()]);
    let retry = RetryOptions::standard().backoff(Backoff::none());
    // The last attempt is to be in time on a busy machine too.
    let limit = Duration::from_millis(500);
    let response = session().get(server.url("/")).attempt_timeout(limit).retry(retry).send().await.unwrap();
    assert_eq!((response.attempts(), server.connections()), (3, 3));

    let server = TcpScript::in_order([Steps::new().read_head().hold()]);
    let error = session().get(server.url("/")).attempt_timeout(SHORT).send().await.unwrap_err();
    ran_out(&error, Phase::Attempt, "TimeoutOptions::attempt");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_mounts_limit_is_for_one_hop_in_it_with_its_body() {
    let server = half();
    let session = builder().mount(server.url("/slow/"), Mount::new().timeout(SHORT)).build().unwrap();
    let response = session.get(server.url("/slow/x")).send().await.unwrap();
    ran_out(&response.bytes().await.unwrap_err(), Phase::Hop, "Mount::timeout");
    let mut response = session.get(server.url("/other")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "half ");
    // The call's total, where it is shorter, counts.
    let session = builder().mount(server.url("/"), Mount::new().timeout(LONG)).timeout(SHORT).build().unwrap();
    let response = session.get(server.url("/")).send().await.unwrap();
    ran_out(&response.bytes().await.unwrap_err(), Phase::Total, "TimeoutOptions::total");
}

#[tokio::test]
async fn connecting_has_a_limit_of_its_own() {
    // A connection that is never made: a listener that accepts nothing and whose queue is full.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queued.push(stream.unwrap());
    }
    let limits = PhaseTimeouts::default().connect(SHORT);
    let url = format!("http://{address}/?s3cret");
    for request in [
        builder().transport_options(TransportOptions::default().timeouts(limits)).build().unwrap().get(&url).no_retry(),
        session().get(&url).phase_timeouts(limits).no_retry(),
    ] {
        let error = request.send().await.unwrap_err();
        ran_out(&error, Phase::Connect, "PhaseTimeouts::connect");
        assert!(error.is_connect());
        assert_eq!(error.outcome(), Some(Outcome::Connect { phase: Phase::Connect }));
    }
    drop((listener, queued));
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_end_is_a_connect_that_ran_out() {
    let server = TcpScript::each(Steps::new().hold());
    let url = server.url("/").replace("http://", "https://");
    let limits = PhaseTimeouts::default().connect(SHORT);
    let tls = sortie::transport::tls::TlsOptions::default();
    let authority = sortie_testkit::CertificateAuthority::new();
    let tls = tls.only_roots_pem(authority.pem().as_bytes()).unwrap().build().unwrap();
    let session = builder().transport_options(TransportOptions::default().tls(tls).timeouts(limits)).build().unwrap();
    let error = session.get(url).no_retry().send().await.unwrap_err();
    ran_out(&error, Phase::Tls, "PhaseTimeouts::connect");
    assert!(error.is_connect());
}

#[tokio::test]
async fn waiting_for_a_connection_has_a_limit_of_its_own() {
    let server = silent();
    let options = TransportOptions::default().max_connections_per_origin(1);
    let session = builder().transport_options(options).build().unwrap();
    let busy = tokio::spawn(session.get(server.url("/")).send());
    server.wait_for_connections(1).await;
    let limits = PhaseTimeouts::default().acquire(SHORT);
    let error = session.get(server.url("/")).phase_timeouts(limits).send().await.unwrap_err();
    ran_out(&error, Phase::Acquire, "PhaseTimeouts::acquire");
    check(&error, ErrorKind::Timeout, "TransportOptions::max_connections_per_origin");
    assert_eq!(error.outcome(), Some(Outcome::AcquireTimeout));
    busy.abort();
}

#[tokio::test]
async fn the_first_byte_has_a_limit_of_its_own() {
    let server = silent();
    let limits = PhaseTimeouts::default().first_byte(SHORT);
    let error = session().get(server.url("/")).phase_timeouts(limits).send().await.unwrap_err();
    ran_out(&error, Phase::FirstByte, "PhaseTimeouts::first_byte");
    assert_eq!((error.outcome(), error.is_connect()), (Some(Outcome::MaybeProcessed), false));
    // An answer that has begun is in time.
    let server = half();
    let mut response = session().get(server.url("/")).phase_timeouts(limits.read(LONG)).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "half ");
}

#[tokio::test]
async fn a_gap_in_the_answer_has_a_limit_of_its_own() {
    let limits = PhaseTimeouts::default().read(SHORT);
    let server = half();
    let mut response = session().get(server.url("/")).phase_timeouts(limits).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "half ");
    ran_out(&response.chunk().await.unwrap_err(), Phase::Read, "PhaseTimeouts::read");

    let server = TcpScript::each(Steps::new().read_head().send("HTTP/1.1 200 OK\r\ncontent-").hold());
    let error = session().get(server.url("/")).phase_timeouts(limits).send().await.unwrap_err();
    ran_out(&error, Phase::Read, "PhaseTimeouts::read");
}

#[tokio::test]
async fn an_upload_that_nobody_takes_has_a_limit_of_its_own() {
    let server = silent();
    let limits = PhaseTimeouts::default().write(SHORT);
    // More than the sockets' buffers hold.
    let body = vec![0_u8; 32 << 20];
    let gate = Gate::new();
    let deaf = TcpScript::each(Steps::new().read_head().pause(&gate).close());
    let error = session().post(deaf.url("/")).body(body).phase_timeouts(limits).send().await.unwrap_err();
    ran_out(&error, Phase::Write, "PhaseTimeouts::write");
    gate.open();
    drop(server);
}

#[tokio::test]
async fn limits_that_are_far_away_do_not_matter() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "/end"),
        _ => ok(),
    });
    for limit in [Duration::MAX, LONG] {
        let limits = PhaseTimeouts::default().acquire(limit).connect(limit).write(limit).first_byte(limit).read(limit);
        let session = builder()
            .timeouts(TimeoutOptions::default().total(limit).attempt(limit))
            .transport_options(TransportOptions::default().timeouts(limits))
            .mount(server.url("/"), Mount::new().timeout(limit))
            .build()
            .unwrap();
        assert_eq!(session.get(server.url("/start")).send().await.unwrap().text().await.unwrap(), "ok");
    }
}

#[tokio::test]
async fn no_time_at_all_is_a_timeout_and_no_panic() {
    let server = silent();
    for timeouts in [TimeoutOptions::default().total(Duration::ZERO), TimeoutOptions::default().attempt(Duration::ZERO)]
    {
        let session = builder().timeouts(timeouts).build().unwrap();
        assert_eq!(session.get(server.url("/")).send().await.unwrap_err().kind(), ErrorKind::Timeout);
    }
    let none = Duration::ZERO;
    let limits = PhaseTimeouts::default().acquire(none).connect(none).write(none).first_byte(none).read(none);
    let request = session().get(server.url("/")).phase_timeouts(limits).no_retry();
    assert_eq!(request.send().await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn the_time_it_took_is_told_with_the_response() {
    let server = TestServer::from_fn(async |_| ok());
    let response = session().get(server.url("/")).send().await.unwrap();
    assert!(response.elapsed().unwrap() > Duration::ZERO);
}
