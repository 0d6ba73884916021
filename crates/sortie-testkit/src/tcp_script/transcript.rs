use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::count::{Count, Entered};

/// What happened on one scripted connection so far.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transcript {
    /// Everything the client sent.
    pub received: Bytes,
    /// How far the script came.
    pub state: ScriptState,
}

impl Transcript {
    /// What the client sent, as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}

/// How far a script came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptState {
    /// It has steps left.
    Running,
    /// All its steps were done.
    Done,
    /// The client closed or reset the connection during this step.
    ClientLeft {
        /// The step, as it stands in the script.
        step: String,
    },
    /// A step failed.
    Failed {
        /// Which one and why.
        reason: String,
    },
}

/// The transcripts of all connections of a server.
#[derive(Clone, Default)]
pub(crate) struct Transcripts {
    entries: Arc<Mutex<Vec<Entry>>>,
    running: Count,
}

struct Entry {
    received: BytesMut,
    state: ScriptState,
    reported: bool,
}

impl Transcripts {
    pub(crate) fn all(&self) -> Vec<Transcript> {
        let transcript =
            |entry: &Entry| Transcript { received: entry.received.clone().freeze(), state: entry.state.clone() };
        self.lock().iter().map(transcript).collect()
    }

    /// Waits until every script has ended, and panics if one has failed.
    pub(crate) async fn finish(&self) -> Vec<Transcript> {
        self.running.wait_until(|running| *running == 0).await;
        self.report();
        self.all()
    }

    /// Panics if a script has failed and that was not said yet; if a panic is under way, says it beside that.
    pub(crate) fn report(&self) {
        let Some(failures) = self.unreported() else { return };
        if std::thread::panicking() {
            eprintln!("{failures}");
        } else {
            panic!("{failures}");
        }
    }

    fn unreported(&self) -> Option<String> {
        let mut entries = self.lock();
        let failures = entries.iter_mut().enumerate().filter_map(|(n, entry)| match &entry.state {
            ScriptState::Failed { reason } if !std::mem::replace(&mut entry.reported, true) => {
                Some(format!("connection {n}: {reason}"))
            }
            _ => None,
        });
        let failures: Vec<_> = failures.collect();
        (!failures.is_empty()).then(|| failures.join("\n"))
    }

    /// Begins the transcript of the next connection.
    pub(crate) fn begin(&self) -> Writer {
        let mut entries = self.lock();
        entries.push(Entry { received: BytesMut::new(), state: ScriptState::Running, reported: false });
        Writer { log: self.clone(), number: entries.len() - 1, running: Some(self.running.enter()) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Transcripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}

/// Writes the transcript of one connection.
pub(crate) struct Writer {
    log: Transcripts,
    number: usize,
    running: Option<Entered>,
}

impl Writer {
    pub(super) fn received(&self, bytes: &[u8]) {
        self.log.lock()[self.number].received.extend_from_slice(bytes);
    }

    pub(super) fn end(&mut self, state: ScriptState) {
        self.log.lock()[self.number].state = state;
        self.running = None;
    }
}
