//! The stage of a pair: its runs say that they have begun, and go on when the test lets them.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::outcome::Got;
use crate::script::Answer;

/// An event of a pair, in the order in which they happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The run with this number, from 1 on, is in its handler.
    Runs(usize),
    /// nginx has decided what becomes of the second request.
    Decided,
    /// The client with this number has its answer.
    Answered(usize, Got),
}

/// All pairs that are played now, by the first part of their paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stage(Arc<Mutex<HashMap<String, Arc<Scene>>>>);

/// A pair on the stage.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) answer: Answer,
    events: Mutex<Sender<Event>>,
    runs: Mutex<Runs>,
    let_go: Condvar,
}

#[derive(Debug, Default)]
struct Runs {
    begun: usize,
    /// Runs up to this number may end.
    let_go: usize,
}

impl Stage {
    pub(crate) fn enter(&self, page: &str, answer: Answer, events: Sender<Event>) -> Arc<Scene> {
        let (events, runs) = (Mutex::new(events), Mutex::default());
        let scene = Arc::new(Scene { answer, events, runs, let_go: Condvar::new() });
        let before = lock(&self.0).insert(page.to_owned(), Arc::clone(&scene));
        assert!(before.is_none(), "each pair has a page of its own");
        scene
    }

    pub(crate) fn leave(&self, page: &str) {
        lock(&self.0).remove(page);
    }

    /// The pair of a target; none of a target that no script has.
    pub(crate) fn scene(&self, target: &str) -> Option<Arc<Scene>> {
        lock(&self.0).get(page_of(target)).cloned()
    }
}

/// The first part of a target's path, which names its pair.
pub(crate) fn page_of(target: &str) -> &str {
    let path = target
        .split_once("://")
        .map_or(target, |(_, rest)| rest.find('/').map_or("", |begin| &rest[begin..]));
    let path = path.trim_start_matches('/');
    path.split(['/', '?', '#']).next().unwrap_or_default()
}

impl Scene {
    pub(crate) fn tell(&self, event: Event) {
        // A pair that has ended hears nothing more.
        lock(&self.events).send(event).ok();
    }

    /// Begins a run, and returns its number.
    pub(crate) fn begin(&self) -> usize {
        let mut runs = lock(&self.runs);
        runs.begun += 1;
        self.tell(Event::Runs(runs.begun));
        runs.begun
    }

    /// Waits until the test lets the run end.
    pub(crate) fn wait(&self, run: usize) {
        let runs = lock(&self.runs);
        let waits = self.let_go.wait_while(runs, |runs| runs.let_go < run);
        drop(waits.unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets the runs up to this number end.
    pub(crate) fn let_go(&self, run: usize) {
        lock(&self.runs).let_go = run;
        self.let_go.notify_all();
    }

    pub(crate) fn runs(&self) -> usize {
        lock(&self.runs).begun
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
