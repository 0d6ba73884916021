//! What one origin has and who waits for it: pure state, without tokio, hyper or a lock.
//!
//! `X` is a connection that serves one exchange at a time (HTTP/1.1), `S` a handle on one that serves many (HTTP/2),
//! `E` what a failed connect tells the waiters. The caller runs what an operation leaves in [`Effects`] after it has
//! let go of its lock: wakers run foreign code, and so do the destructors of connections.
//!
//! The invariant: **every waiter is covered by a pending connect, by a connection about to be given back, or by one
//! that has yet to say how many streams it takes, or no further connection is allowed; and while anyone waits, nothing
//! is idle and no stream is free.**

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

#[cfg(test)]
mod tests;

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
}

/// A place in the queue. Smaller is earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(i64);

/// When a connect began, to tell whom its failure concerns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began(u64);

#[derive(Debug)]
pub(crate) enum Grant<X, S, E> {
    Exclusive(ConnId, X),
    Stream(ConnId, S),
    Failed(E),
}

struct Waiter {
    waker: Waker,
    born: u64,
}

struct Shared<S> {
    id: ConnId,
    handle: S,
    /// How many streams the peer allows; one until it has said so.
    limit: usize,
    settled: bool,
    in_use: usize,
}

/// What is to be done once the lock is free.
pub(crate) struct Effects<X, S> {
    pub(crate) wake: Vec<Waker>,
    /// Nobody's any more. To drop one may drop a task, which may come back for the lock.
    pub(crate) forget: Vec<Waker>,
    pub(crate) discard: Vec<X>,
    pub(crate) discard_shared: Vec<S>,
    /// Connects to start. Their permits are taken already.
    pub(crate) connect: Vec<Began>,
}

impl<X, S> Default for Effects<X, S> {
    fn default() -> Self {
        Self {
            wake: Vec::new(),
            forget: Vec::new(),
            discard: Vec::new(),
            discard_shared: Vec::new(),
            connect: Vec::new(),
        }
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
    opened: u64,
    /// Newest last: few connections stay warm and the oldest age out.
    idle: VecDeque<(ConnId, X)>,
    shared: Vec<Shared<S>>,
    /// Exclusive connections whose exchange is over for its user and not yet for hyper.
    returning: Vec<ConnId>,
    waiting: BTreeMap<Ticket, Waiter>,
    granted: BTreeMap<Ticket, Grant<X, S, E>>,
    first: i64,
    last: i64,
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
            opened: 0,
            idle: VecDeque::new(),
            shared: Vec::new(),
            returning: Vec::new(),
            waiting: BTreeMap::new(),
            granted: BTreeMap::new(),
            first: 0,
            last: 0,
            clock: 0,
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.permits - self.connecting
    }

    pub(crate) fn connecting(&self) -> usize {
        self.connecting
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened
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
                free.in_use += 1;
                return Some(Grant::Stream(free.id, free.handle.clone()));
            }
        }
        while let Some((id, handle)) = self.idle.pop_back() {
            if usable(&handle) {
                return Some(Grant::Exclusive(id, handle));
            }
            effects.discard.push(handle);
        }
        None
    }

    /// Queues a waiter, and begins a connect if no pending one covers it. One whose request came back unsent goes to
    /// the front: it has waited already.
    pub(crate) fn wait(&mut self, waker: Waker, front: bool, effects: &mut Effects<X, S>) -> Ticket {
        let ticket = if front {
            self.first -= 1;
            Ticket(self.first)
        } else {
            self.last += 1;
            Ticket(self.last)
        };
        self.clock += 1;
        self.waiting.insert(ticket, Waiter { waker, born: self.clock });
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
        if let Some(grant) = self.granted.remove(&ticket) {
            return Some(grant);
        }
        if let Some(waiter) = self.waiting.get_mut(&ticket)
            && !waiter.waker.will_wake(waker)
        {
            effects.forget.push(std::mem::replace(&mut waiter.waker, waker.clone()));
        }
        None
    }

    /// Whether a connect under way is this waiter's turn, so that it waits for the network and not for a place.
    pub(crate) fn is_covered(&self, ticket: Ticket) -> bool {
        let connects = self.pending();
        self.waiting.range(..ticket).take(connects).count() < connects
    }

    /// A waiter that does not wait any more. What it was granted goes to the next; an error it was given is returned,
    /// to be dropped without the lock.
    pub(crate) fn leave(&mut self, ticket: Ticket, effects: &mut Effects<X, S>) -> Option<E> {
        effects.forget.extend(self.waiting.remove(&ticket).map(|waiter| waiter.waker));
        match self.granted.remove(&ticket)? {
            Grant::Exclusive(id, handle) => self.offer(id, handle, effects),
            Grant::Stream(id, handle) => {
                effects.discard_shared.push(handle);
                self.end_stream(id, effects);
            }
            Grant::Failed(error) => return Some(error),
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
            self.shared.push(Shared { id, handle, limit: 1, settled: false, in_use: 0 });
        } else {
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
        let concerned: Vec<Ticket> = self
            .waiting
            .iter()
            .filter(|(_, waiter)| waiter.born <= began.0)
            .map(|(ticket, _)| *ticket)
            .skip(covered)
            .take(at_most)
            .collect();
        self.fail(concerned, error, effects);
    }

    /// Every waiter gets `error`.
    pub(crate) fn fail_all(&mut self, error: &E, effects: &mut Effects<X, S>) {
        let all = self.waiting.keys().copied().collect();
        self.fail(all, error, effects);
    }

    fn fail(&mut self, tickets: Vec<Ticket>, error: &E, effects: &mut Effects<X, S>) {
        for ticket in tickets {
            if let Some(waiter) = self.waiting.remove(&ticket) {
                self.granted.insert(ticket, Grant::Failed(error.clone()));
                effects.wake.push(waiter.waker);
            }
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
        if let Some((ticket, waiter)) = self.waiting.pop_first() {
            self.granted.insert(ticket, Grant::Exclusive(id, handle));
            effects.wake.push(waiter.waker);
        } else if !self.pooling || self.caps.idle == 0 {
            effects.discard.push(handle);
        } else {
            if self.idle.len() >= self.caps.idle {
                effects.discard.extend(self.idle.pop_front().map(|(_, oldest)| oldest));
            }
            self.idle.push_back((id, handle));
        }
    }

    /// A stream of a shared connection has ended, both ways.
    pub(crate) fn end_stream(&mut self, id: ConnId, effects: &mut Effects<X, S>) {
        if let Some(at) = self.shared.iter().position(|shared| shared.id == id) {
            self.shared[at].in_use -= 1;
            if !self.pooling && self.shared[at].in_use == 0 && self.waiting.is_empty() {
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

    /// Keeps none of the idle exclusive connections: the one that was used last has proven stale, and they are older.
    pub(crate) fn discard_idle(&mut self, effects: &mut Effects<X, S>) {
        effects.discard.extend(self.idle.drain(..).map(|(_, handle)| handle));
    }

    /// From now on nothing is kept. Who waits is still served.
    pub(crate) fn stop_pooling(&mut self, effects: &mut Effects<X, S>) {
        self.pooling = false;
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
            free.in_use += 1;
            let grant = Grant::Stream(free.id, free.handle.clone());
            if let Some((ticket, waiter)) = self.waiting.pop_first() {
                self.granted.insert(ticket, grant);
                effects.wake.push(waiter.waker);
            }
        }
        while self.waiting.len() > self.coverage() && self.may_connect() {
            self.permits += 1;
            self.connecting += 1;
            effects.connect.push(Began(self.clock));
        }
    }

    fn free_stream(&mut self) -> Option<&mut Shared<S>> {
        self.shared.iter_mut().filter(|shared| shared.in_use < shared.limit).min_by_key(|shared| shared.in_use)
    }

    /// How many waiters need no further connect.
    fn coverage(&self) -> usize {
        if self.shared.iter().any(|shared| !shared.settled) {
            return usize::MAX;
        }
        self.pending().saturating_add(self.returning.len())
    }

    /// How many waiters the pending connects are for. One may bring HTTP/2, which is for all.
    fn pending(&self) -> usize {
        match (self.protocol, self.connecting) {
            (Protocol::Http1, connecting) => connecting,
            (_, 0) => 0,
            _ => usize::MAX,
        }
    }

    fn may_connect(&self) -> bool {
        self.permits < self.caps.connections
            && (self.protocol != Protocol::Http2 || self.shared.len() + self.connecting < self.caps.http2)
    }
}
