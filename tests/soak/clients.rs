//! Those who ask, listen for as long as they like, and leave.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use futures_util::stream;
use sortie::{Body, Error, RequestBuilder, Session};
use tokio::time::Instant;

use crate::servers::content;

/// What became of the calls.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    fn count(&self, what: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what.into()).or_default() += 1;
    }

    fn of(&self, kind: &str) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().filter(|(what, _)| what.starts_with(kind)).map(|(_, count)| count).sum()
    }

    /// That the time was spent on what it is for.
    pub(crate) fn check(&self) {
        for kind in ["completed h1", "completed h2", "completed tls-h1", "completed tls-h2", "dropped", "failed"] {
            assert!(self.of(kind) > 0, "no call was {kind}: {self}");
        }
        // Nothing here is the caller's fault, nor closed yet.
        for kind in ["Builder", "Closed", "Decode", "Request", "Unsupported"] {
            assert_eq!(self.of(&format!("failed {kind}")), 0, "{self}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls", self.of(""))?;
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().try_for_each(|(what, count)| write!(f, ", {count} {what}"))
    }
}

/// Calls until `end`, the answers to which are known by numbers from `first` on.
pub(crate) async fn run(
    session: Session,
    urls: [(&'static str, String); 4],
    tally: Arc<Tally>,
    seed: u64,
    first: u64,
    end: Instant,
) {
    let mut random = Rng::with_seed(seed);
    let mut id = first;
    while Instant::now() < end {
        id += 1;
        let (server, url) = random.choice(&urls).unwrap();
        let size = if random.u8(..10) == 0 { random.usize(..100_000) } else { random.usize(..3000) };
        let request = request(&session, &format!("{url}{id}/{size}"), id, size, &mut random);
        let (leaves, slow) = (random.u8(..10) == 0, random.u8(..20) == 0);
        let exchange = async {
            let mut response = request.send().await?;
            if leaves {
                return Ok(None);
            }
            let (status, mut read) = (response.status().as_u16(), Vec::new());
            while let Some(chunk) = response.chunk().await? {
                read.extend_from_slice(&chunk);
                if slow {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Ok::<_, Error>(Some((status, read)))
        };
        // A third of them do not wait for the end.
        let patience = if random.u8(..3) == 0 { random.u64(..20_000) } else { 60_000_000 };
        tally.count(match tokio::time::timeout(Duration::from_micros(patience), exchange).await {
            Err(_) => "dropped while waiting".to_owned(),
            Ok(Ok(None)) => "dropped at the head".to_owned(),
            Ok(Ok(Some((200, read)))) => {
                assert!(read == content(id, size), "{server} {id}: another's answer, or not all of it");
                format!("completed {server}")
            }
            Ok(Ok(Some((413, read)))) => {
                assert!(read == content(id, 0), "{server} {id}: another's early answer, or not all of it");
                format!("completed {server} early")
            }
            Ok(Ok(Some((status, _)))) => panic!("{server} {id}: nobody answers {status}"),
            Ok(Err(error)) => match error.outcome() {
                Some(outcome) => format!("failed {:?} ({outcome:?})", error.kind()),
                None => format!("failed {:?}", error.kind()),
            },
        });
    }
}

/// Without an upload, with one that can be repeated, or with one that cannot; where there is one, it comes back.
fn request(session: &Session, url: &str, id: u64, size: usize, random: &mut Rng) -> RequestBuilder {
    match random.u8(..3) {
        0 => session.get(url),
        1 => session.post(url).body(content(id, size)),
        _ => {
            let content = Bytes::from(content(id, size));
            let pieces: Vec<_> = (0..content.len())
                .step_by(1000)
                .map(|start| Ok::<_, std::io::Error>(content.slice(start..content.len().min(start + 1000))))
                .collect();
            session.put(url).body(Body::stream(stream::iter(pieces)))
        }
    }
}
