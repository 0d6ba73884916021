use http::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use sortie::BoxError;

use super::{Client, Fields, Payload, Setup, drain, fill};

/// hyper-util's legacy client.
#[derive(Clone)]
pub(crate) struct Legacy<C> {
    client: hyper_util::client::legacy::Client<C, Payload>,
    uri: Uri,
    headers: Fields,
}

pub(crate) fn plain(setup: &Setup) -> Result<Legacy<HttpConnector>, BoxError> {
    Legacy::new(setup, tcp())
}

pub(crate) fn tls(
    setup: &Setup,
    config: rustls::ClientConfig,
) -> Result<Legacy<HttpsConnector<HttpConnector>>, BoxError> {
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
    let connector = if setup.http2 {
        connector.enable_http2().wrap_connector(tcp())
    } else {
        connector.enable_http1().wrap_connector(tcp())
    };
    Legacy::new(setup, connector)
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

impl<C: Connect + Clone + Send + Sync + 'static> Legacy<C> {
    fn new(setup: &Setup, connector: C) -> Result<Self, BoxError> {
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http2_only(setup.http2)
            .build(connector);
        Ok(Self { client, uri: setup.url.parse()?, headers: setup.headers()? })
    }

    async fn send(&self, method: Method, payload: Payload) -> Result<u64, BoxError> {
        let mut request = Request::new(payload);
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        fill(&mut request, &self.headers);
        drain(self.client.request(request).await?.into_body()).await
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> Client for Legacy<C> {
    async fn another(&self) -> Result<Self, BoxError> {
        Ok(self.clone())
    }

    async fn get(&mut self) -> Result<u64, BoxError> {
        self.send(Method::GET, Payload::empty()).await
    }

    async fn post(&mut self, payload: Payload) -> Result<u64, BoxError> {
        self.send(Method::POST, payload).await
    }
}
