//! What the modules do with a session, and how they read what comes of it.

use std::collections::HashSet;
use std::time::Duration;

use http::Version;
use sortie::transport::TransportOptions;
use sortie::transport::tls::{Tls, TlsOptions};
use sortie::{RequestBuilder, Response, Session};
use sortie_testkit::{CertificateAuthority, told};

use crate::backend::Backend;

/// How long a test waits for what should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Options for a transport that trusts this authority alone.
pub(crate) fn trusting(authority: &CertificateAuthority) -> TransportOptions {
    TransportOptions::default().tls(trust(authority))
}

/// Trusts this authority alone.
pub(crate) fn trust(authority: &CertificateAuthority) -> Tls {
    TlsOptions::default().only_roots_pem(authority.pem().as_bytes()).unwrap().build().unwrap()
}

/// Sends all of these requests at the same time and reads their answers to the end: these must be 200 over HTTP/2, with
/// the text that the request comes with.
pub(crate) async fn all_answered(requests: impl IntoIterator<Item = (String, RequestBuilder)>) -> Vec<Response> {
    let calls = requests.into_iter().map(|(expected, request)| {
        tokio::spawn(async move {
            let answer = async {
                let (mut response, mut text) = (request.send().await?, Vec::new());
                while let Some(chunk) = response.chunk().await? {
                    text.extend_from_slice(&chunk);
                }
                Ok::<_, sortie::Error>((response, String::from_utf8(text).unwrap()))
            };
            let (response, text) = answer.await.unwrap_or_else(|error| panic!("{expected}: {}", told(&error)));
            assert_eq!((response.status().as_u16(), response.version(), text), (200, Version::HTTP_2, expected));
            response
        })
    });
    let all = futures_util::future::join_all(calls.collect::<Vec<_>>());
    let answers = tokio::time::timeout(PATIENCE, all).await;
    let answers = answers.unwrap_or_else(|_| panic!("not all were answered within {PATIENCE:?}"));
    answers.into_iter().map(Result::unwrap).collect()
}

/// How many connections the answers came over.
pub(crate) fn connections(responses: &[Response]) -> usize {
    responses.iter().filter_map(Response::connection).map(|connection| connection.id()).collect::<HashSet<_>>().len()
}

/// How many streams four connections of two streams have.
pub(crate) const TOGETHER: usize = 8;

/// Many requests at once to a server that allows two streams, before a back end that answers when all streams of four
/// connections are taken: all of them are answered, and no connection carries more than two.
pub(crate) async fn fill_two_streams(program: &str, backend: &Backend, options: TransportOptions, url: &str) {
    let options = options.max_http2_connections_per_origin(TOGETHER / 2);
    let session = Session::builder().no_env().transport_options(options).build().unwrap();
    let requests = (0..4 * TOGETHER).flat_map(|n| {
        let get = (format!("GET /g/{n} 0"), session.get(format!("{url}/g/{n}")));
        [get, (format!("POST /p/{n} {n}"), session.post(format!("{url}/p/{n}")).body("x".repeat(n)))]
    });
    let answered = all_answered(requests).await.len();
    let most: Vec<_> = backend.loads().iter().map(|load| load.most).collect();
    println!("{program}, {url}: {answered} answered; the most streams of each connection: {most:?}");
    assert_eq!(most, [2; TOGETHER / 2]);
    let arrivals = backend.arrivals();
    assert!(arrivals.len() == answered && arrivals.values().all(|count| *count == 1), "{arrivals:?}");
}
