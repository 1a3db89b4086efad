//! Random programs of many callers, against a reference that is written from the promises.
//!
//! A program is a list of steps: a call on a new thread or within a function, the end of a function,
//! time that passes, forgets, submits, waits with tickets, tickets that are dropped. After each step
//! every thread stands still, and everything that can be seen is compared: what each call does or
//! got, the counters, and the flights under way with their followers and executions.
//!
//! ```text
//! script    the steps              strategies; any part of a program is a program
//! model     expected answers       admission, beginnings, endings, chains, refreshes, tickets: a file each
//! stage     actual answers         a Group with the same settings, and threads that obey
//! history   threads at random      each answer is one that some order of the calls allows
//! ```
//!
//! Where the promises leave a choice, the reference says who may, and takes what it sees.

mod admission;
mod beginnings;
mod chains;
mod endings;
mod flights;
mod history;
mod model;
mod refreshes;
mod script;
#[path = "../support/settings.rs"]
mod settings;
mod stage;
mod tickets;
#[path = "../support/watchdog.rs"]
mod watchdog;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::at_rest;
use proptest::test_runner::{Config, TestRunner};

use model::{Model, Place};
use script::{End, Pick, Program, Step};
use stage::{CallId, Command, Doing, Stage};

/// Programs of an ordinary run; `PROPTEST_CASES` can only ask for more.
const CASES: u32 = 2_000;

/// A busy machine plays fewer.
const LONGEST: Duration = Duration::from_secs(20);

static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// How long a thread may take to do what it must.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn every_program_of_many_callers_gets_the_answers_of_the_model() {
    let _turn = turn();
    let default = Config::default();
    let config = Config {
        cases: default.cases.max(CASES),
        failure_persistence: None,
        max_shrink_time: 40_000,
        ..Config::default()
    };
    let (begin, is_asked_for) = (Instant::now(), default.cases > CASES);
    let outcome = TestRunner::new(config).run(&script::program(), |program| {
        if begin.elapsed() > LONGEST && !is_asked_for {
            return Ok(());
        }
        watchdog::watched(move || Play::new(&program).run(&program));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// The tests of this process take turns, since one looks at what the process holds.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program under way: the reference and the system side by side.
struct Play {
    model: Model,
    stage: Stage,
    next_id: CallId,
}

impl Drop for Play {
    fn drop(&mut self) {
        self.stage.give_up();
    }
}

impl Play {
    fn new(program: &Program) -> Self {
        let stage = Stage::new(&program.settings);
        Self { model: Model::new(program.settings.clone()), stage, next_id: 0 }
    }

    fn run(mut self, program: &Program) {
        for step in &program.steps {
            self.step(step);
            self.compare();
        }
        while let Some(running) = self.running().first().copied() {
            self.end(running, End::Value);
            self.compare();
        }
        for ticket in self.model.idle_tickets() {
            self.model.drop_ticket(ticket);
            self.stage.drop_ticket(ticket);
        }
        self.compare();
        self.check_rest();
    }

    fn new_id(&mut self) -> CallId {
        self.next_id += 1;
        self.next_id - 1
    }

    /// The calls whose functions run and wait for a command, one of each thread.
    fn running(&self) -> Vec<CallId> {
        let innermost = self.model.threads.iter().filter_map(|calls| calls.last().copied());
        innermost.filter(|id| matches!(self.model.calls[id].place, Place::Runs(_))).collect()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Call(verb, key) => {
                let id = self.new_id();
                self.model.call(id, verb, key, None);
                self.stage.call(id, verb, key);
            }
            Step::Nested(pick, verb, key) => {
                let Some(outer) = picked(&self.running(), pick) else { return };
                let id = self.new_id();
                let thread = self.model.calls[&outer].thread;
                self.model.call(id, verb, key, thread);
                self.stage.tell(outer, Command::Call(id, verb, key));
            }
            Step::End(pick, end) => {
                let Some(id) = picked(&self.running(), pick) else { return };
                self.end(id, end);
            }
            Step::Advance(by) => {
                self.model.advance(by);
                self.stage.clock.advance(script::duration(by));
            }
            Step::Forget(key) => {
                assert_eq!(self.stage.group.forget(&key), self.model.forget(key));
            }
            Step::ForgetAll => {
                assert_eq!(self.stage.group.forget_all(), self.model.forget_all());
            }
            Step::ForgetIf(keys) => {
                let fits = |key: &script::KeyId| keys >> key & 1 == 1;
                assert_eq!(self.stage.group.forget_if(fits), self.model.forget_if(fits));
            }
            Step::Peek(key) => {
                let peeked = self.stage.group.peek(&key);
                assert_eq!(peeked.map(|value| value.maker), self.model.peek(key));
            }
            Step::Insert(key) => {
                let id = self.new_id();
                self.model.insert(key, id);
                self.stage.insert(id, key);
            }
            Step::Submit(_) | Step::Wait(..) | Step::Drop(_) => self.step_of_ticket(step),
        }
    }

    fn step_of_ticket(&mut self, step: &Step) {
        match *step {
            Step::Submit(key) => {
                let (id, job) = (self.new_id(), self.new_id());
                let runs = self.model.submit((id, job), key);
                self.model.new_ticket(id);
                self.stage.submit(id, key, runs);
            }
            // `max_wait` counts from a beginning that nobody sees; tests/it has it.
            Step::Wait(..) if self.model.settings.max_wait.is_some() => {}
            Step::Wait(pick, timeout) => {
                let Some(ticket) = picked(&self.model.idle_tickets(), pick) else { return };
                let wait = self.new_id();
                self.model.wait(ticket, wait, timeout);
                self.stage.wait(ticket, wait, timeout);
            }
            Step::Drop(pick) => {
                let Some(ticket) = picked(&self.model.idle_tickets(), pick) else { return };
                self.model.drop_ticket(ticket);
                self.stage.drop_ticket(ticket);
            }
            _ => unreachable!("no step of a ticket"),
        }
    }

    fn end(&mut self, id: CallId, end: End) {
        self.model.end(id, end);
        self.stage.tell(id, Command::End(end));
        self.stage.has_ended(id);
    }

    /// Follows the choices that the system makes, and waits until it has done what it must.
    fn compare(&mut self) {
        self.model.settle();
        loop {
            let due = self.model.due();
            if due.is_empty() {
                break;
            }
            let chosen = self.wait_for(|doing| {
                due.iter().find(|(_, call)| doing.get(call) == Some(&Doing::Runs)).copied()
            });
            let (flight, chosen) =
                chosen.unwrap_or_else(|| self.fail(&format!("none begins: {due:?}")));
            self.model.claim(chosen, flight);
            self.model.settle();
        }
        let seen = |stage: &Stage| (stage.doing(), stage.look(), stage.idle_tickets());
        let counted = (self.model.stats, self.model.shown());
        let expected = (self.model.doing.clone(), counted, self.model.finished_tickets());
        let begin = Instant::now();
        while self.stage.undecided() > 0 || seen(&self.stage) != expected {
            if begin.elapsed() > PATIENCE {
                self.fail("it does not come to that");
            }
            thread::yield_now();
        }
    }

    fn wait_for<R>(&self, look: impl Fn(&BTreeMap<CallId, Doing>) -> Option<R>) -> Option<R> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(found) = look(&self.stage.doing()) {
                return Some(found);
            }
            thread::yield_now();
        }
        None
    }

    fn fail(&self, why: &str) -> ! {
        HAS_FAILED.store(true, Ordering::SeqCst);
        let Self { model, stage, .. } = self;
        let seen = stage.doing();
        let differ = model.doing.iter().filter(|(id, doing)| seen.get(id) != Some(doing));
        let calls: Vec<_> =
            differ.map(|(id, doing)| (id, doing, seen.get(id), model.calls.get(id))).collect();
        let (stats, shown) = stage.look();
        panic!(
            "{why}\ncalls (expected, seen): {calls:#?}\nexpected {:?}\nseen     {stats:?}\n\
             expected {:?}\nseen     {shown:?}\ntickets expected {:?}\ntickets seen     {:?}",
            model.stats,
            model.shown(),
            model.finished_tickets(),
            stage.idle_tickets(),
        );
    }

    /// The rest that is left when all calls have returned (S47, S50, S91).
    fn check_rest(&self) {
        let kept = Arc::strong_count(&self.stage.live) - 1;
        let live = self.model.live_results();
        assert!(kept >= live, "{kept} are there, and {live} can be served");
        assert_eq!(self.stage.group.forget_all(), live);
        // Of the threads that have led, this one lives: it submits. The others end a moment later.
        // A program that failed before has left some, while proptest looks for the shortest.
        let has_failed = HAS_FAILED.load(Ordering::SeqCst);
        watchdog::wait_until(|| has_failed || at_rest::of_process().threads <= 1);
        let of_group = at_rest::of_group(&self.stage.group);
        assert_eq!((of_group.slots, of_group.places), (0, 0), "something stayed in the table");
        let of_process = at_rest::of_process();
        let of_graph = (of_process.flights, of_process.waits);
        assert!(has_failed || of_graph == (0, 0), "left in the wait-for graph: {of_graph:?}");
        assert_eq!(at_rest::alarms_of(&self.stage.clock), 0, "an alarm is armed");
        watchdog::wait_until(|| Arc::strong_count(&self.stage.live) == 1);
    }
}

fn picked(from: &[CallId], pick: Pick) -> Option<CallId> {
    (!from.is_empty()).then(|| from[pick % from.len()])
}
