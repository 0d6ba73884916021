//! A server that costs next to nothing, so that the clients and not it are what is measured.

use sortie::BoxError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Seen;

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 11\r\n\
    date: Thu, 26 Nov 2026 16:00:00 GMT\r\n\r\nhello world";
/// How much goes out at once in a download, and in a chunk of a chunked one.
const PIECE: usize = 64 * 1024;
/// How a chunked body ends. No payload has a zero in it.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// Answers request after request: `/gate/<n>` once n of them wait, `/sized/<n>` and `/chunked/<n>` with n bytes,
/// `/coded/<coding>` with [`LENGTH`](super::coded::LENGTH) bytes in a coding, all else with a greeting, and a body that comes with a request is read to its end before.
pub(super) async fn serve<S>(mut stream: S, seen: &Seen) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; 4 * 1024];
    let (mut filled, mut first) = (0, true);
    loop {
        let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else {
            if filled == buffer.len() {
                return Err("the head of a request is too long".into());
            }
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
            continue;
        };
        let head = str::from_utf8(&buffer[..end])?;
        if std::mem::take(&mut first) {
            seen.first_head(head.to_owned());
        }
        let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
        if head.starts_with("POST") {
            let length = field(head, "content-length").and_then(|length| length.parse().ok());
            drain(&mut stream, &buffer[end..filled], length).await?;
            filled = end;
        }
        buffer.copy_within(end..filled, 0);
        filled -= end;
        answer(&mut stream, &path, seen).await?;
        stream.flush().await?;
    }
}

/// The value of a field of a head.
fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Reads a body to its end, of which `begun` is here already.
async fn drain<S: AsyncRead + Unpin>(stream: &mut S, begun: &[u8], length: Option<u64>) -> Result<(), BoxError> {
    let mut buffer = vec![0; 256 * 1024];
    let mut tail = begun[begun.len().saturating_sub(LAST_CHUNK.len())..].to_vec();
    let mut got = begun.len() as u64;
    while length.map_or(tail != LAST_CHUNK, |length| got < length) {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err("the body of a request was cut short".into());
        }
        got += read as u64;
        if length.is_none() {
            tail.extend_from_slice(&buffer[read.saturating_sub(LAST_CHUNK.len())..read]);
            tail.drain(..tail.len().saturating_sub(LAST_CHUNK.len()));
        }
    }
    Ok(())
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, path: &str, seen: &Seen) -> Result<(), BoxError> {
    let (what, size) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    match what {
        "sized" | "chunked" => download(stream, what == "chunked", size.parse()?).await,
        #[cfg(feature = "codings")]
        "coded" => {
            let body = seen.coded.get(size).await?;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {size}\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await?;
            Ok(stream.write_all(&body).await?)
        }
        "gate" => {
            seen.gate(size.parse()?).await;
            Ok(stream.write_all(HELLO).await?)
        }
        _ => Ok(stream.write_all(HELLO).await?),
    }
}

async fn download<S: AsyncWrite + Unpin>(stream: &mut S, chunked: bool, size: usize) -> Result<(), BoxError> {
    let framing = if chunked { "transfer-encoding: chunked".into() } else { format!("content-length: {size}") };
    stream.write_all(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes()).await?;
    let mut piece = vec![b'x'; PIECE];
    if chunked {
        piece.splice(0..0, format!("{PIECE:x}\r\n").into_bytes());
        piece.extend_from_slice(b"\r\n");
    }
    for _ in 0..size / PIECE {
        stream.write_all(&piece).await?;
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}
