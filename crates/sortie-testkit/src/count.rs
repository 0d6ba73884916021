use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long a test waits for what should happen at once, before it fails and says what did not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A number that can be waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<watch::Sender<usize>>);

impl Count {
    pub(crate) fn get(&self) -> usize {
        *self.0.borrow()
    }

    /// Adds one and says what it was before.
    pub(crate) fn next(&self) -> usize {
        let mut before = 0;
        self.0.send_modify(|count| {
            before = *count;
            *count += 1;
        });
        before
    }

    /// Adds one, until what it returns is dropped.
    pub(crate) fn enter(&self) -> Entered {
        self.next();
        Entered(self.clone())
    }

    /// Waits until `enough` says so; panics when that does not happen.
    pub(crate) async fn wait_for(&self, what: &str, enough: impl FnMut(&usize) -> bool) {
        if tokio::time::timeout(PATIENCE, self.wait_until(enough)).await.is_err() {
            panic!("waited {PATIENCE:?} for {what}, but there are {}", self.get());
        }
    }

    /// Waits until `enough` says so.
    pub(crate) async fn wait_until(&self, enough: impl FnMut(&usize) -> bool) {
        // The sender is in `self`, so the channel is open.
        let _ = self.0.subscribe().wait_for(enough).await;
    }
}

#[derive(Debug)]
pub(crate) struct Entered(Count);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
