//! Requests as they arrive: read octet by octet, with nothing made whole that was not.

use std::io;
use std::time::Instant;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) origin: &'static str,
    /// Of those at this origin, counted from 1.
    pub(crate) connection: usize,
    pub(crate) at: Instant,
    pub(crate) method: String,
    pub(crate) target: String,
    /// By name, in lower case; values of one name in their order, without blanks around them.
    pub(crate) headers: Vec<(String, String)>,
    /// The request line and each header as it came.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// Octets as characters, one for one.
pub(crate) fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

/// The next request; `None` if the client has no more.
pub(crate) async fn read_request(
    stream: &mut (impl AsyncBufRead + Unpin),
    origin: &'static str,
    connection: usize,
) -> io::Result<Option<Seen>> {
    let Some(start) = line(stream).await? else { return Ok(None) };
    let at = Instant::now();
    let mut words = start.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (mut headers, mut head) = (Vec::new(), vec![start.clone()]);
    while let Some(field) = line(stream).await?.filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(':').unwrap_or((&field, ""));
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        head.push(field);
    }
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let value = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| &**value);
    // The length comes first: a client that says both sends no chunks.
    let body = match value("content-length").and_then(|length| length.parse().ok()) {
        Some(length) => {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            body
        }
        None if value("transfer-encoding").is_some() => read_chunks(stream).await?,
        None => Vec::new(),
    };
    Ok(Some(Seen { origin, connection, at, method, target, headers, head, body }))
}

async fn read_chunks(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(stream).await?.unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        let before = body.len();
        body.resize(before + size, 0);
        stream.read_exact(&mut body[before..]).await?;
        line(stream).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Without its end, and with the blanks before that.
async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(Some(latin1(line.strip_suffix(b"\r").unwrap_or(line))))
}
