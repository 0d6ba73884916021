//! A proxy is a part of the route.

use sortie_testkit::ProxyOptions;

use super::*;
use crate::support::{fetch, get};

// reqwest #2098: another proxy is another connection.
#[tokio::test]
async fn two_proxies_or_two_users_never_share_a_connection() {
    let server = https();
    let (one, two) = (
        ProxyOptions::new().name("a.test", server.addr()).http(),
        ProxyOptions::new().name("a.test", server.addr()).http(),
    );
    let pool = Transport::new(TransportOptions::default().tls(trust(&server)));
    let header = (http::header::USER_AGENT, http::HeaderValue::from_static("x"));
    for (proxy, at_one, at_two) in [
        (http_proxy(&one), 1, 0),
        (http_proxy(&two), 1, 1),
        (http_proxy(&one).basic("u", "p"), 2, 1),
        (http_proxy(&one).basic("u", "q"), 3, 1),
        (http_proxy(&one).header(header.0, header.1), 4, 1),
        // Each again, by value.
        (http_proxy(&one), 4, 1),
        (http_proxy(&two), 4, 1),
        (http_proxy(&one).basic("u", "p"), 4, 1),
    ] {
        let transport = pool.with_proxies(Proxies::all(proxy));
        assert_eq!(fetch(&transport, get("https://a.test/")).await.unwrap(), "hello");
        assert_eq!((one.connections(), two.connections()), (at_one, at_two));
    }
    assert_eq!(pool.stats().open, 5);
    // Nor does a direct request have one of them.
    let port = server.addr().port();
    fetch(&pool, get(format!("https://127.0.0.1:{port}/"))).await.unwrap();
    assert_eq!(pool.stats().open, 6);
}

#[tokio::test]
async fn a_tunnel_through_which_nobody_can_come_any_more_is_made_anew() {
    let server = https();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let transport = over_https(http_proxy(&proxy), &server);
    fetch(&transport, get("https://a.test/")).await.unwrap();
    server.disconnect().await;
    crate::support::until("the tunnel is gone", || transport.stats().open == 0).await;
    fetch(&transport, get("https://a.test/")).await.unwrap();
    assert_eq!(proxy.connections(), 2);
}
