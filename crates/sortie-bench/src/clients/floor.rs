use std::sync::Arc;

use http::{HeaderValue, Method, Request, Uri, header};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use sortie::BoxError;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Client, Fields, Payload, Setup, drain, fill};

/// A connection of hyper and nothing else: no pool, no redirects, no timers.
pub(crate) struct Floor {
    shared: Arc<Shared>,
    sender: Sender,
}

struct Shared {
    host: String,
    port: u16,
    http2: bool,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// In origin-form with HTTP/1.1, as it goes on the wire.
    uri: Uri,
    headers: Fields,
}

enum Sender {
    Http1(http1::SendRequest<Payload>),
    Http2(http2::SendRequest<Payload>),
}

impl Floor {
    pub(crate) async fn connect(setup: &Setup) -> Result<Self, BoxError> {
        let mut uri: Uri = setup.url.parse()?;
        let authority = uri.authority().ok_or("the URL has no host")?.clone();
        let port = authority.port_u16().ok_or("the URL has no port")?;
        let mut headers = setup.headers()?;
        if !setup.http2 {
            if !headers.iter().any(|(name, _)| name == header::HOST) {
                headers.insert(0, (header::HOST, HeaderValue::from_str(authority.as_str())?));
            }
            uri = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        }
        let tls = setup.tls()?.map(|mut tls| {
            tls.alpn_protocols = vec![if setup.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
            Arc::new(tls)
        });
        let shared = Shared { host: authority.host().to_owned(), port, http2: setup.http2, tls, uri, headers };
        let sender = shared.open().await?;
        Ok(Self { shared: Arc::new(shared), sender })
    }

    async fn send(&mut self, method: Method, payload: Payload) -> Result<u64, BoxError> {
        let mut request = Request::new(payload);
        *request.method_mut() = method;
        *request.uri_mut() = self.shared.uri.clone();
        fill(&mut request, &self.shared.headers);
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        drain(response.into_body()).await
    }
}

impl Client for Floor {
    async fn another(&self) -> Result<Self, BoxError> {
        let sender = match &self.sender {
            Sender::Http1(_) => self.shared.open().await?,
            Sender::Http2(sender) => Sender::Http2(sender.clone()),
        };
        Ok(Self { shared: self.shared.clone(), sender })
    }

    async fn get(&mut self) -> Result<u64, BoxError> {
        self.send(Method::GET, Payload::empty()).await
    }

    async fn post(&mut self, payload: Payload) -> Result<u64, BoxError> {
        self.send(Method::POST, payload).await
    }
}

impl Shared {
    async fn open(&self) -> Result<Sender, BoxError> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return handshake(self.http2, stream).await };
        let name = ServerName::try_from(self.host.clone())?;
        handshake(self.http2, TlsConnector::from(tls.clone()).connect(name, stream).await?).await
    }
}

async fn handshake<S>(http2: bool, stream: S) -> Result<Sender, BoxError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(stream);
    if http2 {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        return Ok(Sender::Http2(sender));
    }
    let (sender, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(Sender::Http1(sender))
}
