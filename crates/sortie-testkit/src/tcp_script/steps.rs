use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::Gate;
use crate::count::PATIENCE;

/// What a scripted server does with one connection, step by step.
///
/// A step that takes longer than the [deadline](Self::deadline), or finds other bytes than it expects, fails: the
/// connection is reset and the server's [`finish`](crate::TcpScript::finish), or else its drop, panics with the
/// connection, the step and the reason. A client that goes away ends the script early, which is no failure.
///
/// [`close`](Self::close), [`reset`](Self::reset) and [`hold`](Self::hold) end a script; one that ends without them
/// closes.
#[derive(Clone, Debug)]
#[must_use = "steps do nothing until a server runs them"]
pub struct Steps {
    pub(super) steps: Vec<Step>,
    pub(super) deadline: Duration,
}

#[derive(Clone)]
pub(super) enum Step {
    ReadHead,
    ReadRequest,
    Read(usize),
    Expect(Bytes),
    ReadToEnd,
    Send(Bytes),
    SendSlowly(Bytes),
    Pause(Gate),
    Sleep(Duration),
    Close,
    Reset,
    Hold,
}

impl Steps {
    /// No steps yet.
    pub fn new() -> Self {
        Self { steps: Vec::new(), deadline: PATIENCE }
    }

    /// How long each step may take by tokio's clock; the default is 10 seconds.
    ///
    /// With a paused clock, make it longer than what the test waits for.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Reads a request's head, up to and including the blank line.
    pub fn read_head(self) -> Self {
        self.then(Step::ReadHead)
    }

    /// Reads a request with its body, which is as long as `Content-Length` says, or chunked.
    pub fn read_request(self) -> Self {
        self.then(Step::ReadRequest)
    }

    /// Reads this many octets.
    pub fn read(self, octets: usize) -> Self {
        self.then(Step::Read(octets))
    }

    /// Reads exactly these bytes; others, or an end before them, are a failure.
    pub fn expect(self, bytes: impl Into<Bytes>) -> Self {
        self.then(Step::Expect(bytes.into()))
    }

    /// Reads until the client closes or resets the connection, which it must do within the deadline.
    pub fn read_to_end(self) -> Self {
        self.then(Step::ReadToEnd)
    }

    /// Sends these bytes at once.
    pub fn send(self, bytes: impl Into<Bytes>) -> Self {
        self.then(Step::Send(bytes.into()))
    }

    /// Sends these bytes one by one, each in a write of its own. A slow client may still read several together.
    pub fn send_slowly(self, bytes: impl Into<Bytes>) -> Self {
        self.then(Step::SendSlowly(bytes.into()))
    }

    /// Waits until the test [opens](Gate::open) the gate.
    pub fn pause(self, gate: &Gate) -> Self {
        self.then(Step::Pause(gate.clone()))
    }

    /// Waits by tokio's clock, which the test should have paused. The deadline does not apply.
    pub fn sleep(self, duration: Duration) -> Self {
        self.then(Step::Sleep(duration))
    }

    /// Closes the connection with a FIN, and goes on reading until the client closes it as well, so that bytes which
    /// nobody read do not turn the FIN into a reset.
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// Resets the connection: a TCP RST, which the client sees as `ConnectionReset`, and which may overtake what was
    /// sent before. In memory, where there is no such thing, both directions end at once.
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    /// Sends nothing more, and reads until the client goes away. No deadline applies.
    pub fn hold(self) -> Self {
        self.then(Step::Hold)
    }

    fn then(mut self, step: Step) -> Self {
        if let Some(last @ (Step::Close | Step::Reset | Step::Hold)) = self.steps.last() {
            panic!("`{step}` can never run: `{last}` before it ends the script");
        }
        self.steps.push(step);
        self
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self::new()
    }
}

/// The call that made the step.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadHead => f.write_str("read_head()"),
            Self::ReadRequest => f.write_str("read_request()"),
            Self::Read(octets) => write!(f, "read({octets})"),
            Self::Expect(bytes) => write!(f, "expect({})", Excerpt(bytes)),
            Self::ReadToEnd => f.write_str("read_to_end()"),
            Self::Send(bytes) => write!(f, "send({})", Excerpt(bytes)),
            Self::SendSlowly(bytes) => write!(f, "send_slowly({})", Excerpt(bytes)),
            Self::Pause(_) => f.write_str("pause(..)"),
            Self::Sleep(duration) => write!(f, "sleep({duration:?})"),
            Self::Close => f.write_str("close()"),
            Self::Reset => f.write_str("reset()"),
            Self::Hold => f.write_str("hold()"),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The beginning of some bytes, as a string literal.
pub(super) struct Excerpt<'a>(pub(super) &'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        let (shown, rest) = self.0.split_at(self.0.len().min(SHOWN));
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if rest.is_empty() { Ok(()) } else { write!(f, " and {} more octets", rest.len()) }
    }
}
