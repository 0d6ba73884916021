mod gate;
mod run;
mod steps;
mod transcript;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::count::Count;

pub use gate::Gate;
pub(crate) use run::run;
pub use steps::Steps;
pub(crate) use transcript::Transcripts;
pub use transcript::{ScriptState, Transcript};

/// A TCP server that does on each connection what a script says: the peer that no well-behaved server library lets one
/// write.
///
/// It listens on a port of 127.0.0.1 when its constructor returns, counts the connections it accepts and keeps what
/// each of them received. Dropping it closes everything; if a script has failed by then, dropping it panics.
///
/// ```
/// use sortie_testkit::{Gate, Steps, TcpScript};
///
/// const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n";
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let gate = Gate::new();
/// let server = TcpScript::in_order([
///     // An answer in one piece, then on the same connection one a byte at a time.
///     Steps::new().read_request().send(OK).read_request().send_slowly(OK).hold(),
///     // Half a head, then FIN.
///     Steps::new().read_head().send("HTTP/1.1 200 OK\r\ncontent-le").close(),
///     // No HTTP at all.
///     Steps::new().read_head().send("220 mail.example.com ESMTP\r\n").close(),
///     // An answer, and when the test opens the gate another that nobody asked for.
///     Steps::new().read_head().send(OK).pause(&gate).send(OK).hold(),
///     // An answer before the upload was read, which then is not read at all.
///     Steps::new().read_head().send(TOO_LARGE).pause(&gate).reset(),
/// ]);
/// # });
/// ```
///
/// A run of one:
///
/// ```
/// use sortie_testkit::{Steps, TcpScript};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = TcpScript::each(Steps::new().read_head().send("HTTP/1.1 204 No Content\r\n\r\n").close());
///
/// let mut stream = tokio::net::TcpStream::connect(server.addr()).await?;
/// stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
/// let mut answer = String::new();
/// stream.read_to_string(&mut answer).await?;
///
/// assert_eq!(answer, "HTTP/1.1 204 No Content\r\n\r\n");
/// assert_eq!(server.connections(), 1);
/// assert_eq!(server.finish().await[0].text(), "GET / HTTP/1.1\r\n\r\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpScript {
    address: SocketAddr,
    accepted: Count,
    transcripts: Transcripts,
    // Dropped with it: the task that accepts, and with that the connections.
    _tasks: JoinSet<()>,
}

impl TcpScript {
    /// The same steps on every connection.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as all constructors.
    #[must_use]
    pub fn each(steps: Steps) -> Self {
        Self::start(move |_| Some(steps.clone()))
    }

    /// The n-th steps on the n-th connection. One more than there are steps for is reset, and a failure.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn in_order(steps: impl IntoIterator<Item = Steps, IntoIter: Send + 'static>) -> Self {
        let mut steps = steps.into_iter();
        Self::start(move |_| steps.next())
    }

    /// The steps that the closure makes for each connection, which are counted from 0.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn from_fn(mut steps: impl FnMut(usize) -> Steps + Send + 'static) -> Self {
        Self::start(move |n| Some(steps(n)))
    }

    fn start(script: impl FnMut(usize) -> Option<Steps> + Send + 'static) -> Self {
        let (listener, address) = bind();
        let (accepted, transcripts) = (Count::default(), Transcripts::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, script, accepted.clone(), transcripts.clone()));
        Self { address, accepted, transcripts, _tasks: tasks }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The `http` URL of a path on it, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: impl fmt::Display) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.accepted.get()
    }

    /// Waits until it has accepted this many connections.
    ///
    /// # Panics
    ///
    /// If it has not after 10 seconds.
    pub async fn wait_for_connections(&self, connections: usize) {
        self.accepted.wait_for(&format!("{connections} connections"), |n| *n >= connections).await;
    }

    /// What happened so far, one transcript for each connection.
    #[must_use]
    pub fn transcripts(&self) -> Vec<Transcript> {
        self.transcripts.all()
    }

    /// Waits until the scripts of all connections so far have come to their end, and gives their transcripts. One that
    /// closes or holds has come to its end when it does; the connection lives on for the client.
    ///
    /// A connection counts when it was accepted, which may be after the client has connected and even left:
    /// [`wait_for_connections`](Self::wait_for_connections) waits for that.
    ///
    /// # Panics
    ///
    /// If one has failed, with its connection, its step and the reason.
    pub async fn finish(&self) -> Vec<Transcript> {
        self.transcripts.finish().await
    }
}

impl Drop for TcpScript {
    fn drop(&mut self) {
        self.transcripts.report();
    }
}

/// A free port of the loopback, which is listened on when this returns.
pub(crate) fn bind() -> (TcpListener, SocketAddr) {
    let listen = || {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((TcpListener::from_std(listener)?, address))
    };
    listen().unwrap_or_else(|error| panic!("cannot listen on 127.0.0.1: {error}"))
}

async fn accept(
    listener: TcpListener,
    mut script: impl FnMut(usize) -> Option<Steps>,
    accepted: Count,
    transcripts: Transcripts,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // What is sent in one step goes out in it.
        let _ = stream.set_nodelay(true);
        let transcript = transcripts.begin();
        match script(accepted.next()) {
            Some(steps) => drop(connections.spawn(run(stream, steps, transcript))),
            None => refuse(stream, transcript),
        }
    }
}

fn refuse(stream: TcpStream, mut transcript: transcript::Writer) {
    transcript.end(ScriptState::Failed { reason: "there is no script for it".to_owned() });
    run::Stream::reset(stream);
}

#[cfg(test)]
mod tests;
