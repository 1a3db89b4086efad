//! The end of a run: a signal asks for it, and a watchdog makes it certain.

use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The last lines of a run that was ended by a signal need no longer.
const LAST_WORDS: Duration = Duration::from_secs(10);

type Undo = Box<dyn FnOnce() + Send>;

/// Undoes all when it goes, also in a panic.
pub(super) struct AtEnd<'a>(pub(super) &'a Guard);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.undo();
    }
}

/// Says something on stderr, if it is open.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "stampede: {text}");
}

/// The acts to be undone on every way out, newest first. Clones are handles to one list.
#[derive(Clone, Default)]
pub(super) struct Guard {
    is_interrupted: Arc<AtomicBool>,
    undo: Arc<Mutex<Vec<Undo>>>,
}

impl Guard {
    /// Begins to hear signals: Ctrl-C, SIGTERM and SIGHUP.
    pub(super) fn new() -> Result<Self> {
        let guard = Self::default();
        let heard = guard.clone();
        ctrlc::set_handler(move || heard.interrupt()).context("signals cannot be heard")?;
        Ok(guard)
    }

    fn interrupt(&self) {
        // A person who asks twice is impatient.
        if self.is_interrupted.swap(true, Ordering::SeqCst) {
            self.undo();
            process::exit(130);
        }
        self.watch(LAST_WORDS, "the run did not stop");
    }

    /// Fails once a signal has come.
    pub(super) fn check(&self) -> Result<()> {
        if self.is_interrupted.load(Ordering::SeqCst) {
            bail!("interrupted: all processes are ended");
        }
        Ok(())
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::SeqCst)
    }

    /// Ends everything after this time.
    pub(super) fn watch(&self, limit: Duration, why: &'static str) {
        let guard = self.clone();
        let end = Instant::now() + limit;
        let watch = move || {
            while let Some(left) = end.checked_duration_since(Instant::now()) {
                thread::sleep(left);
            }
            guard.undo();
            complain(&format!("{why} within {} s", limit.as_secs()));
            process::exit(1);
        };
        // Without the thread there is one safety less, and nothing else.
        let _ = thread::Builder::new().name("watchdog".to_string()).spawn(watch);
    }

    /// Runs this at the end, whatever the end is.
    pub(super) fn at_end(&self, undo: impl FnOnce() + Send + 'static) {
        self.lock().push(Box::new(undo));
    }

    fn undo(&self) {
        loop {
            // Not under the lock.
            let Some(undo) = self.lock().pop() else { return };
            undo();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Undo>> {
        self.undo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
