use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// For how long a failure counts. OkHttp's `RouteDatabase` postpones a failed route until it has served again; RFC 8305 §4
/// asks that what is known of addresses is not used after the network has changed, of which nothing is told here.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How many are remembered; the oldest goes first.
const CAPACITY: usize = 1000;

/// Addresses that did not accept a connection lately, or not in time.
#[derive(Debug, Default)]
pub(super) struct Failed(Mutex<HashMap<SocketAddr, Instant>>);

impl Failed {
    /// The addresses that are not known to fail, and those that are, each in their order.
    pub(super) fn last(&self, addresses: Vec<SocketAddr>) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let (now, known) = (Instant::now(), self.known());
        let is_fresh = |address: &SocketAddr| known.get(address).is_none_or(|at| now - *at >= REMEMBERED);
        addresses.into_iter().partition(is_fresh)
    }

    pub(super) fn note(&self, address: SocketAddr) {
        let (now, mut known) = (Instant::now(), self.known());
        if known.len() >= CAPACITY && !known.contains_key(&address) {
            known.retain(|_, at| now - *at < REMEMBERED);
            let oldest = known.iter().min_by_key(|(_, at)| **at).map(|(address, _)| *address);
            if let Some(oldest) = oldest.filter(|_| known.len() >= CAPACITY) {
                known.remove(&oldest);
            }
        }
        known.insert(address, now);
    }

    pub(super) fn forget(&self, address: &SocketAddr) {
        self.known().remove(address);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SocketAddr, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u16) -> SocketAddr {
        ([10, 0, 0, 1], n).into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_counts_for_a_minute_or_until_the_address_has_served() {
        let failed = Failed::default();
        let both = || failed.last(vec![address(1), address(2)]);
        failed.note(address(1));
        assert_eq!(both(), (vec![address(2)], vec![address(1)]));
        tokio::time::advance(REMEMBERED - Duration::from_millis(1)).await;
        assert_eq!(both(), (vec![address(2)], vec![address(1)]));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(both().0, [address(1), address(2)]);
        failed.note(address(2));
        failed.forget(&address(2));
        assert_eq!(both().0, [address(1), address(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_remembered_than_allowed() {
        let failed = Failed::default();
        for n in 0..3000 {
            failed.note(address(n));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(failed.known().len(), CAPACITY);
        assert_eq!(failed.last(vec![address(1999), address(2000)]), (vec![address(1999)], vec![address(2000)]));
    }
}
