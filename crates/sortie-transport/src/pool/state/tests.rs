use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

/// Connections are their ids; an error is a word.
type State = OriginState<ConnId, ConnId, &'static str>;
type After = Effects<ConnId, ConnId>;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn caps(connections: usize) -> Caps {
    Caps { connections, idle: 2, http2: 2, requests: 1000 }
}

/// A state whose effects are collected.
struct Origin {
    state: State,
    after: After,
}

impl Origin {
    fn new(connections: usize, protocol: Protocol) -> Self {
        Self { state: State::new(caps(connections), protocol), after: After::default() }
    }

    fn wait(&mut self) -> Ticket {
        self.state.wait(Waker::noop().clone(), false, &mut self.after)
    }

    fn poll(&mut self, ticket: Ticket) -> Option<Grant<ConnId, ConnId, &'static str>> {
        self.state.poll(ticket, Waker::noop(), &mut self.after)
    }

    fn checkout(&mut self) -> Option<Grant<ConnId, ConnId, &'static str>> {
        self.state.checkout(|_| true, |_| true, &mut self.after)
    }

    fn connects(&mut self) -> Vec<Began> {
        std::mem::take(&mut self.after.connect)
    }

    fn offer(&mut self, id: ConnId) {
        self.state.offer(id, id, &mut self.after);
    }
}

fn got(grant: impl Into<Option<Grant<ConnId, ConnId, &'static str>>>) -> String {
    match grant.into() {
        None => "nothing".into(),
        Some(Grant::Exclusive(id, _)) => format!("connection {id}"),
        Some(Grant::Stream(id, _)) => format!("stream of {id}"),
        Some(Grant::Failed(error)) => error.into(),
    }
}

#[test]
fn the_connection_that_was_used_last_serves_next_and_the_oldest_makes_room() {
    let mut origin = Origin::new(8, Protocol::Http1);
    for id in 1..=3 {
        origin.offer(id);
    }
    assert_eq!(origin.after.discard, [1]);
    assert_eq!(got(origin.checkout()), "connection 3");
    assert_eq!(got(origin.checkout()), "connection 2");
    assert_eq!(got(origin.checkout()), "nothing");
}

#[test]
fn a_dead_idle_connection_is_skipped_and_discarded_later() {
    let mut origin = Origin::new(8, Protocol::Http1);
    origin.offer(1);
    origin.offer(2);
    let grant = origin.state.checkout(|id| *id == 1, |_| true, &mut origin.after);
    assert_eq!((got(grant).as_str(), &*origin.after.discard), ("connection 1", &[2][..]));
}

#[test]
fn there_are_no_more_connects_than_waiters_and_no_more_connections_than_the_cap() {
    let mut origin = Origin::new(2, Protocol::Http1);
    let tickets: Vec<_> = (0..5).map(|_| origin.wait()).collect();
    assert_eq!(origin.connects().len(), 2);
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    assert_eq!(got(origin.poll(tickets[0])), "connection 1");
    assert!(origin.connects().is_empty());
    origin.offer(1);
    assert_eq!(got(origin.poll(tickets[1])), "connection 1");
    // It is gone: its place is the next waiter's.
    origin.state.released(&mut origin.after);
    assert_eq!(origin.connects().len(), 1);
    assert_eq!((origin.state.open(), origin.state.connecting()), (0, 2));
}

#[test]
fn an_unknown_protocol_is_probed_once_and_then_fanned_out() {
    let mut origin = Origin::new(8, Protocol::Unknown);
    let tickets: Vec<_> = (0..4).map(|_| origin.wait()).collect();
    assert_eq!(origin.connects().len(), 1);
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    assert_eq!(got(origin.poll(tickets[0])), "connection 1");
    assert_eq!(origin.connects().len(), 3);
}

#[test]
fn an_http2_connection_takes_one_stream_until_it_has_said_how_many() {
    let mut origin = Origin::new(8, Protocol::Unknown);
    let tickets: Vec<_> = (0..4).map(|_| origin.wait()).collect();
    origin.state.connected_shared(1, 1, &mut origin.after);
    assert_eq!(got(origin.poll(tickets[0])), "stream of 1");
    assert_eq!(got(origin.poll(tickets[1])), "nothing");
    origin.state.allow(1, 3, &mut origin.after);
    assert_eq!(got(origin.poll(tickets[1])), "stream of 1");
    assert_eq!(got(origin.poll(tickets[2])), "stream of 1");
    assert_eq!(got(origin.poll(tickets[3])), "nothing");
    // Full: the one that is left gets a connection of its own.
    assert_eq!(origin.connects().len(), 2);
    origin.state.end_stream(1, &mut origin.after);
    assert_eq!(got(origin.poll(tickets[3])), "stream of 1");
}

#[test]
fn streams_go_to_the_least_loaded_connection_and_a_draining_one_gets_none() {
    let mut origin = Origin::new(8, Protocol::Http2);
    let waiting = origin.wait();
    origin.state.connected_shared(1, 1, &mut origin.after);
    origin.state.allow(1, 1, &mut origin.after);
    let second = origin.wait();
    origin.state.connected_shared(2, 2, &mut origin.after);
    origin.state.allow(2, 10, &mut origin.after);
    origin.state.allow(1, 10, &mut origin.after);
    assert_eq!((got(origin.poll(waiting)), got(origin.poll(second))), ("stream of 1".into(), "stream of 2".into()));
    origin.state.end_stream(1, &mut origin.after);
    assert_eq!(got(origin.checkout()), "stream of 1");
    origin.state.retire(1, &mut origin.after);
    assert_eq!(got(origin.checkout()), "stream of 2");
    // What ran on it ends without a trace.
    origin.state.end_stream(1, &mut origin.after);
    assert_eq!(origin.state.idle(), 0);
}

#[test]
fn a_failed_connect_fails_who_was_queued_when_it_began() {
    let mut origin = Origin::new(8, Protocol::Unknown);
    let early = [origin.wait(), origin.wait()];
    let began = origin.connects()[0];
    // Known while the probe ran, by another road.
    let late = origin.wait();
    let concerned = Began(began.0 + 1);
    origin.state.failed(concerned, &"refused", &mut origin.after);
    assert_eq!(early.map(|ticket| got(origin.poll(ticket))), ["refused", "refused"]);
    assert_eq!(got(origin.poll(late)), "nothing");
    origin.state.released(&mut origin.after);
    assert_eq!(origin.connects().len(), 1);
}

#[test]
fn a_failed_connect_fails_one_waiter_where_connections_will_come_back() {
    let mut origin = Origin::new(2, Protocol::Http1);
    let first = origin.wait();
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    assert_eq!(got(origin.poll(first)), "connection 1");
    let tickets = [origin.wait(), origin.wait(), origin.wait()];
    let began = origin.connects().pop().unwrap();
    // The connect began for the first of them; age it over all three.
    origin.state.failed(Began(began.0 + 2), &"refused", &mut origin.after);
    assert_eq!(tickets.map(|ticket| got(origin.poll(ticket))), ["refused", "nothing", "nothing"]);
    origin.state.released(&mut origin.after);
    assert_eq!(origin.connects().len(), 1);
}

#[test]
fn no_connect_is_begun_for_who_waits_for_a_connection_about_to_come_back() {
    let mut origin = Origin::new(8, Protocol::Http1);
    origin.state.returning(1);
    let first = origin.wait();
    assert!(origin.connects().is_empty());
    let second = origin.wait();
    assert_eq!(origin.connects().len(), 1);
    origin.offer(1);
    assert_eq!((got(origin.poll(first)), got(origin.poll(second))), ("connection 1".into(), "nothing".into()));
    // One that does not come back leaves its waiter to a connect.
    origin.state.returning(2);
    origin.wait();
    assert!(origin.connects().is_empty());
    origin.state.retire(2, &mut origin.after);
    assert_eq!(origin.connects().len(), 1);
}

#[test]
fn a_request_that_came_back_unsent_is_served_first() {
    let mut origin = Origin::new(1, Protocol::Http1);
    let waiting = origin.wait();
    let again = origin.state.wait(Waker::noop().clone(), true, &mut origin.after);
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    assert_eq!((got(origin.poll(again)), got(origin.poll(waiting))), ("connection 1".into(), "nothing".into()));
}

#[test]
fn what_a_waiter_was_granted_and_did_not_take_goes_to_the_next() {
    let woken = Arc::new(Woken::default());
    let mut origin = Origin::new(1, Protocol::Http1);
    let leaving = origin.wait();
    let next = origin.state.wait(woken.clone().into(), false, &mut origin.after);
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    origin.state.leave(leaving, &mut origin.after);
    origin.after.wake.drain(..).for_each(Waker::wake);
    assert_eq!((got(origin.poll(next)).as_str(), woken.0.load(Ordering::Relaxed)), ("connection 1", 1));
}

#[test]
fn a_connect_whose_waiter_left_serves_another_or_is_idle() {
    let mut origin = Origin::new(8, Protocol::Http1);
    let leaving = origin.wait();
    origin.state.leave(leaving, &mut origin.after);
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    assert_eq!((origin.state.idle(), origin.state.open()), (1, 1));
}

#[test]
fn a_stream_of_a_connection_gone_quiet_is_the_last_resort() {
    let mut origin = Origin::new(8, Protocol::Http2);
    let first = origin.wait();
    origin.state.connected_shared(1, 1, &mut origin.after);
    origin.state.allow(1, 10, &mut origin.after);
    assert_eq!(got(origin.poll(first)), "stream of 1");
    origin.connects();
    origin.state.avoid(1, true, &mut origin.after);
    assert_eq!(got(origin.checkout()), "nothing");
    let (second, third) = (origin.wait(), origin.wait());
    assert_eq!(origin.connects().len(), 1);
    // The second connection has one stream, and a third one is not allowed.
    origin.state.connected_shared(2, 2, &mut origin.after);
    origin.state.allow(2, 1, &mut origin.after);
    assert_eq!((got(origin.poll(second)), got(origin.poll(third))), ("stream of 2".into(), "stream of 1".into()));
    // Heard of again, it is like any other.
    origin.state.end_stream(1, &mut origin.after);
    origin.state.avoid(1, false, &mut origin.after);
    origin.state.allow(2, 2, &mut origin.after);
    origin.state.end_stream(2, &mut origin.after);
    assert_eq!(got(origin.checkout()), "stream of 2");
}

#[test]
fn a_parked_connect_covers_its_waiter_and_is_given_up_when_nobody_needs_it() {
    let mut origin = Origin::new(8, Protocol::Http1);
    let (first, second) = (origin.wait(), origin.wait());
    assert_eq!(origin.connects().len(), 2);
    origin.state.park();
    assert!(origin.state.is_covered(first) && !origin.state.is_covered(second));
    origin.state.leave(second, &mut origin.after);
    assert!(!origin.state.unpark(false, &mut origin.after));
    assert_eq!((origin.state.connecting(), origin.connects().len()), (1, 0));
    origin.state.park();
    assert!(origin.state.unpark(false, &mut origin.after));
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    assert_eq!(got(origin.poll(first)), "connection 1");
}

#[test]
fn who_watches_is_woken_when_a_call_would_not_wait() {
    let woken = Arc::new(Woken::default());
    let mut origin = Origin::new(1, Protocol::Http1);
    let waker = woken.clone().into();
    assert!(origin.state.watch(7, &waker, &mut origin.after));
    let waiting = origin.wait();
    assert!(!origin.state.watch(7, &waker, &mut origin.after));
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    assert_eq!(got(origin.poll(waiting)), "connection 1");
    origin.after.wake.drain(..).for_each(Waker::wake);
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    origin.offer(1);
    origin.after.wake.drain(..).for_each(Waker::wake);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    // It holds no place: another may take what it was told of.
    assert_eq!(got(origin.checkout()), "connection 1");
    assert!(!origin.state.watch(7, &waker, &mut origin.after));
    origin.state.unwatch(7, &mut origin.after);
    assert!(origin.state.watching.is_empty());
}

#[test]
fn warming_makes_what_is_missing_and_one_where_one_is_for_all() {
    // Two are kept idle.
    for (protocol, cap, asked, made) in [
        (Protocol::Http1, 8, 1, 1),
        (Protocol::Http1, 8, 9, 2),
        (Protocol::Http1, 1, 9, 1),
        (Protocol::Http1, 8, 0, 0),
        (Protocol::Unknown, 8, 3, 1),
        (Protocol::Http2, 8, 3, 1),
        (Protocol::Http2, 8, 0, 0),
    ] {
        let mut origin = Origin::new(cap, protocol);
        origin.state.warm(asked, &mut origin.after);
        assert_eq!(origin.connects().len(), made, "{protocol:?} {asked}");
        origin.state.warm(asked, &mut origin.after);
        assert!(origin.connects().is_empty(), "{protocol:?} {asked}");
    }
}

#[test]
fn the_oldest_idle_connection_is_found_among_both_kinds() {
    let mut origin = Origin::new(8, Protocol::Http1);
    assert_eq!(origin.state.oldest_idle(|id| *id, |id| *id), None);
    origin.state.warm(1, &mut origin.after);
    origin.offer(5);
    origin.offer(4);
    origin.state.connected_shared(3, 3, &mut origin.after);
    assert_eq!(origin.state.oldest_idle(|id| *id, |id| *id), Some((3, 3)));
    assert_eq!(got(origin.checkout()), "stream of 3");
    assert_eq!(origin.state.oldest_idle(|id| *id, |id| *id), Some((4, 4)));
}

#[test]
fn without_pooling_nothing_is_kept_and_who_waits_is_served() {
    let mut origin = Origin::new(1, Protocol::Http1);
    let first = origin.wait();
    let second = origin.wait();
    origin.state.stop_pooling(&mut origin.after);
    origin.state.connected_exclusive(1, 1, &mut origin.after);
    assert_eq!(got(origin.poll(first)), "connection 1");
    origin.offer(1);
    assert_eq!(got(origin.poll(second)), "connection 1");
    origin.offer(1);
    assert_eq!(origin.after.discard, [1]);
    assert_eq!(got(origin.checkout()), "nothing");
}

/// What must hold after every step, whatever came before.
fn invariant(state: &State, cap: usize) {
    assert!(state.permits <= cap, "{} of {cap}", state.permits);
    assert!(state.connecting <= state.permits);
    assert!(state.parked <= state.connecting);
    assert!(state.idle.len() <= state.caps.idle);
    assert!(state.watching.is_empty() || !state.is_ready(), "someone is not told that it is ready");
    if !state.waiting.is_empty() {
        assert!(state.idle.is_empty(), "someone waits beside an idle connection");
        assert!(!state.shared.iter().any(|shared| state.is_free(shared)), "someone waits beside a free stream");
        assert!(
            state.waiting.len() <= state.coverage() || !state.may_connect(),
            "{} wait, {} are covered, and a connect is allowed",
            state.waiting.len(),
            state.coverage()
        );
    }
}

/// Random schedules of everything that can happen, with a model of what is outside of the state.
#[test]
fn no_schedule_breaks_the_invariant_or_loses_a_permit() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let cap = random.usize(1..6);
        let protocol = [Protocol::Unknown, Protocol::Http1, Protocol::Http2][random.usize(..3)];
        let mut model = Model::new(Origin::new(cap, protocol), protocol == Protocol::Http2);
        for _ in 0..400 {
            model.step(&mut random);
            model.collect();
            invariant(&model.origin.state, cap);
        }
        model.end(&mut random);
        assert_eq!(model.origin.state.permits, 0, "seed {seed}");
        assert!(model.origin.state.waiting.is_unused(), "seed {seed}");
        assert!(model.origin.state.watching.is_empty(), "seed {seed}");
    }
}

struct Model {
    origin: Origin,
    http2: bool,
    next: ConnId,
    waiters: Vec<Ticket>,
    connects: Vec<Began>,
    /// Connects without a place.
    parked: Vec<Began>,
    /// Connections at work.
    busy: Vec<ConnId>,
    streams: Vec<ConnId>,
    /// HTTP/2 connections that have not ended.
    shared: Vec<ConnId>,
}

impl Model {
    fn new(origin: Origin, http2: bool) -> Self {
        let (waiters, connects, parked, busy, streams, shared) = Default::default();
        Self { origin, http2, next: 0, waiters, connects, parked, busy, streams, shared }
    }

    fn take(&mut self, grant: &Grant<ConnId, ConnId, &'static str>) {
        match *grant {
            Grant::Exclusive(id, _) => self.busy.push(id),
            Grant::Stream(id, _) => self.streams.push(id),
            Grant::Failed(_) => {}
        }
    }

    /// Runs the effects: a discarded connection ends, and with it its permit.
    fn collect(&mut self) {
        self.connects.append(&mut self.origin.after.connect);
        while let Some(_dropped) = self.origin.after.discard.pop() {
            self.origin.state.released(&mut self.origin.after);
            self.connects.append(&mut self.origin.after.connect);
        }
        self.origin.after.discard_shared.clear();
        self.origin.after.wake.clear();
    }

    fn step(&mut self, random: &mut fastrand::Rng) {
        let pick = |random: &mut fastrand::Rng, n: usize| if n == 0 { None } else { Some(random.usize(..n)) };
        match random.u8(..12) {
            0..=2 => match self.origin.state.checkout_at_once(|_| true, |_| true).or_else(|| self.origin.checkout()) {
                Some(grant) => self.take(&grant),
                None => {
                    let front = random.u8(..8) == 0;
                    let ticket = self.origin.state.wait(Waker::noop().clone(), front, &mut self.origin.after);
                    self.waiters.push(ticket);
                }
            },
            3 | 4 => {
                if let Some(at) = pick(random, self.waiters.len())
                    && let Some(grant) = self.origin.poll(self.waiters[at])
                {
                    self.waiters.swap_remove(at);
                    self.take(&grant);
                }
            }
            5 => {
                if let Some(at) = pick(random, self.waiters.len()) {
                    let ticket = self.waiters.swap_remove(at);
                    self.origin.state.leave(ticket, &mut self.origin.after);
                }
            }
            6 => self.connect_ends(random),
            7 => {
                if let Some(at) = pick(random, self.busy.len()) {
                    let id = self.busy[at];
                    if !self.origin.state.returning.contains(&id) && random.bool() {
                        return self.origin.state.returning(id);
                    }
                    self.busy.swap_remove(at);
                    if random.bool() {
                        let left = self.origin.state.keep_at_once(id, id);
                        return left.unwrap_or_else(|id| self.origin.offer(id));
                    }
                    self.origin.state.retire(id, &mut self.origin.after);
                    self.origin.state.released(&mut self.origin.after);
                }
            }
            8 => {
                if let Some(at) = pick(random, self.streams.len()) {
                    let id = self.streams.swap_remove(at);
                    if !self.origin.state.end_stream_at_once(id) {
                        self.origin.state.end_stream(id, &mut self.origin.after);
                    }
                }
            }
            9 => {
                if self.origin.state.watch(random.u64(..3), Waker::noop(), &mut self.origin.after) {
                    self.origin.state.unwatch(random.u64(..3), &mut self.origin.after);
                }
            }
            10 => match pick(random, self.connects.len()).filter(|_| random.bool()) {
                Some(at) => {
                    self.parked.push(self.connects.swap_remove(at));
                    self.origin.state.park();
                }
                None => self.unpark(),
            },
            _ => {
                if let Some(at) = pick(random, self.shared.len()) {
                    let id = self.shared[at];
                    if random.bool() {
                        return self.origin.state.avoid(id, random.bool(), &mut self.origin.after);
                    }
                    match random.u8(..4) {
                        0 => {
                            self.shared.swap_remove(at);
                            self.origin.state.retire(id, &mut self.origin.after);
                            self.origin.state.released(&mut self.origin.after);
                        }
                        limit => self.origin.state.allow(id, limit.into(), &mut self.origin.after),
                    }
                }
            }
        }
    }

    fn unpark(&mut self) {
        if let Some(began) = self.parked.pop()
            && self.origin.state.unpark(false, &mut self.origin.after)
        {
            self.connects.push(began);
        }
    }

    fn connect_ends(&mut self, random: &mut fastrand::Rng) {
        if self.connects.is_empty() {
            return;
        }
        let began = self.connects.swap_remove(random.usize(..self.connects.len()));
        self.next += 1;
        let (id, after) = (self.next, &mut self.origin.after);
        match random.u8(..4) {
            0 => {
                self.origin.state.failed(began, &"refused", after);
                self.origin.state.released(after);
            }
            1 if self.http2 || random.bool() => {
                self.shared.push(id);
                self.origin.state.connected_shared(id, id, after);
            }
            _ => self.origin.state.connected_exclusive(id, id, after),
        }
    }

    /// Everybody leaves and everything ends.
    fn end(&mut self, random: &mut fastrand::Rng) {
        self.origin.state.stop_pooling(&mut self.origin.after);
        for ticket in std::mem::take(&mut self.waiters) {
            self.origin.state.leave(ticket, &mut self.origin.after);
            self.collect();
        }
        while !self.parked.is_empty() {
            self.unpark();
            self.collect();
        }
        while !self.connects.is_empty() {
            self.connect_ends(random);
            self.collect();
        }
        (0..3).for_each(|watcher| self.origin.state.unwatch(watcher, &mut self.origin.after));
        for id in std::mem::take(&mut self.streams) {
            self.origin.state.end_stream(id, &mut self.origin.after);
        }
        for id in std::mem::take(&mut self.shared) {
            self.origin.state.retire(id, &mut self.origin.after);
            self.origin.state.released(&mut self.origin.after);
        }
        for id in std::mem::take(&mut self.busy) {
            self.origin.offer(id);
        }
        self.collect();
    }
}
