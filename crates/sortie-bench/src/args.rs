use std::path::PathBuf;

use sortie::BoxError;

#[cfg(feature = "codings")]
use crate::commands::decompress;
use crate::commands::{Measure, burst, cookies, floor, idle, throughput, transfer};
use crate::probe::Probe;

pub(crate) const HELP: &str = "\
Measures sortie against its peers. Build it with --release.

    cargo run --release -p sortie-bench -- <command> [options]

commands:
    floor        instructions and heap allocations of a warm GET, counted by callgrind
    throughput   CPU per request and requests per second at 1, 64 and 512 in flight
    transfer     1 GiB down and up, with a length and chunked: GB/s, CPU, peak memory
    decompress   a body of 256 MiB decoded as it comes, in each coding (needs --features codings)
    burst        1,000 requests at once on a cold client: connections opened, latencies
    idle         memory per idle connection at 1,000 connections
    cookies      the jar beside cookie_store: times, memory, and instructions of a long Set-Cookie

options:
    --chart PATH   write the chart there too
    --rounds N     rounds of a command that measures times or memory (default 5; transfer runs twice as many)
    --python       throughput: measure requests from PyPI as well

Tables go to the standard output, and as JSON with a chart to target/bench. The exit status is 1 if a budget fell
short, 2 if something failed.
";

/// What was asked for.
pub(crate) enum Command {
    Help,
    Measure(Measure, Options),
    /// Hidden: the server of the measurements, in a process of its own.
    Serve,
    /// Hidden: one client doing one thing, in a process of its own.
    Probe(Probe),
    /// Hidden: a cookie store doing one thing, in a process of its own.
    Alone(cookies::Alone),
}

pub(crate) struct Options {
    pub(crate) chart: Option<PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) python: bool,
}

pub(crate) fn parse() -> Result<Command, BoxError> {
    use lexopt::prelude::{Long, Short, Value};

    let mut parser = lexopt::Parser::from_env();
    let mut words = Vec::new();
    let mut options = Options { chart: None, rounds: 5, python: false };
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) => words.push(word.to_string_lossy().into_owned()),
            Long("chart") => options.chart = Some(parser.value()?.into()),
            Long("rounds") => options.rounds = parser.value()?.to_string_lossy().parse::<usize>()?.max(1),
            Long("python") => options.python = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if options.python && words != ["throughput"] {
        return Err("--python is for throughput alone".into());
    }
    Ok(match words[..] {
        [] => Command::Help,
        ["floor"] => Command::Measure(floor::run, options),
        ["throughput"] => Command::Measure(throughput::run, options),
        ["transfer"] => Command::Measure(transfer::run, options),
        #[cfg(feature = "codings")]
        ["decompress"] => Command::Measure(decompress::run, options),
        #[cfg(not(feature = "codings"))]
        ["decompress"] => return Err("decompress is not compiled in: --features codings".into()),
        ["burst"] => Command::Measure(burst::run, options),
        ["idle"] => Command::Measure(idle::run, options),
        ["cookies"] => Command::Measure(cookies::run, options),
        ["serve"] => Command::Serve,
        ["probe", what] => Command::Probe(serde_json::from_str(what)?),
        ["alone", what] => Command::Alone(serde_json::from_str(what)?),
        _ => return Err(format!("no such command: {}; --help has the list", words.join(" ")).into()),
    })
}
