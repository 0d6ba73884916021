use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use sortie_core::{Body, BoxError, BoxHttp, HttpService};
use tower_layer::Layer;
use tower_service::Service;

/// A tower layer of the user's, with its types erased so that a builder can keep it and use it more than once.
pub(crate) type UserLayer = Arc<dyn Fn(BoxHttp) -> BoxHttp + Send + Sync>;

/// Erases the types of `layer`.
pub(crate) fn user_layer<L>(layer: L) -> UserLayer
where
    L: Layer<BoxHttp> + Send + Sync + 'static,
    L::Service: HttpService<Body>,
{
    Arc::new(move |inner| BoxHttp::new(layer.layer(inner)))
}

/// `layers` around `service`, the first of them outermost.
pub(crate) fn wrap(service: BoxHttp, layers: &[UserLayer]) -> BoxHttp {
    layers.iter().rev().fold(service, |inner, layer| layer(inner))
}

/// A place in the tower where the user's layers stand, if there are any.
///
/// What stands below is boxed only if there are: the tower's type must not depend on it, and a session without such
/// layers must not pay for them.
#[derive(Clone, Default)]
pub(crate) struct SeamLayer(Vec<UserLayer>);

impl SeamLayer {
    pub(crate) fn new<'a>(layers: impl IntoIterator<Item = &'a UserLayer>) -> Self {
        Self(layers.into_iter().cloned().collect())
    }
}

impl<S, RB> Layer<S> for SeamLayer
where
    S: HttpService<Body, ResponseBody = RB>,
    RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Into<Body> + Send + 'static,
{
    type Service = Either<Erase<S>, BoxHttp>;

    fn layer(&self, inner: S) -> Self::Service {
        let inner = Erase(inner);
        if self.0.is_empty() { Either::Left(inner) } else { Either::Right(wrap(BoxHttp::new(inner), &self.0)) }
    }
}

/// One of two services that answer alike, told apart when the tower is built.
#[derive(Clone, Debug)]
pub(crate) enum Either<L, R> {
    Left(L),
    Right(R),
}

impl<L, R> Service<Request<Body>> for Either<L, R>
where
    L: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
    R: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = EitherFuture<L::Future, R::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Left(service) => service.poll_ready(cx),
            Self::Right(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self {
            Self::Left(service) => EitherFuture::Left { future: service.call(request) },
            Self::Right(service) => EitherFuture::Right { future: service.call(request) },
        }
    }
}

pin_project! {
    #[project = EitherProjection]
    pub(crate) enum EitherFuture<L, R> {
        Left { #[pin] future: L },
        Right { #[pin] future: R },
    }
}

impl<L: Future, R: Future<Output = L::Output>> Future for EitherFuture<L, R> {
    type Output = L::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            EitherProjection::Left { future } => future.poll(cx),
            EitherProjection::Right { future } => future.poll(cx),
        }
    }
}

/// A service with its response body made a [`Body`] and its error a [`BoxError`].
///
/// The body goes through `Into`, which unwraps what a layer wrapped without need; `Body::new` would box the wrapping.
#[derive(Clone, Debug)]
pub(crate) struct Erase<S>(pub(crate) S);

impl<S, RB> Service<Request<Body>> for Erase<S>
where
    S: Service<Request<Body>, Response = Response<RB>, Error: Into<BoxError>>,
    RB: Into<Body>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = EraseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        EraseFuture { inner: self.0.call(request) }
    }
}

pin_project! {
    pub(crate) struct EraseFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, RB, E> Future for EraseFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    RB: Into<Body>,
    E: Into<BoxError>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx).map(|result| match result {
            Ok(response) => Ok(response.map(Into::into)),
            Err(error) => Err(error.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use sortie_testkit::{Scripted, status};

    /// Adds its name to a header on the way in.
    #[derive(Clone)]
    struct Named<S>(&'static str, S);

    impl<S: Service<Request<Body>>> Service<Request<Body>> for Named<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.1.poll_ready(cx)
        }

        fn call(&mut self, mut request: Request<Body>) -> S::Future {
            request.headers_mut().append("through", HeaderValue::from_static(self.0));
            self.1.call(request)
        }
    }

    fn named(name: &'static str) -> UserLayer {
        user_layer(tower_layer::layer_fn(move |inner: BoxHttp| Named(name, inner)))
    }

    #[tokio::test]
    async fn the_layer_added_first_is_the_outermost() {
        let scripted = Scripted::new([status(200)]);
        let mut seam = SeamLayer::new(&[named("first"), named("second")]).layer(scripted.clone());
        seam.call(Request::new(Body::empty())).await.unwrap();
        let through: Vec<_> = scripted.requests()[0].headers.get_all("through").iter().cloned().collect();
        assert_eq!(through, ["first", "second"]);
    }
}
