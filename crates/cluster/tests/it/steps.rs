//! The steps of `Memory` against a second reference: random sequences, answers and messages compared.

use std::ops::Range;
use std::thread;

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
