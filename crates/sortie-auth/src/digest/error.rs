use std::error::Error;
use std::fmt;

use sortie_core::auth::Recipient;

/// The server or proxy did not prove that it knows the password, though it meant to: its `rspauth` is wrong.
///
/// It is another one than the one that was asked, its answer was changed on the way, or it computes the value wrongly; for
/// the last there is [`ServerProof::Ignore`](super::ServerProof::Ignore). The request has been sent, and may have had
/// its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongProof {
    recipient: Recipient,
}

impl WrongProof {
    pub(super) fn new(recipient: Recipient) -> Self {
        Self { recipient }
    }

    /// Whose proof it is.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }
}

impl fmt::Display for WrongProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.recipient == Recipient::Proxy { "proxy" } else { "server" };
        write!(
            f,
            "Digest: the {who}'s rspauth is not that of one that knows the password (to take its answers all the same: \
             ServerProof::Ignore)"
        )
    }
}

impl Error for WrongProof {}
