//! What a failed exchange may have done, from what was seen on its connection: hyper's error kinds look alike.

use std::error::Error;

use sortie_core::{Outcome, Phase, find};

/// What was seen of an exchange that failed before its head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) http2: bool,
    /// The connection had served before.
    pub(crate) reused: bool,
    /// Bytes from the server since the request was handed over.
    pub(crate) bytes_in: u64,
    /// Bytes to the server since then.
    pub(crate) bytes_out: u64,
    /// It was our side that gave up: the request's body failed, or a limit ran out.
    pub(crate) ours: bool,
}

pub(crate) fn of(seen: Seen, error: &(dyn Error + 'static)) -> Outcome {
    match seen {
        Seen { ours: true, .. } => Outcome::MaybeProcessed,
        // Other exchanges share the connection's bytes, so only what the server said about this one counts.
        Seen { http2: true, .. } if is_refusal(error) => Outcome::Refused,
        Seen { http2: true, .. } => Outcome::MaybeProcessed,
        Seen { bytes_out: 0, .. } => Outcome::Connect { phase: Phase::Handshake },
        Seen { reused: true, bytes_in: 0, .. } => Outcome::StaleReuse,
        _ => Outcome::MaybeProcessed,
    }
}

/// What may have happened where the server refused the client's certificate. With TLS 1.3 it says so when the client
/// takes the handshake for complete, and nothing has come from it (RFC 8446 §4.4.2.4).
#[cfg(feature = "tls")]
pub(crate) fn of_refusal(bytes_in: u64) -> Outcome {
    if bytes_in == 0 { Outcome::Connect { phase: Phase::Tls } } else { Outcome::MaybeProcessed }
}

/// Whether the server said that it did not process the request
/// ([RFC 9113 §8.7](https://www.rfc-editor.org/rfc/rfc9113#section-8.7)).
fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_on_the_wire_decides() {
        let handshake = Outcome::Connect { phase: Phase::Handshake };
        for (http2, reused, bytes_in, bytes_out, ours, expected) in [
            (false, true, 0, 40, false, Outcome::StaleReuse),
            (false, true, 1, 40, false, Outcome::MaybeProcessed),
            (false, false, 0, 40, false, Outcome::MaybeProcessed),
            (false, true, 0, 0, false, handshake),
            (false, false, 0, 0, false, handshake),
            (false, true, 0, 40, true, Outcome::MaybeProcessed),
            (true, true, 0, 0, false, Outcome::MaybeProcessed),
        ] {
            let seen = Seen { http2, reused, bytes_in, bytes_out, ours };
            assert_eq!(of(seen, &std::fmt::Error), expected, "{seen:?}");
        }
    }

    #[test]
    fn only_the_peers_own_refusal_counts() {
        let seen = Seen { http2: true, reused: true, bytes_in: 1, bytes_out: 1, ours: false };
        let local = h2::Error::from(h2::Reason::REFUSED_STREAM);
        assert_eq!(of(seen, &local), Outcome::MaybeProcessed);
    }
}
