use std::task::Waker;

use super::Began;

/// What is to be done once the lock is free.
pub(crate) struct Effects<X, S> {
    pub(crate) wake: Vec<Waker>,
    /// Nobody's any more. To drop one may drop a task, which may come back for the lock.
    pub(crate) forget: Vec<Waker>,
    pub(crate) discard: Vec<X>,
    pub(crate) discard_shared: Vec<S>,
    /// Connects to start. Their permits are taken already.
    pub(crate) connect: Vec<Began>,
    /// What is discarded is so because nothing is kept any more.
    pub(crate) closing: bool,
}

impl<X, S> Default for Effects<X, S> {
    fn default() -> Self {
        Self {
            wake: Vec::new(),
            forget: Vec::new(),
            discard: Vec::new(),
            discard_shared: Vec::new(),
            connect: Vec::new(),
            closing: false,
        }
    }
}
