//! How do I send requests through proxies: some or all, with a password, and not what is near?

use sortie::transport::proxy::{Proxies, Proxy, ProxyError};
use sortie::transport::tls::TlsOptions;
use sortie::{BoxError, ErrorKind, Session};
use sortie_testkit::{ProxyOptions, ServerOptions, TestServer, TlsSetup, reply};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let shop = TestServer::from_fn(async |_| reply(200, [], "3 lamps"));
    let bank = ServerOptions::new().tls(TlsSetup::new().names(["bank.test"])).serve_fn(async |_| reply(200, [], "42"));
    let office = ProxyOptions::new()
        .name("shop.test", shop.addr())
        .name("bank.test", bank.addr())
        .basic("ada", "correct horse")
        .http();
    let jump = ProxyOptions::new().name("shop.test", shop.addr()).socks();
    let trusting = TlsOptions::default().only_roots_pem(bank.certificate_authority().pem().as_bytes())?.build()?;

    // Plain http is forwarded, https goes through a tunnel; what is near goes directly.
    let proxy = Proxy::new(office.url("http"))?.basic("ada", "correct horse");
    let proxies = Proxies::all(proxy).no_proxy("127.0.0.0/8, .internal");
    let session = Session::builder().proxies(proxies).tls(trusting).no_env().build()?;
    for url in ["http://shop.test/lamps", "https://bank.test/balance", &shop.url("/lamps")] {
        let response = session.get(url).send().await?.error_for_status()?;
        let by = response.connection().and_then(|connection| connection.proxy()).map(ToString::to_string);
        println!("{url}: {} by {}", response.status(), by.as_deref().unwrap_or("no proxy"));
    }
    let asked: Vec<_> = office.requests().iter().map(|head| format!("{} {}", head.method, head.uri)).collect();
    println!("the proxy was asked for {}", asked.join(", "));
    assert_eq!(asked, ["GET http://shop.test/lamps", "CONNECT bank.test:443"]);

    // One request by another; SOCKS, and the proxy looks the name up.
    let socks = jump.url("socks5h");
    session.get("http://shop.test/lamps").proxy(&*socks).send().await?.error_for_status()?;
    println!("by {socks}: {} connection", jump.socks_requests().len());

    // As the environment says; here one that holds a password that is wrong.
    let url = office.url("http").replace("//", "//ada:battery@");
    let from_env = Session::builder().env(move |name| (name == "http_proxy").then(|| url.clone())).build()?;
    let error = from_env.get("http://shop.test/").send().await.err().ok_or("the password is wrong")?;
    let refused: &ProxyError = sortie::core::find(&error).ok_or("it is an error of the proxy")?;
    assert_eq!((error.kind(), refused.status().map(|status| status.as_u16())), (ErrorKind::Proxy, Some(407)));
    println!("with a wrong password: {refused}");
    Ok(())
}
