use sortie::BoxError;

use super::{fields, five, head, setup};
use crate::args::Options;
use crate::budget::{Budget, Limit};
use crate::callgrind::{self, Count};
use crate::chart::Chart;
use crate::clients::Peer;
use crate::probe::{Job, Probe};
use crate::report::{Report, folder};
use crate::server::{Server, Wire};
use crate::table::{Cell, Table};

const COLUMNS: [&str; 6] =
    ["client", "headers beside Host", "instructions", "× its floor", "allocations", "its floor's"];

/// Who is compared, and whether with default headers.
const ROWS: [(Peer, bool); 7] = [
    (Peer::Transport, false),
    (Peer::Legacy, false),
    (Peer::Reqwest, false),
    (Peer::Session, true),
    (Peer::SessionGet, true),
    (Peer::SessionFull, true),
    (Peer::ReqwestSession, true),
];

/// A client's cost, and that of the bare connection that sends the same head.
struct Counted {
    wire: Wire,
    peer: Peer,
    /// The names of the fields that it sent beside Host, sorted.
    names: Vec<String>,
    own: Count,
    floor: Count,
}

/// The head that some clients send, and what the bare connection costs that sends it.
struct Floor {
    head: String,
    count: Count,
}

pub(crate) fn run(_: &Options) -> Result<Report, BoxError> {
    callgrind::installed()?;
    let mut server = Server::start()?;
    let mut report = Report::new("floor", Chart::new("What a warm GET costs the client", "thousand instructions"));
    let mut all = Vec::new();
    for wire in Wire::ALL {
        eprintln!("counting {} …", wire.name());
        let (counted, table) = measure(&mut server, wire)?;
        report.table(table);
        if !wire.is_tls() {
            report.chart().group(wire.name(), bars(&counted));
        }
        all.extend(counted);
    }
    report.note(
        "Counted: all that the client's process executes for a warm GET with a body of 11 bytes, by callgrind, as the \
         difference of runs of 1500 and 500 requests, one in flight, on a spawned task of a current-thread runtime. \
         The server is another process. Allocations: calls of malloc and its kin in the same runs.",
    );
    report.note("A row's floor is the bare connection sending the same head, byte for byte (HTTP/2: field for field).");
    report.note(sets(&all));
    for budget in budgets(&all) {
        report.budget(budget);
    }
    Ok(report)
}

fn measure(server: &mut Server, wire: Wire) -> Result<(Vec<Counted>, Table), BoxError> {
    let mut table = Table::new(format!("A warm GET, {}", wire.name()), &COLUMNS);
    let mut floors: Vec<Floor> = Vec::new();
    let mut counted = Vec::new();
    for (peer, with_defaults) in ROWS {
        let setup = setup(server, wire, "/", &if with_defaults { five() } else { Vec::new() });
        let sent = head(server, peer, &setup)?;
        let floor = match floors.iter().find(|floor| floor.head == sent) {
            Some(floor) => floor.count,
            None => {
                let count = floor(server, wire, &sent)?;
                table.row(Peer::Floor.name(), cells(&sent, count, count));
                floors.push(Floor { head: sent.clone(), count });
                count
            }
        };
        let own = count(&Probe { peer, setup, job: Job::Warm { requests: 0, in_flight: 1, warm_up: 0 } }, wire)?;
        table.row(peer.name(), cells(&sent, own, floor));
        let mut names: Vec<_> = beside_host(&sent).collect();
        names.sort();
        counted.push(Counted { wire, peer, names, own, floor });
    }
    Ok((counted, table))
}

/// The cost of the bare connection that sends this head; an error if what arrives is another one.
fn floor(server: &mut Server, wire: Wire, sent: &str) -> Result<Count, BoxError> {
    let setup = setup(server, wire, "/", &fields(sent));
    let arrived = head(server, Peer::Floor, &setup)?;
    if arrived != sent {
        return Err(format!("the floor sends another head:\n{arrived}\ninstead of:\n{sent}").into());
    }
    count(&Probe { peer: Peer::Floor, setup, job: Job::Warm { requests: 0, in_flight: 1, warm_up: 0 } }, wire)
}

fn count(probe: &Probe, wire: Wire) -> Result<Count, BoxError> {
    let folder = folder()?.join("callgrind");
    std::fs::create_dir_all(&folder)?;
    callgrind::per_request(probe, &folder.join(format!("{:?}-{wire:?}-{}.out", probe.peer, probe.setup.headers.len())))
}

fn cells(head: &str, own: Count, floor: Count) -> [Cell; 5] {
    [
        Cell::Whole(beside_host(head).count() as f64),
        Cell::Whole(own.instructions),
        Cell::Ratio(own.instructions / floor.instructions),
        Cell::Tenths(own.allocations),
        Cell::Tenths(floor.allocations),
    ]
}

/// The names of a head's fields but for Host, which HTTP/2 sends as `:authority`.
fn beside_host(head: &str) -> impl Iterator<Item = String> {
    fields(head).into_iter().map(|(name, _)| name).filter(|name| name != "host")
}

/// Which headers were sent.
fn sets(all: &[Counted]) -> String {
    let mut sets: Vec<&[String]> = all.iter().map(|row| &*row.names).filter(|names| !names.is_empty()).collect();
    sets.sort_by_key(|names| names.len());
    sets.dedup();
    let sets: Vec<_> = sets.iter().map(|names| format!("{} ({})", names.len(), names.join(", "))).collect();
    format!("Headers beside Host: {}.", sets.join("; "))
}

fn bars(counted: &[Counted]) -> Vec<(String, f64)> {
    let thousands = |count: Count| count.instructions / 1000.0;
    let default = counted.iter().find(|row| row.peer == Peer::Session);
    let floor = default.map(|row| ("floor, five headers".to_owned(), thousands(row.floor)));
    let rows = counted.iter().map(|row| (row.peer.name().to_owned(), thousands(row.own)));
    floor.into_iter().chain(rows).collect()
}

fn budgets(all: &[Counted]) -> Vec<Budget> {
    let row = |wire, peer| all.iter().find(|row| (row.wire, row.peer) == (wire, peer));
    let ratio = |wire, peer| row(wire, peer).map_or(f64::NAN, |row| row.own.instructions / row.floor.instructions);
    let allocations = row(Wire::Http1, Peer::Session).map_or(f64::NAN, |row| row.own.allocations);
    vec![
        Budget::new("instructions, HTTP/1.1, session × floor", ratio(Wire::Http1, Peer::Session), Limit::AtMost(1.8)),
        Budget::new(
            "instructions, HTTP/1.1, transport × floor",
            ratio(Wire::Http1, Peer::Transport),
            Limit::AtMost(1.35),
        ),
        Budget::new("instructions, HTTP/2, session × floor", ratio(Wire::Http2, Peer::Session), Limit::AtMost(1.4)),
        Budget::new("allocations, HTTP/1.1, session", allocations, Limit::AtMost(20.0)),
    ]
}
