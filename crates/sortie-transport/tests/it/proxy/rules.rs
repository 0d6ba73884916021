//! Which request goes by which proxy.

use http::Uri;
use sortie_core::{Chain, PerRequest};
use sortie_testkit::{MemoryServer, ProxyOptions};
use sortie_transport::InvalidRequest;
use tower::ServiceExt;

use super::*;
use crate::support::{fetch, get, read, send};

fn with_proxies(url: &str, proxies: PerRequest<Proxies>) -> http::Request<Body> {
    let mut request = get(url);
    request.extensions_mut().insert(proxies);
    request
}

// S56; the hop of a redirect is a request of its own here.
#[tokio::test]
async fn no_proxy_is_asked_for_each_request() {
    let server = hello();
    let direct = server.url("/");
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let environment = [("http_proxy", proxy.url("http")), ("NO_PROXY", "127.0.0.0/8".to_owned())];
    let look_up = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    for rules in [Proxies::from_env(look_up), Proxies::all(http_proxy(&proxy)).no_proxy("127.0.0.0/8")] {
        let transport = Transport::new(TransportOptions::default().proxies(rules));
        let response = send(&transport, get("http://a.test/")).await.unwrap();
        assert_eq!(info(&response), Some(proxy.url("http")));
        read(response).await.unwrap();
        let response = send(&transport, get(&direct)).await.unwrap();
        assert_eq!(info(&response), None);
    }
    assert_eq!(proxy.requests().len(), 2);
}

#[tokio::test]
async fn a_setting_of_the_environment_that_is_no_proxy_is_an_error_of_the_requests_it_is_for() {
    let server = hello();
    let rules = Proxies::from_env(|name| (name == "HTTPS_PROXY").then(|| "ftp://u:secret@proxy".to_owned()));
    let transport = Transport::new(TransportOptions::default().proxies(rules));
    let error = fetch(&transport, get("https://a.test/")).await.unwrap_err();
    let (kind, refusal) = refused(&error);
    assert_eq!(kind, ProxyErrorKind::InvalidSetting);
    assert!(refusal.to_string().contains("HTTPS_PROXY") && !shown(&error).contains("secret"), "{refusal}");
    assert_eq!(fetch(&transport, get(server.url("/"))).await.unwrap(), "hello");
    let error = transport.origin(&Uri::from_static("https://a.test/")).unwrap_err();
    assert_eq!(refused(&error).0, ProxyErrorKind::InvalidSetting);
    let error = transport.prewarm(&Uri::from_static("https://a.test/"), 1).await.unwrap_err();
    assert_eq!(refused(&error).0, ProxyErrorKind::InvalidSetting);
}

#[tokio::test]
async fn a_request_brings_its_own_or_goes_directly() {
    let server = hello();
    let (one, two) = (ProxyOptions::new().http(), ProxyOptions::new().http());
    let transport = over(http_proxy(&one));
    let url = server.url("/");
    let sent = async |request| info(&send(&transport, request).await.unwrap());
    assert_eq!(sent(get(&url)).await, Some(one.url("http")));
    let own = PerRequest::Use(Proxies::all(http_proxy(&two)));
    assert_eq!(sent(with_proxies(&url, own.clone())).await, Some(two.url("http")));
    assert_eq!(sent(with_proxies(&url, PerRequest::Off)).await, None);
    assert_eq!(sent(with_proxies(&url, PerRequest::Use(Proxies::none()))).await, None);

    // After a redirect to a foreign origin.
    let chain = Chain::extend(None, &Uri::from_static("http://first.test/"), &url.parse().unwrap()).unwrap();
    let crossed = |proxies| {
        let mut request = with_proxies(&url, proxies);
        request.extensions_mut().insert(chain.clone());
        request
    };
    assert_eq!(sent(crossed(own)).await, Some(one.url("http")));
    assert_eq!(sent(crossed(PerRequest::Off)).await, None);
}

#[tokio::test]
async fn a_closure_chooses_and_equal_proxies_share_a_connection() {
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let url = proxy.url("http");
    let rules = Proxies::choose_with(move |uri| match uri.path() {
        "/fails" => Err("no idea".into()),
        "/direct" => Ok(None),
        _ => Ok(Some(Proxy::new(&url)?.basic("u", "p"))),
    });
    let transport = Transport::new(TransportOptions::default().proxies(rules));
    for _ in 0..3 {
        fetch(&transport, get("http://a.test/")).await.unwrap();
    }
    assert_eq!((proxy.requests().len(), proxy.connections()), (3, 1));
    fetch(&transport, get(server.url("/direct"))).await.unwrap();
    assert_eq!(proxy.requests().len(), 3);
    let error = fetch(&transport, get("http://a.test/fails")).await.unwrap_err();
    assert_eq!(refused(&error).0, ProxyErrorKind::Choice);
    assert!(shown(&error).contains("no idea"));
}

#[tokio::test]
async fn a_service_of_one_origin_goes_by_the_proxy_and_one_of_an_address_does_not() {
    let server = hello();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).http();
    let transport = over(http_proxy(&proxy));
    let named = transport.origin(&Uri::from_static("http://a.test/")).unwrap();
    let at = named.at(server.addr());
    for (service, by) in [(named, Some(proxy.url("http"))), (at, None)] {
        for target in ["/x", "http://a.test/x"] {
            let response = service.clone().oneshot(get(target)).await.unwrap();
            assert_eq!(info(&response), by);
            assert_eq!(read(response).await.unwrap().0, "hello");
        }
    }
    let foreign = transport.origin(&Uri::from_static("http://a.test/")).unwrap().oneshot(get("http://b.test/")).await;
    assert!(matches!(find(&*foreign.unwrap_err()), Some(InvalidRequest::OtherOrigin { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_never_reached_by_a_proxy() {
    let proxy = ProxyOptions::new().http();
    let transport = over(http_proxy(&proxy));
    for transport in [transport.with_unix("/nowhere/at.all"), transport] {
        let error = fetch(&transport, get("http+unix://2f6e6f7768657265/")).await.unwrap_err();
        assert!(find::<ProxyError>(&*error).is_none(), "{error:?}");
    }
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn a_connector_is_asked_for_the_proxy_in_the_origins_place() {
    let server = std::sync::Arc::new(MemoryServer::from_fn(async |request| {
        let target = request.uri().to_string();
        reply(200, [], target)
    }));
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (seen, behind) = (asked.clone(), server.clone());
    let options = by(Proxy::new("http://proxy.test:3128").unwrap()).connector(move |origin: sortie_core::Origin| {
        seen.lock().unwrap().push(origin.to_string());
        let stream = behind.connect();
        async move { Ok::<_, std::convert::Infallible>(stream) }
    });
    assert_eq!(fetch(&Transport::new(options), get("http://a.test/x")).await.unwrap(), "http://a.test/x");
    assert_eq!(*asked.lock().unwrap(), ["http://proxy.test:3128"]);
}
