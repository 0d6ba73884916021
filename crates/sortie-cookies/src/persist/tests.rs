use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, io};

use url::Url;

use super::*;
use crate::JarOptions;

const NOW: u64 = 1_800_000_000;

fn jar() -> Jar {
    Jar::with_options(JarOptions::default().clock(|| time(NOW)))
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// One of each kind.
fn full_jar() -> Jar {
    let jar = jar();
    for (at, field) in [
        (
            "https://www.example.com/a/b",
            &b"id=7; Domain=example.com; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"[..],
        ),
        ("https://www.example.com/a/b", b"own=x y\"z\\; Max-Age=60"),
        ("https://www.example.com/", b"__Host-p=1; Secure; Path=/; Max-Age=60; Partitioned; SameSite=None"),
        ("http://10.0.0.1/", b"ip=1; Max-Age=60"),
        ("http://[::1]/", b"ip6=1; Max-Age=60"),
        ("http://a.com/", b"nameless; Max-Age=60"),
        ("http://a.com/", b"=n=ameless; Max-Age=60; Path=/x"),
        ("http://a.com/", b"valueless=; Max-Age=60; SameSite=Strict"),
        ("http://a.com/", b"octets=\xFF\xFE; Max-Age=60"),
        ("http://a.com/", b"session=1"),
        ("http://a.com./", "ü=€; Max-Age=60".as_bytes()),
    ] {
        jar.receive(&url(at), field).unwrap();
    }
    jar
}

/// All that a jar knows, values included.
fn all(jar: &Jar) -> Vec<String> {
    jar.iter().map(|stored| format!("{stored:?} {}", stored.cookie)).collect()
}

fn answers(jar: &Jar) -> Vec<Option<Vec<u8>>> {
    let asked = [
        "https://www.example.com/a/b",
        "http://example.com/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://a.com/x",
        "http://a.com./",
    ];
    asked.into_iter().map(|at| Some(jar.header(&url(at))?.as_bytes().to_vec())).collect()
}

#[test]
fn what_is_written_and_read_is_the_same() {
    let written = full_jar();
    let read = jar();
    assert_eq!(read.load_netscape(written.to_netscape(Sessions::Keep)).unwrap(), written.len());
    assert_eq!(all(&read), all(&written));
    assert_eq!(answers(&read), answers(&written));
    assert_eq!(read.to_netscape(Sessions::Keep), written.to_netscape(Sessions::Keep));
    #[cfg(feature = "json")]
    {
        let read = jar();
        assert_eq!(read.load_json(written.to_json(Sessions::Keep)).unwrap(), written.len());
        assert_eq!(all(&read), all(&written));
        assert_eq!(answers(&read), answers(&written));
        assert_eq!(read.to_json(Sessions::Keep), written.to_json(Sessions::Keep));
    }
}

#[test]
fn session_cookies_are_left_out_unless_asked_for() {
    let jar = jar();
    jar.receive(&url("http://a.com/"), b"session=1").unwrap();
    jar.receive(&url("http://a.com/"), b"lasting=1; Max-Age=60").unwrap();
    for (sessions, expected) in [(Sessions::Leave, "lasting=1"), (Sessions::Keep, "session=1; lasting=1")] {
        let read = self::jar();
        read.load_netscape(jar.to_netscape(sessions)).unwrap();
        assert_eq!(read.header(&url("http://a.com/")).unwrap(), expected);
        #[cfg(feature = "json")]
        {
            let read = self::jar();
            read.load_json(jar.to_json(sessions)).unwrap();
            assert_eq!(read.header(&url("http://a.com/")).unwrap(), expected);
        }
    }
}

#[test]
fn a_cookies_txt_looks_as_curl_writes_it() {
    let written = full_jar().to_netscape(Sessions::Keep);
    let expected = "# Netscape HTTP Cookie File
# Written by sortie-cookies. Edit it at your own risk.

# sortie: SameSite=Lax
#HttpOnly_.example.com	TRUE	/	TRUE	1800000060	id	7
www.example.com	FALSE	/a	FALSE	1800000060	own	x y\"z\\
# sortie: SameSite=None; Partition=https://example.com
www.example.com	FALSE	/	TRUE	1800000060	__Host-p	1
10.0.0.1	FALSE	/	FALSE	1800000060	ip	1
::1	FALSE	/	FALSE	1800000060	ip6	1
a.com	FALSE	/	FALSE	1800000060		nameless
a.com	FALSE	/x	FALSE	1800000060		n=ameless
# sortie: SameSite=Strict
a.com	FALSE	/	FALSE	1800000060	valueless	
a.com	FALSE	/	FALSE	1800000060	octets	\u{FFFD}\u{FFFD}
a.com	FALSE	/	FALSE	0	session	1
a.com.	FALSE	/	FALSE	1800000060	ü	€
";
    assert_eq!(String::from_utf8_lossy(&written), expected);
}

#[test]
fn what_cannot_stand_in_a_cookies_txt_is_left_out() {
    let jar = jar();
    for (at, field) in [("http://a.com/", "a=1\t2"), ("http://a.com/", "a\tb=1"), ("http://a.com/", "p=1; Path=/\tx")] {
        jar.receive(&url(at), field.as_bytes()).unwrap();
    }
    assert_eq!(jar.len(), 3);
    let read = self::jar();
    assert_eq!(read.load_netscape(jar.to_netscape(Sessions::Keep)).unwrap(), 0);
    #[cfg(feature = "json")]
    assert_eq!(read.load_json(jar.to_json(Sessions::Keep)).unwrap(), 3);
}

/// The cookies of a line as `domain host_only path secure http_only expires name=value`.
fn line(text: &str) -> Result<Vec<String>, usize> {
    let cookies = netscape::read(text.as_bytes()).map_err(|error| error.line().unwrap())?;
    let shown = |cookie: &crate::store::Accepted<'_>| {
        let expires = cookie.expires.map(seconds);
        let pair = [cookie.name, b"=", cookie.value].concat();
        format!(
            "{} {} {} {} {} {expires:?} {}",
            cookie.domain,
            cookie.host_only,
            cookie.path,
            cookie.secure,
            cookie.http_only,
            String::from_utf8_lossy(&pair)
        )
    };
    Ok(cookies.iter().map(shown).collect())
}

#[test]
fn a_cookies_txt_of_others_is_read() {
    let one = |text: &str| Ok(vec![text.to_owned()]);
    for (text, expected) in [
        ("", Ok(vec![])),
        ("\u{FEFF}# Netscape HTTP Cookie File\r\n\r\n   \n# x\ty\n#\n", Ok(vec![])),
        (".a.com\tTRUE\t/\tFALSE\t7\tn\tv", one("a.com false / false false Some(7) n=v")),
        (".a.com\tTRUE\t/\tFALSE\t7\tn\tv\r\n", one("a.com false / false false Some(7) n=v")),
        ("A.com\ttrue\t/x\tTrue\t7\tn\tv", one("a.com false /x true false Some(7) n=v")),
        (".a.com\tFALSE\t/\tFALSE\t7\tn\tv", one("a.com true / false false Some(7) n=v")),
        ("#HttpOnly_a.com\tFALSE\t/\tFALSE\t0\tn\tv=w\n", one("a.com true / false true None n=v=w")),
        ("a.com\tFALSE\t/\tFALSE\t\tn\tv", one("a.com true / false false None n=v")),
        ("a.com\tFALSE\t/\tFALSE\t17.25\tn\tv", one("a.com true / false false Some(17) n=v")),
        ("a.com\tFALSE\t/\tFALSE\t99999999999999999999\tn\tv", one("a.com true / false false Some(253402300799) n=v")),
        ("a.com\tFALSE\t\tFALSE\t7\tn\tv", one("a.com true / false false Some(7) n=v")),
        ("a.com\tFALSE\t/\tFALSE\t7\tn", one("a.com true / false false Some(7) n=")),
        ("a.com\tFALSE\t/\tFALSE\t7\tn\t", one("a.com true / false false Some(7) n=")),
        ("a.com\tFALSE\t/\tFALSE\t7\t\tv", one("a.com true / false false Some(7) =v")),
        ("a.com:8080\tFALSE\t/\tFALSE\t7\tn\tv", one("a.com true / false false Some(7) n=v")),
        ("2001:DB8::1\tFALSE\t/\tFALSE\t7\tn\tv", one("[2001:db8::1] true / false false Some(7) n=v")),
        ("[::0001]\tFALSE\t/\tFALSE\t7\tn\tv", one("[::1] true / false false Some(7) n=v")),
        (
            "www.bücher.example\tFALSE\t/\tFALSE\t7\tn\tv",
            one("www.xn--bcher-kva.example true / false false Some(7) n=v"),
        ),
        ("\na.com\tFALSE\t/\tFALSE\t7", Err(2)),
        ("a.com FALSE / FALSE 7 n v", Err(1)),
        ("a.com\tFALSE\t/\tFALSE\t7\tn\tv\tw", Err(1)),
        ("a.com\tYES\t/\tFALSE\t7\tn\tv", Err(1)),
        ("a.com\tFALSE\t/\t\t7\tn\tv", Err(1)),
        ("a.com\tFALSE\t/\tFALSE\t-1\tn\tv", Err(1)),
        ("a.com\tFALSE\t/\tFALSE\tsoon\tn\tv", Err(1)),
        ("\tFALSE\t/\tFALSE\t7\tn\tv", Err(1)),
        (".\tTRUE\t/\tFALSE\t7\tn\tv", Err(1)),
        ("a/b\tFALSE\t/\tFALSE\t7\tn\tv", Err(1)),
        ("a b\tFALSE\t/\tFALSE\t7\tn\tv", Err(1)),
        // Found by fuzzing: written without its brackets, it was no address and no name.
        ("[:51]\tFALSE\t/\tFALSE\t7\tn\tv", Err(1)),
        ("# x\r\n\r\n# sortie: SameSite=lax\n", Err(3)),
        ("# sortie: Partition=a.com\n", Err(1)),
        ("<html>\n", Err(1)),
        (&*format!("{}\tFALSE\t/\tFALSE\t7\tn\tv", "a.".repeat(200)), Err(1)),
        (&*format!("{}\tFALSE\t/\tFALSE\t7\tn\tv", "ü.".repeat(50)), Err(1)),
    ] {
        assert_eq!(line(text), expected, "{text:?}");
    }
}

#[test]
fn marks_are_for_the_next_line_only() {
    let text = "# sortie: SameSite=Strict; Partition=https://b.com\na.com\tFALSE\t/\tTRUE\t0\tone\t1\n\
                a.com\tFALSE\t/\tTRUE\t0\ttwo\t2\n# sortie: SameSite=Lax\n\na.com\tFALSE\t/\tTRUE\t0\tthree\t3\n";
    let cookies = netscape::read(text.as_bytes()).unwrap();
    let marks: Vec<_> = cookies.iter().map(|cookie| (cookie.same_site, cookie.partition.as_deref())).collect();
    assert_eq!(marks, [(Some(cookie::SameSite::Strict), Some("https://b.com")), (None, None), (None, None)]);
}

#[test]
fn what_is_loaded_is_held_to_the_rules() {
    let long = "v".repeat(5000);
    for (fields, taken) in [
        (".co.uk\tTRUE\t/\tFALSE\t0\tn\tv", false),
        ("co.uk\tFALSE\t/\tFALSE\t0\tn\tv", true),
        ("a.com\tFALSE\t/\tFALSE\t0\t__Host-n\tv", false),
        ("a.com\tFALSE\t/\tTRUE\t0\t__Host-n\tv", true),
        (".a.com\tTRUE\t/\tTRUE\t0\t__Host-n\tv", false),
        ("a.com\tFALSE\t/\tFALSE\t0\t\t__Secure-n=v", false),
        ("a.com\tFALSE\t/\tTRUE\t0\t__Http-n\tv", false),
        ("#HttpOnly_a.com\tFALSE\t/\tTRUE\t0\t__Http-n\tv", true),
        ("# sortie: SameSite=None\na.com\tFALSE\t/\tFALSE\t0\tn\tv", true),
        ("# sortie: Partition=https://a.com\na.com\tFALSE\t/\tFALSE\t0\tn\tv", false),
        ("a.com\tFALSE\t/\tFALSE\t1800000000\tn\tv", false),
        ("a.com\tFALSE\t/\tFALSE\t1800000001\tn\tv", true),
        ("a.com\tFALSE\t/\tFALSE\t0\tn\tv;w", false),
        ("a.com\tFALSE\t/\tFALSE\t0\tn=m\tv", false),
        ("a.com\tFALSE\t/\tFALSE\t0\tn\tv\x07", false),
        ("a.com\tFALSE\t/\x07\tFALSE\t0\tn\tv", false),
        ("a.com\tFALSE\t/\tFALSE\t0\t\t", false),
        (&*format!("a.com\tFALSE\t/\tFALSE\t0\tn\t{long}"), false),
        (&*format!("a.com\tFALSE\t/{}\tFALSE\t0\tn\tv", "p".repeat(70_000)), false),
    ] {
        let jar = jar();
        assert_eq!(jar.load_netscape(fields).unwrap(), usize::from(taken), "{fields}");
        assert_eq!(jar.len(), usize::from(taken), "{fields}");
    }
}

#[test]
fn a_loaded_cookie_ends_after_400_days_and_a_jar_keeps_its_limits() {
    let jar = Jar::with_options(JarOptions::default().clock(|| time(NOW)).per_domain(5));
    let lines: String = (0..9).map(|n| format!("a.com\tFALSE\t/\tFALSE\t9999999999\tn{n}\tv\n")).collect();
    jar.load_netscape(lines).unwrap();
    assert_eq!(jar.len(), 5);
    assert!(jar.iter().all(|stored| stored.expires == Some(time(NOW + 400 * 86_400))));
}

#[test]
fn a_cookie_in_the_jar_is_replaced_and_keeps_its_place() {
    let jar = jar();
    for field in ["a=old", "b=1"] {
        jar.receive(&url("http://a.com/"), field.as_bytes()).unwrap();
    }
    let text = "a.com\tFALSE\t/\tFALSE\t0\tc\t1\na.com\tFALSE\t/\tFALSE\t0\ta\tnew\n";
    assert_eq!(jar.load_netscape(text).unwrap(), 2);
    assert_eq!(jar.header(&url("http://a.com/")).unwrap(), "a=new; b=1; c=1");
}

#[test]
fn a_damaged_text_leaves_the_jar_as_it_was() {
    let jar = full_jar();
    let before = all(&jar);
    let error = jar.load_netscape("x.com\tFALSE\t/\tFALSE\t0\tn\tsecret\nx.com\tFALSE\tsecret").unwrap_err();
    assert_eq!(error.line(), Some(2));
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert_eq!(all(&jar), before);
}

#[cfg(feature = "json")]
mod json_text {
    use super::*;

    const LINE: &str =
        r#"{"domain":"a.com","host_only":true,"path":"/","name":"n","value":"v","secure":false,"http_only":false}"#;

    fn document(line: &str) -> String {
        format!("{{\n  \"version\": 1,\n  \"cookies\": [\n    {line}\n  ]\n}}\n")
    }

    #[test]
    fn it_is_as_documented() {
        let jar = jar();
        assert_eq!(jar.to_json(Sessions::Keep), "{\n  \"version\": 1,\n  \"cookies\": [\n  ]\n}\n");
        jar.receive(&url("http://a.com/"), b"n=v").unwrap();
        assert_eq!(jar.to_json(Sessions::Keep), document(LINE));
        jar.clear();
        let field = b"\xFF=\"; Domain=example.com; Max-Age=60; Secure; HttpOnly; SameSite=Lax; Partitioned";
        jar.receive(&url("https://www.example.com/"), field).unwrap();
        let line = r#"{"domain":"example.com","host_only":false,"path":"/","name":[255],"value":"\"","secure":true,"http_only":true,"same_site":"lax","expires":1800000060,"partition":"https://example.com"}"#;
        assert_eq!(jar.to_json(Sessions::Leave), document(line));
    }

    #[test]
    fn members_that_are_not_known_are_ignored() {
        let text = document(&LINE.replace(r#""path""#, r#""later":{"x":[1]},"path""#)).replace("{\n", "{ \"x\": 1,\n");
        assert_eq!(jar().load_json(text).unwrap(), 1);
    }

    #[test]
    fn damage_is_named_by_its_line_and_nothing_is_loaded() {
        let damaged = |from: &str, to: &str| document(&format!("{LINE},\n    {}", LINE.replace(from, to)));
        for (text, line) in [
            (String::new(), 1),
            ("\n[]".to_owned(), 2),
            ("{\n\"cookies\": []}".to_owned(), 2),
            ("{\n\"version\": 1}".to_owned(), 2),
            (document(LINE).replace("]\n", "\n"), 6),
            (damaged(r#""host_only":true,"#, ""), 5),
            (damaged(r#""secure":false,"#, ""), 5),
            (damaged(r#""host_only":true"#, r#""host_only":"secret""#), 5),
            (damaged("a.com", "A.com"), 5),
            (damaged("a.com", "a/com"), 5),
            (damaged("a.com", ""), 5),
            (damaged(r#""path":"/""#, r#""path":"x""#), 5),
            (damaged(r#""value":"v""#, r#""value":[256]"#), 5),
            (damaged(r#""value":"v""#, r#""value":{}"#), 5),
            (damaged(r#""path""#, r#""expires":-1,"path""#), 5),
            (damaged(r#""path""#, r#""same_site":"secret","path""#), 5),
            (damaged(r#""path""#, r#""partition":"secret","path""#), 5),
        ] {
            let jar = jar();
            let error = jar.load_json(&text).unwrap_err();
            assert_eq!(error.line(), Some(line), "{text}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
            assert!(jar.is_empty());
        }
        let error = Jar::from_json("{\"version\": 2, \"cookies\": 7}").unwrap_err();
        assert!(matches!(error, LoadError::Version { found: 2 }), "{error}");
        assert!(Jar::from_json("[".repeat(100_000)).is_err());
    }
}

/// A folder of the test's own, removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sortie-cookies-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("cookies.txt")
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let folder = Folder::new("replaced");
    assert!(Jar::open(folder.file(), Format::Netscape).unwrap().is_empty(), "there is none yet");
    fs::write(folder.file(), "something longer than what replaces it".repeat(1000)).unwrap();
    let jar = full_jar();
    jar.save(folder.file(), Format::Netscape, Sessions::Keep).unwrap();
    assert_eq!(fs::read(folder.file()).unwrap(), jar.to_netscape(Sessions::Keep));
    assert_eq!(folder.names(), ["cookies.txt"], "no other file is left");
    assert_eq!(self::jar().load(folder.file(), Format::Netscape).unwrap(), jar.len());
}

#[cfg(unix)]
#[test]
fn a_file_is_its_owners_alone_and_a_link_is_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new("owner");
    let target = folder.0.join("target");
    fs::write(&target, "untouched").unwrap();
    symlink(&target, folder.file()).unwrap();
    full_jar().save(folder.file(), Format::Netscape, Sessions::Keep).unwrap();
    let metadata = fs::symlink_metadata(folder.file()).unwrap();
    assert!(metadata.is_file());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(target).unwrap(), "untouched");
}

#[test]
fn what_cannot_be_read_or_written_is_an_error_that_names_the_file() {
    let folder = Folder::new("errors");
    let jar = full_jar();
    let is_a_folder = jar.save(&folder.0, Format::Netscape, Sessions::Keep).unwrap_err();
    assert!(is_a_folder.to_string().contains(&folder.0.display().to_string()));
    assert!(folder.names().is_empty(), "the temporary file is gone");
    let nowhere = folder.0.join("no/cookies.txt");
    let missing = jar.save(&nowhere, Format::Netscape, Sessions::Keep).unwrap_err();
    assert_eq!((missing.kind(), missing.path()), (io::ErrorKind::NotFound, &*nowhere));
    assert!(jar.save("..", Format::Netscape, Sessions::Keep).is_err());
    assert!(matches!(jar.load(&folder.0, Format::Netscape), Err(LoadError::Read { .. })));
}

fn autosave(jar: &Jar, folder: &Folder, delay: Duration) -> Autosave {
    let options = AutosaveOptions::default().delay(delay).sessions(Sessions::Keep);
    Autosave::start(jar, folder.file(), Format::Netscape, options).unwrap()
}

/// The cookies of a file, once there are as many as expected.
fn await_count(folder: &Folder, count: usize) {
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while Jar::open(folder.file(), Format::Netscape).unwrap().len() != count {
        assert!(std::time::Instant::now() < end, "not saved");
        std::thread::yield_now();
    }
}

#[test]
fn changes_are_saved_after_the_delay_without_a_runtime() {
    let folder = Folder::new("delay");
    let jar = Jar::new();
    let _autosave = autosave(&jar, &folder, Duration::from_millis(5));
    for n in 1..4 {
        jar.receive(&url("http://a.com/"), format!("n{n}=1").as_bytes()).unwrap();
        await_count(&folder, n);
    }
}

#[test]
fn the_last_changes_are_saved_by_dropping_and_by_flushing() {
    let folder = Folder::new("drop");
    let jar = Jar::new();
    let autosave = autosave(&jar, &folder, Duration::MAX);
    jar.receive(&url("http://a.com/"), b"one=1").unwrap();
    assert!(!folder.file().exists(), "the delay has not passed");
    autosave.flush().unwrap();
    await_count(&folder, 1);
    jar.receive(&url("http://a.com/"), b"two=1").unwrap();
    drop(autosave);
    await_count(&folder, 2);
    fs::remove_file(folder.file()).unwrap();
    drop(self::autosave(&jar, &folder, Duration::ZERO));
    assert!(!folder.file().exists(), "nothing has changed");
    jar.receive(&url("http://a.com/"), b"three=1").unwrap();
    assert!(!folder.file().exists(), "nobody saves any more");
}

#[test]
fn no_change_is_lost_while_a_file_is_written() {
    let folder = Folder::new("race");
    let jar = Jar::new();
    let autosave = autosave(&jar, &folder, Duration::ZERO);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let jar = &jar;
            scope.spawn(move || {
                for n in 0..40 {
                    let at = url(&format!("http://h{writer}.com/"));
                    jar.receive(&at, format!("n{n}=1").as_bytes()).unwrap();
                }
            });
        }
    });
    drop(autosave);
    let read = Jar::open(folder.file(), Format::Netscape).unwrap();
    assert_eq!(read.len(), 160);
}

#[test]
fn a_failed_save_is_reported_and_made_good() {
    let folder = Folder::new("failed");
    let (report, reports) = mpsc::channel();
    let report = Mutex::new(report);
    let inside = folder.0.join("later");
    let options = AutosaveOptions::default()
        .delay(Duration::ZERO)
        .sessions(Sessions::Keep)
        .on_error(move |error| report.lock().unwrap().send(error.kind()).unwrap());
    let jar = Jar::new();
    let autosave = Autosave::start(&jar, inside.join("cookies.txt"), Format::Netscape, options).unwrap();
    jar.receive(&url("http://a.com/"), b"one=1").unwrap();
    assert_eq!(reports.recv_timeout(Duration::from_secs(30)), Ok(io::ErrorKind::NotFound));
    fs::create_dir(&inside).unwrap();
    drop(autosave);
    assert_eq!(Jar::open(inside.join("cookies.txt"), Format::Netscape).unwrap().len(), 1);
    assert!(reports.try_recv().is_err(), "it was not tried again before");
}
