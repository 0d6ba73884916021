//! Measures sortie against its peers: the bare connection of hyper, hyper-util's legacy client, reqwest, ureq and, where
//! asked, requests from PyPI; and the jar against `cookie_store`.
//!
//! Every sub-command starts a server in another process, runs each client in a process of its own, the clients in turn
//! within each round, prints tables with the ratio to the floor, writes them as JSON and as a chart below
//! `target/bench`, and fails if a budget falls short. `sortie-bench --help` has the list.

mod args;
mod budget;
mod callgrind;
mod chart;
mod clients;
mod commands;
mod measure;
mod probe;
mod report;
mod server;
mod table;

use std::process::ExitCode;

use sortie::BoxError;

use crate::args::{Command, HELP};

fn main() -> ExitCode {
    let answer = args::parse().and_then(run);
    answer.unwrap_or_else(|error| {
        eprintln!("sortie-bench: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            eprintln!("  because: {error}");
            cause = error.source();
        }
        ExitCode::from(2)
    })
}

fn run(command: Command) -> Result<ExitCode, BoxError> {
    match command {
        Command::Help => print!("{HELP}"),
        Command::Serve => server::serve()?,
        Command::Probe(probe) => probe::run(&probe)?,
        Command::Alone(what) => commands::cookies::run_alone(what)?,
        Command::Measure(..) if cfg!(debug_assertions) => {
            return Err("a debug build says nothing about speed: cargo run --release -p sortie-bench".into());
        }
        Command::Measure(measure, options) => return measure(&options)?.finish(options.chart.as_deref()),
    }
    Ok(ExitCode::SUCCESS)
}
