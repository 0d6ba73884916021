//! A client identity that changes while connections are open.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use sortie_core::{Elapsed, Outcome, PerRequest, Phase, find};
use sortie_testkit::{Certificate, CertificateAuthority, ProxyOptions, ServerOptions, TestServer, TlsSetup, reply};
use sortie_transport::proxy::{Proxies, Proxy};
use sortie_transport::tls::{CertSource, Identity, Tls, TlsErrorKind};
use sortie_transport::{CloseReason, Event, PhaseTimeouts, Transport, TransportOptions, Versions};

use super::{Scratch, asked, client, https, identity, only, over, tls_error};
use crate::support::{fetch, get, read, send, trust, until};

/// A server that knows the clients of an authority, and two certificates of that.
fn setting() -> (TestServer, Certificate, Certificate) {
    let clients = CertificateAuthority::new();
    let tls = TlsSetup::new().client_authority(clients.clone());
    let server = ServerOptions::new().tls(tls).serve_fn(async |_| reply(200, [], "hello"));
    (server, client(&clients, "old"), client(&clients, "new"))
}

/// A source whose identity is replaced by hand, and counts how often it is asked.
#[derive(Clone)]
struct Shelf(Arc<Mutex<Option<Identity>>>, Arc<AtomicUsize>);

impl Shelf {
    fn with(certificate: &Certificate) -> Self {
        Self(Arc::new(Mutex::new(Some(identity(certificate)))), Arc::default())
    }

    fn put(&self, certificate: Option<&Certificate>) {
        *self.0.lock().unwrap() = certificate.map(identity);
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }

    fn take(&self) -> io::Result<Identity> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.lock().unwrap().clone().ok_or_else(|| io::Error::other("the shelf is empty"))
    }

    fn source(&self) -> CertSource {
        let shelf = self.clone();
        CertSource::from_fn(move || shelf.take()).interval(Duration::from_secs(3600))
    }
}

fn from(server: &TestServer, source: CertSource) -> Tls {
    only(server.certificate_authority()).cert_source(source).build().unwrap()
}

/// The certificates that the server was shown, one for each connection.
fn shown(server: &TestServer) -> Vec<CertificateDer<'static>> {
    server.tls_peers().into_iter().filter_map(|peer| peer.certificate).collect()
}

#[tokio::test]
async fn another_identity_retires_the_idle_connection_and_the_next_request_shows_it() {
    for versions in [Versions::Http1Only, Versions::Http2Only] {
        let (server, old, new) = setting();
        let shelf = Shelf::with(&old);
        let tls = from(&server, shelf.source());
        let reasons = Arc::new(Mutex::new(Vec::new()));
        let told = reasons.clone();
        let options =
            TransportOptions::default().tls(tls.clone()).versions(versions).events(move |event: &Event<'_>| {
                if let Event::Closed { reason, .. } = event {
                    told.lock().unwrap().push(*reason);
                }
            });
        let transport = Transport::new(options);
        let first = asked(&transport, &server).await.id();
        assert_eq!(asked(&transport, &server).await.id(), first);
        assert!(!tls.reload().await.unwrap());
        assert_eq!(transport.stats().idle, 1);

        shelf.put(Some(&new));
        assert!(tls.reload().await.unwrap());
        assert_eq!(transport.stats().idle, 0);
        server.wait_for_open_connections(0).await;
        assert_eq!(*reasons.lock().unwrap(), [CloseReason::Retired]);
        let second = asked(&transport, &server).await;
        assert_ne!(second.id(), first);
        // The old identity's session would have let the new one in under the old name.
        assert!(!second.tls().unwrap().is_resumed());
        assert_eq!(shown(&server), [old.der().clone(), new.der().clone()]);
        assert_eq!(shelf.asked(), 3);
    }
}

#[tokio::test]
async fn an_exchange_under_way_ends_on_the_connection_that_is_retired() {
    for versions in [Versions::Http1Only, Versions::Http2Only] {
        let (server, old, new) = setting();
        let shelf = Shelf::with(&old);
        let tls = from(&server, shelf.source());
        let transport = Transport::new(TransportOptions::default().tls(tls.clone()).versions(versions));
        let response = send(&transport, get(server.url("/"))).await.unwrap();
        shelf.put(Some(&new));
        assert!(tls.reload().await.unwrap());
        assert_eq!(server.open_connections(), 1);
        asked(&transport, &server).await;
        assert_eq!(read(response).await.unwrap().0, "hello");
        server.wait_for_open_connections(1).await;
        assert_eq!(shown(&server), [old.der().clone(), new.der().clone()]);
    }
}

#[tokio::test]
async fn files_that_are_replaced_are_seen_by_themselves() {
    let (server, old, new) = setting();
    let (chain, key) = (Scratch::with("chain.pem", old.chain_pem()), Scratch::with("key.pem", old.key_pem()));
    let failed = Arc::new(AtomicUsize::new(0));
    let count = failed.clone();
    let source = CertSource::files(&chain.0, &key.0).interval(Duration::from_millis(20)).on_error(move |error| {
        assert_eq!(error.kind(), TlsErrorKind::Identity);
        count.fetch_add(1, Ordering::SeqCst);
    });
    let transport = over(from(&server, source));
    asked(&transport, &server).await;
    // A certificate without its key is not taken.
    chain.write(new.chain_pem());
    until("the source has failed", || failed.load(Ordering::SeqCst) > 0).await;
    assert_eq!(transport.stats().idle, 1);
    key.write(new.key_pem());
    until("the connection is retired", || transport.stats().idle == 0).await;
    asked(&transport, &server).await;
    assert_eq!(shown(&server), [old.der().clone(), new.der().clone()]);
}

#[tokio::test]
async fn a_source_that_fails_keeps_the_identity_that_there_was() {
    let (server, old, new) = setting();
    let shelf = Shelf::with(&old);
    shelf.put(None);
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let tls = from(&server, shelf.source().on_error(move |error| log.lock().unwrap().push(error.kind())));
    let transport = over(tls.clone());
    let error = fetch(&transport, get(server.url("/"))).await.unwrap_err();
    assert_eq!(tls_error(&error).kind(), TlsErrorKind::Identity);
    assert!(find::<io::Error>(&*error).is_some_and(|error| error.to_string() == "the shelf is empty"));

    shelf.put(Some(&old));
    let first = asked(&transport, &server).await.id();
    shelf.put(None);
    assert_eq!(tls.reload().await.unwrap_err().kind(), TlsErrorKind::Identity);
    assert_eq!(asked(&transport, &server).await.id(), first);
    assert_eq!(*told.lock().unwrap(), [TlsErrorKind::Identity; 2]);
    shelf.put(Some(&new));
    assert!(tls.reload().await.unwrap());
    assert_eq!(asked(&transport, &server).await.tls().unwrap().server_name(), "localhost");
    assert_eq!(shown(&server), [old.der().clone(), new.der().clone()]);
}

#[tokio::test]
async fn a_source_is_asked_once_for_all_who_connect_and_may_be_asynchronous() {
    let (server, old, _) = setting();
    let shelf = Shelf::with(&old);
    let asking = shelf.clone();
    let source = CertSource::from_async_fn(move || {
        let taken = asking.take();
        async move {
            tokio::task::yield_now().await;
            taken
        }
    });
    // The greatest of all intervals is one, too (reqwest#3060).
    let tls = from(&server, source.interval(Duration::MAX));
    let one = Transport::new(TransportOptions::default().tls(tls.clone()).versions(Versions::Http1Only));
    let other = over(tls);
    let (a, b, c) = tokio::join!(asked(&one, &server), asked(&one, &server), asked(&other, &server));
    assert!(a.tls().is_some() && b.tls().is_some() && c.tls().is_some());
    assert_eq!(shelf.asked(), 1);
}

#[tokio::test]
async fn a_source_that_hangs_holds_up_no_connect_but_the_first_and_that_for_its_limit_alone() {
    let (server, old, _) = setting();
    let shelf = Shelf::with(&old);
    let asking = shelf.clone();
    // It hangs the first time, and from the third on.
    let source = CertSource::from_async_fn(move || {
        let taken = asking.take();
        let hangs = asking.asked() != 2;
        async move { if hangs { std::future::pending().await } else { taken } }
    });
    let tls = from(&server, source.interval(Duration::from_millis(10)));
    let options = TransportOptions::default().tls(tls).versions(Versions::Http1Only);
    let transport = Transport::new(options.max_idle_per_origin(0));
    let mut limited = get(server.url("/"));
    let limit = PhaseTimeouts::default().connect(Duration::from_millis(100));
    limited.extensions_mut().insert(PerRequest::Use(limit));
    let error = fetch(&transport, limited).await.unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::Connect { phase: Phase::Tls }));
    assert!(find::<Elapsed>(&*error).is_some());
    asked(&transport, &server).await;
    until("it is asked again", || shelf.asked() > 2).await;
    asked(&transport, &server).await;
    assert_eq!(shown(&server), [old.der().clone(), old.der().clone()]);
}

/// Whether the proxy makes a tunnel or sends the request on itself.
#[tokio::test]
async fn another_identity_retires_the_connections_through_the_proxy_that_it_was_shown_to() {
    let clients = CertificateAuthority::new();
    let (old, new) = (client(&clients, "old"), client(&clients, "new"));
    let secure = https(TlsSetup::new());
    let plain = TestServer::from_fn(async |_| reply(200, [], "hello"));
    for server in [&secure, &plain] {
        let setup = TlsSetup::new().client_authority(clients.clone());
        let proxy = ProxyOptions::new().tls(setup).http();
        let shelf = Shelf::with(&old);
        let tls = only(proxy.certificate_authority()).cert_source(shelf.source()).build().unwrap();
        let by = Proxies::all(Proxy::new(proxy.url("https")).unwrap().tls(tls.clone()));
        let mut options = TransportOptions::default().proxies(by);
        if server.url("").starts_with("https") {
            options = options.tls(trust(server));
        }
        let transport = Transport::new(options);
        let first = asked(&transport, server).await.id();
        assert_eq!(asked(&transport, server).await.id(), first);
        shelf.put(Some(&new));
        assert!(tls.reload().await.unwrap());
        assert_eq!(transport.stats().idle, 0);
        assert_ne!(asked(&transport, server).await.id(), first);
        assert_eq!(proxy.connections(), 2);
    }
}

#[tokio::test]
async fn nobody_is_asked_any_more_once_the_last_handle_is_gone() {
    let (server, old, _) = setting();
    let shelf = Shelf::with(&old);
    let transport = over(from(&server, shelf.source().interval(Duration::from_millis(10))));
    asked(&transport, &server).await;
    until("it is asked again", || shelf.asked() > 2).await;
    drop(transport);
    until("its closure is dropped", || Arc::strong_count(&shelf.0) == 1).await;
}

#[test]
fn a_reload_outside_of_a_runtime_is_an_error_and_not_a_panic() {
    let (server_authority, clients) = (CertificateAuthority::new(), CertificateAuthority::new());
    let shelf = Shelf::with(&client(&clients, "old"));
    let tls = only(&server_authority).cert_source(shelf.source()).build().unwrap();
    let error = futures_util::FutureExt::now_or_never(tls.reload()).unwrap().unwrap_err();
    assert_eq!(error.kind(), TlsErrorKind::Identity);
}
