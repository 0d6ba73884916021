use sortie::BoxError;
use sortie::body::Coding;

use super::setup;
use crate::args::Options;
use crate::budget::{Budget, Limit};
use crate::chart::Chart;
use crate::clients::Peer;
use crate::measure::{Measured, best, interleaved, median_of, ratio, spawn};
use crate::probe::{Job, Probe};
use crate::report::Report;
use crate::server::coded::{CODINGS, LENGTH};
use crate::server::{Server, Wire};
use crate::table::{Cell, Table};

const COLUMNS: [&str; 6] = ["client", "MB/s", "× reqwest", "CPU ms", "MB per CPU second × reqwest", "peak MiB"];

/// Both spend nearly all of their time in the same decoder, and the times of one client differ by this much.
const EQUAL: f64 = 0.97;

const PEERS: [Peer; 2] = [Peer::Reqwest, Peer::Session];

pub(crate) fn run(options: &Options) -> Result<Report, BoxError> {
    let server = Server::start()?;
    let mut report = Report::new("decompress", Chart::new("256 MiB of JSON, decoded as it comes, HTTP/1.1", "MB/s"));
    for coding in CODINGS {
        measure(&mut report, &server, coding, options.rounds)?;
    }
    report.note(format!(
        "Lines of JSON, {} MiB when they are decoded, over one plain HTTP/1.1 connection. MB/s of what is decoded: the \
         best of {} rounds, the clients in turn within each; × by pair. CPU and peak memory of the client's process: the \
         median. Both decode by the same libraries.",
        LENGTH >> 20,
        options.rounds
    ));
    Ok(report)
}

fn measure(report: &mut Report, server: &Server, coding: Coding, rounds: usize) -> Result<(), BoxError> {
    eprintln!("{} …", coding.name());
    let setup = setup(server, Wire::Http1, &format!("/coded/{}", coding.name()), &[]);
    let job = Job::Transfer { upload: false, bytes: LENGTH as u64, sized: true };
    let probes = PEERS.map(|peer| Probe { peer, setup: setup.clone(), job });
    // The server encodes it for whoever asks first.
    spawn(&probes[0])?;
    let measured = interleaved(&probes, rounds)?;
    let megabytes = |measured: &Measured| measured.per_second() / 1e6;
    let by_cpu = |measured: &Measured| measured.done as f64 / measured.cpu_seconds;
    let peer = measured.first().ok_or("nobody was measured")?;
    let (mut table, mut bars) = (Table::new(coding.name(), &COLUMNS), Vec::new());
    for (client, rounds) in PEERS.iter().zip(&measured) {
        table.row(
            client.name(),
            [
                Cell::Whole(best(rounds, megabytes)),
                Cell::Ratio(ratio(rounds, peer, megabytes)),
                Cell::Whole(median_of(rounds, |measured| measured.cpu_seconds * 1e3)),
                Cell::Ratio(ratio(rounds, peer, by_cpu)),
                Cell::Tenths(median_of(rounds, |measured| measured.peak / f64::from(1 << 20))),
            ],
        );
        bars.push((client.name().to_owned(), best(rounds, megabytes)));
        if *client == Peer::Session {
            let figure = format!("{}, decoded for each CPU second, session × reqwest", coding.name());
            report.budget(Budget::new(figure, ratio(rounds, peer, by_cpu), Limit::AtLeast(EQUAL)));
        }
    }
    report.table(table);
    report.chart().group(coding.name(), bars);
    Ok(())
}
