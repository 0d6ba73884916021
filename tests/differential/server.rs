//! The servers of one scenario, for one client: each origin on a port of 127.0.0.1, and what arrived at them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::ServerConfig;
use sortie_testkit::CertificateAuthority;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::answer::{Answer, Step, reply};
use crate::scenario::{Scenario, Server};
use crate::wire::{Seen, read_request};

/// All names that a server over TLS is known by.
const NAMES: [&str; 5] = ["a.test", "b.test", "c.test", "sub.a.test", "proxy.test"];

/// One for all scenarios: keys take time.
pub(crate) fn authority() -> &'static CertificateAuthority {
    static AUTHORITY: OnceLock<CertificateAuthority> = OnceLock::new();
    AUTHORITY.get_or_init(CertificateAuthority::new)
}

fn acceptor() -> TlsAcceptor {
    static ACCEPTOR: OnceLock<TlsAcceptor> = OnceLock::new();
    let make = || {
        let certificate = authority().issue(NAMES);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth();
        let config = config.with_single_cert(certificate.chain().cloned().collect(), certificate.key_der()).unwrap();
        TlsAcceptor::from(Arc::new(config))
    };
    ACCEPTOR.get_or_init(make).clone()
}

/// Listens until it is dropped.
pub(crate) struct World {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
    /// Addresses that are taken and refuse.
    _dead: Vec<TcpSocket>,
}

#[derive(Default)]
struct Shared {
    /// By `host:port`.
    ports: BTreeMap<String, u16>,
    seen: Mutex<Vec<Seen>>,
    /// How often a page was asked for, by origin and target.
    asked: Mutex<HashMap<(&'static str, &'static str), usize>>,
}

impl World {
    pub(crate) fn start(scenario: &Scenario) -> Self {
        let mut ports = BTreeMap::new();
        let (mut listeners, mut dead) = (Vec::new(), Vec::new());
        for server in &scenario.servers {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let port = socket.local_addr().unwrap().port();
            assert!(ports.insert(place(server.origin), port).is_none(), "{} is there twice", server.origin);
            if server.listens {
                listeners.push((server.clone(), socket.listen(64).unwrap()));
            } else {
                dead.push(socket);
            }
        }
        let shared = Arc::new(Shared { ports, ..Shared::default() });
        let mut tasks = JoinSet::new();
        for (server, listener) in listeners {
            tasks.spawn(accept(Arc::new(server), listener, shared.clone()));
        }
        Self { shared, _tasks: tasks, _dead: dead }
    }

    /// The port of 127.0.0.1 that stands for a `host:port`.
    pub(crate) fn ports(&self) -> &BTreeMap<String, u16> {
        &self.shared.ports
    }

    /// What has arrived.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The `host:port` of an origin.
fn place(origin: &str) -> String {
    let url = Url::parse(origin).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap())
}

async fn accept(server: Arc<Server>, listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    for number in 1.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let _ = stream.set_nodelay(true);
        let (server, shared) = (server.clone(), shared.clone());
        connections.spawn(async move {
            // How a client leaves is its own affair.
            let _ = if server.origin.starts_with("https:") && !server.pages.is_empty() {
                match acceptor().accept(stream).await {
                    Ok(stream) => serve(&server, stream, number, &shared).await,
                    Err(_) => Ok(()),
                }
            } else {
                serve(&server, stream, number, &shared).await
            };
        });
    }
}

async fn serve(
    server: &Server,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    shared: &Shared,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    if server.pages.is_empty() {
        // One that says nothing, not even in a TLS handshake.
        return stream.read_to_end(&mut Vec::new()).await.map(drop);
    }
    while let Some(seen) = read_request(&mut stream, server.origin, connection).await? {
        let answer = shared.answer(server, &seen);
        let tunnel = if seen.method == "CONNECT" { shared.ports.get(&seen.target).copied() } else { None };
        shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        if let (true, Some(port)) = (answer.as_ref().is_none_or(Answer::is_tunnel), tunnel) {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            let mut target = TcpStream::connect(("127.0.0.1", port)).await?;
            return tokio::io::copy_bidirectional(&mut stream, &mut target).await.map(drop);
        }
        let answer = answer.unwrap_or_else(|| reply(404, [], "no such page"));
        for step in answer.steps {
            match step {
                Step::Send(octets) => {
                    stream.write_all(&octets).await?;
                    stream.flush().await?;
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Tunnel => unreachable!("a tunnel is for CONNECT, to a server of the scenario"),
                Step::Forever => return stream.read_to_end(&mut Vec::new()).await.map(drop),
            }
        }
        if answer.ends {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

impl Shared {
    fn answer(&self, server: &Server, seen: &Seen) -> Option<Answer> {
        let path = seen.target.split('?').next().unwrap_or_default();
        let is_for = |target: &str| target == seen.target || (target == path && seen.method != "CONNECT");
        let page = server.pages.iter().find(|page| is_for(page.target));
        let page = page.or_else(|| server.pages.iter().find(|page| page.target == "*" && seen.method != "CONNECT"))?;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = asked.entry((server.origin, page.target)).or_default();
        let answer = page.answers[(*asked).min(page.answers.len() - 1)].clone();
        *asked += 1;
        // An answer to HEAD has the head of the answer to GET.
        Some(if seen.method == "HEAD" { answer.without_body() } else { answer })
    }
}
