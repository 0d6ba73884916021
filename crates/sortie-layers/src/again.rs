//! What the layers that may call their service more than once have in common.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Extensions, HeaderMap, Method, Request, Response, Uri, Version, request};
use pin_project_lite::pin_project;
use sortie_core::{BoxError, BoxFuture, PerRequest};

use crate::redirect::RedirectOptions;
use crate::retry::RetryOptions;

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
    /// What the loop is to begin with.
    type Step;

    /// Reads the first answer, in its place, for nearly always it is the call's: `None` if nothing follows it.
    fn next(&self, first: &mut Result<Response<RB>, BoxError>) -> Option<Self::Step>;

    /// The loop of further calls.
    fn run(
        self,
        step: Self::Step,
        first: Result<Response<RB>, BoxError>,
    ) -> BoxFuture<'static, Result<Response<RB>, BoxError>>;
}

/// That nothing follows the first answer: for a layer that knows before the first call whether there will be others.
#[derive(Debug)]
pub enum Nothing {}

impl<RB> After<RB> for Nothing {
    type Step = Self;

    fn next(&self, _: &mut Result<Response<RB>, BoxError>) -> Option<Self> {
        match *self {}
    }

    fn run(self, _: Self, _: Result<Response<RB>, BoxError>) -> BoxFuture<'static, Result<Response<RB>, BoxError>> {
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
                    let mut first = ready!(future.poll(cx)).map_err(Into::into);
                    let Some(step) = rest.as_ref().and_then(|rest| rest.next(&mut first)) else {
                        return Poll::Ready(first);
                    };
                    let rest = rest.take().expect("it has just been asked");
                    rest.run(step, first)
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

/// Whether Redirect leaves it to Retry, further in, to keep the head of this request, where both were told to share it.
///
/// Both ask, and nothing between them changes the request, so both come to the same answer. An override of one of them
/// could switch it off.
pub(crate) fn head_is_shared(extensions: &Extensions, can_be_sent_again: bool) -> bool {
    can_be_sent_again
        && PerRequest::<RedirectOptions>::of(extensions).is_none()
        && PerRequest::<RetryOptions>::of(extensions).is_none()
}

/// The head of the request that a redirect answers, in the extensions of that response: from Retry to Redirect.
#[derive(Clone)]
struct SharedHead(request::Parts);

pub(crate) fn leave_head<RB>(response: &mut Response<RB>, head: &Head) {
    response.extensions_mut().insert(SharedHead(head.to_parts()));
}

pub(crate) fn take_head<RB>(response: &mut Response<RB>) -> Option<request::Parts> {
    response.extensions_mut().remove().map(|SharedHead(head)| head)
}

/// A copy of a request's head, taken before it is sent, from which the next one can be made.
///
/// Not `request::Parts`, which can be made only by overwriting the parts of another request.
pub(crate) struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    extensions: Extensions,
}

impl Head {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
            extensions: request.extensions().clone(),
        }
    }

    pub(crate) fn to_parts(&self) -> request::Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = self.method.clone();
        head.uri = self.uri.clone();
        head.version = self.version;
        head.headers = self.headers.clone();
        head.extensions = self.extensions.clone();
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redirect::RedirectLayer;
    use crate::retry::RetryLayer;
    use http::HeaderValue;
    use sortie_core::Body;
    use sortie_testkit::{Scripted, reply, status};
    use tower::{ServiceBuilder, ServiceExt};

    #[tokio::test(start_paused = true)]
    async fn one_copy_of_the_head_serves_redirect_and_retry_and_stays_with_them() {
        for (retry, first) in [(RetryOptions::standard(), 503), (RetryOptions::none(), 307)] {
            let to = [("location", "/next")];
            let server = Scripted::new([reply(first, to, ""), reply(307, to, ""), status(307)]);
            let client = ServiceBuilder::new()
                .layer(RedirectLayer::new(RedirectOptions::default()).shares_head(true))
                .layer(RetryLayer::new(retry).shares_head(true))
                .service(server.clone());
            let mut request = Request::put("http://a.test/").body(Body::from("content")).unwrap();
            request.headers_mut().insert("x", HeaderValue::from_static("1"));
            request.extensions_mut().insert(7);
            let mut response = client.oneshot(request).await.unwrap();
            assert_eq!((response.status().as_u16(), server.requests().len()), (307, 3));
            let sent = &server.requests()[2];
            assert_eq!(
                (sent.method.as_str(), sent.uri.path(), sent.headers["x"].to_str().unwrap()),
                ("PUT", "/next", "1")
            );
            assert_eq!(sent.extensions.get(), Some(&7));
            assert!(take_head(&mut response).is_none());
        }
    }

    #[tokio::test]
    async fn an_override_of_one_of_the_two_is_not_lost() {
        let client = || {
            let server = Scripted::new([reply(307, [("location", "/next")], ""), status(503), status(200)]);
            let client = ServiceBuilder::new()
                .layer(RedirectLayer::default().shares_head(true))
                .layer(RetryLayer::new(RetryOptions::standard().attempts(3)).shares_head(true))
                .service(server);
            (client, Request::get("http://a.test/").body(Body::empty()).unwrap())
        };
        let (first, mut request) = client();
        request.extensions_mut().insert(PerRequest::<RedirectOptions>::Off);
        let mut response = first.oneshot(request).await.unwrap();
        assert_eq!((response.status().as_u16(), take_head(&mut response).is_none()), (307, true));
        let (second, mut request) = client();
        request.extensions_mut().insert(PerRequest::<RetryOptions>::Off);
        assert_eq!(second.oneshot(request).await.unwrap().status(), 503);
    }

    #[tokio::test]
    async fn without_the_retry_that_was_announced_a_redirect_is_an_error() {
        let server = Scripted::new([reply(307, [("location", "/next")], "")]);
        let client = RedirectLayer::default().shares_head(true);
        let client = ServiceBuilder::new().layer(client).service(server);
        let error = client.oneshot(Request::new(Body::empty())).await.unwrap_err();
        assert!(error.to_string().contains("shares_head"), "{error}");
    }
}
