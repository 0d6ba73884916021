use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use sortie_core::find;
use tokio::time::sleep;

use super::super::{Addresses, erase};
use super::*;

/// What a scripted resolver was asked.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicUsize>);

impl Asked {
    fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Answers after 100 ms with one address, whose last octet is how often it was asked.
    fn lookups(&self, cache: impl Into<Option<CacheOptions>>) -> Lookups {
        let this = self.clone();
        let resolve = move |name: Name| {
            let n = this.0.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                sleep(Duration::from_millis(100)).await;
                match name.as_str() {
                    "gone.test" => Err("no such name"),
                    "empty.test" => Ok(Addresses::default()),
                    "panic.test" => panic!("a bug"),
                    "brief.test" => Ok(Addresses::from(IpAddr::from([10, 0, 0, n as u8])).ttl(Duration::from_secs(2))),
                    // The first question is lost.
                    "lost.test" if n == 1 => std::future::pending().await,
                    _ => Ok(IpAddr::from([10, 0, 0, n as u8]).into()),
                }
            }
        };
        Lookups::new(erase(resolve), cache.into())
    }
}

fn name(text: &str) -> Name {
    Name::new(text)
}

async fn last_octet(lookups: &Lookups, host: &str) -> u8 {
    match lookups.look_up(&name(host)).await.unwrap()[..] {
        [SocketAddr::V4(v4)] => v4.ip().octets()[3],
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_its_time_and_asked_for_again_thereafter() {
    for (cache, host, kept) in [
        (Some(CacheOptions::default()), "a.test", 10),
        (Some(CacheOptions::default()), "brief.test", 2),
        (None, "a.test", 0),
    ] {
        let asked = Asked::default();
        let lookups = asked.lookups(cache);
        assert_eq!(last_octet(&lookups, host).await, 1);
        if kept > 0 {
            sleep(Duration::from_millis(1000 * kept - 1)).await;
            assert_eq!((last_octet(&lookups, host).await, asked.times()), (1, 1), "{host}");
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!((last_octet(&lookups, host).await, asked.times()), (2, 2), "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_of_no_use_is_forgotten_and_failures_are_not_kept() {
    let asked = Asked::default();
    let lookups = asked.lookups(CacheOptions::default());
    assert_eq!(last_octet(&lookups, "a.test").await, 1);
    lookups.forget(&name("a.test"));
    assert_eq!(last_octet(&lookups, "a.test").await, 2);
    for (n, host) in ["gone.test", "gone.test", "empty.test", "empty.test"].into_iter().enumerate() {
        assert!(lookups.look_up(&name(host)).await.is_err());
        assert_eq!(asked.times(), 3 + n, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn look_ups_of_one_name_at_the_same_time_are_one() {
    for cache in [Some(CacheOptions::default()), None] {
        let asked = Asked::default();
        let lookups = asked.lookups(cache);
        let all = futures_util::future::join_all((0..20).map(|_| last_octet(&lookups, "a.test"))).await;
        assert_eq!((all, asked.times()), (vec![1; 20], 1));
        futures_util::future::join(last_octet(&lookups, "b.test"), last_octet(&lookups, "c.test")).await;
        assert_eq!(asked.times(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_outlives_who_began_it() {
    let asked = Asked::default();
    let lookups = asked.lookups(CacheOptions::default());
    let begun = tokio::time::timeout(Duration::from_millis(10), last_octet(&lookups, "a.test")).await;
    assert!(begun.is_err());
    // Another one joins it, and what it brought is kept even if all have left.
    assert_eq!((last_octet(&lookups, "a.test").await, asked.times()), (1, 1));
    assert!(tokio::time::timeout(Duration::from_millis(10), last_octet(&lookups, "b.test")).await.is_err());
    sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    assert_eq!((last_octet(&lookups, "b.test").await, asked.times()), (2, 2));
    assert!(start.elapsed().is_zero() && lookups.state().pending.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_late_is_joined_by_nobody_new_and_given_up_in_the_end() {
    let asked = Asked::default();
    let lookups = asked.lookups(CacheOptions::default());
    let first = tokio::spawn({
        let lookups = lookups.clone();
        async move { lookups.look_up(&name("lost.test")).await }
    });
    sleep(Duration::from_secs(4)).await;
    assert!(tokio::time::timeout(Duration::from_millis(500), last_octet(&lookups, "lost.test")).await.is_err());
    assert_eq!(asked.times(), 1);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((last_octet(&lookups, "lost.test").await, asked.times()), (2, 2));
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the resolver has not answered for 30s");
    // Its end does not end another one, nor what that brought.
    assert!(lookups.state().pending.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_error_names_the_name_and_all_who_waited_get_it() {
    let lookups = Asked::default().lookups(CacheOptions::default());
    for (host, cause) in
        [("gone.test", "no such name"), ("empty.test", "it has no address"), ("panic.test", "the resolver panicked")]
    {
        let name = name(host);
        let (one, other) = futures_util::future::join(lookups.look_up(&name), lookups.look_up(&name)).await;
        for error in [one.unwrap_err(), other.unwrap_err()] {
            assert_eq!(error.to_string(), format!("the name {host} could not be looked up"));
            assert_eq!(std::error::Error::source(&error).unwrap().to_string(), cause);
            assert_eq!(find::<ResolveError>(&error).map(ResolveError::name), Some(host));
        }
        assert!(lookups.state().pending.is_empty(), "{host}");
    }
}

#[test]
fn the_end_of_a_runtime_does_not_end_the_look_up_for_another() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let asked = Asked::default();
    let lookups = asked.lookups(CacheOptions::default());
    let (first, second) = (runtime(), runtime());
    let begun = async { tokio::time::timeout_at(Instant::now(), last_octet(&lookups, "a.test")).await };
    assert!(first.block_on(begun).is_err());
    drop(first);
    assert_eq!(second.block_on(last_octet(&lookups, "a.test")) as usize, asked.times());
    assert!(lookups.state().pending.is_empty());
}
