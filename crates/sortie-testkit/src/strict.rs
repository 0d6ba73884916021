use std::task::{Context, Poll};

use tower_service::Service;

/// Holds its callers to tower's contract: `call` only after `poll_ready` has returned ready, on the very clone that is
/// called, once for each call.
///
/// A `call` that breaks it panics. A clone is never ready, whatever its original was, and each new readiness takes a
/// few polls that return pending (by default one), so that a caller that polls once and goes on is caught as well.
///
/// ```should_panic
/// use sortie_testkit::{Scripted, Strict, status};
/// use tower::{Service, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut service = Strict::new(Scripted::<String>::new([status(200)]));
/// service.ready().await.unwrap();
/// let _ = service.clone().call(http::Request::default()).await; // the clone was never asked
/// # }
/// ```
#[derive(Debug)]
pub struct Strict<S> {
    inner: S,
    polls: usize,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// This many polls return pending before the inner service is asked.
    Pending(usize),
    Ready,
}

impl<S> Strict<S> {
    /// Wraps a service. It is ready at the second poll at the earliest.
    pub fn new(inner: S) -> Self {
        Self { inner, polls: 1, state: State::Pending(1) }
    }

    /// How many polls return pending before it is ready, for each call anew; the default is 1.
    #[must_use]
    pub fn polls(self, polls: usize) -> Self {
        Self { polls, state: State::Pending(polls), ..self }
    }

    /// The service inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Clone> Clone for Strict<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), polls: self.polls, state: State::Pending(self.polls) }
    }
}

impl<S: Service<R>, R> Service<R> for Strict<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if let State::Pending(left @ 1..) = self.state {
            self.state = State::Pending(left - 1);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let ready = self.inner.poll_ready(cx);
        if matches!(ready, Poll::Ready(Ok(()))) {
            self.state = State::Ready;
        }
        ready
    }

    fn call(&mut self, request: R) -> S::Future {
        assert!(
            matches!(self.state, State::Ready),
            "`call` without a `poll_ready` on this very clone that returned ready (tower_service::Service::call)",
        );
        self.state = State::Pending(self.polls);
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scripted, status};
    use http::Request;
    use sortie_core::Body;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::Waker;

    fn poll<S: Service<Request<Body>>>(service: &mut S) -> bool {
        service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn call_panics(service: &mut Strict<Scripted>) -> bool {
        catch_unwind(AssertUnwindSafe(|| drop(service.call(Request::new(Body::empty()))))).is_err()
    }

    fn strict() -> Strict<Scripted> {
        Strict::new(Scripted::answering(|_, _| status(200)))
    }

    #[test]
    fn it_is_ready_after_as_many_pending_polls_as_asked_for_and_once_per_call() {
        for polls in [0, 1, 3] {
            let mut service = strict().polls(polls);
            for _ in 0..2 {
                assert!(call_panics(&mut service));
                assert!((0..polls).all(|_| !poll(&mut service)));
                assert!(poll(&mut service) && poll(&mut service));
                assert!(!call_panics(&mut service));
            }
        }
    }

    #[test]
    fn a_clone_is_not_ready() {
        let mut service = strict();
        while !poll(&mut service) {}
        assert!(call_panics(&mut service.clone()));
        assert!(!call_panics(&mut service));
    }
}
