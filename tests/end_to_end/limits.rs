//! How large a body may be that is read into memory.

use http::Response;
use sortie::core::find;
use sortie::transport::TransportOptions;
use sortie::{Body, BodyTooLarge, ErrorKind, MaxBody};
use sortie_testkit::{Steps, TcpScript, reply};

use crate::support::{SECRET, always, builder, check};

fn unsized_body() -> Response<Body> {
    let body = Body::factory(None, || Body::segments([SECRET, SECRET].map(|part| part.as_bytes().into())));
    reply(200, [], "").map(|_: Body| body)
}

#[tokio::test]
async fn a_body_over_the_limit_is_an_error_that_names_the_setting() {
    let known = always(|| reply(200, [], SECRET));
    let unknown = always(unsized_body);
    let session = builder().max_body(5).build().unwrap();
    for (url, says) in [
        (known.url("/"), "the body has 6 octets, and may have 5 (SessionBuilder::max_body, RequestBuilder::max_body)"),
        (unknown.url("/"), "more octets than it may have, 5 (SessionBuilder::max_body, RequestBuilder::max_body)"),
    ] {
        let get = || async { session.get(url.as_str()).send().await.unwrap() };
        check(&get().await.bytes().await.unwrap_err(), ErrorKind::Body, says);
        check(&get().await.text().await.unwrap_err(), ErrorKind::Body, says);
        let error = get().await.json::<String>().await.unwrap_err();
        check(&error, ErrorKind::Body, says);
        assert_eq!(find::<BodyTooLarge>(&error).unwrap().limit(), 5);
        assert!(error.url().is_some());
        // What is read in pieces fills no memory.
        let mut response = get().await;
        while response.chunk().await.unwrap().is_some() {}
    }
}

#[tokio::test]
async fn a_request_has_its_own_limit_or_none() {
    let server = always(|| reply(400, [], "12345"));
    let session = builder().max_body(4).build().unwrap();
    let get = || session.get(server.url("/"));
    assert!(get().send().await.unwrap().text().await.is_err());
    assert_eq!(get().max_body(5).send().await.unwrap().text().await.unwrap(), "12345");
    assert_eq!(get().no_max_body().send().await.unwrap().text().await.unwrap(), "12345");
    // It goes through an error and back.
    let response = get().send().await.unwrap().error_for_status().unwrap_err().into_response().unwrap();
    assert_eq!(response.text().await.unwrap_err().kind(), ErrorKind::Body);
    let unlimited = session.to_builder().no_max_body().build().unwrap();
    assert!(unlimited.get(server.url("/")).send().await.unwrap().text().await.is_ok());
    let mut request = http::Request::get(server.url("/")).body(()).unwrap();
    request.extensions_mut().insert(sortie::core::PerRequest::Use(MaxBody::new(3)));
    assert!(unlimited.send(request).await.unwrap().text().await.is_err());
}

#[tokio::test]
async fn a_length_that_is_a_lie_reserves_no_memory() {
    // Were it reserved, this would be the end of the process.
    let lie = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n12", u64::MAX / 2);
    let server = TcpScript::each(Steps::new().read_request().send(lie).close());
    let session = builder().no_retry().build().unwrap();
    let error = session.get(server.url("/")).send().await.unwrap().bytes().await.unwrap_err();
    check(&error, ErrorKind::Protocol, "");
}

#[tokio::test]
async fn a_head_over_the_limits_is_an_error_that_names_them_and_their_settings() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: 1\r\n".repeat(200));
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", SECRET.repeat(4000));
    for head in [many, long] {
        let server = TcpScript::each(Steps::new().read_request().send(head).hold());
        let options = TransportOptions::default().http1_max_headers(100).http1_max_head_size(16 << 10);
        let session = builder().transport_options(options).no_retry().build().unwrap();
        let error = session.get(server.url("/")).send().await.unwrap_err();
        check(&error, ErrorKind::Protocol, "16384 octets (TransportOptions::http1_max_head_size)");
        check(&error, ErrorKind::Protocol, "100 headers (TransportOptions::http1_max_headers)");
    }
}

#[tokio::test]
async fn an_error_shows_the_bodys_beginning_to_whom_asks_and_to_nobody_else() {
    let server = always(|| reply(422, [], SECRET));
    let session = builder().build().unwrap();
    let response = session.post(server.url("/")).send().await.unwrap();
    let error = response.error_for_status_with_body(4).await.unwrap_err();
    check(&error, ErrorKind::Status, "422 Unprocessable Entity");
    assert_eq!(error.body_start(), Some(&SECRET.as_bytes()[..4]));
    assert_eq!(error.into_response().unwrap().text().await.unwrap(), SECRET);
}
