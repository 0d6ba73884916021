use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use sortie::BoxError;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Client, Payload, Setup, drain};

/// A connection of hyper and nothing else: no pool, no redirects, no timers.
pub(crate) struct Floor {
    shared: Arc<Shared>,
    sender: Sender,
}

struct Shared {
    setup: Setup,
    /// In origin-form with HTTP/1.1, as it goes on the wire.
    uri: Uri,
    headers: HeaderMap,
}

enum Sender {
    Http1(http1::SendRequest<Payload>),
    Http2(http2::SendRequest<Payload>),
}

impl Floor {
    pub(crate) async fn connect(setup: &Setup) -> Result<Self, BoxError> {
        let mut uri: Uri = setup.url.parse()?;
        let mut headers = setup.headers()?;
        if !setup.http2 {
            let authority = uri.authority().ok_or("the URL has no host")?.as_str();
            if !headers.contains_key(header::HOST) {
                headers.insert(header::HOST, HeaderValue::from_str(authority)?);
            }
            uri = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        }
        let shared = Arc::new(Shared { setup: setup.clone(), uri, headers });
        let sender = open(setup).await?;
        Ok(Self { shared, sender })
    }

    async fn send(&mut self, method: Method, payload: Payload) -> Result<u64, BoxError> {
        let mut request = Request::new(payload);
        *request.method_mut() = method;
        *request.uri_mut() = self.shared.uri.clone();
        *request.headers_mut() = self.shared.headers.clone();
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
            Sender::Http1(_) => open(&self.shared.setup).await?,
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

async fn open(setup: &Setup) -> Result<Sender, BoxError> {
    let uri: Uri = setup.url.parse()?;
    let (host, port) = (uri.host().ok_or("the URL has no host")?, uri.port_u16().ok_or("the URL has no port")?);
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let Some(mut tls) = setup.tls()? else { return handshake(setup.http2, stream).await };
    tls.alpn_protocols = vec![if setup.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    let name = ServerName::try_from(host.to_owned())?;
    handshake(setup.http2, TlsConnector::from(Arc::new(tls)).connect(name, stream).await?).await
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
