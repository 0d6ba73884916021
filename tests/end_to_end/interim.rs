//! What comes before the answer: interim answers are told, and a body that asks waits for them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sortie::retry::RetryOptions;
use sortie::transport::ExpectContinue;
use sortie_testkit::{Steps, TcpScript};

use crate::support::session;

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn patient() -> ExpectContinue {
    ExpectContinue::default().wait(Duration::from_secs(1000))
}

#[tokio::test]
async fn a_body_that_asks_is_sent_when_the_server_says_so_and_all_that_is_said_before_is_told() {
    let server = TcpScript::each(Steps::new().read_head().send(HINTS).send(CONTINUE).expect("a=1").send(OK).hold());
    let told: Arc<Mutex<Vec<u16>>> = Arc::default();
    let telling = told.clone();
    let call = session().post(server.url("/")).form(&[("a", "1")]).expect_continue(patient());
    let call = call.on_informational(move |head| telling.lock().unwrap().push(head.status().as_u16()));
    assert_eq!(call.send().await.unwrap().text().await.unwrap(), "ok");
    assert_eq!(*told.lock().unwrap(), [103, 100]);
}

#[tokio::test]
async fn an_upload_that_is_refused_by_its_head_is_not_sent_and_the_refusal_is_the_response() {
    let no = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\n\r\nlarge";
    let server = TcpScript::each(Steps::new().read_head().send(no).read_to_end());
    let response = session().put(server.url("/")).body("the body").expect_continue(patient()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (413, "large"));
    assert!(!server.finish().await[0].text().contains("the body"));
}

#[tokio::test]
async fn each_hop_and_each_attempt_asks_again() {
    let moved = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n";
    let busy = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
    let server = TcpScript::in_order([
        Steps::new().read_head().send(moved).read_to_end(),
        Steps::new().read_head().send(busy).read_to_end(),
        Steps::new().read_head().send(CONTINUE).expect("the body").send(OK).hold(),
    ]);
    let session = session();
    let call = session.put(server.url("/here")).body("the body").retry(RetryOptions::standard());
    let response = call.expect_continue(patient()).send().await.unwrap();
    assert_eq!((response.attempts(), response.history().len()), (2, 1));
    assert_eq!(response.text().await.unwrap(), "ok");
    drop(session);
    let sent: String = server.finish().await.iter().map(sortie_testkit::Transcript::text).collect();
    assert_eq!((sent.matches("expect: 100-continue").count(), sent.matches("the body").count()), (3, 1), "{sent}");
}
