//! A tunnel through a proxy of HTTP: the CONNECT request
//! ([RFC 9110 §9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)).
//!
//! hyper-util's `Tunnel` opens one too, and drops what is needed here: the answer's head, for the error and for the
//! scheme that is to answer a challenge, and bytes that came with it.

use std::future::Future;
use std::io;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode, Uri, Version, request, response};
use sortie_core::BoxError;
use sortie_core::auth::{Answer, Auth, Recipient, SharedAuth, Step, Verdict};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::auth::{introduce, sign};
use super::error::{ProxyError, ProxyErrorKind};
use super::proxy::Proxy;

/// How large the heads of an answer may be together, interim ones included: what Node.js takes for a head at most by
/// default, and more than the 8 KiB that most servers take.
const HEAD: usize = 16 * 1024;

/// How many fields a head may have, as hyper has it.
const FIELDS: usize = 100;

/// Up to how much content of a refusal is read to use its connection once more.
const REST: u64 = 64 * 1024;

const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Opens a tunnel to `authority`, which is a host and a port, over connections to the proxy that `dial` makes.
///
/// A challenge is answered over the same connection where the proxy keeps it open, which schemes like NTLM need, and
/// else over another. Not a byte is read beyond the answer's head, so what follows it is the tunnel's.
pub(super) async fn tunnel<S, D, F>(proxy: &Proxy, authority: &str, dial: D) -> Result<S, BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    D: Fn() -> F,
    F: Future<Output = Result<S, BoxError>>,
{
    let auth = proxy.shared_auth();
    let (legs, name) = (auth.map_or(0, SharedAuth::legs), proxy.to_string());
    let mut kept = Kept { stream: None, required: false };
    let mut challenge: Option<response::Parts> = None;
    let mut leg = 0;
    loop {
        let mut head = request(proxy, authority).map_err(|error| error.at(proxy))?;
        let target = head.uri.clone();
        if let Some(auth) = auth {
            sign(auth, &name, &mut head, &(), challenge.as_ref(), leg).await.map_err(|error| error.at(proxy))?;
        }
        let (mut stream, answer) = send(&written(authority, &head.headers), kept, &dial, proxy).await?;
        let verdict = auth.filter(|_| legs > 0).map_or(Verdict::Accept, |auth| {
            let answer = Answer::new(&Method::CONNECT, &target, &answer, Recipient::Proxy, leg).proxy_is(&name);
            auth.examine(&answer.with_credentials(head.headers.get(PROXY_AUTHORIZATION)))
        });
        let step = verdict.step(leg, legs);
        if let Step::Fail(error) = step {
            return Err(ProxyError::rejected(error).at(proxy).into());
        }
        if answer.status.is_success() {
            return Ok(stream);
        }
        let required = match step {
            Step::Again { same_connection } if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                same_connection
            }
            _ => return Err(ProxyError::answered(answer).at(proxy).into()),
        };
        kept = Kept { stream: skip(&mut stream, &answer).await.then_some(stream), required };
        challenge = Some(answer);
        leg += 1;
    }
}

/// The connection that the proxy keeps open after a challenge, and whether no other will do.
struct Kept<S> {
    stream: Option<S>,
    required: bool,
}

/// Sends the request over the connection that was kept, or over a new one if that will do and there is none or it has
/// ended, and reads the answer's head.
async fn send<S, D, F>(request: &[u8], kept: Kept<S>, dial: &D, proxy: &Proxy) -> Result<(S, response::Parts), BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    D: Fn() -> F,
    F: Future<Output = Result<S, BoxError>>,
{
    if let Some(mut stream) = kept.stream {
        match ask(&mut stream, request).await {
            Ok(answer) => return Ok((stream, answer)),
            // It was not open any more, though the answer before did not say so.
            Err(error) if error.kind() == ProxyErrorKind::Closed && !kept.required => {}
            Err(error) => return Err(error.at(proxy).into()),
        }
    } else if kept.required {
        let ended = io::Error::from(io::ErrorKind::UnexpectedEof);
        let closed = ProxyError::broken(ended).says("its Auth had begun a handshake on it");
        return Err(closed.at(proxy).into());
    }
    let mut stream = dial().await?;
    let answer = ask(&mut stream, request).await.map_err(|error| error.at(proxy))?;
    Ok((stream, answer))
}

/// The head of the CONNECT request, with what needs no waiting.
fn request(proxy: &Proxy, authority: &str) -> Result<request::Parts, ProxyError> {
    let no_name = |error: http::Error| ProxyError::setting("the origin's name").because(error);
    let host = HeaderValue::try_from(authority).map_err(|error| no_name(error.into()))?;
    let uri = Uri::try_from(authority).map_err(|error| no_name(error.into()))?;
    let request = Request::builder().method(Method::CONNECT).uri(uri).header(HOST, host).body(());
    let (mut parts, ()) = request.map_err(no_name)?.into_parts();
    introduce(proxy, &mut parts.headers)?;
    Ok(parts)
}

/// The head as it is sent. Nothing in it can end a line: not a name, not a value, and not an authority.
fn written(authority: &str, headers: &HeaderMap) -> Vec<u8> {
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        // Field names have no case, but not every proxy knows that.
        let name: &[u8] = match *name {
            HOST => b"Host",
            PROXY_AUTHORIZATION => b"Proxy-Authorization",
            ref name => name.as_str().as_bytes(),
        };
        for piece in [name, b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(piece);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Sends a request and reads the head of its final answer.
async fn ask<S>(stream: &mut S, request: &[u8]) -> Result<response::Parts, ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request).await.map_err(ProxyError::broken)?;
    stream.flush().await.map_err(ProxyError::broken)?;
    let mut left = HEAD;
    loop {
        let answer = parse(&read_head(stream, &mut left).await?)?;
        // 101 would be another protocol than the one that was asked for.
        if !answer.status.is_informational() || answer.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(answer);
        }
    }
}

/// Reads to the end of a head and not beyond it: never more at once than it must still have.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S, left: &mut usize) -> Result<Vec<u8>, ProxyError> {
    const BEGIN: &[u8] = b"HTTP/1.";
    let mut head = Vec::with_capacity(256);
    while !(head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n")) {
        let at_line_start = head.ends_with(b"\n") || head.ends_with(b"\n\r");
        let mut piece = [0; 2];
        let piece = &mut piece[usize::from(at_line_start)..];
        let read = stream.read(piece).await.map_err(ProxyError::broken)?;
        if read == 0 {
            return Err(ProxyError::broken(io::ErrorKind::UnexpectedEof.into()));
        }
        head.extend_from_slice(&piece[..read]);
        *left = left.checked_sub(read).ok_or_else(|| ProxyError::new(ProxyErrorKind::HeadTooLarge))?;
        let begun = head.len().min(BEGIN.len());
        if head[..begun] != BEGIN[..begun] {
            // Another protocol may never have an empty line.
            return Err(ProxyError::new(ProxyErrorKind::InvalidAnswer));
        }
    }
    Ok(head)
}

fn parse(head: &[u8]) -> Result<response::Parts, ProxyError> {
    let invalid = || ProxyError::new(ProxyErrorKind::InvalidAnswer);
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(ProxyError::new(ProxyErrorKind::HeadTooLarge)),
        Ok(httparse::Status::Partial) | Err(_) => return Err(invalid()),
    }
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or_else(invalid)?;
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    parts.version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| invalid())?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| invalid())?;
        parts.headers.try_append(name, value).map_err(|_| invalid())?;
    }
    Ok(parts)
}

/// Whether the connection can be used once more, after the content of a refusal was read from it.
async fn skip<S: AsyncRead + Unpin>(stream: &mut S, answer: &response::Parts) -> bool {
    let Some(length) = content_to_skip(answer) else { return false };
    let skipped = tokio::io::copy(&mut stream.take(length), &mut tokio::io::sink()).await;
    skipped.is_ok_and(|skipped| skipped == length)
}

/// How long the content is, if the connection goes on after it; `None` if it does not, or if its end is not known
/// beforehand, or too far away.
fn content_to_skip(answer: &response::Parts) -> Option<u64> {
    let says = |wanted: &str| {
        let lists = answer.headers.get_all(CONNECTION).iter().chain(answer.headers.get_all(PROXY_CONNECTION));
        let mut options = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
        options.any(|option| option.trim().eq_ignore_ascii_case(wanted))
    };
    let goes_on = !says("close") && (answer.version == Version::HTTP_11 || says("keep-alive"));
    if !goes_on || answer.headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    let mut lengths = answer.headers.get_all(CONTENT_LENGTH).iter();
    let (length, None) = (lengths.next()?, lengths.next()) else { return None };
    let length = length.to_str().ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?;
    length.parse().ok().filter(|length| *length <= REST)
}

#[cfg(test)]
mod tests;
