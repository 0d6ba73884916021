use super::*;
use crate::retry::Backoff;
use http::header::{HeaderValue, RETRY_AFTER};
use http::{StatusCode, Uri};
use sortie_core::{BoxError, Elapsed, Fault, Outcome, Phase};
use tokio::time::Instant;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const NOW: Moment =
    Moment { now: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO, left: None, previous: Duration::ZERO, random: 1.0 };

fn ended(end: End<'_>) -> Ended<'_> {
    Ended { end, idempotent: true, sends: 1 }
}

fn asked() -> Asked {
    Asked { method: Method::POST, uri: Uri::from_static("http://a.test/p"), began: Instant::now() }
}

fn next(options: &RetryOptions, ended: &Ended<'_>) -> Next {
    weigh(options, ended, wish(options, ended, Some(&asked())), NOW).next
}

fn repeats(options: &RetryOptions, ended: &Ended<'_>) -> bool {
    matches!(next(options, ended), Next::Retried { .. })
}

fn after_status(options: &RetryOptions, status: u16, idempotent: bool, sends: usize) -> Next {
    let headers = HeaderMap::new();
    next(options, &Ended { end: End::Answer(StatusCode::from_u16(status).unwrap(), &headers), idempotent, sends })
}

fn again(because: Because, wait: Duration) -> Next {
    Next::Retried { because, wait }
}

fn fault(outcome: Outcome) -> BoxError {
    Fault::new(outcome, "broken").into()
}

#[test]
fn what_a_failure_did_on_the_wire_decides_whether_it_is_repeated() {
    let (default, standard) = (RetryOptions::default(), RetryOptions::standard());
    // Whether each repeats an idempotent request, and any other.
    for (outcome, by_default, by_standard) in [
        (Some(Outcome::Connect { phase: Phase::Dns }), (true, true), (true, true)),
        (Some(Outcome::Connect { phase: Phase::Tls }), (false, false), (false, false)),
        (Some(Outcome::Refused), (true, true), (true, true)),
        (Some(Outcome::StaleReuse), (true, false), (true, false)),
        (Some(Outcome::MaybeProcessed), (false, false), (true, false)),
        (None, (false, false), (true, false)),
        (Some(Outcome::AcquireTimeout), (false, false), (false, false)),
        (Some(Outcome::Closed), (false, false), (false, false)),
    ] {
        let error = outcome.map_or_else(|| Elapsed::new(Phase::Attempt, secs(1)).into(), fault);
        for (options, (idempotent, other)) in [(&default, by_default), (&standard, by_standard)] {
            let ended = ended(End::Error(&error));
            assert_eq!(repeats(options, &Ended { idempotent: true, ..ended }), idempotent, "{outcome:?}");
            assert_eq!(repeats(options, &Ended { idempotent: false, ..ended }), other, "{outcome:?}");
            assert!(!repeats(&RetryOptions::none(), &ended), "{outcome:?}");
        }
    }
}

#[test]
fn only_listed_statuses_of_idempotent_requests_are_repeated() {
    let standard = RetryOptions::standard();
    for (status, listed) in [(200, false), (404, false), (429, true), (500, false), (501, false), (502, true)] {
        let (idempotent, other) = match listed {
            true => (again(Because::Status, ms(100)), Next::Stopped(Stop::NotIdempotent)),
            false => (Next::Stopped(Stop::NotRetried), Next::Stopped(Stop::NotRetried)),
        };
        assert_eq!(after_status(&standard, status, true, 1), idempotent, "{status}");
        assert_eq!(after_status(&standard, status, false, 1), other, "{status}");
        assert_eq!(after_status(&RetryOptions::default(), status, true, 1), Next::Stopped(Stop::NotRetried));
    }
    let other = standard.statuses([StatusCode::INTERNAL_SERVER_ERROR]);
    assert_eq!(after_status(&other, 500, true, 1), again(Because::Status, ms(100)));
}

#[test]
fn a_rule_for_a_status_stands_above_the_list() {
    let options = RetryOptions::standard()
        .on_status(StatusCode::TOO_MANY_REQUESTS, Rule::stop())
        .on_status(
            StatusCode::TOO_MANY_REQUESTS,
            Rule::retry().attempts(5).any_method().backoff(Backoff::constant(secs(2))),
        )
        .on_status(StatusCode::CONFLICT, Rule::retry())
        .on_status(StatusCode::SERVICE_UNAVAILABLE, Rule::retry().attempts(2))
        .on_status(StatusCode::BAD_GATEWAY, Rule::stop());
    let stopped = Next::Stopped;
    for (status, idempotent, sends, expected) in [
        // Of two rules for the same the later one counts.
        (429, true, 1, again(Because::Status, secs(2))),
        (429, false, 4, again(Because::Status, secs(2))),
        (429, true, 5, stopped(Stop::AttemptsUsedUp)),
        (409, true, 2, again(Because::Status, ms(200))),
        (409, true, 3, stopped(Stop::AttemptsUsedUp)),
        (409, false, 1, stopped(Stop::NotIdempotent)),
        (503, true, 1, again(Because::Status, ms(100))),
        (503, true, 2, stopped(Stop::AttemptsUsedUp)),
        (502, true, 1, stopped(Stop::Rule)),
        (504, true, 2, again(Because::Status, ms(200))),
    ] {
        assert_eq!(after_status(&options, status, idempotent, sends), expected, "{status} {idempotent} {sends}");
    }
}

#[test]
fn a_rule_for_a_failure_stands_above_the_general_settings() {
    let options = RetryOptions::standard()
        .on_failure(Failure::Acquire, Rule::retry().attempts(7))
        .on_failure(Failure::Denied, Rule::retry())
        .on_failure(Failure::Stale, Rule::retry().any_method())
        .on_failure(Failure::Connect, Rule::stop())
        .on_failure(Failure::Timeout, Rule::stop());
    let retried = |failure| again(Because::Failure(failure), ms(100));
    for (error, idempotent, expected) in [
        (fault(Outcome::AcquireTimeout), false, retried(Failure::Acquire)),
        (fault(Outcome::Connect { phase: Phase::Tls }), false, retried(Failure::Denied)),
        (fault(Outcome::StaleReuse), false, retried(Failure::Stale)),
        (fault(Outcome::Connect { phase: Phase::Dns }), true, Next::Stopped(Stop::Rule)),
        (Elapsed::new(Phase::Attempt, secs(1)).into(), true, Next::Stopped(Stop::Rule)),
        (fault(Outcome::MaybeProcessed), true, retried(Failure::MaybeProcessed)),
        (fault(Outcome::MaybeProcessed), false, Next::Stopped(Stop::NotIdempotent)),
        // No rule can help there.
        (fault(Outcome::Closed), true, Next::Stopped(Stop::NotRetried)),
    ] {
        assert_eq!(next(&options, &Ended { idempotent, ..ended(End::Error(&error)) }), expected, "{error:?}");
    }
    let acquire = fault(Outcome::AcquireTimeout);
    assert!(repeats(&options, &Ended { sends: 6, ..ended(End::Error(&acquire)) }));
}

#[test]
fn a_closure_decides_before_the_rules_and_within_the_limits() {
    let by = |decision| RetryOptions::standard().decide(move |_| decision);
    for (decision, status, idempotent, sends, expected) in [
        (Decision::Default, 503, true, 1, again(Because::Status, ms(100))),
        (Decision::Default, 503, false, 1, Next::Stopped(Stop::NotIdempotent)),
        (Decision::Default, 200, true, 1, Next::Stopped(Stop::NotRetried)),
        (Decision::Stop, 503, true, 1, Next::Stopped(Stop::Decided)),
        (Decision::Retry, 200, false, 1, again(Because::Decided, ms(100))),
        (Decision::Retry, 200, false, 3, Next::Stopped(Stop::AttemptsUsedUp)),
        (Decision::RetryAfter(secs(90)), 404, false, 2, again(Because::Decided, secs(90))),
        (Decision::RetryAfter(Duration::ZERO), 404, true, 3, Next::Stopped(Stop::AttemptsUsedUp)),
    ] {
        assert_eq!(after_status(&by(decision), status, idempotent, sends), expected, "{decision:?} {status} {sends}");
    }
    // Its wait is the one that counts; a plain `Retry` still heeds the server.
    let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("61"))]);
    let ended = ended(End::Answer(StatusCode::OK, &headers));
    assert_eq!(next(&by(Decision::RetryAfter(ms(1))), &ended), again(Because::Decided, ms(1)));
    assert_eq!(next(&by(Decision::Retry), &ended), Next::Stopped(Stop::RetryAfterTooLong));
}

#[test]
fn a_closure_sees_the_whole_attempt() {
    let options = RetryOptions::default().decide(|tried| {
        let (method, uri, sends) = (tried.method().as_str(), tried.uri().path(), tried.sends());
        assert_eq!((method, uri, sends, tried.is_idempotent()), ("POST", "/p", 2, false));
        assert!(tried.elapsed() < secs(3600));
        match (tried.status(), tried.error()) {
            (Some(status), None) => {
                assert_eq!((status.as_u16(), tried.retry_after()), (503, Some(secs(7))));
                assert!(tried.headers().unwrap().contains_key(RETRY_AFTER) && tried.failure().is_none());
            }
            (None, Some(error)) => {
                assert_eq!(tried.failure(), Some(Failure::Refused));
                assert_eq!((tried.outcome(), Outcome::of(error)), (Some(Outcome::Refused), Some(Outcome::Refused)));
                assert!(tried.headers().is_none() && tried.retry_after().is_none());
            }
            both => panic!("{both:?}"),
        }
        assert!(!format!("{tried:?}").contains("/p"));
        Decision::Stop
    });
    let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
    let refused = fault(Outcome::Refused);
    for end in [End::Answer(StatusCode::SERVICE_UNAVAILABLE, &headers), End::Error(&refused)] {
        assert_eq!(next(&options, &Ended { end, idempotent: false, sends: 2 }), Next::Stopped(Stop::Decided));
    }
}

#[test]
fn idempotent_are_six_methods_and_what_has_a_key() {
    let (options, none) = (RetryOptions::default(), HeaderMap::new());
    let key = HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_static("1"))]);
    for (method, idempotent) in [
        ("HEAD", true),
        ("GET", true),
        ("PUT", true),
        ("DELETE", true),
        ("OPTIONS", true),
        ("TRACE", true),
        ("POST", false),
        ("PATCH", false),
        ("QUERY", false),
        ("get", false),
    ] {
        let method: Method = method.parse().unwrap();
        assert_eq!(is_idempotent(&options, &method, &none), idempotent, "{method}");
        assert!(is_idempotent(&options, &method, &key), "{method}");
    }
    assert!(is_idempotent(&options.clone().methods([Method::POST]), &Method::POST, &none));
    assert!(!is_idempotent(&options.methods([Method::POST]), &Method::GET, &none));
}

#[test]
fn attempts_count_every_send() {
    let error = fault(Outcome::Refused);
    for (attempts, sends, repeated) in [(2, 1, true), (2, 2, false), (3, 2, true), (1, 1, false), (0, 1, false)] {
        let options = RetryOptions::default().attempts(attempts);
        assert_eq!(repeats(&options, &Ended { sends, ..ended(End::Error(&error)) }), repeated, "{attempts}");
    }
}

#[test]
fn the_wait_is_the_longer_of_the_back_off_and_retry_after() {
    let standard = RetryOptions::standard();
    for (sends, retry_after, left, expected) in [
        (1, None, None, Ok(ms(100))),
        (2, None, None, Ok(ms(200))),
        (1, Some("0"), None, Ok(ms(100))),
        (1, Some("-5"), None, Ok(ms(100))),
        (1, Some("tomorrow"), None, Ok(ms(100))),
        (1, Some("7"), None, Ok(secs(7))),
        (1, Some("Thu, 01 Jan 1970 00:00:09 GMT"), None, Ok(secs(9))),
        (1, Some("60"), None, Ok(secs(60))),
        (1, Some("61"), None, Err(Stop::RetryAfterTooLong)),
        (1, Some("7"), Some(secs(8)), Ok(secs(7))),
        (1, Some("7"), Some(secs(7)), Err(Stop::Deadline)),
        (1, None, Some(ms(50)), Err(Stop::Deadline)),
        (1, None, Some(Duration::ZERO), Err(Stop::Deadline)),
    ] {
        let headers = retry_after.map(|value| (RETRY_AFTER, HeaderValue::from_static(value))).into_iter().collect();
        let ended = Ended { sends, ..ended(End::Answer(StatusCode::SERVICE_UNAVAILABLE, &headers)) };
        let weighed = weigh(&standard, &ended, wish(&standard, &ended, None), Moment { left, ..NOW });
        let expected = expected.map_or_else(Next::Stopped, |wait| again(Because::Status, wait));
        assert_eq!(weighed.next, expected, "{sends} {retry_after:?} {left:?}");
    }
    let patient = standard.max_retry_after(secs(100)).backoff(Backoff::none());
    let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("100"))]);
    let end = End::Answer(StatusCode::TOO_MANY_REQUESTS, &headers);
    assert_eq!(next(&patient, &ended(end)), again(Because::Status, secs(100)));
}

#[test]
fn no_attempt_begins_after_the_time_for_retries() {
    let headers = HeaderMap::new();
    let ended = ended(End::Answer(StatusCode::SERVICE_UNAVAILABLE, &headers));
    let options = RetryOptions::standard().backoff(Backoff::constant(secs(2))).total(secs(5));
    for (elapsed, goes_on) in [(secs(0), true), (ms(2_999), true), (secs(3), false), (secs(9), false)] {
        let weighed = weigh(&options, &ended, wish(&options, &ended, None), Moment { elapsed, ..NOW });
        let expected = if goes_on { again(Because::Status, secs(2)) } else { Next::Stopped(Stop::TotalTime) };
        assert_eq!(weighed.next, expected, "{elapsed:?}");
    }
}

#[test]
fn decorrelated_jitter_goes_by_the_last_back_off_and_not_by_what_the_server_asked_for() {
    let options = RetryOptions::standard().backoff(Backoff::decorrelated_jitter(secs(1), secs(20)));
    let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("30"))]);
    let ended = ended(End::Answer(StatusCode::SERVICE_UNAVAILABLE, &headers));
    let weighed = weigh(&options, &ended, wish(&options, &ended, None), Moment { previous: secs(2), ..NOW });
    assert_eq!((weighed.next, weighed.backoff), (again(Because::Status, secs(30)), secs(6)));
    assert_eq!(weighed.retry_after, Some(secs(30)));
}
