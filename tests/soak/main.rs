//! Many clients that come and go, and servers that break off in every way, for half a minute: at the end everything is
//! back in its place, and every answer was its own request's.
//!
//! `SORTIE_SOAK_SECONDS` says for how long, `SORTIE_SOAK_SEED` repeats what was done (not in which order).

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute, and helpers have none")]

mod clients;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use sortie::transport::tls::TlsOptions;
use sortie::transport::{PhaseTimeouts, Transport, TransportOptions, Versions};
use sortie::{Mount, Session};
use tokio::runtime::{Builder, Handle};
use tokio::time::Instant;

use clients::Tally;
use servers::Servers;

const CLIENTS: u64 = 64;

/// How long the end may take: the last calls, and what the system does with their sockets.
const PATIENCE: Duration = Duration::from_secs(30);

/// A number from the environment.
///
/// # Panics
///
/// If it is none.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text:?}")))
}

/// What this process holds that a client could have lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    tasks: usize,
    descriptors: usize,
}

impl Held {
    /// By the client's runtime, in which the servers are not, and by the whole process.
    fn now() -> Self {
        let descriptors = std::fs::read_dir("/proc/self/fd").expect("this test needs /proc").count();
        Self { tasks: Handle::current().metrics().num_alive_tasks(), descriptors }
    }
}

fn transport(versions: Versions, servers: &Servers) -> Transport {
    let ms = Duration::from_millis;
    let tls = TlsOptions::default().only_roots_pem(servers.authority.pem().as_bytes()).unwrap().build().unwrap();
    let timeouts =
        PhaseTimeouts::default().acquire(ms(150)).connect(ms(500)).write(ms(300)).first_byte(ms(300)).read(ms(300));
    let options = TransportOptions::default().versions(versions).tls(tls).timeouts(timeouts);
    Transport::new(options.max_connections_per_origin(3).idle_timeout(ms(100)).max_lifetime(ms(1000)))
}

async fn until(what: &str, so: impl Fn() -> bool, found: impl Fn() -> String) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "not so after {PATIENCE:?}: {what}; {}", found());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn soak(servers: &Servers, seed: u64, duration: Duration) {
    // Plaintext cannot tell that it is HTTP/2, so that server is a mount of its own.
    let transports = [transport(Versions::Auto, servers), transport(Versions::Http2Only, servers)];
    let session = Session::builder()
        .no_env()
        .timeout(Duration::from_secs(3))
        .transport(transports[0].clone())
        .mount(servers.h2.as_str(), Mount::new().transport(transports[1].clone()))
        .build()
        .unwrap();
    let before = Held::now();

    let (tally, end) = (Arc::new(Tally::default()), Instant::now() + duration);
    let clients = (0..CLIENTS).map(|n| {
        let (session, urls) = (session.clone(), servers.urls());
        tokio::spawn(clients::run(session, urls, tally.clone(), seed.wrapping_add(n), n * 1_000_000, end))
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }

    let stats = || transports.each_ref().map(Transport::stats);
    let settled = || {
        stats().iter().all(|counts| {
            (counts.in_flight, counts.waiting, counts.connecting) == (0, 0, 0) && counts.open == counts.idle
        })
    };
    until("nobody waits for anything, and every connection is idle", settled, || format!("{:?}", stats())).await;
    let opened: Vec<_> = stats().iter().map(|counts| counts.opened).collect();
    session.close().await;
    for transport in &transports {
        transport.close(PATIENCE).await;
    }
    assert!(stats().iter().all(|counts| counts.open == 0), "{:?}", stats());
    let back = || Held::now() == before;
    until("no task and no descriptor is left", back, || format!("{before:?} before, {:?} now", Held::now())).await;
    println!("soak: seed {seed}, {} s, {opened:?} connections, {tally}", duration.as_secs());
    tally.check();
}

#[test]
#[ignore = "needs 30 s"]
fn after_half_a_minute_of_trouble_nothing_is_lost_and_no_answer_is_anothers() {
    let seed = setting("SORTIE_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    let duration = Duration::from_secs(setting("SORTIE_SOAK_SECONDS").unwrap_or(30));
    // Before anything can go wrong.
    println!("soak: seed {seed}");
    // Apart, so that the servers' tasks are not the client's.
    let [serving, asking] =
        [1, 2].map(|threads| Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap());
    let servers = Servers::start(&serving, seed);
    asking.block_on(async {
        let all = tokio::time::timeout(duration + 4 * PATIENCE, soak(&servers, seed, duration));
        assert!(all.await.is_ok(), "a client or the end of a transport hangs");
    });
}
