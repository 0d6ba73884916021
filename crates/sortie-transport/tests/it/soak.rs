//! Many tasks at once on several threads, half of which go away in the middle.

use std::time::Duration;

use http_body_util::BodyExt;
use sortie_core::Body;
use sortie_testkit::{Protocol, ServerOptions, TestServer, reply};
use sortie_transport::{Transport, TransportOptions, Versions};

use crate::support::{post, send, until};

fn echo(protocol: Protocol) -> TestServer {
    ServerOptions::new().protocol(protocol).max_concurrent_streams(3).serve_fn(async |request| {
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        reply(200, [], Body::from(body))
    })
}

/// A client that sends, reads as much as it likes, and leaves when it likes.
async fn client(transport: Transport, url: String, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for n in 0..60 {
        let content = format!("{seed}-{n}-{}", "x".repeat(random.usize(..40_000)));
        let exchange = async {
            let response = send(&transport, post(&url, content.clone())).await?;
            if random.u8(..4) == 0 {
                return Ok(None);
            }
            response.into_body().collect().await.map(|body| Some(body.to_bytes()))
        };
        let patience = Duration::from_micros(fastrand::u64(1..4000));
        // Whoever stays to the end gets the answer to its own request.
        if let Ok(answer) = tokio::time::timeout(patience * if n % 2 == 0 { 1 } else { 10_000 }, exchange).await
            && let Some(body) = answer.unwrap()
        {
            assert!(body == content, "{seed}-{n} got another's answer");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_number_of_drops_everything_is_back_in_its_place() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let server = echo(protocol);
        let versions = if protocol == Protocol::Http2 { Versions::Http2Only } else { Versions::Http1Only };
        let options = TransportOptions::default().versions(versions).max_connections_per_origin(4);
        let transport = Transport::new(options);
        let clients: Vec<_> =
            (0..32).map(|seed| tokio::spawn(client(transport.clone(), server.url("/"), seed))).collect();
        for client in clients {
            client.await.unwrap();
        }
        until("all is settled", || {
            let counts = transport.stats();
            (counts.in_flight, counts.waiting, counts.connecting) == (0, 0, 0) && counts.open == counts.idle
        })
        .await;
        assert!(transport.stats().open <= 4);
        transport.close(Duration::from_secs(10)).await;
        assert_eq!(transport.stats().open, 0);
        server.wait_for_open_connections(0).await;
    }
}
