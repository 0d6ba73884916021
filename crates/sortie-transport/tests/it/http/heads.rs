//! How heads are written and how large they may be.

use http::StatusCode;
use sortie_core::{Outcome, find};
use sortie_testkit::{Protocol, ServerOptions, Steps, TcpScript, reply};
use sortie_transport::{HeadRefused, Transport, TransportOptions, Versions};

use crate::support::{fetch, get, send};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn header_names_are_written_in_title_case_if_asked_for() {
    for (title_case, expected) in [(false, "\r\nx-trace-id: 7\r\n"), (true, "\r\nX-Trace-Id: 7\r\n")] {
        let server = TcpScript::each(Steps::new().read_head().send(OK).hold());
        let transport = Transport::new(TransportOptions::default().http1_title_case_headers(title_case));
        let mut request = get(server.url("/"));
        request.headers_mut().insert("x-trace-id", "7".parse().unwrap());
        fetch(&transport, request).await.unwrap();
        drop(transport);
        let head = server.finish().await[0].text();
        assert!(head.contains(expected), "{head}");
    }
}

fn with_headers(n: usize) -> String {
    let headers: String = (0..n - 1).map(|n| format!("x-{n}: {n}\r\n")).collect();
    format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{headers}\r\n")
}

fn of_size(octets: usize) -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: \r\n\r\n";
    head.replace("x: ", &format!("x: {}", "y".repeat(octets - head.len())))
}

#[tokio::test]
async fn a_head_beyond_a_limit_is_an_error_that_names_the_setting() {
    let options = TransportOptions::default;
    for (options, answer, refused) in [
        (options(), with_headers(100), None),
        (options(), with_headers(101), Some((417_792, 100))),
        (options().http1_max_headers(3), with_headers(3), None),
        (options().http1_max_headers(3), with_headers(4), Some((417_792, 3))),
        (options().http1_max_headers(500), with_headers(500), None),
        (options().http1_max_headers(usize::MAX), with_headers(16_384), None),
        (options().http1_max_head_size(500), of_size(500), None),
        (options().http1_max_head_size(500), of_size(501), Some((500, 100))),
        (options().http1_max_buffer_size(0), of_size(9000), Some((8192, 100))),
        (options().http1_max_head_size(600_000), of_size(600_000), None),
    ] {
        let server = TcpScript::each(Steps::new().read_head().send(answer).hold());
        let transport = Transport::new(options);
        match (send(&transport, get(server.url("/"))).await, refused) {
            (Ok(response), None) => assert_eq!(response.status(), StatusCode::OK),
            (Err(error), Some((most, many))) => {
                assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
                let refused = find::<HeadRefused>(&*error).expect("it says so");
                assert!(
                    matches!(refused, HeadRefused::TooLarge { octets, headers, .. } if (*octets, *headers) == (most, many)),
                    "{refused:?}"
                );
                let text = refused.to_string();
                assert!(text.contains("http1_max_head_size") && text.contains("http1_max_headers"), "{text}");
            }
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_head_beyond_the_limit_of_http2_is_an_error_that_names_the_setting() {
    let server = ServerOptions::new()
        .protocol(Protocol::Http2)
        .serve_fn(async |_| reply(200, [("x-long", "y".repeat(20_000).as_str())], "ok"));
    for (options, fits) in [
        (TransportOptions::default(), false),
        (TransportOptions::default().http2_max_header_list_size(40_000), true),
        (TransportOptions::default().http2_max_header_list_size(0), false),
    ] {
        let transport = Transport::new(options.versions(Versions::Http2Only));
        match fetch(&transport, get(server.url("/"))).await {
            Ok(body) => assert!(fits && body == "ok"),
            Err(error) => {
                assert!(!fits, "{error:?}");
                let refused = find::<HeadRefused>(&*error).unwrap_or_else(|| panic!("{error:?}"));
                assert!(refused.to_string().contains("http2_max_header_list_size"), "{refused}");
            }
        }
    }
}
