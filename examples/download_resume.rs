//! How do I go on with a download that was interrupted? Here a program that downloads is killed, and another one takes up
//! what it left: with a progress bar, and a digest at the end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use http::{Request, Response, StatusCode};
use indicatif::{ProgressBar, ProgressStyle};
use sortie::download::Saved;
use sortie::{Body, BoxError, Session};
use sortie_testkit::TestServer;

/// The file is 64 chunks of this size: chunk `n` is `n` over and over. It comes at 100 chunks a second.
const CHUNK: usize = 64 << 10;
const CHUNKS: usize = 64;
const SHA256: &str = "4f1f8b605b8fd4ba8b9a16234a54da5a4cb15268d08bcc7dc8acd84a0d90bea3";
const VERSION: &str = "\"v1\"";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // This program is both: the one that is killed is started with the URL and the path.
    if let [url, path] = &*std::env::args().skip(1).collect::<Vec<_>>() {
        download(url, path.as_ref()).await?;
        return Ok(());
    }
    let folder = std::env::temp_dir().join(format!("sortie-download-resume-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let done = killed_and_resumed(&folder.join("image.iso")).await;
    std::fs::remove_dir_all(&folder)?;
    done
}

async fn download(url: &str, path: &Path) -> Result<Saved, BoxError> {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}")?);
    let saved = Session::builder()
        .no_env()
        .build()?
        .get(url)
        .download(path)
        .resume()
        .sha256(SHA256)
        .on_progress({
            let bar = bar.clone();
            move |progress| {
                progress.total().into_iter().for_each(|total| bar.set_length(total));
                bar.set_position(progress.done());
            }
        })
        .await?;
    bar.finish();
    Ok(saved)
}

async fn killed_and_resumed(path: &Path) -> Result<(), BoxError> {
    let server = TestServer::from_fn(file);
    let part = PathBuf::from(format!("{}.part", path.display()));
    let mut other = Killed(Command::new(std::env::current_exe()?).arg(server.url("/image.iso")).arg(path).spawn()?);
    while std::fs::metadata(&part).map_or(0, |part| part.len()) < 1 << 20 {
        if let Some(status) = other.0.try_wait()? {
            return Err(format!("the other program ended by itself: {status}").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    other.kill()?;
    assert!(!path.exists());
    println!("the other program was killed; of the file there are {} octets", std::fs::metadata(&part)?.len());

    let saved = download(&server.url("/image.iso"), path).await?;
    println!("{} octets, {} of them from the program that was killed", saved.length(), saved.resumed_from());
    assert_eq!(saved.length(), std::fs::metadata(path)?.len());
    assert!(saved.resumed_from() >= 1 << 20 && !part.exists());
    let asked = server.requests()[1].headers[RANGE].to_str()?.to_owned();
    assert_eq!(asked, format!("bytes={}-", saved.resumed_from()));
    println!("the server was asked for {asked}");
    Ok(())
}

/// A process that does not outlive this one.
struct Killed(Child);

impl Killed {
    fn kill(&mut self) -> std::io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The file, or what of it comes after the octet that is asked for, if it is still the same.
async fn file<B>(request: Request<B>) -> Response<Body> {
    let header = |name| request.headers().get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let from = header(RANGE).filter(|_| header(IF_RANGE) == Some(VERSION));
    let from = from.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let total = CHUNK * CHUNKS;
    let mut response = Response::builder().header(ETAG, VERSION);
    if let Some(from) = from {
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(CONTENT_RANGE, format!("bytes {from}-{}/{total}", total - 1));
    }
    let from = from.unwrap_or(0);
    let chunks = stream::unfold(from, move |at| async move {
        if at >= total {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        let (n, end) = (at / CHUNK, (at / CHUNK + 1) * CHUNK);
        let chunk = Bytes::from(vec![u8::try_from(n).unwrap_or(0); end - at]);
        Some((Ok::<_, BoxError>(chunk), end))
    });
    response.header(CONTENT_LENGTH, total - from).body(Body::stream(chunks)).unwrap_or_default()
}
