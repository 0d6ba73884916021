//! What the modules share: a session that knows its servers by name, short forms of answers, and how to read errors.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Response, StatusCode};
use sortie::core::Origin;
use sortie::core::auth::{Answer, Auth, Signing, Unsigned, Verdict};
use sortie::transport::TransportOptions;
use sortie::transport::tls::TlsOptions;
use sortie::{Body, ErrorKind, Session, SessionBuilder};
use sortie_testkit::{CertificateAuthority, Head, TestServer, reply, told};
use tokio::net::TcpStream;

/// Must never be seen where it was not meant to go, nor in any error.
pub(crate) const SECRET: &str = "s3cret";

/// How long a test waits for what should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A session that reads nothing from the environment.
pub(crate) fn builder() -> SessionBuilder {
    Session::builder().no_env()
}

/// The same, built.
pub(crate) fn session() -> Session {
    builder().build().unwrap()
}

/// Options for a transport to which the names in URLs, ports and all, are these loopback servers; others do not exist.
///
/// So a test can have `http://a.test` and `https://a.test` on their default ports.
pub(crate) fn dialing<'a>(servers: impl IntoIterator<Item = (&'a str, SocketAddr)>) -> TransportOptions {
    let servers: HashMap<String, SocketAddr> =
        servers.into_iter().map(|(origin, address)| (origin.to_owned(), address)).collect();
    TransportOptions::default().connector(move |origin: Origin| {
        let address = servers.get(&origin.to_string()).copied();
        async move {
            let address =
                address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such server in this test"))?;
            TcpStream::connect(address).await
        }
    })
}

/// Trusts this authority alone.
pub(crate) fn trusting(authority: &CertificateAuthority) -> TlsOptions {
    TlsOptions::default().only_roots_pem(authority.pem().as_bytes()).unwrap()
}

/// A server that always gives the same answer.
pub(crate) fn always(answer: impl Fn() -> Response<Body> + Send + Sync + 'static) -> TestServer {
    TestServer::from_fn(move |_| std::future::ready(answer()))
}

/// A server that gives these answers in turn, and the last one for ever.
pub(crate) fn in_turn(answers: &'static [fn() -> Response<Body>]) -> TestServer {
    let given = AtomicUsize::new(0);
    always(move || answers[given.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)]())
}

/// 200 with a short body.
pub(crate) fn ok() -> Response<Body> {
    reply(200, [], "ok")
}

/// A redirect with a short body.
pub(crate) fn redirect(status: u16, location: &str) -> Response<Body> {
    reply(status, [("location", location)], "moved")
}

/// 503, to be tried again at once.
pub(crate) fn try_again() -> Response<Body> {
    reply(503, [("retry-after", "0")], "busy")
}

/// A body that can be sent one time.
pub(crate) fn sent_once() -> Body {
    Body::stream(futures_util::stream::iter(["up", "lo", "ad"].map(Ok::<_, Infallible>)))
}

/// All values of a header that a server received.
pub(crate) fn values<'a>(head: &'a Head, name: &str) -> Vec<&'a str> {
    head.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

/// Whether `what` is anywhere in the head of a request.
pub(crate) fn shows(head: &Head, what: &str) -> bool {
    let in_headers = head.headers.values().any(|value| String::from_utf8_lossy(value.as_bytes()).contains(what));
    in_headers || head.uri.to_string().contains(what)
}

/// The paths that a server was asked for, in this order.
pub(crate) fn paths(heads: &[Head]) -> Vec<&str> {
    heads.iter().map(|head| head.uri.path()).collect()
}

/// An error and its causes.
fn levels<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut levels = vec![error];
    while let Some(source) = levels[levels.len() - 1].source() {
        levels.push(source);
    }
    levels
}

/// Checks an error's kind, that its text says `says`, and that it shows nothing secret, to people or in `Debug`.
#[track_caller]
pub(crate) fn check(error: &sortie::Error, kind: ErrorKind, says: &str) {
    let text = told(error);
    assert_eq!(error.kind(), kind, "{text}");
    assert!(text.contains(says), "{text:?} does not say {says:?}");
    for level in levels(error) {
        let all = format!("{level} {level:?} {level:#?}");
        assert!(!all.contains(SECRET), "{all}");
    }
}

/// Waits until `condition` holds: for what happens in tasks of others, and only for that.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, holds).await.is_ok(), "still not after {PATIENCE:?}: {what}");
}

/// Names of what happened, in the order in which it did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    pub(crate) fn add(&self, what: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub(crate) fn all(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.all().iter().filter(|entry| **entry == what).count()
    }
}

/// A scheme that answers a 401 with `Authorization: answer` on a second leg, and tells what it is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Challenged(pub(crate) Log);

impl Auth for Challenged {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        self.0.add("auth signs");
        if request.challenge().is_some() {
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("answer"));
        }
        Signing::Done(Ok(()))
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        self.0.add("auth examines");
        if answer.response().status == StatusCode::UNAUTHORIZED { Verdict::Resend } else { Verdict::Accept }
    }

    fn legs(&self) -> usize {
        1
    }

    fn waits(&self) -> bool {
        false
    }
}

/// What a scheme like [`Challenged`] waits for.
pub(crate) fn challenge() -> Response<Body> {
    reply(401, [("www-authenticate", "Test")], "who are you?")
}

/// A folder of a test's own, removed with this.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("end-to-end-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file of this name and content in it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
