use super::*;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::error::Error as _;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `login:password` for a host, with or without a user in the URL, or `-`.
fn found(netrc: &Netrc, host: &str) -> String {
    let (user, host) = host.split_once('@').map_or((None, host), |(user, host)| (Some(user), host));
    let entry = match user {
        Some(user) => netrc.lookup_user(host, user),
        None => netrc.lookup(host),
    };
    entry.map_or_else(|| "-".to_owned(), |entry| format!("{}:{}", entry.login(), entry.password()))
}

fn found_in(text: &str, host: &str) -> String {
    found(&Netrc::parse(text).unwrap(), host)
}

#[test]
fn words_are_read_as_curl_and_python_read_them() {
    for (text, expected) in [
        ("machine h login l password p", "l:p"),
        ("machine h\n\tlogin l\n\tpassword p\n", "l:p"),
        ("machine\nh\nlogin\nl\npassword\np", "l:p"),
        ("machine h password p login l", "l:p"),
        ("machine h user l password p", "l:p"),
        ("machine h login l account a password p", "l:p"),
        ("machine h account a", "-"),
        ("machine h login l", "l:"),
        ("machine h password p", ":p"),
        ("machine h", "-"),
        ("machine h login \"\" password \"\"", "-"),
        ("", "-"),
        ("MACHINE h Login l PassWord p", "l:p"),
        ("machine H login l password p", "l:p"),
        // The last word of a kind counts (curl's test478).
        ("machine h password weird password p login l", "l:p"),
        // Line ends, and a byte order mark.
        ("machine h\r\nlogin l\r\npassword p\r\n", "l:p"),
        ("\u{feff}machine h login l password p", "l:p"),
        // Quotes: white space, a quote, a backslash, curl's \n \r \t, and others as they are.
        (r#"machine h login "l l" password "p p""#, "l l:p p"),
        (r#"machine h login "l\"l" password "p\\p""#, r#"l"l:p\p"#),
        (r#"machine h login l password "with spaces and \"\n\r\t\a""#, "l:with spaces and \"\n\r\ta"),
        ("machine h login l password \"p\np\"", "l:p\np"),
        (r#"machine "h" "login" l password """#, "l:"),
        (r#"machine h login l password pa"ss"#, r#"l:pa"ss"#),
        // A backslash outside of quotes.
        (r"machine h login l password p\\p", r"l:p\p"),
        (r"machine h login l password p\ p", "l:p p"),
        (r#"machine h login l password \"p"#, r#"l:"p"#),
        (r"machine h login l password \np", "l:np"),
        // Comments, and values that look like one (Python's tests).
        ("# comment\nmachine h login l password p", "l:p"),
        ("#comment machine x\nmachine h login l password p", "l:p"),
        ("#\nmachine h login l password p", "l:p"),
        ("machine h login l password p # comment\n", "l:p"),
        ("machine h login l password p #comment\n", "l:p"),
        ("machine h # one\n# two\nlogin l # password x\npassword p", "l:p"),
        ("machine h login l password #p", "l:#p"),
        ("machine h login l password #p #comment", "l:#p"),
        ("machine h login l password p#p", "l:p#p"),
        ("machine h login l password p#", "l:p#"),
        ("machine h login #l password p", "#l:p"),
        // A macro goes up to a blank line, or to the end.
        ("macdef m\nmachine h login x password x\n\nmachine h login l password p", "l:p"),
        ("macdef m\r\nmachine h login x password x\r\n \t\r\nmachine h login l password p", "l:p"),
        ("macdef a\n1\n\nmacdef b\n2\n\ndefault login l password p\n\n", "l:p"),
        ("machine h login l password p\nmacdef m\nmachine h login x password x", "l:p"),
        ("machine h login l\nmacdef init\ncd /\n\npassword p", "l:p"),
        ("macdef m", "-"),
    ] {
        assert_eq!(found_in(text, "h"), expected, "{text:?}");
    }
}

#[test]
fn an_entry_is_for_its_host_and_default_for_those_without() {
    let text = "default login d password dp\n\
                machine A.test login a password ap\n\
                machine empty.test\n\
                machine ::1 login six password 6\n\
                machine [::2] login six password 7\n\
                machine 127.0.0.1 login four password 4\n\
                machine p.test:80 login p password pp";
    for (host, expected) in [
        ("a.test", "a:ap"),
        ("A.TEST", "a:ap"),
        ("b.a.test", "d:dp"),
        ("a.test.", "d:dp"),
        ("a.tes", "d:dp"),
        ("a.testx", "d:dp"),
        ("", "d:dp"),
        ("empty.test", "-"),
        ("[::1]", "six:6"),
        ("::1", "six:6"),
        ("[::2]", "six:7"),
        ("127.0.0.1", "four:4"),
        ("p.test", "d:dp"),
        ("default", "d:dp"),
    ] {
        assert_eq!(found_in(text, host), expected, "{host}");
    }
    // An empty default entry (requests #7205).
    for text in ["default", "default login \"\" password \"\"", "machine x login l password p\ndefault"] {
        assert_eq!(found_in(text, "h"), "-");
    }
    assert_eq!(found_in("default login d\ndefault login e password p", "h"), "e:p");
}

#[test]
fn of_several_entries_the_first_with_a_password_counts_and_a_user_picks_its_own() {
    // curl's test478, with a password that can be sent.
    let test478 = "\nmachine github.com\npassword weird\npassword firstone\nlogin daniel\n\n\
                   machine github.com\n\nmachine github.com\nlogin debbie\n\n\
                   machine github.com\npassword weird\npassword \"second\"\nlogin debbie\n\n";
    // curl's netrc1304.
    let unit1304 =
        "machine example.com login admin password passwd\nmachine curl.example.com login none password none\n";
    for (text, host, expected) in [
        (test478, "github.com", "daniel:firstone"),
        (test478, "debbie@github.com", "debbie:second"),
        (test478, "daniel@github.com", "daniel:firstone"),
        (test478, "ada@github.com", "-"),
        (unit1304, "test.example.com", "-"),
        (unit1304, "me@example.com", "-"),
        (unit1304, "admi@example.com", "-"),
        (unit1304, "adminn@example.com", "-"),
        (unit1304, "ADMIN@example.com", "-"),
        (unit1304, "example.com", "admin:passwd"),
        (unit1304, "admin@example.com", "admin:passwd"),
        (unit1304, "curl.example.com", "none:none"),
        ("machine h login l\nmachine h login m password p", "h", "m:p"),
        ("machine h login l\nmachine h login m", "h", "l:"),
        ("machine h login l\nmachine h login m", "m@h", "m:"),
        ("machine h password p", "ada@h", "ada:p"),
        ("machine h password p\nmachine h login ada password q", "ada@h", "ada:q"),
        ("machine h login l password p\ndefault login ada password q", "ada@h", "-"),
        ("default login ada password q", "ada@h", "ada:q"),
        ("default login ada password q", "bob@h", "-"),
    ] {
        assert_eq!(found_in(text, host), expected, "{host} {text:?}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_line_and_without_what_stands_there() {
    for (text, line, says) in [
        ("secret", 1, "none of machine"),
        ("machine h login l password two secret", 1, "quotes"),
        ("# c\nmachine h\nlogin l\npassword secret\nsecret secret", 5, "none of machine"),
        ("machine h login password secret", 1, "none of machine"),
        ("machine", 1, "machine without a host"),
        ("\nmachine \"\"", 2, "machine without a host"),
        ("login secret", 1, "no machine"),
        ("macdef m\n\npassword secret", 3, "no machine"),
        ("machine h login secret password", 1, "ends before"),
        ("machine h\nlogin \"secret\nsecret", 2, "quote without its end"),
        ("machine h login \"secret\"secret", 1, "white space must follow"),
        ("machine h password secret\\\nmachine g", 1, "end of the line"),
        ("machine h password secret\\\r\nmachine g", 1, "end of the line"),
        ("machine h password secret\\", 1, "end of the text"),
    ] {
        let error = Netrc::parse(text).unwrap_err();
        assert_eq!((error.line(), error.path()), (Some(line), None), "{text:?}");
        let told = format!("{error}{error:?}");
        assert!(error.to_string().starts_with(&format!("netrc, line {line}: ")) && told.contains(says), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
}

/// A folder that is gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("sortie-netrc-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let _ = mode;
        path.to_str().unwrap().to_owned()
    }

    fn env(&self, netrc: Option<&str>) -> Result<Netrc, NetrcError> {
        let home = self.0.to_str().unwrap().to_owned();
        Netrc::from_env(|name| match name {
            "HOME" => Some(home.clone()),
            "NETRC" => netrc.map(ToOwned::to_owned),
            _ => None,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_users_file_is_the_one_that_is_named_else_the_first_in_the_home_folder() {
    let home = Folder::new();
    assert_eq!(found(&home.env(None).unwrap(), "h"), "-");
    home.write("_netrc", "machine h login under password p", 0o600);
    assert_eq!(found(&home.env(None).unwrap(), "h"), "under:p");
    home.write(".netrc", "machine h login dot password p", 0o600);
    let named = home.write("named", "machine h login named password p", 0o600);
    for (variable, expected) in
        [(None, "dot:p"), (Some(""), "dot:p"), (Some(&*named), "named:p"), (Some("~/named"), "named:p")]
    {
        assert_eq!(found(&home.env(variable).unwrap(), "h"), expected, "{variable:?}");
    }
    assert_eq!(found(&Netrc::from_env(|_| None).unwrap(), "h"), "-");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_that_names_it() {
    let home = Folder::new();
    let damaged = home.write("damaged", "machine h\nlogin l\nword", 0o600);
    let latin = home.write("latin", b"machine h\nlogin \xe4", 0o600);
    let long = home.write("long", vec![b' '; LONGEST as usize + 1], 0o600);
    home.write("full", vec![b' '; LONGEST as usize], 0o600);
    let missing = home.0.join("missing").to_str().unwrap().to_owned();
    let folder = home.0.to_str().unwrap().to_owned();
    for (path, line, says) in [
        (&damaged, Some(3), "line 3: a word that is none"),
        (&latin, Some(2), "line 2: it is not UTF-8"),
        (&long, None, "longer than 1 MiB"),
        (&missing, None, "cannot be read"),
        (&folder, None, "cannot be read"),
    ] {
        for error in [Netrc::open(path).unwrap_err(), home.env(Some(path)).unwrap_err()] {
            assert_eq!((error.line(), error.path()), (line, Some(Path::new(path))));
            assert!(error.to_string().starts_with(path.as_str()) && error.to_string().contains(says), "{error}");
            assert_eq!(error.source().is_some(), says == "cannot be read");
        }
    }
    assert!(Netrc::open(home.0.join("full")).is_ok());
    // A damaged file in the home folder is not passed over for the next one.
    home.write(".netrc", "word", 0o600);
    home.write("_netrc", "machine h login l", 0o600);
    assert_eq!(home.env(None).unwrap_err().line(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_file_in_the_home_folder_with_a_password_must_be_closed_to_others() {
    const PASSWORD: &str = "machine h login l password secret";
    for (text, mode, accepted) in [
        (PASSWORD, 0o600, true),
        (PASSWORD, 0o400, true),
        (PASSWORD, 0o640, false),
        (PASSWORD, 0o622, false),
        (PASSWORD, 0o604, false),
        ("machine h login l", 0o644, true),
        ("default login anonymous password me@example.com", 0o644, true),
        ("machine h login anonymous password x\ndefault password secret", 0o644, false),
    ] {
        let home = Folder::new();
        let path = home.write(".netrc", text, mode);
        match home.env(None) {
            Ok(_) => assert!(accepted, "{text:?} {mode:o}"),
            Err(error) => {
                assert!(!accepted, "{text:?} {mode:o}");
                let told = format!("{error}{error:?}");
                assert!(told.contains(&format!("{mode:o}")) && told.contains("chmod 600"), "{told}");
                assert!(!told.contains("secret"));
            }
        }
        // One that is named is the namer's business.
        assert!(home.env(Some(&path)).is_ok() && Netrc::open(&path).is_ok());
    }
}

const TEXT: &str =
    "machine a.test login a password ap\nmachine b.test login b password bp\ndefault login d password dp";

/// What a request is signed with, as `login:password`, after a hop from the first URI.
fn signed(netrc: &Netrc, first: Option<&str>, uri: &str, user: Option<&str>) -> Result<String, BoxError> {
    let (mut head, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
    if let Some(first) = first {
        head.extensions.insert(Chain::extend(None, &first.parse().unwrap(), &head.uri).unwrap());
    }
    if let Some(user) = user {
        head.extensions.insert(Userinfo::new(user, None));
    }
    match netrc.sign(&mut Unsigned::new(&mut head)) {
        Signing::Done(result) => result?,
        later => panic!("{later:?}"),
    }
    Ok(credentials(&head.headers))
}

fn credentials(headers: &HeaderMap) -> String {
    let Some(value) = headers.get(AUTHORIZATION) else { return "-".to_owned() };
    assert!(value.is_sensitive());
    let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
    String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
}

#[test]
fn each_hop_is_signed_for_its_own_host_only() {
    let netrc = Netrc::parse(TEXT).unwrap();
    for (first, uri, user, expected) in [
        (None, "http://a.test/", None, "a:ap"),
        (None, "https://A.test:8443/", None, "a:ap"),
        (None, "http://c.test/", None, "d:dp"),
        (None, "http://a.test/", Some("a"), "a:ap"),
        (None, "http://a.test/", Some("other"), "-"),
        (None, "http://a.test/", Some(""), "a:ap"),
        // Hosts of which one is the other's userinfo, port or path (CVE-2024-47081).
        (None, "http://a.test:@b.test/", None, "b:bp"),
        (None, "http://a.test@b.test/", None, "b:bp"),
        (None, "http://b.test/@a.test/", None, "b:bp"),
        (None, "http+unix://612e74657374/", None, "-"),
        (None, "/path", None, "-"),
        // Redirects.
        (Some("http://a.test/"), "http://a.test/x", None, "a:ap"),
        (Some("http://a.test/"), "http://a.test/x", Some("a"), "a:ap"),
        (Some("http://a.test/"), "https://a.test/", None, "a:ap"),
        (Some("http://c.test/"), "http://c.test/x", None, "d:dp"),
        (Some("http://a.test/"), "http://b.test/", None, "b:bp"),
        (Some("http://a.test/"), "http://b.test/", Some("a"), "b:bp"),
        (Some("http://a.test/"), "http://c.test/", None, "-"),
        (Some("http://a.test/"), "http://c.test/", Some("d"), "-"),
        (Some("http://a.test/"), "http://a.test:81/", None, "a:ap"),
        (Some("https://a.test/"), "https://b.test/", None, "b:bp"),
        (Some("https://a.test/"), "http://a.test/", None, "-"),
        (Some("https://a.test/"), "http://b.test/", None, "-"),
    ] {
        assert_eq!(signed(&netrc, first, uri, user).unwrap(), expected, "{first:?} {uri} {user:?}");
    }
}

// curl's CVE-2024-11053, CVE-2025-0167, and its tests 479 and 486.
#[test]
fn an_entry_that_lacks_something_does_not_get_it_from_another() {
    const A: &str = "machine a.com login alice password alicespassword\n";
    for (rest, first, expected) in [
        ("default", None, "-"),
        ("default\n login bob", None, "bob:"),
        ("machine b.com", None, "-"),
        ("machine b.com\ndefault login d password dp", None, "-"),
        ("machine b.com login bob", None, "bob:"),
        ("machine b.com login bob", Some("http://a.com/"), "bob:"),
        ("machine b.com", Some("http://a.com/"), "-"),
        ("default\n login bob", Some("http://a.com/"), "-"),
    ] {
        let netrc = Netrc::parse(&format!("{A}{rest}")).unwrap();
        assert_eq!(signed(&netrc, first, "http://b.com/", None).unwrap(), expected, "{rest:?} {first:?}");
    }
}

#[test]
fn what_basic_cannot_say_is_an_error_for_its_host_alone() {
    let netrc = Netrc::parse(
        "machine ok.test login l password p:p\nmachine colon.test login secret:l password p\n\
         machine line.test login l password \"secret\\n\"\nmachine cr.test login \"secret\\r\" password p",
    )
    .unwrap();
    assert_eq!(signed(&netrc, None, "http://ok.test/", None).unwrap(), "l:p:p");
    for (uri, says) in
        [("http://colon.test/", "colon"), ("http://line.test/", "control"), ("http://cr.test/", "control")]
    {
        let error = signed(&netrc, None, uri, None).unwrap_err().to_string();
        assert!(error.starts_with("Netrc: ") && error.contains(says) && !error.contains("secret"), "{error}");
    }
}

#[test]
fn a_proxy_gets_no_servers_password() {
    let (mut head, ()) = http::Request::get("http://a.test/").body(()).unwrap().into_parts();
    let netrc = Netrc::parse(TEXT).unwrap();
    let mut unsigned = Unsigned::new(&mut head).recipient_is(Recipient::Proxy);
    assert!(matches!(netrc.sign(&mut unsigned), Signing::Done(Err(error)) if error.to_string().contains("proxy")));
    assert!(head.headers.is_empty());
}

#[test]
fn entries_are_replaced_for_every_clone_and_shown_by_none() {
    let netrc = Netrc::parse("machine a.test login secret password secret").unwrap();
    let clone = netrc.clone();
    netrc.replace(&Netrc::parse(TEXT).unwrap());
    assert_eq!(found(&clone, "b.test"), "b:bp");
    // With itself, too.
    netrc.replace(&clone);
    assert_eq!(found(&netrc, "a.test"), "a:ap");
    let secret = Netrc::parse("machine secret login secret password secret").unwrap();
    let shown = format!("{secret:?}{secret:#?}{:?}", secret.lookup("secret").unwrap());
    assert!(shown.contains("hosts: 1") && !shown.contains("secret"), "{shown}");
}
