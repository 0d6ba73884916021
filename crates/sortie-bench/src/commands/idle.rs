use sortie::BoxError;

use super::setup;
use crate::args::Options;
use crate::chart::Chart;
use crate::clients::Peer;
use crate::measure::{interleaved, median};
use crate::probe::{Job, Probe};
use crate::report::Report;
use crate::server::{Server, Wire};
use crate::table::{Cell, Table};

const COLUMNS: [&str; 3] = ["client", "KiB each", "× floor"];
/// The two sizes of a run: their difference is what 1,000 connections hold, and the program itself cancels out.
const FEW: u64 = 100;
const MANY: u64 = 1100;

const PEERS: [Peer; 5] = [Peer::Floor, Peer::Transport, Peer::Session, Peer::Legacy, Peer::Reqwest];

pub(crate) fn run(options: &Options) -> Result<Report, BoxError> {
    let server = Server::start()?;
    let mut report = Report::new("idle", Chart::new("Memory for each idle connection, of 1,000", "KiB"));
    for wire in [Wire::Http1, Wire::Http1Tls] {
        eprintln!("{} …", wire.name());
        let mut probes = Vec::new();
        for peer in PEERS {
            for connections in [FEW, MANY] {
                let setup = setup(&server, wire, &format!("/gate/{connections}"), &[]);
                probes.push(Probe { peer, setup, job: Job::Idle { connections } });
            }
        }
        let measured = interleaved(&probes, options.rounds)?;
        let kib = |few: usize, round: usize| {
            let grown = measured[few + 1][round].resident - measured[few][round].resident;
            grown / 1024.0 / (MANY - FEW) as f64
        };
        let (mut table, mut bars) = (Table::new(format!("Idle, {}", wire.name()), &COLUMNS), Vec::new());
        for (at, peer) in PEERS.iter().enumerate() {
            let each = median((0..options.rounds).map(|round| kib(2 * at, round)));
            let ratio = median((0..options.rounds).map(|round| kib(2 * at, round) / kib(0, round)));
            table.row(peer.name(), [Cell::Tenths(each), Cell::Ratio(ratio)]);
            bars.push((peer.name().to_owned(), each));
        }
        report.table(table);
        report.chart().group(wire.name(), bars);
    }
    report.note(format!(
        "Resident memory of the client's process after 1,100 requests at once, each on a connection of its own, less \
         that after 100, over 1,000: what the system counts, and so with what the allocator keeps of the burst. Median \
         of {} rounds, the clients in turn within each.",
        options.rounds
    ));
    Ok(report)
}
