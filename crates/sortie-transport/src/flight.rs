use std::sync::Arc;
use std::sync::atomic::Ordering;

use sortie_core::Ticket;

use crate::pool::origin::Origin;

/// An exchange under way, from the call to the end of the body: counted by its transport and by its origin.
pub(crate) struct Flight {
    origin: Arc<Origin>,
    _ticket: Ticket,
}

impl Flight {
    pub(crate) fn new(origin: Arc<Origin>, ticket: Ticket) -> Self {
        origin.counters.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { origin, _ticket: ticket }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.origin.counters.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
