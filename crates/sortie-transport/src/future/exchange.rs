//! A request that was given to a connection, until its head has come or something has failed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use sortie_core::auth::SameConnection;
use sortie_core::{BoxError, Fault, Outcome};

use super::State;
use super::waiting::Waiting;
use crate::body::{Hold, Pooled};
use crate::clock::HeadClock;
use crate::error::NotSent;
use crate::events::Event;
use crate::flight::Flight;
use crate::head_refused::HeadRefused;
use crate::info::ConnectionInfo;
use crate::informational::TooManyInformational;
use crate::moment::Moment;
use crate::outcome::{self, Seen};
use crate::pool::conn::Conn;
use crate::timings::{Clocks, Timings};
use crate::upload::Upload;

/// How many connections in a row may end without having taken the request.
const UNSERVED: u8 = 3;

/// What goes with a request from one connection to the next. The rest can be read from the request.
pub(super) struct Call {
    pub(super) flight: Flight,
    pub(super) unserved: u8,
    pub(super) start: Moment,
    /// For how long it has waited for connections.
    pub(super) queued: Duration,
}

pub(super) struct Exchange {
    call: Call,
    pub(super) read: Option<Duration>,
    is_connect: bool,
    pub(super) reused: bool,
    bytes_in: u64,
    bytes_out: u64,
    clock: Option<Box<HeadClock>>,
}

impl Exchange {
    pub(super) fn begin(conn: &Arc<Conn>, request: &mut Request<Upload>, call: Call) -> Self {
        let limits = conn.origin.shared().limits.of(request.extensions());
        let reused = conn.serve();
        if reused {
            conn.origin.counters.reused.fetch_add(1, Ordering::Relaxed);
        }
        let (connection, waited) = (conn.id, call.queued);
        conn.origin.tell(|origin| Event::Acquired { origin, connection, reused, waited });
        Self {
            read: limits.read,
            is_connect: *request.method() == Method::CONNECT,
            reused,
            bytes_in: conn.bytes_in(),
            bytes_out: conn.bytes_out(),
            clock: HeadClock::new(limits, request.body_mut(), conn),
            call,
        }
    }

    /// Its times, to be noted as they come; those of the connect, if nobody was served before.
    pub(super) fn clocks(&self, conn: &Conn) -> Clocks {
        let made = conn.info().filter(|_| !self.reused).cloned();
        Clocks::new(self.call.start, self.call.queued, made)
    }

    /// The limit that ran out before the head came.
    pub(super) fn poll_clock(&mut self, conn: &Conn, cx: &mut Context<'_>, http2: bool) -> Poll<BoxError> {
        let mut elapsed = match self.read {
            Some(_) if !http2 => conn.poll_gap(cx),
            _ => Poll::Pending,
        };
        if let Some(clock) = self.clock.as_mut().filter(|_| elapsed.is_pending()) {
            let began = !http2 && conn.bytes_in() > self.bytes_in;
            elapsed = clock.poll(conn, began, cx);
        }
        let elapsed = ready!(elapsed);
        if http2 {
            conn.avoid(true);
        }
        Poll::Ready(Fault::new(Outcome::MaybeProcessed, elapsed).into())
    }

    /// What the failure of an exchange that hyper had taken on may have done, and the failure.
    fn fault(&self, conn: &Conn, error: hyper::Error, http2: bool) -> Fault {
        let over = conn.origin.shared().is_over();
        let seen = Seen {
            http2,
            reused: self.reused,
            bytes_in: conn.bytes_in().saturating_sub(self.bytes_in),
            bytes_out: conn.bytes_out().saturating_sub(self.bytes_out),
            ours: error.is_user() || over,
        };
        let outcome = outcome::of(seen, &error);
        if over {
            return Fault::new(outcome, NotSent::Closed);
        }
        if conn.is_flooded() {
            return Fault::new(outcome, TooManyInformational);
        }
        match HeadRefused::or(error, &conn.origin.shared().http) {
            Ok(refused) => Fault::new(outcome, refused),
            Err(error) => Fault::new(outcome, error),
        }
    }

    /// What becomes of an exchange that hyper did not carry through. Its request goes to the front of the queue if
    /// hyper gives it back, for then nothing of it was sent, or if the server refused it and it was kept.
    pub(super) fn failed(
        mut self,
        conn: &Conn,
        mut error: TrySendError<Request<Upload>>,
        kept: Option<Request<Upload>>,
        http2: bool,
    ) -> State {
        #[cfg(feature = "tls")]
        if let Some(refusal) = conn.refusal() {
            return State::Failed(Some(Fault::new(outcome::of_refusal(conn.bytes_in()), refusal.clone()).into()));
        }
        self.call.unserved += 1;
        let again = match error.take_message() {
            Some(_) if conn.origin.shared().is_over() => return State::Failed(Some(NotSent::Closed.fault())),
            Some(_) if self.call.unserved >= UNSERVED => {
                return State::Failed(Some(NotSent::Unserved(UNSERVED).fault()));
            }
            Some(unsent) if unsent.extensions().get().is_some_and(SameConnection::is_required) => {
                return State::Failed(Some(NotSent::LegsParted.fault()));
            }
            Some(unsent) => unsent.map(Upload::taken_back),
            None => {
                let fault = self.fault(conn, error.into_error(), http2);
                if fault.outcome() == Outcome::StaleReuse {
                    conn.origin.discard_stale();
                }
                match kept {
                    Some(kept) if fault.outcome() == Outcome::Refused && self.call.unserved < UNSERVED => kept,
                    _ => return State::Failed(Some(fault.into())),
                }
            }
        };
        State::Waiting(Waiting::new(conn.origin.clone(), again, self.call))
    }

    pub(super) fn respond(
        self,
        mut response: Response<Incoming>,
        conn: &Conn,
        hold: Hold,
        clocks: Arc<Clocks>,
    ) -> Response<Pooled> {
        if let Some(info) = conn.info() {
            response.extensions_mut().insert(ConnectionInfo::new(info.clone(), self.reused));
        }
        response.extensions_mut().insert(Timings::new(clocks));
        response.map(|incoming| Pooled::new(incoming, hold, self.read, self.call.flight))
    }

    /// Whether the connection is no HTTP connection any more after this answer.
    pub(super) fn is_upgrade(&self, status: StatusCode) -> bool {
        status == StatusCode::SWITCHING_PROTOCOLS || (self.is_connect && status.is_success())
    }
}
