use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Shared;

/// What a proxy of SOCKS was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocksRequest {
    /// 4 or 5.
    pub version: u8,
    /// The user id of SOCKS4, or the user of SOCKS5.
    pub user: Option<String>,
    /// The password of SOCKS5.
    pub password: Option<String>,
    /// The name or address to connect to, as the client said it.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
}

pub(super) async fn serve<S>(mut client: S, shared: Arc<Shared>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (request, allowed) = match client.read_u8().await? {
        4 => ask4(&mut client, &shared).await?,
        5 => match ask5(&mut client, &shared).await? {
            Some(request) => (request, true),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    let version = request.version;
    let target = match allowed {
        true => shared.options.targets.connect(&request.host, request.port).await,
        false => Err(io::ErrorKind::PermissionDenied.into()),
    };
    shared.socks.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    client.write_all(&reply(version, &target)).await?;
    let mut origin = target?;
    tokio::io::copy_bidirectional(&mut client, &mut origin).await?;
    Ok(())
}

async fn ask4<S>(client: &mut S, shared: &Shared) -> io::Result<(SocksRequest, bool)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _command = client.read_u8().await?;
    let port = client.read_u16().await?;
    let address = Ipv4Addr::from(client.read_u32().await?);
    let user = read_to_nul(client).await?;
    let is_name = matches!(address.octets(), [0, 0, 0, last] if last != 0);
    let host = if is_name { read_to_nul(client).await? } else { address.to_string() };
    let allowed = shared.options.credentials.as_ref().is_none_or(|(expected, _)| *expected == user);
    Ok((SocksRequest { version: 4, user: Some(user), password: None, host, port }, allowed))
}

/// `None` if the client was refused before it had asked.
async fn ask5<S>(client: &mut S, shared: &Shared) -> io::Result<Option<SocksRequest>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let methods = read_counted(client).await?;
    let wanted = if shared.options.credentials.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        client.write_all(&[5, 0xff]).await?;
        return Ok(None);
    }
    client.write_all(&[5, wanted]).await?;
    let (mut user, mut password) = (None, None);
    if wanted == 2 {
        let _version = client.read_u8().await?;
        user = Some(text(&read_counted(client).await?));
        password = Some(text(&read_counted(client).await?));
        let given = user.clone().zip(password.clone());
        if given != shared.options.credentials {
            client.write_all(&[1, 1]).await?;
            return Ok(None);
        }
        client.write_all(&[1, 0]).await?;
    }
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    let host = match head[3] {
        1 => Ipv4Addr::from(client.read_u32().await?).to_string(),
        4 => Ipv6Addr::from(client.read_u128().await?).to_string(),
        _ => text(&read_counted(client).await?),
    };
    let port = client.read_u16().await?;
    Ok(Some(SocksRequest { version: 5, user, password, host, port }))
}

fn reply(version: u8, target: &io::Result<TcpStream>) -> Vec<u8> {
    let kind = target.as_ref().err().map(io::Error::kind);
    if version == 4 {
        let code = match kind {
            None => 90,
            Some(io::ErrorKind::PermissionDenied) => 93,
            Some(_) => 91,
        };
        return vec![0, code, 0, 0, 0, 0, 0, 0];
    }
    let code = match kind {
        None => 0,
        Some(io::ErrorKind::NetworkUnreachable) => 3,
        Some(io::ErrorKind::HostUnreachable) => 4,
        Some(io::ErrorKind::ConnectionRefused) => 5,
        Some(_) => 1,
    };
    vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

async fn read_counted(client: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut octets).await?;
    Ok(octets)
}

async fn read_to_nul(client: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut octets = Vec::new();
    loop {
        match client.read_u8().await? {
            0 => return Ok(text(&octets)),
            octet => octets.push(octet),
        }
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
