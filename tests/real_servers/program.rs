use std::fmt::Display;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sortie_testkit::CertificateAuthority;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);

/// A server program in the foreground; it ends with this.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
    has_children: bool,
}

impl Program {
    /// Starts `command` and waits until it listens on `ports`.
    ///
    /// # Panics
    ///
    /// If it cannot be started, ends, or does not listen in time: with `install`, which says how to get it, and its
    /// log.
    pub(crate) fn start(mut command: Command, ports: &[u16], folder: &Path, install: &str) -> Self {
        let log = folder.join("output.log");
        let output = fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; {install}"));
        let mut program = Self { child, log, has_children: false };
        let started = Instant::now();
        for port in ports {
            let address = SocketAddr::from(([127, 0, 0, 1], *port));
            while TcpStream::connect_timeout(&address, START).is_err() {
                let ended = program.child.try_wait().unwrap();
                assert!(ended.is_none() && started.elapsed() < START, "{command:?}: {ended:?}\n{}", program.log());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        program
    }

    /// The same, where it has processes of its own that only it can end.
    pub(crate) fn with_children(mut self) -> Self {
        self.has_children = true;
        self
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.has_children {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            let _ = self.child.wait();
        }
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that were free a moment ago.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// A configuration file's text with what stands between at signs filled in.
///
/// # Panics
///
/// If a name is not in it, or one that stands in it has no value.
pub(crate) fn fill(template: &str, values: &[(&str, &dyn Display)]) -> String {
    let filled = values.iter().fold(template.to_owned(), |text, (name, value)| {
        let name = format!("@{name}@");
        assert!(text.contains(&name), "the configuration has no {name}");
        text.replace(&name, &value.to_string())
    });
    assert!(!filled.contains('@'), "something is not filled in:\n{filled}");
    filled
}

/// Writes a certificate for `localhost` and its key into `folder`, apart and in one file.
pub(crate) fn certify(folder: &Path) -> CertificateAuthority {
    let authority = CertificateAuthority::new();
    let certificate = authority.issue(["localhost"]);
    let (pem, key) = (certificate.pem(), certificate.key_pem());
    for (name, text) in [("certificate.pem", &pem), ("key.pem", &key), ("both.pem", &format!("{pem}{key}"))] {
        fs::write(folder.join(name), text).unwrap();
    }
    authority
}

/// An empty folder for one test's server.
pub(crate) fn folder(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let unique = format!("{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique);
    fs::create_dir_all(&folder).unwrap();
    folder
}
