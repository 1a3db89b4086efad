//! How much is measured: how far each curve goes, and how often.

use std::time::Duration;

/// The ends of the curves, and the rounds of each point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) name: &'static str,
    pub(crate) rounds: usize,
    /// Calls in one round of what takes nanoseconds.
    pub(crate) calls: usize,
    /// How long a round runs that counts calls instead.
    pub(crate) slice: Duration,
    pub(crate) most_keys: u64,
    pub(crate) most_threads: usize,
    pub(crate) most_followers: usize,
    pub(crate) most_shards: usize,
    pub(crate) most_bytes: usize,
    pub(crate) longest_window: Duration,
    pub(crate) most_due: u64,
}

pub(crate) const WHOLE: Extent = Extent {
    name: "whole",
    rounds: 5,
    calls: 200_000,
    slice: Duration::from_millis(40),
    most_keys: 10_000_000,
    most_threads: 256,
    // Twice as many do not fit into the number of mappings that Linux gives a process by default.
    most_followers: 8192,
    most_shards: 4096,
    most_bytes: 1 << 20,
    longest_window: Duration::from_secs(1),
    most_due: 100_000,
};

pub(crate) const QUICK: Extent = Extent {
    name: "quick",
    rounds: 3,
    calls: 50_000,
    slice: Duration::from_millis(10),
    most_keys: 300_000,
    most_threads: 16,
    most_followers: 256,
    most_shards: 1024,
    most_bytes: 64 << 10,
    longest_window: Duration::from_millis(30),
    most_due: 10_000,
};

/// For the test of this program, in a build that is not optimised.
pub(crate) const TINY: Extent = Extent {
    name: "tiny",
    rounds: 1,
    calls: 500,
    slice: Duration::from_millis(1),
    most_keys: 3000,
    most_threads: 2,
    most_followers: 8,
    most_shards: 16,
    most_bytes: 4096,
    longest_window: Duration::from_millis(3),
    most_due: 100,
};

/// 1, 3, 10, 30 and so on, up to and with `most`.
pub(crate) fn half_decades(most: u64) -> Vec<u64> {
    let decades = (0..).map(|power| 10_u64.pow(power));
    let steps = decades.flat_map(|decade| [decade, 3 * decade]);
    steps.take_while(|step| *step <= most).collect()
}

/// 1, 10, 100 and so on.
pub(crate) fn decades(most: u64) -> Vec<u64> {
    (0..).map(|power| 10_u64.pow(power)).take_while(|step| *step <= most).collect()
}

/// 1, `factor`, its square and so on.
pub(crate) fn powers(factor: usize, most: usize) -> Vec<usize> {
    (0..).map(|power| factor.pow(power)).take_while(|step| *step <= most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_with_the_most_that_is_asked_for() {
        assert_eq!(half_decades(100), [1, 3, 10, 30, 100]);
        assert_eq!(half_decades(99), [1, 3, 10, 30]);
        assert_eq!(decades(1000), [1, 10, 100, 1000]);
        assert_eq!(powers(4, 64), [1, 4, 16, 64]);
    }
}
