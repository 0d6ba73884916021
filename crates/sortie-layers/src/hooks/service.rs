use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, request, response};
use pin_project_lite::pin_project;
use sortie_core::{BoxError, BoxFuture};
use tower_service::Service;

use super::chain::{Chosen, Failed, Prepared, Run};
use super::{Asked, HookFailed, Hooks, Scope};
use crate::again::take_ready;

/// Runs hooks. See the [module](super).
pub struct Hooked<S, RB> {
    inner: S,
    hooks: Hooks<RB>,
    scope: Scope,
}

impl<S, RB> Hooked<S, RB> {
    pub(super) fn new(inner: S, hooks: Hooks<RB>, scope: Scope) -> Self {
        Self { inner, hooks, scope }
    }
}

// Not derived: that would ask the same of the body.
impl<S: Clone, RB> Clone for Hooked<S, RB> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), hooks: self.hooks.clone(), scope: self.scope }
    }
}

impl<S: fmt::Debug, RB> fmt::Debug for Hooked<S, RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooked").field("inner", &self.inner).field("hooks", &self.hooks).finish_non_exhaustive()
    }
}

impl<S, B, RB> Service<Request<B>> for Hooked<S, RB>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    RB: 'static,
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
        let run = match hooks.request(parts) {
            Run::Done(done) => done,
            Run::Waiting(run) => {
                let ready = take_ready(&mut self.inner);
                let call = Some(Box::new((ready, body, hooks)));
                return HooksFuture { stage: Stage::Before { run, call }, watch: None };
            }
        };
        match run {
            Err(failed) => HooksFuture { stage: Stage::ended(Err(failed.into())), watch: None },
            Ok((parts, None)) => {
                let watch = Watch::new(hooks, &parts);
                let future = self.inner.call(Request::from_parts(parts, body));
                HooksFuture { stage: Stage::Calling { future }, watch }
            }
            Ok((parts, Some(answer))) => {
                HooksFuture { stage: Watched::answer(Watch::new(hooks, &parts), Ok(answer)).stage(), watch: None }
            }
        }
    }
}

/// The hooks that see the answer, and what they are told of the request.
struct Watch<RB> {
    hooks: Chosen<RB>,
    asked: Asked,
}

impl<RB: 'static> Watch<RB> {
    /// Boxed, so that the future of a call without such hooks stays small.
    fn new(hooks: Chosen<RB>, parts: &request::Parts) -> Option<Box<Self>> {
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
        watch: Option<Box<Watch<RB>>>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, B, RB>
    where
        S: Service<Request<B>>,
    {
        // Boxed, as the body and the answer below: these are rare, and the future of a call without them stays small.
        Before { run: BoxFuture<'static, Prepared<RB>>, call: Option<Box<(S, B, Chosen<RB>)>> },
        Calling { #[pin] future: S::Future },
        Failing { run: BoxFuture<'static, Failed<RB>> },
        After { run: BoxFuture<'static, Result<response::Parts, HookFailed>>, body: Option<Box<RB>> },
        Ended { end: Option<Box<Result<Response<RB>, BoxError>>> },
    }
}

impl<S: Service<Request<B>>, B, RB> Stage<S, B, RB> {
    fn ended(end: Result<Response<RB>, BoxError>) -> Self {
        Self::Ended { end: Some(Box::new(end)) }
    }
}

impl<S, B, RB> Future for HooksFuture<S, B, RB>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
    RB: 'static,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let watched = match this.stage.as_mut().project() {
                StageProjection::Before { run, call } => {
                    let (parts, answer) = ready!(run.as_mut().poll(cx))?;
                    let (mut service, body, hooks) = *call.take().expect(POLLED_ON);
                    let watch = Watch::new(hooks, &parts);
                    match answer {
                        Some(answer) => Watched::answer(watch, Ok(answer)),
                        None => {
                            *this.watch = watch;
                            let future = service.call(Request::from_parts(parts, body));
                            this.stage.set(Stage::Calling { future });
                            continue;
                        }
                    }
                }
                StageProjection::Calling { future } => {
                    let end = ready!(future.poll(cx)).map_err(Into::into);
                    Watched::answer(this.watch.take(), end)
                }
                StageProjection::Failing { run } => Watched::after_failure(ready!(run.as_mut().poll(cx))),
                StageProjection::After { run, body } => {
                    let parts = ready!(run.as_mut().poll(cx))?;
                    return Poll::Ready(Ok(Response::from_parts(parts, *body.take().expect(POLLED_ON))));
                }
                StageProjection::Ended { end } => return Poll::Ready(*end.take().expect(POLLED_ON)),
            };
            match watched {
                Watched::Done(end) => return Poll::Ready(end),
                waiting => this.stage.set(waiting.stage()),
            }
        }
    }
}

const POLLED_ON: &str = "a future is not polled after its end";

/// An answer after its hooks, or the hooks that it waits for.
enum Watched<RB> {
    Done(Result<Response<RB>, BoxError>),
    Failing(BoxFuture<'static, Failed<RB>>),
    After(BoxFuture<'static, Result<response::Parts, HookFailed>>, RB),
}

impl<RB: 'static> Watched<RB> {
    fn answer(watch: Option<Box<Watch<RB>>>, end: Result<Response<RB>, BoxError>) -> Self {
        let Some(watch) = watch else { return Self::Done(end) };
        let Watch { hooks, asked } = *watch;
        match end {
            Ok(response) => Self::after(hooks, asked, response),
            Err(error) => match hooks.error(error, asked) {
                Run::Done(failed) => Self::after_failure(failed),
                Run::Waiting(run) => Self::Failing(run),
            },
        }
    }

    /// An error hook's answer passes the response hooks as any other.
    fn after_failure(Failed { end, hooks, asked }: Failed<RB>) -> Self {
        match end {
            Ok(response) => Self::after(hooks, asked, response),
            Err(error) => Self::Done(Err(error)),
        }
    }

    fn after(hooks: Chosen<RB>, asked: Asked, response: Response<RB>) -> Self {
        let (parts, body) = response.into_parts();
        match hooks.response(parts, asked) {
            Run::Done(Ok(parts)) => Self::Done(Ok(Response::from_parts(parts, body))),
            Run::Done(Err(failed)) => Self::Done(Err(failed.into())),
            Run::Waiting(run) => Self::After(run, body),
        }
    }

    fn stage<S: Service<Request<B>>, B>(self) -> Stage<S, B, RB> {
        match self {
            Self::Done(end) => Stage::ended(end),
            Self::Failing(run) => Stage::Failing { run },
            Self::After(run, body) => Stage::After { run, body: Some(Box::new(body)) },
        }
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
