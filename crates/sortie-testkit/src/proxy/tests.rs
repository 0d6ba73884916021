use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{ProxyOptions, SocksRequest, TestProxy, TestServer, reply};

fn server() -> TestServer {
    TestServer::from_fn(async |_| reply(200, [], "hello"))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n";

async fn say(proxy: &TestProxy, words: &[&[u8]]) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    for word in words {
        stream.write_all(word).await.unwrap();
    }
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    heard
}

#[tokio::test]
async fn a_tunnel_leads_to_the_name_and_a_stranger_gets_none() {
    let server = server();
    let proxy = ProxyOptions::new().basic("u", "p").close_after_challenge().name("a.test", server.addr()).http();
    let refused = say(&proxy, &[b"CONNECT a.test:80 HTTP/1.1\r\nhost: a.test\r\n\r\n"]).await;
    assert!(refused.starts_with(b"HTTP/1.1 407 "));
    let connect = b"CONNECT a.test:80 HTTP/1.1\r\nhost: a.test\r\nproxy-authorization: Basic dTpw\r\n\r\n";
    let heard = say(&proxy, &[connect, GET]).await;
    assert!(heard.starts_with(b"HTTP/1.1 200 OK") && heard.ends_with(b"hello"));
    assert_eq!((proxy.requests().len(), server.requests().len()), (2, 1));
    proxy.wait_for_open_connections(0).await;
}

#[tokio::test]
async fn whoever_is_served_is_told_what_a_closure_says_and_nobody_else() {
    let server = server();
    let options = ProxyOptions::new().basic("u", "p").close_after_challenge().name("a.test", server.addr());
    let proxy = options.authentication_info(|headers| Some(format!("fields={}", headers.len()))).http();
    for (ask, credentials, is_told) in [
        ("GET http://a.test/", "proxy-authorization: Basic dTpw\r\n", true),
        ("CONNECT a.test:80", "proxy-authorization: Basic dTpw\r\n", true),
        ("GET http://a.test/", "x: y\r\n", false),
    ] {
        let ask = format!("{ask} HTTP/1.1\r\nhost: a.test\r\n{credentials}connection: close\r\n\r\n");
        let heard = say(&proxy, &[ask.as_bytes(), if ask.starts_with("CONNECT") { GET } else { b"" }]).await;
        let told = String::from_utf8(heard).unwrap().contains("proxy-authentication-info: fields=3\r\n");
        assert_eq!(told, is_told, "{ask}");
    }
}

#[tokio::test]
async fn both_versions_of_socks_lead_to_an_address_and_to_a_name() {
    let server = server();
    let proxy = ProxyOptions::new().name("a.test", server.addr()).socks();
    let [high, low] = server.addr().port().to_be_bytes();
    for (words, host) in [
        (vec![4, 1, high, low, 127, 0, 0, 1, b'u', 0], "127.0.0.1"),
        ([&[4, 1, 0, 80, 0, 0, 0, 1, b'u', 0][..], b"a.test\0"].concat(), "a.test"),
        (vec![5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, high, low], "127.0.0.1"),
        ([&[5, 1, 0, 5, 1, 0, 3, 6][..], b"a.test", &[0, 80]].concat(), "a.test"),
    ] {
        let heard = say(&proxy, &[&words, GET]).await;
        assert!(heard.ends_with(b"hello"), "{words:?}");
        let asked = proxy.socks_requests().pop().unwrap();
        assert_eq!((asked.version, asked.host.as_str()), (words[0], host));
    }
}

#[tokio::test]
async fn socks_says_why_not() {
    let proxy = ProxyOptions::new().basic("u", "p").socks();
    assert_eq!(say(&proxy, &[&[5, 1, 0]]).await, [5, 0xff]);
    assert_eq!(say(&proxy, &[&[5, 1, 2, 1, 1, b'u', 1, b'q']]).await, [5, 2, 1, 1]);
    let ask = [5, 1, 2, 1, 1, b'u', 1, b'p', 5, 1, 0, 3, 1, b'x', 0, 80];
    assert_eq!(say(&proxy, &[&ask]).await, [5, 2, 1, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
    let asked =
        SocksRequest { version: 5, user: Some("u".into()), password: Some("p".into()), host: "x".into(), port: 80 };
    assert_eq!(proxy.socks_requests(), [asked]);
    assert_eq!(say(&proxy, &[&[4, 1, 0, 80, 127, 0, 0, 1, b'v', 0]]).await[..2], [0, 93]);
}
