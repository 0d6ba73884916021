//! What happens after an attempt: asking what follows, and the loop.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use sortie_core::{BoxError, BoxFuture, Deadline, Replay, call_when_ready};
use tokio::time::Instant;
use tower_service::Service;

use super::decide::{Moment, Weighed, Wish, weigh, wish};
use super::tried::{Asked, End, Ended, Tried};
use super::{Attempt, AttemptEnd, Attempts, Budget, Failed, Next, NotReplayable, RetryOptions, Stop};
use crate::again::{self, Head, leave_head};
use crate::redirect::is_redirect;

type Answer<RB> = Result<Response<RB>, BoxError>;

/// What counts for all attempts of a call.
pub(super) struct Plan {
    pub(super) options: Arc<RetryOptions>,
    pub(super) budget: Option<Budget>,
    pub(super) idempotent: bool,
    pub(super) deadline: Option<Deadline>,
    /// When the first attempt began.
    pub(super) began: Instant,
    /// What was asked, if a closure is to know.
    pub(super) asked: Option<Box<Asked>>,
    /// There may be a second attempt; else the head is kept for Redirect alone.
    pub(super) repeats: bool,
    /// Whether Redirect looks for the request's head in a redirect.
    pub(super) shared: bool,
}

impl Plan {
    fn ended<'a, RB>(&self, answer: &'a Answer<RB>, sends: usize) -> Ended<'a> {
        let end = match answer {
            Ok(response) => End::Answer(response.status(), response.headers()),
            Err(error) => End::Error(error),
        };
        Ended { end, idempotent: self.idempotent, sends }
    }

    /// What the limits make of a wish. Nearly every call ends with its first attempt and does not come here.
    fn weigh(&self, ended: &Ended<'_>, wish: Wish, previous: Duration) -> Step {
        let left = |deadline: Deadline| Instant::from_std(deadline.at).saturating_duration_since(Instant::now());
        let elapsed = self.began.elapsed();
        let (left, random) = (self.deadline.map(left), fastrand::f64());
        let moment = Moment { now: SystemTime::now(), elapsed, left, previous, random };
        Step { weighed: weigh(&self.options, ended, wish, moment), elapsed }
    }

    /// What is left of what the limits allow if the request can be sent at all, and is paid for.
    fn pay<T>(&self, next: Next, request: impl FnOnce() -> Option<T>) -> (Next, Option<T>) {
        let Next::Retried { .. } = next else { return (next, None) };
        match request() {
            None => (Next::Stopped(Stop::NotReplayable), None),
            Some(_) if !self.budget.as_ref().is_none_or(Budget::withdraw) => (Next::Stopped(Stop::BudgetEmpty), None),
            request => (next, request),
        }
    }

    /// Notes an attempt, and tells whom it concerns.
    fn note(&self, ended: &Ended<'_>, step: &Step, next: Next) -> Attempt {
        let end = match ended.end {
            End::Answer(status, _) => AttemptEnd::Answered(status),
            End::Error(error) => AttemptEnd::failed(&**error),
        };
        let Step { weighed: Weighed { retry_after, .. }, elapsed } = *step;
        let attempt = Attempt { end, retry_after, elapsed, next };
        if let Some(asked) = &self.asked {
            let tried = Tried { asked, ended: *ended };
            self.options.observers.iter().for_each(|observer| observer.tell(&tried, &attempt));
        }
        attempt
    }
}

/// What the limits allow after an attempt.
#[derive(Debug)]
pub struct Step {
    weighed: Weighed,
    elapsed: Duration,
}

/// What is kept to send a request again with: a part of the future's type.
pub struct Rest<S, B> {
    pub(super) service: S,
    pub(super) spare: Option<(Head, B)>,
    pub(super) plan: Plan,
}

impl<S, B> fmt::Debug for Rest<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

impl<S, B, RB> again::After<RB> for Rest<S, B>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError> + Send, Future: Send> + Send + 'static,
    B: Replay + Send + 'static,
    RB: Send + 'static,
{
    type Step = Step;

    fn next(&self, first: &mut Answer<RB>) -> Option<Step> {
        if self.plan.repeats {
            let ended = self.plan.ended(first, 1);
            let wish = wish(&self.plan.options, &ended, self.plan.asked.as_deref());
            if wish != Wish::Stop(Stop::NotRetried) {
                return Some(self.plan.weigh(&ended, wish, Duration::ZERO));
            }
        }
        if self.plan.shared {
            share(first, self.spare.as_ref());
        }
        None
    }

    fn run(self, step: Step, first: Answer<RB>) -> BoxFuture<'static, Answer<RB>> {
        Box::pin(repeat(self, first, step))
    }
}

/// Sends again for as long as the plan says so.
async fn repeat<S, B, RB>(rest: Rest<S, B>, first: Answer<RB>, mut step: Step) -> Answer<RB>
where
    S: Service<Request<B>, Response = Response<RB>, Error: Into<BoxError>>,
    B: Replay,
{
    let Rest { mut service, spare, plan } = rest;
    let (mut answer, mut attempts) = (first, Vec::new());
    loop {
        let (next, request) = plan.pay(step.weighed.next, || spare.as_ref().and_then(again));
        attempts.push(plan.note(&plan.ended(&answer, attempts.len() + 1), &step, next));
        let (Next::Retried { wait, .. }, Some(request)) = (next, request) else { break };
        drop(answer);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        answer = call_when_ready(&mut service, request).await.map_err(Into::into);
        let ended = plan.ended(&answer, attempts.len() + 1);
        let wish = wish(&plan.options, &ended, plan.asked.as_deref());
        step = plan.weigh(&ended, wish, step.weighed.backoff);
    }
    if plan.shared {
        share(&mut answer, spare.as_ref());
    }
    mark(answer, Attempts::new(attempts))
}

/// Leaves the head of the request with a redirect.
fn share<B, RB>(answer: &mut Answer<RB>, spare: Option<&(Head, B)>) {
    if let (Ok(response), Some((head, _))) = (answer, spare)
        && is_redirect(response.status())
    {
        leave_head(response, head);
    }
}

fn again<B: Replay>((head, body): &(Head, B)) -> Option<Request<B>> {
    Some(Request::from_parts(head.to_parts(), body.replay()?))
}

fn mark<RB>(answer: Answer<RB>, attempts: Attempts) -> Answer<RB> {
    let by_body = attempts.stop() == Some(Stop::NotReplayable);
    match answer {
        Ok(mut response) => {
            response.extensions_mut().insert(attempts);
            Ok(response)
        }
        Err(error) if by_body && attempts.count() == 1 => Err(NotReplayable::new(error).into()),
        Err(error) if by_body => Err(Failed::new(attempts, NotReplayable::new(error).into()).into()),
        Err(error) => Err(Failed::new(attempts, error).into()),
    }
}
