//! Happy Eyeballs ([RFC 8305](https://www.rfc-editor.org/rfc/rfc8305)): all addresses of a name, each a little after
//! the one before it, and the first that answers serves.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::failed::Failed;

/// None of a name's addresses accepted a connection. Its source is the last attempt's error.
#[derive(Debug)]
pub struct DialError {
    attempts: Vec<(SocketAddr, io::ErrorKind)>,
    last: io::Error,
}

impl DialError {
    /// The addresses in the order in which they failed, and how.
    #[must_use]
    pub fn attempts(&self) -> &[(SocketAddr, io::ErrorKind)] {
        &self.attempts
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.attempts {
            [(address, _)] => write!(f, "{address} did not accept a connection"),
            attempts => write!(f, "none of {} addresses accepted a connection", attempts.len()),
        }
    }
}

impl Error for DialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.last)
    }
}

/// The order in which addresses are tried: those that failed lately after all others, for a server is more often gone
/// than back.
pub(super) fn plan(addresses: Vec<SocketAddr>, failed: &Failed) -> Vec<SocketAddr> {
    let (fresh, failed) = failed.last(addresses);
    [interleave(fresh), interleave(failed)].concat()
}

/// The families in turns, beginning with that of the first address, each in the resolver's order (RFC 8305 §4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut plan = Vec::with_capacity(one.len() + other.len());
    while let Some(address) = one.pop_front() {
        plan.push(address);
        plan.extend(other.pop_front());
    }
    plan.extend(other);
    plan
}

/// The first connection that `dial` makes, over the addresses of the plan: the next begins when the one before has
/// failed, or has taken longer than `delay`, while it goes on (RFC 8305 §5). Which ones failed is noted.
pub(super) async fn first<T, F>(
    plan: Vec<SocketAddr>,
    delay: Duration,
    failed: &Failed,
    dial: impl Fn(SocketAddr) -> F,
) -> Result<T, DialError>
where
    F: Future<Output = io::Result<T>>,
{
    let mut plan = Plan { rest: plan, in_vain: [false; 2] };
    let mut racing = FuturesUnordered::new();
    let mut attempts = Vec::new();
    let mut last = None;
    loop {
        let begun = plan.next();
        if let Some(address) = begun {
            let (attempt, watch) = (dial(address), Watch { address, failed, since: Instant::now(), delay });
            racing.push(async move {
                let ended = attempt.await;
                watch.ended(&ended);
                (address, ended)
            });
        }
        let ended = match begun {
            Some(address) if !plan.rest.is_empty() => match tokio::time::timeout(delay, racing.next()).await {
                Ok(ended) => ended,
                Err(_) => {
                    plan.in_vain[usize::from(address.is_ipv6())] = true;
                    continue;
                }
            },
            _ => racing.next().await,
        };
        match ended {
            Some((_, Ok(connection))) => return Ok(connection),
            Some((address, Err(error))) => {
                attempts.push((address, error.kind()));
                last = Some(error);
            }
            None => {
                let last = last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable));
                return Err(DialError { attempts, last });
            }
        }
    }
}

/// What is left of a plan.
struct Plan {
    rest: Vec<SocketAddr>,
    /// Of which family, IPv4 and IPv6, an address had its time in vain.
    in_vain: [bool; 2],
}

impl Plan {
    /// The next address: of a family that may still answer, if there is one, so that a black-holed family costs one delay
    /// and not one for each refusal of the other.
    fn next(&mut self) -> Option<SocketAddr> {
        let may_answer = |address: &SocketAddr| !self.in_vain[usize::from(address.is_ipv6())];
        let next = self.rest.iter().position(may_answer).unwrap_or(0);
        (!self.rest.is_empty()).then(|| self.rest.remove(next))
    }
}

/// Notes how an attempt went, be it that it is dropped: because another address has won, or the connect's limit is over.
struct Watch<'a> {
    address: SocketAddr,
    failed: &'a Failed,
    since: Instant,
    delay: Duration,
}

impl Watch<'_> {
    fn ended<T>(mut self, how: &io::Result<T>) {
        match how {
            Ok(_) => self.failed.forget(&self.address),
            Err(_) => self.failed.note(self.address),
        }
        self.delay = Duration::MAX;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // What had its time and did not answer is a black hole as far as can be told.
        if self.since.elapsed() >= self.delay {
            self.failed.note(self.address);
        }
    }
}

#[cfg(test)]
mod tests;
