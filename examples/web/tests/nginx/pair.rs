//! Plays a pair, and says how it ended.
//!
//! The test must know that nothing more will happen before it lets the first run go. Three things can become of the
//! second request: it runs at the origin, it has its answer, or it is held.
//!
//! - The layer tells how many followers a flight has.
//! - nginx tells nobody what it holds. It has a copy of each request sent to the origin (`mirror`), as a request of its
//!   own, which it begins after it has decided about the request itself: nginx has one thread here, and opens the
//!   connection for the request before the one for the copy. Connections are accepted in the order in which they
//!   were opened. So when the origin has read the copy, and everything on the connections before it, a second request
//!   that is not there is held, or answered from the cache.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{PATIENCE, Stream, ask};
use crate::outcome::{Got, Outcome};
use crate::script::Script;
use crate::scripts;
use crate::stage::{Event, Stage, lock};

/// One of the two that are compared.
pub(crate) trait System: Sync {
    /// The origin.
    fn stage(&self) -> &Stage;

    fn connect(&self) -> Box<dyn Stream>;

    /// True if a request for this page waits for another one, where the system can be asked.
    fn holds(&self, page: &str) -> bool;
}

/// A script, and when the second request comes.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) script: Script,
    /// The second request is sent when the first one has its answer, and else while that runs.
    pub(crate) is_after: bool,
    number: usize,
}

pub(crate) fn all() -> Vec<Pair> {
    let pairs = scripts::all().into_iter().enumerate().flat_map(|(number, script)| {
        [false, true].map(|is_after| Pair { script: script.clone(), is_after, number })
    });
    pairs.collect()
}

impl Pair {
    /// The name in the table.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}", self.script.name, if self.is_after { "after" } else { "meanwhile" })
    }

    /// The first part of its path.
    fn page(&self) -> String {
        format!("{}{}", if self.is_after { "a" } else { "m" }, self.number)
    }
}

/// Plays all pairs, so many at a time.
pub(crate) fn play_all(system: &impl System, pairs: &[Pair], at_a_time: usize) -> Vec<Outcome> {
    let (next, ended) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = Play::new(system, pair).run();
                    lock(&ended).push((pair.number, pair.is_after, outcome));
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap();
    ended.sort_by_key(|(number, is_after, _)| (*number, *is_after));
    ended.into_iter().map(|(_, _, outcome)| outcome).collect()
}

/// A pair that is played.
struct Play<'a, S> {
    system: &'a S,
    pair: &'a Pair,
    page: String,
    events: Receiver<Event>,
    scene: std::sync::Arc<crate::stage::Scene>,
    got: [Option<Got>; 2],
    /// The second client's request is decided, as nginx says.
    is_decided: bool,
    /// The last run that has told of itself.
    running: usize,
}

impl<'a, S: System> Play<'a, S> {
    fn new(system: &'a S, pair: &'a Pair) -> Self {
        let (sender, events) = channel();
        let page = pair.page();
        let scene = system.stage().enter(&page, pair.script.answer.clone(), sender);
        let (got, is_decided, running) = ([None, None], false, 0);
        Self { system, pair, page, events, scene, got, is_decided, running }
    }

    fn run(mut self) -> Outcome {
        let at_once = if self.pair.is_after {
            self.scene.let_go(usize::MAX);
            self.send(0);
            self.wait_until("the first answer", |play| play.got[0].is_some());
            self.send(1);
            None
        } else {
            self.send(0);
            self.wait_until("the first run", |play| play.running > 0 || play.got[0].is_some());
            // None, if the first request was refused before it came to the origin.
            let before = self.running;
            self.send(1);
            let is_at_rest = |play: &Self| play.running > before || play.is_at_rest();
            self.wait_until("what becomes of the second request", is_at_rest);
            let at_once = self.running > 1;
            // The first one ends first, so that it is the one whose page is kept.
            self.scene.let_go(1);
            self.wait_until("the first answer", |play| play.got[0].is_some());
            self.scene.let_go(usize::MAX);
            Some(at_once)
        };
        self.wait_until("the second answer", |play| play.got[1].is_some());
        self.system.stage().leave(&self.page);
        let got = self.got.map(|got| got.expect("both have their answers"));
        Outcome { runs: self.scene.runs(), at_once, got }
    }

    /// True if the second request has its answer, or is held.
    fn is_at_rest(&self) -> bool {
        self.got[1].is_some() || self.is_decided || self.system.holds(&self.page)
    }

    fn send(&self, client: usize) {
        let Pair { script, .. } = self.pair;
        let bytes = script.requests[client].bytes(&self.page, client + 1);
        let (stream, scene) = (self.system.connect(), std::sync::Arc::clone(&self.scene));
        let content = script.answer.content;
        thread::spawn(move || scene.tell(Event::Answered(client, ask(stream, &bytes, content))));
    }

    /// Hears events until something has happened.
    #[track_caller]
    fn wait_until(&mut self, what: impl fmt::Display, has_happened: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !has_happened(self) {
            assert!(begin.elapsed() < PATIENCE, "{}: waited in vain for {what}", self.pair.name());
            // Short, since a follower of the layer makes no event.
            match self.events.recv_timeout(Duration::from_millis(1)) {
                Ok(Event::Runs(run)) => self.running = self.running.max(run),
                Ok(Event::Decided) => self.is_decided = true,
                Ok(Event::Answered(client, got)) => self.got[client] = Some(got),
                Err(RecvTimeoutError::Timeout) => {}
                Err(error) => panic!("{}: {error}", self.pair.name()),
            }
        }
    }
}
