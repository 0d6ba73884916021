//! What kind of failure an error is, as far as sending again is concerned. A pure function of the error.

use std::error::Error;
use std::fmt;
use std::io;

use sortie_core::{Elapsed, Outcome, Phase, find};

use super::tells_of_earlier_exchanges;
use crate::auth;
use crate::hooks::HookFailed;

/// The kinds of failures that have a [rule](super::RetryOptions::on_failure).
///
/// Beside these there are failures that no rule covers, for a further attempt would fail likewise: the transport is
/// closed, the request could not be signed, the scheme does not believe the answer, or a hook ended the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// No connection could be made, for a reason that may pass. Nothing was sent.
    Connect,
    /// No connection may be made, or it was refused on purpose: an address that a policy forbids, a certificate, a
    /// proxy's answer. Nothing was sent, and the next time it will be no other.
    Denied,
    /// No connection was free in time. Nothing was sent, and the cap still holds.
    Acquire,
    /// The server said that it did not process the request ([`Outcome::Refused`]).
    Refused,
    /// A reused connection ended before a byte of the answer came ([`Outcome::StaleReuse`]).
    Stale,
    /// A limit of time ran out after the request was, or may have been, sent: that of the attempt, or one of the
    /// transport's. The server may have acted on it.
    Timeout,
    /// Any other failure: the server may have acted on the request. Also every error that does not tell its
    /// [`Outcome`].
    MaybeProcessed,
}

impl Failure {
    /// The kind of `error`; `None` if another attempt is in vain whatever the rules.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        // The scheme has failed, not the exchange: what its error tells of an exchange is about another one, its own.
        if find::<auth::SigningFailed>(error).is_some() || find::<auth::NotReplayable>(error).is_some() {
            return None;
        }
        // Who does not believe an answer, or stopped the call at the wire, meant the call.
        if find::<auth::AnswerRejected>(error).is_some() || find::<HookFailed>(error).is_some() {
            return None;
        }
        match Outcome::of(error) {
            Some(Outcome::Closed) => None,
            // A session below this one has followed a redirect, or repeated what it may.
            Some(_) if tells_of_earlier_exchanges(error) && find::<Elapsed>(error).is_some() => Some(Self::Timeout),
            Some(_) if tells_of_earlier_exchanges(error) => Some(Self::MaybeProcessed),
            Some(Outcome::Connect { phase: Phase::Tls | Phase::Proxy }) if !may_pass(error) => Some(Self::Denied),
            Some(Outcome::Connect { .. }) if is_denied(error) => Some(Self::Denied),
            Some(Outcome::Connect { .. }) => Some(Self::Connect),
            Some(Outcome::AcquireTimeout) => Some(Self::Acquire),
            Some(Outcome::Refused) => Some(Self::Refused),
            Some(Outcome::StaleReuse) => Some(Self::Stale),
            // An error that says nothing is taken for the worst, and so is an outcome that this version does not know.
            Some(_) | None if find::<Elapsed>(error).is_some() => Some(Self::Timeout),
            Some(_) | None => Some(Self::MaybeProcessed),
        }
    }

    /// Whether the request was certainly not acted on, and so may be sent again with any method.
    #[must_use]
    pub fn is_unprocessed(self) -> bool {
        matches!(self, Self::Connect | Self::Denied | Self::Acquire | Self::Refused)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection could be made",
            Self::Denied => "the connection was denied",
            Self::Acquire => "no connection was free in time",
            Self::Refused => "the server refused the request",
            Self::Stale => "a reused connection had ended",
            Self::Timeout => "a limit of time ran out",
            Self::MaybeProcessed => "the exchange failed",
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedirectLayer;
    use crate::retry::{Attempt, AttemptEnd, Attempts, Failed, Next, Stop};
    use sortie_core::{Body, BoxError, Fault};
    use sortie_testkit::{Answer, Scripted, reply};
    use std::time::Duration;
    use tower::ServiceExt;
    use tower_layer::Layer;

    fn connect(phase: Phase, source: impl Into<BoxError>) -> BoxError {
        Fault::new(Outcome::Connect { phase }, source).into()
    }

    fn network(kind: io::ErrorKind) -> io::Error {
        io::Error::new(kind, "handshake")
    }

    #[test]
    fn an_outcome_is_a_kind_of_failure() {
        for (outcome, failure) in [
            (Some(Outcome::Connect { phase: Phase::Dns }), Some(Failure::Connect)),
            (Some(Outcome::AcquireTimeout), Some(Failure::Acquire)),
            (Some(Outcome::Refused), Some(Failure::Refused)),
            (Some(Outcome::StaleReuse), Some(Failure::Stale)),
            (Some(Outcome::MaybeProcessed), Some(Failure::MaybeProcessed)),
            (None, Some(Failure::MaybeProcessed)),
            (Some(Outcome::Closed), None),
        ] {
            let error: BoxError =
                outcome.map_or_else(|| "broken".into(), |outcome| Fault::new(outcome, "broken").into());
            assert_eq!(Failure::of(&*error), failure, "{outcome:?}");
        }
    }

    #[test]
    fn a_limit_that_ran_out_after_the_request_was_sent_is_a_timeout() {
        let elapsed = |phase| Elapsed::new(phase, Duration::from_secs(1));
        let attempt: BoxError = elapsed(Phase::Attempt).into();
        let first_byte: BoxError = Fault::new(Outcome::MaybeProcessed, elapsed(Phase::FirstByte)).into();
        assert_eq!([&attempt, &first_byte].map(|error| Failure::of(&**error)), [Some(Failure::Timeout); 2]);
        for phase in [Phase::Connect, Phase::Tls, Phase::Proxy] {
            assert_eq!(Failure::of(&*connect(phase, elapsed(phase))), Some(Failure::Connect), "{phase}");
        }
    }

    #[test]
    fn a_handshake_that_the_connection_cut_short_may_pass_and_a_check_that_failed_may_not() {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, InvalidData, UnexpectedEof};
        for (phase, kind, failure) in [
            (Phase::Tls, ConnectionReset, Failure::Connect),
            (Phase::Tls, UnexpectedEof, Failure::Connect),
            (Phase::Tls, InvalidData, Failure::Denied),
            (Phase::Proxy, InvalidData, Failure::Denied),
            (Phase::Proxy, UnexpectedEof, Failure::Connect),
            (Phase::Proxy, HostUnreachable, Failure::Connect),
            (Phase::Proxy, ConnectionRefused, Failure::Connect),
        ] {
            assert_eq!(Failure::of(&*connect(phase, network(kind))), Some(failure), "{phase} {kind}");
        }
        assert_eq!(Failure::of(&*connect(Phase::Proxy, "407")), Some(Failure::Denied));
    }

    #[test]
    fn a_connect_that_is_forbidden_is_denied() {
        for phase in [Phase::Dns, Phase::Connect] {
            let forbidden = connect(phase, network(io::ErrorKind::PermissionDenied));
            assert_eq!(Failure::of(&*forbidden), Some(Failure::Denied), "{phase}");
        }
    }

    fn refused() -> BoxError {
        connect(Phase::Connect, network(io::ErrorKind::ConnectionRefused))
    }

    #[test]
    fn an_attempt_that_was_answered_is_not_undone_by_a_connect_that_failed_later() {
        let attempt =
            |end| Attempt { end, retry_after: None, elapsed: Duration::ZERO, next: Next::Stopped(Stop::NotRetried) };
        let in_vain = || AttemptEnd::failed(&*refused());
        for (ends, failure) in [
            (vec![in_vain()], Failure::Connect),
            (vec![in_vain(), in_vain()], Failure::Connect),
            (vec![AttemptEnd::Answered(http::StatusCode::SERVICE_UNAVAILABLE), in_vain()], Failure::MaybeProcessed),
            (vec![AttemptEnd::failed(&fmt::Error), in_vain()], Failure::MaybeProcessed),
        ] {
            let attempts = Attempts::new(ends.into_iter().map(attempt).collect());
            let error: BoxError = Failed::new(attempts, refused()).into();
            assert_eq!(Failure::of(&*error), Some(failure), "{error:?}");
            // A name that was looked up by another session: what that one sent is not this call's.
            assert_eq!(Failure::of(&*connect(Phase::Dns, error)), Some(Failure::Connect));
        }
    }

    #[tokio::test]
    async fn a_redirect_that_was_answered_is_not_undone_by_a_connect_that_failed_later() {
        for (location, failure) in [("http://b.test/", Some(Failure::MaybeProcessed)), ("ftp://b.test/", None)] {
            let answers = [reply(303, [("location", location)], "").into(), Answer::error(refused())];
            let client = RedirectLayer::default().layer(Scripted::<Body>::new(answers));
            let request = http::Request::post("http://a.test/pay").body(Body::from("x")).unwrap();
            let error = client.oneshot(request).await.unwrap_err();
            let found = find::<crate::redirect::Failed>(&*error).unwrap();
            assert!(tells_of_earlier_exchanges(found));
            assert_eq!(Failure::of(&*error).filter(|_| failure.is_some()), failure, "{error:?}");
        }
    }

    #[test]
    fn a_fault_inside_a_signature_is_not_the_exchanges() {
        let token = connect(Phase::Connect, "the token server is down");
        let error: BoxError = auth::SigningFailed::new(token).into();
        assert_eq!(Failure::of(&*error), None);
    }

    #[test]
    fn what_somebody_meant_to_end_the_call_ends_it() {
        for meant in [
            BoxError::from(auth::AnswerRejected::new("another server's proof".into())),
            HookFailed::new(crate::hooks::Event::Response, "no".into()).into(),
        ] {
            assert_eq!(Failure::of(&*meant), None, "{meant}");
        }
    }
}
