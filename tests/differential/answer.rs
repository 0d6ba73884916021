//! What a scripted server sends: octets, waits and ends.

use std::time::Duration;

use http::StatusCode;

/// An answer as it goes over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) steps: Vec<Step>,
    /// Whether the server closes the connection after it.
    pub(crate) ends: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Until the client goes.
    Forever,
    /// The octets of both sides, once a CONNECT has been granted.
    Tunnel,
}

/// An answer with a length and the status's own reason phrase.
pub(crate) fn reply<const N: usize>(status: u16, headers: [(&str, &str); N], body: impl AsRef<[u8]>) -> Answer {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown");
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !matches!(status, 204 | 304) {
        head += &format!("content-length: {}\r\n", body.as_ref().len());
    }
    head += "\r\n";
    Answer { steps: vec![Step::Send([head.as_bytes(), body.as_ref()].concat())], ends: false }
}

/// 200 with a short body.
pub(crate) fn ok() -> Answer {
    reply(200, [], "ok")
}

/// A redirect with a short body.
pub(crate) fn redirect(status: u16, location: &str) -> Answer {
    reply(status, [("location", location)], "moved")
}

/// These octets.
pub(crate) fn raw(octets: impl AsRef<[u8]>) -> Answer {
    Answer { steps: vec![Step::Send(octets.as_ref().to_vec())], ends: false }
}

/// The end of the connection instead of an answer.
pub(crate) fn cut() -> Answer {
    Answer { steps: Vec::new(), ends: true }
}

/// No answer.
pub(crate) fn silence() -> Answer {
    Answer { steps: vec![Step::Forever], ends: true }
}

/// What a proxy does with a CONNECT that it has no other answer to.
pub(crate) fn tunnel() -> Answer {
    Answer { steps: vec![Step::Tunnel], ends: true }
}

impl Answer {
    pub(crate) fn is_tunnel(&self) -> bool {
        matches!(*self.steps, [Step::Tunnel])
    }

    /// A wait after what it has so far.
    pub(crate) fn wait(mut self, milliseconds: u64) -> Self {
        self.steps.push(Step::Wait(Duration::from_millis(milliseconds)));
        self
    }

    /// A wait that only the client ends.
    pub(crate) fn stall(mut self) -> Self {
        self.steps.push(Step::Forever);
        self
    }

    /// More octets.
    pub(crate) fn send(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Send(octets.as_ref().to_vec()));
        self
    }

    /// The end of the connection after it. A client that does not see it coming may find out only with its next
    /// request, or before: no scenario can tell which.
    pub(crate) fn ends(self) -> Self {
        Self { ends: true, ..self }
    }

    /// Its head alone.
    pub(crate) fn without_body(mut self) -> Self {
        if let Some(Step::Send(octets)) = self.steps.first_mut()
            && let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n")
        {
            octets.truncate(end + 4);
            self.steps.truncate(1);
        }
        self
    }
}
