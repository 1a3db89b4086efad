//! A cache line that goes to and fro between two cores: how far apart they are.
//!
//! A virtual machine's cores may be moved while it runs, so this is measured beside what hangs on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::nanoseconds;
use crate::stats::median;

/// There and back so many times is one measurement: long beside a reading of the clock.
const ROUNDS: u64 = 50;

/// After so many looks in vain the other thread has no core, and gets this one.
const PATIENCE: u32 = 1000;

/// How many nanoseconds the line takes from one core to the other: the median of so many
/// measurements, as the two threads begin on one core now and then.
pub(crate) fn transfer(measurements: u64) -> f64 {
    let turn = AtomicU64::new(0);
    let rounds = measurements * ROUNDS;
    let times = thread::scope(|scope| {
        // One writes the odd numbers, the other the even ones.
        scope.spawn(|| (0..rounds).for_each(|round| answer(&turn, 2 * round + 1)));
        let measure = |first: u64| {
            let begin = Instant::now();
            (first..first + ROUNDS).for_each(|round| answer(&turn, 2 * round));
            nanoseconds(begin.elapsed()) / (2 * ROUNDS) as f64
        };
        (0..measurements).map(|number| measure(number * ROUNDS)).collect::<Vec<_>>()
    });
    median(&times)
}

/// Waits for this number, and writes the next one.
fn answer(turn: &AtomicU64, number: u64) {
    let mut looks = 0;
    while turn.load(Ordering::Acquire) != number {
        looks += 1;
        if looks % PATIENCE == 0 {
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
    turn.store(number + 1, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_some_time() {
        let took = transfer(10);
        assert!(took > 0.5 && took.is_finite(), "{took}");
    }
}
