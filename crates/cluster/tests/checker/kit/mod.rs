//! The checker, for any engine.

mod dice;
mod judge;
mod judge_tests;
mod parent;
mod record;
mod worker;

pub(crate) use parent::{Plan, run};
pub(crate) use worker::work;

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
