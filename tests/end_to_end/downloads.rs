//! Bodies saved to files: whole or not at all, and from where they broke off.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sortie::core::find;
use sortie::decompress::{DecompressError, DecompressOptions, HandSet};
use sortie::download::{BadDownload, Download, Progress, SaveError};
use sortie::transport::{CloseReason, Transport, TransportOptions};
use sortie::{Body, ErrorKind, RequestBuilder};
use sortie_testkit::{Gate, Steps, TcpScript, TestServer, reply};

use crate::decompress::{CONTENT as CODED, encoded};
use crate::support::{Folder, SECRET, always, builder, check, eventually, session};

const CONTENT: &str = "0123456789";
/// `printf 0123456789 | sha256sum`
const SHA256: &str = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

/// Where a body is saved.
struct Target(Folder);

impl Target {
    fn new() -> Self {
        Self(Folder::new())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("file")
    }

    fn part(&self) -> PathBuf {
        self.0.path().join("file.part")
    }

    /// The names of what is in it.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[track_caller]
    fn holds_only(&self, content: &str) {
        assert_eq!((self.names(), fs::read_to_string(self.file()).unwrap()), (vec!["file".into()], content.into()));
    }
}

fn download(url: &str, path: impl AsRef<Path>) -> Download {
    builder().no_retry().build().unwrap().get(url).download(path.as_ref())
}

/// An answer of which the rest does not come.
fn broken(head: &str, content: &str) -> Steps {
    Steps::new().read_request().send(format!("HTTP/1.1 {head}\r\n\r\n{content}")).close()
}

fn whole(head: &str, content: &str) -> Steps {
    Steps::new().read_request().send(format!("HTTP/1.1 {head}\r\n\r\n{content}")).hold()
}

const ALL: &str = "200 OK\r\netag: \"1\"\r\ncontent-length: 10";
const REST: &str = "206 Partial Content\r\netag: \"1\"\r\ncontent-length: 6\r\ncontent-range: bytes 4-9/10";

/// What the requests of a scripted server said by `Range` and `If-Range`.
fn ranges(server: &TcpScript) -> Vec<String> {
    let said = |text: String| -> String {
        let lines = text.lines().filter(|line| line.to_ascii_lowercase().contains("range:"));
        lines.map(|line| line.to_ascii_lowercase()).collect::<Vec<_>>().join(" ")
    };
    server.transcripts().iter().map(|transcript| said(transcript.text())).collect()
}

const ASKED: &str = "range: bytes=4- if-range: \"1\"";

#[tokio::test]
async fn a_body_is_saved_whole_in_the_place_of_what_was_there() {
    let folder = Target::new();
    fs::write(folder.file(), "old").unwrap();
    let server = always(|| reply(200, [], CONTENT));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = seen.clone();
    let response = session().get(server.url("/")).send().await.unwrap();
    let saved = response
        .save_to(folder.file())
        .sha256(SHA256)
        .on_progress(move |progress| note.lock().unwrap().push((progress.done(), progress.total())))
        .await
        .unwrap();
    assert_eq!((saved.path(), saved.length(), saved.resumed_from()), (&*folder.file(), 10, 0));
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!((seen.first(), seen.last()), (Some(&(0, Some(10))), Some(&(10, Some(10)))));
    folder.holds_only(CONTENT);
    let empty = always(|| reply(200, [], ""));
    session().get(empty.url("/")).send().await.unwrap().save_to(folder.file()).await.unwrap();
    folder.holds_only("");
}

#[tokio::test]
async fn of_a_body_that_breaks_off_nothing_stays() {
    let folder = Target::new();
    fs::write(folder.file(), "old").unwrap();
    let server = TcpScript::each(broken(ALL, "0123"));
    let response = session().get(server.url("/")).send().await.unwrap();
    check(&response.save_to(folder.file()).await.unwrap_err(), ErrorKind::Protocol, "");
    folder.holds_only("old");
    check(&download(&server.url("/"), folder.file()).max_resumes(0).await.unwrap_err(), ErrorKind::Protocol, "");
    folder.holds_only("old");
}

/// Both ways to save what a request brings, each dropped when four octets of it have come.
async fn drop_midway(folder: &Target, request: impl Fn() -> RequestBuilder, mut dropped: impl AsyncFnMut()) {
    for asks in [true, false] {
        let (came, coming) = tokio::sync::oneshot::channel();
        let mut came = Some(came);
        let progress = move |progress: Progress| {
            if progress.done() == 4 {
                came.take().map(|came| came.send(()));
            }
        };
        let request = request();
        let saving: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = if asks {
            Box::pin(async { request.download(folder.file()).on_progress(progress).await })
        } else {
            Box::pin(async { request.send().await?.save_to(folder.file()).on_progress(progress).await })
        };
        tokio::select! {
            saved = saving => panic!("{saved:?}"),
            _ = coming => {}
        }
        assert_eq!(folder.names(), Vec::<String>::new());
        dropped().await;
    }
}

#[tokio::test]
async fn a_download_dropped_midway_leaves_no_file_and_no_connection() {
    let folder = Target::new();
    let transport = Transport::new(TransportOptions::default());
    let session = builder().transport(transport.clone()).build().unwrap();
    let server = TcpScript::each(Steps::new().read_request().send(format!("HTTP/1.1 {ALL}\r\n\r\n0123")).hold());
    let mut round = 0;
    let dropped = async || {
        round += 1;
        eventually("closed", || transport.stats().closed.by(CloseReason::Dropped) == round).await;
    };
    drop_midway(&folder, || session.get(server.url("/")), dropped).await;
}

#[tokio::test]
async fn a_download_dropped_with_little_to_come_gives_its_connection_back() {
    let folder = Target::new();
    let transport = Transport::new(TransportOptions::default());
    let session = builder().transport(transport.clone()).build().unwrap();
    let gates = [Gate::new(), Gate::new()];
    let halves = |steps: Steps, gate| {
        steps.read_request().send(format!("HTTP/1.1 {ALL}\r\n\r\n0123")).pause(gate).send("456789")
    };
    let all = format!("HTTP/1.1 {ALL}\r\n\r\n{CONTENT}");
    let server = TcpScript::each(gates.iter().fold(Steps::new(), halves).read_request().send(all).hold());
    let mut rest = gates.iter();
    let dropped = async || {
        rest.next().unwrap().open();
        eventually("idle", || transport.stats().idle == 1).await;
    };
    drop_midway(&folder, || session.get(server.url("/")), dropped).await;
    session.get(server.url("/")).send().await.unwrap().save_to(folder.file()).await.unwrap();
    folder.holds_only(CONTENT);
    let stats = transport.stats();
    assert_eq!((stats.opened, stats.reused), (1, 2));
}

#[tokio::test]
async fn under_a_safe_name_of_the_servers_a_file_stays_in_its_folder() {
    for (disposition, expected) in [
        ("attachment; filename=\"../../etc/passwd\"", "passwd"),
        ("attachment; filename=\"..\\\\..\\\\boot.ini\"", "boot.ini"),
        ("attachment; filename=\"/etc/cron.d/evil\"", "evil"),
        ("attachment; filename*=UTF-8''..%2F..%2F.bashrc", "bashrc"),
        ("attachment; filename*=UTF-8''a%00%0Ab.txt; filename=other", "ab.txt"),
        ("attachment; filename=\"C:\\\\CON\"", "_CON"),
        ("attachment; filename=\"..\"", "unnamed"),
        ("inline", "unnamed"),
    ] {
        let outer = Target::new();
        let folder = outer.0.path().join("a/b");
        fs::create_dir_all(&folder).unwrap();
        let server = always(move || reply(200, [("content-disposition", disposition)], CONTENT));
        let response = session().get(server.url("/")).send().await.unwrap();
        let name = response.content_disposition().and_then(|disposition| disposition.safe_filename());
        let saved = response.save_to(folder.join(name.unwrap_or("unnamed".into()))).await.unwrap();
        assert_eq!(saved.path(), folder.join(expected), "{disposition}");
        assert_eq!(fs::read_to_string(saved.path()).unwrap(), CONTENT, "{disposition}");
        let names = |folder: &Path| fs::read_dir(folder).unwrap().map(|of| of.unwrap().file_name()).collect::<Vec<_>>();
        for (folder, only) in [("", "a"), ("a", "b"), ("a/b", expected)] {
            assert_eq!(names(&outer.0.path().join(folder)), [only], "{disposition}");
        }
    }
}

#[tokio::test]
async fn another_digest_is_an_error_and_no_file() {
    let folder = Target::new();
    let server = always(|| reply(200, [("etag", "\"1\"")], CONTENT));
    for resume in [false, true] {
        let other = SHA256.replace('8', "9");
        let asked = download(&server.url("/"), folder.file()).sha256(&other);
        let error = if resume { asked.resume() } else { asked }.await.unwrap_err();
        check(&error, ErrorKind::Decode, "the SHA-256 of what came is not the one that was given");
        assert_eq!(find::<BadDownload>(&error), Some(&BadDownload::DigestMismatch));
        assert_eq!(folder.names(), Vec::<String>::new());
    }
    let error = download(&server.url("/"), folder.file()).sha256("84d8").await.unwrap_err();
    check(&error, ErrorKind::Builder, "Download::sha256: a SHA-256 has 64 hexadecimal digits");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_is_gone_on_with_in_the_same_call() {
    let folder = Target::new();
    // The second answer is a part of the rest, which ends as it should; the third one breaks.
    let part = "206 Partial Content\r\ncontent-length: 2\r\ncontent-range: bytes 4-5/10";
    let rest = "206 Partial Content\r\ncontent-length: 4\r\ncontent-range: bytes 6-9/10";
    let server = TcpScript::in_order([
        broken(ALL, "0123"),
        Steps::new().read_request().send(format!("HTTP/1.1 {part}\r\nconnection: close\r\n\r\n45")).close(),
        broken(rest, "67"),
        whole("206 Partial Content\r\ncontent-length: 2\r\ncontent-range: bytes 8-9/*", "89"),
    ]);
    let saved = download(&server.url("/"), folder.file()).sha256(SHA256).await.unwrap();
    assert_eq!((saved.length(), saved.resumed_from()), (10, 0));
    folder.holds_only(CONTENT);
    let at = |octet: u64| format!("range: bytes={octet}- if-range: \"1\"");
    assert_eq!(ranges(&server), [String::new(), at(4), at(6), at(8)]);
    assert!(server.transcripts()[0].text().to_ascii_lowercase().contains("accept-encoding: identity\r\n"));
}

#[tokio::test]
async fn what_is_left_behind_is_gone_on_with_by_the_next_download() {
    let folder = Target::new();
    let server = TcpScript::in_order([broken(ALL, "0123"), whole(REST, "456789")]);
    let url = server.url(format_args!("/?key={SECRET}"));
    let error = download(&url, folder.file()).resume().max_resumes(0).await.unwrap_err();
    check(&error, ErrorKind::Protocol, "");
    assert_eq!(folder.names(), ["file.part", "file.part.state"]);
    assert!(!fs::read_to_string(folder.0.path().join("file.part.state")).unwrap().contains(SECRET));
    let first = Arc::new(Mutex::new(None));
    let note = first.clone();
    let begins = move |progress: Progress| {
        note.lock().unwrap().get_or_insert((progress.done(), progress.total()));
    };
    let saved = download(&url, folder.file()).resume().sha256(SHA256).on_progress(begins).await.unwrap();
    assert_eq!((saved.length(), saved.resumed_from()), (10, 4));
    assert_eq!(*first.lock().unwrap(), Some((4, Some(10))));
    folder.holds_only(CONTENT);
    assert_eq!(ranges(&server), ["", ASKED]);
}

/// Leaves four octets behind, of a download that was killed, and gives the rest of these answers.
async fn left_behind(folder: &Target, answers: Vec<Steps>) -> TcpScript {
    let gate = Gate::new();
    let first = Steps::new().read_request().send(format!("HTTP/1.1 {ALL}\r\n\r\n0123")).pause(&gate).close();
    let server = TcpScript::in_order(std::iter::once(first).chain(answers).collect::<Vec<_>>());
    let url = server.url("/");
    let download = download(&url, folder.file()).resume().max_resumes(0);
    gate.open();
    assert!(download.await.is_err());
    assert_eq!(fs::read_to_string(folder.part()).unwrap(), "0123");
    server
}

#[tokio::test]
async fn what_does_not_fit_any_more_is_asked_for_anew() {
    let other = "200 OK\r\netag: \"2\"\r\ncontent-length: 3";
    let changed = "206 Partial Content\r\netag: \"2\"\r\ncontent-length: 6\r\ncontent-range: bytes 4-9/10";
    let elsewhere = "206 Partial Content\r\ncontent-length: 6\r\ncontent-range: bytes 3-8/10";
    let gone = "416 Range Not Satisfiable\r\ncontent-length: 0\r\ncontent-range: bytes */3";
    let close = |head: &str, content: &str| {
        Steps::new().read_request().send(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{content}")).close()
    };
    for (name, answers, asked) in [
        ("the file has changed", vec![whole(other, "new")], vec![ASKED]),
        ("a part of another version", vec![close(changed, "456789"), whole(other, "new")], vec![ASKED, ""]),
        ("a part of another place", vec![close(elsewhere, "345678"), whole(other, "new")], vec![ASKED, ""]),
        ("it has become shorter", vec![close(gone, ""), whole(other, "new")], vec![ASKED, ""]),
    ] {
        let folder = Target::new();
        let server = left_behind(&folder, answers).await;
        let saved = download(&server.url("/"), folder.file()).resume().await.unwrap();
        assert_eq!((saved.length(), saved.resumed_from()), (3, 0), "{name}");
        folder.holds_only("new");
        assert_eq!(ranges(&server)[1..], asked, "{name}");
    }
}

#[tokio::test]
async fn a_file_of_which_all_is_there_only_gets_its_name() {
    let folder = Target::new();
    let gone = "416 Range Not Satisfiable\r\ncontent-length: 0\r\ncontent-range: bytes */4";
    let server = left_behind(&folder, vec![whole(gone, "")]).await;
    let saved = download(&server.url("/"), folder.file()).resume().await.unwrap();
    assert_eq!((saved.length(), saved.resumed_from()), (4, 4));
    folder.holds_only("0123");
}

#[tokio::test]
async fn without_a_strong_validator_or_for_another_url_all_is_asked_for() {
    let folder = Target::new();
    let weak = "200 OK\r\netag: W/\"1\"\r\ncontent-length: 10";
    let server = TcpScript::in_order([broken(weak, "0123"), whole(weak, CONTENT)]);
    let again = || download(&server.url("/"), folder.file()).resume();
    check(&again().await.unwrap_err(), ErrorKind::Protocol, "");
    assert_eq!(again().await.unwrap().resumed_from(), 0);
    assert_eq!(ranges(&server), ["", ""]);
    folder.holds_only(CONTENT);

    let folder = Target::new();
    let server = left_behind(&folder, vec![whole(ALL, CONTENT)]).await;
    download(&server.url("/other"), folder.file()).resume().await.unwrap();
    assert_eq!(ranges(&server), ["", ""]);
    folder.holds_only(CONTENT);
}

#[tokio::test]
async fn a_state_that_is_damaged_and_a_part_without_one_count_as_nothing() {
    for state in [None, Some("sortie download 1\nurl 00\netag \"1\"\n")] {
        let folder = Target::new();
        fs::write(folder.part(), "damaged").unwrap();
        if let Some(state) = state {
            fs::write(folder.0.path().join("file.part.state"), state).unwrap();
        }
        let server = TcpScript::each(whole(ALL, CONTENT));
        download(&server.url("/"), folder.file()).resume().await.unwrap();
        assert_eq!(ranges(&server), [""]);
        folder.holds_only(CONTENT);
    }
}

#[tokio::test]
#[cfg(unix)]
async fn a_link_in_the_place_of_the_part_is_not_followed() {
    let folder = Target::new();
    let elsewhere = Target::new();
    fs::write(elsewhere.file(), "precious").unwrap();
    std::os::unix::fs::symlink(elsewhere.file(), folder.part()).unwrap();
    let server = TcpScript::each(whole(ALL, CONTENT));
    download(&server.url("/"), folder.file()).resume().await.unwrap();
    folder.holds_only(CONTENT);
    elsewhere.holds_only("precious");
}

#[tokio::test]
async fn what_comes_coded_unasked_is_decoded_as_any_other_body_is() {
    type Change = fn(RequestBuilder) -> RequestBuilder;
    let same: Change = |request| request;
    let server = always(|| {
        let mut reply = encoded(200, "gzip");
        reply.headers_mut().insert("etag", "\"1\"".parse().unwrap());
        reply
    });
    for (name, session, change, decoded) in [
        ("by default", builder(), same, true),
        ("by limits", builder().decompress(DecompressOptions::default().max_size(1000)), same, true),
        (
            "by the request",
            builder().no_decompress(),
            |of| of.decompress(DecompressOptions::default().hand_set(HandSet::Decode)),
            true,
        ),
        ("not by the session", builder().no_decompress(), same, false),
        ("not by the request", builder(), RequestBuilder::no_decompress, false),
        ("as asked by hand", builder(), |of| of.header("accept-encoding", "gzip"), false),
    ] {
        let session = session.build().unwrap();
        for resume in [false, true] {
            let folder = Target::new();
            let (state, is_kept) = (folder.0.path().join("file.part.state"), Arc::new(Mutex::new(false)));
            let note = is_kept.clone();
            let download = change(session.get(server.url("/"))).download(folder.file());
            let download = if resume { download.resume() } else { download };
            download.on_progress(move |_| *note.lock().unwrap() |= state.exists()).await.unwrap();
            assert_eq!(fs::read(folder.file()).unwrap() == CODED, decoded, "{name} {resume}");
            // The octets of ranges are not those that are decoded.
            assert_eq!(*is_kept.lock().unwrap(), resume && !decoded, "{name} {resume}");
        }
    }
    let limit = builder().decompress(DecompressOptions::default().max_size(9)).build().unwrap();
    let folder = Target::new();
    let error = limit.get(server.url("/")).download(folder.file()).await.unwrap_err();
    assert!(find::<DecompressError>(&error).is_some(), "{error:?}");
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[tokio::test]
async fn an_error_status_is_an_error_and_leaves_no_file() {
    let folder = Target::new();
    for status in [304, 404, 503] {
        let server =
            TestServer::from_fn(move |_| std::future::ready(reply(status, [], "").map(|_: Body| SECRET.into())));
        for resume in [false, true] {
            let asked = download(&server.url("/"), folder.file());
            let error = if resume { asked.resume() } else { asked }.await.unwrap_err();
            check(&error, ErrorKind::Status, &status.to_string());
            assert_eq!(folder.names(), Vec::<String>::new(), "{status}");
        }
    }
    let unasked = always(|| reply(206, [("content-range", "bytes 0-3/10")], "0123"));
    let error = download(&unasked.url("/"), folder.file()).await.unwrap_err();
    check(&error, ErrorKind::Protocol, "a part of the file (206), though all of it was asked for");
    assert_eq!(folder.names(), Vec::<String>::new());
}

/// Root may write anywhere, but not into what is no folder, and neither under `/proc`.
#[tokio::test]
async fn where_nothing_can_be_written_the_error_says_so_and_nothing_is_sent() {
    let folder = Target::new();
    fs::write(folder.file(), "no folder").unwrap();
    let server = always(|| reply(200, [], CONTENT));
    let mut paths =
        vec![folder.file().join("x"), folder.0.path().join("none").join("x"), folder.0.path().to_owned(), "/".into()];
    if cfg!(target_os = "linux") {
        paths.push("/proc/self/x".into());
    }
    for path in paths {
        let asked = || download(&server.url("/"), &path);
        for error in [asked().await.unwrap_err(), asked().resume().await.unwrap_err()] {
            check(&error, ErrorKind::Save, "cannot");
            assert!(find::<SaveError>(&error).unwrap().path().starts_with(path.parent().unwrap_or(&path)), "{error:?}");
        }
    }
    assert_eq!(server.requests().len(), 0);
    let response = session().get(server.url("/")).send().await.unwrap();
    check(&response.save_to(folder.file().join("x")).await.unwrap_err(), ErrorKind::Save, "cannot create the file");
    folder.holds_only("no folder");
}

/// Where the test below finds its disk, in the process that has one of its own.
#[cfg(target_os = "linux")]
const DISK: &str = "SORTIE_FULL_DISK";

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs unshare(1) and user namespaces, for a disk of 64 KiB"]
fn a_download_to_a_full_or_a_read_only_disk_is_a_clear_error_and_no_half_file_stays() {
    if let Some(disk) = std::env::var_os(DISK) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(fill(Path::new(&disk)));
    }
    let disk = Folder::new();
    let name = "downloads::a_download_to_a_full_or_a_read_only_disk_is_a_clear_error_and_no_half_file_stays";
    let within =
        format!("mount -t tmpfs -o size=64k none \"${DISK}\" && exec \"$0\" --ignored --exact {name} --nocapture");
    let ran = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &within])
        .arg(std::env::current_exe().unwrap())
        .env(DISK, disk.path())
        .output()
        .expect("unshare(1) is in util-linux");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}

#[cfg(target_os = "linux")]
async fn fill(disk: &Path) {
    let server = TestServer::from_fn(async |request: http::Request<_>| {
        let length = if request.uri().path() == "/large" { 1024 * 1024 } else { 10 };
        reply(200, [("etag", "\"v1\"")], vec![b'x'; length])
    });
    let (file, part) = (disk.join("file"), disk.join("file.part"));
    let names = || fs::read_dir(disk).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    fs::write(&file, "what was there before").unwrap();

    let response = session().get(server.url("/large")).send().await.unwrap();
    for error in [response.save_to(&file).await.unwrap_err(), download(&server.url("/large"), &file).await.unwrap_err()]
    {
        check(&error, ErrorKind::Save, "cannot write the file");
        let cause: &std::io::Error = find(&error).unwrap();
        assert_eq!(cause.kind(), std::io::ErrorKind::StorageFull, "{error:?}");
        assert_eq!((names(), fs::read_to_string(&file).unwrap()), (vec![file.clone()], "what was there before".into()));
    }
    // One that is to be gone on with keeps what fits.
    let error = download(&server.url("/large"), &file).resume().await.unwrap_err();
    assert_eq!(find::<std::io::Error>(&error).unwrap().kind(), std::io::ErrorKind::StorageFull);
    assert!(part.exists(), "{:?}", names());
    fs::remove_file(part).unwrap();
    fs::remove_file(disk.join("file.part.state")).unwrap();
    download(&server.url("/small"), &file).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "xxxxxxxxxx");

    let remounted = std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(disk).status().unwrap();
    assert!(remounted.success());
    for resumed in [false, true] {
        let download = download(&server.url("/small"), disk.join("other"));
        let error = if resumed { download.resume() } else { download }.await.unwrap_err();
        check(&error, ErrorKind::Save, "Read-only file system");
        assert_eq!(find::<std::io::Error>(&error).unwrap().kind(), std::io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(names(), std::slice::from_ref(&file));
    }
}
