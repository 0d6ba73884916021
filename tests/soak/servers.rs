//! Those who answer, and break off, hang up, hang, answer early and talk unasked.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sortie::Body;
use sortie_testkit::{CertificateAuthority, Protocol, ServerOptions, TestServer, TlsSetup, reply};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What the answer to a request must be: of this length at least, with the request's number in it.
pub(crate) fn content(id: u64, size: usize) -> Vec<u8> {
    let mut random = Rng::with_seed(id);
    let mut content = format!("{id} ").into_bytes();
    content.extend(std::iter::repeat_with(|| random.u8(..)).take(size));
    content
}

/// The number and the size that a path asks for.
fn asked(path: &str) -> Option<(u64, usize)> {
    let (id, size) = path.strip_prefix('/')?.split_once('/')?;
    Some((id.parse().ok()?, size.parse().ok()?))
}

/// What everything that happens is drawn from.
#[derive(Clone, Debug)]
struct Chance(Arc<Mutex<Rng>>);

impl Chance {
    fn below(&self, end: u64) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).u64(..end)
    }

    async fn pause(&self, most_milliseconds: u64) {
        tokio::time::sleep(Duration::from_micros(self.below(1000 * most_milliseconds))).await;
    }
}

/// The servers.
pub(crate) struct Servers {
    pub(crate) authority: CertificateAuthority,
    h1: String,
    pub(crate) h2: String,
    tls_h1: String,
    tls_h2: String,
}

impl Servers {
    pub(crate) fn start(runtime: &Runtime, seed: u64) -> Self {
        let chance = Chance(Arc::new(Mutex::new(Rng::with_seed(seed))));
        runtime.block_on(async {
            let script = chance.clone();
            let h1 = listen(move |stream| {
                let chance = script.clone();
                async move {
                    // Whatever ended the connection, it has ended.
                    let _ = http1(stream, &chance).await;
                }
            });
            let h2 = ServerOptions::new().protocol(Protocol::Http2).max_concurrent_streams(5);
            let h2 = proxied(h2.serve_fn(answering(&chance)), &chance);
            let authority = CertificateAuthority::new();
            let tls = |protocol| {
                let setup = TlsSetup::new().authority(authority.clone()).alpn([protocol]);
                proxied(ServerOptions::new().tls(setup).serve_fn(answering(&chance)), &chance)
            };
            Self {
                h1: format!("http://{}/", h1.await),
                h2: format!("http://{}/", h2.await),
                tls_h1: format!("https://{}/", tls("http/1.1").await),
                tls_h2: format!("https://{}/", tls("h2").await),
                authority,
            }
        })
    }

    pub(crate) fn urls(&self) -> [(&'static str, String); 4] {
        [
            ("h1", self.h1.clone()),
            ("h2", self.h2.clone()),
            ("tls-h1", self.tls_h1.clone()),
            ("tls-h2", self.tls_h2.clone()),
        ]
    }
}

/// Does with each connection what `serve` says, in a task of its own.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            // Out of descriptors, or a client that left at once; the next may do.
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream))),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    address
}

/// Before a well-behaved server: one that cuts its connections, resets them, or carries nothing any more. The server
/// itself now and then tells its clients to go away, or leaves them.
async fn proxied(server: TestServer, chance: &Chance) -> SocketAddr {
    let address = server.addr();
    let goes = chance.clone();
    tokio::spawn(async move {
        loop {
            goes.pause(300).await;
            match goes.below(3) {
                // Others come at once, so that nobody would see that all of these are gone.
                0 => drop(tokio::time::timeout(Duration::ZERO, server.disconnect()).await),
                _ => server.drain(),
            }
        }
    });
    let chance = chance.clone();
    listen(move |mut client| {
        let chance = chance.clone();
        async move {
            let Ok(mut server) = TcpStream::connect(address).await else { return };
            let fate = chance.below(10);
            let carry = tokio::io::copy_bidirectional(&mut client, &mut server);
            match fate {
                0..5 => drop(carry.await),
                _ => drop(tokio::time::timeout(Duration::from_micros(chance.below(500_000)), carry).await),
            }
            match fate {
                5 => chance.pause(1000).await,
                6 | 7 => drop(client.set_zero_linger()),
                _ => {}
            }
        }
    })
    .await
}

/// The service of the well-behaved ones, which does not behave that well.
fn answering(
    chance: &Chance,
) -> impl Fn(http::Request<Incoming>) -> BoxFuture<'static, http::Response<Body>> + Send + Sync + 'static {
    let chance = chance.clone();
    move |request| {
        let chance = chance.clone();
        Box::pin(async move {
            let (head, upload) = request.into_parts();
            let Some((id, size)) = asked(head.uri.path()) else { return reply(404, [], "") };
            let fate = chance.below(100);
            match fate {
                0..3 => std::future::pending().await,
                // The upload is not read.
                3..8 => return reply(413, [], content(id, 0)),
                _ => {}
            }
            // Its client has left, or the connection has: nobody hears this.
            let Ok(upload) = upload.collect().await else { return reply(400, [], "") };
            let answer = if head.method == "GET" { content(id, size).into() } else { upload.to_bytes() };
            let half = answer.len() / 2;
            let (first, second) = (answer.slice(..half), answer.slice(half..));
            let first = stream::iter([Ok(first)]);
            reply(
                200,
                [],
                match fate {
                    8..14 => Body::stream(first.chain(stream::iter([Err(io::Error::other("broken off"))]))),
                    14..18 => Body::stream(first.chain(stream::pending())),
                    18..26 => Body::stream(first.chain(stream::once(async move {
                        chance.pause(20).await;
                        Ok::<_, io::Error>(second)
                    }))),
                    _ => Body::from(answer),
                },
            )
        })
    }
}

/// A server of HTTP/1.1 that does what no library would let it do.
async fn http1(stream: TcpStream, chance: &Chance) -> io::Result<()> {
    let mut stream = BufStream::new(stream);
    loop {
        let Some(request) = Head::read(&mut stream).await? else { return Ok(()) };
        let early = content(request.id, 0);
        match chance.below(100) {
            // Hangs up, resets, hangs.
            0..3 => return Ok(()),
            3..5 => return stream.get_ref().set_zero_linger(),
            5..7 => return tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop),
            // Answers before the upload, and reads that or does not.
            7..12 => {
                answer(&mut stream, 413, "", &early).await?;
                if chance.below(2) == 0 {
                    return Ok(());
                }
                request.upload(&mut stream).await?;
                continue;
            }
            12..14 => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await?;
                return stream.flush().await;
            }
            _ => {}
        }
        let upload = request.upload(&mut stream).await?;
        let whole = if request.get { content(request.id, request.size) } else { upload };
        match chance.below(100) {
            // Half a body, and no more.
            0..5 => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", whole.len() + 1);
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&whole).await?;
                return stream.flush().await;
            }
            5..10 => {
                answer(&mut stream, 200, "connection: close\r\n", &whole).await?;
                return Ok(());
            }
            // Hangs up when the next request may be on its way.
            10..20 => {
                answer(&mut stream, 200, "", &whole).await?;
                chance.pause(10).await;
                return Ok(());
            }
            // In one piece with an answer, for later it could not be told from that to the next request.
            20..25 if whole.len() < 3000 => {
                let unasked = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", whole.len());
                stream.write_all(&[head.as_bytes(), &whole, unasked.as_bytes()].concat()).await?;
                stream.flush().await?;
            }
            25..35 => {
                stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").await?;
                stream.flush().await?;
                chance.pause(5).await;
                answer(&mut stream, 200, "", &whole).await?;
            }
            35..45 => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                for chunk in whole.chunks(700.max(whole.len() / 5)) {
                    stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                    stream.write_all(chunk).await?;
                    stream.write_all(b"\r\n").await?;
                    stream.flush().await?;
                    chance.pause(3).await;
                }
                stream.write_all(b"0\r\n\r\n").await?;
                stream.flush().await?;
            }
            _ => answer(&mut stream, 200, "", &whole).await?,
        }
    }
}

async fn answer(stream: &mut BufStream<TcpStream>, status: u16, header: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} Said\r\n{header}content-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await
}

/// What the script must know of a request.
struct Head {
    get: bool,
    id: u64,
    size: usize,
    /// `None` if it is chunked.
    length: Option<usize>,
}

impl Head {
    /// `None` at the end of the connection.
    async fn read(stream: &mut BufStream<TcpStream>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let path = line.split(' ').nth(1).and_then(asked);
        let (id, size) = path.ok_or_else(|| io::Error::other(format!("no request of ours: {line:?}")))?;
        let (get, mut length) = (line.starts_with("GET "), Some(0));
        loop {
            line.clear();
            stream.read_line(&mut line).await?;
            let field = line.trim_end().to_ascii_lowercase();
            match field.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().ok(),
                Some(("transfer-encoding", _)) => length = None,
                Some(_) => {}
                None => return Ok(Some(Self { get, id, size, length })),
            }
        }
    }

    async fn upload(&self, stream: &mut BufStream<TcpStream>) -> io::Result<Vec<u8>> {
        let mut upload = vec![0; self.length.unwrap_or_default()];
        stream.read_exact(&mut upload).await?;
        while self.length.is_none() {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            let begin = upload.len();
            upload.resize(begin + size, 0);
            stream.read_exact(&mut upload[begin..]).await?;
            stream.read_line(&mut line).await?;
            if size == 0 {
                break;
            }
        }
        Ok(upload)
    }
}
