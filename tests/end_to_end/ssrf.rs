//! URLs of strangers: no hop of a guarded session leads to what only this machine can reach.

use std::net::IpAddr;

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

#[tokio::test]
async fn a_redirect_does_not_lead_past_the_guard() {
    let secret = always(ok);
    let location = secret.url("/admin").replace("127.0.0.1", "127.1");
    let public = TestServer::from_fn(move |_| std::future::ready(redirect(302, &location)));
    // The first server stands for a public one: its port alone is allowed.
    let port = public.addr().port();
    let policy = AddressPolicy::new(move |address| address.port() == port);
    let session = builder().address_policy(policy).build().unwrap();
    let error = session.get(public.url("/")).send().await.unwrap_err();
    assert!(sortie::core::find::<AddressRefused>(&error).is_some());
    assert_eq!(error.history().len(), 1);
    assert_eq!((public.requests().len(), secret.connections()), (1, 0));
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
async fn what_was_refused_is_not_tried_again_and_says_what_would_allow_it() {
    let error = guarded().build().unwrap().get("http://127.0.0.1:9/").send().await.unwrap_err();
    check(&error, ErrorKind::Connect, "AddressPolicy");
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
