//! What one origin has and who waits for it: pure state, without tokio, hyper or a lock.
//!
//! `X` is a connection that serves one exchange at a time (HTTP/1.1), `S` a handle on one that serves many (HTTP/2),
//! `E` what a failed connect tells the waiters. The caller runs what an operation leaves in [`Effects`] after it has
//! let go of its lock: wakers run foreign code, and so do the destructors of connections.
//!
//! The invariant: **every waiter is covered by a pending connect, by a connection about to be given back, or by one
//! that has yet to say how many streams it takes, or no further connection is allowed; and while anyone waits, nothing
//! is idle and no stream is free.** A stream of a connection that is to be [avoided](OriginState::avoid) counts as free
//! only where no other connection can be had.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

mod at_once;
mod effects;
mod queue;
#[cfg(all(test, not(sortie_loom)))]
mod tests;
mod watch;

pub(crate) use effects::Effects;
pub(crate) use queue::Ticket;
use queue::{Left, Queue};

/// Names a connection within its transport.
pub(crate) type ConnId = u64;

/// What is known of the protocol that the origin speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Only a connection will tell (TLS with ALPN): one probe, then as many as are needed.
    Unknown,
    Http1,
    Http2,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) connections: usize,
    pub(crate) idle: usize,
    pub(crate) http2: usize,
    /// How many exchanges one connection may serve.
    pub(crate) requests: u64,
}

/// When a connect began, to tell whom its failure concerns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began(u64);

#[derive(Debug)]
pub(crate) enum Grant<X, S, E> {
    Exclusive(ConnId, X),
    Stream(ConnId, S),
    Failed(E),
}

struct Shared<S> {
    id: ConnId,
    handle: S,
    /// How many streams the peer allows; one until it has said so.
    limit: usize,
    settled: bool,
    /// Nothing has been heard of it for too long.
    avoided: bool,
    in_use: usize,
    /// How many exchanges it may yet be given.
    left: u64,
}

impl<S: Clone> Shared<S> {
    fn give<X, E>(&mut self) -> Grant<X, S, E> {
        self.in_use += 1;
        self.left -= 1;
        Grant::Stream(self.id, self.handle.clone())
    }
}

pub(crate) struct OriginState<X, S, E> {
    caps: Caps,
    protocol: Protocol,
    /// Whether a connection that comes back is kept.
    pooling: bool,
    /// Pending connects and connections whose byte stream is still there.
    permits: usize,
    connecting: usize,
    /// Pending connects that wait for a place among all connections of all origins.
    parked: usize,
    opened: u64,
    /// Checkouts that had not to wait.
    at_once: u64,
    /// Newest last: few connections stay warm and the oldest age out.
    idle: VecDeque<(ConnId, X)>,
    shared: Vec<Shared<S>>,
    /// Exclusive connections whose exchange is over for its user and not yet for hyper.
    returning: Vec<ConnId>,
    waiting: Queue<Grant<X, S, E>>,
    /// Who is to be told that a call would not have to wait. They hold no place.
    watching: BTreeMap<u64, Waker>,
    clock: u64,
}

impl<X, S: Clone, E: Clone> OriginState<X, S, E> {
    pub(crate) fn new(caps: Caps, protocol: Protocol) -> Self {
        Self {
            caps,
            protocol,
            pooling: true,
            permits: 0,
            connecting: 0,
            parked: 0,
            opened: 0,
            at_once: 0,
            idle: VecDeque::new(),
            shared: Vec::new(),
            returning: Vec::new(),
            waiting: Queue::new(),
            watching: BTreeMap::new(),
            clock: 0,
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.permits - self.connecting
    }

    pub(crate) fn connecting(&self) -> usize {
        self.connecting
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.protocol == Protocol::Http2
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    pub(crate) fn at_once(&self) -> u64 {
        self.at_once
    }

    pub(crate) fn idle(&self) -> usize {
        self.idle.len() + self.shared.iter().filter(|shared| shared.in_use == 0).count()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A free stream of the least loaded connection, else the idle connection that was used last.
    ///
    /// Nobody overtakes a waiter: while anyone waits there is nothing to check out.
    pub(crate) fn checkout(
        &mut self,
        mut usable: impl FnMut(&X) -> bool,
        usable_shared: impl Fn(&S) -> bool,
        effects: &mut Effects<X, S>,
    ) -> Option<Grant<X, S, E>> {
        if !self.shared.is_empty() {
            while let Some(at) = self.shared.iter().position(|shared| !usable_shared(&shared.handle)) {
                effects.discard_shared.push(self.shared.swap_remove(at).handle);
            }
            if let Some(free) = self.free_stream() {
                let grant = free.give();
                self.at_once += 1;
                return Some(grant);
            }
        }
        while let Some((id, handle)) = self.idle.pop_back() {
            if usable(&handle) {
                self.at_once += 1;
                return Some(Grant::Exclusive(id, handle));
            }
            effects.discard.push(handle);
        }
        None
    }

    /// Queues a waiter, and begins a connect if no pending one covers it. One whose request came back unsent goes to
    /// the front: it has waited already.
    pub(crate) fn wait(&mut self, waker: Waker, front: bool, effects: &mut Effects<X, S>) -> Ticket {
        self.clock += 1;
        let ticket = self.waiting.join(waker, self.clock, front);
        self.settle(effects);
        ticket
    }

    /// What the waiter got; otherwise `waker` is the one to wake.
    pub(crate) fn poll(
        &mut self,
        ticket: Ticket,
        waker: &Waker,
        effects: &mut Effects<X, S>,
    ) -> Option<Grant<X, S, E>> {
        if let Some(grant) = self.waiting.take(ticket) {
            return Some(grant);
        }
        effects.forget.extend(self.waiting.set_waker(ticket, waker));
        None
    }

    /// Whether a connect under way is this waiter's turn, so that it waits for the network and not for a place.
    pub(crate) fn is_covered(&self, ticket: Ticket) -> bool {
        self.waiting.iter().take(self.reach(self.connecting - self.parked)).any(|(covered, _)| covered == ticket)
    }

    /// A waiter that does not wait any more. What it was granted goes to the next; an error it was given is returned,
    /// to be dropped without the lock.
    pub(crate) fn leave(&mut self, ticket: Ticket, effects: &mut Effects<X, S>) -> Option<E> {
        match self.waiting.leave(ticket)? {
            Left::Waker(waker) => {
                effects.forget.push(waker);
                self.announce(effects);
            }
            Left::Grant(Grant::Exclusive(id, handle)) => self.offer(id, handle, effects),
            Left::Grant(Grant::Stream(id, handle)) => {
                effects.discard_shared.push(handle);
                // It has served nobody.
                self.shared.iter_mut().filter(|shared| shared.id == id).for_each(|shared| shared.left += 1);
                self.end_stream(id, effects);
            }
            Left::Grant(Grant::Failed(error)) => return Some(error),
        }
        None
    }

    /// A connect succeeded with a connection for one exchange at a time.
    pub(crate) fn connected_exclusive(&mut self, id: ConnId, handle: X, effects: &mut Effects<X, S>) {
        self.protocol = Protocol::Http1;
        self.connecting -= 1;
        self.opened += 1;
        self.offer(id, handle, effects);
        self.settle(effects);
    }

    /// A connect succeeded with a connection for many streams, of which it takes one until [`allow`](Self::allow).
    pub(crate) fn connected_shared(&mut self, id: ConnId, handle: S, effects: &mut Effects<X, S>) {
        self.protocol = Protocol::Http2;
        self.connecting -= 1;
        self.opened += 1;
        if self.pooling || !self.waiting.is_empty() {
            let left = self.caps.requests;
            self.shared.push(Shared { id, handle, limit: 1, settled: false, avoided: false, in_use: 0, left });
        } else {
            effects.closing = true;
            effects.discard_shared.push(handle);
        }
        self.settle(effects);
    }

    /// A connect failed, which its permit will say too when it is dropped.
    ///
    /// It fails only who was queued when it began: all of them if nothing else is there for them, but for the oldest,
    /// who are still covered; and one of them if the origin has connections that will come back.
    pub(crate) fn failed(&mut self, began: Began, error: &E, effects: &mut Effects<X, S>) {
        self.connecting -= 1;
        let covered = self.coverage();
        // The permit of the connect that failed is still counted.
        let at_most = if self.open() > 1 { 1 } else { usize::MAX };
        let queued = self.waiting.iter().filter(|(_, born)| *born <= began.0).map(|(ticket, _)| ticket);
        let concerned: Vec<Ticket> = queued.skip(covered).take(at_most).collect();
        self.fail(concerned, error, effects);
    }

    /// Every waiter gets `error`.
    pub(crate) fn fail_all(&mut self, error: &E, effects: &mut Effects<X, S>) {
        let all = self.waiting.iter().map(|(ticket, _)| ticket).collect();
        self.fail(all, error, effects);
    }

    fn fail(&mut self, tickets: Vec<Ticket>, error: &E, effects: &mut Effects<X, S>) {
        for ticket in tickets {
            effects.wake.extend(self.waiting.grant(ticket, Grant::Failed(error.clone())).ok());
        }
    }

    /// Connection `id` is about to be [offered](Self::offer) or [retired](Self::retire): no connect is begun in its
    /// place.
    pub(crate) fn returning(&mut self, id: ConnId) {
        self.returning.push(id);
    }

    /// A connection that can serve again: to the first who waits, else it is idle.
    pub(crate) fn offer(&mut self, id: ConnId, handle: X, effects: &mut Effects<X, S>) {
        self.returning.retain(|returning| *returning != id);
        let handle = match self.waiting.grant_first(Grant::Exclusive(id, handle)) {
            Ok(waker) => {
                effects.wake.push(waker);
                return self.announce(effects);
            }
            Err(Grant::Exclusive(_, handle)) => handle,
            Err(Grant::Stream(..) | Grant::Failed(_)) => unreachable!("what comes back is what was offered"),
        };
        if !self.pooling || self.caps.idle == 0 {
            effects.closing |= !self.pooling;
            return effects.discard.push(handle);
        }
        if self.idle.len() >= self.caps.idle {
            effects.discard.extend(self.idle.pop_front().map(|(_, oldest)| oldest));
        }
        self.idle.push_back((id, handle));
        self.announce(effects);
    }

    /// A stream of a shared connection has ended, both ways.
    pub(crate) fn end_stream(&mut self, id: ConnId, effects: &mut Effects<X, S>) {
        if let Some(at) = self.shared.iter().position(|shared| shared.id == id) {
            self.shared[at].in_use -= 1;
            if !self.pooling && self.shared[at].in_use == 0 && self.waiting.is_empty() {
                effects.closing = true;
                effects.discard_shared.push(self.shared.swap_remove(at).handle);
            }
        }
        self.settle(effects);
    }

    /// How many streams the peer of a shared connection allows.
    pub(crate) fn allow(&mut self, id: ConnId, limit: usize, effects: &mut Effects<X, S>) {
        if let Some(shared) = self.shared.iter_mut().find(|shared| shared.id == id) {
            (shared.limit, shared.settled) = (limit, true);
        }
        self.settle(effects);
    }

    /// Gives the streams of a shared connection to nobody who can have another's, until it is heard of again.
    pub(crate) fn avoid(&mut self, id: ConnId, avoid: bool, effects: &mut Effects<X, S>) {
        if let Some(shared) = self.shared.iter_mut().find(|shared| shared.id == id) {
            shared.avoided = avoid;
        }
        self.settle(effects);
    }

    /// Takes no new exchange to connection `id`: it is closing, or too old. What runs on it goes on.
    pub(crate) fn retire(&mut self, id: ConnId, effects: &mut Effects<X, S>) {
        self.returning.retain(|returning| *returning != id);
        if let Some(at) = self.idle.iter().position(|(idle, _)| *idle == id) {
            effects.discard.extend(self.idle.remove(at).map(|(_, handle)| handle));
        }
        if let Some(at) = self.shared.iter().position(|shared| shared.id == id) {
            effects.discard_shared.push(self.shared.swap_remove(at).handle);
        }
        self.settle(effects);
    }

    /// Whether connection `id` serves nobody now.
    fn is_idle(&self, id: ConnId) -> bool {
        self.idle.iter().any(|(idle, _)| *idle == id)
            || self.shared.iter().any(|shared| shared.id == id && shared.in_use == 0)
    }

    /// [`retire`](Self::retire), if connection `id` serves nobody now; whether it did.
    pub(crate) fn retire_idle(&mut self, id: ConnId, effects: &mut Effects<X, S>) -> bool {
        let idle = self.is_idle(id);
        if idle {
            self.retire(id, effects);
        }
        idle
    }

    /// A permit is free: its byte stream has gone, or its connect has failed.
    pub(crate) fn released(&mut self, effects: &mut Effects<X, S>) {
        self.permits -= 1;
        self.settle(effects);
    }

    /// A connect that was asked for has to wait for a place among all connections of all origins.
    pub(crate) fn park(&mut self) {
        self.parked += 1;
    }

    /// There is a place for a parked connect; `false`, and it is given up, if nobody needs it any more. `wanted` says
    /// that somebody wants the connection who does not wait here.
    pub(crate) fn unpark(&mut self, wanted: bool, effects: &mut Effects<X, S>) -> bool {
        (self.parked, self.connecting, self.permits) = (self.parked - 1, self.connecting - 1, self.permits - 1);
        let needed = (wanted || self.waiting.len() > self.coverage()) && self.may_connect();
        if needed {
            (self.connecting, self.permits) = (self.connecting + 1, self.permits + 1);
        } else {
            self.settle(effects);
        }
        needed
    }

    /// The connection that has been idle for longest, as `since` tells.
    pub(crate) fn oldest_idle<T: Ord>(
        &self,
        since: impl Fn(&X) -> T,
        since_shared: impl Fn(&S) -> T,
    ) -> Option<(T, ConnId)> {
        let exclusive = self.idle.iter().map(|(id, handle)| (since(handle), *id));
        let unused = self.shared.iter().filter(|shared| shared.in_use == 0);
        exclusive.chain(unused.map(|shared| (since_shared(&shared.handle), shared.id))).min()
    }

    /// Begins connects until there are `connections`, those under way included, and no more than are kept. One is enough
    /// where it is for all.
    pub(crate) fn warm(&mut self, connections: usize, effects: &mut Effects<X, S>) {
        let missing = |state: &Self| match state.protocol {
            Protocol::Http1 => state.permits < connections.min(state.caps.idle),
            Protocol::Unknown | Protocol::Http2 => connections > 0 && state.connecting + state.shared.len() == 0,
        };
        while missing(self) && self.may_connect() {
            self.begin(effects);
        }
    }

    /// Keeps none of the idle exclusive connections: the one that was used last has proven stale, and they are older.
    pub(crate) fn discard_idle(&mut self, effects: &mut Effects<X, S>) {
        effects.discard.extend(self.idle.drain(..).map(|(_, handle)| handle));
    }

    /// From now on nothing is kept. Who waits is still served.
    pub(crate) fn stop_pooling(&mut self, effects: &mut Effects<X, S>) {
        self.pooling = false;
        effects.closing = true;
        self.discard_idle(effects);
        if self.waiting.is_empty() {
            let (idle, busy) = std::mem::take(&mut self.shared).into_iter().partition(|shared| shared.in_use == 0);
            self.shared = busy;
            effects.discard_shared.extend(Vec::into_iter(idle).map(|shared| shared.handle));
        }
    }

    /// Serves who can be served and begins the connects that the rest needs.
    fn settle(&mut self, effects: &mut Effects<X, S>) {
        while !self.waiting.is_empty() {
            let Some(free) = self.free_stream() else { break };
            let grant = free.give();
            effects.wake.extend(self.waiting.grant_first(grant).ok());
        }
        while self.waiting.len() > self.coverage() && self.may_connect() {
            self.begin(effects);
        }
        self.announce(effects);
    }

    fn begin(&mut self, effects: &mut Effects<X, S>) {
        self.permits += 1;
        self.connecting += 1;
        effects.connect.push(Began(self.clock));
    }

    fn free_stream(&mut self) -> Option<&mut Shared<S>> {
        let free = |at: &usize| self.is_free(&self.shared[*at]);
        let at = (0..self.shared.len()).filter(free).min_by_key(|at| {
            let shared = &self.shared[*at];
            (shared.avoided, shared.in_use)
        })?;
        Some(&mut self.shared[at])
    }

    /// Whether a connection has a stream to give. One that is avoided has, where nothing else can be had: it may be
    /// well after all.
    fn is_free(&self, shared: &Shared<S>) -> bool {
        shared.in_use < shared.limit
            && shared.left > 0
            && (!shared.avoided || self.connecting == 0 && !self.may_connect())
    }

    /// How many waiters need no further connect.
    fn coverage(&self) -> usize {
        if self.shared.iter().any(|shared| !shared.settled && !shared.avoided) {
            return usize::MAX;
        }
        self.reach(self.connecting).saturating_add(self.returning.len())
    }

    /// How many waiters that many pending connects are for. One may bring HTTP/2, which is for all.
    fn reach(&self, connects: usize) -> usize {
        match (self.protocol, connects) {
            (Protocol::Http1, connects) => connects,
            (_, 0) => 0,
            _ => usize::MAX,
        }
    }

    fn may_connect(&self) -> bool {
        self.permits < self.caps.connections
            && (self.protocol != Protocol::Http2 || self.shared.len() + self.connecting < self.caps.http2)
    }
}
