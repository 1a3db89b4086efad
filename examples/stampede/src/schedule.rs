//! Who asks for what and when: drawn once, before the first phase, and the same for all of them.

use std::time::Duration;

use anyhow::Result;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Exp, Zipf};

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    nanos: u64,
    customer: u32,
}

impl Arrival {
    /// When it arrives, counted from the start of the phase.
    pub(crate) fn at(self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    pub(crate) fn customer(self) -> u64 {
        u64::from(self.customer)
    }
}

/// Which customers are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys {
    /// Only customer 0.
    Hot,
    /// Customer 0 the most, the others by Zipf's law.
    Zipf { customers: u64, exponent: f64 },
}

/// Arrivals at random times (a Poisson process of the given rate), in the order of their times.
pub(crate) fn draw(rate: f64, length: Duration, keys: Keys, seed: u64) -> Result<Vec<Arrival>> {
    let mut random = StdRng::seed_from_u64(seed);
    let gaps = Exp::new(rate)?;
    let ranks = match keys {
        Keys::Hot => None,
        Keys::Zipf { customers, exponent } => Some(Zipf::new(customers as f64, exponent)?),
    };
    let end = length.as_secs_f64();
    let mut arrivals = Vec::new();
    let mut at = gaps.sample(&mut random);
    while at < end {
        // A rank counts from one.
        let customer = ranks.map_or(0, |ranks| ranks.sample(&mut random) as u32 - 1);
        arrivals.push(Arrival { nanos: (at * 1e9) as u64, customer });
        at += gaps.sample(&mut random);
    }
    Ok(arrivals)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn arrivals_are_in_order_and_end_with_the_phase() {
        let keys = Keys::Zipf { customers: 5, exponent: 1.0 };
        let arrivals = draw(10_000.0, SECOND, keys, 1).expect("the settings are right");
        assert!((9_000..11_000).contains(&arrivals.len()));
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.at()));
        assert!(arrivals.iter().all(|arrival| arrival.at() < SECOND && arrival.customer() < 5));
    }

    #[test]
    fn a_seed_gives_the_same_arrivals_each_time() {
        let keys = Keys::Zipf { customers: 5, exponent: 1.0 };
        let [a, b, other] = [1, 1, 2].map(|seed| draw(1000.0, SECOND, keys, seed).ok());
        assert_eq!(a, b);
        assert_ne!(a, other);
    }

    #[test]
    fn a_hot_key_is_the_only_one() {
        let arrivals = draw(1000.0, SECOND, Keys::Hot, 1).expect("the settings are right");
        assert!(arrivals.iter().all(|arrival| arrival.customer() == 0));
    }
}
