//! [`Histogram`]: how long requests took, in buckets of a fixed number, without a lock.
//!
//! A bucket is at most a sixteenth of its duration wide. Up to 16 µs each microsecond has a bucket, and each
//! doubling after that has 16.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Buckets of each doubling, as a power of two.
const BITS: u32 = 4;

const PER_DOUBLING: usize = 1 << BITS;

/// The last bucket begins below 2^27 µs, which is more than two minutes. It has all that takes longer.
const BUCKETS: usize = PER_DOUBLING * (27 - BITS as usize + 1);

/// Durations that threads record at the same time.
#[derive(Debug)]
pub(crate) struct Histogram([AtomicU32; BUCKETS]);

impl Histogram {
    pub(crate) fn new() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }

    pub(crate) fn record(&self, duration: Duration) {
        self.0[bucket_of(duration)].fetch_add(1, Ordering::Relaxed);
    }

    /// Takes all durations out. One that is recorded meanwhile is in this count or in the next.
    pub(crate) fn take(&self) -> Counts {
        Counts(self.0.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect())
    }
}

/// How many durations were recorded, by bucket.
#[derive(Clone, Debug)]
pub(crate) struct Counts(Box<[u32]>);

impl Counts {
    pub(crate) fn sum<'c>(all: impl Iterator<Item = &'c Self>) -> Self {
        let mut sum = vec![0_u32; BUCKETS];
        for counts in all {
            for (sum, count) in sum.iter_mut().zip(&counts.0) {
                *sum = sum.saturating_add(*count);
            }
        }
        Self(sum.into())
    }

    /// Returns a duration that this share of the durations does not exceed, in percent. It is the end of a
    /// bucket. `None`: there are no durations.
    pub(crate) fn percentile(&self, percent: u64) -> Option<Duration> {
        let all: u64 = self.0.iter().copied().map(u64::from).sum();
        let wanted = (all * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let bucket = self.0.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        bucket.map(end_of)
    }
}

fn bucket_of(duration: Duration) -> usize {
    let micros = usize::try_from(duration.as_micros()).unwrap_or(usize::MAX);
    if micros < PER_DOUBLING {
        return micros;
    }
    // The leading bit tells the doubling, and the bits after it the bucket in it.
    let shift = micros.ilog2() - BITS;
    let bucket = shift as usize * PER_DOUBLING + (micros >> shift);
    bucket.min(BUCKETS - 1)
}

/// Returns the first duration after a bucket.
fn end_of(bucket: usize) -> Duration {
    let (doubling, place) = (bucket / PER_DOUBLING, bucket % PER_DOUBLING);
    let micros = match doubling {
        0 => place + 1,
        _ => (PER_DOUBLING + place + 1) << (doubling - 1),
    };
    Duration::from_micros(micros as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(micros: impl IntoIterator<Item = u64>) -> Counts {
        let histogram = Histogram::new();
        for micros in micros {
            histogram.record(Duration::from_micros(micros));
        }
        histogram.take()
    }

    #[test]
    fn the_end_of_a_bucket_is_at_most_a_sixteenth_beyond_its_durations() {
        let mut before = 0;
        for micros in (0..100_000).chain((100_000..1 << 27).step_by(9973)) {
            let bucket = bucket_of(Duration::from_micros(micros));
            let end = u64::try_from(end_of(bucket).as_micros()).expect("two minutes");
            assert!(micros < end && end <= micros + micros / 16 + 1, "{micros} µs: {end}");
            assert!(bucket >= before, "{micros} µs");
            before = bucket;
        }
        assert_eq!(before, BUCKETS - 1, "no bucket is out of reach");
    }

    #[test]
    fn a_duration_of_hours_is_in_the_last_bucket() {
        let hours = counts([1 << 40, u64::MAX]);
        assert_eq!(hours.percentile(1), Some(end_of(BUCKETS - 1)));
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_durations() {
        let hundred = counts((0..100).map(|number| number / 10));
        let micros = |percent| hundred.percentile(percent).map(|end| end.as_micros());
        // The end of a bucket of one microsecond.
        assert_eq!([0, 10, 11, 50, 99, 100].map(micros), [1, 1, 2, 5, 10, 10].map(Some));
        assert_eq!(counts([3]).percentile(50), counts([3]).percentile(99));
        assert_eq!(counts([]).percentile(99), None);
    }

    #[test]
    fn what_is_taken_is_not_counted_again_and_sums_have_all() {
        let histogram = Histogram::new();
        histogram.record(Duration::from_micros(2));
        let first = histogram.take();
        histogram.record(Duration::from_micros(7));
        let second = histogram.take();
        assert_eq!(histogram.take().percentile(50), None);
        let both = Counts::sum([&first, &second].into_iter());
        assert_eq!(both.percentile(50), Some(Duration::from_micros(3)));
        assert_eq!(both.percentile(51), Some(Duration::from_micros(8)));
    }
}
