//! The sub-commands, one file each.

pub(crate) mod burst;
pub(crate) mod cookies;
#[cfg(feature = "codings")]
pub(crate) mod decompress;
pub(crate) mod floor;
pub(crate) mod idle;
pub(crate) mod throughput;
pub(crate) mod transfer;

use sortie::BoxError;

use crate::args::Options;
use crate::clients::{FIVE, Peer, Setup};
use crate::measure;
use crate::probe::{Job, Probe};
use crate::report::Report;
use crate::server::{Server, Wire};

/// A sub-command: it measures, and says what it found.
pub(crate) type Measure = fn(&Options) -> Result<Report, BoxError>;

/// A client of `server` with these headers beside what it adds itself.
fn setup(server: &Server, wire: Wire, path: &str, headers: &[(String, String)]) -> Setup {
    Setup {
        url: server.url(wire, path),
        http2: wire.is_http2(),
        root: server.root(wire),
        headers: headers.to_vec(),
        cap: None,
    }
}

fn five() -> Vec<(String, String)> {
    FIVE.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The head that the server gets from this client.
fn head(server: &mut Server, peer: Peer, setup: &Setup) -> Result<String, BoxError> {
    let job = Job::Warm { requests: 1, in_flight: 1, warm_up: 0 };
    measure::spawn(&Probe { peer, setup: setup.clone(), job })?;
    Ok(server.stats()?.head)
}

/// The fields of a head, as the server got them.
fn fields(head: &str) -> Vec<(String, String)> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
