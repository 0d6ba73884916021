use std::io;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::steps::{Excerpt, Step, Steps};
use super::transcript::{ScriptState, Writer};

/// A byte stream that a script can run over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ends it at once, in both directions.
    fn reset(self);
}

impl Stream for TcpStream {
    fn reset(self) {
        // Closing a socket that lingers for zero seconds sends RST in the place of FIN. It fails only for a
        // connection that is gone already.
        let _ = self.set_zero_linger();
    }
}

impl Stream for DuplexStream {
    fn reset(self) {}
}

/// Runs the steps over a connection and writes its transcript.
pub(crate) async fn run(io: impl Stream, script: Steps, transcript: Writer) {
    let mut connection = Connection { io, unread: BytesMut::new(), transcript };
    for (n, step) in script.steps.iter().enumerate() {
        let result = match step {
            Step::Reset => return connection.reset(ScriptState::Done),
            Step::Close | Step::Hold => break,
            Step::Sleep(duration) => {
                tokio::time::sleep(*duration).await;
                continue;
            }
            step => timeout(script.deadline, connection.step(step)).await,
        };
        let reason = match result {
            Ok(Ok(())) => continue,
            Ok(Err(Interrupted::ClientLeft)) => {
                return connection.transcript.end(ScriptState::ClientLeft { step: step.to_string() });
            }
            Ok(Err(Interrupted::Failed(reason))) => reason,
            Err(_) => format!("it took longer than its deadline of {:?}", script.deadline),
        };
        let place = format!("step {} of {}, `{step}`", n + 1, script.steps.len());
        let reason = format!("{place}: {reason}{}", connection.rest());
        return connection.reset(ScriptState::Failed { reason });
    }
    let holds = matches!(script.steps.last(), Some(Step::Hold));
    connection.end(holds).await;
}

/// Why a step did not come to its end.
enum Interrupted {
    ClientLeft,
    Failed(String),
}

impl From<io::Error> for Interrupted {
    fn from(_: io::Error) -> Self {
        Self::ClientLeft
    }
}

struct Connection<IO> {
    io: IO,
    unread: BytesMut,
    transcript: Writer,
}

impl<IO: Stream> Connection<IO> {
    async fn step(&mut self, step: &Step) -> Result<(), Interrupted> {
        match step {
            Step::ReadHead => self.read_head().await.map(drop),
            Step::ReadRequest => self.read_request().await,
            Step::Read(octets) => self.read(*octets).await.map(drop),
            Step::Expect(expected) => self.expect(expected).await,
            Step::ReadToEnd => {
                self.read_to_end().await;
                Ok(())
            }
            Step::Send(bytes) => self.send(bytes).await,
            Step::SendSlowly(bytes) => {
                for byte in bytes.chunks(1) {
                    self.send(byte).await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Step::Pause(gate) => {
                gate.pass().await;
                Ok(())
            }
            Step::Sleep(_) | Step::Close | Step::Reset | Step::Hold => Ok(()),
        }
    }

    /// What came and no step has read, for the message of a failure.
    fn rest(&self) -> String {
        match &self.unread[..] {
            [] => String::new(),
            rest => format!("; not yet read by a step: {}", Excerpt(rest)),
        }
    }

    fn reset(mut self, state: ScriptState) {
        self.io.reset();
        self.transcript.end(state);
    }

    /// Ends a script that was not reset.
    async fn end(mut self, holds: bool) {
        let closed = if holds { Ok(()) } else { self.io.shutdown().await };
        self.transcript.end(match closed {
            Ok(()) => ScriptState::Done,
            Err(_) => ScriptState::ClientLeft { step: Step::Close.to_string() },
        });
        self.read_to_end().await;
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Interrupted> {
        self.io.write_all(bytes).await?;
        Ok(self.io.flush().await?)
    }

    /// Reads what is there.
    async fn fill(&mut self) -> Result<(), Interrupted> {
        let before = self.unread.len();
        if self.io.read_buf(&mut self.unread).await? == 0 {
            return Err(Interrupted::ClientLeft);
        }
        self.transcript.received(&self.unread[before..]);
        Ok(())
    }

    async fn read_to_end(&mut self) {
        while self.fill().await.is_ok() {}
    }

    async fn read(&mut self, octets: usize) -> Result<Bytes, Interrupted> {
        while self.unread.len() < octets {
            self.fill().await?;
        }
        Ok(self.unread.split_to(octets).freeze())
    }

    async fn read_until(&mut self, end: &[u8]) -> Result<Bytes, Interrupted> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Ok(self.unread.split_to(at + end.len()).freeze());
            }
            self.fill().await?;
        }
    }

    async fn read_head(&mut self) -> Result<Bytes, Interrupted> {
        self.read_until(b"\r\n\r\n").await
    }

    async fn read_request(&mut self) -> Result<(), Interrupted> {
        let head = self.read_head().await?;
        let head = String::from_utf8_lossy(&head);
        let codings = field(&head, TRANSFER_ENCODING.as_str()).unwrap_or_default();
        let last = codings.rsplit(',').next().unwrap_or_default();
        if last.trim().eq_ignore_ascii_case("chunked") {
            return self.read_chunks().await;
        }
        let Some(length) = field(&head, CONTENT_LENGTH.as_str()) else { return Ok(()) };
        let length = length.parse().map_err(|_| Interrupted::Failed(format!("`Content-Length: {length}`")))?;
        self.read(length).await.map(drop)
    }

    /// A chunked body, RFC 9112 §7.1.
    async fn read_chunks(&mut self) -> Result<(), Interrupted> {
        loop {
            let line = self.read_until(b"\r\n").await?;
            let line = String::from_utf8_lossy(&line);
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16);
            let size = size.map_err(|_| Interrupted::Failed(format!("{line:?} is no chunk size")))?;
            if size == 0 {
                while self.read_until(b"\r\n").await?.len() > 2 {}
                return Ok(());
            }
            self.read(size + 2).await?;
        }
    }

    async fn expect(&mut self, expected: &[u8]) -> Result<(), Interrupted> {
        loop {
            let there = self.unread.len().min(expected.len());
            if self.unread[..there] != expected[..there] {
                return Err(Interrupted::Failed("other bytes came".to_owned()));
            }
            if there == expected.len() {
                let _ = self.unread.split_to(there);
                return Ok(());
            }
            match self.fill().await {
                Err(Interrupted::ClientLeft) => return Err(Interrupted::Failed("the client left".to_owned())),
                filled => filled?,
            }
        }
    }
}

/// The value of the first header field of this name.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}
