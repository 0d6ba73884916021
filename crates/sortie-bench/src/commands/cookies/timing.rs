//! Times, by criterion.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Bencher, Criterion};
use serde::Deserialize;
use sortie::BoxError;
use sortie::cookies::Jar;
use url::Url;

use super::stores::{Peer, SESSION, Store, host, on_one_host, over_domains};
use crate::report::folder;

const READERS: usize = 8;
/// How many cookies are put into an empty store, and how many domains it has that is read while it is written.
const INSERTED: usize = 1000;
const SHARED: usize = 1000;
/// How many hosts are looked up in turn.
const LOOKED_UP: usize = 64;

/// What is measured of each store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// The header for a host that has a cookie, in a store with one for each of so many domains.
    LookUp(usize),
    /// The same for a host that has none.
    LookUpNone(usize),
    /// The header for a host that has so many cookies.
    LookUpMany(usize),
    /// Cookies of as many domains, into an empty store.
    Insert,
    /// Look-ups by some threads at once, of one each, while another thread sets cookies.
    ReadWhileWritten,
}

impl Task {
    pub(super) const ALL: [Self; 9] = [
        Self::LookUp(1),
        Self::LookUp(100),
        Self::LookUp(10_000),
        Self::LookUp(100_000),
        Self::LookUpNone(100),
        Self::LookUpNone(100_000),
        Self::LookUpMany(100),
        Self::Insert,
        Self::ReadWhileWritten,
    ];

    pub(super) fn name(self) -> String {
        match self {
            Self::LookUp(1) => "look-up, 1 cookie".to_owned(),
            Self::LookUp(count) => format!("look-up, {count} cookies of as many domains"),
            Self::LookUpNone(count) => format!("look-up, host without cookies among {count}"),
            Self::LookUpMany(count) => format!("look-up, {count} cookies on one host"),
            Self::Insert => format!("insert, each of {INSERTED} into an empty store"),
            Self::ReadWhileWritten => format!("look-up by {READERS} threads while one writes, {SHARED} domains"),
        }
    }

    /// How many of what is named one run of the measured code does.
    fn count(self) -> usize {
        if self == Self::Insert { INSERTED } else { 1 }
    }

    fn measure<S: Store>(self, bencher: &mut Bencher<'_>) {
        match self {
            Self::LookUp(count) => {
                let hosts: Vec<_> = (0..LOOKED_UP).map(|number| host(number * 7919 % count)).collect();
                look_up(bencher, &over_domains::<S>(count), &hosts, true);
            }
            Self::LookUpNone(count) => {
                let hosts: Vec<_> = (0..LOOKED_UP).map(|number| host(count + number)).collect();
                look_up(bencher, &over_domains::<S>(count), &hosts, false);
            }
            Self::LookUpMany(count) => look_up(bencher, &on_one_host::<S>(count), &[host(0)], true),
            Self::Insert => {
                let hosts: Vec<_> = (0..INSERTED).map(host).collect();
                let insert = |store: &mut S| hosts.iter().for_each(|host| store.set(host, SESSION));
                bencher.iter_batched_ref(S::new, insert, BatchSize::LargeInput);
            }
            Self::ReadWhileWritten => {
                let (store, hosts) = (over_domains::<S>(SHARED), (0..SHARED).map(host).collect::<Vec<_>>());
                bencher.iter_custom(|each| read_while_written(&store, &hosts, each));
            }
        }
    }
}

fn look_up<S: Store>(bencher: &mut Bencher<'_>, store: &S, hosts: &[Url], has_any: bool) {
    assert!(hosts.iter().all(|host| store.header(host).is_some() == has_any), "the store is filled otherwise");
    let mut hosts = hosts.iter().cycle();
    bencher.iter(|| store.header(hosts.next().expect("a cycle has no end")));
}

/// How long the readers took for so many look-ups each.
fn read_while_written<S: Store>(store: &S, hosts: &[Url], each: u64) -> Duration {
    let (start, is_over) = (&Barrier::new(READERS + 2), &AtomicBool::new(false));
    thread::scope(|scope| {
        let read = move |reader: usize| {
            start.wait();
            let own = hosts.iter().cycle().skip(reader * 100);
            own.zip(0..each).for_each(|(host, _)| _ = std::hint::black_box(store.header(host)));
        };
        let readers: Vec<_> = (0..READERS).map(|reader| scope.spawn(move || read(reader))).collect();
        scope.spawn(move || {
            start.wait();
            let mut hosts = hosts.iter().cycle();
            while !is_over.load(Ordering::Relaxed) {
                store.set(hosts.next().expect("a cycle has no end"), SESSION);
                // As answers do, not as fast as a loop can.
                thread::sleep(Duration::from_micros(50));
            }
        });
        start.wait();
        let began = Instant::now();
        let has_failed = readers.into_iter().map(thread::ScopedJoinHandle::join).any(|read| read.is_err());
        let took = began.elapsed();
        is_over.store(true, Ordering::Relaxed);
        assert!(!has_failed, "a reader panicked");
        took
    })
}

/// The times of both in nanoseconds, measured one directly after the other.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) jar: f64,
    pub(super) peer: f64,
}

/// Measures one task, with so many samples.
pub(super) fn measure(task: Task, samples: usize) -> Result<Times, BoxError> {
    let out = folder()?.join("criterion");
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&out)
        .sample_size(samples)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    let name = task.name();
    let mut group = criterion.benchmark_group(&name);
    group.bench_function("sortie", |bencher| task.measure::<Jar>(bencher));
    group.bench_function("cookie_store", |bencher| task.measure::<Peer>(bencher));
    group.finish();
    let median = |store| median(&out.join(name.replace(['/', '"', '*'], "_")).join(store).join("new/estimates.json"));
    let count = task.count() as f64;
    Ok(Times { jar: median("sortie")? / count, peer: median("cookie_store")? / count })
}

/// What criterion wrote of a benchmark, as far as it is used.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

fn median(path: &Path) -> Result<f64, BoxError> {
    let text = std::fs::read(path).map_err(|error| format!("criterion wrote no {}: {error}", path.display()))?;
    Ok(serde_json::from_slice::<Estimates>(&text)?.median.point_estimate)
}
