//! One origin as a service of its own.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http::{Request, Uri};
use sortie_core::{Body, BoxError, find};
use sortie_testkit::{Gate, MemoryServer, Steps, TcpScript, TestServer, TlsSetup, reply};
use sortie_transport::{InvalidRequest, OriginService, Transport, TransportOptions};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use crate::support::{fetching, get, in_memory, read, trusting, until};

fn uri(text: impl AsRef<str>) -> Uri {
    text.as_ref().parse().unwrap()
}

fn poll_ready(service: &mut OriginService, waker: &Waker) -> bool {
    match Service::<Request<Body>>::poll_ready(service, &mut Context::from_waker(waker)) {
        Poll::Ready(ready) => {
            ready.unwrap();
            true
        }
        Poll::Pending => false,
    }
}

async fn ready(service: &mut OriginService) {
    poll_fn(|cx| Service::<Request<Body>>::poll_ready(service, cx)).await.unwrap();
}

async fn call(service: &OriginService, target: &str) -> Result<String, BoxError> {
    let response = service.clone().oneshot(get(target)).await?;
    Ok(String::from_utf8_lossy(&read(response).await?.0).into_owned())
}

#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_path_and_a_uri_of_the_origin_are_sent_and_another_origin_is_refused() {
    let server = TestServer::from_fn(async |request| reply(200, [], request.uri().to_string()));
    let service = Transport::default().origin(&uri(server.url("/ignored"))).unwrap();
    assert_eq!(call(&service, "/a?b").await.unwrap(), "/a?b");
    assert_eq!(call(&service, &server.url("/c").replace("http", "HTTP")).await.unwrap(), "/c");
    for other in ["http://127.0.0.1:1/", "https://127.0.0.1/", "http://other.test/"] {
        let error = call(&service, other).await.unwrap_err();
        assert!(matches!(find::<InvalidRequest>(&*error), Some(InvalidRequest::OtherOrigin { .. })), "{other}");
        assert!(error.to_string().contains("Transport::origin"), "{error}");
    }
    assert_eq!(server.requests()[0].headers["host"], server.addr().to_string());
    let error = Transport::default().origin(&uri("/path")).unwrap_err();
    assert_eq!(sortie_core::find::<InvalidRequest>(&*error), Some(&InvalidRequest::NoScheme));
}

#[tokio::test]
async fn it_shares_its_connections_with_the_transport() {
    let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::default();
    let service = transport.origin(&uri(server.url("/"))).unwrap();
    call(&service, "/").await.unwrap();
    crate::support::fetch(&transport, get(server.url("/"))).await.unwrap();
    assert_eq!((server.connections(), service.stats().reused), (1, 1));
}

#[tokio::test]
async fn an_address_has_connections_of_its_own_and_the_name_stays_the_name() {
    let server = sortie_testkit::ServerOptions::new().tls(TlsSetup::new()).serve_fn(async |request| {
        let host = request.uri().authority().map(ToString::to_string);
        reply(200, [], host.unwrap_or_default())
    });
    let transport = Transport::new(trusting(&server));
    // No resolver knows it: the certificate is for localhost, so that is what TLS must ask for.
    let port = server.addr().port();
    let named = transport.origin(&uri(format!("https://localhost:{port}/"))).unwrap();
    let bound = named.at(server.addr());
    assert_eq!((named.address(), bound.address()), (None, Some(server.addr())));
    for _ in 0..2 {
        assert_eq!(call(&bound, "/").await.unwrap(), format!("localhost:{port}"));
    }
    assert_eq!((bound.stats().opened, named.stats().opened), (1, 0));
    let nobody = named.at(([127, 0, 0, 1], 1).into());
    assert!(call(&nobody, "/").await.is_err());
}

#[tokio::test]
async fn it_is_ready_while_a_call_would_not_wait_and_tells_when_that_has_changed() {
    let go = Gate::new();
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let server = TcpScript::each(Steps::new().read_head().pause(&go).send(answer).hold());
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1));
    let mut service = transport.origin(&uri(server.url("/"))).unwrap();
    let woken = Arc::new(Count::default());
    let waker = Waker::from(woken.clone());
    assert!(poll_ready(&mut service, &waker));
    let busy = fetching(&transport, get(server.url("/")));
    go.reached().await;
    assert!(!poll_ready(&mut service, &waker) && !poll_ready(&mut service, &waker));
    assert_eq!(woken.get(), 0);
    go.open();
    busy.await.unwrap().unwrap();
    assert_eq!(woken.get(), 1);
    assert!(poll_ready(&mut service, &waker));
}

#[tokio::test]
async fn readiness_reserves_nothing() {
    let server = TestServer::from_fn(async |_| reply(200, [], "hello"));
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1));
    let mut readied = transport.origin(&uri(server.url("/"))).unwrap();
    ready(&mut readied).await;
    for _ in 0..3 {
        crate::support::fetch(&transport, get(server.url("/"))).await.unwrap();
    }
    let response = readied.call(get("/")).await.unwrap();
    assert_eq!(read(response).await.unwrap().0, "hello");
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_connect_it_rests_for_a_second() {
    let transport = Transport::new(
        TransportOptions::default()
            .connector(async |_| Err::<tokio::io::DuplexStream, _>(std::io::Error::other("refused"))),
    );
    let mut service = transport.origin(&uri("http://a.test/")).unwrap();
    ready(&mut service).await;
    assert!(service.call(get("/")).await.is_err());
    let start = Instant::now();
    ready(&mut service).await;
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_is_dropped_is_forgotten() {
    let server = Arc::new(MemoryServer::from_fn(async |_| {
        tokio::time::sleep(Duration::from_secs(60)).await;
        reply(200, [], "late")
    }));
    let transport = in_memory(&server, TransportOptions::default().max_connections_per_origin(1));
    let mut service = transport.origin(&uri("http://a.test/")).unwrap();
    let busy = fetching(&transport, get("http://a.test/"));
    server.wait_for_requests(1).await;
    let woken = Arc::new(Count::default());
    assert!(!poll_ready(&mut service, &woken.clone().into()));
    drop(service);
    assert_eq!(Arc::strong_count(&woken), 1);
    busy.await.unwrap().unwrap();
    until("it is idle", || transport.stats().idle == 1).await;
    assert_eq!(woken.get(), 0);
}

#[cfg(feature = "load")]
#[tokio::test]
async fn a_balancer_sends_to_the_origin_that_has_least_to_do() {
    use tower::balance::p2c::Balance;
    use tower::discover::ServiceList;
    use tower::load::Load;

    let go = Gate::new();
    let slow = TcpScript::each(Steps::new().read_head().pause(&go).send("HTTP/1.1 204 No Content\r\n\r\n").hold());
    let quick = TestServer::from_fn(async |_| reply(204, [], ""));
    let transport = Transport::default();
    let origins = [slow.url("/"), quick.url("/")].map(|url| transport.origin(&uri(url)).unwrap());
    let busy = tokio::spawn(origins[0].clone().oneshot(get("/")));
    go.reached().await;
    assert_eq!((origins[0].load(), origins[1].load()), (1, 0));
    let mut balance = Balance::new(ServiceList::new::<Request<Body>>(origins));
    for _ in 0..10 {
        let response = balance.ready().await.unwrap().call(get("/")).await.unwrap();
        drop(response);
    }
    assert_eq!((slow.connections(), quick.requests().len()), (1, 10));
    go.open();
    busy.await.unwrap().unwrap();
}
