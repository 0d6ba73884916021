//! What the layers that may call their service more than once have in common.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Extensions, Request, Response, request};
use pin_project_lite::pin_project;
use sortie_core::{BoxError, BoxFuture, PerRequest};

pin_project! {
    /// The answer of the first call of the inner service, or of the calls that it led to. Only those are boxed: nearly
    /// all calls end with the first answer, and pay for nothing more.
    #[must_use = "futures do nothing unless polled"]
    pub struct FirstThenLoop<F, R, RB> {
        #[pin]
        stage: Stage<F, R, RB>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F, R, RB> {
        First { #[pin] future: F, rest: Option<R> },
        Loop { future: BoxFuture<'static, Result<Response<RB>, BoxError>> },
    }
}

/// What may follow the first answer. Public as a bound of a public future, and nobody else's to implement.
pub trait After<RB> {
    /// Reads the first answer.
    fn after(self, first: Result<Response<RB>, BoxError>) -> Next<RB>;
}

/// What follows the first answer.
#[expect(missing_debug_implementations, reason = "never outside this crate")]
pub enum Next<RB> {
    /// Nothing: this is the call's answer.
    Done(Result<Response<RB>, BoxError>),
    /// The loop of further calls.
    Loop(BoxFuture<'static, Result<Response<RB>, BoxError>>),
}

/// That nothing follows the first answer: for a layer that knows before the first call whether there will be others.
#[derive(Debug)]
pub enum Nothing {}

impl<RB> After<RB> for Nothing {
    fn after(self, _: Result<Response<RB>, BoxError>) -> Next<RB> {
        match self {}
    }
}

impl<F, R, RB> FirstThenLoop<F, R, RB> {
    /// `rest` decides what follows the answer of `future`; without it, nothing does.
    pub(crate) fn new(future: F, rest: Option<R>) -> Self {
        Self { stage: Stage::First { future, rest } }
    }

    /// Without a first call that could be made at once.
    pub(crate) fn run(future: impl Future<Output = Result<Response<RB>, BoxError>> + Send + 'static) -> Self {
        Self { stage: Stage::Loop { future: Box::pin(future) } }
    }
}

impl<F, R, RB, E> Future for FirstThenLoop<F, R, RB>
where
    F: Future<Output = Result<Response<RB>, E>>,
    R: After<RB>,
    E: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let future = match stage.as_mut().project() {
                StageProjection::Loop { future } => return future.as_mut().poll(cx),
                StageProjection::First { future, rest } => {
                    let first = ready!(future.poll(cx)).map_err(Into::into);
                    let Some(rest) = rest.take() else { return Poll::Ready(first) };
                    match rest.after(first) {
                        Next::Done(answer) => return Poll::Ready(answer),
                        Next::Loop(future) => future,
                    }
                }
            };
            stage.set(Stage::Loop { future });
        }
    }
}

impl<F, R, RB> fmt::Debug for FirstThenLoop<F, R, RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstThenLoop").finish_non_exhaustive()
    }
}

/// The service that was polled ready; a clone, of which nobody knows that yet, is left in its place.
pub(crate) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    std::mem::replace(service, clone)
}

/// The options that count for a request of these extensions; `None` if it switches the layer off.
pub(crate) fn options<T>(layer: &Arc<T>, extensions: &Extensions) -> Option<Arc<T>>
where
    T: Clone + Send + Sync + 'static,
{
    match PerRequest::of(extensions) {
        None => Some(layer.clone()),
        Some(PerRequest::Use(options)) => Some(Arc::new(T::clone(options))),
        Some(PerRequest::Off) => None,
    }
}

/// A copy of a request's head, taken before it is sent, from which the next one can be made.
pub(crate) fn snapshot<B>(request: &Request<B>) -> request::Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.version = request.version();
    head.headers = request.headers().clone();
    head.extensions = request.extensions().clone();
    head
}
