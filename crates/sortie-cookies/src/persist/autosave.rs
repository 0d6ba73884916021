//! Saving whenever something changes.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use super::{Format, SaveError, Sessions};
use crate::{Jar, Subscription};

/// How an [`Autosave`] saves.
#[derive(Clone)]
#[non_exhaustive]
pub struct AutosaveOptions {
    delay: Duration,
    sessions: Sessions,
    on_error: Arc<dyn Fn(&SaveError) + Send + Sync>,
}

/// A second after a change, without session cookies; an error is not reported, but the cookies are saved again with the
/// next change and at the end.
impl Default for AutosaveOptions {
    fn default() -> Self {
        Self { delay: Duration::from_secs(1), sessions: Sessions::Leave, on_error: Arc::new(|_| {}) }
    }
}

impl AutosaveOptions {
    /// How long after a change the file is written, one second unless set. Changes meanwhile are written with it, so
    /// this is also the most that a crash can lose, and the least time between two writes.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Whether session cookies are saved too; not unless set.
    #[must_use]
    pub fn sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = sessions;
        self
    }

    /// What to do if saving fails. It is called on the thread that saves.
    #[must_use]
    pub fn on_error(mut self, report: impl Fn(&SaveError) + Send + Sync + 'static) -> Self {
        self.on_error = Arc::new(report);
        self
    }
}

impl fmt::Debug for AutosaveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutosaveOptions")
            .field("delay", &self.delay)
            .field("sessions", &self.sessions)
            .finish_non_exhaustive()
    }
}

/// Saves a jar to a file after changes, and once more when it is dropped.
///
/// It works on a thread of its own, so that no request waits for the disk, and needs no async runtime. A change is
/// noted before the jar is read for saving, so none is lost between the two: what is changed during a write is written
/// by the next one. Dropping it waits until the last changes are on the disk.
///
/// ```
/// use sortie_cookies::Jar;
/// use sortie_cookies::persist::{Autosave, AutosaveOptions, Format};
///
/// # let folder = std::env::temp_dir().join(format!("sortie-autosave-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let file = folder.join("cookies.txt");
/// let jar = Jar::open(&file, Format::Netscape)?;
/// let options = AutosaveOptions::default().on_error(|error| eprintln!("{error}"));
/// let autosave = Autosave::start(&jar, &file, Format::Netscape, options)?;
///
/// jar.receive(&url::Url::parse("https://example.com/")?, b"id=7; Max-Age=3600")?;
/// drop(autosave);
/// assert_eq!(Jar::open(&file, Format::Netscape)?.len(), 1);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use = "cookies are saved only until this is dropped"]
pub struct Autosave {
    work: Arc<Work>,
    thread: Option<JoinHandle<()>>,
    /// No longer told of changes before the thread ends.
    subscription: Option<Subscription>,
}

impl Autosave {
    /// Saves from now on. What is in the jar already is saved with the first change.
    ///
    /// # Errors
    ///
    /// If the system has no thread for it.
    pub fn start(jar: &Jar, path: impl Into<PathBuf>, format: Format, options: AutosaveOptions) -> io::Result<Self> {
        let work = Arc::new(Work {
            jar: jar.clone(),
            path: path.into(),
            format,
            options,
            state: Mutex::default(),
            wake: Condvar::new(),
            file: Mutex::default(),
        });
        let subscription = jar.on_change({
            let work = Arc::downgrade(&work);
            move || {
                if let Some(work) = work.upgrade() {
                    work.note_change();
                }
            }
        });
        let thread = thread::Builder::new().name("sortie-cookies".to_owned()).spawn({
            let work = work.clone();
            move || work.run()
        })?;
        Ok(Self { work, thread: Some(thread), subscription: Some(subscription) })
    }

    /// Saves now, on this thread, if there are changes that have not been.
    ///
    /// # Errors
    ///
    /// [`SaveError`] if the file cannot be written; the changes are then still to be saved.
    pub fn flush(&self) -> Result<(), SaveError> {
        self.work.save()
    }
}

impl Drop for Autosave {
    fn drop(&mut self) {
        drop(self.subscription.take());
        self.work.state().is_ending = true;
        self.work.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // The closure for errors may drop this, on that very thread; or it may panic, and the last save is ours.
            if thread.thread().id() == thread::current().id() || thread.join().is_err() {
                let _ = self.work.save();
            }
        }
    }
}

impl fmt::Debug for Autosave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Autosave")
            .field("path", &self.work.path)
            .field("format", &self.work.format)
            .field("options", &self.work.options)
            .finish_non_exhaustive()
    }
}

struct Work {
    jar: Jar,
    path: PathBuf,
    format: Format,
    options: AutosaveOptions,
    state: Mutex<State>,
    wake: Condvar,
    /// Held from reading the jar to renaming the file, so that an older text never replaces a newer one.
    file: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// There are changes that no save has begun to write.
    is_changed: bool,
    /// Saving has failed and is not to be tried again before the next change.
    has_failed: bool,
    is_ending: bool,
}

impl Work {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_change(&self) {
        let mut state = self.state();
        state.has_failed = false;
        if !state.is_changed {
            state.is_changed = true;
            drop(state);
            self.wake.notify_one();
        }
    }

    fn run(&self) {
        loop {
            let is_ending = self.wait();
            if let Err(error) = self.save() {
                (self.options.on_error)(&error);
            }
            if is_ending {
                return;
            }
        }
    }

    /// Returns when it is time to save; whether for the last time.
    fn wait(&self) -> bool {
        let nothing_to_do = |state: &mut State| !state.is_ending && (!state.is_changed || state.has_failed);
        let state = self.wake.wait_while(self.state(), nothing_to_do).unwrap_or_else(PoisonError::into_inner);
        let due = Instant::now().checked_add(self.options.delay);
        let mut state = state;
        while !state.is_ending {
            // A delay beyond the clock's end is for ever.
            let left = due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_ending
    }

    fn save(&self) -> Result<(), SaveError> {
        let _file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the jar is read: a change that comes after this is in the text, or noted again, or both.
        if !std::mem::take(&mut self.state().is_changed) {
            return Ok(());
        }
        let saved = self.jar.save(&self.path, self.format, self.options.sessions);
        if saved.is_err() {
            let mut state = self.state();
            // A change that came meanwhile is a reason to try again.
            state.has_failed = !state.is_changed;
            state.is_changed = true;
        }
        saved
    }
}
