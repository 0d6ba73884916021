use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use sortie_core::{BoxError, Elapsed, Ticket};
use tokio::time::Instant;

use crate::connect::{Connected, Progress};
use crate::error::{ConnectError, NotSent};
use crate::events::Event;
use crate::info::ConnectionInfo;
use crate::pool::conn::Conn;
use crate::pool::handles::{Exclusive, Stream};
use crate::pool::origin::{Permit, Refusal};
use crate::pool::shared::Done;
use crate::pool::state::{Began, ConnId};
use crate::timeouts::after;

/// A connect under way. If it is dropped unresolved, with its runtime, its waiters are told.
pub(crate) struct Job {
    pub(crate) conn: Arc<Conn>,
    began: Began,
    limit: Option<Duration>,
    /// Shared with the byte stream while the handshake goes on: what failed is said before its place is free, since
    /// that is when those who wait are looked after.
    permit: Option<Arc<Permit>>,
    pending: bool,
    done: Option<Done>,
    /// The task's place among the transport's tasks, until it ends.
    _task: Option<Ticket>,
}

impl Job {
    pub(crate) fn new(conn: Arc<Conn>, began: Began, limit: Option<Duration>, done: Option<Done>) -> Self {
        let permit = Some(Arc::new(Permit::new(conn.clone())));
        let task = conn.origin.shared().tasks.enter();
        Self { conn, began, limit, permit, pending: true, done, _task: task }
    }

    /// Makes the byte stream, within the limit and unless the transport is closed meanwhile.
    pub(crate) async fn connect(&self) -> Result<Connected, Refusal> {
        let origin = &self.conn.origin;
        let progress = Progress::new();
        let failed =
            |source: BoxError| Err(Refusal::Connect(ConnectError::new(&origin.route, progress.phase(), source)));
        let mut connecting = pin!(origin.shared().connector.connect(&origin.route, &progress));
        let mut expiry = pin!(self.limit.map(|limit| tokio::time::sleep_until(after(Instant::now(), limit))));
        poll_fn(|cx| {
            if self.conn.poll_killed(cx).is_ready() {
                return Poll::Ready(Err(Refusal::NotSent(NotSent::Closed)));
            }
            match connecting.as_mut().poll(cx) {
                Poll::Ready(Ok(connected)) => return Poll::Ready(Ok(connected)),
                Poll::Ready(Err(source)) => return Poll::Ready(failed(source)),
                Poll::Pending => {}
            }
            match (expiry.as_mut().as_pin_mut().map(|sleep| sleep.poll(cx)), self.limit) {
                (Some(Poll::Ready(())), Some(limit)) => {
                    Poll::Ready(failed(Elapsed::new(progress.phase(), limit).into()))
                }
                _ => Poll::Pending,
            }
        })
        .await
    }

    pub(crate) fn permit(&self) -> Option<Arc<Permit>> {
        self.permit.clone()
    }

    pub(crate) fn connected_exclusive(&mut self, handle: Box<Exclusive>) {
        let id = self.made();
        self.conn.origin.with(|state, effects| state.connected_exclusive(id, handle, effects));
        self.follow_identity();
        self.tell_done(Ok(()));
    }

    pub(crate) fn connected_shared(&mut self, handle: Stream) {
        let id = self.made();
        self.conn.origin.with(|state, effects| state.connected_shared(id, handle, effects));
        self.follow_identity();
        self.tell_done(Ok(()));
    }

    /// Has the connection retired when an identity of the client, with which it was made, is another.
    fn follow_identity(&self) {
        #[cfg(feature = "tls")]
        for made_with in self.conn.info().iter().flat_map(|info| &info.made_with) {
            let connection: Arc<dyn crate::tls::Retire> = self.conn.clone();
            made_with.retire_with_it(Arc::downgrade(&connection));
        }
    }

    fn made(&mut self) -> ConnId {
        (self.pending, self.permit) = (false, None);
        self.conn.set_opened();
        self.conn.origin.note_connect(false);
        if let Some(info) = self.conn.info() {
            let connection = &ConnectionInfo::new(info.clone(), false);
            self.conn.origin.tell(|origin| Event::Connected { origin, connection });
        }
        self.conn.id
    }

    fn tell_done(&mut self, result: Result<(), Refusal>) {
        if let Some(done) = self.done.take() {
            // Whoever asked may have gone.
            let _ = done.send(result);
        }
    }

    pub(crate) fn fail(mut self, refusal: &Refusal) {
        self.give_up(refusal);
    }

    fn give_up(&mut self, refusal: &Refusal) {
        if std::mem::take(&mut self.pending) {
            let connection = self.conn.id;
            self.conn.origin.note_connect(true);
            self.conn.origin.tell(|origin| Event::ConnectFailed { origin, connection, error: refusal.error() });
            self.conn.origin.with(|state, effects| state.failed(self.began, refusal, effects));
            self.tell_done(Err(refusal.clone()));
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.give_up(&Refusal::NotSent(NotSent::RuntimeGone));
    }
}
