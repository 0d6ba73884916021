//! How do I upload files? A form that is never in memory as a whole, watched on its way, and sent again where it must be.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt;
use indicatif::{ProgressBar, ProgressStyle};
use sortie::body::{Coding, File, Multipart, Part};
use sortie::retry::RetryOptions;
use sortie::{BoxError, Session};
use sortie_testkit::{TestServer, reply};

/// 8 MiB.
const SIZE: usize = 8 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let path = std::env::temp_dir().join(format!("sortie-upload-{}.bin", std::process::id()));
    std::fs::write(&path, vec![7; SIZE])?;
    let result = upload(&path).await;
    std::fs::remove_file(&path)?;
    result
}

async fn upload(path: &std::path::Path) -> Result<(), BoxError> {
    let received = Arc::default();
    let server = server(&received);
    let session = Session::builder().base_url(server.url("/")).retry(RetryOptions::standard()).no_env().build()?;
    let form = || async {
        Ok::<_, BoxError>(
            Multipart::new()
                .text("title", "A \"map\" of 1870")
                .file("scan", File::open(path).await?)
                .part("notes", Part::bytes("no notes").file_name("notes.txt").mime("text/plain")),
        )
    };

    println!("1. with a progress bar; the server is busy at first, so the file is read and sent twice");
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("   {bar:30} {bytes} of {total_bytes}")?);
    let shown = bar.clone();
    let request = session.put("scans/1").multipart(form().await?).on_upload(move |progress| {
        shown.set_length(progress.total.unwrap_or_default());
        shown.set_position(progress.passed);
    });
    let response = request.send().await?;
    bar.finish();
    assert_eq!((response.status().as_u16(), response.attempts()), (200, 2));
    println!("   {} after {} attempts: {}", response.status(), response.attempts(), response.text().await?);

    println!("2. the file alone, from its middle");
    let rest = File::open(path).await?.range(SIZE as u64 / 2..)?;
    let response = session.put("scans/1/rest").body(rest).send().await?;
    assert_eq!((response.status().as_u16(), response.attempts()), (200, 1));
    println!("   {}", response.text().await?);

    println!("3. the form again, compressed on its way");
    let response = session.put("scans/2").multipart(form().await?).compress(Coding::Gzip).send().await?;
    assert_eq!((response.status().as_u16(), response.attempts()), (200, 1));
    println!("   {}", response.text().await?);

    let received = received.lock().unwrap_or_else(PoisonError::into_inner);
    let [refused, kept, rest, compressed] = received[..] else { return Err("not four requests".into()) };
    let form = usize::try_from(bar.position())?;
    assert_eq!((refused, kept, rest), (form, form, SIZE / 2));
    assert!(form > SIZE && compressed < SIZE / 100, "{form} {compressed}");
    Ok(())
}

/// Notes how many octets each request brings; the first time it is too busy to keep them.
fn server(received: &Arc<Mutex<Vec<usize>>>) -> TestServer {
    let received = received.clone();
    TestServer::from_fn(move |request| {
        let received = received.clone();
        async move {
            let length = request.headers().get("content-length").cloned();
            let (mut body, mut octets) = (request.into_body(), 0);
            while let Some(Ok(frame)) = body.frame().await {
                octets += frame.data_ref().map_or(0, |data| data.len());
            }
            let is_busy = {
                let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
                received.push(octets);
                received.len() == 1
            };
            match (is_busy, length) {
                (true, _) => reply(503, [("retry-after", "0")], "busy"),
                (_, Some(length)) => reply(200, [], format!("{octets} octets, as {length:?} said")),
                (_, None) => reply(200, [], format!("{octets} octets, whose number nobody said before")),
            }
        }
    })
}
