use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::client::conn::http2;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{ConnIo, Engine, ended};
use crate::pool::conn::Conn;
use crate::pool::handles::Stream;
use crate::reason::CloseReason;
use crate::upload::Upload;

/// The shortest server preface: a SETTINGS frame without settings. Before it, the peer's limit is a guess.
const SETTINGS: u64 = 9;

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

pub(super) struct Http2 {
    /// Where requests go in; `None` once it takes no more.
    connection: Option<http2::Connection<TokioIo<ConnIo>, Upload, Exec>>,
    tasks: FuturesUnordered<Task>,
    new: Exec,
    limit: Option<usize>,
    /// How it ended.
    reason: CloseReason,
}

pub(super) async fn handshake(io: TokioIo<ConnIo>, conn: &Arc<Conn>) -> hyper::Result<(Stream, Http2)> {
    let new = Exec::default();
    let ping = conn.origin.shared().ping;
    let (sender, connection) = http2::Builder::new(new.clone())
        .initial_max_send_streams(1)
        .timer(TokioTimer::new())
        .keep_alive_interval(ping.interval)
        .keep_alive_timeout(ping.timeout)
        .handshake(io)
        .await?;
    let (connection, tasks, reason) = (Some(connection), FuturesUnordered::new(), CloseReason::Server);
    let engine = Http2 { connection, tasks, new, limit: None, reason };
    Ok((Stream { sender, conn: conn.clone() }, engine))
}

impl Http2 {
    /// Takes over what hyper wants to run; whether there was anything.
    fn adopt(&mut self) -> bool {
        let mut new = self.new.0.lock().unwrap_or_else(PoisonError::into_inner);
        let any = !new.is_empty();
        self.tasks.extend(new.drain(..));
        any
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
        self.adopt();
        loop {
            // Without tokio's budget, which taking many requests over uses up: they would wait for the next turn to be
            // written, and the server for them. A window's worth of frames bounds what this reads.
            let mut tasks = tokio::task::unconstrained(self.tasks.next());
            while let Poll::Ready(Some(())) = Pin::new(&mut tasks).poll(cx) {}
            if let Some(connection) = &mut self.connection {
                // Polled after the tasks, so that a GOAWAY which has just come is seen now.
                if let Poll::Ready(result) = Pin::new(connection).poll(cx) {
                    self.reason = ended(&result);
                    self.connection = None;
                    conn.retire();
                    conn.gone();
                }
            }
            if !self.adopt() {
                break;
            }
        }
        self.publish(conn);
        if self.connection.is_none() && self.tasks.is_empty() { Poll::Ready(self.reason) } else { Poll::Pending }
    }
}
