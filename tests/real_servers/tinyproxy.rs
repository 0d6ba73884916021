use std::fs;
use std::process::Command;

use sortie::Session;
use sortie::transport::proxy::{Proxies, Proxy, ProxyError, ProxyErrorKind};
use sortie_testkit::{ServerOptions, TestServer, TlsSetup, reply, told};

use crate::calls::trust;
use crate::program::{Program, fill, folder, free_ports};

fn start() -> (Program, u16) {
    let folder = folder("tinyproxy");
    let [port] = free_ports();
    let config = fill(include_str!("../servers/tinyproxy.conf"), &[("DIR", &folder.display()), ("PORT", &port)]);
    fs::write(folder.join("tinyproxy.conf"), config).unwrap();
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(folder.join("tinyproxy.conf"));
    (Program::start(command, &[port], &folder, "apt-get install tinyproxy"), port)
}

#[tokio::test]
#[ignore = "needs tinyproxy"]
async fn it_forwards_and_tunnels_for_who_has_its_password() {
    let (_program, port) = start();
    let plain = TestServer::from_fn(async |_| reply(200, [], "plain"));
    let secure = ServerOptions::new().tls(TlsSetup::new()).serve_fn(async |_| reply(200, [], "secure"));
    let session = |userinfo: &str| {
        let proxies = Proxies::all(Proxy::new(format!("http://{userinfo}127.0.0.1:{port}")).unwrap());
        let tls = trust(secure.certificate_authority());
        Session::builder().no_env().proxies(proxies).tls(tls).build().unwrap()
    };
    let known = session("user:pass@");
    for (url, expected) in [(plain.url("/"), "plain"), (secure.url("/"), "secure")] {
        let response = known.get(&url).send().await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(response.text().await.unwrap(), expected);
        let error = session("").get(&url).send().await.unwrap_err();
        assert_eq!(proxy_error(&error), (ProxyErrorKind::AuthenticationRequired, Some(407)));
    }
    // It answers a wrong password with 401, as a server does: what it says of a request that it was to forward cannot
    // be told from what the server says.
    let unknown = session("user:wrong@");
    assert_eq!(unknown.get(plain.url("/")).send().await.unwrap().status(), 401);
    let error = unknown.get(secure.url("/")).send().await.unwrap_err();
    assert_eq!(proxy_error(&error), (ProxyErrorKind::Refused, Some(401)));
    assert_eq!((plain.requests().len(), secure.requests().len()), (1, 1));
}

fn proxy_error(error: &sortie::Error) -> (ProxyErrorKind, Option<u16>) {
    let error: &ProxyError = sortie::core::find(error).unwrap_or_else(|| panic!("{}", told(error)));
    (error.kind(), error.status().map(|status| status.as_u16()))
}
