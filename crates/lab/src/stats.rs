//! The two statistics of the figures: the median and percentiles.

use hdrhistogram::Histogram;

/// The median of the rounds, or the mean of the middle two. NaN if there is no round.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    sorted[last / 2].midpoint(sorted[sorted.len() / 2])
}

/// The longest time that the histogram distinguishes from longer ones, in picoseconds.
const LONGEST: u64 = 100_000_000_000_000;

/// Times of calls in nanoseconds, and their percentiles to three digits.
#[derive(Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    pub fn new() -> Self {
        Self(Histogram::new_with_max(LONGEST, 3).expect("three digits can be had"))
    }

    pub fn add(&mut self, nanoseconds: f64) {
        self.0.saturating_record((nanoseconds * 1e3) as u64);
    }

    /// The time that this share of all calls does not exceed; zero of no calls.
    pub fn percentile(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e3
    }
}

impl FromIterator<f64> for Times {
    fn from_iter<I: IntoIterator<Item = f64>>(all: I) -> Self {
        let mut times = Self::new();
        all.into_iter().for_each(|time| times.add(time));
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_ignores_the_order_and_one_that_is_far_off() {
        assert_eq!(median(&[3.0, 1e9, 1.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 1e9]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_percentile_has_three_digits() {
        let times: Times = (1..=1000).rev().map(f64::from).collect();
        for (share, time) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            assert!((times.percentile(share) / time - 1.0).abs() < 2e-3, "{share}");
        }
    }
}
