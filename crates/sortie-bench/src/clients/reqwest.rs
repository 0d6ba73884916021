use std::sync::Arc;

use reqwest::cookie::Jar;
use reqwest::{Certificate, RequestBuilder, Url};
use sortie::BoxError;

use super::{COOKIE, Client, Payload, Setup, TOKEN};

/// reqwest's async client.
#[derive(Clone)]
pub(crate) struct Reqwest {
    client: reqwest::Client,
    url: Url,
    /// It has no auth for a session; a request brings its own.
    bearer: bool,
}

impl Reqwest {
    pub(crate) fn new(setup: &Setup) -> Result<Self, BoxError> {
        Self::with(setup, None)
    }

    /// With a cookie and bearer auth.
    pub(crate) fn session(setup: &Setup) -> Result<Self, BoxError> {
        let jar = Jar::default();
        jar.add_cookie_str(COOKIE, &setup.url.parse()?);
        Self::with(setup, Some(jar))
    }

    fn with(setup: &Setup, jar: Option<Jar>) -> Result<Self, BoxError> {
        let bearer = jar.is_some();
        let mut builder = reqwest::Client::builder().no_proxy().default_headers(setup.headers()?.into_iter().collect());
        builder = if setup.http2 { builder.http2_prior_knowledge() } else { builder.http1_only() };
        if let Some(root) = &setup.root {
            builder = builder.tls_certs_only([Certificate::from_pem(root.as_bytes())?]);
        }
        if let Some(jar) = jar {
            builder = builder.cookie_provider(Arc::new(jar));
        }
        Ok(Self { client: builder.build()?, url: setup.url.parse()?, bearer })
    }

    async fn send(&self, request: RequestBuilder) -> Result<u64, BoxError> {
        let request = if self.bearer { request.bearer_auth(TOKEN) } else { request };
        let mut response = request.send().await?;
        let mut length = 0;
        while let Some(chunk) = response.chunk().await? {
            length += chunk.len() as u64;
        }
        Ok(length)
    }
}

impl Client for Reqwest {
    async fn another(&self) -> Result<Self, BoxError> {
        Ok(self.clone())
    }

    async fn get(&mut self) -> Result<u64, BoxError> {
        self.send(self.client.get(self.url.clone())).await
    }

    async fn post(&mut self, payload: Payload) -> Result<u64, BoxError> {
        self.send(self.client.post(self.url.clone()).body(reqwest::Body::wrap(payload))).await
    }
}
