//! Makes an error of a response whose status says so: `raise_for_status`, for every call.
//!
//! # Example
//!
//! ```
//! use sortie_core::{Body, BoxError};
//! use sortie_layers::status::{StatusError, StatusLayer, StatusOptions};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let service = ServiceBuilder::new().layer(StatusLayer::new(StatusOptions::default())).service(service_fn(
//!     |_: http::Request<Body>| async {
//!         Ok::<_, BoxError>(http::Response::builder().status(404).body(Body::from("no such book")).unwrap())
//!     },
//! ));
//! let error = service.oneshot(http::Request::default()).await.unwrap_err();
//! let error = error.downcast::<StatusError>().unwrap();
//! assert_eq!(error.to_string(), "404 Not Found");
//! assert_eq!(error.into_response().body().as_bytes(), Some(&b"no such book"[..]));
//! # }
//! ```
//!
//! # Per-request override
//!
//! [`PerRequest<StatusOptions>`](PerRequest): `Use` says for this request which statuses are errors, `Off` that none
//! is. [`StatusLayer::on_demand`] heeds only that.
//!
//! # Order
//!
//! Outermost: outside Redirect and Retry, which decide by statuses, and outside anything that decodes bodies, so that
//! the error's body can be read like a response's.
//!
//! # Differences from requests
//!
//! - The error's text is without the URL, whose query may be secret.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use sortie_core::{Body, BoxError, PerRequest};
use tower_layer::Layer;
use tower_service::Service;

/// Which statuses are errors: 400 to 599 by default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusOptions {
    /// The status codes that are errors.
    pub errors: RangeInclusive<u16>,
}

impl Default for StatusOptions {
    fn default() -> Self {
        Self { errors: 400..=599 }
    }
}

impl StatusOptions {
    /// Takes these status codes for errors.
    #[must_use]
    pub fn errors(self, errors: RangeInclusive<u16>) -> Self {
        Self { errors }
    }
}

/// Makes [`Status`] services. See the [module](self).
#[derive(Clone, Debug)]
pub struct StatusLayer {
    options: Option<StatusOptions>,
}

impl StatusLayer {
    /// Makes errors of the statuses in `options`, for every request that does not say otherwise.
    #[must_use]
    pub fn new(options: StatusOptions) -> Self {
        Self { options: Some(options) }
    }

    /// Makes errors for requests that bring their own [`StatusOptions`], and for no others.
    #[must_use]
    pub fn on_demand() -> Self {
        Self { options: None }
    }
}

impl<S> Layer<S> for StatusLayer {
    type Service = Status<S>;

    fn layer(&self, inner: S) -> Status<S> {
        Status { inner, options: self.options.clone() }
    }
}

/// Makes errors of statuses. See the [module](self).
#[derive(Clone, Debug)]
pub struct Status<S> {
    inner: S,
    options: Option<StatusOptions>,
}

impl<S, B, RB> Service<Request<B>> for Status<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    S::Error: Into<BoxError>,
    RB: http_body::Body<Data = Bytes> + Send + 'static,
    RB::Error: Into<BoxError>,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = StatusFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let options = PerRequest::resolve(request.extensions(), self.options.as_ref()).cloned();
        StatusFuture { inner: self.inner.call(request), options }
    }
}

pin_project! {
    /// The answer of the inner service, or the error that its status makes of it.
    #[must_use = "futures do nothing unless polled"]
    pub struct StatusFuture<F> {
        #[pin]
        inner: F,
        options: Option<StatusOptions>,
    }
}

impl<F, RB, E> Future for StatusFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
    RB: http_body::Body<Data = Bytes> + Send + 'static,
    RB::Error: Into<BoxError>,
{
    type Output = Result<Response<RB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx)).map_err(Into::into)?;
        Poll::Ready(match this.options {
            Some(options) if options.errors.contains(&response.status().as_u16()) => {
                Err(StatusError::new(response.map(Body::new)).into())
            }
            _ => Ok(response),
        })
    }
}

impl<F> fmt::Debug for StatusFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusFuture").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A response whose status is an error, its body unread. Its text is the status, such as `404 Not Found`.
pub struct StatusError {
    response: Box<Response<Body>>,
}

impl StatusError {
    /// The error that `response` is.
    #[must_use]
    pub fn new(response: Response<Body>) -> Self {
        Self { response: Box::new(response) }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The response: its headers, its extensions.
    #[must_use]
    pub fn response(&self) -> &Response<Body> {
        &self.response
    }

    /// The response, to read its body.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        *self.response
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status().as_str())?;
        self.status().canonical_reason().map_or(Ok(()), |reason| write!(f, " {reason}"))
    }
}

/// The status only: headers may hold cookies.
impl fmt::Debug for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusError").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Error for StatusError {}

#[cfg(test)]
mod tests {
    use sortie_core::find;
    use sortie_testkit::{Scripted, prove_layer, reply};
    use tower::ServiceExt;

    use super::*;

    prove_layer!(every, || StatusLayer::new(StatusOptions::default()));
    prove_layer!(on_demand, StatusLayer::on_demand);

    #[tokio::test]
    async fn a_status_is_an_error_where_the_options_say_so() {
        let default = StatusOptions::default;
        let (every, demand) = (StatusLayer::new(default()), StatusLayer::on_demand());
        let only_503 = Some(PerRequest::Use(default().errors(503..=503)));
        for (layer, asked, status, text) in [
            (&every, None, 200, None),
            (&every, None, 399, None),
            (&every, None, 404, Some("404 Not Found")),
            (&every, None, 599, Some("599")),
            (&every, None, 600, None),
            (&every, only_503.clone(), 404, None),
            (&every, only_503, 503, Some("503 Service Unavailable")),
            (&every, Some(PerRequest::Off), 500, None),
            (&demand, None, 500, None),
            (&demand, Some(PerRequest::Use(default())), 400, Some("400 Bad Request")),
        ] {
            let mut request = Request::new(Body::empty());
            asked.clone().map(|asked| request.extensions_mut().insert(asked));
            let answer = layer.layer(Scripted::new([reply(status, [("x-a", "1")], "why")])).oneshot(request).await;
            let name = format!("{layer:?} {asked:?} {status}");
            let response = match (answer, text) {
                (Ok(response), None) => response,
                (Err(error), Some(text)) => {
                    assert_eq!(
                        (error.to_string().as_str(), find::<StatusError>(&*error).is_some()),
                        (text, true),
                        "{name}"
                    );
                    assert!(!format!("{error:?}").contains("x-a"), "{name}");
                    error.downcast::<StatusError>().unwrap().into_response()
                }
                (answer, _) => panic!("{name}: {answer:?}"),
            };
            assert_eq!((response.status().as_u16(), &response.headers()["x-a"]), (status, &"1".parse().unwrap()));
            assert_eq!(response.body().as_bytes(), Some(&b"why"[..]), "{name}");
        }
    }

    #[tokio::test]
    async fn the_error_of_the_service_passes() {
        let layered =
            StatusLayer::new(StatusOptions::default()).layer(Scripted::<Body>::from_fn(|_, _| Err("broken".into())));
        assert_eq!(layered.oneshot(Request::new(Body::empty())).await.unwrap_err().to_string(), "broken");
    }
}
