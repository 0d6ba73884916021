//! Measures sortie against its peers: the bare connection of hyper, hyper-util's legacy client, reqwest, ureq and, where
//! asked, requests from PyPI.
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
    let (report, options) = match command {
        Command::Help => {
            print!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        Command::Serve => return server::serve().map(|()| ExitCode::SUCCESS),
        Command::Probe(probe) => return probe::run(probe).map(|()| ExitCode::SUCCESS),
        Command::Floor(options) => (commands::floor::run(&options)?, options),
        Command::Throughput(options) => (commands::throughput::run(&options)?, options),
        Command::Transfer(options) => (commands::transfer::run(&options)?, options),
        Command::Burst(options) => (commands::burst::run(&options)?, options),
        Command::Idle(options) => (commands::idle::run(&options)?, options),
    };
    report.finish(options.chart.as_deref())
}
