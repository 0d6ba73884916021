use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use sortie_testkit::{Scripted, reply};
use tokio::io::AsyncWrite;

use super::fetch::{Stopped, copy};
use super::part::{Written, blocking};
use super::*;
use crate::{ErrorKind, Session};

/// A disk with so much space left.
struct Disk {
    left: usize,
    flushed: bool,
}

impl AsyncWrite for Disk {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let fits = octets.len().min(self.left);
        self.left -= fits;
        Poll::Ready(if fits == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(fits) })
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn response(body: impl Into<sortie_core::Body>) -> Response {
    let body = body.into();
    Response::from(reply(200, [], "").map(|_: sortie_core::Body| body))
}

#[tokio::test]
async fn a_full_disk_ends_the_copy_and_a_broken_body_leaves_what_came() {
    let mut disk = Disk { left: 4, flushed: false };
    let copied = copy(&mut response("12345"), &mut disk, |_| panic!("nothing was written whole")).await;
    assert!(matches!(copied, Err(Stopped::Write(error)) if error.kind() == io::ErrorKind::StorageFull));

    let mut disk = Disk { left: 9, flushed: false };
    let mut wrote = 0;
    let broken = sortie_core::Body::factory(Some(9), || sortie_core::Body::from("four"));
    let copied = copy(&mut response(broken), &mut disk, |octets| wrote += octets).await;
    assert!(matches!(copied, Err(Stopped::Read(error)) if error.kind() == ErrorKind::Body));
    assert_eq!((wrote, disk.left, disk.flushed), (4, 5, true));
}

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sortie-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Saving = BoxFuture<'static, Result<Saved, Error>>;

/// One thread that blocks does one thing after the other: when something is done, all before it is.
fn one_after_the_other() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap()
}

async fn settled() {
    tokio::task::spawn_blocking(|| ()).await.unwrap();
}

/// Polls so often, drops what is polled, and waits for what goes on then; whether it was done before. With the last poll it
/// is dropped `early`: before anything that it began on a thread of its own is begun there, else when that is done.
fn polled(mut saving: Saving, polls: usize, early: bool) -> bool {
    one_after_the_other().block_on(async {
        for poll in 1..=polls {
            let (go, gate) = std::sync::mpsc::channel::<()>();
            tokio::task::spawn_blocking(move || gate.recv());
            let polled = poll_fn(|cx| Poll::Ready(saving.as_mut().poll(cx))).await;
            if let Poll::Ready(saved) = polled {
                return saved.is_ok();
            }
            if poll == polls && early {
                break;
            }
            drop(go);
            settled().await;
        }
        drop(saving);
        settled().await;
        false
    })
}

#[test]
fn dropped_at_whatever_moment_it_leaves_nothing_behind() {
    let folder = Folder::new("download-dropped");
    let file = folder.0.join("file");
    let server = Scripted::from_fn(|_, _| Ok(reply(200, [("etag", "\"1\"")], "")));
    let session = Session::builder().transport(server).build().unwrap();
    let ways: [(&str, &dyn Fn() -> Saving); 3] = [
        ("save_to", &|| response("12345").save_to(&file).into_future()),
        ("download", &|| session.get("http://a.test/").download(&file).into_future()),
        ("resume", &|| session.get("http://a.test/").download(&file).resume().into_future()),
    ];
    for (name, way) in ways {
        for early in [true, false] {
            let polls = (1..).find(|polls| {
                let done = polled(way(), *polls, early);
                // Where it was dropped late, the whole file has its name.
                let _ = std::fs::remove_file(&file);
                assert_eq!(folder.names(), Vec::<String>::new(), "{name} {polls} {early}");
                done
            });
            assert!(polls > Some(3), "{name} {polls:?}");
        }
    }
    let part = folder.0.join("file.part");
    for early in [true, false] {
        std::fs::write(&part, "from before").unwrap();
        assert!(!polled(ways[2].1(), 1, early));
        assert_eq!(std::fs::read(&part).unwrap(), b"from before");
    }
}

#[test]
fn what_has_begun_when_it_is_dropped_goes_when_it_is_done() {
    let folder = Folder::new("download-begun");
    let path = folder.0.join("state");
    let ((begun, beginning), (go, gate)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
    one_after_the_other().block_on(async {
        let mut writing = Box::pin(blocking(move || {
            begun.send(()).unwrap();
            let _ = gate.recv();
            Written::new(path, b"text")
        }));
        assert!(poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await.is_pending());
        beginning.recv().unwrap();
        drop((writing, go));
        settled().await;
    });
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_may_be_as_long_as_the_file_system_has_it() {
    let folder = Folder::new("download-long-name");
    for (length, resumed) in [(250, false), (255, false), (244, true)] {
        let name = "x".repeat(length);
        let server = Scripted::from_fn(|_, _| Ok(reply(200, [("etag", "\"1\"")], "12345")));
        let session = Session::builder().transport(server).build().unwrap();
        let download = session.get("http://a.test/").download(folder.0.join(&name));
        let saved = if resumed { download.resume() } else { download }.await.unwrap();
        assert_eq!((saved.length(), folder.names()), (5, vec![name.clone()]), "{length}");
        response("1234567").save_to(folder.0.join(&name)).await.unwrap();
        assert_eq!(std::fs::read(folder.0.join(&name)).unwrap(), b"1234567");
        std::fs::remove_file(folder.0.join(&name)).unwrap();
    }
}

/// The device that is always full.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn the_systems_error_says_that_no_space_is_left() {
    let mut full = tokio::fs::OpenOptions::new().write(true).open("/dev/full").await.unwrap();
    let copied = copy(&mut response("12345"), &mut full, |_| ()).await;
    let Err(Stopped::Write(error)) = copied else { panic!("written to a full device") };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let error = SaveError::error("cannot write the file", Path::new("/data/x.part"), error);
    assert_eq!(error.kind(), ErrorKind::Save);
    let save = error.source().unwrap();
    assert_eq!(save.to_string(), "cannot write the file /data/x.part");
    assert!(save.source().unwrap().to_string().contains("No space left"), "{error:?}");
}
