//! A request that waits for a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use sortie_core::{Elapsed, Fault, Outcome, Phase};
use tokio::time::{Instant, Sleep};

use super::exchange::Call;
use super::{State, begin};
use crate::error::AcquireTimeout;
use crate::events::Event;
use crate::moment::Moment;
use crate::pool::origin::Origin;
use crate::pool::state::{self, Grant};
use crate::timeouts::{Limits, after, clock};
use crate::upload::Upload;

/// A request without a connection.
pub(super) struct Waiting {
    origin: Arc<Origin>,
    work: Option<(Request<Upload>, Call)>,
    limits: Limits,
    place: Option<state::Ticket>,
    clock: Option<Pin<Box<Sleep>>>,
    since: Moment,
}

impl Waiting {
    pub(super) fn new(origin: Arc<Origin>, request: Request<Upload>, call: Call) -> Box<Self> {
        let limits = origin.shared().limits.of(request.extensions());
        let (work, since) = (Some((request, call)), origin.shared().epoch.now());
        Box::new(Self { origin, work, limits, place: None, clock: None, since })
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<State> {
        let granted = match self.place {
            Some(place) => self.origin.poll(place, cx.waker()),
            None => {
                let front = self.work.as_ref().is_some_and(|(_, call)| call.unserved > 0);
                match self.origin.acquire(cx.waker(), front, self.limits.connect) {
                    Ok(granted) => Some(granted),
                    Err(place) => {
                        self.place = Some(place);
                        // A connect that could not even begin has been answered already.
                        self.origin.poll(place, cx.waker())
                    }
                }
            }
        };
        if let Some(granted) = granted {
            self.place = None;
            return Poll::Ready(match self.work.take() {
                Some((request, mut call)) => {
                    let waited = self.waited();
                    if !matches!(granted, Grant::Failed(_)) {
                        self.origin.counters.waited(waited);
                    }
                    call.queued += waited;
                    begin(granted, request, call)
                }
                None => State::Failed(None),
            });
        }
        self.poll_clock(cx)
    }

    fn waited(&self) -> Duration {
        self.origin.shared().epoch.now().since(self.since)
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<State> {
        let Some(limit) = self.limits.acquire else { return Poll::Pending };
        if self.clock.is_none() {
            self.clock = clock(after(Instant::now(), limit));
        }
        let Some(clock) = &mut self.clock else { return Poll::Pending };
        while clock.as_mut().poll(cx).is_ready() {
            let Some(place) = self.place else { return Poll::Pending };
            let state = self.origin.lock();
            if state.is_covered(place) {
                // It waits for the network, which has a limit of its own.
                drop(state);
                clock.as_mut().reset(after(Instant::now(), limit.max(Duration::from_millis(1))));
                continue;
            }
            let shared = self.origin.shared();
            let cap = Some(shared.caps.connections).filter(|cap| *cap != usize::MAX);
            let error = AcquireTimeout::new(
                state.open() + state.connecting(),
                state.waiting(),
                [cap, shared.total_cap(), state.is_http2().then_some(shared.caps.http2)],
                Elapsed::new(Phase::Acquire, limit),
            );
            drop(state);
            self.origin.tell(|origin| Event::AcquireTimedOut { origin, waited: self.waited() });
            return Poll::Ready(State::Failed(Some(Fault::new(Outcome::AcquireTimeout, error).into())));
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            drop(self.origin.with(|state, effects| state.leave(place, effects)));
        }
    }
}
