use http_body_util::Full;
use sortie_core::call_when_ready;
use tokio::time::Instant;

use super::*;

fn get(path: &'static str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn each_request_gets_the_next_answer_and_the_record_is_shared_by_clones() {
    let server = Scripted::new([
        StatusCode::NO_CONTENT.into(),
        Response::new("text").into(),
        reply(201, [("a", "1"), ("a", "2")], "made").into(),
        Answer::error("refused"),
    ]);
    let statuses = async |path| call_when_ready(server.clone(), get(path)).await.map(|r| r.status().as_u16());
    assert_eq!(statuses("/0").await.unwrap(), 204);
    assert_eq!(statuses("/1").await.unwrap(), 200);
    assert_eq!(statuses("/2").await.unwrap(), 201);
    assert_eq!(statuses("/3").await.unwrap_err().to_string(), "refused");
    let error = statuses("/4").await.unwrap_err();
    assert_eq!(error.to_string(), "the script has 4 answers, and all of them were given");
    let paths: Vec<_> = server.requests().iter().map(|request| request.uri.path().to_owned()).collect();
    assert_eq!(paths, ["/0", "/1", "/2", "/3", "/4"]);
    assert_eq!(server.count(), 5);
}

#[tokio::test]
async fn a_computed_answer_sees_the_whole_request_and_its_number() {
    #[derive(Clone, Debug, PartialEq)]
    struct Mark(u8);
    let server = Scripted::from_fn(|request: &Recorded, n| {
        assert_eq!(request.extensions.get(), Some(&Mark(1)));
        match n {
            0 => Ok(reply(200, [("seen", request.header("x").unwrap_or("none"))], request.body.clone())),
            _ => Err("only once".into()),
        }
    });
    let request = || Request::post("/").header("x", "y").extension(Mark(1)).body(Full::from("abc")).unwrap();
    let response = call_when_ready(server.clone(), request()).await.unwrap();
    assert_eq!(response.headers()["seen"], "y");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "abc");
    assert_eq!(call_when_ready(server, request()).await.unwrap_err().to_string(), "only once");
}

#[tokio::test(start_paused = true)]
async fn late_answers_take_tokio_time_and_never_is_never() {
    let late = Answer::after(Duration::from_secs(1), Answer::after(Duration::from_secs(2), status(200)));
    let server = Scripted::new([late, Answer::never()]);
    let start = Instant::now();
    call_when_ready(server.clone(), get("/")).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    let never = call_when_ready(server, get("/"));
    assert!(tokio::time::timeout(Duration::from_secs(86_400), never).await.is_err());
}

#[tokio::test]
async fn a_request_whose_body_fails_is_not_answered() {
    let server = Scripted::new([status(200)]);
    let body = Body::factory(Some(2), || Body::from("a"));
    assert!(call_when_ready(server.clone(), Request::new(body)).await.is_err());
    assert_eq!(server.count(), 0);
    assert!(call_when_ready(server, get("/")).await.is_ok());
}

#[test]
#[should_panic(expected = "invalid status code")]
fn an_impossible_response_says_why() {
    let _ = status(42);
}
