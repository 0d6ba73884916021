//! SOCKS by Dante and microsocks.

use std::fs;
use std::process::Command;

use sortie::transport::proxy::{Proxies, Proxy, ProxyError, ProxyErrorKind};
use sortie::{ErrorKind, Response, Session};
use sortie_testkit::{ServerOptions, TestServer, TlsSetup, reply, told};

use crate::calls::trust;
use crate::program::{Program, fill, folder, free_ports};

/// It refuses the second port.
fn dante() -> (Program, u16, u16) {
    let folder = folder("dante");
    let [port, refused] = free_ports();
    let config = fill(
        include_str!("../servers/danted.conf"),
        &[("DIR", &folder.display()), ("PORT", &port), ("REFUSED", &refused)],
    );
    fs::write(folder.join("danted.conf"), config).unwrap();
    let mut command = Command::new("/usr/sbin/danted");
    command.arg("-f").arg(folder.join("danted.conf"));
    (Program::start(command, &[port], &folder, "apt-get install dante-server").with_children(), port, refused)
}

fn microsocks() -> (Program, u16) {
    let [port] = free_ports();
    let mut command = Command::new("microsocks");
    command.args(["-i", "127.0.0.1", "-u", "user", "-P", "pass", "-p"]).arg(port.to_string());
    (Program::start(command, &[port], &folder("microsocks"), "apt-get install microsocks"), port)
}

async fn get(proxy: &str, url: String, secure: &TestServer) -> Result<Response, sortie::Error> {
    let proxies = Proxies::all(Proxy::new(proxy).unwrap());
    let tls = trust(secure.certificate_authority());
    Session::builder().no_env().proxies(proxies).tls(tls).build()?.get(url).send().await
}

fn servers() -> (TestServer, TestServer) {
    let plain = TestServer::from_fn(async |_| reply(200, [], "plain"));
    (plain, ServerOptions::new().tls(TlsSetup::new()).serve_fn(async |_| reply(200, [], "secure")))
}

#[tokio::test]
#[ignore = "needs dante"]
async fn dante_connects_by_each_version_and_says_what_it_does_not_allow() {
    let ((_program, port, refused), (plain, secure)) = (dante(), servers());
    for scheme in ["socks5", "socks5h", "socks4"] {
        let proxy = format!("{scheme}://127.0.0.1:{port}");
        for (url, expected) in [(plain.url("/"), "plain"), (secure.url("/"), "secure")] {
            let answer = get(&proxy, url, &secure).await.unwrap_or_else(|error| panic!("{scheme}: {}", told(&error)));
            assert_eq!(answer.text().await.unwrap(), expected);
        }
    }
    let by_five = get(&format!("socks5://127.0.0.1:{port}"), format!("http://127.0.0.1:{refused}/"), &secure).await;
    let error = by_five.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Proxy, "{}", told(&error));
    assert_eq!(sortie::core::find::<ProxyError>(&error).unwrap().kind(), ProxyErrorKind::NotAllowed);
}

#[tokio::test]
#[ignore = "needs microsocks"]
async fn microsocks_wants_its_password() {
    let ((_program, port), (plain, secure)) = (microsocks(), servers());
    for (url, expected) in [(plain.url("/"), "plain"), (secure.url("/"), "secure")] {
        let answer = get(&format!("socks5h://user:pass@127.0.0.1:{port}"), url, &secure).await;
        assert_eq!(answer.unwrap_or_else(|error| panic!("{}", told(&error))).text().await.unwrap(), expected);
    }
    for (userinfo, kind) in
        [("", ProxyErrorKind::NoAcceptableMethod), ("user:wrong@", ProxyErrorKind::AuthenticationFailed)]
    {
        let error = get(&format!("socks5://{userinfo}127.0.0.1:{port}"), plain.url("/"), &secure).await.unwrap_err();
        assert_eq!(sortie::core::find::<ProxyError>(&error).unwrap().kind(), kind, "{}", told(&error));
    }
    let closed = get(&format!("socks5://user:pass@127.0.0.1:{port}"), "http://127.0.0.1:9/".into(), &secure).await;
    let error = closed.unwrap_err();
    let kind = sortie::core::find::<ProxyError>(&error).unwrap().kind();
    assert_eq!(kind, ProxyErrorKind::ConnectionRefused, "{}", told(&error));
}
