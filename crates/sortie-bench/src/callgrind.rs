//! Counts what a client executes, by running this program again under callgrind.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use sortie::BoxError;

use crate::probe::{Job, Probe};

/// The two lengths of a run: their difference is what the requests cost, and starting and connecting cancel out.
const SHORT: u64 = 500;
const LONG: u64 = 1500;

/// The functions of the C library through which Rust's allocator, and C code, allocate.
const ALLOCATORS: [&str; 6] = ["malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign"];

/// The cost of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

/// An error that says what to install where valgrind is missing.
pub(crate) fn installed() -> Result<(), BoxError> {
    match Command::new("valgrind").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err("instructions are counted by valgrind, which is not installed: apt-get install valgrind".into()),
    }
}

/// What a warm GET costs this client, in a process of its own.
pub(crate) fn per_request(probe: &Probe, out: &Path) -> Result<Count, BoxError> {
    let (short, long) = (run(probe, SHORT, out)?, run(probe, LONG, out)?);
    let requests = (LONG - SHORT) as f64;
    Ok(Count {
        instructions: (long.instructions - short.instructions) / requests,
        allocations: (long.allocations - short.allocations) / requests,
    })
}

/// Leaves what callgrind wrote at `out`, for `callgrind_annotate`.
fn run(probe: &Probe, requests: u64, out: &Path) -> Result<Count, BoxError> {
    let probe = Probe { job: Job::Warm { requests, in_flight: 1, warm_up: 0 }, ..probe.clone() };
    count_of(&["probe".to_owned(), serde_json::to_string(&probe)?], out)
}

/// What this program executes with these arguments, from its start to its end.
pub(crate) fn count_of(arguments: &[String], out: &Path) -> Result<Count, BoxError> {
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} failed under callgrind:\n{said}", arguments.join(" ")).into());
    }
    count(&fs::read_to_string(out)?)
}

/// Reads the format of <https://valgrind.org/docs/manual/cl-format.html>, with compressed names.
fn count(text: &str) -> Result<Count, BoxError> {
    let (mut names, mut callee) = (HashMap::new(), "");
    let (mut instructions, mut allocations) = (None, 0.0);
    for line in text.lines() {
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        match key {
            "fn" => _ = name(&mut names, value),
            "cfn" => callee = name(&mut names, value),
            "calls" if ALLOCATORS.contains(&callee) => {
                allocations += value.split(' ').next().unwrap_or_default().parse::<f64>()?;
            }
            "totals" => instructions = Some(value.trim().parse::<f64>()?),
            _ => {}
        }
    }
    Ok(Count { instructions: instructions.ok_or("callgrind wrote no total")?, allocations })
}

/// A name, written `(7) name` the first time and `(7)` from then on.
fn name<'t>(names: &mut HashMap<&'t str, &'t str>, value: &'t str) -> &'t str {
    match value.split_once(' ') {
        Some((id, name)) => {
            names.insert(id, name);
            name
        }
        None => names.get(value).copied().unwrap_or_default(),
    }
}
