use sortie_core::find;
use sortie_testkit::{TestProxy, TestServer};
use sortie_transport::address_policy::{AddressRefused, Network, Refusal};
use sortie_transport::proxy::{Proxies, Proxy};
use sortie_transport::{AddressPolicy, Transport, TransportOptions};

use super::{Count, at, hello};
use crate::support::{fetch, get};

/// By the proxy at that scheme; names of `.test` are this machine if they are looked up here.
fn by(proxy: &TestProxy, scheme: &str, policy: AddressPolicy) -> Transport {
    let proxies = Proxies::all(Proxy::new(proxy.url(scheme)).unwrap());
    Transport::new(
        TransportOptions::default().address_policy(policy).proxies(proxies).resolver(Count::default().resolver()),
    )
}

async fn refusal(transport: &Transport, host: &str, server: &TestServer) -> Option<Refusal> {
    let ended = fetch(transport, get(at(host, server))).await;
    ended.err().map(|error| find::<AddressRefused>(&*error).unwrap_or_else(|| panic!("{host}: {error:?}")).refusal())
}

#[tokio::test]
async fn the_proxys_own_address_is_not_judged_and_those_of_urls_are() {
    let loopback = "127.0.0.0/8".parse::<Network>().unwrap();
    for (proxy, schemes) in
        [(TestProxy::http(), &["http"][..]), (TestProxy::socks(), &["socks4", "socks4a", "socks5", "socks5h"])]
    {
        let server = hello();
        for scheme in schemes {
            let strict = by(&proxy, scheme, AddressPolicy::public_only());
            for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1"] {
                let refused = refusal(&strict, host, &server).await;
                assert!(
                    matches!(refused, Some(Refusal::Special { kind: "loopback", .. })),
                    "{scheme} {host} {refused:?}"
                );
            }
            assert_eq!((server.connections(), proxy.connections()), (0, 0), "{scheme}");
        }
        let lax = by(&proxy, schemes[0], AddressPolicy::public_only().allow(loopback));
        assert_eq!(refusal(&lax, "127.0.0.1", &server).await, None);
        assert_eq!((server.connections(), proxy.connections()), (1, 1));
    }
}

#[tokio::test]
async fn a_name_that_the_proxy_would_look_up_is_refused_unless_that_is_allowed() {
    let server = hello();
    let (http, socks) = (TestProxy::http(), TestProxy::socks());
    for (proxy, scheme, looks_up) in [
        (&http, "http", true),
        (&socks, "socks4a", true),
        (&socks, "socks5h", true),
        (&socks, "socks4", false),
        (&socks, "socks5", false),
    ] {
        let refused = refusal(&by(proxy, scheme, AddressPolicy::public_only()), "a.test", &server).await;
        match looks_up {
            true => assert_eq!(refused, Some(Refusal::NameByProxy), "{scheme}"),
            // It is looked up here, and its address is judged.
            false => {
                assert!(matches!(refused, Some(Refusal::Special { kind: "loopback", .. })), "{scheme} {refused:?}")
            }
        }
    }
    let allowed = by(&http, "http", AddressPolicy::public_only().names_by_proxy(true));
    assert_eq!(refusal(&allowed, "localhost", &server).await, None);
    assert_eq!(server.connections(), 1);
}
