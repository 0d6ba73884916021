//! Bodies that do not fit into memory are made again for each hop.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream;
use sortie::Body;
use sortie_testkit::{TestServer, reply};

use crate::support::{Folder, redirect, session};

/// The file in pieces, opened when the first one is read.
fn read(path: &Path) -> Body {
    let mut file = None;
    let path = path.to_owned();
    Body::stream(stream::iter(std::iter::from_fn(move || {
        let file = match &mut file {
            Some(file) => file,
            none => match std::fs::File::open(&path) {
                Ok(opened) => none.insert(opened),
                Err(error) => return Some(Err(error)),
            },
        };
        let mut piece = vec![0; 1000];
        match file.read(&mut piece) {
            Ok(0) => None,
            Ok(length) => Some(Ok(piece[..length].to_vec())),
            Err(error) => Some(Err(error)),
        }
    })))
}

#[tokio::test]
async fn a_file_is_opened_anew_for_each_hop_that_asks_for_it_again() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/1" => redirect(307, "/2"),
        "/2" => redirect(308, "/3"),
        "/3" => redirect(301, "/end"),
        _ => reply(200, [], Body::new(request.into_body())),
    });
    let content: Vec<u8> = (0..50_000_u32).flat_map(u32::to_be_bytes).collect();
    let folder = Folder::new();
    let file = folder.write("content", &content);
    let opened = Arc::new(AtomicUsize::new(0));
    let body = || {
        let (path, opened) = (file.clone(), opened.clone());
        Body::factory(Some(content.len() as u64), move || {
            opened.fetch_add(1, Ordering::Relaxed);
            read(&path)
        })
    };
    let response = session().put(server.url("/1")).body(body()).send().await.unwrap();
    assert_eq!(response.history().len(), 3);
    assert!(response.bytes().await.unwrap() == content, "the file as it is");
    assert_eq!(opened.load(Ordering::Relaxed), 4);
    assert!(server.requests().iter().all(|head| head.headers["content-length"] == *content.len().to_string()));

    // After a 301 to a POST nobody asks for it again.
    let response = session().post(server.url("/3")).body(body()).send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), "");
    assert_eq!(opened.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_file_that_is_sent_by_hand_is_opened_anew_too() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/1" => redirect(307, "/2"),
        _ => reply(200, [], Body::new(request.into_body())),
    });
    let folder = Folder::new();
    let path = folder.write("content", b"content");
    let session = session();
    let body = Body::factory(None, move || read(&path));
    let response = session.put(server.url("/1")).body(body).no_redirect().send().await.unwrap();
    let next = response.next().unwrap().unwrap();
    assert_eq!(session.send(next).await.unwrap().text().await.unwrap(), "content");
}
