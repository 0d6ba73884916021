//! The hooks in their order, and how they run.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{request, response};
use sortie_core::{BoxError, BoxFuture};

use super::{Asked, Event, HookFailed};

/// The hooks of one owner.
#[derive(Clone, Default)]
pub(super) struct Chain {
    pub(super) request: Vec<RequestHook>,
    pub(super) response: Vec<ResponseHook>,
    pub(super) error: Vec<ErrorHook>,
}

impl Chain {
    pub(super) fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty() && self.error.is_empty()
    }
}

type Done = Result<(), BoxError>;
type RequestHook = Hook<
    dyn Fn(&mut request::Parts) -> Done + Send + Sync,
    dyn for<'a> Fn(&'a mut request::Parts) -> BoxFuture<'a, Done> + Send + Sync,
>;
type ResponseHook = Hook<
    dyn Fn(&mut response::Parts, &Asked) -> Done + Send + Sync,
    dyn for<'a> Fn(&'a mut response::Parts, &'a Asked) -> BoxFuture<'a, Done> + Send + Sync,
>;
type ErrorHook = Hook<
    dyn Fn(&BoxError, &Asked) + Send + Sync,
    dyn for<'a> Fn(&'a BoxError, &'a Asked) -> BoxFuture<'a, ()> + Send + Sync,
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
#[derive(Clone)]
pub(super) struct Chosen([Option<Arc<Chain>>; 2]);

impl Chosen {
    /// `None` if there is nothing to run.
    pub(super) fn new(chains: [Option<&Arc<Chain>>; 2]) -> Option<Self> {
        chains.iter().any(Option::is_some).then(|| Self(chains.map(|chain| chain.cloned())))
    }

    /// Whether anything looks at the answer, and so must be told what was asked.
    pub(super) fn see_answers(&self) -> bool {
        self.0.iter().flatten().any(|chain| !chain.response.is_empty() || !chain.error.is_empty())
    }

    pub(super) fn request(&self, mut parts: request::Parts) -> Run<Result<request::Parts, HookFailed>> {
        let hooks = self.clone();
        Run::start(self.wait(|chain| &chain.request), async move {
            for hook in hooks.each(|chain| &chain.request) {
                let done = match hook {
                    Hook::Sync(hook) => hook(&mut parts),
                    Hook::Async(hook) => hook(&mut parts).await,
                };
                done.map_err(|error| HookFailed::new(Event::Request, error))?;
            }
            Ok(parts)
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

    pub(super) fn error(self, error: BoxError, asked: Asked) -> Run<BoxError> {
        Run::start(self.wait(|chain| &chain.error), async move {
            for hook in self.each(|chain| &chain.error) {
                match hook {
                    Hook::Sync(hook) => hook(&error, &asked),
                    Hook::Async(hook) => hook(&error, &asked).await,
                }
            }
            error
        })
    }

    fn each<'a, T: 'a>(&'a self, hooks: fn(&Chain) -> &Vec<T>) -> impl Iterator<Item = &'a T> {
        self.0.iter().flatten().flat_map(move |chain| hooks(chain))
    }

    fn wait<S: ?Sized, A: ?Sized>(&self, hooks: fn(&Chain) -> &Vec<Hook<S, A>>) -> bool {
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
