//! Every order in which threads can meet at an origin's state: nobody sleeps for ever, and no permit is lost or doubled.
//!
//! `RUSTFLAGS="--cfg sortie_loom" cargo test -p sortie-transport --test loom --release --target-dir target/loom`
//!
//! The cfg is one of our own: `--cfg loom` would take tokio's `net` away, and with it everything else in the crate.

#![cfg(sortie_loom)]
#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute, and helpers have none")]

use std::future::poll_fn;
use std::task::{Poll, Waker};

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

#[expect(dead_code, reason = "what the rest of the crate reads of it")]
#[path = "../src/pool/places.rs"]
mod places;
#[expect(dead_code, reason = "what the rest of the crate reads of it")]
#[path = "../src/pool/state/mod.rs"]
mod state;

use places::Places;
use state::{Began, Caps, ConnId, Effects, Grant, OriginState, Protocol, Ticket};

/// Connections are their ids.
type State = OriginState<ConnId, ConnId, &'static str>;
type Granted = Grant<ConnId, ConnId, &'static str>;

/// What a connect brings.
#[derive(Clone, Copy)]
enum Brings {
    Exclusive,
    Shared(usize),
    /// The first fails, the others bring connections.
    FailureFirst,
}

#[derive(Clone)]
struct Origin(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    brings: Brings,
    ids: AtomicUsize,
    /// Places among the connections of all origins.
    places: Option<All>,
    others: Mutex<Vec<Origin>>,
}

type All = Arc<Mutex<Places<(Origin, Began)>>>;

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    // Deeper finds no more and takes for ever: each bug that was planted here showed with two.
    builder.preemption_bound = Some(2);
    builder.check(check);
}

impl Origin {
    fn new(connections: usize, protocol: Protocol, brings: Brings) -> Self {
        Self::among(connections, protocol, brings, None)
    }

    fn among(connections: usize, protocol: Protocol, brings: Brings, places: Option<All>) -> Self {
        let state = State::new(Caps { connections, idle: 4, http2: 2, requests: 1000 }, protocol);
        let (state, ids, others) = (Mutex::new(state), AtomicUsize::new(1), Mutex::new(Vec::new()));
        Self(Arc::new(Inner { state, brings, ids, places, others }))
    }

    /// As the pool does it: the effects run when the lock is free.
    fn with<T>(&self, change: impl FnOnce(&mut State, &mut Effects<ConnId, ConnId>) -> T) -> T {
        let mut effects = Effects::default();
        let result = change(&mut self.0.state.lock().unwrap(), &mut effects);
        self.run(effects);
        result
    }

    /// Connections that came back idle make room for who waits elsewhere.
    fn make_room(&self) {
        let Some(places) = &self.0.places else { return };
        while places.lock().unwrap().wants_room() {
            let all: Vec<_> = std::iter::once(self.clone()).chain(self.0.others.lock().unwrap().clone()).collect();
            if !all.iter().any(Self::retire_oldest) && !places.lock().unwrap().found_none() {
                return;
            }
        }
    }

    fn retire_oldest(&self) -> bool {
        let oldest = self.0.state.lock().unwrap().oldest_idle(|id| *id, |id| *id);
        oldest.is_some_and(|(_, id)| self.with(|state, effects| state.retire_idle(id, effects)))
    }

    fn run(&self, effects: Effects<ConnId, ConnId>) {
        effects.wake.into_iter().for_each(Waker::wake);
        for began in effects.connect {
            let Some(places) = &self.0.places else {
                self.connect(began);
                continue;
            };
            self.0.state.lock().unwrap().park();
            let taken = places.lock().unwrap().take((self.clone(), began));
            if let Some((origin, began)) = taken {
                origin.go_ahead(began);
            }
        }
        drop(effects.forget);
        for _discarded in effects.discard {
            self.gone();
        }
        self.make_room();
    }

    fn go_ahead(&self, began: Began) {
        if self.with(|state, effects| state.unpark(false, effects)) {
            self.connect(began);
        } else {
            self.place_is_free();
        }
    }

    fn place_is_free(&self) {
        let next = self.0.places.as_ref().and_then(|places| places.lock().unwrap().release());
        if let Some((origin, began)) = next {
            origin.go_ahead(began);
        }
    }

    /// A byte stream has been dropped.
    fn gone(&self) {
        self.with(State::released);
        self.place_is_free();
    }

    /// A connect, in a thread of its own.
    fn connect(&self, began: Began) {
        let origin = self.clone();
        thread::spawn(move || {
            let id = origin.0.ids.fetch_add(1, Ordering::Relaxed) as ConnId;
            match origin.0.brings {
                Brings::FailureFirst if id == 1 => {
                    origin.with(|state, effects| state.failed(began, &"refused", effects));
                    origin.gone();
                }
                Brings::Exclusive | Brings::FailureFirst => {
                    origin.with(|state, effects| state.connected_exclusive(id, id, effects));
                }
                Brings::Shared(limit) => {
                    origin.with(|state, effects| state.connected_shared(id, id, effects));
                    origin.with(|state, effects| state.allow(id, limit, effects));
                }
            }
        });
    }

    fn queue(&self, waker: &Waker) -> Result<Granted, Ticket> {
        let at_once = self.0.state.lock().unwrap().checkout_at_once(|_| true, |_| true);
        if let Some(granted) = at_once {
            return Ok(granted);
        }
        self.with(|state, effects| match state.checkout(|_| true, |_| true, effects) {
            Some(granted) => Ok(granted),
            None => Err(state.wait(waker.clone(), false, effects)),
        })
    }

    /// A call, up to its connection.
    fn acquire(&self) -> Granted {
        let mut place = None;
        block_on(poll_fn(|cx| match place {
            None => match self.queue(cx.waker()) {
                Ok(granted) => Poll::Ready(granted),
                Err(ticket) => {
                    place = Some(ticket);
                    match self.with(|state, effects| state.poll(ticket, cx.waker(), effects)) {
                        Some(granted) => Poll::Ready(granted),
                        None => Poll::Pending,
                    }
                }
            },
            Some(ticket) => match self.with(|state, effects| state.poll(ticket, cx.waker(), effects)) {
                Some(granted) => Poll::Ready(granted),
                None => Poll::Pending,
            },
        }))
    }

    /// The end of an exchange.
    fn give_back(&self, granted: &Granted) {
        match *granted {
            Grant::Exclusive(id, handle) => {
                let left = self.0.state.lock().unwrap().keep_at_once(id, handle);
                match left {
                    Ok(()) => self.make_room(),
                    Err(handle) => self.with(|state, effects| state.offer(id, handle, effects)),
                }
            }
            Grant::Stream(id, _) => {
                let done = self.0.state.lock().unwrap().end_stream_at_once(id);
                match done {
                    true => self.make_room(),
                    false => self.with(|state, effects| state.end_stream(id, effects)),
                }
            }
            Grant::Failed(_) => {}
        }
    }

    /// A call that is dropped while it waits.
    fn wait_and_leave(&self) {
        match self.queue(Waker::noop()) {
            Ok(granted) => self.give_back(&granted),
            Err(ticket) => drop(self.with(|state, effects| state.leave(ticket, effects))),
        }
    }

    fn counts(&self) -> (usize, usize, usize, usize) {
        let state = self.0.state.lock().unwrap();
        (state.open(), state.connecting(), state.idle(), state.waiting())
    }
}

#[test]
fn two_calls_share_one_connection_one_after_the_other() {
    model(|| {
        let origin = Origin::new(1, Protocol::Http1, Brings::Exclusive);
        let other = origin.clone();
        let call = thread::spawn(move || other.give_back(&other.acquire()));
        origin.give_back(&origin.acquire());
        call.join().unwrap();
        assert_eq!(origin.counts(), (1, 0, 1, 0));
    });
}

#[test]
fn who_leaves_takes_nothing_along() {
    model(|| {
        let origin = Origin::new(1, Protocol::Http1, Brings::Exclusive);
        let other = origin.clone();
        let call = thread::spawn(move || other.wait_and_leave());
        origin.give_back(&origin.acquire());
        call.join().unwrap();
        assert_eq!(origin.counts(), (1, 0, 1, 0));
    });
}

#[test]
fn a_connection_that_dies_in_use_leaves_its_place_to_who_waits() {
    model(|| {
        let origin = Origin::new(1, Protocol::Http1, Brings::Exclusive);
        let other = origin.clone();
        let call = thread::spawn(move || {
            let Grant::Exclusive(id, _) = other.acquire() else { panic!("a connection was to come") };
            other.with(|state, effects| state.retire(id, effects));
            other.gone();
        });
        origin.give_back(&origin.acquire());
        call.join().unwrap();
        let (open, connecting, idle, waiting) = origin.counts();
        assert!(open <= 1 && (connecting, waiting) == (0, 0) && idle == open);
    });
}

#[test]
fn a_connection_on_its_way_back_serves_or_is_replaced() {
    model(|| {
        let origin = Origin::new(2, Protocol::Http1, Brings::Exclusive);
        let other = origin.clone();
        let call = thread::spawn(move || {
            let Grant::Exclusive(id, _) = other.acquire() else { panic!("a connection was to come") };
            other.with(|state, _| state.returning(id));
            other.with(|state, effects| state.retire(id, effects));
            other.gone();
        });
        origin.give_back(&origin.acquire());
        call.join().unwrap();
        assert_eq!(origin.counts().3, 0);
    });
}

#[test]
fn a_failed_connect_fails_who_waited_for_it_and_nobody_is_forgotten() {
    model(|| {
        let origin = Origin::new(1, Protocol::Unknown, Brings::FailureFirst);
        let other = origin.clone();
        let call = thread::spawn(move || other.give_back(&other.acquire()));
        origin.give_back(&origin.acquire());
        call.join().unwrap();
        let (open, connecting, idle, waiting) = origin.counts();
        assert!(open <= 1 && (connecting, waiting) == (0, 0) && idle == open);
    });
}

#[test]
fn streams_are_never_more_than_allowed_and_none_is_lost() {
    model(|| {
        let origin = Origin::new(1, Protocol::Http2, Brings::Shared(1));
        let (other, running) = (origin.clone(), Arc::new(AtomicUsize::new(0)));
        let others = running.clone();
        let call = move |origin: &Origin, running: &AtomicUsize| {
            let granted = origin.acquire();
            assert_eq!(running.fetch_add(1, Ordering::AcqRel), 0);
            running.fetch_sub(1, Ordering::AcqRel);
            origin.give_back(&granted);
        };
        let thread = thread::spawn(move || call(&other, &others));
        call(&origin, &running);
        thread.join().unwrap();
        assert_eq!(origin.counts().3, 0);
    });
}

#[test]
fn a_goaway_at_any_time_leaves_nobody_waiting() {
    model(|| {
        let origin = Origin::new(2, Protocol::Http2, Brings::Shared(1));
        let first = origin.acquire();
        let Grant::Stream(id, _) = first else { panic!("a stream was to come") };
        let (other, driver) = (origin.clone(), origin.clone());
        let goaway = thread::spawn(move || {
            driver.with(|state, effects| state.retire(id, effects));
            driver.gone();
        });
        let call = thread::spawn(move || other.give_back(&other.acquire()));
        origin.give_back(&first);
        goaway.join().unwrap();
        call.join().unwrap();
        assert_eq!(origin.counts().3, 0);
    });
}

#[test]
fn a_connection_gone_quiet_and_back_leaves_nobody_waiting() {
    model(|| {
        let origin = Origin::new(1, Protocol::Http2, Brings::Shared(1));
        let first = origin.acquire();
        let Grant::Stream(id, _) = first else { panic!("a stream was to come") };
        let (other, driver) = (origin.clone(), origin.clone());
        let quiet = thread::spawn(move || {
            driver.with(|state, effects| state.avoid(id, true, effects));
            driver.with(|state, effects| state.avoid(id, false, effects));
        });
        let call = thread::spawn(move || other.give_back(&other.acquire()));
        origin.give_back(&first);
        quiet.join().unwrap();
        call.join().unwrap();
        assert_eq!(origin.counts(), (1, 0, 1, 0));
    });
}

#[test]
fn who_watches_is_woken_when_a_place_comes_free() {
    model(|| {
        let origin = Origin::new(1, Protocol::Http1, Brings::Exclusive);
        let granted = origin.acquire();
        let watcher = origin.clone();
        let watching = thread::spawn(move || {
            block_on(poll_fn(|cx| match watcher.with(|state, effects| state.watch(1, cx.waker(), effects)) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }));
        });
        origin.give_back(&granted);
        watching.join().unwrap();
    });
}

#[test]
fn an_idle_connection_elsewhere_makes_room_and_the_places_are_kept() {
    model(|| {
        let places = Arc::new(Mutex::new(Places::new(1)));
        let origin = || Origin::among(4, Protocol::Http1, Brings::Exclusive, Some(places.clone()));
        let (one, two) = (origin(), origin());
        one.0.others.lock().unwrap().push(two.clone());
        two.0.others.lock().unwrap().push(one.clone());
        one.give_back(&one.acquire());
        let other = one.clone();
        // It may find its connection, or have to make room for another.
        let call = thread::spawn(move || other.give_back(&other.acquire()));
        two.give_back(&two.acquire());
        call.join().unwrap();
        assert_eq!((one.counts().3, two.counts().3), (0, 0));
        assert_eq!(one.counts().0 + two.counts().0, 1);
        one.0.others.lock().unwrap().clear();
        two.0.others.lock().unwrap().clear();
    });
}
