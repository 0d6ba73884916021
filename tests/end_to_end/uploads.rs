//! What a request carries, as a server reads it: forms with files, files, streams, readers, compressed and watched.

use std::io;
use std::process::Command;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use sortie::body::{Coding, File, Multipart, Part};
use sortie::core::{LengthMismatch, find};
use sortie::retry::RetryOptions;
use sortie::{Body, ErrorKind, RequestBuilder};
use sortie_testkit::{TestServer, reply, told};

use crate::support::{Folder, PATIENCE, SECRET, builder, check, redirect, session, values};

/// A server that keeps what it receives, and answers `/moved` with a 307 to `/`.
fn receiving() -> (TestServer, Arc<Mutex<Vec<Bytes>>>) {
    let received: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let keep = received.clone();
    let server = TestServer::from_fn(move |request| {
        let keep = keep.clone();
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let is_first = {
                let mut keep = keep.lock().unwrap();
                keep.push(body);
                keep.len() == 1
            };
            match &*path {
                "/moved" => redirect(307, "/"),
                "/busy" if is_first => reply(503, [("retry-after", "0")], ""),
                _ => reply(200, [], "thanks"),
            }
        }
    });
    (server, received)
}

async fn send(request: RequestBuilder) -> u16 {
    request.send().await.unwrap_or_else(|error| panic!("{}", told(&error))).status().as_u16()
}

/// Name, file name, type and content of each part, as `multer` reads them.
async fn read(headers: &HeaderMap, body: Bytes) -> Vec<(String, Option<String>, Option<String>, Bytes)> {
    let boundary = multer::parse_boundary(headers[CONTENT_TYPE].to_str().unwrap()).unwrap();
    let mut form = multer::Multipart::new(stream::iter([Ok::<_, io::Error>(body)]), boundary);
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        let (name, file) = (field.name().unwrap().to_owned(), field.file_name().map(ToOwned::to_owned));
        let content_type = field.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        parts.push((name, file, content_type, field.bytes().await.unwrap()));
    }
    parts
}

#[tokio::test]
async fn a_form_arrives_as_it_was_put_together() {
    let folder = Folder::new();
    let file = folder.write("note.txt", "from disk");
    let (server, received) = receiving();
    let form = Multipart::new()
        .text("title", "ä \"quoted\"\nline")
        .text("title", "again")
        .file("note", File::open(&file).await.unwrap())
        .part("data", Part::bytes(&b"\0\xff--"[..]).file_name("a.bin"))
        .part("stream", Part::new(Body::stream(stream::iter(["x", "y"].map(Ok::<_, io::Error>)))).mime("text/csv"));
    assert_eq!(send(session().post(server.url("/")).multipart(form)).await, 200);
    let head = &server.requests()[0];
    assert_eq!(values(head, "transfer-encoding"), ["chunked"], "a stream does not know its length");
    let body = received.lock().unwrap()[0].clone();
    let parts = read(&head.headers, body).await;
    let octets = || Some("application/octet-stream".to_owned());
    let expected = [
        ("title", None, None, &b"\xc3\xa4 \"quoted\"\nline"[..]),
        ("title", None, None, b"again"),
        ("note", Some("note.txt"), octets(), b"from disk"),
        ("data", Some("a.bin"), octets(), b"\0\xff--"),
        ("stream", None, Some("text/csv".to_owned()), b"xy"),
    ];
    for (part, (name, file, content_type, content)) in parts.iter().zip(&expected) {
        assert_eq!((&*part.0, part.1.as_deref(), &part.2, &part.3[..]), (*name, *file, content_type, *content));
    }
    assert_eq!(parts.len(), expected.len());
}

#[tokio::test]
async fn hostile_names_stay_names() {
    let (server, received) = receiving();
    for name in [
        "\"; filename=\"evil.sh",
        "a\r\nX-Evil: 1\r\n\r\nbody",
        "a\nb",
        "\0",
        "../../etc/passwd",
        "naïve 🥪",
        &"long".repeat(10_000),
        "a; b=c, d",
        "\\\"",
        "C:\\",
        "%22",
    ] {
        received.lock().unwrap().clear();
        let form = Multipart::new()
            .part(name, Part::bytes("content").file_name(name))
            .text(name, "no file")
            .text("last", "end");
        assert_eq!(send(session().post(server.url("/")).multipart(form)).await, 200);
        let body = received.lock().unwrap()[0].clone();
        let escaped = |name: &str| name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let (field, file) = (escaped(&name.replace("\r\n", "\n").replace('\n', "\r\n")), escaped(name));
        // Nothing that the name could have added: one disposition, and a type only for the file.
        let text = std::str::from_utf8(&body).unwrap();
        let boundary = text.lines().next().unwrap();
        let expected = format!(
            "{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{file}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\ncontent\r\n\
             {boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\nno file\r\n\
             {boundary}\r\nContent-Disposition: form-data; name=\"last\"\r\n\r\nend\r\n{boundary}--\r\n"
        );
        assert_eq!(text, expected);
        // multer undoes no percent-encoding. It reads no form with a NUL in a header, and takes a backslash before the
        // closing quote for an escape, which browsers do not write.
        if name != "\0" && !name.ends_with('\\') {
            let parts = read(&server.requests().last().unwrap().headers, body.clone()).await;
            let read: Vec<_> = parts.iter().map(|part| (&*part.0, &part.3[..])).collect();
            assert_eq!(read, [(&*field, &b"content"[..]), (&*field, b"no file"), ("last", b"end")]);
            // The first `filename=` is the parameter for it, be it within a name.
            if !name.contains("filename=") {
                assert_eq!((parts[0].1.as_deref(), parts[1].1.as_deref()), (Some(&*file), None));
            }
        }
    }
}

#[tokio::test]
async fn a_form_of_files_is_sent_whole_again_after_a_redirect_and_a_failed_attempt() {
    let folder = Folder::new();
    let file = folder.write("big.bin", vec![7; 300_000]);
    for path in ["/moved", "/busy"] {
        let (server, received) = receiving();
        let form = Multipart::new().text("a", "b").file("f", File::open(&file).await.unwrap());
        let session = builder().retry(RetryOptions::standard()).build().unwrap();
        assert_eq!(send(session.put(server.url(path)).multipart(form)).await, 200);
        let received = received.lock().unwrap();
        assert!(received.len() == 2 && received[0] == received[1] && received[0].len() > 300_000, "{path}");
        for head in server.requests() {
            assert_eq!(values(&head, "content-length"), [received[0].len().to_string()]);
        }
    }
}

#[tokio::test]
async fn a_form_with_a_stream_is_sent_once_and_never_without_it() {
    let (server, received) = receiving();
    let part = Part::new(Body::stream(stream::iter([Ok::<_, io::Error>("x")])));
    let request = session().put(server.url("/moved")).multipart(Multipart::new().part("s", part));
    check(&request.send().await.unwrap_err(), ErrorKind::Redirect, "can be sent only once");
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_goes_out_whole_or_in_ranges_with_its_length() {
    let content: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    let folder = Folder::new();
    let path = folder.write("data", &content);
    let file = || File::open(&path);
    let (server, received) = receiving();
    let end = content.len() as u64;
    for (file, expected) in [
        (file().await.unwrap(), &content[..]),
        (file().await.unwrap().range(100_000..).unwrap(), &content[100_000..]),
        (file().await.unwrap().range(10..=19).unwrap(), &content[10..20]),
        (file().await.unwrap().range(50..).unwrap().range(5..10).unwrap(), &content[55..60]),
        (file().await.unwrap().range(end..).unwrap(), &[]),
    ] {
        received.lock().unwrap().clear();
        assert_eq!(send(session().put(server.url("/")).body(file)).await, 200);
        assert!(received.lock().unwrap()[0] == expected);
        assert_eq!(values(server.requests().last().unwrap(), "content-length"), [expected.len().to_string()]);
    }
    for range in [0..end + 1, end + 1..end + 1] {
        assert_eq!(file().await.unwrap().range(range).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error_with_its_path() {
    let scratch = Folder::new();
    let path = scratch.write("gone", "content");
    let folder = File::open(scratch.path()).await.unwrap_err();
    assert!(folder.to_string().contains("no regular file"), "{folder}");
    let pipe = path.with_file_name("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let opened = tokio::time::timeout(PATIENCE, File::open(&pipe)).await;
    // Whoever waits for a writer still would wait for ever, and the runtime for them.
    drop(std::fs::File::options().read(true).write(true).open(&pipe).unwrap());
    let error = opened.expect("nobody waits for a writer").unwrap_err();
    assert!(error.to_string().contains("no regular file"), "{error}");
    let missing = File::open("/no/such/file").await.unwrap_err();
    assert_eq!((missing.kind(), missing.to_string().contains("/no/such/file")), (io::ErrorKind::NotFound, true));

    let (server, _) = receiving();
    let file = File::open(&path).await.unwrap();
    std::fs::write(&path, b"short").unwrap();
    let error = session().put(server.url("/")).body(file.clone()).send().await.unwrap_err();
    assert_eq!((error.kind(), find::<LengthMismatch>(&error).unwrap().yielded()), (ErrorKind::Body, 5));
    std::fs::remove_file(&path).unwrap();
    let error = session().put(server.url("/")).body(file).send().await.unwrap_err();
    check(&error, ErrorKind::Body, "gone");
}

#[tokio::test]
async fn streams_readers_text_and_json_of_ones_own_arrive_with_their_types() {
    let (server, received) = receiving();
    let post = || session().post(server.url("/"));
    let chunks = || stream::iter(["a", "bc"].map(Ok::<_, io::Error>));
    for (request, content, content_type, length) in [
        (post().stream(chunks()), &b"abc"[..], None, None),
        (post().body(Body::sized_stream(3, chunks())), b"abc", None, Some("3")),
        (post().reader(&b"abc"[..]), b"abc", None, None),
        (post().text("ä"), "ä".as_bytes(), Some("text/plain; charset=utf-8"), Some("2")),
        (post().text_in("latin1", "ä"), b"\xe4", Some("text/plain; charset=windows-1252"), Some("1")),
        (post().text_in("shift_jis", "ア"), b"\x83\x41", Some("text/plain; charset=shift_jis"), Some("2")),
        (post().json_with(|| Ok::<_, io::Error>("{\"a\":1}")), b"{\"a\":1}", Some("application/json"), Some("7")),
        (post().header(CONTENT_TYPE, "text/csv").text("a"), b"a", Some("text/csv"), Some("1")),
    ] {
        received.lock().unwrap().clear();
        assert_eq!(send(request).await, 200);
        assert_eq!(received.lock().unwrap()[0], content);
        let head = server.requests().last().unwrap().clone();
        assert_eq!(values(&head, "content-type").first().copied(), content_type);
        assert_eq!(values(&head, "content-length").first().copied(), length);
    }
    for (request, says) in [
        (post().text_in("klingon", SECRET), "RequestBuilder::text_in: no charset"),
        (post().text_in("latin1", "ア s3cret"), "RequestBuilder::text_in: the text cannot be written in windows-1252"),
        (post().text_in("utf-16le", SECRET), "RequestBuilder::text_in"),
        (post().json_with(|| Err::<Bytes, _>("too deep")), "RequestBuilder::json_with: too deep"),
        (post().multipart(Multipart::new().part("a", Part::text("").mime("s3cret\n"))), "Part::mime"),
        (
            post().multipart(Multipart::new().text("a", "b")).header(CONTENT_TYPE, "multipart/form-data; s3cret"),
            "RequestBuilder::multipart: a Content-Type by hand",
        ),
    ] {
        check(&request.send().await.unwrap_err(), ErrorKind::Builder, says);
    }
}

#[tokio::test]
async fn a_compressed_body_says_so_and_is_sent_again_if_it_can_be() {
    let text = "sortie ".repeat(10_000);
    for (coding, name) in [(Coding::Gzip, "gzip"), (Coding::Br, "br"), (Coding::Zstd, "zstd")] {
        let (server, received) = receiving();
        assert_eq!(send(session().put(server.url("/moved")).text(&*text).compress(coding)).await, 200);
        let received = received.lock().unwrap();
        assert!(received[0] == received[1] && received[0].len() < text.len() / 10, "{name}");
        for head in server.requests() {
            assert_eq!(values(&head, "content-encoding"), [name]);
            assert!(values(&head, "content-length").is_empty());
        }
    }
    let (server, _) = receiving();
    let put = || session().put(server.url("/")).compress(Coding::Gzip);
    send(put()).await;
    assert!(values(&server.requests()[0], "content-encoding").is_empty(), "there is nothing to compress");
    send(put().text("x").header("content-encoding", "x-own")).await;
    assert_eq!(values(&server.requests()[1], "content-encoding"), ["x-own", "gzip"]);
    let error = put().text("x").header(CONTENT_LENGTH, "1").send().await.unwrap_err();
    check(&error, ErrorKind::Builder, "RequestBuilder::compress");
}

#[tokio::test]
async fn progress_tells_how_much_of_an_answer_was_read() {
    let server = TestServer::from_fn(async |_| reply(200, [], "x".repeat(100_000)));
    let seen: Arc<Mutex<Vec<_>>> = Arc::default();
    let tell = seen.clone();
    let response = session().get(server.url("/")).send().await.unwrap();
    let response = response.on_download(move |now| tell.lock().unwrap().push((now.passed, now.total, now.ended)));
    assert!(seen.lock().unwrap().is_empty(), "nothing was read yet");
    assert_eq!(response.bytes().await.unwrap().len(), 100_000);
    let seen = seen.lock().unwrap();
    assert!(seen.windows(2).all(|now| now[0].0 <= now[1].0), "{seen:?}");
    assert!(seen.iter().all(|now| now.1 == Some(100_000)), "{seen:?}");
    let ended: Vec<_> = seen.iter().filter(|now| now.2).collect();
    assert_eq!(ended, [&(100_000, Some(100_000), true)]);
}

#[tokio::test]
async fn progress_counts_what_is_sent_and_begins_anew_with_each_sending() {
    let (server, received) = receiving();
    let seen: Arc<Mutex<Vec<_>>> = Arc::default();
    let tell = seen.clone();
    let body = Body::segments([Bytes::from(vec![1; 1000]), Bytes::from(vec![2; 500])]);
    let request = session().put(server.url("/moved")).body(body).on_upload(move |now| {
        tell.lock().unwrap().push((now.passed, now.total, now.ended));
    });
    assert_eq!(send(request).await, 200);
    let once = [(1000, Some(1500), false), (1500, Some(1500), true)];
    assert_eq!(*seen.lock().unwrap(), [once, once].concat());

    // The order of the setters is of no account: what counts is the wire.
    let last: Arc<Mutex<u64>> = Arc::default();
    let tell = last.clone();
    let request = session().put(server.url("/")).on_upload(move |now| *tell.lock().unwrap() = now.passed);
    assert_eq!(send(request.compress(Coding::Gzip).text("a".repeat(100_000))).await, 200);
    let on_the_wire = received.lock().unwrap().last().unwrap().len() as u64;
    assert_eq!(*last.lock().unwrap(), on_the_wire);
}
