//! The hidden sub-command: one client doing one job on one thread, and what it took as JSON.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sortie::BoxError;

use crate::clients::{self, Client, Payload, Peer, Setup};
use crate::measure::{Clock, Measured, percentile};

/// How long memory has to settle before it is looked at.
const SETTLE: Duration = Duration::from_millis(300);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) peer: Peer,
    pub(crate) setup: Setup,
    pub(crate) job: Job,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Requests one after the other by as many workers as are to be in flight, measured after a warm-up.
    Warm { requests: u64, in_flight: u64, warm_up: u64 },
    /// One body.
    Transfer { upload: bool, bytes: u64, sized: bool },
    /// All requests at once, with no connection there.
    Burst { requests: u64 },
    /// So many requests at once, each on a connection of its own; then nothing.
    Idle { connections: u64 },
}

pub(crate) fn run(probe: &Probe) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(clients::run(probe.peer, &probe.setup, probe.job))?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

impl Job {
    pub(crate) async fn run<C: Client>(self, client: C) -> Result<Measured, BoxError> {
        match self {
            Self::Warm { requests, in_flight, warm_up } => {
                let crowd = crowd(client, in_flight).await?;
                let crowd = drive(crowd, warm_up / in_flight).await?;
                let clock = Clock::start();
                drive(crowd, requests / in_flight).await?;
                clock.stop(requests / in_flight * in_flight)
            }
            Self::Transfer { upload, bytes, sized } => transfer(client, upload, bytes, sized).await,
            Self::Burst { requests } => burst(crowd(client, requests).await?).await,
            Self::Idle { connections } => {
                let crowd = drive(crowd(client, connections).await?, 1).await?;
                tokio::time::sleep(SETTLE).await;
                let measured = Clock::start().stop(connections);
                drop(crowd);
                measured
            }
        }
    }
}

async fn crowd<C: Client>(client: C, size: u64) -> Result<Vec<C>, BoxError> {
    let mut crowd = Vec::new();
    for _ in 1..size {
        crowd.push(client.another().await?);
    }
    crowd.push(client);
    Ok(crowd)
}

/// So many requests by each, all on tasks of their own; gives the clients back.
async fn drive<C: Client>(crowd: Vec<C>, each: u64) -> Result<Vec<C>, BoxError> {
    let work = |mut client: C| async move {
        for _ in 0..each {
            client.get().await?;
        }
        Ok::<_, BoxError>(client)
    };
    let tasks: Vec<_> = crowd.into_iter().map(|client| tokio::spawn(work(client))).collect();
    let mut crowd = Vec::with_capacity(tasks.len());
    for task in tasks {
        crowd.push(task.await??);
    }
    Ok(crowd)
}

async fn transfer<C: Client>(mut client: C, upload: bool, bytes: u64, sized: bool) -> Result<Measured, BoxError> {
    let work = async move {
        let clock = Clock::start();
        if upload {
            client.post(Payload::new(bytes, sized)).await?;
            return clock.stop(bytes);
        }
        let got = client.get().await?;
        if got == bytes { clock.stop(bytes) } else { Err(format!("{got} bytes came instead of {bytes}").into()) }
    };
    tokio::spawn(work).await?
}

async fn burst<C: Client>(crowd: Vec<C>) -> Result<Measured, BoxError> {
    let (clock, started) = (Clock::start(), Instant::now());
    let work = |mut client: C| async move {
        client.get().await?;
        Ok::<_, BoxError>(started.elapsed().as_secs_f64() * 1e3)
    };
    let tasks: Vec<_> = crowd.into_iter().map(|client| tokio::spawn(work(client))).collect();
    let mut latencies = Vec::with_capacity(tasks.len());
    for task in tasks {
        latencies.push(task.await??);
    }
    let measured = clock.stop(latencies.len() as u64)?;
    Ok(Measured { p50: percentile(latencies.clone(), 0.5), p99: percentile(latencies, 0.99), ..measured })
}
