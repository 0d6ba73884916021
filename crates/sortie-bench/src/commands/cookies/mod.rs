mod alone;
mod stores;
mod timing;

use sortie::BoxError;

pub(crate) use self::alone::{Alone, run as run_alone};
use self::timing::{Task, Times};
use crate::args::Options;
use crate::budget::{Budget, Limit};
use crate::callgrind;
use crate::chart::Chart;
use crate::report::Report;
use crate::table::{Cell, Table};

const TIMES: [&str; 4] = ["task", "sortie, ns", "cookie_store, ns", "cookie_store / sortie"];
const MEMORY: [&str; 4] = ["of 100,000 cookies", "sortie, KiB", "cookie_store, KiB", "sortie / cookie_store"];
const LENGTHS: [&str; 4] = ["full of", "32 KiB", "64 KiB", "ratio"];
const MOST: usize = 100_000;

pub(crate) fn run(options: &Options) -> Result<Report, BoxError> {
    callgrind::installed()?;
    let mut report = Report::new("cookies", Chart::new("Looking up a host's cookies", "microseconds"));
    let (memory, lengths) = (alone::memory(MOST, options.rounds)?, alone::instructions()?);
    let mut times = Vec::new();
    for task in Task::ALL {
        times.push((task, timing::measure(task, 10 * options.rounds)?));
    }
    report.table(times_table(&times));
    let (jar, peer) = memory;
    let mut table = Table::new("Memory", &MEMORY);
    table.row("resident", [Cell::Whole(jar / 1024.0), Cell::Whole(peer / 1024.0), Cell::Ratio(jar / peer)]);
    report.table(table);
    let mut table = Table::new("Instructions to receive a long header", &LENGTHS);
    for (shape, half, whole) in &lengths {
        table.row(shape.name(), [Cell::Whole(*half), Cell::Whole(*whole), Cell::Ratio(whole / half)]);
    }
    report.table(table);
    for (task, times) in &times {
        if let Task::LookUp(_) = task {
            let bar = |name: &str, nanoseconds: f64| (name.to_owned(), nanoseconds / 1000.0);
            report.chart().group(task.name(), vec![bar("sortie", times.jar), bar("cookie_store", times.peer)]);
        }
    }
    report.note(
        "Times are criterion's medians, a task's two stores one after the other. cookie_store is behind a lock and \
         without public suffixes, as in reqwest. A look-up gives the Cookie field; the hosts of 64 are asked in turn. The \
         writer beside the readers sets a cookie every 50 µs.",
    );
    report.note(
        "Memory is what a process grows by when it holds the cookies. Instructions are counted by callgrind, as the \
         difference of a longer and a shorter run.",
    );
    budgets(&times, jar / peer, &lengths.iter().map(|(_, half, whole)| whole / half).collect::<Vec<_>>())
        .into_iter()
        .for_each(|budget| report.budget(budget));
    Ok(report)
}

fn times_table(times: &[(Task, Times)]) -> Table {
    let mut table = Table::new("Times", &TIMES);
    for (task, Times { jar, peer }) in times {
        table.row(task.name(), [Cell::Tenths(*jar), Cell::Tenths(*peer), Cell::Ratio(peer / jar)]);
    }
    table
}

fn budgets(times: &[(Task, Times)], memory: f64, lengths: &[f64]) -> Vec<Budget> {
    let of = |task| times.iter().find(|(measured, _)| *measured == task).map(|(_, times)| *times);
    let unknown = Times { jar: f64::NAN, peer: f64::NAN };
    let (few, most) = (of(Task::LookUp(100)).unwrap_or(unknown), of(Task::LookUp(MOST)).unwrap_or(unknown));
    let least = times.iter().map(|(_, times)| times.peer / times.jar).fold(f64::INFINITY, f64::min);
    let worst = lengths.iter().copied().fold(0.0, f64::max);
    vec![
        Budget::new("look-up among 100,000 domains × look-up among 100", most.jar / few.jar, Limit::AtMost(2.0)),
        Budget::new("look-up among 100,000 domains, times faster", most.peer / most.jar, Limit::AtLeast(500.0)),
        Budget::new("the least of all ratios of times", least, Limit::AtLeast(1.0)),
        Budget::new("memory of 100,000 cookies, part of cookie_store's", memory, Limit::AtMost(0.6)),
        Budget::new("instructions for 64 KiB × those for 32 KiB, the worst", worst, Limit::AtMost(2.2)),
    ]
}
