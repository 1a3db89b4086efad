//! A thread of the lowest priority waits first, on a processor that is busy. The others do not wait for
//! it.
//!
//! Each scene is compared with a broadcast of the same herd, in the same run. All threads of a scene
//! share one processor with two threads that spin. A thread of Linux's class `SCHED_IDLE` runs there
//! once in a second or two.
//!
//! The programs `taskset` and `chrt` (util-linux) set processor and class. Without them, and on other
//! systems, the tests are skipped and say so; where `CI` is set on Linux, they fail.

#[path = "../support/watchdog.rs"]
mod watchdog;

mod scene;
mod system;

use std::sync::PoisonError;
use std::time::Duration;

use crate::scene::{Scene, broadcast, fresh_calls, one_flight, tickets};
use crate::watchdog::watched;

/// So many times longer than a broadcast takes is still no wait for a thread that hardly runs.
const TIMES: u32 = 10;

/// A thread waits about so long for its turn beside those that spin. A broadcast that was quicker was
/// lucky.
const TURN: Duration = Duration::from_millis(10);

/// Demands that the ordinary threads of a herd are back within a few times the time of a broadcast.
fn is_independent(scene: Scene, threads: usize, idle: usize) {
    let _alone = system::PROCESSOR.lock().unwrap_or_else(PoisonError::into_inner);
    watched(move || {
        if !system::can_set_priorities() {
            return;
        }
        let rounds: Vec<[Duration; 2]> = (0..3)
            .map(|_| [broadcast, scene].map(|scene| system::on_one_processor(scene, threads, idle)))
            .collect();
        let [usual, own] = [0, 1].map(|nth| median(rounds.iter().map(|round| round[nth])));
        println!("{threads} threads, {idle} of them idle: {own:?}, a broadcast {usual:?}");
        assert!(own < TIMES * usual.max(TURN), "{own:?} instead of {usual:?}: {rounds:?}");
    });
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}

#[test]
fn the_followers_of_a_small_herd_do_not_wait_for_the_first() {
    // S6 S61
    is_independent(one_flight, 16, 1);
}

#[test]
fn the_followers_of_a_small_herd_do_not_wait_for_half_of_it() {
    // S61
    is_independent(one_flight, 30, 15);
}

#[test]
fn the_followers_of_a_large_herd_do_not_wait_for_the_first() {
    // S6 S61
    is_independent(one_flight, 80, 1);
}

#[test]
fn the_followers_of_a_large_herd_do_not_wait_for_the_first_two() {
    // S61
    is_independent(one_flight, 80, 2);
}

#[test]
fn a_successor_starts_without_the_first_that_waits_for_it() {
    // S30 S61
    is_independent(fresh_calls, 16, 1);
}

#[test]
fn a_successor_of_many_calls_starts_without_the_first_of_them() {
    // S30 S61
    is_independent(fresh_calls, 80, 16);
}

#[test]
fn threads_that_wait_with_tickets_do_not_wait_for_the_first() {
    // S61
    is_independent(tickets, 16, 1);
}
