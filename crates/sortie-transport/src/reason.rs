use std::fmt;

/// Why a connection was closed, or left the pool in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum CloseReason {
    /// It was idle for [`idle_timeout`](crate::TransportOptions::idle_timeout), or for as long as the server had said in
    /// `Keep-Alive`.
    Idle,
    /// It was as old as [`max_lifetime`](crate::TransportOptions::max_lifetime) allows.
    Lifetime,
    /// It had served as many requests as
    /// [`max_requests_per_connection`](crate::TransportOptions::max_requests_per_connection) allows.
    Requests,
    /// It was idle, and one of the limits on connections wanted its place for another.
    Room,
    /// The server ended it: by closing it, by `Connection: close`, by HTTP/1.0 or by GOAWAY.
    Server,
    /// The byte stream failed, or what came over it was no HTTP.
    Failed,
    /// A call or a body was dropped, or a limit of time ran out, and what was left was more than is read for the sake of
    /// a connection.
    Dropped,
    /// The answer had ended and the upload had not, and did not soon.
    Unfinished,
    /// [`Transport::retire`](crate::Transport::retire) chose it.
    Retired,
    /// The transport was closed, or its last handle dropped.
    Closed,
    /// Its tokio runtime was shut down.
    Runtime,
    /// It was handed over to whoever took the upgrade, and has ended since.
    Upgraded,
}

impl CloseReason {
    pub(crate) const ALL: [Self; 12] = [
        Self::Idle,
        Self::Lifetime,
        Self::Requests,
        Self::Room,
        Self::Server,
        Self::Failed,
        Self::Dropped,
        Self::Unfinished,
        Self::Retired,
        Self::Closed,
        Self::Runtime,
        Self::Upgraded,
    ];

    /// One word, in lower case, as a label of metrics wants it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Lifetime => "lifetime",
            Self::Requests => "requests",
            Self::Room => "room",
            Self::Server => "server",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::Unfinished => "unfinished",
            Self::Retired => "retired",
            Self::Closed => "closed",
            Self::Runtime => "runtime",
            Self::Upgraded => "upgraded",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_stands_at_its_own_number() {
        for (at, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at, "{reason}");
        }
    }
}
