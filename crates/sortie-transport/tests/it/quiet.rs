//! HTTP/2 connections of which nothing is heard.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sortie_core::{Outcome, PerRequest};
use sortie_testkit::{MemoryServer, reply};
use sortie_transport::{CloseReason, PhaseTimeouts, Transport, TransportOptions, Versions};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{connection, fetch, fetching, get, read, send, until};

/// A network that can stop delivering, from the first connection's server to its client.
#[derive(Clone, Default)]
struct Network(Arc<Mutex<Cut>>);

#[derive(Default)]
struct Cut {
    cut: bool,
    waker: Option<Waker>,
    connections: usize,
}

impl Network {
    fn set_cut(&self, cut: bool) {
        let mut network = self.0.lock().unwrap();
        network.cut = cut;
        network.waker.take().into_iter().for_each(Waker::wake);
    }

    fn transport(&self, server: &Arc<MemoryServer>, options: TransportOptions) -> Transport {
        let (network, server) = (self.clone(), server.clone());
        Transport::new(options.versions(Versions::Http2Only).connector(move |_| {
            let first = {
                let mut cut = network.0.lock().unwrap();
                cut.connections += 1;
                cut.connections == 1
            };
            let stream = Wire { stream: server.connect_h2(), network: first.then(|| network.clone()) };
            async move { Ok::<_, std::convert::Infallible>(stream) }
        }))
    }
}

struct Wire {
    stream: DuplexStream,
    network: Option<Network>,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(network) = &self.network {
            let mut network = network.0.lock().unwrap();
            network.waker = Some(cx.waker().clone());
            if network.cut {
                return Poll::Pending;
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Answers at once, or after a while where the path says so.
fn server() -> Arc<MemoryServer> {
    Arc::new(MemoryServer::from_fn(async |request| {
        if let Ok(seconds) = request.uri().path()[1..].parse() {
            sleep(secs(seconds)).await;
        }
        reply(200, [], "hello")
    }))
}

async fn connection_of(transport: &Transport) -> u64 {
    let response = send(transport, get("http://a.test/")).await.unwrap();
    let id = connection(&response).id();
    read(response).await.unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn requests_go_elsewhere_half_a_second_after_a_ping_and_come_back_with_the_next_byte() {
    let (server, network) = (server(), Network::default());
    let transport = network.transport(&server, TransportOptions::default().http2_keep_alive_interval(secs(10)));
    assert_eq!(connection_of(&transport).await, 0);
    let slow = fetching(&transport, get("http://a.test/15"));
    server.wait_for_requests(2).await;
    network.set_cut(true);
    sleep(secs(10)).await;
    assert_eq!(transport.stats().open, 1);
    sleep(secs(1)).await;
    assert_eq!(connection_of(&transport).await, 1);
    network.set_cut(false);
    assert_eq!(slow.await.unwrap().unwrap(), "hello");
    // Both are as good as each other again: the least loaded serves, the first before the second.
    assert_eq!(connection_of(&transport).await, 0);
    assert_eq!(server.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_pings_is_not_quiet_however_long_it_takes() {
    let (server, network) = (server(), Network::default());
    let transport = network.transport(&server, TransportOptions::default().http2_keep_alive_interval(secs(10)));
    let slow = fetching(&transport, get("http://a.test/50"));
    sleep(secs(45)).await;
    assert_eq!(connection_of(&transport).await, 0);
    assert_eq!(slow.await.unwrap().unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_is_not_answered_in_time_ends_the_connection() {
    let (server, network) = (server(), Network::default());
    let options = TransportOptions::default().http2_keep_alive_interval(secs(10)).http2_keep_alive_timeout(secs(4));
    let transport = network.transport(&server, options);
    assert_eq!(connection_of(&transport).await, 0);
    network.set_cut(true);
    let start = Instant::now();
    let error = fetch(&transport, get("http://a.test/")).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
    assert_eq!(start.elapsed().as_secs(), 14);
    until("it is counted", || transport.stats().closed.by(CloseReason::Failed) == 1).await;
    assert_eq!(connection_of(&transport).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_interval_without_end_and_one_of_nothing_are_no_trouble() {
    for (interval, timeout) in [(Duration::MAX, Duration::MAX), (Duration::ZERO, Duration::MAX)] {
        let (server, network) = (server(), Network::default());
        let options = TransportOptions::default().http2_keep_alive_interval(interval).http2_keep_alive_timeout(timeout);
        let transport = network.transport(&server, options);
        assert_eq!(fetch(&transport, get("http://a.test/3")).await.unwrap(), "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_neither_asked_nor_avoided() {
    let (server, network) = (server(), Network::default());
    let transport = network.transport(&server, TransportOptions::default().http2_keep_alive_interval(secs(1)));
    assert_eq!(connection_of(&transport).await, 0);
    network.set_cut(true);
    sleep(secs(60)).await;
    network.set_cut(false);
    assert_eq!(connection_of(&transport).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_timed_out_sends_the_next_elsewhere() {
    let (server, network) = (server(), Network::default());
    let transport = network.transport(&server, TransportOptions::default());
    assert_eq!(connection_of(&transport).await, 0);
    network.set_cut(true);
    let mut request = get("http://a.test/");
    request.extensions_mut().insert(PerRequest::Use(PhaseTimeouts::default().first_byte(secs(3))));
    fetch(&transport, request).await.unwrap_err();
    assert_eq!(connection_of(&transport).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_given_up_late_sends_the_next_elsewhere_and_one_given_up_early_does_not() {
    for (patience, next) in [(Duration::from_millis(100), 0), (secs(2), 1)] {
        let (server, network) = (server(), Network::default());
        let transport = network.transport(&server, TransportOptions::default());
        assert_eq!(connection_of(&transport).await, 0);
        network.set_cut(true);
        assert!(timeout(patience, fetch(&transport, get("http://a.test/"))).await.is_err());
        tokio::spawn(async move {
            sleep(secs(1)).await;
            network.set_cut(false);
        });
        assert_eq!(connection_of(&transport).await, next, "{patience:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_other_connection_is_allowed_a_quiet_one_is_used() {
    let (server, network) = (server(), Network::default());
    let options = TransportOptions::default().max_http2_connections_per_origin(1);
    let transport = network.transport(&server, options);
    assert_eq!(connection_of(&transport).await, 0);
    network.set_cut(true);
    assert!(timeout(secs(2), fetch(&transport, get("http://a.test/"))).await.is_err());
    network.set_cut(false);
    assert_eq!(connection_of(&transport).await, 0);
}
