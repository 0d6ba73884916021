use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::Name;

/// How answers are kept.
///
/// | option | default |
/// |---|---|
/// | [`capacity`](Self::capacity) | 1000 names |
/// | [`default_ttl`](Self::default_ttl) | 10 s |
/// | [`min_ttl`](Self::min_ttl) | none |
/// | [`max_ttl`](Self::max_ttl) | 5 min |
/// | [`rotation`](Self::rotation) | off |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheOptions {
    capacity: usize,
    default_ttl: Duration,
    min_ttl: Duration,
    max_ttl: Duration,
    rotation: bool,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            capacity: 1000,
            default_ttl: Duration::from_secs(10),
            min_ttl: Duration::ZERO,
            max_ttl: Duration::from_secs(300),
            rotation: false,
        }
    }
}

impl CacheOptions {
    /// Of how many names answers are kept; the one that was used longest ago goes first. By default 1000.
    #[must_use]
    pub fn capacity(self, names: usize) -> Self {
        Self { capacity: names, ..self }
    }

    /// For how long an answer is kept that does not say. By default 10 s.
    #[must_use]
    pub fn default_ttl(self, ttl: Duration) -> Self {
        Self { default_ttl: ttl, ..self }
    }

    /// For how long an answer is kept at least, whatever it says. By default for as long as it says.
    #[must_use]
    pub fn min_ttl(self, ttl: Duration) -> Self {
        Self { min_ttl: ttl, ..self }
    }

    /// For how long an answer is kept at most, whatever it says; it beats the other two. By default 5 minutes.
    #[must_use]
    pub fn max_ttl(self, ttl: Duration) -> Self {
        Self { max_ttl: ttl, ..self }
    }

    /// Whether each connection begins with another address of a kept answer, in turns within each family. By default the
    /// resolver's order stays: it tells which address is best (RFC 6724), and most DNS servers take turns themselves.
    #[must_use]
    pub fn rotation(self, rotation: bool) -> Self {
        Self { rotation, ..self }
    }

    fn kept_for(&self, ttl: Option<Duration>) -> Duration {
        ttl.map_or(self.default_ttl, |ttl| ttl.max(self.min_ttl)).min(self.max_ttl)
    }
}

/// What was answered a while ago: a value without a clock or a lock of its own.
#[derive(Debug)]
pub(super) struct Cache {
    options: CacheOptions,
    entries: HashMap<Name, Entry>,
    /// When each was used, as its `used` says, longest ago first.
    order: BTreeMap<u64, Name>,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    addresses: Vec<SocketAddr>,
    /// `None` if that is too far away to be told.
    until: Option<Instant>,
    used: u64,
    /// How often it has served.
    turn: usize,
}

impl Cache {
    pub(super) fn new(options: CacheOptions) -> Self {
        Self { options, entries: HashMap::new(), order: BTreeMap::new(), uses: 0 }
    }

    /// The addresses of `name`, if they still hold.
    pub(super) fn addresses(&mut self, name: &Name, now: Instant) -> Option<Vec<SocketAddr>> {
        let entry = self.entries.get_mut(name)?;
        if entry.until.is_some_and(|until| until <= now) {
            self.remove(name);
            return None;
        }
        self.order.remove(&entry.used);
        self.uses += 1;
        entry.used = self.uses;
        self.order.insert(self.uses, name.clone());
        if !self.options.rotation {
            return Some(entry.addresses.clone());
        }
        // Its first user had it from the look-up, in the resolver's order.
        entry.turn = entry.turn.wrapping_add(1);
        Some(rotated(&entry.addresses, entry.turn))
    }

    pub(super) fn insert(&mut self, name: &Name, addresses: Vec<SocketAddr>, ttl: Option<Duration>, now: Instant) {
        self.remove(name);
        let kept = self.options.kept_for(ttl);
        if kept.is_zero() || self.options.capacity == 0 {
            return;
        }
        while self.entries.len() >= self.options.capacity {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.entries.remove(&oldest);
        }
        self.uses += 1;
        self.order.insert(self.uses, name.clone());
        self.entries.insert(name.clone(), Entry { addresses, until: now.checked_add(kept), used: self.uses, turn: 0 });
    }

    pub(super) fn remove(&mut self, name: &Name) {
        if let Some(entry) = self.entries.remove(name) {
            self.order.remove(&entry.used);
        }
    }
}

/// Each family begins `turn` addresses further on; which family is where stays.
fn rotated(addresses: &[SocketAddr], turn: usize) -> Vec<SocketAddr> {
    let family = |v6| {
        let mut family: Vec<_> = addresses.iter().filter(|address| address.is_ipv6() == v6).copied().collect();
        if let Some(by) = turn.checked_rem(family.len()) {
            family.rotate_left(by);
        }
        family.into_iter()
    };
    let (mut v4, mut v6) = (family(false), family(true));
    addresses.iter().filter_map(|place| if place.is_ipv6() { v6.next() } else { v4.next() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<SocketAddr> {
        text.split_whitespace().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()
    }

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_answer_is_kept_for_as_long_as_it_says_within_bounds() {
        let bounded = CacheOptions::default().min_ttl(secs(2)).max_ttl(secs(60)).default_ttl(secs(5));
        for (options, ttl, kept) in [
            (CacheOptions::default(), None, secs(10)),
            (CacheOptions::default(), Some(secs(1)), secs(1)),
            (CacheOptions::default(), Some(secs(86_400)), secs(300)),
            (CacheOptions::default(), Some(Duration::ZERO), Duration::ZERO),
            (bounded, None, secs(5)),
            (bounded, Some(Duration::ZERO), secs(2)),
            (bounded, Some(Duration::MAX), secs(60)),
            (bounded.max_ttl(secs(1)), None, secs(1)),
            (bounded.max_ttl(Duration::MAX), Some(Duration::MAX), Duration::MAX),
        ] {
            assert_eq!(options.kept_for(ttl), kept, "{options:?} {ttl:?}");
            let (mut cache, name, now) = (Cache::new(options), Name::new("a.test"), Instant::now());
            cache.insert(&name, addresses("10.0.0.1"), ttl, now);
            let just_before = now + kept.saturating_sub(Duration::from_nanos(1)).min(secs(1000));
            assert_eq!(cache.addresses(&name, just_before).is_some(), !kept.is_zero(), "{options:?} {ttl:?}");
            let Some(end) = now.checked_add(kept) else { continue };
            assert!(cache.addresses(&name, end).is_none(), "{options:?} {ttl:?}");
            assert!(cache.entries.is_empty() && cache.order.is_empty());
        }
    }

    #[test]
    fn no_more_are_kept_than_allowed_and_the_one_used_longest_ago_goes_first() {
        // CVE-2026-34513: a cache of names without a bound.
        let mut cache = Cache::new(CacheOptions::default());
        let now = Instant::now();
        let name = |n: usize| Name::new(&format!("{n}.test"));
        for n in 0..5000 {
            cache.insert(&name(n), addresses("10.0.0.1"), None, now);
            assert!(cache.addresses(&name(0), now).is_some(), "{n}");
        }
        assert_eq!((cache.entries.len(), cache.order.len()), (1000, 1000));
        assert!(cache.addresses(&name(4001), now).is_some() && cache.addresses(&name(4000), now).is_none());
        let mut none = Cache::new(CacheOptions::default().capacity(0));
        none.insert(&name(1), addresses("10.0.0.1"), None, now);
        assert!(none.addresses(&name(1), now).is_none());
    }

    #[test]
    fn addresses_take_turns_within_their_family() {
        for (given, turn, rotated_to) in [
            ("", 3, ""),
            ("10.0.0.1 10.0.0.2 10.0.0.3", 0, "10.0.0.1 10.0.0.2 10.0.0.3"),
            ("10.0.0.1 10.0.0.2 10.0.0.3", 1, "10.0.0.2 10.0.0.3 10.0.0.1"),
            ("10.0.0.1 10.0.0.2 10.0.0.3", 5, "10.0.0.3 10.0.0.1 10.0.0.2"),
            ("::1 ::2 10.0.0.1 10.0.0.2", 1, "::2 ::1 10.0.0.2 10.0.0.1"),
            ("::1 10.0.0.1 10.0.0.2 10.0.0.3", 2, "::1 10.0.0.3 10.0.0.1 10.0.0.2"),
        ] {
            assert_eq!(rotated(&addresses(given), turn), addresses(rotated_to), "{given} {turn}");
        }
        for (rotation, firsts) in [(false, [1, 1, 1]), (true, [2, 1, 2])] {
            let (mut cache, name) = (Cache::new(CacheOptions::default().rotation(rotation)), Name::new("a.test"));
            cache.insert(&name, addresses("10.0.0.1 10.0.0.2"), None, Instant::now());
            for first in firsts {
                let expected = SocketAddr::from(([10, 0, 0, first], 0));
                assert_eq!(cache.addresses(&name, Instant::now()).unwrap()[0], expected);
            }
        }
    }
}
