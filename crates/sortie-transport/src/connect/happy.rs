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

/// The "Connection Attempt Delay" of RFC 8305 §8.
const STAGGER: Duration = Duration::from_millis(250);

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

/// The families in turns, beginning with that of the first address, each in the resolver's order (RFC 8305 §4).
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
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
/// failed, or has taken too long while it goes on.
pub(super) async fn first<T, F>(plan: Vec<SocketAddr>, dial: impl Fn(SocketAddr) -> F) -> Result<T, DialError>
where
    F: Future<Output = io::Result<T>>,
{
    let mut plan = plan.into_iter();
    let mut racing = FuturesUnordered::new();
    let mut attempts = Vec::new();
    let mut last = None;
    loop {
        let more = match plan.next() {
            Some(address) => {
                let attempt = dial(address);
                racing.push(async move { (address, attempt.await) });
                true
            }
            None => false,
        };
        let ended = if more && plan.len() > 0 {
            match tokio::time::timeout(STAGGER, racing.next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        } else {
            racing.next().await
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

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn addresses(text: &str) -> Vec<SocketAddr> {
        let address = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 80);
        text.split_whitespace().map(address).collect()
    }

    #[test]
    fn families_take_turns_and_the_resolvers_first_is_first() {
        for (given, planned) in [
            ("", ""),
            ("1.1.1.1", "1.1.1.1"),
            ("::1 ::2 1.1.1.1 2.2.2.2", "::1 1.1.1.1 ::2 2.2.2.2"),
            ("1.1.1.1 ::1 ::2 ::3", "1.1.1.1 ::1 ::2 ::3"),
            ("1.1.1.1 2.2.2.2 ::1", "1.1.1.1 ::1 2.2.2.2"),
        ] {
            assert_eq!(interleave(addresses(given)), addresses(planned), "{given}");
        }
    }

    /// Each address answers after the milliseconds of its last octet; odd ones refuse.
    async fn dial(address: SocketAddr) -> io::Result<SocketAddr> {
        let SocketAddr::V4(v4) = address else { return std::future::pending().await };
        let [_, _, refuses, tens] = v4.ip().octets();
        tokio::time::sleep(Duration::from_millis(10 * u64::from(tens))).await;
        if refuses == 1 { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(address) }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_serves_and_none_is_waited_for_in_vain() {
        for (plan, winner, millis) in [
            ("10.0.0.1", "10.0.0.1", 10),
            // One that refuses is not waited for.
            ("10.0.1.1 10.0.0.1", "10.0.0.1", 20),
            // A black hole costs one stagger.
            ("::1 10.0.0.1", "10.0.0.1", 260),
            ("::1 ::2 10.0.0.1", "10.0.0.1", 510),
            // The first may still win after the second began.
            ("10.0.0.30 10.0.0.20", "10.0.0.30", 300),
            // All have failed but one that is slow.
            ("10.0.0.40 10.0.1.0 10.0.1.0", "10.0.0.40", 400),
        ] {
            let start = Instant::now();
            let won = first(addresses(plan), dial).await.unwrap();
            assert_eq!(won, addresses(winner)[0], "{plan}");
            assert_eq!(start.elapsed().as_millis(), millis, "{plan}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_the_error_lists_them() {
        let error = first(addresses("10.0.1.3 10.0.1.1 10.0.1.2"), dial).await.unwrap_err();
        assert_eq!(error.attempts().len(), 3);
        assert_eq!(error.to_string(), "none of 3 addresses accepted a connection");
        assert!(error.source().is_some());
    }
}
