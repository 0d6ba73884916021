//! Which addresses a session may be led to, by a URL, a name or a redirect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sortie::retry::RetryOptions;
use sortie::transport::address_policy::AddressRefused;
use sortie::transport::{AddressPolicy, TransportOptions};
use sortie::{ErrorKind, Session};
use sortie_testkit::TestServer;

use crate::support::{builder, check, ok, redirect};

/// Redirects to what its path says.
fn redirecting() -> TestServer {
    TestServer::from_fn(async |request| redirect(302, request.uri().query().unwrap()))
}

/// May be led to this address alone, and to what is public; `inside.test` is the other one.
fn guarded(allowed: SocketAddr, inside: SocketAddr, judged: &Arc<AtomicUsize>) -> Session {
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
        let session = guarded(outside.addr(), inside.addr(), &Arc::default());
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
    let session = guarded(address, address, &judged);
    let error = session.get("http://10.0.0.1/").send().await.unwrap_err();
    check(&error, ErrorKind::Connect, "the address policy refuses 10.0.0.1");
    assert_eq!(judged.load(Ordering::Relaxed), 1);
}
