use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri, Version, request};
use http_body_util::BodyExt;
use sortie_core::{Body, BoxError, BoxFuture};
use tower_service::Service;

/// A service that answers by a script and records what it was asked.
///
/// The n-th request gets the n-th answer; one more than there are answers fails with an error that says so. Requests
/// are counted when their body has been read to its end: one whose body fails is neither recorded nor answered, its
/// call fails with the body's error.
///
/// It is always ready, and its clones share the script and the record. Readiness is tested with
/// [`Strict`](crate::Strict) around it.
///
/// ```
/// use http::Request;
/// use sortie_core::{Body, call_when_ready};
/// use sortie_testkit::{Scripted, reply, status};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sortie_core::BoxError> {
/// let server = Scripted::new([status(503), reply(200, [("etag", "\"1\"")], "hello")]);
///
/// assert_eq!(call_when_ready(server.clone(), Request::new(Body::empty())).await?.status(), 503);
/// let response = call_when_ready(server.clone(), Request::new(Body::from("ping"))).await?;
/// assert_eq!(response.headers()["etag"], "\"1\"");
/// assert_eq!(server.requests()[1].body, "ping");
/// # Ok(())
/// # }
/// ```
pub struct Scripted<B = Body> {
    shared: Arc<Shared>,
    body: PhantomData<fn(B)>,
}

struct Shared {
    requests: Mutex<Vec<Recorded>>,
    script: Mutex<Box<Script>>,
}

type Script = dyn FnMut(&Recorded, usize) -> Answer + Send;

impl<B> Scripted<B> {
    /// A service that gives these answers, one for each request, in this order.
    pub fn new<A: Into<Answer>>(answers: impl IntoIterator<Item = A>) -> Self {
        let mut answers: VecDeque<Answer> = answers.into_iter().map(Into::into).collect();
        let total = answers.len();
        Self::answering(move |_, _| {
            let exhausted = || Answer::error(format!("the script has {total} answers, and all of them were given"));
            answers.pop_front().unwrap_or_else(exhausted)
        })
    }

    /// A service that computes its answers. The second argument counts the requests from 0.
    pub fn from_fn<F>(mut answer: F) -> Self
    where
        F: FnMut(&Recorded, usize) -> Result<Response<Body>, BoxError> + Send + 'static,
    {
        Self::answering(move |request, n| answer(request, n))
    }

    /// Like [`from_fn`](Self::from_fn), for answers that are also late or never come.
    pub fn answering<F, A>(mut answer: F) -> Self
    where
        F: FnMut(&Recorded, usize) -> A + Send + 'static,
        A: Into<Answer>,
    {
        let script: Box<Script> = Box::new(move |request, n| answer(request, n).into());
        let shared = Shared { requests: Mutex::default(), script: Mutex::new(script) };
        Self { shared: Arc::new(shared), body: PhantomData }
    }

    /// What was asked so far, by this service and all its clones.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.requests).clone()
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.shared.requests).len()
    }
}

impl Shared {
    fn answer(&self, request: &Recorded) -> Answer {
        // Held over both steps, so that the n-th request recorded is the one that gets the n-th answer.
        let mut script = lock(&self.script);
        let n = {
            let mut requests = lock(&self.requests);
            requests.push(request.clone());
            requests.len() - 1
        };
        script(request, n)
    }
}

/// A test that failed while it held the lock has said what was wrong; its clones need not say more.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B> Clone for Scripted<B> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), body: PhantomData }
    }
}

impl<B> fmt::Debug for Scripted<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("requests", &self.count()).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Scripted<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = self.shared.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            shared.answer(&Recorded::new(parts, body)).give().await
        })
    }
}

/// A request as a service received it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// The URI.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The extensions.
    pub extensions: Extensions,
    /// The protocol version.
    pub version: Version,
    /// The whole body.
    pub body: Bytes,
}

impl Recorded {
    fn new(parts: request::Parts, body: Bytes) -> Self {
        let request::Parts { method, uri, headers, extensions, version, .. } = parts;
        Self { method, uri, headers, extensions, version, body }
    }

    /// The first value of a header, if it is there and visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// How a [`Scripted`] service answers one request.
#[derive(Debug)]
pub struct Answer {
    delay: Duration,
    what: What,
}

#[derive(Debug)]
enum What {
    Respond(Box<Response<Body>>),
    Fail(BoxError),
    Never,
}

impl Answer {
    /// The call fails with `error`.
    pub fn error(error: impl Into<BoxError>) -> Self {
        What::Fail(error.into()).into()
    }

    /// The answer comes after `delay` by tokio's clock, which a test may pause.
    pub fn after(delay: Duration, answer: impl Into<Self>) -> Self {
        let answer = answer.into();
        Self { delay: delay + answer.delay, ..answer }
    }

    /// The call does not end.
    #[must_use]
    pub fn never() -> Self {
        What::Never.into()
    }

    async fn give(self) -> Result<Response<Body>, BoxError> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        match self.what {
            What::Respond(response) => Ok(*response),
            What::Fail(error) => Err(error),
            What::Never => std::future::pending().await,
        }
    }
}

impl From<What> for Answer {
    fn from(what: What) -> Self {
        Self { delay: Duration::ZERO, what }
    }
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        What::Respond(Box::new(response)).into()
    }
}

impl From<Response<&'static str>> for Answer {
    fn from(response: Response<&'static str>) -> Self {
        response.map(Body::from).into()
    }
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        self::status(status.as_u16()).into()
    }
}

impl From<Result<Response<Body>, BoxError>> for Answer {
    fn from(result: Result<Response<Body>, BoxError>) -> Self {
        result.map_or_else(Self::error, Into::into)
    }
}

/// A response with this status, no headers and an empty body.
///
/// # Panics
///
/// If `status` is not between 100 and 999.
#[must_use]
pub fn status(status: u16) -> Response<Body> {
    reply(status, [], Body::empty())
}

/// A response with this status, these headers and this body.
///
/// # Panics
///
/// If `status` is not between 100 and 999, or a header's name or value is invalid.
pub fn reply<'a>(
    status: u16,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: impl Into<Body>,
) -> Response<Body> {
    let builder = Response::builder().status(status);
    let builder = headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
    builder.body(body.into()).unwrap_or_else(|error| panic!("no such response can be made: {error}"))
}

#[cfg(test)]
mod tests;
