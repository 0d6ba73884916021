//! Whether an attempt is followed by another one. Pure functions of what is known about it.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, StatusCode};
use sortie_core::{BoxError, Elapsed, Outcome, Phase, find};

use super::retry_after::retry_after;
use super::{MaybeProcessed, RetryOptions};
use crate::auth;
use crate::hooks::HookFailed;

/// What is known about an attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) end: End<'a>,
    /// Whether the request may be sent again although the server may have acted on it ([`is_idempotent`]).
    pub(super) idempotent: bool,
    /// How often the request has been sent.
    pub(super) sends: usize,
}

/// What the wait before another attempt depends on besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: SystemTime,
    /// How long the call may still take, if it has a deadline.
    pub(super) left: Option<Duration>,
    /// From 0 to 1.
    pub(super) random: f64,
}

/// How an attempt has ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    Answer(StatusCode, &'a HeaderMap),
    Error(&'a BoxError),
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The call ends as the attempt did.
    Done,
    /// Another attempt, after this wait.
    RetryAfter(Duration),
}

/// The `moment` is asked for only where another attempt is due: nearly every call ends with its first.
pub(super) fn decide(options: &RetryOptions, attempt: &Attempt<'_>, moment: impl FnOnce() -> Moment) -> Verdict {
    if attempt.sends >= options.attempts || !is_repeated(options, attempt) {
        return Verdict::Done;
    }
    let Moment { now, left, random } = moment();
    let asked = match attempt.end {
        End::Answer(_, headers) => retry_after(headers, now).unwrap_or_default(),
        End::Error(_) => Duration::ZERO,
    };
    if asked > options.max_retry_after {
        return Verdict::Done;
    }
    let wait = asked.max(options.backoff.wait(attempt.sends, random));
    // Waiting until the call has failed would only lose the answer that there is.
    if left.is_some_and(|left| wait >= left) { Verdict::Done } else { Verdict::RetryAfter(wait) }
}

fn is_repeated(options: &RetryOptions, attempt: &Attempt<'_>) -> bool {
    let error = match attempt.end {
        End::Answer(status, _) => return attempt.idempotent && options.statuses.contains(&status),
        End::Error(error) => &**error,
    };
    // The scheme has failed, not the exchange: what its error tells of an exchange is about another one, its own.
    if find::<auth::SigningFailed>(error).is_some() || find::<auth::NotReplayable>(error).is_some() {
        return false;
    }
    // Who stopped the call at the wire meant the call.
    if find::<HookFailed>(error).is_some() {
        return false;
    }
    match Outcome::of(error) {
        Some(Outcome::Connect { phase: Phase::Tls | Phase::Proxy }) => may_pass(error),
        Some(Outcome::Connect { .. }) if is_denied(error) => false,
        Some(Outcome::Connect { .. } | Outcome::Refused) => true,
        Some(Outcome::StaleReuse) => attempt.idempotent,
        Some(Outcome::AcquireTimeout | Outcome::Closed) => false,
        // An error that says nothing is taken for the worst, and so is an outcome that this version does not know.
        Some(_) | None => attempt.idempotent && options.maybe_processed == MaybeProcessed::RepeatIdempotent,
    }
}

/// Whether it was the connection that ended a handshake with the server or with a proxy, or the network beyond the proxy,
/// or the clock: a certificate or a request that was refused will be refused again.
fn may_pass(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
        UnexpectedEof,
    };
    let ended = |kind| matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof);
    let is_network = |kind| matches!(kind, ConnectionRefused | HostUnreachable | NetworkUnreachable);
    let passes = |error: &io::Error| ended(error.kind()) || is_network(error.kind());
    find::<Elapsed>(error).is_some() || find::<io::Error>(error).is_some_and(passes)
}

/// Whether a policy of the transport or the system forbids the connection: it will the next time, too.
fn is_denied(error: &(dyn Error + 'static)) -> bool {
    find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// By this field the server sees that it has acted on the request before
/// ([Internet-Draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Whether a request may be sent again although the server may have acted on it.
pub(super) fn is_idempotent(options: &RetryOptions, method: &Method, headers: &HeaderMap) -> bool {
    options.methods.contains(method) || headers.contains_key(IDEMPOTENCY_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::Backoff;
    use http::header::{HeaderValue, RETRY_AFTER};
    use sortie_core::Fault;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn attempt(end: End<'_>) -> Attempt<'_> {
        Attempt { end, idempotent: true, sends: 1 }
    }

    const EPOCH: Moment = Moment { now: SystemTime::UNIX_EPOCH, left: None, random: 1.0 };

    fn repeats(options: &RetryOptions, attempt: &Attempt<'_>) -> bool {
        decide(options, attempt, || EPOCH) != Verdict::Done
    }

    fn answers(options: &RetryOptions, status: u16, idempotent: bool) -> bool {
        let headers = HeaderMap::new();
        let end = End::Answer(StatusCode::from_u16(status).unwrap(), &headers);
        repeats(options, &Attempt { idempotent, ..attempt(end) })
    }

    #[test]
    fn what_a_failure_did_on_the_wire_decides_whether_it_is_repeated() {
        let (default, standard) = (RetryOptions::default(), RetryOptions::standard());
        // Whether each repeats an idempotent request, and any other.
        for (outcome, by_default, by_standard) in [
            (Some(Outcome::Connect { phase: Phase::Dns }), (true, true), (true, true)),
            (Some(Outcome::Refused), (true, true), (true, true)),
            (Some(Outcome::StaleReuse), (true, false), (true, false)),
            (Some(Outcome::MaybeProcessed), (false, false), (true, false)),
            (None, (false, false), (true, false)),
            (Some(Outcome::AcquireTimeout), (false, false), (false, false)),
            (Some(Outcome::Closed), (false, false), (false, false)),
        ] {
            let cause = Elapsed::new(Phase::Attempt, secs(1));
            let error: BoxError = match outcome {
                Some(outcome) => Fault::new(outcome, cause).into(),
                None => cause.into(),
            };
            for (options, (idempotent, other)) in [(&default, by_default), (&standard, by_standard)] {
                let attempt = attempt(End::Error(&error));
                assert_eq!(repeats(options, &Attempt { idempotent: true, ..attempt }), idempotent, "{outcome:?}");
                assert_eq!(repeats(options, &Attempt { idempotent: false, ..attempt }), other, "{outcome:?}");
                assert!(!repeats(&RetryOptions::none(), &attempt), "{outcome:?}");
            }
        }
    }

    #[test]
    fn a_handshake_is_repeated_if_the_connection_cut_it_short_and_not_if_a_check_failed() {
        for (kind, repeated) in [
            (io::ErrorKind::ConnectionReset, true),
            (io::ErrorKind::UnexpectedEof, true),
            (io::ErrorKind::InvalidData, false),
        ] {
            let tls = Outcome::Connect { phase: Phase::Tls };
            let error: BoxError = Fault::new(tls, io::Error::new(kind, "handshake")).into();
            assert_eq!(repeats(&RetryOptions::standard(), &attempt(End::Error(&error))), repeated, "{kind}");
        }
    }

    #[test]
    fn what_a_proxy_refused_on_purpose_is_not_asked_of_it_again() {
        let proxy =
            |source: BoxError| -> BoxError { Fault::new(Outcome::Connect { phase: Phase::Proxy }, source).into() };
        let network = |kind| io::Error::from(kind).into();
        for (error, repeated) in [
            (proxy("407".into()), false),
            (proxy(network(io::ErrorKind::InvalidData)), false),
            (proxy(network(io::ErrorKind::UnexpectedEof)), true),
            (proxy(network(io::ErrorKind::HostUnreachable)), true),
            (proxy(network(io::ErrorKind::ConnectionRefused)), true),
            (proxy(Elapsed::new(Phase::Proxy, secs(1)).into()), true),
        ] {
            assert_eq!(repeats(&RetryOptions::default(), &attempt(End::Error(&error))), repeated, "{error:?}");
        }
    }

    #[test]
    fn a_connect_that_is_forbidden_is_not_repeated() {
        for (kind, repeated) in [(io::ErrorKind::PermissionDenied, false), (io::ErrorKind::ConnectionRefused, true)] {
            for phase in [Phase::Dns, Phase::Connect] {
                let error: BoxError = Fault::new(Outcome::Connect { phase }, io::Error::from(kind)).into();
                assert_eq!(
                    repeats(&RetryOptions::standard(), &attempt(End::Error(&error))),
                    repeated,
                    "{kind} {phase}"
                );
            }
        }
    }

    #[test]
    fn a_fault_inside_a_signature_is_not_the_exchanges() {
        let token = Fault::new(Outcome::Connect { phase: Phase::Connect }, "the token server is down");
        let error: BoxError = auth::SigningFailed::new(token.into()).into();
        assert!(!repeats(&RetryOptions::standard(), &attempt(End::Error(&error))));
    }

    #[test]
    fn only_listed_statuses_of_idempotent_requests_are_repeated() {
        let standard = RetryOptions::standard();
        for (status, repeated) in [(200, false), (404, false), (429, true), (500, false), (501, false), (502, true)] {
            assert_eq!(answers(&standard, status, true), repeated, "{status}");
            assert!(!answers(&standard, status, false), "{status}");
            assert!(!answers(&RetryOptions::default(), status, true), "{status}");
        }
        assert!(answers(&standard.statuses([StatusCode::INTERNAL_SERVER_ERROR]), 500, true));
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
        let error: BoxError = Fault::new(Outcome::Refused, "").into();
        for (attempts, sends, repeated) in [(2, 1, true), (2, 2, false), (3, 2, true), (1, 1, false), (0, 1, false)] {
            let options = RetryOptions::default().attempts(attempts);
            assert_eq!(repeats(&options, &Attempt { sends, ..attempt(End::Error(&error)) }), repeated, "{attempts}");
        }
    }

    #[test]
    fn the_wait_is_the_longer_of_the_back_off_and_retry_after() {
        let standard = RetryOptions::standard();
        let ms = Duration::from_millis;
        for (sends, retry_after, left, verdict) in [
            (1, None, None, Verdict::RetryAfter(ms(100))),
            (2, None, None, Verdict::RetryAfter(ms(200))),
            (1, Some("0"), None, Verdict::RetryAfter(ms(100))),
            (1, Some("-5"), None, Verdict::RetryAfter(ms(100))),
            (1, Some("tomorrow"), None, Verdict::RetryAfter(ms(100))),
            (1, Some("7"), None, Verdict::RetryAfter(secs(7))),
            (1, Some("Thu, 01 Jan 1970 00:00:09 GMT"), None, Verdict::RetryAfter(secs(9))),
            (1, Some("60"), None, Verdict::RetryAfter(secs(60))),
            (1, Some("61"), None, Verdict::Done),
            (1, Some("7"), Some(secs(8)), Verdict::RetryAfter(secs(7))),
            (1, Some("7"), Some(secs(7)), Verdict::Done),
            (1, None, Some(ms(50)), Verdict::Done),
            (1, None, Some(Duration::ZERO), Verdict::Done),
        ] {
            let headers = retry_after.map(|value| (RETRY_AFTER, HeaderValue::from_static(value))).into_iter().collect();
            let end = End::Answer(StatusCode::SERVICE_UNAVAILABLE, &headers);
            let found = decide(&standard, &Attempt { sends, ..attempt(end) }, || Moment { left, ..EPOCH });
            assert_eq!(found, verdict, "{sends} {retry_after:?} {left:?}");
        }
        let patient = standard.max_retry_after(secs(100)).backoff(Backoff::none());
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("100"))]);
        let end = End::Answer(StatusCode::TOO_MANY_REQUESTS, &headers);
        assert_eq!(decide(&patient, &attempt(end), || EPOCH), Verdict::RetryAfter(secs(100)));
    }
}
