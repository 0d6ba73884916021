use std::io::{Error, ErrorKind};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::count::PATIENCE;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const GET: &str = "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";

async fn connect(server: &TcpScript) -> TcpStream {
    TcpStream::connect(server.addr()).await.unwrap()
}

/// Sends the request and reads until the server ends the connection.
async fn exchange(server: &TcpScript, request: &str) -> Result<String, Error> {
    let mut stream = connect(server).await;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map(|_| answer)
}

/// What the panic of a future said.
async fn panic_of(future: impl Future<Output = ()> + Send + 'static) -> String {
    let panic = tokio::spawn(future).await.unwrap_err().into_panic();
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// Runs the steps in memory, where the clock may be paused, against a client that sends this and waits.
async fn failure_of(steps: Steps, request: &str) -> String {
    let (mut client, server) = tokio::io::duplex(1024);
    let transcripts = Transcripts::default();
    tokio::spawn(run(server, steps, transcripts.begin()));
    client.write_all(request.as_bytes()).await.unwrap();
    let failure = panic_of(async move { drop(transcripts.finish().await) }).await;
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.expect("a failure ends the connection");
    failure
}

#[tokio::test]
async fn the_answer_is_what_the_script_sends_and_the_connection_ends_in_a_fin() {
    for steps in [
        Steps::new().read_head().send(OK),
        Steps::new().read_head().send_slowly(OK).close(),
        Steps::new().expect("GET / ").read(GET.len() - 6).send(OK),
    ] {
        let server = TcpScript::each(steps);
        assert_eq!(exchange(&server, GET).await.unwrap(), OK);
        let transcripts = server.finish().await;
        assert_eq!((transcripts.len(), transcripts[0].text().as_str()), (1, GET));
        assert_eq!(transcripts[0].state, ScriptState::Done);
    }
}

#[tokio::test]
async fn a_request_is_read_with_the_body_that_its_head_announces() {
    for request in [
        GET,
        "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\nA\r\n0123456789\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\ntrailer: field\r\n\r\n",
    ] {
        let server = TcpScript::each(Steps::new().read_request().expect("next").send(OK));
        assert_eq!(exchange(&server, &format!("{request}next")).await.unwrap(), OK, "{request}");
    }
}

#[tokio::test]
async fn a_fin_stays_a_fin_though_the_upload_was_not_read() {
    let server = TcpScript::each(Steps::new().read_head().send(OK).close());
    let upload = format!("POST / HTTP/1.1\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(100_000));
    assert_eq!(exchange(&server, &upload).await.unwrap(), OK);
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    let server = TcpScript::each(Steps::new().read_head().reset());
    assert_eq!(exchange(&server, GET).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.finish().await[0].state, ScriptState::Done);
}

#[tokio::test]
async fn each_connection_has_its_own_script_and_number() {
    let answers = TcpScript::in_order(["a", "b"].map(|answer| Steps::new().send(answer)));
    assert_eq!(exchange(&answers, "").await.unwrap(), "a");
    assert_eq!(exchange(&answers, "").await.unwrap(), "b");
    let numbers = TcpScript::from_fn(|n| Steps::new().send(n.to_string()));
    assert_eq!(exchange(&numbers, "").await.unwrap(), "0");
    assert_eq!(exchange(&numbers, "").await.unwrap(), "1");
    assert_eq!(numbers.connections(), 2);
    numbers.wait_for_connections(2).await;
}

#[tokio::test]
async fn a_connection_without_a_script_is_reset_and_a_failure() {
    let server = TcpScript::in_order([]);
    assert_eq!(exchange(&server, "").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(panic_of(async move { drop(server) }).await, "connection 0: there is no script for it");
}

#[tokio::test]
async fn a_pause_lasts_until_the_gate_is_opened() {
    let gate = Gate::new();
    let server = TcpScript::each(Steps::new().send("a").pause(&gate).send("b"));
    let mut stream = connect(&server).await;
    assert_eq!(stream.read_u8().await.unwrap(), b'a');
    gate.reached().await;
    assert_eq!(stream.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    gate.open();
    assert_eq!(stream.read_u8().await.unwrap(), b'b');
    gate.open(); // ahead of the next pause
    assert_eq!(exchange(&server, "").await.unwrap(), "ab");
}

#[tokio::test]
async fn a_held_connection_stays_open_and_a_client_that_leaves_ends_its_script() {
    let server = TcpScript::in_order([Steps::new().send("a").hold(), Steps::new().read_to_end(), Steps::new().read(9)]);
    let mut held = connect(&server).await;
    held.read_u8().await.unwrap();
    assert_eq!(server.finish().await[0].state, ScriptState::Done);
    assert_eq!(held.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(held);
    for _ in 0..2 {
        connect(&server).await.write_all(b"bytes").await.unwrap();
    }
    server.wait_for_connections(3).await;
    let transcripts = server.finish().await;
    assert_eq!(transcripts[1].state, ScriptState::Done);
    assert_eq!(transcripts[2].state, ScriptState::ClientLeft { step: "read(9)".to_owned() });
    assert_eq!(transcripts[2].received, "bytes");
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_the_connection_the_step_and_the_reason() {
    for (steps, request, failure) in [
        (
            Steps::new().deadline(Duration::from_secs(2)).send("a").read_head().send(OK),
            "GET / HTTP/1.1\r\n",
            "step 2 of 3, `read_head()`: it took longer than its deadline of 2s; \
             not yet read by a step: \"GET / HTTP/1.1\\r\\n\"",
        ),
        (
            Steps::new().sleep(PATIENCE * 2).pause(&Gate::new()),
            "",
            "step 2 of 2, `pause(..)`: it took longer than its deadline of 10s",
        ),
        (
            Steps::new().read_to_end().close(),
            "",
            "step 1 of 2, `read_to_end()`: it took longer than its deadline of 10s",
        ),
        (
            Steps::new().expect("POST"),
            "GET / HTTP/1.1\r\n",
            "step 1 of 1, `expect(\"POST\")`: other bytes came; not yet read by a step: \"GET / HTTP/1.1\\r\\n\"",
        ),
        (
            Steps::new().read_request(),
            "POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
            "step 1 of 1, `read_request()`: `Content-Length: many`",
        ),
        (
            Steps::new().read_request(),
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno\r\n",
            "step 1 of 1, `read_request()`: \"no\\r\\n\" is no chunk size",
        ),
    ] {
        let received = failure_of(steps, request).await;
        assert_eq!(received, format!("connection 0: {failure}"));
    }
}

#[tokio::test]
async fn a_failure_resets_the_connection() {
    let server = TcpScript::each(Steps::new().expect("POST"));
    assert_eq!(exchange(&server, GET).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(panic_of(async move { drop(server) }).await.contains("other bytes came"));
}

#[tokio::test]
async fn an_end_before_what_was_expected_is_a_failure() {
    let server = TcpScript::each(Steps::new().expect("GET / HTTP/1.1"));
    connect(&server).await.write_all(b"GET").await.unwrap();
    server.wait_for_connections(1).await;
    let failure = panic_of(async move { drop(server.finish().await) }).await;
    assert!(failure.ends_with("the client left; not yet read by a step: \"GET\""), "{failure}");
}

#[tokio::test]
async fn a_failure_is_told_once_and_a_drop_during_a_panic_does_not_abort() {
    let server = TcpScript::in_order([]);
    let _ = exchange(&server, "").await;
    let told = panic_of(async move {
        server.finish().await;
    });
    assert!(told.await.contains("no script"));
    let server = TcpScript::in_order([]);
    let _ = exchange(&server, "").await;
    let panic = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _server = server;
        panic!("the test's own");
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"the test's own"));
}

#[tokio::test]
async fn dropping_the_server_ends_its_connections() {
    let server = TcpScript::each(Steps::new().send("a").hold());
    let mut stream = connect(&server).await;
    stream.read_u8().await.unwrap();
    drop(server);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_in_vain_says_for_what() {
    let gate = panic_of(async { Gate::new().reached().await });
    assert_eq!(gate.await, format!("no script came to this gate within {PATIENCE:?}"));
    let server = TcpScript::in_order([]);
    let connections = panic_of(async move { server.wait_for_connections(1).await });
    assert_eq!(connections.await, "waited 10s for 1 connections, but there are 0");
}

#[test]
#[should_panic(expected = "`send(\"more\")` can never run: `close()` before it ends the script")]
fn nothing_follows_the_end() {
    let _ = Steps::new().close().send("more");
}
