use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto;
use sortie_core::{Body, HttpService};

#[cfg(feature = "tls")]
use super::TlsSetup;
use super::{TestServer, answering};

/// How a [`TestServer`] serves.
///
/// ```
/// use sortie_testkit::{Protocol, ServerOptions};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let options = ServerOptions::new().protocol(Protocol::Http2).max_concurrent_streams(1);
/// let server = options.serve(axum::Router::new());
/// # });
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use]
pub struct ServerOptions {
    /// Which protocols it speaks; by default both.
    pub protocol: Protocol,
    /// How many streams a client may open on one HTTP/2 connection (`SETTINGS_MAX_CONCURRENT_STREAMS`); the default is
    /// hyper's, 200.
    pub max_concurrent_streams: Option<u32>,
    /// Serves HTTPS; by default it serves HTTP.
    #[cfg(feature = "tls")]
    pub tls: Option<TlsSetup>,
}

/// Which versions of HTTP a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// The one whose first bytes come; over plain TCP, HTTP/2 by prior knowledge (RFC 9113 §3.3).
    #[default]
    Any,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

impl ServerOptions {
    /// The defaults: plain HTTP, both versions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which protocols it speaks. Over TLS it offers those that [`TlsSetup::alpn`] names whatever is set here.
    pub fn protocol(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// How many streams a client may open on one HTTP/2 connection.
    pub fn max_concurrent_streams(self, streams: u32) -> Self {
        Self { max_concurrent_streams: Some(streams), ..self }
    }

    /// Serves HTTPS.
    #[cfg(feature = "tls")]
    pub fn tls(self, tls: TlsSetup) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Starts a server of a service, for example an axum `Router`.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn serve<S: HttpService<Incoming>>(self, service: S) -> TestServer {
        TestServer::start(self, service)
    }

    /// Starts a server of a closure.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn serve_fn<F, A>(self, answer: F) -> TestServer
    where
        F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        self.serve(answering(answer))
    }

    pub(crate) fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        if let Some(streams) = self.max_concurrent_streams {
            builder.http2().max_concurrent_streams(streams);
        }
        match self.protocol {
            Protocol::Any => builder,
            Protocol::Http1 => builder.http1_only(),
            Protocol::Http2 => builder.http2_only(),
        }
    }
}
