use std::error::Error;

use tokio::io::{DuplexStream, duplex};

use super::*;

fn proxy(url: &str) -> Proxy {
    Proxy::new(url).unwrap()
}

/// What the client did with a proxy that says `replies`, one for each message of the client's, and what it said.
async fn shake(url: &str, target: Target<'_>, replies: &[&[u8]]) -> (Result<(), ProxyErrorKind>, Vec<u8>) {
    let (mut client, mut server) = duplex(4096);
    let replies: Vec<Vec<u8>> = replies.iter().map(|reply| reply.to_vec()).collect();
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        for reply in replies {
            let mut message = [0; 1024];
            let read = server.read(&mut message).await.unwrap();
            heard.extend_from_slice(&message[..read]);
            server.write_all(&reply).await.unwrap();
        }
        heard
    });
    let proxy = proxy(url);
    let result = handshake(&proxy, &mut client, target).await;
    if result.is_ok() {
        assert_eq!(rest(client).await, b"early", "what came after the reply");
    }
    (result.map_err(|error| error.kind()), server.await.unwrap())
}

async fn rest(mut client: DuplexStream) -> Vec<u8> {
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    rest
}

fn at(address: &str) -> Target<'_> {
    Target::Address(address.parse().unwrap())
}

const GRANTED4: &[u8] = &[0, 90, 0, 0, 0, 0, 0, 0, b'e', b'a', b'r', b'l', b'y'];
const GRANTED5: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0, b'e', b'a', b'r', b'l', b'y'];

#[tokio::test]
async fn socks4_says_an_address_or_a_name() {
    for (url, target, request) in [
        ("socks4://p", at("1.2.3.4:258"), &[4, 1, 1, 2, 1, 2, 3, 4, 0][..]),
        ("socks4://me@p", at("1.2.3.4:258"), &[4, 1, 1, 2, 1, 2, 3, 4, b'm', b'e', 0]),
        ("socks4://p", at("[::ffff:1.2.3.4]:258"), &[4, 1, 1, 2, 1, 2, 3, 4, 0]),
        ("socks4a://p", Target::Name("a.b", 258), &[4, 1, 1, 2, 0, 0, 0, 1, 0, b'a', b'.', b'b', 0]),
    ] {
        assert_eq!(shake(url, target, &[GRANTED4]).await, (Ok(()), request.to_vec()), "{url}");
    }
    let (result, said) = shake("socks4://p", at("[::1]:80"), &[]).await;
    assert_eq!((result, said), (Err(ProxyErrorKind::AddressTypeNotSupported), vec![]));
}

#[tokio::test]
async fn socks4_replies_have_kinds() {
    use ProxyErrorKind as Kind;
    for (reply, kind) in [
        (&[0, 91, 0, 0, 0, 0, 0, 0][..], Kind::GeneralFailure),
        (&[0, 92, 0, 0, 0, 0, 0, 0], Kind::AuthenticationFailed),
        (&[0, 93, 0, 0, 0, 0, 0, 0], Kind::AuthenticationFailed),
        (&[0, 94, 0, 0, 0, 0, 0, 0], Kind::InvalidAnswer),
        (&[5, 90, 0, 0, 0, 0, 0, 0], Kind::InvalidAnswer),
        (&[0, 90, 0, 0], Kind::Closed),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Kind::InvalidAnswer),
    ] {
        assert_eq!(shake("socks4://p", at("1.2.3.4:80"), &[reply]).await.0, Err(kind), "{reply:?}");
    }
}

// hyper-util #302 to #310: IPv6, and replies in pieces or together.
#[tokio::test]
async fn socks5_says_each_kind_of_address() {
    let v6 = [&[5, 1, 0, 4][..], &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2]].concat();
    for (target, request) in [
        (at("1.2.3.4:258"), vec![5, 1, 0, 1, 1, 2, 3, 4, 1, 2]),
        (at("[2001:db8::1]:258"), v6),
        (at("[::ffff:1.2.3.4]:258"), vec![5, 1, 0, 1, 1, 2, 3, 4, 1, 2]),
        (Target::Name("a.b", 258), vec![5, 1, 0, 3, 3, b'a', b'.', b'b', 1, 2]),
    ] {
        let said = [&[5, 1, 0][..], &request].concat();
        assert_eq!(shake("socks5h://p", target, &[&[5, 0], GRANTED5]).await, (Ok(()), said), "{target:?}");
    }
    let bound_v6 = [&[5, 0, 0, 4][..], &[0; 18], b"early"].concat();
    let bound_name = [&[5, 0, 0, 3, 3][..], b"abc\0\0", b"early"].concat();
    for reply in [bound_v6, bound_name] {
        assert_eq!(shake("socks5://p", at("1.2.3.4:80"), &[&[5, 0], &reply]).await.0, Ok(()), "{reply:?}");
    }
}

#[tokio::test]
async fn socks5_logs_in_if_it_is_asked_to() {
    let ask = [5, 1, 0, 1, 1, 2, 3, 4, 0, 80];
    let login = [1, 1, b'u', 2, b'p', b'w'];
    let target = at("1.2.3.4:80");
    let said = [&[5, 2, 0, 2][..], &login, &ask].concat();
    assert_eq!(shake("socks5://u:pw@p", target, &[&[5, 2], &[1, 0], GRANTED5]).await, (Ok(()), said));
    let said = [&[5, 2, 0, 2][..], &ask].concat();
    assert_eq!(shake("socks5://u:pw@p", target, &[&[5, 0], GRANTED5]).await, (Ok(()), said), "not asked");
    let failed = shake("socks5://u:pw@p", target, &[&[5, 2], &[1, 1]]).await.0;
    assert_eq!(failed, Err(ProxyErrorKind::AuthenticationFailed));
}

#[tokio::test]
async fn socks5_replies_have_kinds() {
    use ProxyErrorKind as Kind;
    for (replies, kind) in [
        (&[&[5, 0xff][..]][..], Kind::NoAcceptableMethod),
        (&[&[5, 2]], Kind::InvalidAnswer),
        (&[&[5, 1]], Kind::InvalidAnswer),
        (&[&[4, 0]], Kind::InvalidAnswer),
        (&[b"HTTP/1.1 400 Bad Request\r\n\r\n"], Kind::InvalidAnswer),
        (&[&[5]], Kind::Closed),
        (&[&[5, 0], &[5, 1]], Kind::GeneralFailure),
        (&[&[5, 0], &[5, 2]], Kind::NotAllowed),
        (&[&[5, 0], &[5, 3, 0, 1, 0, 0, 0, 0, 0, 0]], Kind::NetworkUnreachable),
        (&[&[5, 0], &[5, 4]], Kind::HostUnreachable),
        (&[&[5, 0], &[5, 5]], Kind::ConnectionRefused),
        (&[&[5, 0], &[5, 6]], Kind::TtlExpired),
        (&[&[5, 0], &[5, 7]], Kind::CommandNotSupported),
        (&[&[5, 0], &[5, 8]], Kind::AddressTypeNotSupported),
        (&[&[5, 0], &[5, 9]], Kind::InvalidAnswer),
        (&[&[5, 0], &[4, 0]], Kind::InvalidAnswer),
        (&[&[5, 0], &[5, 0, 0, 2, 0, 0]], Kind::InvalidAnswer),
        (&[&[5, 0], &[5, 0, 0, 1, 0, 0]], Kind::Closed),
    ] {
        assert_eq!(shake("socks5://p", at("1.2.3.4:80"), replies).await.0, Err(kind), "{replies:?}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_said_is_not() {
    let long = "x".repeat(256);
    for url in ["socks4a://p", "socks5h://p"] {
        let (result, said) = shake(url, Target::Name(&long, 80), &[]).await;
        assert_eq!((result, said), (Err(ProxyErrorKind::NameTooLong), vec![]), "{url}");
    }
    let most = "x".repeat(255);
    assert_eq!(shake("socks5h://p", Target::Name(&most, 80), &[&[5, 0], GRANTED5]).await.0, Ok(()));
}

#[test]
fn what_the_network_did_has_the_systems_error_for_it() {
    for (reply, kind) in [
        (1, None),
        (2, None),
        (3, Some(io::ErrorKind::NetworkUnreachable)),
        (4, Some(io::ErrorKind::HostUnreachable)),
        (5, Some(io::ErrorKind::ConnectionRefused)),
    ] {
        let error = refused5(reply).unwrap();
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), kind, "{reply}");
    }
}
