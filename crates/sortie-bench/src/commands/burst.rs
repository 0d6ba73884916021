use sortie::BoxError;

use super::setup;
use crate::args::Options;
use crate::budget::{Budget, Limit};
use crate::chart::Chart;
use crate::clients::Peer;
use crate::measure::{self, Measured, median, median_of, ratio};
use crate::probe::{Job, Probe};
use crate::report::Report;
use crate::server::{Server, Wire};
use crate::table::{Cell, Table};

const COLUMNS: [&str; 6] = ["client", "connections", "p50 ms", "p99 ms", "CPU ms", "CPU × legacy"];
const REQUESTS: u64 = 1000;
const CAP: usize = 8;

/// Who, and with which cap. The last two have none to set.
const ROWS: [(Peer, Option<usize>); 6] = [
    (Peer::Transport, Some(CAP)),
    (Peer::Session, Some(CAP)),
    (Peer::Transport, None),
    (Peer::Session, None),
    (Peer::Legacy, None),
    (Peer::Reqwest, None),
];

pub(crate) fn run(options: &Options) -> Result<Report, BoxError> {
    let mut server = Server::start()?;
    let mut report = Report::new("burst", Chart::new("1,000 requests at once on a cold client", "connections opened"));
    let mut measured = vec![Vec::new(); ROWS.len()];
    let mut opened = vec![Vec::new(); ROWS.len()];
    for _ in 0..options.rounds {
        for (at, (peer, cap)) in ROWS.into_iter().enumerate() {
            let mut setup = setup(&server, Wire::Http1, "/", &[]);
            setup.cap = cap;
            let before = server.stats()?.accepted;
            measured[at].push(measure::spawn(&Probe { peer, setup, job: Job::Burst { requests: REQUESTS } })?);
            opened[at].push((server.stats()?.accepted - before) as f64);
        }
    }
    let (mut table, mut bars) = (Table::new("1,000 requests at once, HTTP/1.1", &COLUMNS), Vec::new());
    let legacy = ROWS.iter().position(|(peer, _)| *peer == Peer::Legacy).ok_or("legacy is not among the clients")?;
    for (at, (peer, cap)) in ROWS.into_iter().enumerate() {
        let name = format!("{}, {}", peer.name(), cap.map_or("no cap".to_owned(), |cap| format!("cap {cap}")));
        table.row(&name, cells(&measured[at], &measured[legacy], &opened[at]));
        bars.push((name, median(opened[at].iter().copied())));
    }
    report.table(table);
    report.chart().group("HTTP/1.1", bars);
    report.note(format!(
        "From the moment at which all start to the end of each body; connections as the server accepted them. Median \
         of {} rounds, the clients in turn within each. legacy and reqwest have no cap to set.",
        options.rounds
    ));
    let capped = ROWS.iter().zip(&opened).filter(|((_, cap), _)| cap.is_some());
    let most = capped.flat_map(|(_, opened)| opened).fold(0.0, |most: f64, opened| most.max(*opened));
    report.budget(Budget::new("connections opened with a cap of 8, most of all rounds", most, Limit::AtMost(8.0)));
    Ok(report)
}

fn cells(rounds: &[Measured], legacy: &[Measured], opened: &[f64]) -> [Cell; 5] {
    [
        Cell::Whole(median(opened.iter().copied())),
        Cell::Tenths(median_of(rounds, |measured| measured.p50)),
        Cell::Tenths(median_of(rounds, |measured| measured.p99)),
        Cell::Tenths(median_of(rounds, |measured| measured.cpu_seconds * 1e3)),
        Cell::Ratio(ratio(rounds, legacy, |measured| measured.cpu_seconds)),
    ]
}
