use std::io::Read;
use std::thread;

use sortie::BoxError;
use ureq::{Agent, SendBody};

use super::{Payload, Setup};
use crate::measure::{Clock, Measured};
use crate::probe::Job;

/// ureq blocks, so it does its jobs itself: a thread for each request in flight.
pub(super) fn run(setup: &Setup, job: Job) -> Result<Measured, BoxError> {
    let agent: Agent = Agent::config_builder()
        .proxy(None)
        .max_idle_connections(usize::MAX)
        .max_idle_connections_per_host(usize::MAX)
        .build()
        .into();
    match job {
        Job::Warm { requests, in_flight, warm_up } => {
            drive(&agent, setup, warm_up, in_flight)?;
            let clock = Clock::start();
            drive(&agent, setup, requests, in_flight)?;
            clock.stop(requests)
        }
        Job::Transfer { upload, bytes, sized } => {
            let clock = Clock::start();
            let moved = if upload {
                post(&agent, setup, Payload::new(bytes, sized)).map(|()| bytes)?
            } else {
                get(&agent, setup)?
            };
            clock.stop(moved)
        }
        Job::Burst { .. } | Job::Idle { .. } => Err("ureq is measured warm and in transfers alone".into()),
    }
}

fn drive(agent: &Agent, setup: &Setup, requests: u64, in_flight: u64) -> Result<(), BoxError> {
    thread::scope(|scope| {
        let worker = || (0..requests / in_flight).try_for_each(|_| get(agent, setup).map(drop));
        let workers: Vec<_> = (0..in_flight).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker of ureq panicked")?)
    })
}

fn get(agent: &Agent, setup: &Setup) -> Result<u64, BoxError> {
    let mut request = agent.get(&setup.url);
    for (name, value) in &setup.headers {
        request = request.header(name, value);
    }
    let mut reader = request.call()?.into_body().into_reader();
    let (mut buffer, mut length) = (vec![0; 64 * 1024], 0);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(length),
            read => length += read as u64,
        }
    }
}

fn post(agent: &Agent, setup: &Setup, mut payload: Payload) -> Result<(), BoxError> {
    let mut request = agent.post(&setup.url);
    if payload.is_sized() {
        request = request.header("content-length", payload.len().to_string());
    }
    request.send(SendBody::from_reader(&mut payload))?;
    Ok(())
}
