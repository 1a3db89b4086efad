//! Random programs of calls on one thread, against a model that is written from the promises.
//!
//! A program is a list of steps: calls by every verb, `forget`, `forget_all`, time that passes on
//! a [`ManualClock`](coalescer::ManualClock), and looks at the counters. The functions that the
//! calls bring are lists of steps themselves, so a function can call its own key or another one,
//! forget the key that it runs for, and take as long as the window or longer.
//!
//! ```text
//! script   the steps          one strategy, one tree that shrinks well
//! model    expected answers   a plain map and two queues, no locks, no slots
//! stage    actual answers     a Group, a Coalescer or a Batcher with the same settings
//! system   both, in step
//! ```
//!
//! Everything runs on one thread, so every step has one right answer: which execution made the
//! value, what the call was to it, every counter, and what is under way.

mod dispatch;
mod door;
mod model;
mod product;
mod script;
#[path = "../support/settings.rs"]
mod settings;
mod stage;
mod system;

use std::io::{Write, stderr};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use model::Model;
use script::{Settings, Step, Subject};
use system::System;

/// Cases of an ordinary run; `PROPTEST_CASES` can only ask for more.
const CASES: u32 = 2_000;

/// A call that waits on the only thread there is would wait forever.
const PATIENCE: Duration = Duration::from_secs(20);

type Program = (Settings, Subject, Vec<Step>);

/// The program that runs now, and since when.
static RUNNING: Mutex<Option<(Instant, Program)>> = Mutex::new(None);

#[test]
fn every_sequential_program_gets_the_answers_of_the_model() {
    let default = Config::default();
    let config =
        Config { cases: default.cases.max(CASES), failure_persistence: None, ..Config::default() };
    under_a_watchdog(move || run(config));
}

fn run(config: Config) {
    let programs = Model::sequential_strategy(1..24);
    let outcome = TestRunner::new(config.clone()).run(&programs, |(model, steps, seen)| {
        note(Some((model.settings.clone(), model.subject, steps.clone())));
        System::test_sequential(config.clone(), model, steps, seen);
        Ok(())
    });
    note(None);
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn note(program: Option<Program>) {
    let program = program.map(|program| (Instant::now(), program));
    *RUNNING.lock().expect("nobody panics while it is locked") = program;
}

/// Runs `test` on a thread of its own, and ends the process if that thread hangs.
fn under_a_watchdog(test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel::<()>();
    let tester = std::thread::spawn(move || {
        let _done = done;
        test();
    });
    watch(&is_done);
    if let Err(panic) = tester.join() {
        std::panic::resume_unwind(panic);
    }
}

fn watch(is_done: &Receiver<()>) {
    while is_done.recv_timeout(PATIENCE / 10) == Err(RecvTimeoutError::Timeout) {
        let running = RUNNING.lock().expect("nobody panics while it is locked");
        let Some((since, program)) = &*running else { continue };
        if since.elapsed() > PATIENCE {
            // Not by a macro that prints: a test's output is lost when the process aborts.
            let _ = writeln!(stderr(), "a call hangs in this program: {program:#?}");
            std::process::abort();
        }
    }
}
