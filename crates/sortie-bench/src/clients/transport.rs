use http::{Method, Request, Uri};
use sortie::transport::tls::TlsOptions;
use sortie::transport::{TransportOptions, Versions};
use sortie::{Body, BoxError, Transport};
use tower_service::Service;

use super::{Client, Fields, Payload, Setup, drain, fill};

/// Our transport, as the service that it is.
#[derive(Clone)]
pub(crate) struct Bare {
    transport: Transport,
    uri: Uri,
    headers: Fields,
}

impl Bare {
    pub(crate) fn new(setup: &Setup) -> Result<Self, BoxError> {
        Ok(Self { transport: Transport::new(options(setup)?), uri: setup.url.parse()?, headers: setup.headers()? })
    }
}

/// The defaults, but for one protocol as with the others, and as many idle connections as they keep.
pub(super) fn options(setup: &Setup) -> Result<TransportOptions, BoxError> {
    let mut options = TransportOptions::default()
        .versions(if setup.http2 { Versions::Http2Only } else { Versions::Http1Only })
        .max_idle_per_origin(usize::MAX)
        .max_connections_per_origin(setup.cap);
    if let Some(root) = &setup.root {
        options = options.tls(TlsOptions::default().only_roots_pem(root.as_bytes())?.build()?);
    }
    Ok(options)
}

impl Client for Bare {
    async fn another(&self) -> Result<Self, BoxError> {
        Ok(self.clone())
    }

    async fn get(&mut self) -> Result<u64, BoxError> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri.clone();
        fill(&mut request, &self.headers);
        drain(self.transport.call(request).await?.into_body()).await
    }

    async fn post(&mut self, payload: Payload) -> Result<u64, BoxError> {
        let mut request = Request::new(payload);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        fill(&mut request, &self.headers);
        drain(self.transport.call(request).await?.into_body()).await
    }
}
