use std::collections::HashSet;
use std::fs;
use std::process::Command;

use http::Version;
use sortie::redirect::RedirectOptions;
use sortie::retry::RetryOptions;
use sortie::transport::tls::TlsOptions;
use sortie::transport::{TransportOptions, Versions};
use sortie::{ErrorKind, Response, Session};
use sortie_testkit::CertificateAuthority;

use crate::program::{Program, folder, free_ports};

struct Nginx {
    _program: Program,
    authority: CertificateAuthority,
    http: u16,
    https: u16,
    h2c: u16,
}

impl Nginx {
    fn start() -> Self {
        let folder = folder("nginx");
        let [http, https, h2c, backend] = free_ports();
        let authority = CertificateAuthority::new();
        let certificate = authority.issue(["localhost"]);
        let mut config = include_str!("../servers/nginx.conf").replace("@DIR@", folder.to_str().unwrap());
        for (name, port) in [("@HTTP@", http), ("@HTTPS@", https), ("@H2C@", h2c), ("@BACKEND@", backend)] {
            config = config.replace(name, &port.to_string());
        }
        fs::write(folder.join("nginx.conf"), config).unwrap();
        fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
        fs::write(folder.join("key.pem"), certificate.key_pem()).unwrap();
        fs::write(folder.join("page.txt"), "a page\n").unwrap();
        fs::write(folder.join("htpasswd"), "user:{PLAIN}pass\n").unwrap();
        let mut command = Command::new("nginx");
        command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(folder.join("nginx.conf"));
        let program = Program::start(command, &[http, https, h2c, backend], &folder, "apt-get install nginx-light");
        Self { _program: program, authority, http, https, h2c }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http)
    }
}

fn connections(responses: &[Response]) -> usize {
    responses.iter().filter_map(Response::connection).map(|connection| connection.id()).collect::<HashSet<_>>().len()
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn a_connection_that_the_server_ends_after_three_requests_loses_none() {
    let nginx = Nginx::start();
    let session = Session::builder().no_env().build().unwrap();
    let mut responses = Vec::new();
    for n in 0..12 {
        let mut response = session.get(nginx.url(&format!("/{n}"))).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), format!("GET /{n}\n"));
        assert!(response.chunk().await.unwrap().is_none());
        responses.push(response);
    }
    assert_eq!(connections(&responses), 4);
    assert!(responses.iter().all(|response| response.attempts() == 1));
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn basic_auth_opens_what_is_closed_without() {
    let nginx = Nginx::start();
    let session = Session::builder().no_env().build().unwrap();
    assert_eq!(session.get(nginx.url("/basic")).send().await.unwrap().status(), 401);
    let opened = session.get(nginx.url("/basic")).basic_auth("user", "pass").send().await.unwrap();
    assert_eq!((opened.status().as_u16(), opened.text().await.unwrap().as_str()), (200, "a page\n"));
    let by_url = nginx.url("/basic").replace("//", "//user:pass@");
    assert_eq!(session.get(by_url).send().await.unwrap().status(), 200);
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn redirects_are_followed_and_a_308_sends_the_upload_again() {
    let nginx = Nginx::start();
    let session = Session::builder().no_env().build().unwrap();
    let moved = session.get(nginx.url("/moved")).send().await.unwrap();
    assert_eq!((moved.history().len(), moved.url().unwrap().path()), (1, "/target"));
    let upload = session.post(nginx.url("/moved-for-good")).body("0123456789").send().await.unwrap();
    assert_eq!(upload.text().await.unwrap(), "POST 10\n");
    let stopped = session.get(nginx.url("/moved")).redirect(RedirectOptions::default().limit(0)).send().await;
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Redirect);
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn a_rate_limit_is_waited_out_by_its_retry_after() {
    let nginx = Nginx::start();
    let session = Session::builder().no_env().retry(RetryOptions::standard()).build().unwrap();
    let first = session.get(nginx.url("/limited")).send().await.unwrap();
    let second = session.get(nginx.url("/limited")).send().await.unwrap();
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    assert!(second.attempts() > 1, "{}", second.attempts());
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn an_upload_that_is_too_large_gets_its_413() {
    let nginx = Nginx::start();
    let session = Session::builder().no_env().build().unwrap();
    let refused = session.post(nginx.url("/upload")).body(vec![b'x'; 2000]).send().await.unwrap();
    assert_eq!(refused.status(), 413);
    assert_eq!(session.get(nginx.url("/")).send().await.unwrap().status(), 200);
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn a_server_that_hangs_up_is_a_protocol_error() {
    let nginx = Nginx::start();
    let session = Session::builder().no_env().build().unwrap();
    let error = session.get(nginx.url("/nothing")).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn http2_over_tls_loses_none_of_sixty_to_goaway_and_two_streams() {
    let nginx = Nginx::start();
    let tls = TlsOptions::default().only_roots_pem(nginx.authority.pem().as_bytes()).unwrap().build().unwrap();
    let transport = TransportOptions::default().tls(tls);
    let session = Session::builder().no_env().transport_options(transport).build().unwrap();
    let url = format!("https://localhost:{}/", nginx.https);
    let calls = (0..60).map(|_| tokio::spawn(session.get(&url).send()));
    for call in calls.collect::<Vec<_>>() {
        let response = call.await.unwrap().unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.text().await.unwrap(), "HTTP/2.0\n");
    }
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn http2_over_plaintext_by_prior_knowledge() {
    let nginx = Nginx::start();
    let transport = TransportOptions::default().versions(Versions::Http2Only);
    let session = Session::builder().no_env().transport_options(transport).build().unwrap();
    let response = session.get(format!("http://127.0.0.1:{}/", nginx.h2c)).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "HTTP/2.0\n");
}
