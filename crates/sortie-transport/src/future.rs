use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use sortie_core::{BoxError, BoxFuture, Elapsed, Fault, Outcome, Phase, Ticket};
use tokio::time::{Instant, Sleep};

use crate::body::{Busy, Hold, Pooled};
use crate::clock::HeadClock;
use crate::error::{AcquireTimeout, BodyFailed, NotSent};
use crate::events::Event;
use crate::expect;
use crate::flight::Flight;
use crate::head_refused::HeadRefused;
use crate::info::ConnectionInfo;
use crate::informational::{self, TooManyInformational};
use crate::keep_alive;
use crate::moment::Moment;
use crate::outcome::{self, Seen};
use crate::pool::conn::Conn;
use crate::pool::handles::{Exclusive, Lease, Sent, Stream};
use crate::pool::origin::{Granted, Origin};
use crate::pool::state::{self, Grant};
use crate::proxy::forward;
use crate::reason::CloseReason;
use crate::request;
use crate::timeouts::{Limits, after, clock};
use crate::timings::{Clocks, Timings};
use crate::upload::Upload;

/// How many connections in a row may end without having taken the request.
const UNSERVED: u8 = 3;

/// The future of a [`Transport`](crate::Transport)'s call.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(State);

enum State {
    Failed(Option<BoxError>),
    Waiting(Box<Waiting>),
    /// It is signed for a proxy, which may ask for another signature.
    Signed(BoxFuture<'static, Result<Response<Pooled>, BoxError>>),
    Http1 {
        busy: Busy,
        exchange: Exchange,
    },
    Http2 {
        call: Pin<Box<dyn Future<Output = Sent> + Send>>,
        lease: Arc<Lease>,
        exchange: Exchange,
        /// The request once more, should the server refuse it, which HTTP/2 servers do as a matter of course.
        kept: Option<Box<Request<Upload>>>,
    },
}

/// What goes with a request from one connection to the next. The rest can be read from the request.
struct Call {
    flight: Flight,
    unserved: u8,
    start: Moment,
    /// For how long it has waited for connections.
    queued: Duration,
}

struct Exchange {
    call: Call,
    read: Option<Duration>,
    is_connect: bool,
    reused: bool,
    bytes_in: u64,
    bytes_out: u64,
    clock: Option<Box<HeadClock>>,
}

/// A request without a connection.
struct Waiting {
    origin: Arc<Origin>,
    work: Option<(Request<Upload>, Call)>,
    limits: Limits,
    place: Option<state::Ticket>,
    clock: Option<Pin<Box<Sleep>>>,
    since: Moment,
}

impl ResponseFuture {
    pub(crate) fn failed(error: impl Into<BoxError>) -> Self {
        Self(State::Failed(Some(error.into())))
    }

    /// What is signed for a proxy, and sent.
    pub(crate) fn signed(conversation: BoxFuture<'static, Result<Response<Pooled>, BoxError>>) -> Self {
        Self(State::Signed(conversation))
    }

    /// Sends `request` over an idle connection, or waits for one once it is polled.
    #[inline]
    pub(crate) fn start(origin: &Arc<Origin>, request: Request<Upload>, ticket: Ticket) -> Self {
        let Some(proxy) = origin.route.forwarder() else { return Self::send(origin, request, ticket) };
        forward::send(proxy, origin, request, ticket)
    }

    /// The same for one that has all it needs.
    pub(crate) fn send(origin: &Arc<Origin>, mut request: Request<Upload>, ticket: Ticket) -> Self {
        let (length, forwarded) = (request.body().length(), origin.route.forwarder().is_some());
        if let Err(invalid) = request::frame(&mut request, length, forwarded) {
            return Self::failed(invalid);
        }
        let start = origin.shared().epoch.now();
        let flight = Flight::new(origin.clone(), ticket);
        let call = Call { flight, unserved: 0, start, queued: Duration::ZERO };
        Self(match origin.checkout(start) {
            Some(granted) => begin(granted, request, call),
            None => State::wait(origin.clone(), request, call),
        })
    }
}

impl State {
    fn wait(origin: Arc<Origin>, request: Request<Upload>, call: Call) -> Self {
        let limits = origin.shared().limits.of(request.extensions());
        let (work, since) = (Some((request, call)), origin.shared().epoch.now());
        Self::Waiting(Box::new(Waiting { origin, work, limits, place: None, clock: None, since }))
    }
}

/// Gives the request to a connection.
fn begin(granted: Granted, request: Request<Upload>, call: Call) -> State {
    match granted {
        Grant::Exclusive(_, handle) => begin_http1(handle, request, call),
        Grant::Stream(_, stream) => begin_http2(stream, request, call),
        Grant::Failed(refusal) => State::Failed(Some(refusal.fault())),
    }
}

fn begin_http1(mut handle: Box<Exclusive>, mut request: Request<Upload>, call: Call) -> State {
    let length = request.body().length();
    let exchange = Exchange::begin(&handle.conn, &mut request, call);
    request::for_http1(&mut request, &handle.conn.origin.route, length);
    let mut held = None;
    if !request.body().is_end_stream() {
        request.body_mut().report_to(handle.conn.clone());
        held = expect::hold(&mut request, handle.conn.origin.shared().http.expect, length);
    }
    informational::listen(&mut request, &handle.conn, held);
    handle.begin(exchange.clocks(&handle.conn));
    handle.conn.await_head(exchange.read);
    let sent = handle.sender.try_send_request(request);
    handle.call.set(sent);
    State::Http1 { busy: Busy::new(handle), exchange }
}

fn begin_http2(mut stream: Stream, mut request: Request<Upload>, call: Call) -> State {
    let kept = Upload::keep(&request);
    let exchange = Exchange::begin(&stream.conn, &mut request, call);
    let lease = Arc::new(Lease::new(stream.conn.clone(), exchange.clocks(&stream.conn)));
    if stream.conn.is_retired() {
        // It was the last request that it may serve.
        stream.conn.gone();
    }
    request::for_http2(&mut request, &stream.conn.origin.route);
    match request.body().is_end_stream() {
        // hyper drops it at once.
        true => lease.clocks().sent_at(lease.clocks().begun()),
        false => hold_http2(&mut request, &lease),
    }
    let call = Box::pin(stream.sender.try_send_request(request));
    State::Http2 { call, lease, exchange, kept }
}

fn hold_http2(request: &mut Request<Upload>, lease: &Arc<Lease>) {
    request.body_mut().hold(lease.clone());
    let length = request.body().length();
    if let Some(held) = expect::hold(request, lease.conn().origin.shared().http.expect, length) {
        lease.hold(held);
    }
}

impl Exchange {
    fn begin(conn: &Arc<Conn>, request: &mut Request<Upload>, call: Call) -> Self {
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
    fn clocks(&self, conn: &Conn) -> Clocks {
        let made = conn.info().filter(|_| !self.reused).cloned();
        Clocks::new(self.call.start, self.call.queued, made)
    }

    /// The limit that ran out before the head came.
    fn poll_clock(&mut self, conn: &Conn, cx: &mut Context<'_>, http2: bool) -> Poll<BoxError> {
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
    fn failed(
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
        State::wait(conn.origin.clone(), again, self.call)
    }

    fn respond(
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
    fn is_upgrade(&self, status: StatusCode) -> bool {
        status == StatusCode::SWITCHING_PROTOCOLS || (self.is_connect && status.is_success())
    }
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<State> {
        let granted = match self.place {
            Some(place) => self.origin.poll(place, cx.waker()),
            None => {
                let front = self.work.as_ref().is_some_and(|(_, call)| call.unserved > 0);
                match self.origin.acquire(cx.waker(), front, self.limits.connect) {
                    Ok(granted) => Some(granted),
                    Err(place) => {
                        self.place = Some(place);
                        // A connect that could not even begin has been answered already.
                        self.origin.poll(place, cx.waker())
                    }
                }
            }
        };
        if let Some(granted) = granted {
            self.place = None;
            return Poll::Ready(match self.work.take() {
                Some((request, mut call)) => {
                    let waited = self.waited();
                    if !matches!(granted, Grant::Failed(_)) {
                        self.origin.counters.waited(waited);
                    }
                    call.queued += waited;
                    begin(granted, request, call)
                }
                None => State::Failed(None),
            });
        }
        self.poll_clock(cx)
    }

    fn waited(&self) -> Duration {
        self.origin.shared().epoch.now().since(self.since)
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<State> {
        let Some(limit) = self.limits.acquire else { return Poll::Pending };
        if self.clock.is_none() {
            self.clock = clock(after(Instant::now(), limit));
        }
        let Some(clock) = &mut self.clock else { return Poll::Pending };
        while clock.as_mut().poll(cx).is_ready() {
            let Some(place) = self.place else { return Poll::Pending };
            let state = self.origin.lock();
            if state.is_covered(place) {
                // It waits for the network, which has a limit of its own.
                drop(state);
                clock.as_mut().reset(after(Instant::now(), limit.max(Duration::from_millis(1))));
                continue;
            }
            let shared = self.origin.shared();
            let cap = Some(shared.caps.connections).filter(|cap| *cap != usize::MAX);
            let error = AcquireTimeout::new(
                state.open() + state.connecting(),
                state.waiting(),
                [cap, shared.total_cap(), state.is_http2().then_some(shared.caps.http2)],
                Elapsed::new(Phase::Acquire, limit),
            );
            drop(state);
            self.origin.tell(|origin| Event::AcquireTimedOut { origin, waited: self.waited() });
            return Poll::Ready(State::Failed(Some(Fault::new(Outcome::AcquireTimeout, error).into())));
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            drop(self.origin.with(|state, effects| state.leave(place, effects)));
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Pooled>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.0 {
                State::Failed(error) => {
                    let error = error.take().unwrap_or_else(|| "the call was polled after it had ended".into());
                    return Poll::Ready(Err(error));
                }
                State::Waiting(waiting) => self.0 = ready!(waiting.poll(cx)),
                State::Signed(conversation) => {
                    let answer = ready!(conversation.as_mut().poll(cx));
                    self.0 = State::Failed(None);
                    return Poll::Ready(answer);
                }
                State::Http1 { busy, exchange } => {
                    let Some(handle) = busy.get() else { return Poll::Pending };
                    let Poll::Ready(sent) = handle.call.poll(cx) else {
                        let error = ready!(exchange.poll_clock(&handle.conn, cx, false));
                        self.0 = State::Failed(None);
                        return Poll::Ready(Err(error));
                    };
                    if let Some(response) = self.http1_done(sent) {
                        return Poll::Ready(Ok(response));
                    }
                }
                State::Http2 { call, lease, exchange, .. } => {
                    let Poll::Ready(sent) = call.as_mut().poll(cx) else {
                        let error = ready!(exchange.poll_clock(lease.conn(), cx, true));
                        self.0 = State::Failed(None);
                        return Poll::Ready(Err(error));
                    };
                    if let Some(response) = self.http2_done(sent) {
                        return Poll::Ready(Ok(response));
                    }
                }
            }
        }
    }
}

impl ResponseFuture {
    fn http1_done(&mut self, sent: Sent) -> Option<Response<Pooled>> {
        let State::Http1 { mut busy, exchange } = std::mem::replace(&mut self.0, State::Failed(None)) else {
            return None;
        };
        let conn = busy.get().map(|handle| handle.conn.clone())?;
        conn.head_came();
        match sent {
            Ok(response) => {
                let known = response.body().size_hint().exact().is_some();
                if !known && response.headers().contains_key(CONTENT_LENGTH) {
                    // Framed in two ways: what follows may be meant to be taken for the next answer (RFC 9112 §6.3).
                    conn.because(CloseReason::Failed);
                    conn.retire();
                }
                if response.version() == Version::HTTP_10 {
                    // hyper would speak HTTP/1.0 from now on, and leave out an upload of unknown length (no chunks).
                    conn.because(CloseReason::Server);
                    conn.retire();
                }
                if (!exchange.reused || conn.has_keep_alive())
                    && let Some(limit) = keep_alive::limit(response.headers())
                {
                    conn.set_keep_alive(limit);
                }
                let clocks = busy.get().map(|handle| handle.clocks().clone())?;
                clocks.first_byte_at(conn.first_byte().unwrap_or_else(|| conn.now()));
                if !conn.is_uploading() {
                    clocks.sent_at(conn.last_written());
                }
                let hold = if exchange.is_upgrade(response.status()) {
                    // The byte stream goes to whoever takes the upgrade; the driver hands it over.
                    conn.upgraded();
                    if conn.is_withheld() {
                        // It is handed over when the upload has ended, which it will not: the server owed a 100 before
                        // (RFC 9110 §7.8).
                        conn.kill(CloseReason::Unfinished);
                    }
                    drop(busy.take());
                    Hold::Nothing
                } else {
                    Hold::Http1(busy)
                };
                let response = exchange.respond(response, &conn, hold, clocks);
                if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
                    && let Some(proxy) = conn.origin.route.forwarder()
                {
                    let (answer, content) = response.into_parts();
                    // The connection is free again, if the content is small.
                    drop(content);
                    self.0 = State::Failed(Some(forward::refused(proxy, &conn.origin.route, answer)));
                    return None;
                }
                Some(response)
            }
            Err(error) => {
                self.0 = exchange.failed(&conn, error, None, false);
                None
            }
        }
    }

    fn http2_done(&mut self, sent: Sent) -> Option<Response<Pooled>> {
        let State::Http2 { lease, exchange, kept, .. } = std::mem::replace(&mut self.0, State::Failed(None)) else {
            return None;
        };
        let conn = lease.conn().clone();
        match sent {
            Ok(response) => {
                if exchange.is_upgrade(response.status()) {
                    // Its end cannot be seen here, so its stream is never free again: it keeps the connection to
                    // itself.
                    conn.upgraded();
                    conn.retire();
                    conn.gone();
                }
                lease.answered();
                let clocks = lease.clocks().clone();
                clocks.first_byte_at(conn.now());
                Some(exchange.respond(response, &conn, Hold::Http2(lease), clocks))
            }
            Err(error) => {
                self.0 = match lease.take_failure() {
                    Some(broken) => {
                        let fault = Fault::new(Outcome::MaybeProcessed, BodyFailed::new(broken));
                        State::Failed(Some(fault.into()))
                    }
                    None => exchange.failed(&conn, error, kept.map(|kept| *kept), true),
                };
                None
            }
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Failed(_) => "failed",
            State::Waiting(_) => "waiting for a connection",
            State::Signed(_) | State::Http1 { .. } | State::Http2 { .. } => "waiting for the answer",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}
