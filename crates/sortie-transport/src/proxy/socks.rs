//! The handshakes of SOCKS4, SOCKS4a ([protocol](https://www.openssh.com/txt/socks4.protocol),
//! [extension](https://www.openssh.com/txt/socks4a.protocol)) and SOCKS5
//! ([RFC 1928](https://www.rfc-editor.org/rfc/rfc1928), [RFC 1929](https://www.rfc-editor.org/rfc/rfc1929)).
//!
//! Not hyper-util's: they look names up on the runtime's thread, take one address of a name, keep what was replied out
//! of their errors, and drop bytes that came after a reply.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::{ProxyError, ProxyErrorKind};
use super::proxy::{Protocol, Proxy};

/// What the proxy is to connect to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    Address(SocketAddr),
    /// A name that the proxy looks up, and a port.
    Name(&'a str, u16),
}

/// Asks the proxy at the other end of `stream` to connect it to `target`. Not a byte is read beyond its reply.
pub(super) async fn handshake<S>(proxy: &Proxy, stream: &mut S, target: Target<'_>) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (user, password) = proxy.credentials().map_or(("", ""), |known| (&known.user, &known.password));
    let shaken = match proxy.protocol() {
        Protocol::Socks4 | Protocol::Socks4a => version4(stream, target, user).await,
        _ => version5(stream, target, proxy.credentials().map(|_| (user, password))).await,
    };
    shaken.map_err(|error| error.at(proxy))
}

async fn version4<S>(stream: &mut S, target: Target<'_>, user: &str) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    send(stream, &request4(target, user)?).await?;
    let [version, reply, ..] = read::<8>(stream).await?;
    if version != 0 {
        return Err(ProxyError::new(ProxyErrorKind::InvalidAnswer));
    }
    match reply {
        90 => Ok(()),
        // "Rejected or failed": which of them it does not say.
        91 => Err(ProxyError::new(ProxyErrorKind::GeneralFailure)),
        92 | 93 => Err(ProxyError::new(ProxyErrorKind::AuthenticationFailed).says("it asks for an identd")),
        _ => Err(ProxyError::new(ProxyErrorKind::InvalidAnswer)),
    }
}

fn request4(target: Target<'_>, user: &str) -> Result<Vec<u8>, ProxyError> {
    let (address, port, name) = match target {
        Target::Address(address) => match address.ip().to_canonical() {
            IpAddr::V4(v4) => (v4, address.port(), None),
            IpAddr::V6(_) => {
                let error = ProxyError::new(ProxyErrorKind::AddressTypeNotSupported);
                return Err(error.says("SOCKS4 has none of IPv6 (socks5://)"));
            }
        },
        // An address that cannot be says that a name follows.
        Target::Name(name, port) => (Ipv4Addr::new(0, 0, 0, 1), port, Some(short(name)?)),
    };
    let mut request = vec![4, 1];
    request.extend_from_slice(&port.to_be_bytes());
    request.extend_from_slice(&address.octets());
    request.extend_from_slice(user.as_bytes());
    request.push(0);
    if let Some(name) = name {
        request.extend_from_slice(name.as_bytes());
        request.push(0);
    }
    Ok(request)
}

const NO_AUTH: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

async fn version5<S>(stream: &mut S, target: Target<'_>, credentials: Option<(&str, &str)>) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let invalid = || ProxyError::new(ProxyErrorKind::InvalidAnswer);
    let request = request5(target)?;
    let hello: &[u8] = match credentials {
        Some(_) => &[5, 2, NO_AUTH, USER_AND_PASSWORD],
        None => &[5, 1, NO_AUTH],
    };
    send(stream, hello).await?;
    match (read::<2>(stream).await?, credentials) {
        ([5, NO_AUTH], _) => {}
        ([5, USER_AND_PASSWORD], Some((user, password))) => {
            send(stream, &login(user, password)?).await?;
            let [version, status] = read(stream).await?;
            if status != 0 {
                return Err(ProxyError::new(ProxyErrorKind::AuthenticationFailed));
            }
            if version != 1 {
                return Err(invalid());
            }
        }
        ([5, NONE_ACCEPTABLE], _) => return Err(ProxyError::new(ProxyErrorKind::NoAcceptableMethod)),
        _ => return Err(invalid()),
    }
    send(stream, &request).await?;
    let [version, reply] = read(stream).await?;
    if version != 5 {
        return Err(invalid());
    }
    // A proxy that refuses may close before it has said an address.
    refused5(reply).map_or(Ok(()), Err)?;
    let [_reserved, kind] = read(stream).await?;
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(read::<1>(stream).await?[0]),
        _ => return Err(invalid()),
    };
    let mut bound = [0; 257];
    stream.read_exact(&mut bound[..length + 2]).await.map_err(ProxyError::broken)?;
    Ok(())
}

fn request5(target: Target<'_>) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![5, 1, 0];
    let port = match target {
        Target::Address(address) => {
            match address.ip().to_canonical() {
                IpAddr::V4(v4) => {
                    request.push(1);
                    request.extend_from_slice(&v4.octets());
                }
                IpAddr::V6(v6) => {
                    request.push(4);
                    request.extend_from_slice(&v6.octets());
                }
            }
            address.port()
        }
        Target::Name(name, port) => {
            let name = short(name)?;
            request.extend([3, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
            request.extend_from_slice(name.as_bytes());
            port
        }
    };
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

/// RFC 1929 §2.
fn login(user: &str, password: &str) -> Result<Vec<u8>, ProxyError> {
    let mut login = vec![1];
    for text in [user, password] {
        let length = u8::try_from(text.len());
        login.push(length.map_err(|_| ProxyError::setting("the user or the password is longer than 255 octets"))?);
        login.extend_from_slice(text.as_bytes());
    }
    Ok(login)
}

fn short(name: &str) -> Result<&str, ProxyError> {
    if name.len() > 255 { Err(ProxyError::new(ProxyErrorKind::NameTooLong)) } else { Ok(name) }
}

/// What a reply other than success says (RFC 1928 §6). What the origin's network did has the system's error for it as
/// its source: what can pass is told by that.
fn refused5(reply: u8) -> Option<ProxyError> {
    use ProxyErrorKind as Kind;
    let (kind, network) = match reply {
        0 => return None,
        1 => (Kind::GeneralFailure, None),
        2 => (Kind::NotAllowed, None),
        3 => (Kind::NetworkUnreachable, Some(io::ErrorKind::NetworkUnreachable)),
        4 => (Kind::HostUnreachable, Some(io::ErrorKind::HostUnreachable)),
        5 => (Kind::ConnectionRefused, Some(io::ErrorKind::ConnectionRefused)),
        6 => (Kind::TtlExpired, Some(io::ErrorKind::HostUnreachable)),
        7 => (Kind::CommandNotSupported, None),
        8 => (Kind::AddressTypeNotSupported, None),
        _ => (Kind::InvalidAnswer, None),
    };
    let error = ProxyError::new(kind);
    Some(match network {
        Some(network) => error.because(io::Error::from(network)),
        None => error,
    })
}

/// Whether another address of the same name may do better.
pub(super) fn may_pass_at_another_address(kind: ProxyErrorKind) -> bool {
    use ProxyErrorKind as Kind;
    matches!(
        kind,
        Kind::AddressTypeNotSupported
            | Kind::ConnectionRefused
            | Kind::GeneralFailure
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::TtlExpired
    )
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), ProxyError> {
    stream.write_all(bytes).await.map_err(ProxyError::broken)?;
    stream.flush().await.map_err(ProxyError::broken)
}

async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> Result<[u8; N], ProxyError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(ProxyError::broken)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
