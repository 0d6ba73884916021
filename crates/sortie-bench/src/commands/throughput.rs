use sortie::BoxError;

use super::{fields, five, head, setup};
use crate::args::Options;
use crate::budget::{Budget, Limit};
use crate::chart::Chart;
use crate::clients::{Peer, python};
use crate::measure::{Measured, interleaved, median_of, ratio};
use crate::probe::{Job, Probe};
use crate::report::Report;
use crate::server::{Server, Wire};
use crate::table::{Cell, Table};

const COLUMNS: [&str; 4] = ["client", "CPU µs each", "× floor", "requests/s"];
const IN_FLIGHT: [u64; 3] = [1, 64, 512];
/// The one that has budgets, and is drawn.
const BUDGETED: u64 = 64;

const PEERS: [Peer; 7] =
    [Peer::Floor, Peer::Transport, Peer::Session, Peer::SessionFull, Peer::Legacy, Peer::Reqwest, Peer::ReqwestSession];

pub(crate) fn run(options: &Options) -> Result<Report, BoxError> {
    if options.python {
        python::interpreter()?;
    }
    let mut server = Server::start()?;
    let title = "CPU time of the client for each request, 64 in flight";
    let mut report = Report::new("throughput", Chart::new(title, "microseconds"));
    for wire in [Wire::Http1, Wire::Http2] {
        let peers = peers(wire, options);
        same_heads(&mut server, wire, &peers)?;
        for in_flight in IN_FLIGHT {
            eprintln!("{}, {in_flight} in flight …", wire.name());
            measure(&mut report, &server, wire, in_flight, &peers, options.rounds)?;
        }
    }
    report.note(format!(
        "CPU of the client's process, warm, on one thread (ureq and requests: one for each in flight); the server is \
         another process. Median of {} rounds, the clients in turn within each; × floor by pair.",
        options.rounds
    ));
    report.note(
        "All send the same five headers beside Host; the rows with cookies and bearer two more, which their floor does \
         not send. ureq and requests speak no HTTP/2.",
    );
    Ok(report)
}

fn peers(wire: Wire, options: &Options) -> Vec<Peer> {
    let mut peers = PEERS.to_vec();
    if !wire.is_http2() {
        peers.push(Peer::Ureq);
        peers.extend(options.python.then_some(Peer::Python));
    }
    peers
}

/// An error if a client sends other headers than the floor; where they stand does not matter here.
fn same_heads(server: &mut Server, wire: Wire, peers: &[Peer]) -> Result<(), BoxError> {
    let setup = setup(server, wire, "/", &five());
    let mut sorted = |peer| {
        let mut fields = fields(&head(server, peer, &setup)?);
        fields.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        fields.retain(|(name, _)| name != "authorization" && name != "cookie");
        fields.sort();
        Ok::<_, BoxError>(fields)
    };
    let floor = sorted(Peer::Floor)?;
    for peer in peers {
        let sent = sorted(*peer)?;
        if sent != floor {
            return Err(format!("{} sends {sent:?} and the floor {floor:?}", peer.name()).into());
        }
    }
    Ok(())
}

fn measure(
    report: &mut Report,
    server: &Server,
    wire: Wire,
    in_flight: u64,
    peers: &[Peer],
    rounds: usize,
) -> Result<(), BoxError> {
    let setup = setup(server, wire, "/", &five());
    let probe = |peer: &Peer| Probe { peer: *peer, setup: setup.clone(), job: job(*peer, in_flight) };
    let probes: Vec<_> = peers.iter().map(probe).collect();
    let measured = interleaved(&probes, rounds)?;
    let floor = measured.first().ok_or("nobody was measured")?;
    let mut table = Table::new(format!("{}, {in_flight} in flight", wire.name()), &COLUMNS);
    for (peer, rounds) in peers.iter().zip(&measured) {
        table.row(
            peer.name(),
            [
                Cell::Ratio(median_of(rounds, Measured::cpu_micros_each)),
                Cell::Ratio(ratio(rounds, floor, Measured::cpu_micros_each)),
                Cell::Whole(median_of(rounds, Measured::per_second)),
            ],
        );
    }
    report.table(table);
    if in_flight == BUDGETED {
        let bars = peers.iter().zip(&measured).filter(|(peer, _)| **peer != Peer::Python);
        let bars = bars.map(|(peer, rounds)| (peer.name().to_owned(), median_of(rounds, Measured::cpu_micros_each)));
        report.chart().group(wire.name(), bars.collect());
        let session = peers.iter().zip(&measured).find(|(peer, _)| **peer == Peer::Session);
        let session = session.map_or(f64::NAN, |(_, rounds)| ratio(rounds, floor, Measured::cpu_micros_each));
        report.budget(if wire.is_http2() {
            Budget::new("CPU, HTTP/2, 64 in flight, session × floor", session, Limit::AtMost(1.7))
        } else {
            Budget::new("CPU, HTTP/1.1, 64 in flight, session × floor", session, Limit::AtMost(1.4))
        });
    }
    Ok(())
}

/// Long enough for the clock, short enough for the slow.
fn job(peer: Peer, in_flight: u64) -> Job {
    let requests = match (peer, in_flight) {
        (Peer::Python, _) => 2_048,
        (_, 1) => 4_000,
        _ => 20_480,
    };
    Job::Warm { requests, in_flight, warm_up: requests / 8 }
}
