use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::task::AtomicWaker;
use hyper::client::conn::http2;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{ConnIo, Engine, LEAST, ended};
use crate::options::Http;
use crate::pool::conn::Conn;
use crate::pool::handles::Stream;
use crate::reason::CloseReason;
use crate::timeouts::NEVER;
use crate::upload::Upload;

/// The shortest server preface: a SETTINGS frame without settings. Before it, the peer's limit is a guess.
const SETTINGS: u64 = 9;

/// How often the byte stream is read in one turn of the driver, so that a peer that never stops leaves the thread to
/// others now and then. tokio allows 128 operations.
const READS: u32 = 64;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where hyper puts the futures that it would have spawned. They run in the driver and end with it: as tasks of their
/// own they would outlive it, and see what the peer says too late.
#[derive(Clone, Default)]
pub(super) struct Exec(Arc<Mutex<Vec<Task>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Exec {
    fn execute(&self, future: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(future));
    }
}

/// Notes who was woken, and wakes the driver: whatever is woken there, the driver is polled, and what was not need not be.
#[derive(Default)]
struct Flag {
    woken: AtomicBool,
    driver: AtomicWaker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.driver.wake();
    }
}

pub(super) struct Http2 {
    /// Where requests go in; `None` once it takes no more.
    connection: Option<http2::Connection<TokioIo<ConnIo>, Upload, Exec>>,
    /// Whether that was woken, and its waker.
    flag: Arc<Flag>,
    waker: Waker,
    /// How many bytes had come when it was polled last.
    read: u64,
    tasks: FuturesUnordered<Task>,
    new: Exec,
    limit: Option<usize>,
    /// How it ended.
    reason: CloseReason,
}

pub(super) async fn handshake(io: TokioIo<ConnIo>, conn: &Arc<Conn>) -> hyper::Result<(Stream, Http2)> {
    let new = Exec::default();
    let ping = conn.origin.shared().ping;
    let (sender, connection) = builder(&conn.origin.shared().http, new.clone())
        .initial_max_send_streams(1)
        .timer(TokioTimer::new())
        // hyper adds them to the time as they are; and an interval of nothing would make it ask all the time.
        .keep_alive_interval(ping.interval.map(|interval| interval.clamp(LEAST, NEVER)))
        .keep_alive_timeout(ping.timeout.min(NEVER))
        .handshake(io)
        .await?;
    let (connection, tasks, reason) = (Some(connection), FuturesUnordered::new(), CloseReason::Server);
    let flag = Arc::new(Flag { woken: AtomicBool::new(true), driver: AtomicWaker::new() });
    let waker = flag.clone().into();
    let engine = Http2 { connection, flag, waker, read: 0, tasks, new, limit: None, reason };
    Ok((Stream { sender, conn: conn.clone() }, engine))
}

fn builder(http: &Http, exec: Exec) -> http2::Builder<Exec> {
    let mut builder = http2::Builder::new(exec);
    builder
        .initial_stream_window_size(http.stream_window)
        .initial_connection_window_size(http.connection_window)
        .header_table_size(http.header_table_size);
    if http.adaptive_window {
        builder.adaptive_window(true);
    }
    if let Some(size) = http.max_frame_size {
        builder.max_frame_size(size);
    }
    if let Some(size) = http.max_header_list_size {
        builder.max_header_list_size(size);
    }
    if let Some(size) = http.max_send_buffer_size {
        builder.max_send_buf_size(size);
    }
    if let Some(streams) = http.max_reset_streams {
        builder.max_concurrent_reset_streams(streams);
    }
    builder
}

impl Http2 {
    /// Takes over what hyper wants to run; whether there was anything.
    fn adopt(&mut self) -> bool {
        let mut new = self.new.0.lock().unwrap_or_else(PoisonError::into_inner);
        let any = !new.is_empty();
        self.tasks.extend(new.drain(..));
        any
    }

    /// Polls what takes requests over, if it was woken, or if something was read: nothing wakes it when the peer says
    /// GOAWAY, and that is to be seen before the next request.
    fn poll_connection(&mut self, conn: &Conn) {
        let read = conn.bytes_in();
        let woken = self.flag.woken.swap(false, Ordering::AcqRel);
        if !woken && read == self.read {
            return;
        }
        self.read = read;
        let Some(connection) = &mut self.connection else { return };
        if let Poll::Ready(result) = Pin::new(connection).poll(&mut Context::from_waker(&self.waker)) {
            self.reason = ended(&result);
            self.connection = None;
            conn.retire();
            conn.gone();
        }
    }

    /// Tells the origin how many streams the peer allows.
    fn publish(&mut self, conn: &Conn) {
        let Some(connection) = self.connection.as_ref().filter(|_| conn.bytes_in() >= SETTINGS) else { return };
        let limit = connection.current_max_send_streams();
        if self.limit.replace(limit) != Some(limit) {
            conn.origin.with(|state, effects| state.allow(conn.id, limit, effects));
        }
    }
}

impl Engine for Http2 {
    fn poll(&mut self, cx: &mut Context<'_>, conn: &Conn) -> Poll<CloseReason> {
        self.flag.driver.register(cx.waker());
        conn.allow_reads(READS);
        self.adopt();
        loop {
            // Without tokio's budget, which taking many requests over uses up: they would wait for the next turn to be
            // written, and the server for them. What a turn may read has a limit of its own.
            let mut tasks = tokio::task::unconstrained(self.tasks.next());
            while let Poll::Ready(Some(())) = Pin::new(&mut tasks).poll(cx) {}
            self.poll_connection(conn);
            if !self.adopt() {
                break;
            }
        }
        self.publish(conn);
        if self.connection.is_none() && self.tasks.is_empty() { Poll::Ready(self.reason) } else { Poll::Pending }
    }
}
