use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use http::Version;
use sortie::transport::proxy::{Proxies, Proxy, ProxyError, ProxyErrorKind};
use sortie::{ErrorKind, Session};
use sortie_testkit::{ServerOptions, TestServer, TlsSetup, reply, told};

use crate::calls::{PATIENCE, trust};
use crate::program::{Program, fill, free_ports};
use sortie::auth::Digest;

struct Squid {
    _program: Program,
    folder: PathBuf,
    /// Asks for a password.
    closed: u16,
    open: u16,
}

impl Squid {
    fn start(scheme: &str) -> Self {
        let ports @ [closed, open] = free_ports();
        // It gives up root, so it cannot write, nor its helpers read, where only root may look.
        let folder = std::env::temp_dir().join(format!("sortie-squid-{}-{closed}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let program = match scheme {
            "digest" => {
                fs::write(folder.join("htdigest"), "user:pass\n").unwrap();
                format!("/usr/lib/squid/digest_file_auth {}/htdigest", folder.display())
            }
            _ => {
                // As `openssl passwd -apr1 pass` writes it.
                fs::write(folder.join("htpasswd"), "user:$apr1$Ab9KdPK3$WHYkNkDaIID8Cq0c8FbKC/\n").unwrap();
                format!("/usr/lib/squid/basic_ncsa_auth {}/htpasswd", folder.display())
            }
        };
        let config = fill(
            include_str!("../servers/squid.conf"),
            &[
                ("DIR", &folder.display()),
                ("CLOSED", &closed),
                ("OPEN", &open),
                ("SCHEME", &scheme),
                ("PROGRAM", &program),
            ],
        );
        fs::write(folder.join("squid.conf"), config).unwrap();
        let mut command = Command::new("/usr/sbin/squid");
        command.arg("-N").arg("-f").arg(folder.join("squid.conf"));
        let program = Program::start(command, &ports, &folder, "apt-get install squid");
        Self { _program: program, folder, closed, open }
    }

    fn closed(&self, userinfo: &str) -> Proxy {
        Proxy::new(format!("http://{userinfo}127.0.0.1:{}", self.closed)).unwrap()
    }

    fn open(&self) -> Proxy {
        Proxy::new(format!("http://127.0.0.1:{}", self.open)).unwrap()
    }

    /// Waits until its log has a line of each of these: method, URL, status and user.
    async fn logged(&self, lines: &[String]) {
        let log = || fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        let all_there = async {
            while !lines.iter().all(|line| log().lines().any(|logged| logged == line)) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, all_there).await;
        assert!(waited.is_ok(), "{lines:?} are not all in\n{}", log());
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Tells whether a header that is for a proxy came through.
fn answer(request: &http::Request<hyper::body::Incoming>) -> String {
    let for_proxy = request.headers().keys().any(|name| name.as_str().starts_with("proxy-auth"));
    format!("{} {}{}", request.method(), request.uri().path(), if for_proxy { " and what is the proxy's" } else { "" })
}

fn plain() -> TestServer {
    TestServer::from_fn(async |request| reply(200, [], answer(&request)))
}

fn secure() -> TestServer {
    ServerOptions::new().tls(TlsSetup::new()).serve_fn(async |request| reply(200, [], answer(&request)))
}

/// Answers with what it gets.
fn echo(options: ServerOptions) -> TestServer {
    options.serve_fn(async |request| {
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        reply(200, [], body)
    })
}

fn session(proxy: Proxy, secure: &TestServer) -> Session {
    let tls = trust(secure.certificate_authority());
    Session::builder().no_env().proxies(Proxies::all(proxy)).tls(tls).build().unwrap()
}

async fn text(session: &Session, url: String) -> String {
    let response = session.get(url).send().await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(response.status(), 200);
    assert!(response.connection().unwrap().proxy().is_some());
    response.text().await.unwrap()
}

/// The authority of a server's URLs.
fn authority(server: &TestServer) -> String {
    server.url("").split_once("://").unwrap().1.trim_end_matches('/').to_owned()
}

#[tokio::test]
#[ignore = "needs squid"]
async fn an_open_proxy_forwards_http_and_tunnels_https() {
    let (squid, plain, secure) = (Squid::start("basic"), plain(), secure());
    let session = session(squid.open(), &secure);
    assert_eq!(text(&session, plain.url("/a")).await, "GET /a");
    let response = session.get(secure.url("/b")).send().await.unwrap();
    // What is spoken within a tunnel is no business of the proxy's.
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.text().await.unwrap(), "GET /b");
    session.close().await;
    let lines = [format!("GET {} 200 -", plain.url("/a")), format!("CONNECT {} 200 -", authority(&secure))];
    squid.logged(&lines).await;
}

#[tokio::test]
#[ignore = "needs squid"]
async fn a_password_opens_the_proxy_by_basic_and_by_digest() {
    for (scheme, squid) in ["basic", "digest"].map(|scheme| (scheme, Squid::start(scheme))) {
        let (plain, secure) = (plain(), secure());
        let proxy = match scheme {
            "basic" => squid.closed("user:pass@"),
            _ => squid.closed("").auth(Digest::new("user", "pass")),
        };
        let session = session(proxy, &secure);
        for n in 0..3 {
            assert_eq!(text(&session, plain.url(format!("/{n}"))).await, format!("GET /{n}"));
            assert_eq!(text(&session, secure.url(format!("/{n}"))).await, format!("GET /{n}"));
        }
        let posted = session.post(plain.url("/p")).body("once more if need be").send().await.unwrap();
        assert_eq!(posted.text().await.unwrap(), "POST /p");
        session.close().await;
        squid.logged(&[format!("CONNECT {} 200 user", authority(&secure))]).await;
        println!("squid 5.7, {scheme}: 4 requests forwarded, 3 through a tunnel");
    }
}

#[tokio::test]
#[ignore = "needs squid"]
async fn by_digest_a_body_arrives_whole_and_a_wrong_password_is_sent_once() {
    let (squid, plain, secure) =
        (Squid::start("digest"), echo(ServerOptions::new()), echo(ServerOptions::new().tls(TlsSetup::new())));
    // Squid 5.7 keeps a connection open on which it has answered 407 to an upload beyond its buffer of 64 KiB, but reads
    // nothing more from it.
    let body = "content ".repeat(1000);
    for url in [plain.url("/p"), secure.url("/p")] {
        // A new one for each, so that each begins with a challenge.
        let session = session(squid.closed("").auth(Digest::new("user", "pass")), &secure);
        let posted =
            session.post(&url).body(body.clone()).send().await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(posted.text().await.unwrap(), body, "{url}");
        session.close().await;
    }
    let arrived = plain.connections() + secure.connections();
    for url in [plain.url("/w"), secure.url("/w")] {
        let session = session(squid.closed("").auth(Digest::new("user", "wrong")), &secure);
        let error = session.post(&url).body("body").send().await.unwrap_err();
        let refused: &ProxyError = sortie::core::find(&error).unwrap();
        assert_eq!(refused.kind(), ProxyErrorKind::AuthenticationRequired, "{url}");
        assert!(!told(&error).contains("wrong"), "{}", told(&error));
        session.close().await;
    }
    assert_eq!(plain.connections() + secure.connections(), arrived);
    // It is one process, which logs an answer when it is out: what came before the last is in its log as well.
    let last = session(squid.open(), &secure);
    assert_eq!(last.get(plain.url("/last")).send().await.unwrap().status(), 200);
    squid.logged(&[format!("GET {} 200 -", plain.url("/last"))]).await;
    let log = fs::read_to_string(squid.folder.join("access.log")).unwrap();
    let asked = |start: &str| log.lines().filter(|line| line.starts_with(start) && line.contains(" 407 ")).count();
    assert_eq!(asked(&format!("POST {} ", plain.url("/p"))), 1, "{log}");
    assert_eq!(asked(&format!("POST {} ", plain.url("/w"))), 2, "{log}");
    // One for the right password, two for the wrong one.
    assert_eq!(asked(&format!("CONNECT {} ", authority(&secure))), 3, "{log}");
    println!("squid 5.7, digest: a POST forwarded and one through a tunnel, a wrong password in two requests each");
}

#[tokio::test]
#[ignore = "needs squid"]
async fn by_digest_a_redirect_is_signed_for_at_the_same_proxy_and_not_where_it_goes_direct() {
    let (squid, landed) = (Squid::start("digest"), plain());
    let asks = ("proxy-authenticate", "Digest realm=\"Proxy\", nonce=\"n\", qop=\"auth\"");
    let direct = TestServer::from_fn(move |_| std::future::ready(reply(407, [asks], "")));
    let elsewhere = landed.url("/landed").replace("127.0.0.1", "localhost");
    let (to, past) = (elsewhere.clone(), direct.url("/"));
    let first = TestServer::from_fn(move |request| {
        let location = if request.uri().path() == "/direct" { &past } else { &to };
        std::future::ready(reply(302, [("location", &**location)], ""))
    });
    let proxies = Proxies::all(squid.closed("").auth(Digest::new("user", "pass")));
    let proxies = proxies.no_proxy(format!("127.0.0.1:{}", direct.addr().port()));
    let session = Session::builder().no_env().proxies(proxies).build().unwrap();
    assert_eq!(text(&session, first.url("/a")).await, "GET /landed");
    squid.logged(&[format!("GET {} 407 -", first.url("/a")), format!("GET {elsewhere} 200 user")]).await;

    let response = session.get(first.url("/direct")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.connection().unwrap().proxy()), (407, None));
    let heads = direct.requests();
    assert_eq!((heads.len(), heads[0].headers.contains_key("proxy-authorization")), (1, false));
    squid.logged(&[format!("GET {} 302 user", first.url("/direct"))]).await;
    let log = fs::read_to_string(squid.folder.join("access.log")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains(" 407 ")).count(), 1, "one challenge for all:\n{log}");
    println!("squid 5.7, digest: a redirect to another host by the same proxy, and one past it");
}

#[tokio::test]
#[ignore = "needs squid"]
async fn without_the_right_password_a_407_is_an_error_with_the_proxys_answer_in_it() {
    let (squid, plain, secure) = (Squid::start("basic"), plain(), secure());
    for userinfo in ["", "user:wrong@"] {
        let session = session(squid.closed(userinfo), &secure);
        for url in [plain.url("/"), secure.url("/")] {
            let error = session.get(url).send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Proxy, "{}", told(&error));
            let refused: &ProxyError = sortie::core::find(&error).unwrap();
            assert_eq!(refused.kind(), ProxyErrorKind::AuthenticationRequired);
            assert_eq!(refused.status().unwrap(), 407);
            assert!(refused.headers().unwrap()["proxy-authenticate"].to_str().unwrap().starts_with("Basic"));
            assert!(!told(&error).contains("wrong"), "{}", told(&error));
        }
    }
    assert_eq!((plain.connections(), secure.connections()), (0, 0));
}

#[tokio::test]
#[ignore = "needs squid"]
async fn what_the_proxys_rules_refuse_is_its_answer_or_an_error() {
    let (squid, secure) = (Squid::start("basic"), secure());
    let session = session(squid.open(), &secure);
    // A forwarded request is answered by the proxy as by any server.
    assert_eq!(session.get("http://127.0.0.1:9/refused").send().await.unwrap().status(), 403);
    let error = session.get("https://refused.test/").send().await.unwrap_err();
    let refused: &ProxyError = sortie::core::find(&error).unwrap();
    assert_eq!((refused.kind(), refused.status().unwrap().as_u16()), (ProxyErrorKind::Refused, 403));
}
