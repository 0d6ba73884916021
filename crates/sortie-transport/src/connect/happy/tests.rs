use super::*;

const DELAY: Duration = Duration::from_millis(250);

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

/// Each address answers after the milliseconds of its last octet; odd ones refuse. Those of IPv6 never answer.
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
        ("::1 ::2 10.0.0.1", "10.0.0.1", 260),
        // And one within each family costs two.
        ("::1 10.0.0.90 10.0.0.1", "10.0.0.1", 510),
        // The first may still win after the second began.
        ("10.0.0.30 10.0.0.20", "10.0.0.30", 300),
        // All have failed but one that is slow.
        ("10.0.0.40 10.0.1.0 10.0.1.0", "10.0.0.40", 400),
    ] {
        let start = Instant::now();
        let won = first(addresses(plan), DELAY, &Failed::default(), dial).await.unwrap();
        assert_eq!(won, addresses(winner)[0], "{plan}");
        assert_eq!(start.elapsed().as_millis(), millis, "{plan}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_black_holed_family_and_a_refused_address_among_ten_cost_one_stagger() {
    let failed = Failed::default();
    let ten = || addresses("::1 ::2 ::3 ::4 ::5 10.0.1.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5");
    let connect = async || {
        let start = Instant::now();
        let won = first(plan(ten(), &failed), DELAY, &failed, dial).await.unwrap();
        (won, start.elapsed().as_millis())
    };
    assert_eq!(connect().await, (addresses("10.0.0.2")[0], 250 + 10 + 20));
    assert_eq!(plan(ten(), &failed)[8..], addresses("::1 10.0.1.1"));
    // Of the others of that family nothing is known yet.
    for _ in 2..=5 {
        assert_eq!(connect().await, (addresses("10.0.0.2")[0], 250 + 20));
    }
    assert_eq!(connect().await, (addresses("10.0.0.2")[0], 20));
}

#[tokio::test(start_paused = true)]
async fn what_failed_or_had_its_time_in_vain_comes_last_and_what_merely_lost_does_not() {
    for (given, then) in [
        ("10.0.1.1 10.0.0.1", "10.0.0.1 10.0.1.1"),
        ("::1 10.0.0.1", "10.0.0.1 ::1"),
        // Its second had 50 ms when the first answered.
        ("10.0.0.30 10.0.0.20", "10.0.0.30 10.0.0.20"),
    ] {
        let failed = Failed::default();
        first(addresses(given), DELAY, &failed, dial).await.unwrap();
        assert_eq!(plan(addresses(given), &failed), addresses(then), "{given}");
    }
    // The limit of a connect that comes too early says nothing of an address.
    for (limit, then) in [(200, "::1 10.0.0.1"), (300, "10.0.0.1 ::1")] {
        let failed = Failed::default();
        let connect = first(addresses("::1"), DELAY, &failed, dial);
        assert!(tokio::time::timeout(Duration::from_millis(limit), connect).await.is_err());
        assert_eq!(plan(addresses("::1 10.0.0.1"), &failed), addresses(then), "{limit}");
    }
    // What serves again is first again.
    let failed = Failed::default();
    failed.note(addresses("10.0.0.1")[0]);
    first(addresses("10.0.0.1"), DELAY, &failed, dial).await.unwrap();
    assert_eq!(plan(addresses("10.0.0.1 10.0.0.2"), &failed), addresses("10.0.0.1 10.0.0.2"));
}

#[tokio::test(start_paused = true)]
async fn another_stagger_is_waited_for() {
    let start = Instant::now();
    first(addresses("::1 10.0.0.1"), Duration::from_millis(40), &Failed::default(), dial).await.unwrap();
    assert_eq!(start.elapsed().as_millis(), 50);
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_error_lists_them() {
    let error = first(addresses("10.0.1.3 10.0.1.1 10.0.1.2"), DELAY, &Failed::default(), dial).await.unwrap_err();
    assert_eq!(error.attempts().len(), 3);
    assert_eq!(error.to_string(), "none of 3 addresses accepted a connection");
    assert!(error.source().is_some());
}
