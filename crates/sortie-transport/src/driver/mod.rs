//! The one task of a connection: it makes it, and drives it to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use sortie_core::Phase;
use tokio::time::{Instant, Sleep};

mod http1;
mod http2;
mod io;
mod job;
mod settle;

pub(crate) use io::ConnIo;
pub(crate) use job::Job;

use crate::connect::Connected;
use crate::error::ConnectError;
use crate::info::Info;
use crate::pool::conn::Conn;
use crate::pool::origin::Refusal;
use crate::reason::CloseReason;
use crate::timeouts::after;
pub(crate) use settle::DRAIN_BYTES;
use settle::{Settled, Settling};

/// How long an idle connection that was told to end has for its farewell (`close_notify`, GOAWAY).
const FAREWELL: Duration = Duration::from_secs(1);

/// What the answer to a ping may take before requests go elsewhere.
const PONG: Duration = Duration::from_millis(500);

/// The clock's step: a limit of nothing must not make it spin.
const LEAST: Duration = Duration::from_millis(1);

/// The task: from the connect to the connection's end.
pub(crate) async fn run(mut job: Job) {
    let connected = match job.connect().await {
        Ok(connected) => connected,
        Err(refusal) => return job.fail(&refusal),
    };
    let conn = job.conn.clone();
    let Some(permit) = job.permit() else { return };
    conn.set_info(info(&conn, &connected));
    let http2 = connected.http2;
    let io = TokioIo::new(ConnIo::new(connected.stream, conn.clone(), http2, permit));
    let failed = |error: hyper::Error| Refusal::Connect(ConnectError::new(&conn.origin.route, Phase::Handshake, error));
    if http2 {
        match http2::handshake(io, &conn).await {
            Ok((handle, engine)) => {
                let driver = Driver::new(conn, engine);
                job.connected_shared(handle);
                driver.await;
            }
            Err(error) => job.fail(&failed(error)),
        }
    } else {
        match http1::handshake(io, &conn).await {
            Ok((handle, engine)) => {
                let driver = Driver::new(conn, engine);
                job.connected_exclusive(handle);
                driver.await;
            }
            Err(error) => job.fail(&failed(error)),
        }
    }
}

fn info(conn: &Conn, connected: &Connected) -> Info {
    Info {
        id: conn.id,
        origin: conn.origin.route.name.clone(),
        made: Instant::now(),
        times: connected.times,
        peer: connected.peer,
        local: connected.local,
        version: if connected.http2 { http::Version::HTTP_2 } else { http::Version::HTTP_11 },
        proxy: conn.origin.route.via.clone(),
        #[cfg(feature = "tls")]
        tls: connected.tls.clone(),
        #[cfg(feature = "tls")]
        made_with: connected.stream.made_with().cloned().collect(),
        #[cfg(feature = "tls")]
        proxy_tls: connected.proxy_tls.clone(),
    }
}

/// hyper's half of a connection. Ready when it has ended: with the reason, if nobody here had one.
trait Engine: Unpin {
    fn poll(&mut self, cx: &mut Context<'_>, conn: &Conn) -> Poll<CloseReason>;
}

fn ended(result: &hyper::Result<()>) -> CloseReason {
    if result.is_ok() { CloseReason::Server } else { CloseReason::Failed }
}

/// Polls hyper, ends what the users left unended, and watches the clock, which is one `Sleep`: it is not moved when
/// something happens, but looks, when it fires, for what is due.
struct Driver<E> {
    conn: Arc<Conn>,
    engine: E,
    settling: Option<Settling>,
    clock: Pin<Box<Sleep>>,
    /// The clock knows whom to wake. The task's waker is always the same one.
    armed: bool,
    expires: Option<Instant>,
    leaving: Option<Instant>,
    seen_in: u64,
    seen_out: u64,
    gap: Option<Duration>,
    idle: Option<Duration>,
    /// HTTP/2: since when something is awaited and nothing comes.
    quiet: Option<Instant>,
}

impl<E: Engine> Driver<E> {
    fn new(conn: Arc<Conn>, engine: E) -> Self {
        let lifetime = conn.origin.shared().max_lifetime;
        let expires = lifetime.map(|limit| {
            let jitter = 0.9 + 0.2 * fastrand::f64();
            after(conn.born(), Duration::try_from_secs_f64(limit.as_secs_f64() * jitter).unwrap_or(limit))
        });
        conn.touch(conn.now());
        let now = Instant::now();
        let mut driver = Self {
            conn,
            engine,
            settling: None,
            clock: Box::pin(tokio::time::sleep_until(now)),
            armed: false,
            expires,
            leaving: None,
            seen_in: 0,
            seen_out: 0,
            gap: None,
            idle: None,
            quiet: None,
        };
        let next = driver.next(now);
        driver.clock.as_mut().reset(next);
        driver
    }

    /// When to look again, if nothing is due.
    fn next(&mut self, now: Instant) -> Instant {
        (self.gap, self.idle) = (self.conn.head_gap(), self.conn.idle_limit());
        let quiet = self.last_active();
        let idle = self.idle.map(|limit| {
            let due = after(quiet, limit);
            // Overdue and still here: it is in use.
            if due > now { due } else { after(now, limit / 8).max(now + LEAST) }
        });
        let gap = self.gap.map(|limit| {
            let counts = self.conn.is_within_head() && !self.conn.is_gap_over();
            let from = if counts { quiet } else { now };
            after(from, limit).max(now + LEAST)
        });
        let never = after(now, Duration::MAX);
        let avoid = self.avoid_at().map(|at| at.max(now + LEAST));
        [idle, gap, avoid, self.expires, self.leaving].into_iter().flatten().min().unwrap_or(never)
    }

    fn last_active(&self) -> Instant {
        self.conn.origin.shared().epoch.instant(self.conn.last_active())
    }

    /// When the connection is to be avoided, if nothing comes.
    fn avoid_at(&self) -> Option<Instant> {
        let interval = self.conn.origin.shared().ping.interval?;
        Some(after(after(self.quiet?, interval), PONG))
    }

    /// Notes what has come and gone since the last look.
    fn note(&mut self) {
        let (bytes_in, bytes_out) = (self.conn.bytes_in(), self.conn.bytes_out());
        let waits = self.conn.streams() > 0;
        if (bytes_in, bytes_out, waits) == (self.seen_in, self.seen_out, self.quiet.is_some()) {
            return;
        }
        let now = self.conn.now();
        if bytes_out != self.seen_out {
            self.conn.wrote(now);
        }
        if bytes_in != self.seen_in {
            self.conn.touch(now);
            self.conn.avoid(false);
        }
        if bytes_in != self.seen_in || waits != self.quiet.is_some() {
            self.quiet = waits.then(|| self.conn.origin.shared().epoch.instant(now));
        }
        (self.seen_in, self.seen_out) = (bytes_in, bytes_out);
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Unconstrained, because a clock that tokio's budget sends away does not know whom to wake.
        Pin::new(&mut tokio::task::unconstrained(self.clock.as_mut())).poll(cx)
    }

    /// Does what is due now. Ready if that is the end.
    fn look(&mut self, now: Instant) -> Poll<()> {
        let conn = &self.conn;
        if self.leaving.is_some_and(|until| now >= until) {
            return Poll::Ready(());
        }
        let (quiet, id) = (self.last_active(), conn.id);
        if self.avoid_at().is_some_and(|at| now >= at) {
            // Until the next byte, which begins anew.
            self.quiet = Some(after(now, Duration::MAX));
            conn.avoid(true);
        }
        if self.gap.is_some_and(|limit| conn.is_within_head() && now >= after(quiet, limit)) {
            conn.end_gap();
        }
        let leave = if self.expires.is_some_and(|at| now >= at) {
            self.expires = None;
            conn.because(CloseReason::Lifetime);
            conn.retire();
            // In use, it ends when it is given back.
            conn.origin.with(|state, effects| {
                state.retire_idle(id, effects) || {
                    state.retire(id, effects);
                    false
                }
            })
        } else {
            let due = conn.idle_limit().is_some_and(|limit| now >= after(quiet, limit));
            due && conn.origin.with(|state, effects| {
                let idle = state.retire_idle(id, effects);
                if idle {
                    conn.because(CloseReason::Idle);
                }
                idle
            })
        };
        if leave {
            conn.retire();
            self.leaving = Some(after(now, FAREWELL));
        }
        Poll::Pending
    }
}

impl<E: Engine> Future for Driver<E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.conn.poll_killed(cx).is_ready() {
            return Poll::Ready(());
        }
        if let Some(settle) = this.conn.take_settle() {
            this.settling = Some(Settling::new(*settle));
        }
        if let Poll::Ready(reason) = this.engine.poll(cx, &this.conn) {
            this.conn.because(reason);
            return Poll::Ready(());
        }
        this.note();
        if let Some(settling) = &mut this.settling {
            match settling.poll(cx) {
                Poll::Ready(Settled::Whole) => {
                    if let Some(settling) = this.settling.take() {
                        settling.give_back();
                    }
                }
                Poll::Ready(Settled::Broken(reason)) => {
                    this.conn.because(reason);
                    return Poll::Ready(());
                }
                Poll::Pending => {}
            }
        }
        let limits_changed = (this.gap, this.idle) != (this.conn.head_gap(), this.conn.idle_limit());
        if limits_changed || this.avoid_at().is_some_and(|at| at < this.clock.deadline()) {
            let next = this.next(Instant::now());
            if next < this.clock.deadline() {
                this.clock.as_mut().reset(next);
                this.armed = false;
            }
        }
        while (!this.armed || this.clock.is_elapsed()) && this.poll_clock(cx).is_ready() {
            let now = Instant::now();
            if this.look(now).is_ready() {
                return Poll::Ready(());
            }
            let next = this.next(now);
            this.clock.as_mut().reset(next);
            this.armed = false;
        }
        this.armed = true;
        Poll::Pending
    }
}

impl<E> Drop for Driver<E> {
    fn drop(&mut self) {
        self.conn.because(CloseReason::Runtime);
        self.conn.over();
    }
}
