use sortie::BoxError;

use super::setup;
use crate::args::Options;
use crate::budget::{Budget, Limit};
use crate::chart::Chart;
use crate::clients::Peer;
use crate::measure::{Measured, best, interleaved, median_of};
use crate::probe::{Job, Probe};
use crate::report::Report;
use crate::server::{Server, Wire};
use crate::table::{Cell, Table};

const COLUMNS: [&str; 6] = ["client", "GB/s", "its worst", "× floor", "CPU ms", "peak MiB"];
const SIZE: u64 = 1 << 30;

const PEERS: [Peer; 6] = [Peer::Floor, Peer::Transport, Peer::Session, Peer::Legacy, Peer::Reqwest, Peer::Ureq];

/// Wall time suffers more from whatever else runs than CPU time does.
const TIMES_AS_MANY_ROUNDS: usize = 2;

pub(crate) fn run(options: &Options) -> Result<Report, BoxError> {
    let rounds = options.rounds * TIMES_AS_MANY_ROUNDS;
    let server = Server::start()?;
    let mut report = Report::new("transfer", Chart::new("1 GiB over one connection, HTTP/1.1", "GB/s"));
    for upload in [false, true] {
        for sized in [true, false] {
            measure(&mut report, &server, upload, sized, rounds)?;
        }
    }
    report.note(format!(
        "1 GiB over one plain HTTP/1.1 connection, in pieces and chunks of 64 KiB; CPU and peak memory of the client's \
         process. GB/s: the best of {rounds} rounds, the clients in turn within each, for what else the machine does \
         only lessens them; the worst shows by how much. CPU and memory: the median."
    ));
    Ok(report)
}

fn measure(report: &mut Report, server: &Server, upload: bool, sized: bool, rounds: usize) -> Result<(), BoxError> {
    let title =
        format!("{}, {}", if upload { "upload" } else { "download" }, if sized { "with a length" } else { "chunked" });
    eprintln!("{title} …");
    let path = match (upload, sized) {
        (true, _) => "/".to_owned(),
        (false, true) => format!("/sized/{SIZE}"),
        (false, false) => format!("/chunked/{SIZE}"),
    };
    let setup = setup(server, Wire::Http1, &path, &[]);
    let job = Job::Transfer { upload, bytes: SIZE, sized };
    let measured = interleaved(&PEERS.map(|peer| Probe { peer, setup: setup.clone(), job }), rounds)?;
    let gigabytes = |measured: &Measured| measured.per_second() / 1e9;
    let floor = measured.first().ok_or("nobody was measured")?;
    let (mut table, mut bars) = (Table::new(title.clone(), &COLUMNS), Vec::new());
    for (peer, rounds) in PEERS.iter().zip(&measured) {
        table.row(
            peer.name(),
            [
                Cell::Ratio(best(rounds, gigabytes)),
                Cell::Ratio(rounds.iter().map(gigabytes).fold(f64::INFINITY, f64::min)),
                Cell::Ratio(best(rounds, gigabytes) / best(floor, gigabytes)),
                Cell::Whole(median_of(rounds, |measured| measured.cpu_seconds * 1e3)),
                Cell::Tenths(median_of(rounds, |measured| measured.peak / f64::from(1 << 20))),
            ],
        );
        bars.push((peer.name().to_owned(), best(rounds, gigabytes)));
        if *peer == Peer::Session && !upload && sized {
            let ratio = best(rounds, gigabytes) / best(floor, gigabytes);
            report.budget(Budget::new("GB/s, 1 GiB down, session × floor", ratio, Limit::AtLeast(0.97)));
        }
    }
    report.table(table);
    report.chart().group(title, bars);
    Ok(())
}
