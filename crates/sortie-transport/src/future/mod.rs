//! A call from its beginning to the head of its answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use sortie_core::auth::SameConnection;
use sortie_core::{BoxError, BoxFuture, Fault, Outcome, Ticket};

use crate::body::{Busy, Hold, Pooled};
use crate::error::BodyFailed;
use crate::expect;
use crate::flight::Flight;
use crate::informational;
use crate::keep_alive;
use crate::pool::conn::Conn;
use crate::pool::handles::{Exclusive, Lease, Sent, Stream};
use crate::pool::origin::{Granted, Origin};
use crate::pool::state::Grant;
use crate::proxy::forward;
use crate::reason::CloseReason;
use crate::request;
use crate::upload::Upload;

mod exchange;
mod next_leg;
mod waiting;

use exchange::{Call, Exchange};
use next_leg::NextLeg;
use waiting::Waiting;

/// The future of a [`Transport`](crate::Transport)'s call.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(State);

enum State {
    Failed(Option<BoxError>),
    Waiting(Box<Waiting>),
    /// It goes by the connection of the leg before.
    NextLeg(Box<NextLeg>),
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
        if origin.route.has_legs
            && let Some(same) = request.extensions().get::<SameConnection>().cloned()
        {
            return Self(State::NextLeg(NextLeg::new(same, origin.clone(), request, call)));
        }
        Self(checkout(origin, request, call))
    }
}

/// Gives the request to a connection that is free, or has it wait for one.
#[inline]
fn checkout(origin: &Arc<Origin>, request: Request<Upload>, call: Call) -> State {
    match origin.checkout(call.start) {
        Some(granted) => begin(granted, request, call),
        None => State::Waiting(Waiting::new(origin.clone(), request, call)),
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
    if handle.conn.origin.route.has_legs {
        begin_leg(&mut handle, &request);
    }
    let mut held = None;
    if !request.body().is_end_stream() {
        request.body_mut().report_to(handle.conn.clone());
        // A body that is withheld ends the connection, and a handshake needs that.
        if !handle.is_leg() {
            held = expect::hold(&mut request, handle.conn.origin.shared().http.expect, length);
        }
    }
    if held.is_some() || !request.extensions().is_empty() {
        informational::listen(&mut request, &handle.conn, held);
    }
    handle.begin(exchange.clocks(&handle.conn));
    handle.conn.await_head(exchange.read);
    let sent = handle.sender.try_send_request(request);
    handle.call.set(sent);
    State::Http1 { busy: Busy::new(handle), exchange }
}

#[cold]
fn begin_leg(handle: &mut Exclusive, request: &Request<Upload>) {
    if let Some(same) = request.extensions().get::<SameConnection>() {
        handle.begin_leg(same.begin());
    }
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
                State::NextLeg(next) => self.0 = ready!(next.poll(cx)),
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
                heed(&response, &conn, exchange.reused);
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

/// Does to the connection what the head of an answer over HTTP/1.1 says of it.
fn heed(response: &Response<Incoming>, conn: &Conn, reused: bool) {
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
    if (!reused || conn.has_keep_alive())
        && let Some(limit) = keep_alive::limit(response.headers())
    {
        conn.set_keep_alive(limit);
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Failed(_) => "failed",
            State::Waiting(_) | State::NextLeg(_) => "waiting for a connection",
            State::Signed(_) | State::Http1 { .. } | State::Http2 { .. } => "waiting for the answer",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}
