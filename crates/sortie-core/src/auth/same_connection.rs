//! Connections that an auth scheme authenticates: whose they are, and which one the next leg goes by.
//!
//! What the auth layer and the transport say to each other of it. Over a transport that does not know it, legs go as
//! other requests do.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use http::StatusCode;

/// Whose connections are: an identity that a scheme authenticates them for.
///
/// Two owners are never the same, but for copies of one. A scheme makes one for each user that it stands for, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionOwner(NonZeroU64);

impl ConnectionOwner {
    /// One that is like no other.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default would look like one and the same each time")]
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        Self(NonZeroU64::MIN.saturating_add(MADE.fetch_add(1, Ordering::Relaxed)))
    }

    /// A number of its own.
    #[must_use]
    pub fn id(self) -> NonZeroU64 {
        self.0
    }
}

/// One attempt of a scheme that authenticates connections, from its first leg to its end.
///
/// Dropped before it is [kept](Self::keep), it closes the connection that its last leg went by: what a server makes of
/// half a handshake nobody knows.
#[derive(Debug)]
pub struct Conversation {
    same: SameConnection,
    /// It is another's, which says itself when it ends.
    is_within: bool,
}

impl Conversation {
    /// A conversation in which no connection has been used yet.
    #[must_use]
    pub fn new(owner: ConnectionOwner) -> Self {
        let place = Arc::new(Mutex::new(State::Empty));
        Self { same: SameConnection { owner, required: false, place }, is_within: false }
    }

    /// The legs that one leg of another conversation takes: those to a proxy, say, of a leg to a server behind it. They go
    /// by the other's connection, and what becomes of it is for the other to say.
    #[must_use]
    pub fn within(leg: &SameConnection) -> Self {
        Self { same: leg.clone(), is_within: true }
    }

    /// What the next leg's request is to have in its extensions. With `required` no other connection will do than the
    /// one that the last leg went by; else another of the owner's will, where that one is gone.
    #[must_use]
    pub fn leg(&self, required: bool) -> SameConnection {
        SameConnection { required: required || self.same.required, ..self.same.clone() }
    }

    /// The conversation has come to its end, and its connection may serve the owner's other requests.
    pub fn keep(self) {
        self.over(true);
    }

    /// [Keeps](Self::keep) the connection if the answer to leg number `leg`, counted from 0, says that the handshake has
    /// come to its end: if it was accepted, is no challenge, and not the trouble of a server in the midst of it.
    pub fn end(self, accepted: bool, leg: usize, status: StatusCode) {
        let is_challenge = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        if accepted && !is_challenge && !(leg > 0 && status.is_server_error()) {
            self.keep();
        }
    }

    fn over(&self, keep: bool) {
        if self.is_within {
            return;
        }
        match self.same.replace(State::Over(keep)) {
            Some(State::Held(held)) if keep => held.keep(),
            Some(last) => wake(last),
            None => {}
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.over(false);
    }
}

/// By which connection a request goes: a request extension, from the auth layer to the transport.
///
/// A transport that heeds it sends the request over a connection of the [owner](Self::owner)'s, which serves nobody
/// else's requests, before or after; and over the one that the conversation's last leg went by, if it is still there.
#[derive(Clone)]
pub struct SameConnection {
    owner: ConnectionOwner,
    required: bool,
    place: Arc<Mutex<State>>,
}

/// A connection between two legs, as its transport holds it. Dropped, it is closed.
pub trait Held: Any + Send {
    /// Takes it back, for any of its owner's requests.
    fn keep(self: Box<Self>);
}

enum State {
    /// None has been used, or the last one is gone.
    Empty,
    /// The last leg is not over.
    InUse(Vec<Waker>),
    Held(Box<dyn Held>),
    /// The conversation is over; whether its connection is kept.
    Over(bool),
}

impl SameConnection {
    /// Whose connections the request may go by.
    #[must_use]
    pub fn owner(&self) -> ConnectionOwner {
        self.owner
    }

    /// Whether no other connection will do than that of the last leg.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// The connection of the last leg, once that is over; `None` if there is none, or none any more.
    pub fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Box<dyn Held>>> {
        let mut state = self.lock();
        match &mut *state {
            State::InUse(waiting) => {
                if !waiting.iter().any(|waiter| waiter.will_wake(cx.waker())) {
                    waiting.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            State::Empty | State::Over(_) => return Poll::Ready(None),
            State::Held(_) => {}
        }
        match std::mem::replace(&mut *state, State::Empty) {
            State::Held(held) => Poll::Ready(Some(held)),
            _ => Poll::Ready(None),
        }
    }

    /// Says that a leg goes by a connection, which has its place here until the returned guard is used or dropped.
    pub fn begin(&self) -> Leg {
        if let Some(last) = self.replace(State::InUse(Vec::new())) {
            wake(last);
        }
        Leg(Some(self.place.clone()))
    }

    /// What was there before; it is for its taker to drop, without the lock: connections and wakers run foreign code.
    fn replace(&self, with: State) -> Option<State> {
        let mut state = self.lock();
        let is_over = matches!(*state, State::Over(_));
        (!is_over).then(|| std::mem::replace(&mut *state, with))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.place)
    }
}

fn lock(place: &Mutex<State>) -> MutexGuard<'_, State> {
    // Of foreign code only the clone of a waker runs under this lock, so a poisoned state is still a whole one.
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SameConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, required, .. } = self;
        f.debug_struct("SameConnection").field("owner", owner).field("required", required).finish_non_exhaustive()
    }
}

/// A leg under way. Dropped, it says that its connection is gone.
#[must_use = "dropped, it says that the connection is gone"]
pub struct Leg(Option<Arc<Mutex<State>>>);

impl Leg {
    /// The leg is over, and its connection waits for the next one; after the conversation's end it is kept or closed as
    /// that said.
    pub fn over(mut self, held: Box<dyn Held>) {
        let Some(place) = self.0.take() else { return };
        let mut state = lock(&place);
        if let State::Over(keep) = *state {
            drop(state);
            return if keep { held.keep() } else { drop(held) };
        }
        let last = std::mem::replace(&mut *state, State::Held(held));
        drop(state);
        wake(last);
    }
}

/// Wakes whoever waited for what came after this.
fn wake(last: State) {
    if let State::InUse(waiting) = last {
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        let Some(place) = self.0.take() else { return };
        let mut state = lock(&place);
        if !matches!(*state, State::InUse(_)) {
            return;
        }
        let last = std::mem::replace(&mut *state, State::Empty);
        drop(state);
        wake(last);
    }
}

impl fmt::Debug for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leg")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    /// Counts what becomes of a connection: ones for each that was kept, hundreds for each that was closed.
    struct Connection(Arc<AtomicUsize>, usize);

    impl Held for Connection {
        fn keep(mut self: Box<Self>) {
            self.1 = 1;
        }
    }

    impl Drop for Connection {
        fn drop(&mut self) {
            self.0.fetch_add(self.1, Ordering::Relaxed);
        }
    }

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(leg: &SameConnection) -> Poll<Option<Box<dyn Held>>> {
        leg.poll_take(&Context::from_waker(Waker::noop()))
    }

    fn connection() -> (Arc<AtomicUsize>, impl Fn() -> Box<dyn Held>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        (count, move || Box::new(Connection(counted.clone(), 100)))
    }

    #[test]
    fn a_leg_finds_the_connection_of_the_last_one_once_that_is_over() {
        let (count, held) = connection();
        let conversation = Conversation::new(ConnectionOwner::new());
        let first = conversation.leg(false);
        assert!(matches!(poll(&first), Poll::Ready(None)));
        let under_way = first.begin();
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let second = conversation.leg(true);
        assert!(second.poll_take(&Context::from_waker(&Waker::from(woken.clone()))).is_pending());
        under_way.over(held());
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        let Poll::Ready(Some(taken)) = poll(&second) else { panic!("it is there") };
        assert!(matches!(poll(&second), Poll::Ready(None)), "it is there once");
        second.begin().over(taken);
        conversation.keep();
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn of_several_who_wait_all_are_woken() {
        let (_, held) = connection();
        let conversation = Conversation::new(ConnectionOwner::new());
        let leg = conversation.leg(false);
        let under_way = leg.begin();
        let woken = [(); 2].map(|()| Arc::new(Woken(AtomicUsize::new(0))));
        for _ in 0..2 {
            for woken in &woken {
                assert!(leg.poll_take(&Context::from_waker(&Waker::from(woken.clone()))).is_pending());
            }
        }
        under_way.over(held());
        assert_eq!(woken.map(|woken| woken.0.load(Ordering::Relaxed)), [1, 1]);
    }

    #[test]
    fn a_handshake_that_is_not_over_closes_its_connection() {
        for (accepted, leg, status, kept) in [
            (true, 0, 200, true),
            (true, 2, 404, true),
            (true, 2, 302, true),
            (true, 0, 503, true),
            (true, 1, 503, false),
            (true, 2, 401, false),
            (true, 2, 407, false),
            (false, 2, 200, false),
        ] {
            let (count, held) = connection();
            let conversation = Conversation::new(ConnectionOwner::new());
            conversation.leg(false).begin().over(held());
            conversation.end(accepted, leg, StatusCode::from_u16(status).unwrap());
            assert_eq!(count.load(Ordering::Relaxed), if kept { 1 } else { 100 }, "{accepted} {leg} {status}");
        }
    }

    #[test]
    fn a_connection_that_is_gone_wakes_who_waits_for_it() {
        let conversation = Conversation::new(ConnectionOwner::new());
        let leg = conversation.leg(false);
        let under_way = leg.begin();
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        assert!(leg.poll_take(&Context::from_waker(&Waker::from(woken.clone()))).is_pending());
        drop(under_way);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(matches!(poll(&leg), Poll::Ready(None)));
    }

    #[test]
    fn what_becomes_of_the_connection_is_said_by_the_conversations_end() {
        for (keep, ends_first, expected) in [(true, true, 1), (true, false, 1), (false, true, 100), (false, false, 100)]
        {
            let (count, held) = connection();
            let conversation = Conversation::new(ConnectionOwner::new());
            let leg = conversation.leg(false);
            let under_way = leg.begin();
            let end = || if keep { conversation.keep() } else { drop(conversation) };
            if ends_first {
                end();
                under_way.over(held());
            } else {
                under_way.over(held());
                assert_eq!(count.load(Ordering::Relaxed), 0);
                end();
            }
            assert_eq!(count.load(Ordering::Relaxed), expected, "keep: {keep}, ends first: {ends_first}");
            // Whoever still has the extension holds nothing by it.
            assert!(matches!(poll(&leg), Poll::Ready(None)));
        }
    }

    #[test]
    fn a_conversation_within_another_goes_by_its_connection_and_ends_nothing() {
        let (count, held) = connection();
        let outer = Conversation::new(ConnectionOwner::new());
        let leg = outer.leg(false);
        let inner = Conversation::within(&leg);
        assert!(inner.leg(true).is_required() && !inner.leg(false).is_required());
        assert!(Conversation::within(&outer.leg(true)).leg(false).is_required());
        inner.leg(false).begin().over(held());
        inner.keep();
        drop(Conversation::within(&leg));
        let Poll::Ready(Some(taken)) = poll(&outer.leg(true)) else { panic!("it is there") };
        assert_eq!(count.load(Ordering::Relaxed), 0);
        drop(taken);
    }

    #[test]
    fn owners_are_never_the_same_but_for_copies() {
        let owner = ConnectionOwner::new();
        let copy = owner;
        assert_eq!(owner, copy);
        assert_ne!(owner, ConnectionOwner::new());
        assert_ne!(owner.id(), ConnectionOwner::new().id());
    }
}
