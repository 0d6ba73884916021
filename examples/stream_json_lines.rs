//! How do I read JSON Lines as they come? Line by line, without the whole body in memory, and with a limit for a line; and
//! what `requests` does by `iter_content` and by `r.raw`.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use sortie::{BoxError, Session};
use sortie_testkit::TestServer;
use tokio::io::AsyncReadExt;

/// What the server sends, cut where no line ends, and 20 ms apart.
const PIECES: [&str; 4] = [
    "{\"n\": 1, \"name\": \"Ada\"}\r",
    "\n{\"n\": 2, \"name\": \"Émi",
    "lie\"}\n\n{\"n\": 3,",
    " \"name\": \"Sofja\"}",
];

#[derive(Debug, Deserialize, PartialEq)]
struct Record {
    n: u32,
    name: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::new(Router::new().route("/records", get(records)));
    let session = Session::builder().base_url(server.url("/")).no_env().build()?;

    println!("as they come:");
    let started = Instant::now();
    let mut lines = session.get("records").send().await?.error_for_status()?.lines().max_line(1 << 20);
    let mut names = Vec::new();
    while let Some(line) = lines.next_line().await? {
        // Servers send empty lines to keep the connection alive.
        if !line.is_empty() {
            let record: Record = serde_json::from_str(&line)?;
            println!("  {record:?} after {:?}", started.elapsed());
            names.push(record.name);
        }
    }
    assert_eq!(names, ["Ada", "Émilie", "Sofja"]);

    println!("as a stream, with its adapters:");
    let lines = session.get("records").send().await?.lines();
    let records = lines.map_err(BoxError::from).try_filter_map(async |line| {
        Ok((!line.is_empty()).then(|| serde_json::from_str::<Record>(&line)).transpose()?)
    });
    let odd: Vec<u32> =
        records.try_filter(|record| std::future::ready(record.n % 2 == 1)).map_ok(|of| of.n).try_collect().await?;
    println!("  {odd:?}");
    assert_eq!(odd, [1, 3]);

    println!("in pieces, for what is no text:");
    let mut response = session.get("records").send().await?;
    let mut pieces = Vec::new();
    while let Some(piece) = response.chunk().await? {
        println!("  {} octets", piece.len());
        pieces.push(piece);
    }
    assert_eq!(pieces.concat(), PIECES.concat().as_bytes());

    println!("by octets, for what reads from a reader:");
    let mut reader = session.get("records").send().await?.into_reader();
    let mut first = [0; 8];
    reader.read_exact(&mut first).await?;
    println!("  {}", first.escape_ascii());
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await?;
    assert_eq!(first.len() + rest.len(), PIECES.concat().len());

    println!("a line that does not end is an error before it fills the memory:");
    let mut lines = session.get("records").send().await?.lines().max_line(10);
    let Err(error) = lines.next_line().await else { return Err("it has 23 octets".into()) };
    println!("  {}", std::error::Error::source(&error).ok_or("it has a cause")?);
    Ok(())
}

async fn records() -> axum::body::Body {
    axum::body::Body::from_stream(stream::iter(PIECES).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok::<_, BoxError>(Bytes::from_static(piece.as_bytes()))
    }))
}
