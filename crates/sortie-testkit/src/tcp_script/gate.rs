use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::count::PATIENCE;

/// Where a script waits until the test tells it to go on: the handle of [`Steps::pause`](crate::Steps::pause).
///
/// Clones are the same gate. Each [`open`](Self::open) lets one pause pass, whether it was reached before or will be.
#[derive(Clone, Debug)]
pub struct Gate {
    opened: Arc<Semaphore>,
    reached: Arc<Semaphore>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self { opened: closed(), reached: closed() }
    }

    /// Lets one pause pass.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    /// Waits until a script has come to this gate: once for each time that one does.
    ///
    /// # Panics
    ///
    /// If none has after 10 seconds.
    pub async fn reached(&self) {
        match tokio::time::timeout(PATIENCE, take(&self.reached)).await {
            Ok(()) => {}
            Err(_) => panic!("no script came to this gate within {PATIENCE:?}"),
        }
    }

    pub(super) async fn pass(&self) {
        self.reached.add_permits(1);
        take(&self.opened).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

async fn take(permits: &Semaphore) {
    permits.acquire().await.expect("a gate's semaphores are never closed").forget();
}
