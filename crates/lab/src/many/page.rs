//! A page of a hundred keys with a function that does nothing, and a call of one key.
//!
//! The floor of a page is a map that is made by the function and read a hundred times, without any lock. The plain loop
//! calls the function for each key, and keeps nothing, so late keys are absent ones to it.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::{Batcher, Coalescer};

use super::{COALESCER, FLOOR, Figures, GET_WITH, LOOP, SINGLE, WINDOW};
use crate::options::Size;

/// A question about one call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Page {
    /// None of its keys is known, and none is kept.
    Absent,
    /// All of its keys are in their windows.
    Late,
    /// One key that is not known, of a batcher that has nothing else to do.
    Idle,
}

/// The keys of a page.
pub(super) const KEYS: u64 = 100;

/// A window that does not end while anything is measured.
const LONG: Duration = Duration::from_secs(3600);

/// Longer than any run: no call of this scenario waits.
const DELAY: Duration = Duration::from_millis(2);

impl Page {
    pub(super) fn measure(self, lane: &str, size: Size) -> Option<Figures> {
        let window = if matches!(self, Self::Late) { LONG } else { Duration::ZERO };
        let many = || Batcher::builder().window(window).build(pairs);
        let single = || Coalescer::builder().window(window).build(own);
        let keys = |first: u64| (first..first + KEYS).collect::<Vec<_>>();
        match (self, lane) {
            (Self::Idle, COALESCER) => {
                let batcher =
                    Batcher::builder().window(window).gather_while_busy(DELAY).build(pairs);
                Some(self.time(size, 1, |key| *batcher.execute(&key).expect("it does not fail")))
            }
            (Self::Idle, WINDOW) => {
                let batcher = many();
                Some(self.time(size, 1, |key| *batcher.execute(&key).expect("it does not fail")))
            }
            (Self::Idle, SINGLE) => {
                let single = single();
                Some(self.time(size, 1, |key| *single.execute(&key).expect("it does not fail")))
            }
            (_, COALESCER) => {
                let batcher = many();
                Some(self.time(size, KEYS, |first| {
                    sum(batcher
                        .execute_many(&keys(first))
                        .into_iter()
                        .map(|told| told.map(|it| *it)))
                }))
            }
            (_, SINGLE) => {
                let single = single();
                Some(self.time(size, KEYS, |first| {
                    sum(keys(first).iter().map(|key| single.execute(key).map(|it| *it)))
                }))
            }
            (Self::Absent | Self::Late, LOOP) => {
                Some(self.time(size, KEYS, |first| {
                    sum(keys(first).iter().map(|key| own(black_box(key))))
                }))
            }
            (Self::Absent | Self::Late, GET_WITH) => {
                let keeps = matches!(self, Self::Late);
                let new = moka::sync::Cache::builder();
                let cache = if keeps { new.time_to_live(window) } else { new }.build();
                let value = |key: &u64| {
                    let value = cache.get_with(*key, || *key);
                    if !keeps {
                        cache.invalidate(key);
                    }
                    value
                };
                Some(self.time(size, KEYS, |first| keys(first).iter().map(value).sum()))
            }
            (Self::Absent | Self::Late, FLOOR) => {
                let kept: HashMap<u64, Arc<u64>> =
                    (0..KEYS).map(|key| (key, Arc::new(key))).collect();
                Some(self.time(size, KEYS, |first| {
                    let keys = keys(first);
                    let read = |map: &HashMap<u64, Arc<u64>>| -> u64 {
                        keys.iter().map(|key| *map[key].clone()).sum()
                    };
                    match self {
                        Self::Late => read(&kept),
                        _ => read(&keys.iter().map(|key| (*key, Arc::new(*key))).collect()),
                    }
                }))
            }
            _ => None,
        }
    }

    /// How many pages a lane asks for.
    pub(super) fn calls(size: Size) -> u64 {
        size.pick(4000, 1000, 2)
    }

    /// Nanoseconds of one call for `keys` keys, which returns their sum.
    pub(super) fn time(self, size: Size, keys: u64, call: impl Fn(u64) -> u64) -> Figures {
        let calls = Self::calls(size) * KEYS / keys;
        let first = |turn: u64| if matches!(self, Self::Late) { 0 } else { turn * keys };
        let run = |from: u64| {
            for turn in from..from + calls {
                let first = black_box(first(turn));
                assert_eq!(
                    call(first),
                    (first..first + keys).sum::<u64>(),
                    "each key has its value"
                );
            }
        };
        run(0);
        let begin = Instant::now();
        run(calls);
        vec![("ns", begin.elapsed().as_nanos() as f64 / calls as f64)]
    }
}

/// The function of a batcher: each key is its own value.
#[allow(clippy::unnecessary_wraps, reason = "it is a function that may fail")]
fn pairs(keys: &[u64]) -> Result<Vec<(u64, u64)>, ()> {
    Ok(keys.iter().map(|key| (*key, *key)).collect())
}

/// The function of one key, which is its own value.
#[allow(clippy::unnecessary_wraps, reason = "it is a function that may fail")]
fn own(key: &u64) -> Result<u64, ()> {
    Ok(*key)
}

fn sum<E: std::fmt::Debug>(told: impl Iterator<Item = Result<u64, E>>) -> u64 {
    told.map(|value| value.expect("it does not fail")).sum()
}
