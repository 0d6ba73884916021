//! A gRPC service and its client, in the shape in which they are generated from a `.proto` file.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::uri::PathAndQuery;
use sortie::core::BoxError;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::client::GrpcService;
use tonic::metadata::{BinaryMetadataValue, MetadataMap};
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, IntoRequest, IntoStreamingRequest, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

/// The one message.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct Number {
    #[prost(uint64, tag = "1")]
    pub(super) value: u64,
}

pub(super) fn number(value: u64) -> Number {
    Number { value }
}

pub(super) type Numbers = BoxStream<'static, Result<Number, Status>>;

/// The server's side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums;

impl NamedService for Sums {
    const NAME: &'static str = "test.Sums";
}

type Answering = BoxFuture<'static, Result<http::Response<tonic::body::Body>, Infallible>>;

impl<B> Service<http::Request<B>> for Sums
where
    B: http_body::Body<Data: Send, Error: Into<BoxError> + Send> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Answering {
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Number, Number>::default());
            Ok(match path.as_str() {
                "/test.Sums/Double" => grpc.unary(service_fn(double), request).await,
                "/test.Sums/Sum" => grpc.client_streaming(service_fn(sum), request).await,
                "/test.Sums/Count" => grpc.server_streaming(service_fn(count), request).await,
                "/test.Sums/Total" => grpc.streaming(service_fn(total), request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// Twice the number. The request's `x-ascii` and `x-bytes-bin` come back, as does what the server sees of the rest.
async fn double(request: Request<Number>) -> Result<Response<Number>, Status> {
    match request.metadata().get("fail") {
        Some(how) if how == "unavailable" => return Err(Status::unavailable("the database is down")),
        Some(_) => {
            let told = MetadataMap::from_headers(http::HeaderMap::from_iter([(
                http::HeaderName::from_static("x-why"),
                http::HeaderValue::from_static("because"),
            )]));
            let details = Bytes::from_static(b"\0details");
            return Err(Status::with_details_and_metadata(Code::FailedPrecondition, "not now: 100 % ä", details, told));
        }
        None if request.metadata().contains_key("never") => std::future::pending().await,
        None => {}
    }
    let mut response = Response::new(number(request.get_ref().value * 2));
    if let Some(value) = request.metadata().get("x-ascii") {
        response.metadata_mut().insert("x-ascii", value.clone());
    }
    if let Some(value) = request.metadata().get_bin("x-bytes-bin") {
        let value: BinaryMetadataValue = value.clone();
        response.metadata_mut().insert_bin("x-bytes-bin", value);
    }
    Ok(response)
}

/// The sum of all numbers.
async fn sum(request: Request<Streaming<Number>>) -> Result<Response<Number>, Status> {
    let (mut numbers, mut sum) = (request.into_inner(), 0);
    while let Some(number) = numbers.message().await? {
        sum += number.value;
    }
    Ok(Response::new(number(sum)))
}

/// The numbers up to this one; beyond a hundred, an error after the hundredth, and at a hundred, silence after it.
async fn count(request: Request<Number>) -> Result<Response<Numbers>, Status> {
    let last = request.get_ref().value;
    let numbers = stream::iter((1..=last.min(100)).map(|value| Ok(number(value))));
    Ok(Response::new(match last {
        0..100 => numbers.boxed(),
        100 => numbers.chain(stream::pending()).boxed(),
        _ => numbers.chain(stream::iter([Err(Status::out_of_range("a hundred is enough"))])).boxed(),
    }))
}

/// After each number the sum of all so far.
async fn total(request: Request<Streaming<Number>>) -> Result<Response<Numbers>, Status> {
    let totals = stream::unfold((request.into_inner(), 0), |(mut numbers, sum)| async move {
        match numbers.message().await {
            Ok(Some(Number { value })) => Some((Ok(number(sum + value)), (numbers, sum + value))),
            Ok(None) => None,
            Err(status) => Some((Err(status), (numbers, sum))),
        }
    });
    Ok(Response::new(totals.boxed()))
}

/// What a client speaks through.
pub(super) trait Channel:
    GrpcService<
        tonic::body::Body,
        ResponseBody: http_body::Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static,
    >
{
}

impl<T> Channel for T where
    T: GrpcService<
            tonic::body::Body,
            ResponseBody: http_body::Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static,
        >
{
}

/// The client's side.
#[derive(Clone, Debug)]
pub(super) struct SumsClient<T> {
    inner: tonic::client::Grpc<T>,
}

impl<T: Channel> SumsClient<T> {
    /// Of a service that knows where requests in origin-form go.
    pub(super) fn new(inner: T) -> Self {
        Self { inner: tonic::client::Grpc::new(inner) }
    }

    pub(super) fn with_origin(inner: T, origin: http::Uri) -> Self {
        Self { inner: tonic::client::Grpc::with_origin(inner, origin) }
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.inner.ready().await.map_err(|error| Status::unknown(format!("not ready: {}", error.into())))
    }

    pub(super) async fn double(&mut self, request: impl IntoRequest<Number>) -> Result<Response<Number>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Sums/Double");
        self.inner.unary(request.into_request(), path, ProstCodec::default()).await
    }

    pub(super) async fn sum(
        &mut self,
        request: impl IntoStreamingRequest<Message = Number>,
    ) -> Result<Response<Number>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Sums/Sum");
        self.inner.client_streaming(request.into_streaming_request(), path, ProstCodec::default()).await
    }

    pub(super) async fn count(
        &mut self,
        request: impl IntoRequest<Number>,
    ) -> Result<Response<Streaming<Number>>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Sums/Count");
        self.inner.server_streaming(request.into_request(), path, ProstCodec::default()).await
    }

    pub(super) async fn total(
        &mut self,
        request: impl IntoStreamingRequest<Message = Number>,
    ) -> Result<Response<Streaming<Number>>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Sums/Total");
        self.inner.streaming(request.into_streaming_request(), path, ProstCodec::default()).await
    }

    pub(super) async fn unknown(&mut self) -> Result<Response<Number>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Sums/Halve");
        self.inner.unary(Request::new(number(1)), path, ProstCodec::<Number, Number>::default()).await
    }
}

/// tonic's own server, over plaintext; it stops when it is dropped.
#[derive(Debug)]
pub(super) struct TonicServer {
    address: SocketAddr,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl TonicServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = tonic::transport::Server::builder().add_service(Sums);
        let serving = tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        Self { address, serving }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for TonicServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
