use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sortie_core::{Deadline, Elapsed, Phase};
use tokio::time::{Instant, Sleep, sleep_until};

/// A limit that is running. It goes with the response, from the future of its head to its body.
pub(super) struct Clock {
    elapsed: Elapsed,
    at: Instant,
    /// The timer, made at the first wait: most bodies are there with their head and need none.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    /// Starts now; `None` without a limit, and for one beyond the end of time.
    ///
    /// Boxed: the futures and bodies that have room for one are moved through every layer, and few calls have one.
    pub(super) fn start(phase: Phase, limit: Option<Duration>) -> Option<Box<Self>> {
        let limit = limit?;
        let at = Instant::now().checked_add(limit)?;
        Some(Box::new(Self { elapsed: Elapsed::new(phase, limit), at, sleep: None }))
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::new(self.at.into_std())
    }

    /// Whether the limit has run out, without a wait for it.
    pub(super) fn check(&self) -> Result<(), Elapsed> {
        if Instant::now() < self.at { Ok(()) } else { Err(self.elapsed) }
    }

    /// Waits for the limit to run out.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Elapsed> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(self.at)));
        sleep.as_mut().poll(cx).map(|()| self.elapsed)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("phase", &self.elapsed.phase()).field("limit", &self.elapsed.limit()).finish()
    }
}
