//! The server of the measurements: HTTP/1.1 and HTTP/2, plain and over TLS, on one thread of a process of its own.

#[cfg(feature = "codings")]
pub(crate) mod coded;
mod http1;
mod http2;

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sortie::BoxError;
use sortie_testkit::CertificateAuthority;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Barrier;
use tokio_rustls::TlsAcceptor;

/// A protocol, plain or over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Wire {
    Http1,
    Http1Tls,
    Http2,
    Http2Tls,
}

impl Wire {
    pub(crate) const ALL: [Self; 4] = [Self::Http1, Self::Http1Tls, Self::Http2, Self::Http2Tls];

    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Http2Tls)
    }

    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Self::Http1Tls | Self::Http2Tls)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http1Tls => "HTTP/1.1 over TLS",
            Self::Http2 => "HTTP/2",
            Self::Http2Tls => "HTTP/2 over TLS",
        }
    }
}

/// What a server says when it has started: a port for each of [`Wire::ALL`], and whom to trust.
#[derive(Serialize, Deserialize)]
struct Started {
    ports: [u16; 4],
    root: String,
}

/// What a server has seen.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// Connections accepted since it started.
    pub(crate) accepted: u64,
    /// The head of the first request on the newest connection: as it came with HTTP/1.1, a field for each line with
    /// HTTP/2.
    pub(crate) head: String,
}

/// A server in a process of its own, which ends with this handle.
pub(crate) struct Server {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    started: Started,
}

impl Server {
    pub(crate) fn start() -> Result<Self, BoxError> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = child.stdin.take().ok_or("the server has no standard input")?;
        let mut answers = BufReader::new(child.stdout.take().ok_or("the server has no standard output")?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let started = serde_json::from_str(&line)?;
        Ok(Self { child, ask, answers, started })
    }

    pub(crate) fn url(&self, wire: Wire, path: &str) -> String {
        let scheme = if wire.is_tls() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}{path}", self.started.ports[wire as usize])
    }

    /// Whom a client is to trust, in PEM; `None` for a plain wire.
    pub(crate) fn root(&self, wire: Wire) -> Option<String> {
        wire.is_tls().then(|| self.started.root.clone())
    }

    pub(crate) fn stats(&mut self) -> Result<Stats, BoxError> {
        self.ask.write_all(b"\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the connections of a server share.
#[derive(Default)]
struct Seen {
    accepted: AtomicU64,
    head: Mutex<String>,
    gates: Mutex<HashMap<usize, Arc<Barrier>>>,
    #[cfg(feature = "codings")]
    coded: coded::Bodies,
}

impl Seen {
    fn first_head(&self, head: String) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
    }

    /// Waits until so many requests wait here: so many connections, with HTTP/1.1.
    async fn gate(&self, size: usize) {
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            gates.entry(size).or_insert_with(|| Arc::new(Barrier::new(size))).clone()
        };
        gate.wait().await;
    }

    fn stats(&self) -> Stats {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Stats { accepted: self.accepted.load(Ordering::Relaxed), head }
    }
}

/// Serves until the standard input ends; answers each line of it with [`Stats`].
pub(crate) fn serve() -> Result<(), BoxError> {
    let seen = Arc::new(Seen::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let authority = CertificateAuthority::new();
    let started = runtime.block_on(async {
        let mut ports = [0; 4];
        for wire in Wire::ALL {
            let socket = TcpSocket::new_v4()?;
            socket.bind(([127, 0, 0, 1], 0).into())?;
            // A burst is to fill no queue.
            let listener = socket.listen(4096)?;
            ports[wire as usize] = listener.local_addr()?.port();
            let tls = wire.is_tls().then(|| acceptor(&authority, wire)).transpose()?;
            tokio::spawn(accept(listener, wire, tls, seen.clone()));
        }
        Ok::<_, BoxError>(Started { ports, root: authority.pem() })
    })?;
    say(&started)?;
    std::thread::spawn(move || {
        for _ in io::stdin().lines().map_while(Result::ok) {
            if say(&seen.stats()).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    runtime.block_on(std::future::pending())
}

fn say(what: &impl Serialize) -> Result<(), BoxError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(what)?)?;
    Ok(out.flush()?)
}

fn acceptor(authority: &CertificateAuthority, wire: Wire) -> Result<TlsAcceptor, BoxError> {
    let certificate = authority.issue(["127.0.0.1"]);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], certificate.key_der())?;
    config.alpn_protocols = vec![if wire.is_http2() { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, wire: Wire, tls: Option<TlsAcceptor>, seen: Arc<Seen>) {
    // What fails with one connection is that client's affair; it says so.
    while let Ok((stream, _)) = listener.accept().await {
        seen.accepted.fetch_add(1, Ordering::Relaxed);
        let (tls, seen) = (tls.clone(), seen.clone());
        tokio::spawn(async move {
            let _ = converse(stream, wire, tls, seen).await;
        });
    }
}

async fn converse(stream: TcpStream, wire: Wire, tls: Option<TlsAcceptor>, seen: Arc<Seen>) -> Result<(), BoxError> {
    stream.set_nodelay(true)?;
    match (tls, wire.is_http2()) {
        (None, false) => http1::serve(stream, &seen).await,
        (None, true) => http2::serve(stream, seen).await,
        (Some(tls), false) => http1::serve(tls.accept(stream).await?, &seen).await,
        (Some(tls), true) => http2::serve(tls.accept(stream).await?, seen).await,
    }
}
