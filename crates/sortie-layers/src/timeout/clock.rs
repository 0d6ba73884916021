use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use sortie_core::{Deadline, Elapsed, Phase};
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// A limit that is running. It goes with the response, from the future of its head to its body.
    pub(super) struct Clock {
        elapsed: Elapsed,
        at: Instant,
        // The timer, made at the first wait: most bodies are there with their head and need none.
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Clock {
    /// Starts now; `None` without a limit, and for one beyond the end of time.
    ///
    /// Boxed: the futures and bodies that have room for one are moved through every layer, and few calls have one.
    pub(super) fn start(phase: Phase, limit: Option<Duration>) -> Option<Pin<Box<Self>>> {
        let limit = limit?;
        let at = Instant::now().checked_add(limit)?;
        Some(Box::pin(Self { elapsed: Elapsed::new(phase, limit), at, sleep: None }))
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::new(self.at.into_std())
    }

    /// Whether the limit has run out, without a wait for it.
    pub(super) fn check(&self) -> Result<(), Elapsed> {
        if Instant::now() < self.at { Ok(()) } else { Err(self.elapsed) }
    }

    /// Waits for the limit to run out.
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Elapsed> {
        let mut this = self.project();
        if this.sleep.is_none() {
            this.sleep.set(Some(sleep_until(*this.at)));
        }
        let sleep = this.sleep.as_pin_mut().expect("it was there or has been made");
        sleep.poll(cx).map(|()| *this.elapsed)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("phase", &self.elapsed.phase()).field("limit", &self.elapsed.limit()).finish()
    }
}
