//! The places for connections of all origins together.

use std::collections::VecDeque;

/// `J` is a connect that waits for its place, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Places<J> {
    cap: usize,
    taken: usize,
    parked: VecDeque<J>,
    /// Idle connections that have been told to make room, and have not gone yet.
    leaving: usize,
    /// Somebody came to look for room while as many were looking as there can be.
    again: bool,
}

impl<J> Places<J> {
    pub(crate) fn new(cap: usize) -> Self {
        Self { cap, taken: 0, parked: VecDeque::new(), leaving: 0, again: false }
    }

    pub(crate) fn cap(&self) -> usize {
        self.cap
    }

    /// A place for the connect, which comes back, or a place in line. Nobody overtakes.
    pub(crate) fn take(&mut self, connect: J) -> Option<J> {
        if self.taken < self.cap && self.parked.is_empty() {
            self.taken += 1;
            return Some(connect);
        }
        self.parked.push_back(connect);
        None
    }

    /// A place is free, and taken again by the connect that is returned.
    pub(crate) fn release(&mut self) -> Option<J> {
        self.leaving = self.leaving.saturating_sub(1);
        let next = self.parked.pop_front();
        if next.is_none() {
            self.taken -= 1;
        }
        next
    }

    /// Whether to look for an idle connection that makes room; one that leaves is counted on from here.
    pub(crate) fn wants_room(&mut self) -> bool {
        let wants = self.leaving < self.parked.len();
        self.leaving += usize::from(wants);
        self.again = !wants && self.leaving > 0;
        wants
    }

    /// There was none to be found. Whether to look again, for one has become idle behind the back of who looked.
    pub(crate) fn found_none(&mut self) -> bool {
        self.leaving = self.leaving.saturating_sub(1);
        self.again
    }

    /// Those who still wait, when no more connects are to be begun.
    pub(crate) fn give_up(&mut self) -> VecDeque<J> {
        std::mem::take(&mut self.parked)
    }
}

#[cfg(all(test, not(sortie_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_freed_is_the_next_ones() {
        let mut places = Places::new(1);
        assert_eq!((places.take('a'), places.take('b'), places.take('c')), (Some('a'), None, None));
        assert_eq!((places.release(), places.take('d')), (Some('b'), None));
        assert_eq!((places.release(), places.release(), places.release()), (Some('c'), Some('d'), None));
        assert_eq!(places.take('e'), Some('e'));
    }

    #[test]
    fn no_more_connections_make_room_than_connects_wait() {
        let mut places = Places::new(1);
        assert!(!places.wants_room());
        assert!((0..3).all(|connect| places.take(connect).is_none() || connect == 0));
        assert_eq!([(); 3].map(|()| places.wants_room()), [true, true, false]);
        assert!(places.found_none() && places.wants_room() && !places.found_none() && places.wants_room());
        assert_eq!(places.release(), Some(1));
        // One waits still, and one is still on its way out.
        assert!(!places.wants_room());
    }
}
