use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, request, response};
use pin_project_lite::pin_project;
use sortie_core::{BoxError, BoxFuture};
use tower_service::Service;

use super::chain::{Chosen, Run};
use super::{Asked, HookFailed, Hooks, Scope};
use crate::again::take_ready;

/// Runs hooks. See the [module](super).
#[derive(Clone, Debug)]
pub struct Hooked<S> {
    inner: S,
    hooks: Hooks,
    scope: Scope,
}

impl<S> Hooked<S> {
    pub(super) fn new(inner: S, hooks: Hooks, scope: Scope) -> Self {
        Self { inner, hooks, scope }
    }
}

impl<S, B, RB> Service<Request<B>> for Hooked<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = HooksFuture<S, B, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(hooks) = Chosen::new(self.scope.choose(request.extensions(), &self.hooks)) else {
            return HooksFuture { stage: Stage::Calling { future: self.inner.call(request) }, watch: None };
        };
        let (parts, body) = request.into_parts();
        match hooks.request(parts) {
            Run::Done(Err(failed)) => HooksFuture { stage: Stage::Refused { error: Some(failed.into()) }, watch: None },
            Run::Done(Ok(parts)) => {
                let watch = Watch::new(hooks, &parts);
                let future = self.inner.call(Request::from_parts(parts, body));
                HooksFuture { stage: Stage::Calling { future }, watch }
            }
            Run::Waiting(run) => {
                let ready = take_ready(&mut self.inner);
                HooksFuture { stage: Stage::Before { run, call: Some(Box::new((ready, body, hooks))) }, watch: None }
            }
        }
    }
}

/// The hooks that see the answer, and what they are told of the request.
struct Watch {
    hooks: Chosen,
    asked: Asked,
}

impl Watch {
    /// Boxed, so that the future of a call without such hooks stays small.
    fn new(hooks: Chosen, parts: &request::Parts) -> Option<Box<Self>> {
        hooks.see_answers().then(|| Box::new(Self { hooks, asked: Asked::of(&parts.method, &parts.uri) }))
    }
}

pin_project! {
    /// The answer of the inner service between the hooks.
    #[must_use = "futures do nothing unless polled"]
    pub struct HooksFuture<S, B, RB>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        stage: Stage<S, B, RB>,
        watch: Option<Box<Watch>>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, B, RB>
    where
        S: Service<Request<B>>,
    {
        // Boxed, as the body below: async hooks are rare, and the future of a call without them stays small.
        Before { run: BoxFuture<'static, Result<request::Parts, HookFailed>>, call: Option<Box<(S, B, Chosen)>> },
        Calling { #[pin] future: S::Future },
        After { run: BoxFuture<'static, Result<response::Parts, HookFailed>>, body: Option<Box<RB>> },
        Failing { run: BoxFuture<'static, BoxError> },
        Refused { error: Option<BoxError> },
    }
}

impl<S, B, RB> Future for HooksFuture<S, B, RB>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.stage.as_mut().project() {
                StageProjection::Before { run, call } => {
                    let parts = ready!(run.as_mut().poll(cx))?;
                    let (mut service, body, hooks) = *call.take().expect(POLLED_ON);
                    *this.watch = Watch::new(hooks, &parts);
                    Stage::Calling { future: service.call(Request::from_parts(parts, body)) }
                }
                StageProjection::Calling { future } => {
                    let answer = ready!(future.poll(cx)).map_err(Into::into);
                    match this.watch.take() {
                        None => return Poll::Ready(answer),
                        Some(watch) => match answered(*watch, answer) {
                            Answered::Done(answer) => return Poll::Ready(answer),
                            Answered::After(run, body) => Stage::After { run, body: Some(Box::new(body)) },
                            Answered::Failing(run) => Stage::Failing { run },
                        },
                    }
                }
                StageProjection::After { run, body } => {
                    let parts = ready!(run.as_mut().poll(cx))?;
                    return Poll::Ready(Ok(Response::from_parts(parts, *body.take().expect(POLLED_ON))));
                }
                StageProjection::Failing { run } => return run.as_mut().poll(cx).map(Err),
                StageProjection::Refused { error } => return Poll::Ready(Err(error.take().expect(POLLED_ON))),
            };
            this.stage.set(next);
        }
    }
}

const POLLED_ON: &str = "a future is not polled after its end";

/// An answer after its hooks, or the hooks that it waits for.
enum Answered<RB> {
    Done(Result<Response<RB>, BoxError>),
    After(BoxFuture<'static, Result<response::Parts, HookFailed>>, RB),
    Failing(BoxFuture<'static, BoxError>),
}

fn answered<RB>(watch: Watch, answer: Result<Response<RB>, BoxError>) -> Answered<RB> {
    match answer {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            match watch.hooks.response(parts, watch.asked) {
                Run::Done(Ok(parts)) => Answered::Done(Ok(Response::from_parts(parts, body))),
                Run::Done(Err(failed)) => Answered::Done(Err(failed.into())),
                Run::Waiting(run) => Answered::After(run, body),
            }
        }
        Err(error) => match watch.hooks.error(error, watch.asked) {
            Run::Done(error) => Answered::Done(Err(error)),
            Run::Waiting(run) => Answered::Failing(run),
        },
    }
}

impl<S, B, RB> fmt::Debug for HooksFuture<S, B, RB>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HooksFuture").finish_non_exhaustive()
    }
}
