//! Who waits, in order, and what they were granted.
//!
//! A slab with a list through it: a waiter costs no allocation of its own, and wherever it stands it joins, leaves and
//! is served in constant time.

use std::task::Waker;

/// A place in the queue, its owner's until it has [taken](Queue::take) its grant or [left](Queue::leave).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(usize);

enum Slot<G> {
    Free,
    Waiting { waker: Waker, born: u64, before: Option<usize>, after: Option<usize> },
    Granted(G),
}

pub(super) struct Queue<G> {
    slots: Vec<Slot<G>>,
    free: Vec<usize>,
    first: Option<usize>,
    last: Option<usize>,
    len: usize,
}

/// What somebody who leaves leaves behind.
pub(super) enum Left<G> {
    Waker(Waker),
    Grant(G),
}

impl<G> Queue<G> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), first: None, last: None, len: 0 }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether nobody waits and nobody has yet to take what it was granted.
    #[cfg(test)]
    pub(super) fn is_unused(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Joins at the end, or at the front; `born` is told by [`iter`](Self::iter).
    pub(super) fn join(&mut self, waker: Waker, born: u64, front: bool) -> Ticket {
        let (before, after) = if front { (None, self.first) } else { (self.last, None) };
        let slot = Slot::Waiting { waker, born, before, after };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.link(before, after, Some(at), Some(at));
        self.len += 1;
        Ticket(at)
    }

    /// Makes `next` what follows `before`, and `previous` what comes before `after`.
    fn link(&mut self, before: Option<usize>, after: Option<usize>, next: Option<usize>, previous: Option<usize>) {
        match before.map(|at| &mut self.slots[at]) {
            Some(Slot::Waiting { after, .. }) => *after = next,
            _ => self.first = next,
        }
        match after.map(|at| &mut self.slots[at]) {
            Some(Slot::Waiting { before, .. }) => *before = previous,
            _ => self.last = previous,
        }
    }

    /// Puts `with` in a slot, and takes who waited there out of the line.
    fn replace(&mut self, at: usize, with: Slot<G>) -> Slot<G> {
        let old = std::mem::replace(&mut self.slots[at], with);
        if let Slot::Waiting { before, after, .. } = old {
            self.link(before, after, after, before);
            self.len -= 1;
        }
        old
    }

    fn release(&mut self, at: usize) -> Slot<G> {
        self.free.push(at);
        self.replace(at, Slot::Free)
    }

    /// Gives `grant` to the first who waits and returns whom to wake; gives it back if nobody does.
    pub(super) fn grant_first(&mut self, grant: G) -> Result<Waker, G> {
        match self.first {
            Some(at) => self.grant(Ticket(at), grant),
            None => Err(grant),
        }
    }

    /// Gives `grant` to somebody who waits and returns whom to wake; gives it back if it does not.
    pub(super) fn grant(&mut self, Ticket(at): Ticket, grant: G) -> Result<Waker, G> {
        if !matches!(self.slots[at], Slot::Waiting { .. }) {
            return Err(grant);
        }
        match self.replace(at, Slot::Granted(grant)) {
            Slot::Waiting { waker, .. } => Ok(waker),
            Slot::Free | Slot::Granted(_) => unreachable!("it was seen to wait"),
        }
    }

    /// What was granted. Its owner is in the queue no more.
    pub(super) fn take(&mut self, Ticket(at): Ticket) -> Option<G> {
        if !matches!(self.slots[at], Slot::Granted(_)) {
            return None;
        }
        match self.release(at) {
            Slot::Granted(grant) => Some(grant),
            Slot::Free | Slot::Waiting { .. } => None,
        }
    }

    /// Takes somebody out of the queue.
    pub(super) fn leave(&mut self, Ticket(at): Ticket) -> Option<Left<G>> {
        if matches!(self.slots[at], Slot::Free) {
            return None;
        }
        match self.release(at) {
            Slot::Waiting { waker, .. } => Some(Left::Waker(waker)),
            Slot::Granted(grant) => Some(Left::Grant(grant)),
            Slot::Free => None,
        }
    }

    /// Whom to wake instead of whom it was, who is returned.
    pub(super) fn set_waker(&mut self, Ticket(at): Ticket, new: &Waker) -> Option<Waker> {
        match &mut self.slots[at] {
            Slot::Waiting { waker, .. } if !waker.will_wake(new) => Some(std::mem::replace(waker, new.clone())),
            _ => None,
        }
    }

    /// Who waits, first to last, and when it was born.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ticket, u64)> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            let at = next?;
            let Slot::Waiting { born, after, .. } = self.slots[at] else { return None };
            next = after;
            Some((Ticket(at), born))
        })
    }
}

#[cfg(all(test, not(sortie_loom)))]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn order(queue: &Queue<u8>) -> Vec<u64> {
        queue.iter().map(|(_, born)| born).collect()
    }

    #[test]
    fn who_leaves_from_anywhere_leaves_the_others_in_order() {
        for leaver in 0..4 {
            let mut queue = Queue::new();
            let tickets: Vec<_> = (0..4).map(|born| queue.join(Waker::noop().clone(), born, false)).collect();
            assert!(matches!(queue.leave(tickets[leaver]), Some(Left::Waker(_))));
            assert_eq!(order(&queue), (0..4).filter(|born| *born != leaver as u64).collect::<Vec<_>>());
            queue.join(Waker::noop().clone(), 9, true);
            assert_eq!((order(&queue)[0], queue.len()), (9, 4));
        }
    }

    #[test]
    fn a_grant_is_taken_once_and_its_slot_serves_again() {
        let mut queue = Queue::new();
        let first = queue.join(Waker::noop().clone(), 1, false);
        let second = queue.join(Waker::noop().clone(), 2, false);
        assert!(queue.grant_first(7).is_ok() && queue.grant(first, 8).is_err());
        assert_eq!((queue.take(second), queue.take(first)), (None, Some(7)));
        let third = queue.join(Waker::noop().clone(), 3, false);
        assert_eq!((third, order(&queue)), (first, vec![2, 3]));
        assert!(queue.grant(second, 9).is_ok());
        assert!(matches!(queue.leave(second), Some(Left::Grant(9))));
        assert!(matches!(queue.leave(third), Some(Left::Waker(_))));
        assert!(queue.is_empty() && queue.is_unused() && queue.grant_first(1).is_err());
    }

    #[test]
    fn it_does_what_a_plain_list_would_do() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut queue = Queue::new();
        let mut model: VecDeque<(Ticket, u64)> = VecDeque::new();
        for born in 0..2000 {
            match random.u8(..5) {
                0 | 1 => model.push_back((queue.join(Waker::noop().clone(), born, false), born)),
                2 => model.push_front((queue.join(Waker::noop().clone(), born, true), born)),
                3 if !model.is_empty() => {
                    let (ticket, _) = model.remove(random.usize(..model.len())).unwrap();
                    queue.leave(ticket);
                }
                _ => {
                    let granted = queue.grant_first(0).is_ok();
                    let first = model.pop_front();
                    assert_eq!(granted, first.is_some());
                    first.into_iter().for_each(|(ticket, _)| assert_eq!(queue.take(ticket), Some(0)));
                }
            }
            assert_eq!(order(&queue), model.iter().map(|(_, born)| *born).collect::<Vec<_>>());
            assert_eq!(queue.len(), model.len());
        }
    }
}
