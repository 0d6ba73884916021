use http::{Method, Request, Uri};
use sortie::auth::Bearer;
use sortie::cookies::Jar;
use sortie::{Body, BoxError, Session, SessionBuilder};
use tower_service::Service;

use super::{COOKIE, Client, Payload, Setup, TOKEN, drain, transport};

/// Our session as the service that it is.
#[derive(Clone)]
pub(crate) struct Called {
    session: Session,
    uri: Uri,
}

impl Called {
    pub(crate) fn new(setup: &Setup) -> Result<Self, BoxError> {
        Ok(Self { session: builder(setup)?.build()?, uri: setup.url.parse()? })
    }

    /// With a cookie and bearer auth.
    pub(crate) fn full(setup: &Setup) -> Result<Self, BoxError> {
        let jar = Jar::new();
        jar.receive(&setup.url.parse()?, COOKIE.as_bytes())?;
        let session = builder(setup)?.jar(jar).auth(Bearer::new(TOKEN)).build()?;
        Ok(Self { session, uri: setup.url.parse()? })
    }
}

/// The defaults with default headers.
fn builder(setup: &Setup) -> Result<SessionBuilder, BoxError> {
    let builder = Session::builder().no_env().transport_options(transport::options(setup)?);
    Ok(setup.headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value)))
}

impl Client for Called {
    async fn another(&self) -> Result<Self, BoxError> {
        Ok(self.clone())
    }

    async fn get(&mut self) -> Result<u64, BoxError> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri.clone();
        drain(self.session.call(request).await?.into_body()).await
    }

    async fn post(&mut self, payload: Payload) -> Result<u64, BoxError> {
        let mut request = Request::new(payload);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        drain(self.session.call(request).await?.into_body()).await
    }
}

/// Our session through its front, which parses a URL for each request.
#[derive(Clone)]
pub(crate) struct Front {
    session: Session,
    url: String,
}

impl Front {
    pub(crate) fn new(setup: &Setup) -> Result<Self, BoxError> {
        Ok(Self { session: builder(setup)?.build()?, url: setup.url.clone() })
    }
}

impl Client for Front {
    async fn another(&self) -> Result<Self, BoxError> {
        Ok(self.clone())
    }

    async fn get(&mut self) -> Result<u64, BoxError> {
        drain(self.session.get(&*self.url).send().await?.into_body()).await
    }

    async fn post(&mut self, payload: Payload) -> Result<u64, BoxError> {
        drain(self.session.post(&*self.url).body(Body::new(payload)).send().await?.into_body()).await
    }
}
