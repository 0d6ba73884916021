//! URLs of strangers: no hop of a guarded session leads to what only this machine can reach.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sortie::retry::RetryOptions;
use sortie::transport::address_policy::{AddressRefused, Network};
use sortie::transport::{AddressPolicy, TransportOptions};
use sortie::{ErrorKind, Mount, Session, SessionBuilder};
use sortie_testkit::{ProxyOptions, TestServer};

use crate::support::{always, builder, check, ok, redirect};

fn guarded() -> SessionBuilder {
    builder().address_policy(AddressPolicy::public_only())
}

async fn refused(session: &Session, url: &str) {
    let error = session.get(url).send().await.expect_err(url);
    assert_eq!(error.kind(), ErrorKind::Connect, "{url}");
    assert!(sortie::core::find::<AddressRefused>(&error).is_some(), "{url}: {error:?}");
}

// aiohttp #12827: `2130706433` and `127.1` are 127.0.0.1.
#[tokio::test]
async fn what_is_not_public_is_refused_in_every_notation() {
    let session = guarded().build().unwrap();
    for host in [
        "127.0.0.1",
        "2130706433",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "localhost",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fd00:ec2::254]",
        "0.0.0.0",
    ] {
        refused(&session, &format!("http://{host}:9/")).await;
    }
}

// What a check of the URL cannot see: the name is fine, and where it leads is not (DNS rebinding).
#[tokio::test]
async fn a_name_is_judged_by_where_it_leads() {
    let server = always(ok);
    let to_loopback = TransportOptions::default().resolve_to("evil.test", IpAddr::from([127, 0, 0, 1]));
    let url = server.url("/").replace("127.0.0.1", "evil.test");
    let session = guarded().transport_options(to_loopback.clone()).build().unwrap();
    refused(&session, &url).await;
    assert_eq!(server.connections(), 0);

    let network: Network = "127.0.0.0/8".parse().unwrap();
    let allowed = AddressPolicy::public_only().allow(network);
    let session = builder().address_policy(allowed).transport_options(to_loopback).build().unwrap();
    assert_eq!(session.get(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn neither_a_proxy_nor_a_socket_is_a_way_around() {
    let server = always(ok);
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let by_proxy = |policy| builder().address_policy(policy).proxy(proxy.url("http").as_str()).build().unwrap();
    let session = by_proxy(AddressPolicy::public_only());
    for url in ["http://a.test/", "http://127.0.0.1/", "http://0x7f.1/"] {
        refused(&session, url).await;
    }
    let trusting = by_proxy(AddressPolicy::public_only().names_by_proxy(true));
    refused(&trusting, "http://2130706433/").await;
    assert_eq!(proxy.connections(), 0);
    assert_eq!(trusting.get("http://a.test/").send().await.unwrap().status(), 200);

    let sockets = guarded().mount("http+unix://", Mount::new()).build().unwrap();
    let error = sockets.get("http+unix://%2Frun%2Fdocker.sock/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(sortie::core::find::<AddressRefused>(&error).is_some());
}

#[tokio::test]
async fn a_guard_that_would_guard_nothing_is_an_error_of_build() {
    let session = builder().build().unwrap();
    for builder in [
        guarded().transport(builder().build().unwrap()),
        session.to_builder().address_policy(AddressPolicy::public_only()),
    ] {
        check(&builder.build().unwrap_err(), ErrorKind::Builder, "SessionBuilder::address_policy");
    }
    // The guard of a session is that of what is built from it.
    let session = guarded().build().unwrap().to_builder().build().unwrap();
    refused(&session, "http://127.0.0.1:9/").await;
}

/// Redirects to what its path says.
fn redirecting() -> TestServer {
    TestServer::from_fn(async |request| redirect(302, request.uri().query().unwrap()))
}

/// May be led to this address alone, and to what is public; `inside.test` is the other one.
fn led_to(allowed: SocketAddr, inside: SocketAddr, judged: &Arc<AtomicUsize>) -> Session {
    let (judged, public) = (judged.clone(), AddressPolicy::public_only());
    let policy = AddressPolicy::new(move |address| {
        judged.fetch_add(1, Ordering::Relaxed);
        address == allowed || public.check(address).is_ok()
    });
    let options = TransportOptions::default().address_policy(policy).resolve_to("inside.test", inside);
    builder().retry(RetryOptions::standard()).transport_options(options).build().unwrap()
}

#[tokio::test]
async fn no_hop_of_a_redirect_leads_where_a_session_may_not_go() {
    let (outside, inside) = (redirecting(), TestServer::from_fn(async |_| ok()));
    let port = inside.addr().port();
    for target in [
        inside.url("/"),
        format!("http://localhost:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        "http://inside.test/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let session = led_to(outside.addr(), inside.addr(), &Arc::default());
        let error = session.get(outside.url(format!("/?{target}"))).send().await.unwrap_err();
        check(&error, ErrorKind::Connect, "AddressPolicy::new");
        assert!(sortie::core::find::<AddressRefused>(&error).is_some(), "{target}: {error:?}");
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again() {
    let judged = Arc::new(AtomicUsize::new(0));
    let address = ([127, 0, 0, 1], 1).into();
    let session = led_to(address, address, &judged);
    let error = session.get("http://10.0.0.1/").send().await.unwrap_err();
    check(&error, ErrorKind::Connect, "the address policy refuses 10.0.0.1");
    assert_eq!(judged.load(Ordering::Relaxed), 1);
}
