//! How much memory a session needs to send a form with a file of 1 GiB, and to send it again for a redirect, a challenge
//! and a failed attempt: as little as for any other.
//!
//! The client is a process of its own, by this very binary, since the most memory that a process has had (`VmHWM`) never
//! shrinks. The server is in the first process and compares each octet with what was to come.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute, and this binary has none")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response};
use http_body_util::BodyExt;
use sortie::body::{File, Multipart};
use sortie::core::auth::{Answer, Auth, Signing, Unsigned, Verdict};
use sortie::retry::RetryOptions;
use sortie::{Body, Session};
use sortie_testkit::{TestServer, reply};
use sortie_tests::memory_kib;

/// The file is this block so many times.
const BLOCK: usize = 1024 * 1024;
const BLOCKS: usize = 1024;

/// The most memory that the client may have above what it had before it sent.
const LIMIT_KIB: u64 = 32 * 1024;

/// Where the process that is to send is told the server's URL and the file.
const CLIENT: &str = "SORTIE_LARGE_UPLOAD";

fn main() {
    if let Ok(told) = std::env::var(CLIENT) {
        let (url, file) = told.split_once(' ').unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(upload(url, Path::new(file)));
    }
    if sortie_tests::is_ignored("large_upload", "1 GiB of disk and /proc") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let seen: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let told = seen.clone();
    let server = TestServer::from_fn(move |request| serve(request, told.clone()));
    let file = Removed::write();
    let mut client = Command::new(std::env::current_exe().unwrap());
    client.env(CLIENT, format!("{} {}", server.url("/first"), file.0.display()));
    let output = client.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(*seen.lock().unwrap(), ["redirected", "challenged", "failed", "taken"]);
    let told = String::from_utf8(output.stdout).unwrap();
    let [idle, peak] =
        <[u64; 2]>::try_from(told.split_whitespace().map(|kib| kib.parse().unwrap()).collect::<Vec<_>>()).unwrap();
    let above = peak - idle;
    println!(
        "a form with a file of 1 GiB, sent 4 times: {above} KiB above the {idle} KiB before (limit {LIMIT_KIB} KiB)"
    );
    assert!(above < LIMIT_KIB, "{above} KiB");
    println!("test result: ok. 1 passed; 0 failed");
}

fn block() -> Vec<u8> {
    (0..BLOCK as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// The file, while the test runs.
struct Removed(PathBuf);

impl Removed {
    fn write() -> Self {
        let file = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("large-{}", std::process::id())));
        let block = block();
        let mut out = std::fs::File::create(&file.0).unwrap();
        (0..BLOCKS).for_each(|_| out.write_all(&block).unwrap());
        file
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Reads the form before it answers, and answers in turn with a redirect, a challenge, an error and at last well.
async fn serve(request: Request<hyper::body::Incoming>, seen: Arc<Mutex<Vec<&'static str>>>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let length: usize = head.headers["content-length"].to_str().unwrap().parse().unwrap();
    let read = check(body).await;
    assert_eq!(read, length, "{}", head.uri);
    let count = seen.lock().unwrap().len();
    let (what, answer) = match (head.uri.path(), head.headers.contains_key(AUTHORIZATION), count) {
        ("/first", _, 0) => ("redirected", reply(307, [("location", "/second")], "")),
        ("/second", false, 1) => ("challenged", reply(401, [("www-authenticate", "Test")], "")),
        ("/second", true, 2) => ("failed", reply(503, [("retry-after", "0")], "")),
        ("/second", true, 3) => ("taken", reply(200, [], "thanks")),
        other => panic!("{other:?}"),
    };
    seen.lock().unwrap().push(what);
    answer
}

/// Compares the file in the form with what it must be; the length of the form.
async fn check(mut body: hyper::body::Incoming) -> usize {
    let block = block();
    let (mut read, mut head, mut at) = (0, Vec::new(), None::<usize>);
    let mut tail = Vec::new();
    while let Some(frame) = body.frame().await {
        let mut data: Bytes = frame.unwrap().into_data().unwrap();
        read += data.len();
        if at.is_none() {
            head.extend_from_slice(&data);
            let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            data = Bytes::copy_from_slice(&head[end + 4..]);
            at = Some(0);
        }
        let at = at.as_mut().unwrap();
        while !data.is_empty() {
            if *at == BLOCK * BLOCKS {
                tail.extend_from_slice(&data);
                break;
            }
            let within = *at % BLOCK;
            let piece = data.split_to(data.len().min(BLOCK - within));
            assert!(piece[..] == block[within..within + piece.len()], "another octet after {at}");
            *at += piece.len();
        }
    }
    assert!(tail.starts_with(b"\r\n--sortie-") && tail.ends_with(b"--\r\n"), "{}", String::from_utf8_lossy(&tail));
    read
}

/// A scheme that answers a challenge, and from then on before it is asked.
#[derive(Default)]
struct Scheme(AtomicBool);

impl Auth for Scheme {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        if self.0.load(Ordering::Relaxed) {
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Test answer"));
        }
        Signing::Done(Ok(()))
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        let is_challenge = answer.response().status == 401;
        self.0.fetch_or(is_challenge, Ordering::Relaxed);
        if is_challenge { Verdict::Resend } else { Verdict::Accept }
    }

    fn legs(&self) -> usize {
        1
    }
}

/// Sends the file, and prints what memory the process had before and at most, in KiB.
async fn upload(url: &str, file: &Path) {
    let session = Session::builder().no_env().auth(Scheme::default()).retry(RetryOptions::standard()).build().unwrap();
    let form = Multipart::new().file("file", File::open(file).await.unwrap());
    let idle = memory_kib("VmRSS").unwrap();
    let response = session.put(url).multipart(form).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.attempts(), response.history().len()), (200, 2, 1));
    assert_eq!(response.text().await.unwrap(), "thanks");
    println!("{idle} {}", memory_kib("VmHWM").unwrap());
}
