use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use sortie::core::Outcome;
use sortie::decompress::Coding;
use sortie::redirect::RedirectOptions;
use sortie::retry::RetryOptions;
use sortie::transport::{TransportOptions, Versions};
use sortie::{Body, ErrorKind, Session};
use sortie_testkit::{Certificate, CertificateAuthority, CertificateOptions, Purpose, Validity, told};

use crate::calls::{PATIENCE, all_answered, connections, trusting};
use crate::program::{Program, certify, fill, folder, free_ports};

pub(crate) struct Nginx {
    _program: Program,
    pub(crate) folder: PathBuf,
    pub(crate) authority: CertificateAuthority,
    /// A client's certificate that it does not take any more.
    pub(crate) revoked: Certificate,
    /// Where it demands a client's certificate.
    pub(crate) clients: u16,
    http: u16,
    https: u16,
    h2c: u16,
}

impl Nginx {
    pub(crate) fn start() -> Self {
        let folder = folder("nginx");
        let ports @ [http, https, h2c, clients, backend] = free_ports();
        let authority = certify(&folder);
        let config = fill(
            include_str!("../servers/nginx.conf"),
            &[
                ("DIR", &folder.display()),
                ("HTTP", &http),
                ("HTTPS", &https),
                ("H2C", &h2c),
                ("CLIENTS", &clients),
                ("BACKEND", &backend),
            ],
        );
        let revoked = authority.issue_with(CertificateOptions::new(["client.test"]).purpose(Purpose::Client));
        fs::write(folder.join("clients.pem"), authority.pem()).unwrap();
        fs::write(folder.join("revoked.pem"), authority.revocation_list([&revoked], Validity::Now).pem()).unwrap();
        fs::write(folder.join("nginx.conf"), config).unwrap();
        fs::write(folder.join("page.txt"), "a page\n").unwrap();
        fs::write(folder.join("htpasswd"), "user:{PLAIN}pass\n").unwrap();
        let mut command = Command::new("nginx");
        command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(folder.join("nginx.conf"));
        let program = Program::start(command, &ports, &folder, "apt-get install nginx-light");
        Self { _program: program, folder, authority, revoked, clients, http, https, h2c }
    }

    /// What the logs of these names say that was answered: a method, a path and a status for each request, sorted.
    ///
    /// nginx logs a request when it is over, and here it is one process: when it has logged a request that was made
    /// after all others had ended, it has logged those too.
    async fn logged<const N: usize>(&self, names: [&str; N]) -> [Vec<String>; N] {
        let last = Session::builder().no_env().build().unwrap();
        assert_eq!(last.get(self.url("/last")).send().await.unwrap().status(), 200);
        let read = |name| fs::read_to_string(self.folder.join(name)).unwrap();
        let waited = tokio::time::timeout(PATIENCE, async {
            while !read("access.log").contains("GET /last") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "nginx has not logged its last request in {PATIENCE:?}");
        names.map(|name| {
            let mut lines: Vec<_> = read(name).lines().map(ToOwned::to_owned).collect();
            lines.sort();
            lines
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http)
    }
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
async fn gzip_is_decoded_unless_it_is_not_wanted() {
    let nginx = Nginx::start();
    let session = Session::builder().no_env().build().unwrap();
    let zipped = session.get(nginx.url("/zipped")).send().await.unwrap();
    let decoded = zipped.decoded().unwrap().clone();
    assert_eq!(zipped.text().await.unwrap(), "a page\n");
    assert_eq!((decoded.codings(), decoded.decoded_bytes()), (&[Coding::Gzip][..], 7));
    let raw = session.get(nginx.url("/zipped")).no_decompress().header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(raw.headers()["content-encoding"], "gzip");
    assert!(raw.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));
    println!("nginx: gzip decoded, and left as it is where that is asked for");
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

/// Sixty GETs and sixty POSTs at once, to a server that allows two streams and ends a connection after five requests.
async fn sixty_of_each(nginx: &Nginx, session: Session, base: &str) {
    let requests = (0..60).flat_map(|id| {
        let get = (format!("GET /g/{id} \n"), session.get(format!("{base}/g/{id}")));
        let upload = "x".repeat(id);
        [get, (format!("POST /p/{id} {id}\n"), session.post(format!("{base}/p/{id}")).body(upload))]
    });
    let responses = all_answered(requests).await;
    println!("nginx, {base}: {} answered over {} connections", responses.len(), connections(&responses));
    session.close().await;
    let mut expected: Vec<_> =
        (0..60).flat_map(|id| [format!("GET /g/{id} 200"), format!("POST /p/{id} 200")]).collect();
    expected.sort();
    let [answered, mut processed] = nginx.logged(["h2.log", "backend.log"]).await;
    assert_eq!(answered, expected, "each once, none left out");
    expected.retain(|line| line.starts_with("POST"));
    processed.retain(|line| line.contains(" /p/"));
    assert_eq!(processed, expected, "nor sent on twice");
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn http2_over_tls_loses_none_and_repeats_none_at_goaway_and_two_streams() {
    let nginx = Nginx::start();
    let session = Session::builder().no_env().transport_options(trusting(&nginx.authority)).build().unwrap();
    sixty_of_each(&nginx, session, &format!("https://localhost:{}", nginx.https)).await;
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn http2_by_prior_knowledge_loses_none_and_repeats_none_at_goaway_and_two_streams() {
    let nginx = Nginx::start();
    let transport = TransportOptions::default().versions(Versions::Http2Only);
    let session = Session::builder().no_env().transport_options(transport).build().unwrap();
    sixty_of_each(&nginx, session, &format!("http://127.0.0.1:{}", nginx.h2c)).await;
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn an_upload_that_can_be_sent_once_is_processed_once_or_reported_as_refused_and_not_processed() {
    let nginx = Nginx::start();
    let transport = TransportOptions::default().versions(Versions::Http2Only);
    let session = Session::builder().no_env().transport_options(transport).build().unwrap();
    let calls: Vec<_> = (0..120)
        .map(|id| {
            let chunks = futures_util::stream::iter(["up", "load"].map(Ok::<_, std::io::Error>));
            let request = session.post(format!("http://127.0.0.1:{}/p/{id}", nginx.h2c)).body(Body::stream(chunks));
            tokio::spawn(async move { request.send().await?.text().await })
        })
        .collect();
    let (mut answered, mut refused) = (Vec::new(), 0);
    for (id, call) in calls.into_iter().enumerate() {
        match call.await.unwrap() {
            Ok(text) => {
                assert_eq!(text, format!("POST /p/{id} 6\n"));
                answered.push(format!("POST /p/{id} 200"));
            }
            Err(error) => {
                assert_eq!(error.outcome(), Some(Outcome::Refused), "{id}: {}", told(&error));
                refused += 1;
            }
        }
    }
    println!("nginx: {} uploads that can be sent once answered, {refused} refused", answered.len());
    session.close().await;
    answered.sort();
    let [logged, mut processed] = nginx.logged(["h2.log", "backend.log"]).await;
    assert_eq!(logged, answered);
    processed.retain(|line| line.contains(" /p/"));
    assert_eq!(processed, answered);
}
