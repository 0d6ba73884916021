use std::process::{Command, Stdio};
use std::time::Instant;

use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};
use sortie::BoxError;

use crate::clients::{Peer, python};
use crate::probe::Probe;

/// What a client took for its job.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Measured {
    /// Requests answered, or bytes moved.
    pub(crate) done: u64,
    pub(crate) seconds: f64,
    /// Of the whole process, as the system counts it.
    pub(crate) cpu_seconds: f64,
    /// Milliseconds from the start of a burst.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Resident memory at the end, and the most there was, in bytes.
    pub(crate) resident: f64,
    pub(crate) peak: f64,
}

impl Measured {
    pub(crate) fn cpu_micros_each(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.done as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.done as f64 / self.seconds
    }
}

/// Wall time and CPU time of this process from a moment on.
pub(crate) struct Clock {
    wall: Instant,
    cpu: ProcessTime,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: ProcessTime::now() }
    }

    /// What was measured until now, when so many requests were answered or bytes moved.
    pub(crate) fn stop(&self, done: u64) -> Result<Measured, BoxError> {
        let (seconds, cpu_seconds) = (self.wall.elapsed().as_secs_f64(), self.cpu.elapsed().as_secs_f64());
        let (resident, peak) = (memory("VmRSS:")?, memory("VmHWM:")?);
        Ok(Measured { done, seconds, cpu_seconds, resident, peak, ..Measured::default() })
    }
}

/// A line of `/proc/self/status`, in bytes.
fn memory(line: &str) -> Result<f64, BoxError> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|found| found.strip_prefix(line));
    let kib = found.ok_or_else(|| format!("/proc/self/status has no {line}"))?;
    Ok(kib.trim().trim_end_matches("kB").trim().parse::<f64>()? * 1024.0)
}

/// Runs a client in a process of its own.
pub(crate) fn spawn(probe: &Probe) -> Result<Measured, BoxError> {
    let what = serde_json::to_string(probe)?;
    let mut command = if probe.peer == Peer::Python {
        let mut command = Command::new(python::interpreter()?);
        command.args(["-c", python::SCRIPT, &what]);
        command
    } else {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["probe", &what]);
        command
    };
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} failed: {}", probe.peer.name(), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs all of them in turn, so many rounds: what each measured, round by round.
pub(crate) fn interleaved(probes: &[Probe], rounds: usize) -> Result<Vec<Vec<Measured>>, BoxError> {
    let mut all = vec![Vec::with_capacity(rounds); probes.len()];
    for _ in 0..rounds {
        for (probe, measured) in probes.iter().zip(&mut all) {
            measured.push(spawn(probe)?);
        }
    }
    Ok(all)
}

/// The median over the rounds of one figure.
pub(crate) fn median_of(rounds: &[Measured], figure: impl Fn(&Measured) -> f64) -> f64 {
    median(rounds.iter().map(figure))
}

/// The most that one figure was in any round: what else the machine does only ever lessens it.
pub(crate) fn best(rounds: &[Measured], figure: impl Fn(&Measured) -> f64) -> f64 {
    rounds.iter().map(figure).fold(0.0, f64::max)
}

/// The median over the rounds of what one is to the other in the same round.
pub(crate) fn ratio(rounds: &[Measured], base: &[Measured], figure: impl Fn(&Measured) -> f64) -> f64 {
    median(rounds.iter().zip(base).map(|(own, base)| figure(own) / figure(base)))
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(values, 0.5)
}

/// The value that this part of all does not exceed.
pub(crate) fn percentile(values: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * part).ceil() as usize).saturating_sub(1);
    values.get(at).copied().unwrap_or(f64::NAN)
}
