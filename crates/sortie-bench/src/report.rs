use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use sortie::BoxError;

use crate::budget::Budget;
use crate::chart::Chart;
use crate::table::Table;

/// What a command found out.
#[derive(Serialize)]
pub(crate) struct Report {
    command: &'static str,
    notes: Vec<String>,
    tables: Vec<Table>,
    budgets: Vec<Budget>,
    #[serde(skip)]
    chart: Chart,
}

impl Report {
    pub(crate) fn new(command: &'static str, chart: Chart) -> Self {
        let notes = vec![machine(), versions()];
        Self { command, notes, tables: Vec::new(), budgets: Vec::new(), chart }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    pub(crate) fn budget(&mut self, budget: Budget) {
        self.budgets.push(budget);
    }

    pub(crate) fn chart(&mut self) -> &mut Chart {
        &mut self.chart
    }

    /// Prints it and writes it down; fails if a budget fell short.
    pub(crate) fn finish(&self, chart: Option<&Path>) -> Result<ExitCode, BoxError> {
        for table in &self.tables {
            println!("{table}");
        }
        self.notes.iter().for_each(|note| println!("{note}"));
        let folder = folder()?;
        let json = folder.join(format!("{}.json", self.command));
        fs::write(&json, serde_json::to_string_pretty(self)?)?;
        let svg = folder.join(format!("{}.svg", self.command));
        for path in [Some(svg.as_path()), chart].into_iter().flatten() {
            self.chart.draw(path)?;
        }
        println!("\nwritten to target/bench: {0}.json, {0}.svg", self.command);
        if self.budgets.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        println!("\nbudgets");
        self.budgets.iter().for_each(|budget| println!("{budget}"));
        let short = self.budgets.iter().filter(|budget| !budget.met()).count();
        if short == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        println!("\n{short} of {} budgets fell short", self.budgets.len());
        Ok(ExitCode::from(1))
    }
}

/// Where results go, made if it is not there.
pub(crate) fn folder() -> Result<PathBuf, BoxError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("Measured on {model}, {cores} cores. Only ratios of one run compare.")
}

/// The peers' versions, from the lock file that this was built with.
fn versions() -> String {
    let mut lines = include_str!("../../../Cargo.lock").lines();
    let mut versions = Vec::new();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("name = ").map(|name| name.trim_matches('"')) else { continue };
        if ["cookie_store", "h2", "hyper", "hyper-util", "reqwest", "rustls", "tokio", "ureq"].contains(&name) {
            let version = lines.next().and_then(|line| line.strip_prefix("version = ")).unwrap_or_default();
            versions.push(format!("{name} {}", version.trim_matches('"')));
        }
    }
    format!("With {}.", versions.join(", "))
}
