//! Proxies, in this process and scripted.

mod credentials;
mod forward;
mod pool;
mod rules;
mod socks;
mod trouble;
mod tunnel;

use http::{Response, header};
use sortie_core::{Body, BoxError, Outcome, Phase, find};
use sortie_testkit::{ServerOptions, TestProxy, TestServer, TlsSetup, reply};
use sortie_transport::proxy::{Proxies, Proxy, ProxyError, ProxyErrorKind};
use sortie_transport::tls::{Tls, TlsOptions};
use sortie_transport::{Transport, TransportOptions};

use crate::support::trust;

fn hello() -> TestServer {
    TestServer::from_fn(async |_| reply(200, [], "hello"))
}

fn https() -> TestServer {
    ServerOptions::new().tls(TlsSetup::new().names(["a.test", "b.test", "127.0.0.1"])).serve_fn(async |request| {
        let protected = request.headers().contains_key(header::PROXY_AUTHORIZATION);
        reply(200, [], if protected { "leaked" } else { "hello" })
    })
}

fn http_proxy(proxy: &TestProxy) -> Proxy {
    Proxy::new(proxy.url("http")).unwrap()
}

/// Everything by this proxy.
fn by(proxy: Proxy) -> TransportOptions {
    TransportOptions::default().proxies(Proxies::all(proxy))
}

fn over(proxy: Proxy) -> Transport {
    Transport::new(by(proxy))
}

fn over_tls(proxy: Proxy, tls: Tls) -> Transport {
    Transport::new(by(proxy).tls(tls))
}

fn over_https(proxy: Proxy, server: &TestServer) -> Transport {
    over_tls(proxy, trust(server))
}

/// The error of a request that a proxy kept from its origin.
fn refused(error: &BoxError) -> (ProxyErrorKind, &ProxyError) {
    assert_eq!(Outcome::of(&**error), Some(Outcome::Connect { phase: Phase::Proxy }), "{error:?}");
    let error = find::<ProxyError>(&**error).unwrap();
    (error.kind(), error)
}

fn shown(error: &BoxError) -> String {
    format!("{error:?} {error:#?} {}", sortie_testkit::told(&**error))
}

fn info(response: &Response<sortie_transport::Pooled>) -> Option<String> {
    crate::support::connection(response).proxy().map(ToString::to_string)
}

/// Trusts the proxy's own authority and no other.
fn tls_of(proxy: &TestProxy) -> Tls {
    let pem = proxy.certificate_authority().pem();
    TlsOptions::default().only_roots_pem(pem.as_bytes()).unwrap().build().unwrap()
}
