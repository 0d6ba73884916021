use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sortie_core::{Body, BoxError};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Shared;

const PROXY_AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("proxy-authentication-info");

type Tunnel = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves one connection to its end, and to that of the tunnel that it may become.
pub(super) async fn serve<S>(stream: S, shared: Arc<Shared>, number: usize)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tunnel = Arc::new(Mutex::new(None));
    let service = service_fn(|mut request: Request<Incoming>| {
        shared.log.record(number, &mut request);
        let (shared, tunnel) = (shared.clone(), tunnel.clone());
        async move { Ok::<_, Infallible>(answer(&shared, &tunnel, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
    // An error is the client's to see.
    let _ = connection.await;
    let tunnel: Option<Tunnel> = tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(tunnel) = tunnel {
        tunnel.await;
    }
}

async fn answer(shared: &Shared, tunnel: &Mutex<Option<Tunnel>>, request: Request<Incoming>) -> Response<Body> {
    if let Some(challenge) = shared.options.challenge_for(request.headers()) {
        let mut response = status(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "credentials, please");
        if let Ok(challenge) = challenge.try_into() {
            response.headers_mut().insert(PROXY_AUTHENTICATE, challenge);
        }
        if shared.options.closes_after_challenge {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        return response;
    }
    let info = shared.options.info_for(request.headers()).and_then(|info| HeaderValue::try_from(info).ok());
    let mut response = pass_on(shared, tunnel, request).await;
    if let Some(info) = info {
        response.headers_mut().insert(PROXY_AUTHENTICATION_INFO, info);
    }
    response
}

/// What a request gets that is not refused.
async fn pass_on(shared: &Shared, tunnel: &Mutex<Option<Tunnel>>, request: Request<Incoming>) -> Response<Body> {
    let (host, port) = (request.uri().host().unwrap_or_default().to_owned(), request.uri().port_u16());
    let is_tunnel = *request.method() == Method::CONNECT;
    if !is_tunnel && request.uri().scheme_str() != Some("http") {
        return status(StatusCode::BAD_REQUEST, "not in absolute-form");
    }
    let Ok(origin) = shared.options.targets.connect(&host, port.unwrap_or(80)).await else {
        return status(StatusCode::BAD_GATEWAY, "no such origin");
    };
    if is_tunnel {
        let mut origin = origin;
        let copying: Tunnel = Box::pin(async move {
            if let Ok(client) = hyper::upgrade::on(request).await {
                let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut origin).await;
            }
        });
        *tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(copying);
        return Response::new(Body::empty());
    }
    forward(TokioIo::new(origin), request).await.unwrap_or_else(|_| status(StatusCode::BAD_GATEWAY, "no answer"))
}

/// Gives the request to the origin over a connection of its own.
async fn forward(
    origin: TokioIo<tokio::net::TcpStream>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, BoxError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(origin).await?;
    // It ends with the answer's body, or with whoever drops it.
    tokio::spawn(connection);
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    request.headers_mut().remove(PROXY_AUTHORIZATION);
    request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("none"));
    Ok(sender.send_request(request).await?.map(Body::new))
}

fn status(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
