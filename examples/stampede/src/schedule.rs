//! The requests of a phase: drawn once, and the same for all phases.

use std::time::Duration;

use anyhow::Result;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Exp, Zipf};

use crate::options::Options;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    nanos: u64,
    customer: u32,
}

impl Arrival {
    /// Its time, counted from the start of the phase.
    pub(crate) fn at(self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    pub(crate) fn customer(self) -> u64 {
        u64::from(self.customer)
    }
}

/// Exponent of Zipf's law: customer 0 is asked for 2.8 times as often as customer 1.
const SKEW: f64 = 1.5;

/// Draws arrivals at random times (a Poisson process), in the order of their times. The popularity of
/// the customers follows Zipf's law.
pub(crate) fn draw(options: &Options, rate: f64) -> Result<Vec<Arrival>> {
    let mut random = StdRng::seed_from_u64(1);
    let gaps = Exp::new(rate)?;
    let customers = if options.hot_key { 1 } else { options.keys() };
    let ranks = Zipf::new(customers as f64, SKEW)?;
    let end = options.phase().as_secs_f64();
    let mut arrivals = Vec::new();
    let mut at = gaps.sample(&mut random);
    while at < end {
        // Ranks start at one.
        let customer = ranks.sample(&mut random) as u32 - 1;
        arrivals.push(Arrival { nanos: (at * 1e9) as u64, customer });
        at += gaps.sample(&mut random);
    }
    Ok(arrivals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn drawn(rate: f64, options: &[&str]) -> Vec<Arrival> {
        let options = ["stampede", "--phase=1s"].iter().chain(options);
        draw(&Options::parse_from(options), rate).expect("the settings are right")
    }

    #[test]
    fn arrivals_are_in_order_and_end_with_the_phase() {
        let arrivals = drawn(10_000.0, &["--keys=5"]);
        assert!((9_000..11_000).contains(&arrivals.len()));
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.at()));
        let second = Duration::from_secs(1);
        assert!(arrivals.iter().all(|arrival| arrival.at() < second && arrival.customer() < 5));
    }

    #[test]
    fn the_arrivals_are_the_same_each_time() {
        assert_eq!(drawn(1000.0, &[]), drawn(1000.0, &[]));
    }

    #[test]
    fn with_a_hot_key_all_ask_for_it() {
        let arrivals = drawn(1000.0, &["--hot-key"]);
        assert!(arrivals.iter().all(|arrival| arrival.customer() == 0));
    }
}
