//! The hooks in their order, and how they run.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Response, request, response};
use sortie_core::{BoxError, BoxFuture};

use super::{Asked, Event, HookFailed};

/// The hooks of one owner.
pub(super) struct Chain<RB> {
    pub(super) request: Vec<RequestHook<RB>>,
    pub(super) response: Vec<ResponseHook>,
    pub(super) error: Vec<ErrorHook<RB>>,
}

impl<RB> Chain<RB> {
    pub(super) fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty() && self.error.is_empty()
    }
}

// Neither is derived: that would ask the same of the body.
impl<RB> Default for Chain<RB> {
    fn default() -> Self {
        Self { request: Vec::new(), response: Vec::new(), error: Vec::new() }
    }
}

impl<RB> Clone for Chain<RB> {
    fn clone(&self) -> Self {
        Self { request: self.request.clone(), response: self.response.clone(), error: self.error.clone() }
    }
}

/// What a request hook comes to: `Some` if it answers in the place of the service.
pub(super) type Answer<RB> = Result<Option<Response<RB>>, BoxError>;
type Done = Result<(), BoxError>;

pub(super) type RequestHook<RB> = Hook<
    dyn Fn(&mut request::Parts) -> Answer<RB> + Send + Sync,
    dyn for<'a> Fn(&'a mut request::Parts) -> BoxFuture<'a, Answer<RB>> + Send + Sync,
>;
type ResponseHook = Hook<
    dyn Fn(&mut response::Parts, &Asked) -> Done + Send + Sync,
    dyn for<'a> Fn(&'a mut response::Parts, &'a Asked) -> BoxFuture<'a, Done> + Send + Sync,
>;
pub(super) type ErrorHook<RB> = Hook<
    dyn Fn(&BoxError, &Asked) -> Option<Response<RB>> + Send + Sync,
    dyn for<'a> Fn(&'a BoxError, &'a Asked) -> BoxFuture<'a, Option<Response<RB>>> + Send + Sync,
>;

/// A hook that returns at once, or one that may wait.
pub(super) enum Hook<S: ?Sized, A: ?Sized> {
    Sync(Arc<S>),
    Async(Arc<A>),
}

impl<S: ?Sized, A: ?Sized> Clone for Hook<S, A> {
    fn clone(&self) -> Self {
        match self {
            Self::Sync(hook) => Self::Sync(hook.clone()),
            Self::Async(hook) => Self::Async(hook.clone()),
        }
    }
}

/// The hooks that run for one request: the session's, then its own.
pub(super) struct Chosen<RB>([Option<Arc<Chain<RB>>>; 2]);

impl<RB> Clone for Chosen<RB> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A request after its hooks, and the answer of the one that ended the chain with it.
pub(super) type Prepared<RB> = Result<(request::Parts, Option<Response<RB>>), HookFailed>;

/// The end of a failed call after its error hooks: an answer if one of them gave it. Then the response hooks are next.
pub(super) struct Failed<RB> {
    pub(super) end: Result<Response<RB>, BoxError>,
    pub(super) hooks: Chosen<RB>,
    pub(super) asked: Asked,
}

impl<RB: 'static> Chosen<RB> {
    /// `None` if there is nothing to run.
    pub(super) fn new(chains: [Option<&Arc<Chain<RB>>>; 2]) -> Option<Self> {
        chains.iter().any(Option::is_some).then(|| Self(chains.map(|chain| chain.cloned())))
    }

    /// Whether anything looks at the answer, and so must be told what was asked.
    pub(super) fn see_answers(&self) -> bool {
        self.0.iter().flatten().any(|chain| !chain.response.is_empty() || !chain.error.is_empty())
    }

    /// The head as the hooks leave it, and the answer of the one that ended the chain with it.
    pub(super) fn request(&self, mut parts: request::Parts) -> Run<Prepared<RB>> {
        let hooks = self.clone();
        Run::start(self.wait(|chain| &chain.request), async move {
            for hook in hooks.each(|chain| &chain.request) {
                let done = match hook {
                    Hook::Sync(hook) => hook(&mut parts),
                    Hook::Async(hook) => hook(&mut parts).await,
                };
                if let Some(answer) = done.map_err(|error| HookFailed::new(Event::Request, error))? {
                    return Ok((parts, Some(answer)));
                }
            }
            Ok((parts, None))
        })
    }

    pub(super) fn response(self, mut parts: response::Parts, asked: Asked) -> Run<Result<response::Parts, HookFailed>> {
        Run::start(self.wait(|chain| &chain.response), async move {
            for hook in self.each(|chain| &chain.response) {
                let done = match hook {
                    Hook::Sync(hook) => hook(&mut parts, &asked),
                    Hook::Async(hook) => hook(&mut parts, &asked).await,
                };
                done.map_err(|error| HookFailed::new(Event::Response, error))?;
            }
            Ok(parts)
        })
    }

    pub(super) fn error(self, error: BoxError, asked: Asked) -> Run<Failed<RB>> {
        Run::start(self.wait(|chain| &chain.error), async move {
            let answer = 'asked: {
                for hook in self.each(|chain| &chain.error) {
                    let answer = match hook {
                        Hook::Sync(hook) => hook(&error, &asked),
                        Hook::Async(hook) => hook(&error, &asked).await,
                    };
                    if let Some(answer) = answer {
                        break 'asked Some(answer);
                    }
                }
                None
            };
            Failed { end: answer.ok_or(error), hooks: self, asked }
        })
    }

    fn each<'a, T: 'a>(&'a self, hooks: fn(&Chain<RB>) -> &Vec<T>) -> impl Iterator<Item = &'a T> {
        self.0.iter().flatten().flat_map(move |chain| hooks(chain))
    }

    fn wait<S: ?Sized, A: ?Sized>(&self, hooks: fn(&Chain<RB>) -> &Vec<Hook<S, A>>) -> bool {
        self.0.iter().flatten().any(|chain| hooks(chain).iter().any(|hook| matches!(hook, Hook::Async(_))))
    }
}

/// Hooks that have run, or that wait. Only what waits is boxed.
pub(super) enum Run<T> {
    Done(T),
    Waiting(BoxFuture<'static, T>),
}

impl<T> Run<T> {
    fn start(waits: bool, hooks: impl Future<Output = T> + Send + 'static) -> Self {
        if waits {
            return Self::Waiting(Box::pin(hooks));
        }
        match pin!(hooks).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Self::Done(done),
            Poll::Pending => unreachable!("hooks of which none is async end at the first poll"),
        }
    }
}
