//! HTTP/1.1 and HTTP/2, over plaintext and TLS: which is spoken, what is reused, and what is told of the connection.

use http::Version;
use sortie::transport::tls::TlsOptions;
use sortie::transport::{TransportOptions, Versions};
use sortie::{Body, ErrorKind, Session};
use sortie_testkit::{
    CertificateAuthority, Gate, Protocol, ServerOptions, Steps, TcpScript, TestServer, TlsSetup, reply,
};

use crate::support::{builder, check, dialing, eventually, ok, session, trusting, values};

async fn echo(request: http::Request<hyper::body::Incoming>) -> http::Response<Body> {
    reply(200, [], Body::new(request.into_body()))
}

fn secure(setup: TlsSetup) -> TestServer {
    ServerOptions::new().tls(setup).serve_fn(echo)
}

/// A session that trusts the server, and speaks these versions.
fn over_tls(server: &TestServer, versions: Versions) -> Session {
    let tls = trusting(server.certificate_authority()).build().unwrap();
    builder().transport_options(TransportOptions::default().tls(tls).versions(versions)).build().unwrap()
}

async fn exchange(session: &Session, url: &str) -> sortie::Response {
    let mut response = session.post(url).body("ping").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "ping");
    assert!(response.chunk().await.unwrap().is_none());
    response
}

#[tokio::test]
async fn alpn_decides_over_tls_and_the_connection_is_told_and_reused() {
    for (alpn, versions, version) in [
        (&["h2", "http/1.1"][..], Versions::Auto, Version::HTTP_2),
        (&["http/1.1"], Versions::Auto, Version::HTTP_11),
        (&[], Versions::Auto, Version::HTTP_11),
        (&["h2", "http/1.1"], Versions::Http1Only, Version::HTTP_11),
        (&["h2", "http/1.1"], Versions::Http2Only, Version::HTTP_2),
    ] {
        let server = secure(TlsSetup::new().alpn(alpn.iter().copied()));
        let session = over_tls(&server, versions);
        let url = server.url("/");
        let first = exchange(&session, &url).await;
        let second = exchange(&session, &url).await;
        assert_eq!((first.version(), second.version()), (version, version), "{alpn:?} {versions:?}");
        let (first, second) = (first.connection().unwrap(), second.connection().unwrap());
        assert_eq!((first.is_reused(), second.is_reused()), (false, true));
        assert_eq!((first.id(), first.version()), (second.id(), version));
        assert_eq!(first.peer_addr(), Some(server.addr()));
        assert!(first.local_addr().is_some() && first.tls().is_some());
        assert_eq!((server.connections(), server.requests()[0].version), (1, version));
    }
}

#[tokio::test]
async fn http2_over_plaintext_is_spoken_with_prior_knowledge() {
    let server = ServerOptions::new().protocol(Protocol::Http2).serve_fn(echo);
    let options = TransportOptions::default().versions(Versions::Http2Only);
    let session = builder().transport_options(options).build().unwrap();
    let response = exchange(&session, &server.url("/p?q")).await;
    assert_eq!(response.version(), Version::HTTP_2);
    assert!(response.connection().unwrap().tls().is_none());
    let head = &server.requests()[0];
    assert_eq!((head.version, head.uri.to_string()), (Version::HTTP_2, server.url("/p?q")));
    assert!(!head.headers.contains_key("host") && !head.headers.contains_key("connection"));
}

#[tokio::test]
async fn http1_is_what_plaintext_is_by_default() {
    let server = TestServer::from_fn(echo);
    let session = session();
    for _ in 0..3 {
        let response = exchange(&session, &server.url("/")).await;
        assert_eq!(response.version(), Version::HTTP_11);
        assert!(response.connection().unwrap().tls().is_none());
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 3));
    assert_eq!(values(&server.requests()[0], "host"), [server.addr().to_string()]);
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_http2_connection_and_have_one_each_on_http1() {
    for (versions, connections) in [(Versions::Http2Only, 1), (Versions::Http1Only, 8)] {
        let gate = std::sync::Arc::new(tokio::sync::Barrier::new(8));
        let server = TestServer::from_fn(move |_| {
            let gate = gate.clone();
            async move {
                gate.wait().await;
                ok()
            }
        });
        let session = builder().transport_options(TransportOptions::default().versions(versions)).build().unwrap();
        let calls: Vec<_> = (0..8).map(|_| tokio::spawn(session.get(server.url("/")).send())).collect();
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap().text().await.unwrap(), "ok");
        }
        assert_eq!(server.connections(), connections, "{versions:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_that_the_server_ends_is_replaced_without_a_word() {
    for versions in [Versions::Http1Only, Versions::Http2Only] {
        let server = TestServer::from_fn(echo);
        let session = builder().transport_options(TransportOptions::default().versions(versions)).build().unwrap();
        exchange(&session, &server.url("/")).await;
        server.disconnect().await;
        // The client may learn of the end before the next request or by it: the second is repeated if it is idempotent.
        let response = session.get(server.url("/")).send().await.unwrap();
        assert_eq!((response.status().as_u16(), server.connections()), (200, 2), "{versions:?}");
        server.drain();
        server.wait_for_open_connections(0).await;
        assert_eq!(session.get(server.url("/")).send().await.unwrap().status(), 200);
        assert_eq!(server.connections(), 3, "{versions:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_tls_error() {
    let stranger = CertificateAuthority::new();
    let own = CertificateAuthority::new();
    let setup = || TlsSetup::new().authority(own.clone());
    for (what, server, trusted) in [
        ("of a stranger", secure(setup()), &stranger),
        ("expired", secure(setup().certificate(own.issue_expired(["localhost", "127.0.0.1"]))), &own),
        ("of another name", secure(setup().certificate(own.issue(["other.test"]))), &own),
    ] {
        let tls = trusting(trusted).build().unwrap();
        let session = builder().transport_options(TransportOptions::default().tls(tls)).build().unwrap();
        let error = session.get(format!("{}?s3cret", server.url("/path"))).send().await.unwrap_err();
        check(&error, ErrorKind::Tls, "the TLS handshake failed");
        assert!(error.is_connect() && !error.is_timeout(), "{what}");
        assert_eq!(server.requests().len(), 0, "{what}");
    }
}

#[tokio::test]
async fn the_platforms_verifier_does_not_know_a_test_authority_but_can_be_given_it() {
    let server = secure(TlsSetup::new());
    let error = session().get(server.url("/")).send().await.unwrap_err();
    check(&error, ErrorKind::Tls, "");
    let ca = server.certificate_authority().pem();
    let tls = TlsOptions::default().extra_roots_pem(ca.as_bytes()).unwrap().build().unwrap();
    let session = builder().transport_options(TransportOptions::default().tls(tls)).build().unwrap();
    assert_eq!(exchange(&session, &server.url("/")).await.status(), 200);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_tls_error() {
    let plain = TcpScript::each(Steps::new().read(1).send("HTTP/1.1 400 Bad Request\r\n\r\n").close());
    let tls = trusting(&CertificateAuthority::new()).build().unwrap();
    let session = builder().transport_options(TransportOptions::default().tls(tls)).build().unwrap();
    let url = plain.url("/").replace("http://", "https://");
    check(&session.get(url).send().await.unwrap_err(), ErrorKind::Tls, "the TLS handshake failed");
}

#[tokio::test]
async fn a_server_that_agrees_to_no_http2_is_an_error_where_nothing_else_is_spoken() {
    let server = secure(TlsSetup::new().alpn(["http/1.1"]));
    let error = over_tls(&server, Versions::Http2Only).get(server.url("/")).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn two_policies_of_trust_never_share_a_connection() {
    let server = secure(TlsSetup::new());
    let trusts = over_tls(&server, Versions::Auto);
    exchange(&trusts, &server.url("/")).await;
    let tls = trusting(&CertificateAuthority::new()).build().unwrap();
    let distrusts = trusts.to_builder().transport_options(TransportOptions::default().tls(tls)).build().unwrap();
    check(&distrusts.get(server.url("/")).send().await.unwrap_err(), ErrorKind::Tls, "");
    exchange(&trusts, &server.url("/")).await;
}

#[tokio::test]
async fn a_session_speaks_to_many_origins_each_over_connections_of_its_own() {
    let servers: Vec<_> = (0..4).map(|_| TestServer::from_fn(echo)).collect();
    let session = session();
    for _ in 0..2 {
        for server in &servers {
            exchange(&session, &server.url("/")).await;
        }
    }
    assert!(servers.iter().all(|server| server.connections() == 1 && server.requests().len() == 2));
}

#[tokio::test]
async fn names_are_looked_up_and_all_their_addresses_tried() {
    let server = TestServer::from_fn(echo);
    // It listens on 127.0.0.1 alone; `localhost` may be [::1] first.
    let url = format!("http://localhost:{}/", server.addr().port());
    assert_eq!(exchange(&session(), &url).await.status(), 200);
}

#[tokio::test]
async fn bodies_of_unknown_length_go_chunked_and_known_ones_with_their_length() {
    let server = TestServer::from_fn(echo);
    let session = session();
    let url = server.url("/");
    for (request, length, coding) in [
        (session.post(&url).body("known"), Some("5"), None),
        (session.post(&url).body(Body::factory(Some(5), || Body::from("known"))), Some("5"), None),
        (session.post(&url).body(Body::factory(None, || Body::from("known"))), None, Some("chunked")),
        (session.post(&url), Some("0"), None),
        (session.delete(&url), Some("0"), None),
        (session.get(&url), None, None),
        (session.head(&url), None, None),
    ] {
        request.send().await.unwrap().bytes().await.unwrap();
        let requests = server.requests();
        let head = requests.last().unwrap();
        assert_eq!(values(head, "content-length"), length.into_iter().collect::<Vec<_>>(), "{head:?}");
        assert_eq!(values(head, "transfer-encoding"), coding.into_iter().collect::<Vec<_>>(), "{head:?}");
    }
}

#[tokio::test]
async fn answers_without_a_body_and_interim_ones_leave_the_connection_in_order() {
    let answers = [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ];
    let steps = answers.iter().fold(Steps::new(), |steps, answer| steps.read_head().send(*answer)).hold();
    let server = TcpScript::each(steps);
    let session = session();
    for (method, status, body) in [("GET", 204, ""), ("HEAD", 200, ""), ("GET", 304, ""), ("GET", 200, "ok")] {
        let response = session.request(method, server.url("/")).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.text().await.unwrap(), body);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_until_the_end_of_the_connection_is_whole_and_the_connection_is_not_used_again() {
    let steps = || Steps::new().read_head().send("HTTP/1.1 200 OK\r\n\r\nuntil the end").close();
    let server = TcpScript::in_order([steps(), steps()]);
    let session = session();
    for _ in 0..2 {
        let response = session.get(server.url("/")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "until the end");
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_response_is_read_as_it_comes() {
    let gate = Gate::new();
    let server = TcpScript::each(
        Steps::new()
            .read_head()
            .send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
            .pause(&gate)
            .send("last")
            .hold(),
    );
    let mut response = session().get(server.url("/")).send().await.unwrap();
    assert_eq!(response.content_length(), Some(9));
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    gate.open();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "last");
    assert!(response.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn a_connector_of_the_users_own_makes_the_byte_streams() {
    let server = TestServer::from_fn(echo);
    let options = dialing([("http://anything.test", server.addr())]);
    let session = builder().transport_options(options).build().unwrap();
    let response = exchange(&session, "http://anything.test/").await;
    assert_eq!(response.connection().unwrap().peer_addr(), None);
    assert_eq!(values(&server.requests()[0], "host"), ["anything.test"]);
    drop(response);
    eventually("the connection is there still", || server.open_connections() == 1).await;
}
