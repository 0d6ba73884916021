use std::fs;
use std::process::Command;
use std::time::Duration;

use sortie::core::Outcome;
use sortie::transport::{TransportOptions, Versions};
use sortie::{Response, Session};
use sortie_testkit::{CertificateAuthority, told};

use crate::backend::Backend;
use crate::calls::{TOGETHER, fill_two_streams, trusting};
use crate::program::{Program, certify, fill, folder, free_ports};

/// The keep-alive time of the configuration.
const KEEP_ALIVE: Duration = Duration::from_millis(300);

struct Haproxy {
    _program: Program,
    backend: Backend,
    authority: CertificateAuthority,
    http: u16,
    https: u16,
    h2c: u16,
}

impl Haproxy {
    fn start(backend: Backend) -> Self {
        let folder = folder("haproxy");
        let ports @ [http, https, h2c] = free_ports();
        let authority = certify(&folder);
        let config = fill(
            include_str!("../servers/haproxy.cfg"),
            &[
                ("DIR", &folder.display()),
                ("HTTP", &http),
                ("HTTPS", &https),
                ("H2C", &h2c),
                ("BACKEND", &backend.port()),
            ],
        );
        fs::write(folder.join("haproxy.cfg"), config).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(folder.join("haproxy.cfg"));
        let program = Program::start(command, &ports, &folder, "apt-get install haproxy");
        Self { _program: program, backend, authority, http, https, h2c }
    }

    /// Sixty requests one after the other, each when the server is about to close the connection of the one before.
    async fn sixty(&self, kind: Kind, chain: usize) -> Vec<(String, Result<Response, sortie::Error>)> {
        let session = Session::builder().no_env().build().unwrap();
        let mut answers = Vec::new();
        for n in 0..60 {
            let path = format!("/{kind:?}/{chain}/{n}");
            let url = format!("http://127.0.0.1:{}{path}", self.http);
            let request = match kind {
                Kind::Get => session.get(url),
                Kind::Post => session.post(url).body("upload"),
                Kind::KeyedPost => session.post(url).body("upload").header("idempotency-key", format!("{chain}-{n}")),
            };
            let mut answer = request.send().await;
            if let Ok(response) = &mut answer {
                while response.chunk().await.unwrap().is_some() {}
            }
            answers.push((path, answer));
            // The race is won and lost within a millisecond or two.
            tokio::time::sleep(KEEP_ALIVE - Duration::from_millis(1) + Duration::from_millis(n % 3)).await;
        }
        answers
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Get,
    Post,
    KeyedPost,
}

#[tokio::test]
#[ignore = "needs haproxy"]
async fn at_the_keep_alive_race_nothing_is_lost_that_may_be_repeated_and_every_other_loss_is_told() {
    let haproxy = Haproxy::start(Backend::start(1));
    let kinds = [Kind::Get, Kind::Post, Kind::KeyedPost];
    let chains = kinds.into_iter().flat_map(|kind| (0..8).map(move |chain| (kind, chain)));
    let chains = chains.map(|(kind, chain)| {
        let haproxy = &haproxy;
        async move { (kind, haproxy.sixty(kind, chain).await) }
    });
    let chains = futures_util::future::join_all(chains).await;
    let arrivals = haproxy.backend.arrivals();
    for kind in kinds {
        let (mut answered, mut repeated, mut stale) = (0, 0, 0);
        for (path, answer) in chains.iter().filter(|chain| chain.0 == kind).flat_map(|chain| &chain.1) {
            let arrived = arrivals.get(path).copied().unwrap_or_default();
            match answer {
                Ok(response) => {
                    assert_eq!(response.status(), 200, "{path}");
                    // What may be repeated may arrive twice; what may not, once.
                    assert!(arrived == 1 || kind != Kind::Post && arrived == 2, "{path}: {arrived} arrivals");
                    answered += 1;
                    repeated += usize::from(response.attempts() > 1);
                }
                Err(error) => {
                    // That nothing of it was processed is most likely, but not known.
                    assert_eq!(error.outcome(), Some(Outcome::StaleReuse), "{path}: {}", told(error));
                    assert!(kind == Kind::Post && arrived <= 1, "{path}: {}; {arrived} arrivals", told(error));
                    stale += 1;
                }
            }
        }
        assert_eq!(answered + stale, 480);
        println!("haproxy, {kind:?}: {answered} answered, {repeated} of them repeated, {stale} reported as stale");
    }
}

#[tokio::test]
#[ignore = "needs haproxy"]
async fn http2_over_tls_takes_two_streams_of_each_of_four_connections() {
    let haproxy = Haproxy::start(Backend::start(TOGETHER));
    let url = format!("https://localhost:{}", haproxy.https);
    fill_two_streams("haproxy", &haproxy.backend, trusting(&haproxy.authority), &url).await;
}

#[tokio::test]
#[ignore = "needs haproxy"]
async fn http2_by_prior_knowledge_takes_two_streams_of_each_of_four_connections() {
    let haproxy = Haproxy::start(Backend::start(TOGETHER));
    let options = TransportOptions::default().versions(Versions::Http2Only);
    fill_two_streams("haproxy", &haproxy.backend, options, &format!("http://127.0.0.1:{}", haproxy.h2c)).await;
}
