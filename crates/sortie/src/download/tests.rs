use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use sortie_testkit::reply;
use tokio::io::AsyncWrite;

use super::fetch::{Stopped, copy};
use super::*;
use crate::ErrorKind;

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
