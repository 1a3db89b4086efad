//! The checker, for any engine.

mod dice;
mod judge;
mod judge_tests;
mod parent;
mod record;
mod worker;

pub(crate) use dice::Dice;
pub(crate) use parent::{Fault, Faults, Plan, run};
pub(crate) use worker::work;

use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since the host's start, by the clock that all its processes share.
pub(crate) type Nanos = u64;

pub(crate) const MS: Nanos = 1_000_000;

/// The windows of the two tables of each process.
pub(crate) const WINDOWS: [Nanos; 2] = [0, 50 * MS];

/// So few that all processes ask for the same.
pub(crate) const KEYS: u64 = 3;

pub(crate) fn now() -> Nanos {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap();
    time.tv_sec() as Nanos * 1_000_000_000 + time.tv_nsec() as Nanos
}

/// Load takes time, and so does a fault. Nothing is ordered by it.
pub(crate) fn rest(time: Nanos) {
    thread::sleep(Duration::from_nanos(time));
}

/// The seed of a run: this one, or `COALESCER_STRESS_SEED`, which somebody wants to see again.
pub(crate) fn seed(usual: u64) -> u64 {
    let set = std::env::var("COALESCER_STRESS_SEED").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(usual)
}
