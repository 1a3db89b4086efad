//! Random programs of calls on one thread, against a model that is written from the promises.
//!
//! A program is a list of steps: calls by every verb, `forget`, `forget_all`, time that passes on
//! a [`ManualClock`](coalescer::ManualClock), and looks at the counters. The functions that the
//! calls bring are lists of steps themselves, so a function can call its own key or another one,
//! forget the key that it runs for, and take as long as the window or longer.
//!
//! ```text
//! script   what is done       one strategy, one tree that shrinks well
//! model    what must come     a plain map and two queues, no locks, no slots
//! system   what does come     a Group with the same settings
//! ```
//!
//! Everything runs on one thread, so every step has one right answer: which execution made the
//! value, what the call was to it, every counter, and what is under way.

mod model;
mod script;
mod system;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use model::Model;
use system::System;

/// Cases of an ordinary run; `PROPTEST_CASES` can only ask for more.
const CASES: u32 = 2_000;

/// A call that waits on the only thread there is would wait forever.
const PATIENCE: Duration = Duration::from_secs(240);

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
        System::test_sequential(config.clone(), model, steps, seen);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Runs `test` on a thread of its own, and ends the process if that thread hangs.
fn under_a_watchdog(test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel::<()>();
    let tester = std::thread::spawn(move || {
        let _done = done;
        test();
    });
    if is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        eprintln!("no end after {PATIENCE:?}: a call waits for its own thread");
        std::process::abort();
    }
    if let Err(panic) = tester.join() {
        std::panic::resume_unwind(panic);
    }
}
