//! The steps of `Memory` against a second reference: random sequences, answers and messages compared.

use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::Memory;
use coalescer_cluster::conformance::Conformance;

use crate::ledger::Ledger;
use crate::support::watched;

/// As many as an hour of somebody's patience would ask for, in `COALESCER_SEQUENCES`; in CI those that take
/// seconds.
fn sequences() -> u32 {
    let set = std::env::var("COALESCER_SEQUENCES").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

#[test]
fn two_references_of_the_steps_agree() {
    let all = u64::from(sequences());
    for begin in (0..all).step_by(1000) {
        let end = (begin + 1000).min(all);
        let middle = begin.midpoint(end);
        // The watchdog's time is for this part.
        watched(move || {
            thread::scope(|scope| {
                scope.spawn(|| agree(begin..middle));
                scope.spawn(|| agree(middle..end));
            });
        });
    }
}

fn agree(seeds: Range<u64>) {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    for seed in seeds {
        // A ledger throws nothing away, so each sequence has its own.
        let ledger = Ledger::new(clock.clone());
        let kit = Conformance::new().sequences(1).seed(seed);
        kit.compare(&memory, &ledger, &|time| clock.advance(time));
    }
}

#[test]
fn the_reference_passes_its_own_kit() {
    watched(|| {
        let clock = ManualClock::new();
        let memory = Memory::with_clock(clock.clone());
        Conformance::new().sequences(200).seed(1 << 32).check(&memory, &|time| clock.advance(time));
    });
}

/// Compares two memories, of which the first one's clock misses so many of the times that pass.
/// Returns how often time was to pass.
fn compare(kit: &Conformance, misses: u32) -> (thread::Result<()>, u32) {
    let clocks = [(); 2].map(|()| ManualClock::new());
    let [one, other] = clocks.each_ref().map(|clock| Memory::with_clock(clock.clone()));
    let (passes, left) = (Cell::new(0), Cell::new(misses));
    let pass = |time| {
        passes.set(passes.get() + 1);
        clocks[1].advance(time);
        match left.get() {
            0 => clocks[0].advance(time),
            some => left.set(some - 1),
        }
    };
    let compare = || kit.compare(&one, &other, &pass);
    let compared = catch_unwind(AssertUnwindSafe(compare));
    (compared, passes.get())
}

/// On a real clock, a difference says nothing if the steps took longer than a unit: here than a nanosecond.
#[test]
fn a_sequence_that_took_too_long_is_begun_again_ten_times_at_most() {
    watched(|| {
        let kit = Conformance::new().sequences(1);
        let (equal, passes) = compare(&kit, 0);
        assert!(equal.is_ok() && passes > 1);
        assert!(compare(&kit, u32::MAX).0.is_err(), "a clock that is moved delays nothing");
        let kit = kit.real_time(Duration::from_nanos(1));
        let (late, all) = compare(&kit, u32::MAX);
        assert!(late.is_err(), "it differs each time");
        assert!(all > 0 && all % 10 == 0, "ten attempts of the same steps: {all}");
        let (mended, passes) = compare(&kit, all / 10);
        assert!(mended.is_ok(), "the second attempt finds no difference");
        assert!(passes > all / 10);
    });
}
